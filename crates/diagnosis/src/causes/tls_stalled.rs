//! `tls-stalled`: the ClientHello is never answered.

use std::time::Duration;

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{TlsOffer, TlsVersion};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::hops;
use crate::mtu::answers_are_too_large;
use crate::need::Need;

/// Longest that a loaded host, or one at the end of a long path with a packet lost, takes to answer a ClientHello.
const PATIENCE: Duration = Duration::from_millis(1500);

pub const CAUSE: Cause = Cause {
    id: "tls-stalled",
    title: "the host stops answering when the client starts TLS",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::CONNECTION_TIMED_OUT, Symptom::TIMEOUT_OCCURRED],
    proofs: &[
        // a large answer that is lost on the path looks alike, so this is never proven from here
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::PATIENT_HANDSHAKE, Need::handshake(TlsOffer::SPLIT_12)],
            holds: silent_twice,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::SPLIT_12)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::ANSWERS_BY_SIZE], holds: answered_in_small_packets },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds; the ClientHello is never answered, neither with TLS nor with a \
                       close. The client waits and shows a time-out, or 0x904 if a device on the way gives up first.",
        why: "The service hangs (a hardware module or smart card with the key does not answer, no memory, a stuck \
              thread), or something on the way drops packets. A path that drops large packets looks the same: the \
              small answers of the negotiation pass, the certificate, which fills whole packets, does not (a path \
              MTU black hole, often in a VPN).",
        confirm: "On the host: does the attempt arrive (RdpCoreTS 131), and does its Schannel log anything? A \
                  capture on both ends shows whether the host answers. From the client, ping -f with decreasing \
                  sizes shows the largest packet that gets through.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{ProviderName='Schannel','Microsoft-Windows-RemoteDesktopServices-RdpCoreTS'; \
                  Id=131,36870,36871,36874,36887,36888} | Format-List TimeCreated,Id,Message; \
                  Get-NetIPInterface | Select-Object InterfaceAlias,AddressFamily,NlMtu",
        how_to_fix: "If the host never answers, restart Remote Desktop Services from the console and look at what \
                     stores the certificate's key. If its answer is lost, lower the MTU of the tunnel on the way, or \
                     let ICMP \"fragmentation needed\" and \"packet too big\" pass.",
        references: &["RFC 8446 section 4.1.2", "RFC 2923 section 2.1 (black holes)", "RFC 8899"],
    },
    fixes: &["restart-services", "try-another-client"],
};

fn silent_twice(case: Case<'_>) -> Option<Ground> {
    // a whole ClientHello that was answered after all shows a host that is slow, not silent; one that was answered in
    // small packets, that large ones are lost
    if answered(case).is_some() || answers_are_too_large(case) {
        return None;
    }
    let mut because = Vec::new();
    let (mut most, mut least) = (0, Duration::MAX);
    for offer in [TlsOffer::MODERN, TlsOffer::SPLIT_12] {
        let seen = case.tls_with(offer)?;
        let Handshake::Silent { bytes } = seen.value else { return None };
        most = most.max(*bytes);
        let waited = case.evidence.observations[seen.id - 1].took.unwrap_or_default();
        least = least.min(waited);
        let waited = waited.as_secs_f64();
        because.push(
            seen.because(format!("a ClientHello ({offer}) was not answered in {waited:.1} s ({bytes} bytes came)")),
        );
    }
    because.extend(hops::because(case));
    let ground = Ground::on(because);
    // an answer that begins and does not end is more likely lost than never sent; and a short wait may be a slow path
    let sure = most == 0 && least >= PATIENCE;
    Some(if sure { ground } else { ground.confidence(Confidence::Possible) })
}

fn answered_in_small_packets(case: Case<'_>) -> Option<Ground> {
    answers_are_too_large(case).then(Ground::nothing)
}

fn answered(case: Case<'_>) -> Option<Ground> {
    case.tls().find(|seen| match seen.value {
        (_, Handshake::Silent { .. } | Handshake::OwnFailure(_)) => false,
        // to refuse an old version takes one small packet: it says nothing of the answer to a hello of today
        (offer, Handshake::Alert(_)) => offer.max >= TlsVersion::Tls12,
        _ => true,
    })?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::machine::End;

    const SILENT: Handshake = Handshake::Silent { bytes: 0 };

    fn silent_once() -> Sketch {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, SILENT)
    }

    fn silent_twice() -> Sketch {
        silent_once().tls(TlsOffer::MODERN, SILENT)
    }

    /// A path that loses large packets lets the refusal of an old version through, and nothing else.
    #[test]
    fn a_small_refusal_of_an_old_version_is_no_answer() {
        let refused = Handshake::Alert(wire::tls::Alert { level: 2, description: wire::tls::Alert::PROTOCOL_VERSION });
        let sketch = silent_twice().took(PATIENCE).tls(TlsOffer::SPLIT_12, SILENT).took(PATIENCE);
        let sketch = sketch.tls(TlsOffer::OLD, refused);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn present() {
        let sketch = silent_twice().took(PATIENCE).tls(TlsOffer::SPLIT_12, SILENT).took(PATIENCE);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn a_short_wait_may_have_met_a_slow_path() {
        let short = Duration::from_millis(300);
        let sketch = silent_twice().took(PATIENCE).tls(TlsOffer::SPLIT_12, SILENT).took(short);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn an_answer_that_does_not_end_is_only_possible() {
        let sketch = silent_twice().tls(TlsOffer::SPLIT_12, Handshake::Silent { bytes: 1460 });
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn near_miss_the_second_one_is_closed() {
        silent_twice()
            .tls(TlsOffer::SPLIT_12, Handshake::Closed { end: End::Rst, bytes: 0 })
            .check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_host_answers() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        silent_once().check(&CAUSE, Expect::Unknown);
        silent_once().tls(TlsOffer::SPLIT_12, SILENT).check(&CAUSE, Expect::Unknown);
    }
}
