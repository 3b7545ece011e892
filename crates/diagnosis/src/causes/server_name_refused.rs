//! `server-name-refused`: whatever answers routes by the server name in the ClientHello and refuses this client's.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;

use crate::as_client::server_name;
use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::tries::steady;

pub const CAUSE: Cause = Cause {
    id: "server-name-refused",
    title: "a proxy or the like routes by the server name in the ClientHello and does not accept this client's",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::OTHER_NAME,
                Need::handshake_again(TlsOffer::PLAIN_12),
            ],
            holds: another_name_is_taken,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: taken },
        Proof { shows: Shows::Absence, needs: &[Need::OTHER_NAME], holds: neither },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds. A ClientHello with the server name of this client (of mstsc none, \
                       if an address was typed) is dropped; the same one with another name, or without, is answered. mstsc \
                       shows 0x904.",
        why: "A proxy, balancer or firewall in front of the host routes or filters by the server name (SNI). A \
              client that types an address sends none, and one that types an alias sends a name that is not \
              configured there. Windows itself ignores it.",
        confirm: "Try the name that the proxy knows. Its configuration says which names lead to the host, and what \
                  happens to a hello without one (Traefik: sniStrict; HAProxy: req.ssl_sni; nginx: ssl_preread).",
        command: "Resolve-DnsName {host}; Test-NetConnection {host} -Port {port}",
        how_to_fix: "Connect by the name that the proxy knows. Or add the name that people type there, and a route \
                     for hellos without a name.",
        references: &["RFC 6066 section 3"],
    },
    fixes: &["try-another-client"],
};

fn another_name_is_taken(case: Case<'_>) -> Option<Ground> {
    let other = |offer: TlsOffer| offer == TlsOffer::UNNAMED || offer == TlsOffer::NAMED;
    let taken = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. });
    let seen = case.tls().find(|seen| other(seen.value.0) && taken(seen.value.1))?;
    if !steady(case) || case.tls().any(|seen| !other(seen.value.0) && taken(seen.value.1)) {
        return None;
    }
    let (with, without) = if server_name(case.context).is_some() {
        ("with what was typed as server name", "without a name")
    } else {
        ("without a name, for an address was typed,", "with a name")
    };
    let mut because = Vec::new();
    for offer in [TlsOffer::MODERN, TlsOffer::PLAIN_12] {
        let seen = case.tls_with(offer)?;
        because.push(seen.because(format!("a ClientHello {with} was {}", seen.value.refusal()?)));
    }
    because.push(seen.because(format!("one {without} was accepted")));
    Some(Ground::on(because))
}

fn taken(case: Case<'_>) -> Option<Ground> {
    let own = |offer: TlsOffer| offer.name == TlsOffer::PLAIN_12.name;
    case.tls().find(|seen| own(seen.value.0) && matches!(seen.value.1, Handshake::Accepted { .. }))?;
    Some(Ground::nothing())
}

fn neither(case: Case<'_>) -> Option<Ground> {
    let other = |offer: TlsOffer| offer == TlsOffer::UNNAMED || offer == TlsOffer::NAMED;
    case.tls().find(|seen| other(seen.value.0) && !matches!(seen.value.1, Handshake::Accepted { .. }))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::machine::End;
    use wire::tls::TlsVersion;

    const CLOSED: Handshake = Handshake::Closed { end: End::Fin, bytes: 0 };
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls13), suite: 0x1301, finished: false };

    fn closed(target: &str) -> Sketch {
        host(target).nla().tls(TlsOffer::MODERN, CLOSED).tls(TlsOffer::PLAIN_12, CLOSED)
    }

    #[test]
    fn present() {
        for (target, other) in [("192.0.2.7", TlsOffer::NAMED), ("alias.corp.example", TlsOffer::UNNAMED)] {
            let sketch = closed(target).tls(other, UP).tls(TlsOffer::PLAIN_12, CLOSED);
            sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    /// Two machines behind one address, of which one refuses every hello: which one met the other name is chance.
    #[test]
    fn near_miss_machines_take_turns() {
        let alike = || closed("192.0.2.7").tls(TlsOffer::NAMED, UP).tls(TlsOffer::PLAIN_12, CLOSED);
        alike().tls(TlsOffer::NAMED, CLOSED).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_name_changes_nothing() {
        closed("192.0.2.7").tls(TlsOffer::NAMED, CLOSED).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_host_was_only_starting() {
        let later = closed("192.0.2.7").tls(TlsOffer::NAMED, UP).tls(TlsOffer::PLAIN_12, UP);
        later.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
