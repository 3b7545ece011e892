//! `service-stopped`: a service that Remote Desktop needs is stopped or disabled.

use evidence::events::{self, EVENT_LOG, SERVICES, USER32};
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::state::{LogEvent, Service};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use time::Duration;

use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::logs::DAY;
use crate::need::Need;
use crate::xrdp;

// Faults that show later do not block: without the other services the host keeps the certificate it has, and a service
// that runs although disabled is gone only after the next restart.

/// Services without which there is no listener, certificate or key. Others start when they are needed.
const NEEDED: [&str; 4] = ["TermService", "SessionEnv", "KeyIso", "CryptSvc"];
/// `Start` of a disabled service.
const DISABLED: u32 = 4;

pub const CAUSE: Cause = Cause {
    id: "service-stopped",
    title: "a service that Remote Desktop needs is disabled or not running",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::service("TermService")], holds: not_there },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::service("SessionEnv")], holds: not_there },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::service("KeyIso")], holds: not_there },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::service("CryptSvc")], holds: not_there },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: stopped },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: not_started },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: linux::stopped },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LINUX], holds: linux::cannot_start },
        Proof { shows: Shows::Absence, needs: &[Need::LINUX], holds: linux::running },
        Proof {
            shows: Shows::Absence,
            needs: &[
                Need::service("TermService"),
                Need::service("SessionEnv"),
                Need::service("KeyIso"),
                Need::service("CryptSvc"),
            ],
            holds: runs,
        },
    ],
    explains: &[
        Explains {
            cause: "port-closed",
            when: |case| {
                let ground = away(case, &["TermService"]).or_else(|| stopped(case)).or_else(|| not_started(case));
                let ground = ground.or_else(|| linux::stopped(case)).or_else(|| linux::cannot_start(case));
                ground.is_some_and(|ground| ground.severity.is_none()) && xrdp::may_listen(case)
            },
        },
        Explains { cause: "certificate-renewal-failing", when: |case| away(case, &NEEDED[1..]).is_some() },
        Explains { cause: "certificate-missing", when: |case| away(case, &NEEDED[1..]).is_some() },
    ],
    page: Page {
        what_happens: "Without TermService nothing listens and mstsc shows 0x204; without SessionEnv, KeyIso or \
                       CryptSvc Windows can neither make nor renew the certificate, and the handshake fails sooner \
                       or later. A service that was disabled while running keeps running until the next restart.",
        why: "A tuning script or a hardening guide has disabled a service, or it was stopped and not started again. \
              Manual start is normal for most of them: they start on demand, and being idle is not a fault.",
        confirm: "None of them may be Disabled, and TermService must be running.",
        command: "Get-Service TermService,SessionEnv,UmRdpService,CertPropSvc,KeyIso,CryptSvc | Select-Object Name,Status,StartType",
        how_to_fix: "Set the disabled service back to its start type and start it.",
        references: &["Microsoft: General Remote Desktop connection troubleshooting (services)"],
    },
    fixes: &["start-services"],
};

/// State of a service that was started (`SERVICE_RUNNING`).
const RUNS: Option<u32> = Some(4);

/// Windows tried to start a needed service within the day before the attempt, could not, and no later entry says that
/// it started.
fn not_started(case: Case<'_>) -> Option<Ground> {
    const FAILED: &[u32] = &[7000, 7009];
    let about =
        |seen: &Seen<&LogEvent>, name: &str| events::service(&seen.value.data).is_some_and(|(of, _)| of == name);
    let failed = |name: &'static str| {
        let entries = case.recent(SERVICES, FAILED, DAY);
        let before = entries.filter(|seen| case.time_of(seen.id) <= case.context.at && about(seen, name));
        let last = before.last()?;
        let ran = |seen: &Seen<&LogEvent>| {
            events::service(&seen.value.data) == Some((name, RUNS)) && case.time_of(seen.id) >= case.time_of(last.id)
        };
        let itself = name == NEEDED[0];
        let back = case.recent(SERVICES, &[7036], DAY).any(|seen| ran(&seen));
        (!back && (!itself || !case.answered_since(last.id))).then_some((itself, name, last))
    };
    let found: Vec<_> = NEEDED.into_iter().filter_map(failed).collect();
    let itself = found.iter().any(|(itself, ..)| *itself);
    let because = found.into_iter().map(|(_, name, seen)| {
        let at = printable(&whole_second(&seen.value.at));
        seen.because(format!("Service Control Manager {} at {at}: {name} could not be started", seen.value.id))
    });
    let ground = Ground::on(because.collect());
    match ground.because.is_empty() {
        true => None,
        false if itself => Some(ground),
        false => Some(ground.severity(Severity::Degrading)),
    }
}

/// True if Windows was being shut down at that time, which stops every service.
fn shutting_down(case: Case<'_>, stopped: &Seen<&LogEvent>) -> bool {
    const STOPPED: u32 = 6006;
    const ASKED: u32 = 1074;
    let after = |seen: &Seen<&LogEvent>| case.time_of(seen.id) - case.time_of(stopped.id);
    let minute = Duration::minutes(1);
    case.events(EVENT_LOG, &[STOPPED]).any(|seen| (-minute..=NEAR).contains(&after(&seen)))
        || case.events(USER32, &[ASKED]).any(|seen| (-NEAR..=minute).contains(&after(&seen)))
}

/// Its last entry about TermService before the attempt says that it was stopped. Windows writes such entries for every
/// service up to version 8.1, and later for some.
fn stopped(case: Case<'_>) -> Option<Ground> {
    const STOPPED: Option<u32> = Some(1);
    let before = |seen: &Seen<&LogEvent>| case.time_of(seen.id) <= case.context.at;
    let state = |seen: &Seen<&LogEvent>| match events::service(&seen.value.data) {
        Some(("TermService", state)) => state,
        _ => None,
    };
    let last = case.recent(SERVICES, &[7036], DAY).filter(before).filter(|seen| state(seen).is_some()).last()?;
    if state(&last) != STOPPED || case.answered_since(last.id) || shutting_down(case, &last) {
        return None;
    }
    let text = format!(
        "Service Control Manager 7036 at {}: TermService was stopped",
        printable(&whole_second(&last.value.at))
    );
    Some(Ground::on(vec![last.because(text)]))
}

/// A needed service is missing. Without TermService nobody gets in; without the others the host keeps its certificate.
fn not_there(case: Case<'_>) -> Option<Ground> {
    let mut because = away(case, &NEEDED).map(|ground| ground.because).unwrap_or_default();
    because.extend(NEEDED.iter().filter_map(|name| case.service(name)).filter(|seen| still_runs(seen.value)).map(
        |seen| {
            seen.because(format!(
                "the service {} runs, but is disabled (Start = 4): after a restart it will not",
                seen.value.name
            ))
        },
    ));
    if because.is_empty() {
        return None;
    }
    let ground = Ground::on(because);
    Some(if away(case, &NEEDED[..1]).is_some() { ground } else { ground.severity(Severity::Degrading) })
}

/// True if it was disabled while it ran.
fn still_runs(service: &Service) -> bool {
    service.start == Some(DISABLED) && service.running == Some(true)
}

/// True if `TermService` is stopped, as where Remote Desktop is off, and none of them is disabled.
pub(super) fn merely_stopped(case: Case<'_>) -> bool {
    let none_is_disabled = NEEDED.iter().filter_map(|name| case.service(name)).all(|seen| {
        let service = seen.value;
        service.exists && service.start != Some(DISABLED)
    });
    none_is_disabled && case.service(NEEDED[0]).is_some_and(|seen| seen.value.running == Some(false))
}

/// Which of these services are disabled and not running; for TermService also missing or stopped. Windows before Vista
/// lacks some of the others. A service that answers is running, whatever was recorded before.
pub(super) fn away(case: Case<'_>, names: &[&str]) -> Option<Ground> {
    let mut because = Vec::new();
    for seen in names.iter().filter_map(|name| case.service(name)) {
        let service = seen.value;
        let itself = service.name.eq_ignore_ascii_case(NEEDED[0]);
        let answers = itself && case.answered_since(seen.id);
        if !service.exists && itself && !answers {
            because.push(seen.because(format!("the service {} is not installed", service.name)));
        } else if service.exists && service.start == Some(DISABLED) && !still_runs(service) && !answers {
            because.push(seen.because(format!("the service {} is disabled (Start = 4)", service.name)));
        } else if service.exists && service.running == Some(false) && itself && !answers {
            because.push(seen.because("the service TermService is not running"));
        }
    }
    (!because.is_empty()).then(|| Ground::on(because))
}

/// The services ran. Only a machine that was running can show that.
fn runs(case: Case<'_>) -> Option<Ground> {
    case.service("TermService").filter(|seen| seen.value.running == Some(true))?;
    let sound = not_there(case).is_none();
    sound.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;

    fn services(sketch: Sketch, start: u32, running: Option<bool>) -> Sketch {
        let one = |name: &str| {
            let start = if name == "TermService" { start } else { 3 };
            Fact::Service(Service { running, ..service(name, true, start) })
        };
        NEEDED.iter().fold(sketch, |sketch, name| sketch.recorded(one(name)))
    }

    /// The state is in the binary part, whatever the language; the newest entry before the attempt counts.
    #[test]
    fn present_by_the_log() {
        const STOPPED: &str = "5400650072006d0053006500720076006900630065002f0031000000";
        const RUNS: &str = "5400650072006d0053006500720076006900630065002f0034000000";
        let entry = |sketch: Sketch, state, minutes| sketch.event_with(SERVICES, 7036, minutes, &[("Binary", state)]);
        let stopped = || entry(machine(), STOPPED, 5);
        stopped().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        entry(stopped(), RUNS, 2).check(&CAUSE, Expect::Unknown);
        entry(stopped(), RUNS, -2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        entry(machine(), STOPPED, -2).check(&CAUSE, Expect::Unknown);
    }

    /// A service that failed to start is away, unless it started later.
    #[test]
    fn present_by_a_start_that_failed() {
        let entry = |sketch: Sketch, id, title, minutes| sketch.event_with(SERVICES, id, minutes, &[("param1", title)]);
        let own = "Remote Desktop Services";
        let failed = || entry(machine(), 7000, own, 5);
        failed().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let keys = entry(machine(), 7009, "CNG Key Isolation", 5);
        keys.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        failed()
            .event_with(SERVICES, 7036, 2, &[("param1", own), ("param2", "running")])
            .check(&CAUSE, Expect::Unknown);
        entry(machine(), 7000, "Print Spooler", 5).check(&CAUSE, Expect::Unknown);
        entry(machine(), 7000, own, 30 * 60).check(&CAUSE, Expect::Unknown);
        entry(machine(), 7000, own, -2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_windows_was_shut_down() {
        let stopped = || machine().event_with(SERVICES, 7036, 5, &[("param1", "TermService"), ("param2", "stopped")]);
        stopped().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        stopped().event(EVENT_LOG, 6006, 4).check(&CAUSE, Expect::Unknown);
        stopped().event(USER32, 1074, 6).check(&CAUSE, Expect::Unknown);
        stopped().event(USER32, 1074, 60).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn present() {
        let proven = || Expect::Present(Severity::Blocking, Confidence::Proven);
        services(machine(), 4, None).check(&CAUSE, proven());
        services(machine(), 3, Some(false)).check(&CAUSE, proven());
    }

    fn service(name: &str, exists: bool, start: u32) -> Service {
        let (name, start) = (name.to_owned(), Some(start));
        Service { name, exists, start, running: None, image: None, account: None }
    }

    fn one(name: &str, exists: bool, start: u32) -> Fact {
        Fact::Service(service(name, exists, start))
    }

    #[test]
    fn without_the_others_the_host_goes_on_for_a_while() {
        for name in &NEEDED[1..] {
            let disabled = machine().recorded(one(name, true, 4));
            disabled.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        }
    }

    /// Somebody disabled a service that runs: no harm until the next restart.
    #[test]
    fn what_is_disabled_and_runs_is_a_matter_of_the_next_restart() {
        let later = || Expect::Present(Severity::Degrading, Confidence::Proven);
        let runs = services(machine(), 4, Some(true));
        runs.check(&CAUSE, later());
        assert!(runs.with_case(|case| away(case, &NEEDED).is_none()));
        let key = Fact::Service(Service { running: Some(true), ..service("KeyIso", true, 4) });
        services(machine(), 3, Some(true)).recorded(key).check(&CAUSE, later());
    }

    #[test]
    fn near_miss_a_windows_that_does_not_have_them() {
        machine().recorded(one("SessionEnv", false, 3)).check(&CAUSE, Expect::Unknown);
        let missing = machine().recorded(one("TermService", false, 3));
        missing.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_answers() {
        host("192.0.2.7").nla().recorded(one("TermService", true, 4)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_manual_start_on_a_disk_says_nothing() {
        services(machine(), 3, None).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_it_runs() {
        services(machine(), 3, Some(true)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
