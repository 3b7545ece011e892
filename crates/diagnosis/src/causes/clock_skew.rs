//! `clock-skew`: the clocks of this computer and the host differ.

use evidence::events::{GROUP_POLICY, KERBEROS};
use evidence::moment::{moment, rfc3339};
use evidence::state::LogEvent;
use evidence::symptom::{Symptom, parse_code};
use evidence::{Role, Stage};
use time::Duration;

use crate::case::{Case, NEAR};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::logs::told;
use crate::need::Need;
use crate::refusals::{refused, says};

/// Kerberos' usual tolerance: five minutes, in milliseconds (Windows' default "Maximum tolerance for computer clock
/// synchronization").
const TOLERANCE: i64 = 5 * 60 * 1000;

/// Difference in milliseconds below which clocks agree, where a certificate is as young as that: some hosts tell whole
/// seconds only, and ironrdp-server 0.13 was seen to tell a time of a minute ago.
const AGREEMENT: i64 = 2 * 60 * 1000;

pub const CAUSE: Cause = Cause {
    id: "clock-skew",
    title: "clocks that have to agree are too far apart",
    stage: Stage::Credssp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::CLOCK_SKEW, Symptom::CERTIFICATE_EXPIRED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::INTRODUCTION], holds: differ },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: logged },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: agree },
    ],
    explains: &[
        Explains { cause: "certificate-expired", when: validity_differs },
        Explains { cause: "certificate-not-yet-valid", when: validity_differs },
    ],
    page: Page {
        what_happens: "Kerberos refuses tickets when the clocks differ by more than five minutes: mstsc shows 0x1D07 or an \
                       authentication error. A certificate can look expired or not yet valid on one side only (0x1B07).",
        why: "A virtual machine that was restored or resumed, a host without a time source, a wrong time zone entered as a \
              wrong time, or a domain controller that is itself wrong. The fault can be on either side.",
        confirm: "Compare both machines with a third clock, such as the domain controller's. This tool cannot say \
                  which of the two is wrong.",
        command: "(Get-Date).ToUniversalTime(); w32tm /query /status; w32tm /stripchart /computer:DOMAIN-CONTROLLER /samples:3 /dataonly",
        how_to_fix: "Synchronise the wrong machine with its domain or time server. Do not raise the Kerberos \
                     tolerance.",
        references: &["[MS-NLMP] 2.2.2.1 (MsvAvTimestamp)", "RFC 4120 section 1.3", "[MS-KILE]"],
    },
    fixes: &["correct-clock"],
};

fn differ(case: Case<'_>) -> Option<Ground> {
    let offset = case.clock_offset()?;
    let matters = validity_differs(case);
    if offset.value.abs() <= TOLERANCE && !matters {
        return None;
    }
    let side = if offset.value < 0 { "behind" } else { "ahead of" };
    let beyond = || "a date that no calendar here has".to_owned();
    let host_time = case.host_time().map_or_else(beyond, |time| rfc3339(time.value));
    let text = format!("the host's clock is {} {side} this computer's (it says {host_time})", span(offset.value));
    let mut because = vec![offset.because(text)];
    if matters && let Some(dates) = case.not_after() {
        because.push(dates.because("its certificate is valid by one of the two clocks and not by the other"));
    }
    let member = case.domain_member() == Some(true);
    if member && case.name_typed() {
        because
            .push(offset.because("it is a domain member and was asked for by name: Kerberos needs clocks that agree"));
    }
    let ground = Ground::on(because);
    Some(if matters || member && case.name_typed() { ground } else { ground.severity(Severity::Advisory) })
}

/// The host's own logs say that its clock and that of its domain controller, or of a client, differ: a refused logon
/// with that status keeps a user out; Kerberos 5 and group policy 1126 tell the same of other errands of the host.
fn logged(case: Case<'_>) -> Option<Ground> {
    const AT_DC: &[u32] = &[0xC000_0133];
    let logon = refused(case, |event| says(event, AT_DC));
    let kerberos = told(case, (KERBEROS, &[5]), NEAR, before(case));
    let policy = told(case, (GROUP_POLICY, &[1126]), NEAR, before(case));
    let in_time = before(case);
    let error = told(case, (KERBEROS, &[3]), NEAR, |event| in_time(event) && skewed(event));
    let others = [kerberos, policy, error]
        .into_iter()
        .flatten()
        .reduce(|one, other| Ground { because: [one.because, other.because].concat(), ..one });
    match (logon, others) {
        (Some(logon), Some(others)) => Some(Ground { because: [logon.because, others.because].concat(), ..logon }),
        (Some(logon), None) => Some(logon),
        (None, Some(others)) => Some(others.confidence(Confidence::Likely)),
        (None, None) => None,
    }
}

/// True for an error of Kerberos that says so: `KRB_AP_ERR_SKEW` (RFC 4120 section 7.5.9).
fn skewed(event: &LogEvent) -> bool {
    const SKEW: u32 = 37;
    let code = ["ErrorCode", "3"].iter().find_map(|name| event.data.get(*name));
    code.and_then(|code| parse_code(code.split_whitespace().next()?).ok()) == Some(SKEW)
}

/// True for an entry from before the attempt, or of its minute.
fn before(case: Case<'_>) -> impl Fn(&LogEvent) -> bool {
    let latest = case.context.at + Duration::minutes(1);
    move |event| moment(&event.at).is_some_and(|at| at <= latest)
}

fn agree(case: Case<'_>) -> Option<Ground> {
    let offset = case.clock_offset()?;
    let close = offset.value.abs() <= TOLERANCE && !validity_differs(case);
    close.then(Ground::nothing)
}

/// True if the certificate is valid by one clock and not by the other.
fn validity_differs(case: Case<'_>) -> bool {
    let (Some(from), Some(until), Some(theirs)) = (case.not_before(), case.not_after(), case.host_time()) else {
        return false;
    };
    if case.clock_offset().is_none_or(|offset| offset.value.abs() < AGREEMENT) {
        return false;
    }
    let valid = |time| from.value <= time && time <= until.value;
    valid(case.context.at) != valid(theirs.value)
}

/// Says a span in the largest unit that still tells something.
fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.unsigned_abs() / 1000;
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::{Fact, Introduction};
    use wire::tls::TlsVersion;

    const MINUTE: i64 = 60_000;

    fn skewed(target: &str, domain: &str, offset: i64) -> Sketch {
        host(target)
            .nla()
            .tls_up(TlsVersion::Tls13)
            .certificate(-10, 173)
            .with(Fact::CredsspAnswer(Introduction::Challenge(6)))
            .with(Fact::NtlmComputer("SERVER01".to_owned()))
            .with(Fact::NtlmDomain(domain.to_owned()))
            .with(Fact::ClockOffset(offset))
    }

    #[test]
    fn present_by_an_error_of_kerberos() {
        let error = |code| machine().event_with(KERBEROS, 3, 2, &[("ErrorCode", code)]);
        error("0x25").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        error("0x7").check(&CAUSE, Expect::Unknown);
        error("").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_for_a_member_asked_by_name() {
        let sketch = skewed("server01.corp.example", "CORP", 120 * MINUTE);
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn present_where_the_certificate_depends_on_the_clock() {
        let sketch = skewed("192.0.2.7", "SERVER01", -400 * 24 * 60 * MINUTE);
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn advisory_for_an_address_or_a_workgroup() {
        for sketch in [skewed("192.0.2.7", "CORP", 120 * MINUTE), skewed("server01", "SERVER01", -120 * MINUTE)] {
            sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        }
    }

    #[test]
    fn a_host_that_names_no_domain_is_no_member() {
        let sketch = skewed("server01", "", 120 * MINUTE);
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn near_miss_two_minutes() {
        skewed("server01.corp.example", "CORP", 2 * MINUTE).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_certificate_as_young_as_the_clock_is_coarse() {
        let sketch = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).certificate(0, 365);
        let sketch = sketch.with(Fact::CredsspAnswer(Introduction::Challenge(6))).with(Fact::ClockOffset(-900));
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_by_the_logs_of_the_host() {
        let refused = crate::refusals::sketch::audited(0xC000_0133, "10", 2);
        refused.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        for (provider, id) in [(KERBEROS, 5), (GROUP_POLICY, 1126)] {
            let told = |minutes| machine().event(provider, id, minutes);
            told(2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
            told(60).check(&CAUSE, Expect::Unknown);
            told(-5).check(&CAUSE, Expect::Unknown);
        }
        machine().event(KERBEROS, 4, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("server01.corp.example").nla().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn spans_read_naturally() {
        assert_eq!(span(-90_000), "90 seconds");
        assert_eq!(span(7_200_000), "2 hours");
        assert_eq!(span(400 * 86_400_000), "400 days");
    }
}
