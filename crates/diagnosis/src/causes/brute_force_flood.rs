//! `brute-force-flood`: somebody tries passwords at a rate that may keep others out.

use std::collections::BTreeSet;

use time::Duration;

use crate::attempts::{self, Attempt, Progress};
use crate::case::{Case, NEAR};
use crate::cause::{Because, Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::fact::Fact;
use crate::need::Need;
use crate::state::{LogSpan, moment};

/// So many refused logons in the ten minutes before the attempt are worth a word.
const NOTED: usize = 20;
/// So many may hamper others: ten a minute.
const HAMPERING: usize = 100;

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "brute-force-flood",
    title: "somebody tries passwords at a rate that may keep others out",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::HostLog], holds: flooded },
        Proof { shows: Shows::Absence, needs: &[Need::HostLog], holds: quiet },
    ],
    explains: &[
        Explains { cause: "outstanding-connections-limit", when: |_| true },
        Explains { cause: "listener-overloaded", when: |_| true },
    ],
    page: Page {
        what_happens: "The host's logs are full of refused logons from addresses that nobody knows. Usually it goes on working; at \
                       high rates it answers slowly, drops connections, and accounts are locked.",
        why: "A port of Remote Desktop that the internet can reach is found within hours, on whatever port it is, and tried \
              without end.",
        confirm: "Refused logons (RdpCoreTS 140, which is written where Network Level Authentication is used) in the ten minutes before \
                  the attempt: from 20 on they are \
                  mentioned, from 100 on they may hamper others. The rate alone never proves that they did: event 1006 of \
                  Remote Connection Manager would.",
        command: "Get-WinEvent -FilterHashtable @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; \
                  Id=140; StartTime=(Get-Date).AddMinutes(-10)} | Group-Object {$_.Properties[0].Value} | \
                  Sort-Object Count -Descending | Select-Object Count,Name",
        how_to_fix: "Let only those addresses reach the port that have to: firewall, VPN or RD Gateway. Keep Network Level \
                     Authentication on, and lock accounts after failed logons.",
        references: &["Microsoft: RdpCoreTS event 140", "Microsoft: Account lockout policy"],
    },
    fixes: &["open-firewall-for-rdp", "require-nla"],
};

/// The refused logons of the last ten minutes.
fn refused(case: Case<'_>) -> Option<Vec<Attempt>> {
    let machine = case.machine()?;
    let entries = machine.seen(|fact| if let Fact::LogEvent(event) = fact { Some(event) } else { None });
    let near = entries.filter(move |seen| (Duration::ZERO..=NEAR).contains(&(case.context.at - case.time_of(seen.id))));
    let (attempts, _) = attempts::join(near);
    Some(
        attempts
            .into_iter()
            .filter(|attempt| attempt.reached == Progress::Authenticating && !attempt.normal())
            .collect(),
    )
}

fn rate(case: Case<'_>) -> Option<(usize, Because)> {
    let attempts = refused(case)?;
    let sources: BTreeSet<_> = attempts.iter().filter_map(Attempt::address).collect();
    let observation = *attempts.last()?.observations.first()?;
    let text = format!(
        "{} refused logons from {} addresses in the ten minutes before the attempt ({} a minute)",
        attempts.len(),
        sources.len(),
        attempts.len().div_ceil(10)
    );
    Some((attempts.len(), Because { text, observation }))
}

fn flooded(case: Case<'_>) -> Option<Ground> {
    let (count, because) = rate(case).filter(|(count, _)| *count >= NOTED)?;
    let ground = Ground::on(vec![because]);
    Some(if count >= HAMPERING { ground } else { ground.severity(Severity::Advisory) })
}

/// A whole log of the protocol that tells of all the ten minutes, and of few.
fn quiet(case: Case<'_>) -> Option<Ground> {
    let early = |log: &LogSpan| moment(&log.from).is_some_and(|from| from <= case.context.at - NEAR);
    let whole = |log: &LogSpan| log.channel.contains("RdpCoreTS") && !log.damaged && early(log);
    let log = case.logs_of(case.context.at).find(|seen| whole(seen.value))?;
    let count = rate(case).map_or(0, |(count, _)| count);
    let text =
        format!("the log {} holds {count} refused logons in the ten minutes before the attempt", log.value.channel);
    (count < NOTED).then(|| Ground::on(vec![log.because(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, machine};
    use crate::events::CORE;

    fn refusals(count: usize) -> Sketch {
        let address = |number: usize| format!("203.0.113.{}", number % 7);
        let log = machine().log("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", 48);
        (0..count).fold(log, |sketch, number| sketch.event_with(CORE, 140, 3, &[("IPString", &address(number))]))
    }

    #[test]
    fn present() {
        refusals(HAMPERING).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
    }

    #[test]
    fn at_a_low_rate_it_is_worth_a_word_only() {
        refusals(NOTED).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_what_came_after_the_attempt() {
        let log = machine().log("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", 48);
        let later =
            (0..HAMPERING).fold(log, |sketch, _| sketch.event_with(CORE, 140, -5, &[("IPString", "203.0.113.7")]));
        later.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_one_below_the_threshold() {
        refusals(NOTED - 1).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().log("System", 48).check(&CAUSE, Expect::Unknown);
        // a log that begins with the attempt
        let short = machine().log("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", 0);
        short.check(&CAUSE, Expect::Unknown);
    }
}
