//! `name-server-failure`: name servers answer that they fail, or that they refuse.

use evidence::fact::Fact;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::transcript::NameAnswer;

use super::name_server_unreachable::{answered, number};
use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::naming::{failing_servers, silent_servers};

/// `EAI_FAIL` as glibc and musl, macOS, and Windows (`WSANO_RECOVERY`) number it. Other failures are the resolver's
/// own.
const SERVER_FAILED: [i32; 3] = [-4, 4, 11003];

pub const CAUSE: Cause = Cause {
    id: "name-server-failure",
    title: "the name server answers that it fails, or that it refuses the question",
    stage: Stage::Name,
    severity: Severity::Blocking,
    role: Role::Resolver,
    codes: &[Symptom::DNS_LOOKUP_FAILED, 0x208, 0x508, 0x604],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::NAME, Need::NAME_SERVERS],
            holds: answers_a_failure,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::NAME], holds: resolver_says_so },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::NAME_SERVERS], holds: all_are_silent },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x104 or says that it cannot find the computer. No packet reaches the host, and whether \
                       the name exists is not known. The name server is there: it answers, and its answer is a failure.",
        why: "SERVFAIL: the server could not find out, for example because its forwarder or the delegation of this domain is \
              broken, or because DNSSEC does not verify. REFUSED: it answers no such questions from this computer, for example \
              because the question leaves by another network or VPN than the one that the server serves. The code does not \
              tell which of these it is.",
        confirm: "Ask the same server for another name, and another server for this name. If it fails on all names, it is the \
                  server or who may ask it; if on this one alone, it is the zone or its forwarder.",
        command: "(Get-DnsClientServerAddress).ServerAddresses | Sort-Object -Unique | \
                  ForEach-Object { Resolve-DnsName {host} -Server $_ -DnsOnly }",
        how_to_fix: "Have the zone or the forwarder mended by whoever runs the name server, or correct the name servers of the \
                     adapter or the VPN. Until then the address works instead of the name where NTLM is allowed; that shows \
                     that only the name is missing.",
        references: &[
            "RFC 1035 section 4.1.1 (RCODE)",
            "RFC 2136 section 2.2 (names of RCODEs)",
            "RFC 3493 section 6.1 (EAI_AGAIN, EAI_FAIL)",
        ],
    },
    fixes: &["try-another-client", "flush-dns"],
};

fn name_answer(case: Case<'_>) -> Option<crate::case::Seen<&NameAnswer>> {
    case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })
}

fn answers_a_failure(case: Case<'_>) -> Option<Ground> {
    let seen = name_answer(case)?;
    if matches!(seen.value, NameAnswer::Addresses(_) | NameAnswer::NotFound { .. }) {
        return None;
    }
    let mut because = failing_servers(case);
    if because.is_empty() {
        return None;
    }
    because.push(seen.because(format!("this computer's resolver has no address for {}", case.label())));
    Some(Ground::on(because))
}

/// Code of a resolver which gives one of its own for such an answer; that of others is the same as for silence.
fn resolver_says_so(case: Case<'_>) -> Option<Ground> {
    let seen = name_answer(case)?;
    let NameAnswer::Failed { code } = seen.value else { return None };
    let text =
        format!("the resolver says that the name server failed on {} ({})", case.label(), number(*code, "EAI_FAIL"));
    SERVER_FAILED.contains(code).then(|| Ground::on(vec![seen.because(text)]))
}

fn all_are_silent(case: Case<'_>) -> Option<Ground> {
    (!silent_servers(case).is_empty()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, resolver};
    use wire::dns::DnsAnswer;

    const NAME: &str = "server.corp.example";
    const PROVEN: Expect = Expect::Present(Severity::Blocking, Confidence::Proven);

    fn failed(answer: NameAnswer) -> Sketch {
        resolver(NAME).with(Fact::NameAnswer(answer)).set_up(&[], &[])
    }

    #[test]
    fn present_with_the_code_of_the_answer() {
        for (code, words) in [(2, "SERVFAIL (RCODE 2)"), (5, "REFUSED (RCODE 5)"), (11, "a failure (RCODE 11)")] {
            let sketch = failed(NameAnswer::TryAgain { code: -3 }).dns(53, NAME, DnsAnswer::Failed(code));
            sketch.check(&CAUSE, PROVEN);
            let report = sketch.diagnose();
            let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
            assert_eq!(found, [CAUSE.id]);
            let text = &report.findings[0].because[0].text;
            assert_eq!(*text, format!("the name server 192.0.2.53 answers {words} for {NAME} (A)"));
        }
    }

    #[test]
    fn present_beside_a_server_that_is_silent() {
        let sketch = failed(NameAnswer::Silent).dns(53, NAME, DnsAnswer::Silent);
        sketch.dns(54, NAME, DnsAnswer::Failed(5)).check(&CAUSE, PROVEN);
    }

    #[test]
    fn likely_by_the_code_of_the_resolver() {
        for code in SERVER_FAILED {
            failed(NameAnswer::Failed { code }).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    #[test]
    fn near_miss_nobody_answers() {
        failed(NameAnswer::TryAgain { code: -3 }).dns(53, NAME, DnsAnswer::Silent).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_another_server_knows_that_there_is_no_such_name() {
        let sketch = failed(NameAnswer::NotFound { code: -2 }).dns(53, NAME, DnsAnswer::Failed(2));
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_our_own_resolver_failed() {
        failed(NameAnswer::Failed { code: -11 }).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        resolver(NAME).check(&CAUSE, Expect::Unknown);
        failed(NameAnswer::TryAgain { code: -3 }).check(&CAUSE, Expect::Unknown);
    }
}
