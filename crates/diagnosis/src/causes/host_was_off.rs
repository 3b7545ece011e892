//! `host-was-off`: the host was off or restarting at the time of the attempt.

use evidence::events::{EVENT_LOG, KERNEL_POWER, SYSTEM, USER32};
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::state::LogEvent;
use evidence::{Role, Stage, TimeSource};
use time::Duration;

use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::logs::not_told;
use crate::need::Need;

/// Ids of the log service: started, stopped, and started after a loss of power or a crash.
const STARTED: u32 = 6005;
const STOPPED: u32 = 6006;
const LOST: u32 = 6008;
/// Id of the kernel for a restart without a shutdown before it.
const UNCLEAN: u32 = 41;
/// Id of a shutdown or restart that somebody asked for.
const ASKED: u32 = 1074;
/// Time that Windows takes from the start of its log service until Remote Desktop answers.
const STARTING: Duration = Duration::minutes(2);
/// Longest time for which a machine that restarts is taken to have been away before its log service starts.
const AWAY: Duration = Duration::minutes(10);

pub const CAUSE: Cause = Cause {
    id: "host-was-off",
    title: "the host was off or restarting at that time",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: shut_down },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: lost },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, SYSTEM, (EVENT_LOG, &[STARTED, STOPPED, LOST]), NEAR),
        },
    ],
    explains: &[
        Explains { cause: "host-unreachable", when: |_| true },
        Explains { cause: "port-filtered", when: |_| true },
        Explains { cause: "port-closed", when: |_| true },
        Explains { cause: "service-stopped", when: |_| true },
    ],
    page: Page {
        what_happens: "The connection is not answered at all, or refused while Windows starts. Minutes later it works.",
        why: "A restart after updates, one that somebody asked for, a machine that was switched off or has gone to sleep, or a crash.",
        confirm: "In the System log, EventLog 6006 (stopped) before the attempt and 6005 (started) after it; 41 and 6008 tell of a restart \
                  without a shutdown, and User32 1074 who asked for it.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; ProviderName='EventLog','User32','Microsoft-Windows-Kernel-Power'; Id=41,1074,6005,6006,6008} | Format-List \
                  TimeCreated,Id,Message",
        how_to_fix: "Connect again. If it goes off by itself, look for the reason: 1074 names the program, 41 and 6008 a crash or a loss of \
                     power.",
        references: &["Microsoft: events 41, 1074, 6005, 6006 and 6008"],
    },
    fixes: &["wake-host"],
};

/// True if the time of the attempt is known: of the newest time in a log it is not, and a log often ends with a
/// shutdown.
fn timed(case: Case<'_>) -> bool {
    matches!(case.context.at_source, TimeSource::Attempt | TimeSource::Option)
}

/// Windows was shut down before the attempt, and started only after it, or not again as far as the log goes.
fn shut_down(case: Case<'_>) -> Option<Ground> {
    let at = case.context.at;
    let stopped = case.events(EVENT_LOG, &[STOPPED]).filter(|seen| case.time_of(seen.id) <= at).last()?;
    let since = case.time_of(stopped.id);
    let started = case.events(EVENT_LOG, &[STARTED]).find(|seen| case.time_of(seen.id) > since);
    let back = match &started {
        Some(started) => case.time_of(started.id).saturating_add(STARTING) >= at,
        // a log that ends there may have been copied from the disk of a machine that is off
        None => at - since <= NEAR && written_until(case).is_some_and(|until| until - since <= Duration::minutes(1)),
    };
    if !timed(case) || !back || case.answered_since(stopped.id) && started.is_none() {
        return None;
    }
    let mut because = vec![told(&stopped, "Windows was shut down")];
    because.extend(started.as_ref().map(|started| told(started, "Windows started again")));
    let asked =
        case.events(USER32, &[ASKED]).filter(|seen| (Duration::ZERO..=AWAY).contains(&(since - case.time_of(seen.id))));
    because.extend(asked.last().map(|asked| told(&asked, "somebody or a program asked for it")));
    let ground = Ground::on(because);
    Some(if started.is_some() { ground } else { ground.confidence(Confidence::Likely) })
}

/// Returns the time of the newest entry of the System log.
fn written_until(case: Case<'_>) -> Option<time::OffsetDateTime> {
    let logs = case.logs_near(case.context.at).filter(|log| log.value.channel.eq_ignore_ascii_case(SYSTEM));
    logs.filter_map(|log| evidence::moment::moment(&log.value.until)).max()
}

/// Windows started soon after the attempt, or shortly before it, without having been shut down.
fn lost(case: Case<'_>) -> Option<Ground> {
    let at = case.context.at;
    let lost = case.events(EVENT_LOG, &[LOST]).chain(case.events(KERNEL_POWER, &[UNCLEAN]));
    let near = |seen: &Seen<&LogEvent>| (-AWAY..=STARTING).contains(&(at - case.time_of(seen.id)));
    let seen = lost.filter(near).last().filter(|_| timed(case))?;
    Some(Ground::on(vec![told(&seen, "Windows restarted without having been shut down")]))
}

fn told(seen: &Seen<&LogEvent>, what: &str) -> evidence::Because {
    let source = seen.value.provider.rsplit('-').next().unwrap_or_default();
    seen.because(format!(
        "{} {} at {}: {what}",
        printable(source),
        seen.value.id,
        printable(&whole_second(&seen.value.at))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};

    /// Host that was shut down and started again, these minutes before the attempt.
    fn restarted(stopped: i64, started: i64) -> Sketch {
        machine().event(EVENT_LOG, STOPPED, stopped).event(EVENT_LOG, STARTED, started)
    }

    #[test]
    fn present() {
        let proven = || Expect::Present(Severity::Blocking, Confidence::Proven);
        restarted(3, -2).check(&CAUSE, proven());
        // started, and not ready yet
        restarted(3, 1).check(&CAUSE, proven());
        // off for the night
        restarted(600, -3).check(&CAUSE, proven());
    }

    #[test]
    fn present_after_a_crash() {
        for (provider, id) in [(EVENT_LOG, LOST), (KERNEL_POWER, UNCLEAN)] {
            let likely = Expect::Present(Severity::Blocking, Confidence::Likely);
            machine().event(provider, id, -2).check(&CAUSE, likely);
        }
        machine().event(KERNEL_POWER, UNCLEAN, 30).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_ran_again() {
        restarted(30, 28).check(&CAUSE, Expect::Absent);
        restarted(9, 6).check(&CAUSE, Expect::Unknown);
        // shut down after the attempt
        machine().event(EVENT_LOG, STOPPED, -4).check(&CAUSE, Expect::Unknown);
        // the log goes on behind it
        machine().event(EVENT_LOG, STOPPED, 4).check(&CAUSE, Expect::Unknown);
    }

    /// The newest time in a log is often that of a shutdown.
    #[test]
    fn near_miss_a_time_that_is_only_the_newest_in_the_files() {
        restarted(3, -2).newest_in_files().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
