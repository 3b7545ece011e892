//! Faults that the logs show at a time other than the one that is judged for. If nobody said when the attempt was, that
//! time is a guess, and an earlier log entry may be about the very attempt.

use std::collections::BTreeMap;

use evidence::fact::Fact;
use evidence::{Because, Evidence, SubjectId, TimeSource, events};
use time::OffsetDateTime;

use crate::case::{Case, Context};
use crate::cause::{Cause, Judgement, Severity, Shows};
use crate::need::Need;

/// Most machines whose logs are looked at.
const MACHINES: usize = 64;
/// Most times of a machine at which causes are judged again, new to old.
const TIMES: usize = 16;

/// Fault that would be found if the attempt had been at another time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Id of the cause.
    pub cause: &'static str,
    /// Time at which it would be found, in whole seconds.
    pub at: OffsetDateTime,
    /// Entry that was logged then.
    pub because: Because,
}

/// Finds faults that would be found if the attempt had been at the time of a log entry, each at its newest time. Empty
/// where the time of the attempt is known.
pub fn logged(
    causes: &[&'static Cause],
    evidence: &Evidence,
    context: &Context,
    judged: impl Fn(&Cause) -> Vec<SubjectId>,
) -> Vec<Earlier> {
    if context.at_source != TimeSource::Evidence {
        return Vec::new();
    }
    let by_log = |cause: &&&'static Cause| {
        let needs = |shows: Shows, needs: &[Need]| shows != Shows::Absence && needs.contains(&Need::HOST_LOG);
        cause.proofs.iter().any(|proof| needs(proof.shows, proof.needs))
    };
    let machines: Vec<(SubjectId, Vec<OffsetDateTime>)> = (0..evidence.subjects.len())
        .filter(|subject| evidence.subjects[*subject].address.is_none())
        .map(|subject| (subject, times(Case { evidence, subject, context })))
        .filter(|(_, times)| !times.is_empty())
        .take(MACHINES)
        .collect();
    let found = causes.iter().filter(by_log).filter_map(|cause| {
        let whose = judged(cause);
        let here = machines.iter().filter(|(subject, _)| whose.contains(subject));
        here.filter_map(|(subject, times)| at_one_of(cause, evidence, *subject, context, times))
            .max_by_key(|one| one.at)
    });
    found.collect()
}

/// Lists when the newest entry of each kind of trouble was written, new to old.
fn times(case: Case<'_>) -> Vec<OffsetDateTime> {
    let mut newest = BTreeMap::new();
    let entries = case.seen(|fact| if let Fact::LogEvent(event) = fact { Some(event) } else { None });
    for seen in entries {
        let known = events::find(&seen.value.provider, seen.value.id).filter(|known| !known.normal);
        if let Some(known) = known {
            let at = case.time_of(seen.id);
            newest.insert((known.provider, known.id), at.replace_nanosecond(0).unwrap_or(at));
        }
    }
    let mut times: Vec<_> = newest.into_values().collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    times.dedup();
    times.truncate(TIMES);
    times
}

/// Returns the newest of these times at which the cause is present because of a log entry.
fn at_one_of(
    cause: &'static Cause,
    evidence: &Evidence,
    subject: SubjectId,
    context: &Context,
    times: &[OffsetDateTime],
) -> Option<Earlier> {
    times.iter().find_map(|at| {
        let context = Context { at: *at, ..context.clone() };
        let Judgement::Present { severity, because, .. } = cause.judge(Case { evidence, subject, context: &context })
        else {
            return None;
        };
        let logged = |because: &Because| {
            evidence
                .observations
                .iter()
                .any(|seen| seen.id == because.observation && matches!(seen.fact, Fact::LogEvent(_)))
        };
        let because = because.into_iter().find(logged).filter(|_| severity < Severity::Advisory)?;
        Some(Earlier { cause: cause.id, at: *at, because })
    })
}

#[cfg(test)]
mod tests {
    use crate::sketch::client;
    use evidence::events::LSA;

    /// The log was written on after the attempt, so its end does not rule out what it says about the attempt.
    #[test]
    fn what_was_logged_before_the_newest_time_is_not_ruled_out() {
        let old = || client("192.0.2.7").without_target().event_with(LSA, 6041, 600, &[("0", "TERMSRV/server01 4")]);
        let report = old().newest_in_files().diagnose();
        assert!(!report.ruled_out.contains(&"encryption-oracle-policy".to_owned()), "{:?}", report.ruled_out);
        assert!(report.unknown.iter().any(|open| open.cause == "encryption-oracle-policy"), "{:?}", report.unknown);
        let next = &report.next[0];
        assert!(
            next.command.contains("rdpdoctor inspect") && next.command.contains("--at 2026-11-20T23:00:00Z"),
            "{next:?}"
        );
        assert!(next.why.contains("LsaSrv 6041") && next.splits[0] == "encryption-oracle-policy", "{next:?}");
        // with a known time it is ruled out
        let report = old().diagnose();
        assert!(report.ruled_out.contains(&"encryption-oracle-policy".to_owned()), "{:?}", report.ruled_out);
    }

    #[test]
    fn a_log_without_trouble_has_no_other_time() {
        let report = client("192.0.2.7").without_target().log("System", 48).newest_in_files().diagnose();
        assert!(report.ruled_out.contains(&"encryption-oracle-policy".to_owned()), "{:?}", report.ruled_out);
        assert_eq!(report.next, []);
    }
}
