//! `certificate-not-yet-valid`: `notBefore` has not come.

use evidence::moment::{moment, rfc3339};
use evidence::printable::printable;
use evidence::state::{LISTENER, STORE_REMOTE_DESKTOP};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "certificate-not-yet-valid",
    title: "the host's certificate is not valid yet",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::CERTIFICATE_EXPIRED],
    proofs: &[
        // any handshake that shows a certificate will do; the newest is looked at
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: too_early,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_REMOTE_DESKTOP)],
            holds: had_not_begun,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: begun },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc warns about the certificate, or refuses with 0x1B07 where identity is required. This alone does not \
                       close the connection: it is not by itself a 0x904.",
        why: "The certificate was made while the clock of the host, or of the authority that issued it, was ahead; \
              or this computer's clock is behind. It usually happens on a virtual machine that was restored to an \
              old state or made from an image.",
        confirm: "Compare the certificate's NotBefore with a clock that is known to be right, on both machines.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,NotBefore,NotAfter; \
                  Get-Date; w32tm /query /status",
        how_to_fix: "Correct the wrong clock first. If both are right now, remove the self-signed certificate and \
                     restart SessionEnv and TermService, and Windows creates one with the right time; have a \
                     certificate from a CA issued again.",
        references: &["RFC 5280 section 4.1.2.5"],
    },
    fixes: &["correct-clock", "renew-rdp-certificate", "bind-certificate"],
};

fn too_early(case: Case<'_>) -> Option<Ground> {
    let from = case.not_before()?;
    let clock = case.clock(from.id);
    let ours = case.context.at < from.value;
    let theirs = case.host_time().map(|time| (time, time.value < from.value));
    let text = |words: &str| format!("the certificate is valid from {}: {words}", rfc3339(from.value));
    let on = |words: &str, other| Ground::on(std::iter::once(from.because(text(words))).chain(other).collect());
    match (ours, theirs) {
        (true, Some((time, true))) => {
            Some(on("that has not come", Some(time.because("nor has it by the host's clock"))))
        }
        (true, None) => {
            let ground = on(&format!("that has not come by {clock} (the host's was not seen)"), None);
            Some(ground.confidence(Confidence::Likely))
        }
        (true, Some((time, false))) => {
            let other = time.because(format!("by the host's clock ({}) it is valid", rfc3339(time.value)));
            Some(on(&format!("that has not come by {clock}"), Some(other)).confidence(Confidence::Likely))
        }
        (false, Some((time, true))) => {
            let other = time.because(format!("by the host's clock ({}) it is not valid yet", rfc3339(time.value)));
            let ground = on(&format!("valid by {clock}"), Some(other));
            Some(ground.severity(Severity::Advisory).confidence(Confidence::Possible))
        }
        (false, _) => None,
    }
}

/// No handshake showed the certificate, but its store was read.
fn had_not_begun(case: Case<'_>) -> Option<Ground> {
    let seen = case.recorded_certificate()?;
    let from = moment(&seen.value.not_before)?;
    let clock = case.time_of(seen.id).max(case.context.at);
    let text = format!(
        "the listener's certificate in the store {} is valid from {}, after it was recorded and after the attempt",
        printable(&seen.value.store),
        rfc3339(from)
    );
    (clock < from).then(|| Ground::on(vec![seen.because(text)]))
}

fn begun(case: Case<'_>) -> Option<Ground> {
    let from = case.not_before()?;
    let ours = case.context.at >= from.value;
    let theirs = case.host_time().is_none_or(|time| time.value >= from.value);
    (ours && theirs).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, NOW, Sketch, host, machine, stored};
    use evidence::fact::Fact;
    use evidence::state::{POLICY, StoredCertificate};
    use wire::tls::TlsVersion;

    const DAY: i64 = 86_400_000;

    fn in_store(days: i64) -> Sketch {
        let from = rfc3339(NOW + time::Duration::days(days));
        let certificate = StoredCertificate { not_before: from, ..stored("Remote Desktop") };
        machine()
            .absent(POLICY)
            .dword(LISTENER, "PortNumber", 3389)
            .absent(STORE_REMOTE_DESKTOP)
            .recorded(Fact::StoredCertificate(certificate))
    }

    #[test]
    fn by_the_store() {
        in_store(2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        in_store(-1).check(&CAUSE, Expect::Unknown);
    }

    fn from(day: i64) -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).certificate(day, day + 183)
    }

    #[test]
    fn present_by_both_clocks() {
        from(2).with(Fact::ClockOffset(0)).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn likely_by_our_clock_alone() {
        from(2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        let ahead = from(2).with(Fact::ClockOffset(3 * DAY));
        ahead.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn by_the_hosts_clock_alone_it_is_advisory() {
        let sketch = from(-2).with(Fact::ClockOffset(-3 * DAY));
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_since_yesterday() {
        from(-1).with(Fact::ClockOffset(0)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
