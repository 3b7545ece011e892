//! `certificate-expired`: `notAfter` has passed.

use evidence::events::{RCM, SYSTEM};
use evidence::fact::Fact;
use evidence::moment::{moment, rfc3339};
use evidence::printable::printable;
use evidence::state::{LISTENER, STORE_REMOTE_DESKTOP};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use time::OffsetDateTime;

use super::certificate_untrusted::vouched_otherwise;
use super::remote_desktop_disabled;
use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::logs::{DAY, told};
use crate::need::Need;
use wire::tls::TlsOffer;

/// Event: the certificate chosen for the listener has expired.
const EXPIRED: &[u32] = &[1053];

pub const CAUSE: Cause = Cause {
    id: "certificate-expired",
    title: "the host's certificate has expired",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::CERTIFICATE_EXPIRED],
    proofs: &[
        // any handshake that shows a certificate will do; the newest is looked at
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: expired,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_REMOTE_DESKTOP)],
            holds: had_expired,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: logged },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LINUX], holds: linux::expired },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: valid },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc warns about the certificate, or refuses with 0x1B07 where identity is required. Expiry alone does \
                       not close the connection: it is not by itself a 0x904.",
        why: "Windows renews its self-signed certificate by itself, so an expired one means that renewal failed: \
              wrong rights on the key file in MachineKeys, a damaged key container, or the service SessionEnv is not \
              running. A certificate from a CA expires when nobody renews it or binds the new one. A wrong clock \
              makes a good certificate look expired.",
        confirm: "On the host: the certificate in the store 'Remote Desktop', and events 1057 and 1058, which say why it could \
                  not be replaced. 1053 says that a certificate that was chosen for the listener has expired.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,NotAfter; \
                  Get-WinEvent -MaxEvents 10 -FilterHashtable @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1053,1056,1057,1058} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Find out why renewal failed (1058: usually the rights on the key file) and repair that first. \
                     Then remove the self-signed certificate and restart SessionEnv and TermService: Windows creates \
                     a new one. Renew a certificate from a CA there, and bind the new one.",
        references: &["RFC 5280 section 4.1.2.5", "Microsoft: Remote Desktop listener certificate configurations"],
    },
    // the order matters: without a usable key a removed certificate is not replaced, while an expired one is still
    // served
    fixes: &[
        "repair-machine-keys-access",
        "renew-rdp-certificate",
        "bind-certificate",
        "use-fitting-xrdp-file",
        "make-xrdp-certificate",
        "make-gnome-certificate",
    ],
};

/// Says by which clock `date` has passed, and how long ago.
fn past(date: OffsetDateTime, clock: OffsetDateTime) -> String {
    let days = (clock - date).whole_days();
    match days {
        1 => "1 day ago".to_owned(),
        2.. => format!("{days} days ago"),
        _ => "less than a day ago".to_owned(),
    }
}

/// Expired by the client's clock it keeps out who has to know who the host is; others are warned.
fn expired(case: Case<'_>) -> Option<Ground> {
    let ground = past_its_end(case)?;
    let refused = case.context.require_trust && !vouched_otherwise(case);
    Some(if refused && ground.severity.is_none() { ground.severity(Severity::Blocking) } else { ground })
}

fn past_its_end(case: Case<'_>) -> Option<Ground> {
    let until = case.not_after()?;
    let clock = case.clock(until.id);
    let ours = case.context.at > until.value;
    let theirs = case.host_time().map(|time| (time, time.value > until.value));
    let text = |words| format!("the certificate expired at {}, {words}", rfc3339(until.value));
    match (ours, theirs) {
        (true, Some((time, true))) => {
            let both = time.because("the host's own clock is past that time too");
            Some(Ground::on(vec![until.because(text(past(until.value, case.context.at))), both]))
        }
        (true, None) => {
            let words = format!("{}, by {clock} (the host's was not seen)", past(until.value, case.context.at));
            Some(Ground::on(vec![until.because(text(words))]).confidence(Confidence::Likely))
        }
        (true, Some((time, false))) => {
            let words = format!("{} by {clock}", past(until.value, case.context.at));
            let other = time.because(format!("by the host's clock ({}) it is still valid", rfc3339(time.value)));
            Some(Ground::on(vec![until.because(text(words)), other]).confidence(Confidence::Likely))
        }
        (false, Some((time, true))) => {
            let other = time.because(format!("only by the host's clock ({}) it has expired", rfc3339(time.value)));
            let valid = format!("the certificate is valid until {} by {clock}", rfc3339(until.value));
            Some(
                Ground::on(vec![until.because(valid), other])
                    .severity(Severity::Advisory)
                    .confidence(Confidence::Possible),
            )
        }
        (false, _) => None,
    }
}

/// No handshake showed the certificate, but its store was read. Where Remote Desktop or its service is off, nothing
/// renews it and no client sees it.
fn had_expired(case: Case<'_>) -> Option<Ground> {
    let seen = case.recorded_certificate().filter(|_| !remote_desktop_disabled::rested(case))?;
    let (until, clock) = (moment(&seen.value.not_after)?, last_seen_running(case, seen.id));
    let text = format!(
        "the listener's certificate in the store {} expired at {}, {} when that was recorded",
        printable(&seen.value.store),
        rfc3339(until),
        past(until, clock)
    );
    (clock > until).then(|| Ground::on(vec![seen.because(text)]))
}

/// When the machine was last known to run, from what was recorded with this. A disk may have lain on a shelf for long:
/// nothing renews a certificate on a machine that is off.
fn last_seen_running(case: Case<'_>, id: usize) -> OffsetDateTime {
    let recorded = case.recorded_at(id);
    let ran = case.service("TermService").is_some_and(|seen| seen.value.running == Some(true));
    let last_word = case.machine().and_then(|machine| {
        // the only log into which every running machine writes
        let spans = machine.seen(|fact| match fact {
            Fact::LogSpan(log) if log.channel.eq_ignore_ascii_case(SYSTEM) => moment(&log.until),
            _ => None,
        });
        spans.map(|seen| seen.value).max()
    });
    last_word.filter(|_| !ran).map_or(recorded, |word| word.min(recorded))
}

/// The host logged it of the certificate chosen for the listener, and no certificate known since contradicts it.
fn logged(case: Case<'_>) -> Option<Ground> {
    let own = case.windows_own_certificate() == Some(true);
    let replaced = || case.listener_certificate().and_then(|seen| moment(&seen.value.not_after));
    if own || case.not_after().is_some() || replaced().is_some_and(|until| until >= case.context.at) {
        return None;
    }
    told(case, (RCM, EXPIRED), DAY, |event| case.may_be_about_configured(event))
}

fn valid(case: Case<'_>) -> Option<Ground> {
    let until = case.not_after()?;
    let ours = case.context.at <= until.value;
    let theirs = case.host_time().is_none_or(|time| time.value <= until.value);
    (ours && theirs).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, NOW, Sketch, host, machine, stored};
    use evidence::state::{LogSpan, POLICY, RegistryData, Service, StoredCertificate, TERMINAL_SERVER};
    use wire::tls::TlsVersion;

    const DAY: i64 = 86_400_000;

    fn with_certificate(until: i64) -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).certificate(until - 183, until)
    }

    fn in_store(days: i64) -> Sketch {
        let until = rfc3339(NOW + time::Duration::days(days));
        let certificate = StoredCertificate { not_after: until, ..stored("Remote Desktop") };
        machine()
            .absent(POLICY)
            .dword(LISTENER, "PortNumber", 3389)
            .absent(STORE_REMOTE_DESKTOP)
            .recorded(Fact::StoredCertificate(certificate))
    }

    #[test]
    fn present_by_the_store() {
        in_store(-12).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_it_has_been_replaced_or_another_is_bound() {
        in_store(1).check(&CAUSE, Expect::Unknown);
        let newer = stored("Remote Desktop");
        in_store(-12).recorded(Fact::StoredCertificate(newer)).check(&CAUSE, Expect::Unknown);
        let bound = RegistryData::Binary("ab".repeat(20));
        in_store(-12).value(LISTENER, "SSLCertificateSHA1Hash", bound).check(&CAUSE, Expect::Unknown);
    }

    /// Windows makes it anew when the service starts.
    #[test]
    fn near_miss_nothing_renews_it_while_remote_desktop_rests() {
        let off = |number| in_store(-12).dword(TERMINAL_SERVER, "fDenyTSConnections", number);
        let present = || Expect::Present(Severity::Degrading, Confidence::Likely);
        off(1).check(&CAUSE, Expect::Unknown);
        off(0).check(&CAUSE, present());
        let service = |running| {
            let (name, start) = ("TermService".to_owned(), Some(3));
            Fact::Service(Service { name, exists: true, start, running, image: None, account: None })
        };
        in_store(-12).recorded(service(Some(false))).check(&CAUSE, Expect::Unknown);
        in_store(-12).recorded(service(None)).check(&CAUSE, present());
    }

    /// A disk read weeks after the machine was switched off: the last entry of its log is its last sign of life.
    #[test]
    fn near_miss_the_machine_was_off() {
        let log = |channel: &str, days: i64| {
            let at = |days: i64| rfc3339(NOW - time::Duration::days(days));
            let (channel, from, until) = (channel.to_owned(), at(90), at(days));
            let (records, damaged, left_out, left_out_until) = (9, false, 0, None);
            Fact::LogSpan(LogSpan { channel, from, until, records, damaged, left_out, left_out_until })
        };
        let present = || Expect::Present(Severity::Degrading, Confidence::Likely);
        in_store(-12).recorded(log(SYSTEM, 20)).check(&CAUSE, Expect::Unknown);
        in_store(-12).recorded(log(SYSTEM, 1)).check(&CAUSE, present());
        // a log that may stay empty for weeks shows nothing
        in_store(-12).recorded(log("Security", 20)).check(&CAUSE, present());
    }

    #[test]
    fn by_the_certificate_of_a_template() {
        let binary = RegistryData::Binary("AB".repeat(20));
        let named = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let until = |days| rfc3339(NOW + time::Duration::days(days));
        let issued = |days| StoredCertificate { sha1: "ab".repeat(20), not_after: until(days), ..stored("My") };
        let policy = || {
            let own = in_store(-12).value(POLICY, "CertTemplateName", named.clone());
            own.value(LISTENER, "TemplateCertificate", binary.clone())
        };
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        policy().recorded(Fact::StoredCertificate(issued(-3))).check(&CAUSE, likely);
        policy().recorded(Fact::StoredCertificate(issued(3))).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn by_the_log() {
        machine().event(RCM, 1053, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        machine().event(RCM, 1052, 2).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1053, 2 * 24 * 60).check(&CAUSE, Expect::Unknown);
        with_certificate(12).event(RCM, 1053, 2).check(&CAUSE, Expect::Absent);
        // by now none is chosen, or another one
        in_store(12).event(RCM, 1053, 2).check(&CAUSE, Expect::Unknown);
        let bound = machine().value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("5d".repeat(20)));
        let valid = bound.recorded(Fact::StoredCertificate(stored("My")));
        valid.event(RCM, 1053, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_host_shows_another_one_now() {
        let live =
            with_certificate(100).absent(POLICY).dword(LISTENER, "PortNumber", 3389).absent(STORE_REMOTE_DESKTOP);
        let until = rfc3339(NOW - time::Duration::days(12));
        let old = StoredCertificate { not_after: until, ..stored("Remote Desktop") };
        live.recorded(Fact::StoredCertificate(old)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_by_both_clocks() {
        let sketch = with_certificate(-12).with(Fact::ClockOffset(0));
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn likely_by_our_clock_alone() {
        with_certificate(-12).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn likely_where_the_clocks_disagree() {
        let sketch = with_certificate(-12).with(Fact::ClockOffset(-400 * DAY));
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn expired_by_the_hosts_clock_alone_is_advisory() {
        let sketch = with_certificate(12).with(Fact::ClockOffset(400 * DAY));
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn blocking_for_a_client_that_has_to_know_who_the_host_is() {
        let strict = || with_certificate(-12).require_trust();
        strict().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        strict().with(Fact::ClockOffset(0)).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        // Kerberos may show it who the host is
        let named = host("server01.corp.example").nla().tls_up(TlsVersion::Tls13).certificate(-195, -12);
        named.require_trust().check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        let by_its_own_clock = with_certificate(12).with(Fact::ClockOffset(400 * DAY)).require_trust();
        by_its_own_clock.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_one_day_is_left() {
        with_certificate(1).with(Fact::ClockOffset(0)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
