//! `name-server-unreachable`: no name server gave an answer for the name.

use evidence::fact::Fact;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::transcript::NameAnswer;

use super::name_not_found::ALSO_OFFLINE;
use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// `EAI_FAIL` as glibc and musl, macOS, and Windows (`WSANO_RECOVERY`) number it. Other failures are the resolver's
/// own.
const SERVER_FAILED: [i32; 3] = [-4, 4, 11003];

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
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x104 or says that it cannot find the computer, usually after some seconds. No packet \
                       reaches the host, and whether the name exists is not known.",
        why: "The name servers that this computer is set up to ask cannot be reached, or answer that they failed (SERVFAIL, \
              REFUSED): no network or VPN, a firewall in front of port 53, a name server that is down, or one whose \
              forwarder or delegation for this domain is broken.",
        confirm: "Ask each configured name server by its own address. If all are silent, it is the network of this computer; if \
                  other names resolve and this one does not, it is the zone or its forwarder.",
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
    let (text, confidence) = match seen.value {
        NameAnswer::TryAgain { code } => {
            (format!("no name server answered for {name} ({})", number(*code, "EAI_AGAIN")), Confidence::Proven)
        }
        NameAnswer::Failed { code } if SERVER_FAILED.contains(code) => {
            (format!("the name server failed on {name} ({})", number(*code, "EAI_FAIL")), Confidence::Proven)
        }
        // a slower answer may still come
        NameAnswer::Silent => (format!("the resolver did not answer for {name} in time"), Confidence::Likely),
        _ => return None,
    };
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

/// Returns a resolver's code with its name: Windows has names of its own (winsock2.h).
fn number(code: i32, elsewhere: &str) -> String {
    let name = match code {
        11002 => "WSATRY_AGAIN",
        11003 => "WSANO_RECOVERY",
        _ => elsewhere,
    };
    format!("getaddrinfo code {code}, {name}")
}

fn answered(case: Case<'_>) -> Option<Ground> {
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
    use crate::sketch::{Expect, resolver};

    #[track_caller]
    fn check(answer: NameAnswer, expect: Expect) {
        resolver("server.corp.example").with(Fact::NameAnswer(answer)).check(&CAUSE, expect);
    }

    #[test]
    fn present() {
        for answer in [NameAnswer::TryAgain { code: -3 }, NameAnswer::Failed { code: -4 }] {
            check(answer, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn codes_have_the_names_of_their_system() {
        assert_eq!(number(-3, "EAI_AGAIN"), "getaddrinfo code -3, EAI_AGAIN");
        assert_eq!(number(11002, "EAI_AGAIN"), "getaddrinfo code 11002, WSATRY_AGAIN");
        assert_eq!(number(11003, "EAI_FAIL"), "getaddrinfo code 11003, WSANO_RECOVERY");
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
    fn near_miss_our_own_resolver_failed() {
        check(NameAnswer::Failed { code: -11 }, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        resolver("server.corp.example").check(&CAUSE, Expect::Unknown);
    }
}
