//! `tls-refused`: the host refuses every handshake with an alert that nothing else explains.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Alert, TlsOffer};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::tls::refused_with;

use super::{tls_cipher_mismatch, tls_version_mismatch};

/// Hellos that must all be refused: every version, every suite that Windows knows, and whatever a host may insist on.
const HELLOS: [TlsOffer; 4] = [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::OLD, TlsOffer::WIDEST];

pub const CAUSE: Cause = Cause {
    id: "tls-refused",
    title: "the host refuses every TLS handshake with an alert",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        // without OpenSSL only our own two stacks have spoken: one step less sure
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake(TlsOffer::WIDEST),
            ],
            holds: all_refused,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake(TlsOffer::WIDEST),
                Need::handshake(TlsOffer::TOLERANT),
            ],
            holds: third_stack_agrees,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: accepted },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::PLAIN_12)], holds: accepted },
        Proof {
            shows: Shows::Absence,
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
            ],
            holds: no_alert,
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds; then every ClientHello, of whatever version and with whatever suites, is refused \
                       with a fatal alert. mstsc shows 0x904.",
        why: "The alert tells why: 40 (handshake_failure) where no suite fits its certificate or none is left by \
              policy, 70 (protocol_version) where every version is switched off, 49 (access_denied) or 90 from a \
              product that answers in the host's place, 112 and 120 from a proxy that wants a server name or a \
              protocol name first.",
        confirm: "On the host: Schannel 36888 names the alert that it sent and its internal state, 36874 that no suite was in \
                  common. If neither is logged for the attempt, something in front of the host answers.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{ProviderName='Schannel'; Id=36870,36871,36874,36886,36888} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Follow what Schannel on the host says about the alert: usually undo a cipher suite policy (40), \
                     switch TLS 1.2 on (70), or replace a certificate that fits no suite. If the host logged \
                     nothing, look at the proxy or balancer in front of it.",
        references: &["RFC 8446 section 6", "Microsoft: Schannel events 36874 and 36888"],
    },
    fixes: &["reset-cipher-order", "enable-tls12", "renew-rdp-certificate"],
};

fn all_refused(case: Case<'_>) -> Option<Ground> {
    refused(case, &HELLOS)
}

fn third_stack_agrees(case: Case<'_>) -> Option<Ground> {
    refused(case, &[&HELLOS[..], &[TlsOffer::TOLERANT]].concat())
}

/// Returns an alert that says something: neither that of an unusable private key nor the polite end of a connection.
fn telling(answer: &Handshake) -> Option<Alert> {
    match answer {
        Handshake::Alert(alert) if !matches!(alert.description, 0 | Alert::INTERNAL_ERROR) => Some(*alert),
        _ => None,
    }
}

/// Every hello is refused, those of TLS 1.2 and 1.3 with an alert that says something.
fn refused(case: Case<'_>, hellos: &[TlsOffer]) -> Option<Ground> {
    // a hello that nothing came back for, of a slow host perhaps, was not refused
    if case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { .. } | Handshake::Silent { .. })) {
        return None;
    }
    // the alerts, side by side, say more
    let told = tls_version_mismatch::every_version_refused(case).is_some();
    if told || tls_cipher_mismatch::version_spoken_and_nothing_taken(case).is_some() {
        return None;
    }
    let mut because = Vec::new();
    for offer in hellos {
        let seen = case.tls_with(*offer)?;
        let answer = match (telling(seen.value), seen.value) {
            (Some(alert), _) => refused_with(alert),
            // old versions may fare differently; nobody needs them
            (None, Handshake::Alert(alert)) if *offer == TlsOffer::OLD => refused_with(*alert),
            (None, Handshake::Closed { end, .. }) if *offer == TlsOffer::OLD => end.verb().to_owned(),
            _ => return None,
        };
        because.push(seen.because(format!("a ClientHello ({offer}) was {answer}")));
    }
    Some(Ground::on(because))
}

fn accepted(case: Case<'_>) -> Option<Ground> {
    case.tls_accepted()?;
    Some(Ground::nothing())
}

fn no_alert(case: Case<'_>) -> Option<Ground> {
    if case.tls().any(|seen| telling(seen.value.1).is_some()) {
        return None;
    }
    case.tls_with(TlsOffer::MODERN)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::tls::TlsVersion;

    fn alert(description: u8) -> Handshake {
        Handshake::Alert(Alert { level: 2, description })
    }

    fn all(answer: &Handshake) -> Sketch {
        HELLOS.iter().fold(host("192.0.2.7").nla(), |sketch, offer| sketch.tls(*offer, answer.clone()))
    }

    #[test]
    fn present() {
        for description in [40, 49, 112] {
            let sketch = all(&alert(description)).tls(TlsOffer::TOLERANT, alert(description));
            sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn without_the_third_stack_it_is_only_likely() {
        let sketch = all(&alert(40)).without_openssl();
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_a_hello_has_no_answer_yet() {
        all(&alert(40)).tls(TlsOffer::TOLERANT, Handshake::Silent { bytes: 0 }).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_alert_80_is_the_private_key() {
        all(&alert(80)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_one_hello_is_accepted() {
        let old = Handshake::Accepted { version: Some(TlsVersion::Tls10), suite: 0x2F, finished: false };
        all(&alert(70)).tls(TlsOffer::OLD, old).check(&CAUSE, Expect::Absent);
    }

    /// TLS 1.3 with a key of Ed25519 is in none of the others.
    #[test]
    fn near_miss_the_widest_was_not_asked() {
        let others = HELLOS[..3].iter().fold(host("192.0.2.7").nla(), |sketch, offer| sketch.tls(*offer, alert(40)));
        others.tls(TlsOffer::TOLERANT, alert(40)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(40)).check(&CAUSE, Expect::Unknown);
    }
}
