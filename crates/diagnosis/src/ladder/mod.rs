//! The ladder: how far a connection gets, rung by rung.

mod survey;
mod to_gateway;

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Evidence, Role, Stage, SubjectId};
use schemars::JsonSchema;
use serde::Serialize;

pub use crate::stage::rung::Outcome;
pub use survey::{Survey, SurveyedFlags, SurveyedNegotiation, SurveyedProtocols, SurveyedVersion};

use crate::case::{Case, Context};
use crate::cause::Severity;
use crate::report::Finding;
use crate::stage::rung::Rung;
use crate::stage::{ROOMS, Whose};

/// One rung: a stage at a subject.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StageResult {
    /// Stage of the rung.
    pub stage: Stage,
    /// Subject of the rung.
    pub subject: SubjectId,
    /// Outcome of the stage.
    pub outcome: Outcome,
    /// Duration in seconds; null where nothing was asked.
    pub seconds: Option<f64>,
    /// Summary of what was seen.
    pub text: String,
}

/// Rungs of all subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// Rungs, in the order of subjects and stages.
    pub stages: Vec<StageResult>,
    /// True if a capture lacks the very packets of a TLS handshake that was agreed on, or its client did not finish it.
    pub incomplete: bool,
}

/// Text of a rung whose packets a capture lacks.
const NOT_CAPTURED: &str = "not captured";

impl Ladder {
    /// Reads the rungs off the evidence; a finding that does not block degrades its rung.
    pub fn of(evidence: &Evidence, context: &Context, findings: &[Finding]) -> Self {
        let mut stages = Vec::new();
        let contexts = context.of_subjects(evidence);
        let mut of_subjects: BTreeMap<SubjectId, Vec<&Finding>> = BTreeMap::new();
        for finding in findings {
            of_subjects.entry(finding.subject).or_default().push(finding);
        }
        for (subject, context) in contexts.iter().enumerate() {
            let case = Case { evidence, subject, context };
            let findings = of_subjects.remove(&subject).unwrap_or_default();
            let mut unseen = if case.lacks_packets() { NOT_CAPTURED } else { "not reached" };
            for (stage, found) in rungs(case) {
                let Some((outcome, took, text)) = found.or_else(|| unseen_rung(stage, unseen)) else { continue };
                if outcome == Outcome::Failed || outcome == Outcome::Skipped && text != unseen {
                    unseen = "not reached";
                }
                let seen = outcome;
                let outcome = overlay(outcome, stage, &findings);
                let text = blamed(text, stage, seen != outcome && seen == Outcome::Passed, &findings);
                stages.push(StageResult { stage, subject, outcome, seconds: took.map(|t| t.as_secs_f64()), text });
            }
        }
        let mut cases = contexts.iter().enumerate().map(|(subject, context)| Case { evidence, subject, context });
        let open = |case: Case<'_>| case.handshake_not_captured() || case.handshake_not_finished();
        Self { stages, incomplete: cases.any(open) }
    }

    /// Iterates over the rungs to hosts, without those of a client's way to a gateway.
    pub(crate) fn to_hosts(&self) -> impl Iterator<Item = &StageResult> {
        let of_gateway = self.stages.iter().filter(|stage| stage.stage == Stage::Gateway);
        let of_gateway: BTreeSet<SubjectId> = of_gateway.map(|stage| stage.subject).collect();
        self.stages.iter().filter(move |stage| !of_gateway.contains(&stage.subject))
    }

    /// Returns the last stage that was passed, at the address that got furthest; a machine's own records and a gateway
    /// do not count. A certificate or the like, seen with another kind of hello behind a failed stage, takes no client
    /// there.
    pub fn reached(&self) -> Option<Stage> {
        // the first stage that failed at each address
        let mut fails: BTreeMap<SubjectId, Stage> = BTreeMap::new();
        for stage in self.stages.iter().filter(|stage| stage.outcome == Outcome::Failed) {
            let first = fails.entry(stage.subject).or_insert(stage.stage);
            *first = stage.stage.min(*first);
        }
        let failed = |s: &StageResult| fails.get(&s.subject).is_some_and(|first| *first < s.stage);
        let passed = self.to_hosts().filter(|s| matches!(s.outcome, Outcome::Passed | Outcome::Degraded));
        let passed = passed.filter(|stage| stage.stage <= Stage::Sequence && !failed(stage));
        passed.map(|stage| stage.stage).max()
    }
}

/// Adds the finding here to the text of a rung that passed by itself: "FAIL … accepted" alone would contradict itself.
fn blamed(text: String, stage: Stage, changed: bool, findings: &[&Finding]) -> String {
    let here = |f: &&&Finding| f.stage == stage && f.severity < Severity::Advisory;
    // the other rungs say by their texts what is wrong with them
    let silent = changed && matches!(stage, Stage::Tcp | Stage::X224 | Stage::Tls);
    match findings.iter().find(here).filter(|_| silent) {
        Some(found) => format!("{text}, but see {}", found.cause),
        None => text,
    }
}

fn overlay(outcome: Outcome, stage: Stage, findings: &[&Finding]) -> Outcome {
    let here = |severity| {
        let mut here = findings.iter().filter(|f| f.stage == stage);
        here.any(|finding| finding.severity == severity)
    };
    match outcome {
        Outcome::Passed | Outcome::Degraded if here(Severity::Blocking) => Outcome::Failed,
        Outcome::Passed if here(Severity::Degrading) => Outcome::Degraded,
        outcome => outcome,
    }
}

/// Reads the rungs that a subject has, in order.
fn rungs(case: Case<'_>) -> Vec<(Stage, Option<Rung>)> {
    let who = case.who();
    if who.role == Role::Gateway {
        return to_gateway::STAGES.iter().map(|stage| (*stage, to_gateway::rung(case, *stage))).collect();
    }
    let whose = Whose::of(who.role, who.address.is_some());
    let rooms = ROOMS.iter().filter(|room| Some(room.of) == whose);
    rooms.map(|room| (room.stage, (room.rung)(case))).collect()
}

/// The rung of a stage of which nothing was seen; `None` for a machine's records, which nobody has to have, and for
/// settings, which are told only where a host lets anyone so far.
fn unseen_rung(stage: Stage, unseen: &str) -> Option<Rung> {
    (!matches!(stage, Stage::Host | Stage::Client | Stage::Sequence))
        .then(|| (Outcome::Skipped, None, unseen.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::machine;
    use evidence::Fact;
    use evidence::state::{LogEvent, Unread};
    use wire::machine::X224Answer;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    /// Nobody tried to reach a machine whose file could not be read.
    #[test]
    fn a_machine_of_which_nothing_was_read_has_no_rung() {
        let unread = Unread { what: "a.evtx".to_owned(), why: "an empty file".to_owned() };
        let report = machine().with(Fact::Unread(unread)).diagnose();
        assert_eq!(report.stages, []);
    }

    #[test]
    fn entries_count_also_without_the_time_of_their_log() {
        let entry: LogEvent =
            serde_json::from_value(serde_json::json!({"at": "2026-11-21T08:00:00Z", "channel": "System",
            "provider": "TermDD", "id": 50, "record": 1}))
            .unwrap();
        let report = machine().with(Fact::LogEvent(entry)).diagnose();
        assert_eq!((report.stages.len(), report.stages[0].text.as_str()), (1, "read: 1 log entry"));
    }

    #[test]
    fn a_watched_client_without_tls_has_not_been_kept_from_it() {
        let selected = ServerAnswer::Selected { protocol: SecurityProtocols::RDP, flags: 0 };
        let sketch = crate::sketch::host("192.0.2.7");
        let report = sketch.watched_x224(SecurityProtocols::RDP, X224Answer::Server(selected)).diagnose();
        let tls = report.stages.iter().find(|stage| stage.stage == Stage::Tls).unwrap();
        assert_eq!(tls.text, "the host did not choose TLS");
    }
}
