//! `tls-cipher-mismatch`: host and client share a TLS version, but no suite, group or signature algorithm.

use evidence::events::SCHANNEL;
use evidence::fact::Handshake;
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Alert, TlsOffer, suite};

use crate::as_client::{as_offered, client_offer, has_large_hello, taken_alike, taken_as_client, tolerates_newest};
use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::need::Need;
use crate::stage::tls::refused_with;
use crate::tries::{steady, varied};

pub const CAUSE: Cause = Cause {
    id: "tls-cipher-mismatch",
    title: "the host and the client share a TLS version, but no cipher suite, group or signature algorithm",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        // of several machines behind one address another may have answered: the client's hello is sent twice in a row
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::CLIENT_SUITES, Need::CLIENT_SUITES_AGAIN],
            holds: nothing_common,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake(TlsOffer::WIDEST),
            ],
            holds: version_spoken_and_nothing_taken,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::CLIENT_SUITES], holds: refused_for_suites },
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::HOST_LOG],
            holds: logged,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LINUX], holds: linux::foreign_key },
        Proof { shows: Shows::Absence, needs: &[Need::CLIENT_SUITES], holds: all_common },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds, then the handshake is refused with alert 40 or a plain close, although both sides \
                       speak the same TLS version. mstsc shows 0x904.",
        why: "A cipher suite policy, a hardening script or FIPS mode left the host (or the client) only suites that \
              the other side does not have. A host whose certificate has an elliptic-curve key cannot use RSA \
              suites, and the other way round.",
        confirm: "On the host: the policy value Functions below SSL\\00010002 and the list of enabled suites. Schannel 36874 says \
                  that an attempt had no suite in common. On the client the same command shows what it offers.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002' -Name Functions \
                  -ErrorAction SilentlyContinue; Get-TlsCipherSuite | Select-Object Name,CipherSuite; \
                  Get-WinEvent -MaxEvents 10 -FilterHashtable @{LogName='System'; ProviderName='Schannel'; Id=36874}",
        how_to_fix: "Undo the policy, or add a suite to it that the client has, such as \
                     TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, and restart the machine.",
        references: &[
            "RFC 5246 section 7.4.1.2",
            "Microsoft: TLS Cipher Suites in Windows 11",
            "Microsoft: Manage Transport Layer Security (SSL Cipher Suite Order)",
        ],
    },
    fixes: &["reset-cipher-order", "make-xrdp-certificate", "make-gnome-certificate"],
};

/// A wide hello is accepted, and one with only the client's own suites is not.
fn nothing_common(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    // a long hello that is broken off says nothing about what it offers
    let long = has_large_hello(case) && !case.tls_with(client_offer(case)).is_some_and(|seen| told(seen.value));
    if taken_as_client(case).is_some() || !tolerates_newest(case) || !steady(case) || long {
        return None;
    }
    let wide = taken_alike(case)?;
    let (version, chosen) = wide.value;
    let refused = case.tls_with(client_offer(case))?;
    let (answer, confidence) = match refused.value {
        Handshake::Alert(alert) if names_the_suites(*alert) => (refused_with(*alert), Confidence::Proven),
        // a host that closes gives no reason, and where whole hellos are ended it need not be the host
        Handshake::Closed { end, bytes: 0 } if !case.only_cut_hellos_pass() => {
            (format!("{} without an answer", end.verb()), Confidence::Likely)
        }
        _ => return None,
    };
    // whoever took a hello that it had refused may take this one too the next time
    let confidence = if varied(case).is_some() { Confidence::Likely } else { confidence };
    let ours = format!("offered every suite, {} takes {} in {version}", case.label(), suite::words(chosen));
    let lacks = if profile.offers(chosen) {
        "offers that one, so what is not in common is the group or the signature algorithm"
    } else {
        "does not offer that one"
    };
    let theirs = format!(
        "{} {lacks}: a ClientHello with its suites, groups and signature algorithms was {answer}",
        profile.name
    );
    Some(Ground::on(vec![wide.because(ours), refused.because(theirs)]).confidence(confidence))
}

/// Only TLS 1.0 and 1.1 are refused for their version; TLS 1.2 is spoken, and nothing that can be offered in it is
/// taken.
pub(super) fn version_spoken_and_nothing_taken(case: Case<'_>) -> Option<Ground> {
    if case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { .. })) {
        return None;
    }
    let alert = |offer| {
        let seen = case.tls_with(offer)?;
        if let Handshake::Alert(alert) = seen.value { Some(Seen { value: *alert, id: seen.id }) } else { None }
    };
    let old = alert(TlsOffer::OLD).filter(|seen| seen.value.description == Alert::PROTOCOL_VERSION)?;
    let mut because = vec![old.because(format!("TLS 1.0 and 1.1 are refused for their version, with {}", old.value))];
    for offer in [TlsOffer::PLAIN_12, TlsOffer::WIDEST] {
        let seen = alert(offer).filter(|seen| names_the_suites(seen.value))?;
        let text = format!("TLS 1.2 is not, but whatever it offers ({offer}) is: {}", seen.value);
        because.push(seen.because(text));
    }
    Some(Ground::on(because))
}

/// The client itself was watched: its hello was refused with an alert about what it offers. No other hello was seen,
/// so a host that refuses everybody is not excluded.
fn refused_for_suites(case: Case<'_>) -> Option<Ground> {
    if case.tls_accepted().is_some() {
        return None;
    }
    let seen = case.tls_watched().filter(|seen| as_offered(case, seen.value.0)).last()?;
    let Handshake::Alert(alert) = seen.value.1 else { return None };
    let confidence = match alert.description {
        Alert::INSUFFICIENT_SECURITY => Confidence::Likely,
        Alert::HANDSHAKE_FAILURE => Confidence::Possible,
        _ => return None,
    };
    let text = format!("{} refused the ClientHello of {} with {alert}", case.label(), case.context.profile.name);
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

/// The host ended the handshake, and around that time logged that nothing was in common. The entry alone proves
/// nothing: it names neither service nor client, and scanners leave many of them.
fn logged(case: Case<'_>) -> Option<Ground> {
    if case.tls_accepted().is_some() {
        return None;
    }
    let refused = case.tls_with(TlsOffer::MODERN)?;
    let answer = match refused.value {
        Handshake::Alert(alert) if names_the_suites(*alert) => refused_with(*alert),
        Handshake::Closed { end, bytes: 0 } => format!("{} without an answer", end.verb()),
        _ => return None,
    };
    let entry = case.recent(SCHANNEL, &[36874], NEAR).last()?;
    let at = printable(&whole_second(&entry.value.at));
    let text = format!(
        "Schannel 36874 in the host's System log at {at}: the client and the server have no cipher suite in common"
    );
    Some(Ground::on(vec![
        refused.because(format!("a ClientHello ({}) was {answer}", TlsOffer::MODERN)),
        entry.because(text),
    ]))
}

/// Refused in words of TLS.
fn told(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Alert(_))
}

fn names_the_suites(alert: Alert) -> bool {
    matches!(alert.description, Alert::HANDSHAKE_FAILURE | Alert::INSUFFICIENT_SECURITY)
}

fn all_common(case: Case<'_>) -> Option<Ground> {
    taken_as_client(case)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::profile::ClientProfile;
    use wire::machine::End;
    use wire::tls::TlsVersion;

    const CHACHA: u16 = 0xCCA8;

    fn accepted(version: TlsVersion, suite: u16) -> Handshake {
        Handshake::Accepted { version: Some(version), suite, finished: true }
    }

    fn as_client(answer: Handshake) -> Sketch {
        let profile = ClientProfile::find("mstsc-11").unwrap();
        let (min, max) = (profile.tls_min, profile.tls_max);
        let (suites, groups, signatures) = (profile.suites, profile.groups, profile.signatures);
        let offer = TlsOffer { min, max, suites, groups, signatures, ..TlsOffer::PLAIN_12 };
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, accepted(TlsVersion::Tls12, CHACHA));
        sketch.tls(offer, answer)
    }

    fn alert(description: u8) -> Handshake {
        Handshake::Alert(Alert { level: 2, description })
    }

    #[test]
    fn present() {
        let once = as_client(alert(40));
        once.check(&CAUSE, Expect::Unknown);
        let offer = once.with_case(client_offer);
        let turns = as_client(alert(40)).tls(TlsOffer::PLAIN_12, accepted(TlsVersion::Tls12, CHACHA));
        turns.tls(offer, alert(40)).check(&CAUSE, Expect::Unknown);
        let twice = once.tls(offer, alert(40));
        twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn by_the_log_of_the_host() {
        let closed = || host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::Closed { end: End::Rst, bytes: 0 });
        let possible = Expect::Present(Severity::Blocking, Confidence::Possible);
        closed().event(SCHANNEL, 36874, 2).check(&CAUSE, possible);
        closed().event(SCHANNEL, 36874, 60).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).event(SCHANNEL, 36874, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn a_close_is_likely_when_it_comes_again() {
        let closed = Handshake::Closed { end: End::Rst, bytes: 0 };
        let once = as_client(closed.clone());
        once.check(&CAUSE, Expect::Unknown);
        assert!(once.with_case(|case| Need::CLIENT_SUITES_AGAIN.askable(case)));
        let offer = once.with_case(client_offer);
        let again = once.tls(offer, closed);
        again.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// A healthy host that prefers another suite dropped one connection of many.
    #[test]
    fn near_miss_the_same_hello_is_taken_the_second_time() {
        let sketch = as_client(Handshake::Closed { end: End::Rst, bytes: 0 });
        let offer = sketch.with_case(client_offer);
        sketch.tls(offer, accepted(TlsVersion::Tls12, 0xC030)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_host_only_prefers_the_other() {
        as_client(accepted(TlsVersion::Tls12, 0xC030)).check(&CAUSE, Expect::Absent);
    }

    /// The suite is common, the curve is not: the host has P-521 alone.
    #[test]
    fn a_group_that_the_client_lacks() {
        let wide = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };
        let offer = sketch_of_group(&wide).with_case(client_offer);
        let refused = || sketch_of_group(&wide).tls(offer, alert(40)).tls(offer, alert(40));
        refused().check(&CAUSE, Expect::Unknown);
        let tolerated = refused().tls(TlsOffer::PLAIN_13, wide.clone());
        tolerated.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    fn sketch_of_group(wide: &Handshake) -> Sketch {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(40)).tls(TlsOffer::PLAIN_12, wide.clone())
    }

    #[test]
    fn near_miss_our_own_hello_alone_says_nothing_of_the_group() {
        let wide = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(40)).tls(TlsOffer::PLAIN_12, wide);
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_only_a_cut_hello_passes() {
        let reset = || Handshake::Closed { end: End::Rst, bytes: 0 };
        let cut = accepted(TlsVersion::Tls12, 0xC030);
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, reset()).tls(TlsOffer::SPLIT_12, cut);
        let offer = sketch.with_case(client_offer);
        sketch.tls(offer, reset()).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_another_alert() {
        as_client(alert(80)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_client_has_that_suite() {
        let mac = as_client(alert(40)).profile("mac");
        mac.profile_with(|p| p.names_addresses = false).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_no_version_in_common() {
        let old = accepted(TlsVersion::Tls10, 0x0005);
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(70)).tls(TlsOffer::OLD, old);
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, alert(40)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_for_a_watched_client() {
        let watched = |description| {
            let alert = Handshake::Alert(Alert { level: 2, description });
            host("192.0.2.7").watched_tls(TlsVersion::Tls12, TlsVersion::Tls13, alert)
        };
        watched(71).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        watched(40).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        watched(80).check(&CAUSE, Expect::Unknown);
        watched(40).profile("mstsc-11").check(&CAUSE, Expect::Unknown);
    }
}
