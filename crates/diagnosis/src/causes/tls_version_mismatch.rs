//! `tls-version-mismatch`: host and client have no TLS version in common.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Alert, TlsOffer};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::tls::refused_with;
use crate::tries::steady;
use crate::xrdp;

pub const CAUSE: Cause = Cause {
    id: "tls-version-mismatch",
    title: "the host and the client have no TLS version in common",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::CLIENT_VERSIONS],
            holds: no_common_version,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::PLAIN_12), Need::handshake(TlsOffer::OLD)],
            holds: no_common_version,
        },
        // a host that only closes gives no reason and may have had a bad moment, so it is asked again
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake_again(TlsOffer::PLAIN_12),
            ],
            holds: no_common_version,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
            ],
            holds: every_version_refused,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::CLIENT_VERSIONS],
            holds: refused_for_version,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: xrdp::no_version },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: common_version },
        Proof { shows: Shows::Absence, needs: &[Need::CLIENT_VERSIONS], holds: common_version },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds, then the handshake is refused: alert 70 or 40, alert 80, or a plain close. \
                       mstsc shows 0x904.",
        why: "The host only speaks TLS 1.0 or 1.1 (Windows 7 or Server 2008 R2 without KB3080079, TLS 1.2 switched \
              off in SCHANNEL), or the client is too old for what the host still allows.",
        confirm: "On the host: SCHANNEL\\Protocols says which versions are switched off; an absent key is the default of that \
                  Windows. Schannel 36871 or 36874 is logged for each attempt.",
        command: "Get-ChildItem 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols' -Recurse \
                  -ErrorAction SilentlyContinue | Get-ItemProperty | Format-Table @{n='Version';e={Split-Path $_.PSParentPath \
                  -Leaf}},@{n='Side';e={$_.PSChildName}},Enabled,DisabledByDefault",
        how_to_fix: "Switch TLS 1.2 on where it is missing and restart that machine. On Windows 7 and Server 2008 R2 \
                     install KB3080079 first. Do not switch TLS 1.0 on at the newer end. If the command shows \
                     nothing that is switched off, TLS 1.2 is on: look at the cipher suite policy, or for a device \
                     on the way that refuses newer hellos.",
        references: &["RFC 8446 appendix D", "RFC 8996 (TLS 1.0 and 1.1 are deprecated)", "Microsoft KB3080079"],
    },
    fixes: &["enable-tls12", "set-xrdp-tls-versions"],
};

fn no_common_version(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let accepted = case.tls_accepted()?;
    if common_version(case).is_some() || !steady(case) {
        return None;
    }
    let mut because = vec![accepted.because(format!("{} speaks {}", case.label(), accepted.value))];
    let (mut named, mut wordless) = (false, false);
    for version in profile.versions() {
        let seen = case.tls_refused(version)?;
        let answer = match seen.value {
            Handshake::Accepted { version: Some(chosen), .. } => format!("answered with {chosen}"),
            Handshake::Alert(alert) => refused_with(*alert),
            Handshake::Closed { end, .. } => format!("{} without an answer", end.verb()),
            Handshake::Silent { bytes: 0 } => "left without an answer".to_owned(),
            _ => return None,
        };
        wordless |= matches!(seen.value, Handshake::Closed { .. });
        named |= matches!(seen.value, Handshake::Alert(Alert { description: Alert::PROTOCOL_VERSION, .. }))
            || matches!(seen.value, Handshake::Accepted { .. });
        because
            .push(seen.because(format!("a ClientHello with {version}, which {} speaks, was {answer}", profile.name)));
    }
    because.push(accepted.because(format!("{} speaks {}", profile.name, profile.versions_text())));
    let ground = Ground::on(because);
    // a plain close, or an alert that names something else, could have another reason
    let again = Need::handshake_again(TlsOffer::PLAIN_12).answered(case);
    Some(match (named, wordless && !again) {
        (true, _) => ground,
        (false, false) => ground.confidence(Confidence::Likely),
        (false, true) => ground.confidence(Confidence::Possible),
    })
}

/// Whatever version a hello offers, the host says that it is the version.
pub(super) fn every_version_refused(case: Case<'_>) -> Option<Ground> {
    let mut because = Vec::new();
    for offer in [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::OLD] {
        let seen = case.tls_with(offer)?;
        let Handshake::Alert(alert) = seen.value else { return None };
        if alert.description != Alert::PROTOCOL_VERSION {
            return None;
        }
        because.push(seen.because(format!("a ClientHello ({offer}) was refused with {alert}")));
    }
    let taken = case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { .. }));
    (!taken).then(|| Ground::on(because))
}

/// The client itself was watched: every version of its own was refused for being none of the host's.
fn refused_for_version(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let by_alert = |seen: &Seen<(TlsOffer, &Handshake)>| {
        matches!(seen.value.1, Handshake::Alert(Alert { description: Alert::PROTOCOL_VERSION, .. }))
    };
    let seen = case.tls_watched().filter(by_alert).last()?;
    let all = profile.versions().all(|version| seen.value.0.offers(version));
    if !all || common_version(case).is_some() {
        return None;
    }
    let text = format!(
        "{} offered {}, {} refused with alert 70 (protocol_version)",
        profile.name,
        profile.versions_text(),
        case.label()
    );
    Some(Ground::on(vec![seen.because(text)]))
}

fn common_version(case: Case<'_>) -> Option<Ground> {
    case.tls().find(|seen| match seen.value.1 {
        Handshake::Accepted { version: Some(version), .. } => case.context.profile.speaks(*version),
        _ => false,
    })?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::machine::End;
    use wire::tls::TlsVersion;

    const OWN_10: TlsOffer = TlsOffer { min: TlsVersion::Tls10, max: TlsVersion::Tls10, ..TlsOffer::OLD };

    fn alert(description: u8) -> Handshake {
        Handshake::Alert(Alert { level: 2, description })
    }

    fn accepted(version: TlsVersion) -> Handshake {
        Handshake::Accepted { version: Some(version), suite: 0x2F, finished: false }
    }

    fn old_host(refusal: &Handshake) -> Sketch {
        let sketch =
            host("192.0.2.7").nla().tls(TlsOffer::MODERN, refusal.clone()).tls(TlsOffer::PLAIN_12, refusal.clone());
        sketch.tls(TlsOffer::OLD, accepted(TlsVersion::Tls10))
    }

    #[test]
    fn present() {
        old_host(&alert(70)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn a_close_is_only_possible_and_likely_when_it_comes_again() {
        let closed = Handshake::Closed { end: End::Fin, bytes: 0 };
        old_host(&closed).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        let again = old_host(&closed).tls(TlsOffer::PLAIN_12, closed);
        again.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// A healthy host was starting, or under load, when the first hellos came.
    #[test]
    fn near_miss_the_same_hello_is_taken_the_second_time() {
        let reset = Handshake::Closed { end: End::Rst, bytes: 0 };
        let sketch = old_host(&reset);
        sketch.with_case(|case| assert!(Need::handshake_again(TlsOffer::PLAIN_12).askable(case)));
        sketch.tls(TlsOffer::PLAIN_12, accepted(TlsVersion::Tls12)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_where_the_host_answers_12_with_10() {
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(70));
        let sketch = sketch.tls(TlsOffer::PLAIN_12, accepted(TlsVersion::Tls10));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn present_for_an_old_client() {
        let sketch = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).profile("mstsc-7").tls(OWN_10, alert(70));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_the_client_speaks_10_too() {
        old_host(&alert(70)).profile("mstsc-10").check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_every_version_refused() {
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(40)).tls(TlsOffer::PLAIN_12, alert(40));
        sketch.tls(TlsOffer::OLD, alert(40)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_only_cut_hellos_get_through() {
        let reset = || Handshake::Closed { end: End::Rst, bytes: 0 };
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, reset()).tls(TlsOffer::PLAIN_12, reset());
        let sketch = sketch.tls(TlsOffer::SPLIT_12, accepted(TlsVersion::Tls12)).profile_with(|profile| {
            (profile.tls_min, profile.tls_max) = (TlsVersion::Tls13, TlsVersion::Tls13);
        });
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn healthy() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(70)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_for_a_watched_client() {
        let old = |answer| host("192.0.2.7").watched_tls(TlsVersion::Tls10, TlsVersion::Tls11, answer);
        old(alert(70)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        // an alert that is not about versions proves nothing about them
        old(alert(40)).check(&CAUSE, Expect::Unknown);
        old(accepted(TlsVersion::Tls11)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_watched_client_that_is_not_the_one_in_question() {
        let sketch = host("192.0.2.7").watched_tls(TlsVersion::Tls10, TlsVersion::Tls11, alert(70));
        sketch.profile("mstsc-11").check(&CAUSE, Expect::Unknown);
    }
}
