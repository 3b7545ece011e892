//! `name-not-found`: the name does not resolve.

use evidence::fact::Fact;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::transcript::NameAnswer;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Codes that do not tell "no such name" from "no name server reached": Windows' `WSAHOST_NOT_FOUND`, macOS'
/// `EAI_NONAME`.
pub(super) const ALSO_OFFLINE: [i32; 2] = [11001, 8];

pub const CAUSE: Cause = Cause {
    id: "name-not-found",
    title: "the name does not exist or has no address",
    stage: Stage::Name,
    severity: Severity::Blocking,
    role: Role::Resolver,
    codes: &[Symptom::DNS_LOOKUP_FAILED, 0x208, 0x508, 0x604],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: not_found },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: found },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x104 or says that it cannot find the computer. No packet reaches the host.",
        why: "The name is mistyped; a short name lacks its DNS suffix (another network, no VPN); the record was \
              never created or was removed; or the client asks a DNS server that does not know the internal zone.",
        confirm: "The resolver's own code says that there is no such name; silence gives another code. Windows and \
                  macOS say the same without a network, so try another name too. Ask the same from the client, with \
                  the full name.",
        command: "Resolve-DnsName {host}; Get-DnsClientServerAddress; Get-DnsClientGlobalSetting | Select-Object SuffixSearchList",
        how_to_fix: "Use the full name (host.domain). If that works, the client's suffix list or VPN lacks the \
                     domain. If the record is missing, have it registered (on the host: Register-DnsClient). An \
                     entry in the hosts file only hides the fault on one computer.",
        references: &[
            "RFC 1035",
            "RFC 3493 section 6.1 (getaddrinfo)",
            "Microsoft Learn: OnDisconnected, discReason 260",
        ],
    },
    fixes: &["flush-dns"],
};

fn answer(case: Case<'_>) -> Option<Seen<&NameAnswer>> {
    case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })
}

fn not_found(case: Case<'_>) -> Option<Ground> {
    let seen = answer(case)?;
    let NameAnswer::NotFound { code } = seen.value else { return None };
    let text =
        format!("the resolver says that {} does not exist or has no address (getaddrinfo code {code})", case.label());
    if ALSO_OFFLINE.contains(code) {
        let doubt = "this system's resolver says the same where it reached no name server";
        return Some(Ground::on(vec![seen.because(text), seen.because(doubt)]).confidence(Confidence::Likely));
    }
    Some(Ground::on(vec![seen.because(text)]))
}

fn found(case: Case<'_>) -> Option<Ground> {
    let seen = answer(case)?;
    matches!(seen.value, NameAnswer::Addresses(_)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, resolver};

    #[test]
    fn present() {
        let sketch = resolver("server.corp.example").with(Fact::NameAnswer(NameAnswer::NotFound { code: -2 }));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn a_code_that_an_offline_computer_gives_as_well_is_only_likely() {
        for code in ALSO_OFFLINE {
            let sketch = resolver("server.corp.example").with(Fact::NameAnswer(NameAnswer::NotFound { code }));
            sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    #[test]
    fn near_miss_the_resolver_could_not_answer() {
        let sketch = resolver("server.corp.example").with(Fact::NameAnswer(NameAnswer::TryAgain { code: -3 }));
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn absent_with_an_address() {
        let addresses = NameAnswer::Addresses(vec!["192.0.2.7:3389".parse().unwrap()]);
        resolver("server.corp.example").with(Fact::NameAnswer(addresses)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        resolver("server.corp.example").check(&CAUSE, Expect::Unknown);
    }
}
