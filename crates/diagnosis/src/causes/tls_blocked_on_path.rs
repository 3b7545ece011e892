//! `tls-blocked-on-path`: something on the way breaks off the handshake.

use wire::tls::{Segments, TlsOffer, TlsVersion};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::fact::Handshake;
use crate::need::Need;
use crate::symptom::Symptom;

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "tls-blocked-on-path",
    title: "something between client and host breaks off the TLS handshake",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::Handshake(TlsOffer::MODERN),
                Need::Handshake(TlsOffer::PLAIN_12),
                Need::Handshake(TlsOffer::SPLIT_12),
            ],
            holds: only_the_cut_one_passed,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::Handshake(TlsOffer::MODERN),
                Need::Handshake(TlsOffer::SPLIT_12),
                Need::HandshakeAgain(TlsOffer::PLAIN_12),
            ],
            holds: only_the_cut_one_passed,
        },
        // a box that puts segments together stops them all: then only the host knows whether they arrived
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HostLog], holds: never },
        Proof { shows: Shows::Absence, needs: &[Need::Handshake(TlsOffer::MODERN)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::Handshake(TlsOffer::PLAIN_12)], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds; then the connection is reset, closed or goes silent on the ClientHello. The same \
                       ClientHello cut into several segments, the first of one byte, is answered. mstsc shows 0x904, extended \
                       0x7, or a time-out.",
        why: "A firewall, intrusion prevention system, provider or protection product on either machine recognises TLS on this port \
              and does not allow it. One that looks at single segments misses a ClientHello that is cut; one that puts segments \
              together stops that one too, and then looks from outside like a host that cannot use its private key.",
        confirm: "The host's own record of a failed attempt splits the two: with Schannel 36870 the host could not use its key, \
                  with 36871 or 36874 its TLS settings refuse. With RdpCoreTS 131 and no Schannel event the ClientHello most \
                  likely never arrived, so something on the way took it. A capture on the host proves it.",
        command: "Get-WinEvent -MaxEvents 40 -FilterHashtable \
                  @{ProviderName='Schannel','Microsoft-Windows-RemoteDesktopServices-RdpCoreTS'; \
                  Id=131,226,36870,36871,36874,36888} | Format-List TimeCreated,ProviderName,Id,Message",
        how_to_fix: "Find the device that does it (try from another network, then from the host's own subnet) and have it let this \
                     host and port pass uninspected. Do not work around it in the client.",
        references: &["RFC 8446 section 4.1.2", "RFC 9293 section 3.7 (segmentation means nothing)"],
    },
    fixes: &["exempt-from-inspection", "try-another-client"],
};

/// Ended without a byte, or not answered at all: what the host would have to do is missing, and so is an alert.
fn dead(answer: &Handshake) -> Option<&'static str> {
    match answer {
        Handshake::Closed { end, bytes: 0 } => Some(end.verb()),
        Handshake::Silent { bytes: 0 } => Some("never answered"),
        _ => None,
    }
}

fn only_the_cut_one_passed(case: Case<'_>) -> Option<Ground> {
    let cut = case.tls_with(TlsOffer::SPLIT_12)?;
    let Handshake::Accepted { version: Some(version), .. } = cut.value else { return None };
    // whoever asked: one that passed in one piece shows that the way is open
    let in_one_piece = |offer: TlsOffer| offer.segments == Segments::Whole && offer.max >= TlsVersion::Tls12;
    if case.tls().any(|seen| in_one_piece(seen.value.0) && through(seen.value.1)) {
        return None;
    }
    let mut because = Vec::new();
    let mut newest = 0;
    for offer in [TlsOffer::MODERN, TlsOffer::PLAIN_12] {
        let whole = case.tls_with(offer)?;
        newest = newest.max(whole.id);
        because.push(whole.because(format!("a ClientHello in one piece ({offer}) was {}", dead(whole.value)?)));
    }
    because.push(
        cut.because(format!("the same one cut into pieces ({}) was answered with {version}", TlsOffer::SPLIT_12)),
    );
    // where the cut one came last, the host may only have been starting when the others came
    let ground = Ground::on(because);
    Some(if newest > cut.id { ground } else { ground.confidence(Confidence::Possible) })
}

/// What the host's log says is read by a later part.
fn never(_: Case<'_>) -> Option<Ground> {
    None
}

/// An answer in TLS, whatever it says: the hello got there.
fn through(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Accepted { .. } | Handshake::Alert(_))
}

fn answered(case: Case<'_>) -> Option<Ground> {
    let seen = case.tls().find(|seen| seen.value.0.segments == Segments::Whole && through(seen.value.1))?;
    Some(Ground::on(vec![seen.because(format!("{} answered a ClientHello in one piece", case.label()))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, host};
    use wire::machine::End;
    use wire::tls::Alert;

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };
    const SILENT: Handshake = Handshake::Silent { bytes: 0 };
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };

    fn asked(whole: &Handshake, cut: Handshake) -> Sketch {
        let sketch =
            host("192.0.2.7").nla().tls(TlsOffer::MODERN, whole.clone()).tls(TlsOffer::PLAIN_12, whole.clone());
        sketch.tls(TlsOffer::SPLIT_12, cut)
    }

    #[test]
    fn present() {
        for whole in [RESET, SILENT] {
            let again = asked(&whole, UP).tls(TlsOffer::PLAIN_12, whole);
            again.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    /// A host that was starting, or under load, when the first hellos came: the cut one only came later.
    #[test]
    fn near_miss_one_in_one_piece_passes_after_it() {
        asked(&RESET, UP).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        asked(&RESET, UP).tls(TlsOffer::PLAIN_12, UP).check(&CAUSE, Expect::Absent);
        asked(&RESET, UP).tls(TlsOffer::TOLERANT, UP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_cut_one_dies_as_well() {
        asked(&RESET, RESET).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_an_alert_to_the_whole_one() {
        asked(&Handshake::Alert(Alert { level: 2, description: 40 }), UP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn where_all_die_the_next_measurement_splits_path_key_and_suites() {
        let sketch = asked(&RESET, RESET).tls(TlsOffer::OLD, RESET).tls(TlsOffer::TOLERANT, RESET);
        let report = sketch.diagnose();
        assert_eq!(report.findings[0].cause, "private-key-unusable");
        assert!(report.unknown.iter().any(|open| open.cause == CAUSE.id));
        assert_eq!(report.next[0].splits, ["private-key-unusable", "tls-blocked-on-path", "tls-cipher-mismatch"]);
    }

    #[test]
    fn healthy() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).check(&CAUSE, Expect::Unknown);
    }
}
