//! `name-server-unreachable`: no name server gave an answer for the name.

use evidence::fact::Fact;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::transcript::NameAnswer;

use super::name_not_found::ALSO_OFFLINE;
use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::naming::{failing_servers, given, silent_servers};

pub const CAUSE: Cause = Cause {
    id: "name-server-unreachable",
    title: "no DNS server gives an answer for the name",
    stage: Stage::Name,
    severity: Severity::Blocking,
    role: Role::Resolver,
    codes: &[Symptom::DNS_LOOKUP_FAILED, 0x208, 0x508, 0x604],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: not_answered },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::NAME, Need::NAME_SERVERS], holds: fails_instead },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x104 or says that it cannot find the computer, usually after some seconds. No packet \
                       reaches the host, and whether the name exists is not known.",
        why: "The name servers that this computer is set up to ask cannot be reached: no network or VPN, a firewall in front of \
              port 53, a name server that is down, or one that waits for a forwarder of its own.",
        confirm: "Ask each configured name server by its own address; this program does so. If all are silent, it is the \
                  network of this computer, or they are down; if other names resolve and this one does not, it is the zone \
                  or its forwarder. A resolver gives the same code where a server answers that it fails or refuses, which is \
                  name-server-failure.",
        command: "Get-DnsClientServerAddress; (Get-DnsClientServerAddress).ServerAddresses | Sort-Object -Unique | \
                  ForEach-Object { Resolve-DnsName {host} -Server $_ -DnsOnly }",
        how_to_fix: "Bring the network or VPN up, or correct the name servers of the adapter. Until the name server \
                     answers, the address works instead of the name where NTLM is allowed; that shows that only the \
                     name is missing. An entry in the hosts file hides the fault on one computer and stays there.",
        references: &["RFC 1035 section 4.1.1 (RCODE)", "RFC 3493 section 6.1 (EAI_AGAIN, EAI_FAIL)"],
    },
    fixes: &["try-another-client", "flush-dns"],
};

fn answer(case: Case<'_>) -> Option<Seen<&NameAnswer>> {
    case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })
}

fn not_answered(case: Case<'_>) -> Option<Ground> {
    let seen = answer(case)?;
    let name = case.label();
    // where one of them has the name, it is for the resolver to ask that
    if fails_instead(case).is_some() || given(case).next().is_some() {
        return None;
    }
    let silent = silent_servers(case);
    match seen.value {
        NameAnswer::TryAgain { code } => {
            let text = format!("the resolver got no answer for {name} (getaddrinfo {})", number(*code, "EAI_AGAIN"));
            // it says the same of a server that answers with a failure
            let confidence = if silent.is_empty() { Confidence::Likely } else { Confidence::Proven };
            let because = std::iter::once(seen.because(text)).chain(silent).collect();
            Some(Ground::on(because).confidence(confidence))
        }
        // a slower answer may still come
        NameAnswer::Silent => {
            let text = seen.because(format!("the resolver did not answer for {name} in time"));
            let because = std::iter::once(text).chain(silent).collect();
            Some(Ground::on(because).confidence(Confidence::Likely))
        }
        _ => None,
    }
}

/// Returns a resolver's code with its name: Windows has names of its own (winsock2.h).
pub(super) fn number(code: i32, elsewhere: &str) -> String {
    let name = match code {
        11002 => "WSATRY_AGAIN",
        11003 => "WSANO_RECOVERY",
        _ => elsewhere,
    };
    format!("code {code}, {name}")
}

/// Holds where a name server was reached, and answered that it fails or refuses.
fn fails_instead(case: Case<'_>) -> Option<Ground> {
    (!failing_servers(case).is_empty()).then(Ground::nothing)
}

/// Holds where some name server told what it knows.
pub(super) fn answered(case: Case<'_>) -> Option<Ground> {
    let seen = answer(case)?;
    let said = match seen.value {
        NameAnswer::Addresses(_) => true,
        NameAnswer::NotFound { code } => !ALSO_OFFLINE.contains(code),
        _ => false,
    };
    said.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, resolver};
    use wire::dns::DnsAnswer;

    #[track_caller]
    fn check(answer: NameAnswer, expect: Expect) {
        resolver("server.corp.example").with(Fact::NameAnswer(answer)).check(&CAUSE, expect);
    }

    const NAME: &str = "server.corp.example";

    /// The resolver got no answer, and each of these name servers gave this one.
    fn asked(answers: &[DnsAnswer]) -> Sketch {
        let sketch = resolver(NAME).with(Fact::NameAnswer(NameAnswer::TryAgain { code: -3 })).set_up(&[], &[]);
        (53..).zip(answers).fold(sketch, |sketch, (server, answer)| sketch.dns(server, NAME, answer.clone()))
    }

    #[test]
    fn proven_where_every_name_server_is_silent() {
        let proven = Expect::Present(Severity::Blocking, Confidence::Proven);
        asked(&[DnsAnswer::Silent, DnsAnswer::Unreachable]).check(&CAUSE, proven);
    }

    /// The resolver's code alone does not tell silence from a failure.
    #[test]
    fn likely_by_the_code_of_the_resolver() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        check(NameAnswer::TryAgain { code: -3 }, likely());
        asked(&[DnsAnswer::Silent, DnsAnswer::NoSuchName]).check(&CAUSE, likely());
    }

    #[test]
    fn near_miss_a_name_server_answers_that_it_fails() {
        for code in [2, 5] {
            asked(&[DnsAnswer::Failed(code)]).check(&CAUSE, Expect::Absent);
            asked(&[DnsAnswer::Silent, DnsAnswer::Failed(code)]).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn codes_have_the_names_of_their_system() {
        assert_eq!(number(-3, "EAI_AGAIN"), "code -3, EAI_AGAIN");
        assert_eq!(number(11002, "EAI_AGAIN"), "code 11002, WSATRY_AGAIN");
        assert_eq!(number(11003, "EAI_FAIL"), "code 11003, WSANO_RECOVERY");
    }

    #[test]
    fn likely_where_we_stopped_waiting() {
        check(NameAnswer::Silent, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_name_does_not_exist() {
        check(NameAnswer::NotFound { code: -2 }, Expect::Absent);
    }

    #[test]
    fn no_such_name_from_a_system_that_says_so_offline_rules_nothing_out() {
        check(NameAnswer::NotFound { code: 11001 }, Expect::Unknown);
    }

    #[test]
    fn near_miss_another_failure() {
        for code in [-11, -4] {
            check(NameAnswer::Failed { code }, Expect::Unknown);
        }
    }

    #[test]
    fn unseen() {
        resolver("server.corp.example").check(&CAUSE, Expect::Unknown);
    }
}
