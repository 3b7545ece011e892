//! `tls13-refused`: whatever offers TLS 1.3 is broken off; the same without it is taken.

use evidence::fact::{Came, Handshake};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Segments, TlsOffer, TlsVersion};

use crate::as_client::{first_offer, tolerates_newest};
use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::tries::{steady, twice_in_a_row};

pub const CAUSE: Cause = Cause {
    id: "tls13-refused",
    title: "the host, or something on the way, drops every handshake that offers TLS 1.3",
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
                Need::CLIENT_SUITES,
                Need::handshake(TlsOffer::MODERN_12),
                Need::handshake(TlsOffer::PLAIN_13),
            ],
            holds: only_without,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::CLIENT_SUITES,
                Need::handshake(TlsOffer::MODERN_12),
                Need::handshake(TlsOffer::PLAIN_13),
                Need::handshake_again(TlsOffer::PLAIN_13),
            ],
            holds: only_without,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: tolerated },
        Proof { shows: Shows::Absence, needs: &[Need::CLIENT_SUITES], holds: tolerated },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::PLAIN_13)], holds: tolerated },
    ],
    explains: &[],
    page: Page {
        what_happens: "The negotiation succeeds. A ClientHello that offers TLS 1.3 is reset, closed, refused or \
                       ignored; the same hello with at most TLS 1.2 is answered. Windows 11, FreeRDP 3 and other \
                       current clients offer 1.3 and show 0x904; Windows 10 gets in.",
        why: "A registry script switched TLS 1.3 on in a Windows that has it only as an experiment (Windows 10, \
              Server 2019), and its server side resets the connection. Or a firewall, balancer or inspection product \
              on the way does not know TLS 1.3.",
        confirm: "On the host: is there a key for TLS 1.3 below SCHANNEL\\Protocols, and which Windows is it? \
                  Windows 11 and Server 2022 are the first that support it. If the host has no such key, try from \
                  its own subnet: if that works, something on the way drops the handshake.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.3\\Server' \
                  -ErrorAction SilentlyContinue; (Get-CimInstance Win32_OperatingSystem).Caption; \
                  Get-WinEvent -MaxEvents 10 -FilterHashtable @{ProviderName='Schannel'; Id=36871,36874,36888} | Format-List TimeCreated,Id,Message",
        how_to_fix: "On such a Windows, switch TLS 1.3 off for the server side and restart it. If a device on the \
                     way is the reason, update it or have it let TLS 1.3 pass. Until then a client that stops at TLS \
                     1.2 gets in (FreeRDP: /tls:seclevel aside, /tls:enforce:1.2). Leave the order of cipher suites \
                     alone: it has no part in this.",
        references: &["RFC 8446 sections 4.1.2 and D", "Microsoft: TLS protocol version support"],
    },
    fixes: &["disable-tls13", "exempt-from-inspection", "try-another-client"],
};

fn whole(offer: TlsOffer) -> bool {
    offer.segments == Segments::Whole
}

fn only_without(case: Case<'_>) -> Option<Ground> {
    // with such a key nobody can speak it
    if tolerates_newest(case) || !steady(case) || case.key_too_short_for_13().is_some() {
        return None;
    }
    // what measures the path says nothing of a host, but that it took a hello
    let offers_newest = first_offer(case).max == TlsVersion::Tls13;
    if offers_newest && case.path().any(|seen| seen.value.plan.segment > 0 && seen.value.came == Came::Tls) {
        return None;
    }
    let newer: Vec<Seen<(TlsOffer, &Handshake)>> =
        case.tls().filter(|seen| whole(seen.value.0) && seen.value.0.max == TlsVersion::Tls13).collect();
    let refused = newer.iter().map(|seen| {
        Some(seen.because(format!(
            "a ClientHello that offers TLS 1.3 ({}) was {}",
            seen.value.0,
            seen.value.1.refusal()?
        )))
    });
    let mut because = refused.collect::<Option<Vec<_>>>()?;
    // of machines behind one address that take turns another may answer each time: the same hello twice in a row shows
    // that it does not. What is left without an answer was waited for long enough
    let silent = newer.iter().all(|seen| matches!(seen.value.1, Handshake::Silent { .. }));
    if !silent && !twice_in_a_row(case, TlsOffer::PLAIN_13) {
        return None;
    }
    because.truncate(3);
    let older = |seen: &Seen<(TlsOffer, &Handshake)>| {
        let taken = matches!(seen.value.1, Handshake::Accepted { version: Some(TlsVersion::Tls12), .. });
        whole(seen.value.0) && seen.value.0.max == TlsVersion::Tls12 && taken
    };
    // that TLS 1.3 is to blame has to show in all else being equal
    let control = |offer: &TlsOffer| [TlsOffer::MODERN_12, TlsOffer::PLAIN_12].contains(offer);
    let refused = |answer: &Handshake| {
        matches!(answer, Handshake::Closed { .. } | Handshake::Alert(_) | Handshake::Silent { .. })
    };
    if case.tls().any(|seen| control(&seen.value.0) && refused(seen.value.1)) {
        return None;
    }
    let taken: Vec<_> = case.tls().filter(older).collect();
    because.extend(
        taken
            .iter()
            .take(2)
            .map(|seen| seen.because(format!("one that stops at TLS 1.2 ({}) was accepted", seen.value.0))),
    );
    (!taken.is_empty()).then(|| Ground::on(because))
}

fn tolerated(case: Case<'_>) -> Option<Ground> {
    let newest = case.context.profile.tls_max;
    if newest < TlsVersion::Tls13 {
        case.tls_with(TlsOffer::MODERN)?;
        return Some(Ground::nothing());
    }
    let taken = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. });
    case.tls().find(|seen| seen.value.0.max >= newest && taken(seen.value.1))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_client::client_offer;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::{Fact, PathTry};
    use wire::machine::{End, PathPlan};
    use wire::tls::Alert;

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: true };

    fn without_13(refusal: &Handshake) -> Sketch {
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, refusal.clone()).tls(TlsOffer::PLAIN_12, UP);
        let own = sketch.with_case(client_offer);
        let sketch = sketch.tls(own, refusal.clone()).tls(TlsOffer::MODERN_12, UP);
        sketch.tls(TlsOffer::PLAIN_13, refusal.clone())
    }

    #[test]
    fn near_miss_it_was_taken_while_the_path_was_measured() {
        let silent = Handshake::Silent { bytes: 0 };
        let plan = PathPlan { segment: 1460, ..PathPlan::default() };
        let tried = |came| Fact::Path(PathTry { plan, figures: None, came, burst: None });
        let refused = || without_13(&silent);
        refused().with(tried(Came::Tls)).check(&CAUSE, Expect::Unknown);
        // an ordinary connection may have offered something else
        let ordinary = Fact::Path(PathTry { plan: PathPlan::default(), figures: None, came: Came::Tls, burst: None });
        refused().with(ordinary).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        refused().with(tried(Came::X224)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_a_hello_without_it_is_refused_as_well() {
        let mixed = host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).tls(TlsOffer::PLAIN_12, UP);
        let own = mixed.with_case(client_offer);
        let mixed = mixed.tls(own, RESET).tls(TlsOffer::MODERN_12, RESET).tls(TlsOffer::PLAIN_13, RESET);
        mixed.tls(TlsOffer::PLAIN_13, RESET).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present() {
        for refusal in [RESET, Handshake::Alert(Alert { level: 2, description: 70 }), Handshake::Silent { bytes: 0 }] {
            let silent = matches!(refusal, Handshake::Silent { .. });
            let once = if silent { Expect::Present(Severity::Blocking, Confidence::Likely) } else { Expect::Unknown };
            without_13(&refusal).check(&CAUSE, once);
            let twice = without_13(&refusal).tls(TlsOffer::PLAIN_13, refusal.clone());
            twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn near_miss_the_client_offers_none() {
        without_13(&RESET).profile("mstsc-10").check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_one_that_offers_it_is_taken() {
        without_13(&RESET).tls(TlsOffer::PLAIN_13, UP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_other_is_refused_at_times() {
        without_13(&RESET).tls(TlsOffer::MODERN_12, RESET).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_key_is_too_short_for_it() {
        let alert = Handshake::Alert(Alert { level: 2, description: 40 });
        let twice = || without_13(&alert).tls(TlsOffer::PLAIN_13, alert.clone());
        let with = |bits| twice().with(Fact::CertificateKey("rsa".to_owned(), bits));
        with(512).check(&CAUSE, Expect::Unknown);
        with(1024).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
