//! One of the two that are compared, as its report tells of it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Stage;
use serde_json::Value;
use thiserror::Error;

use super::saved::{Saved, SavedFinding, SavedStage, Text};
use crate::cause::Severity;
use crate::report::{Diagnosis, Outcome, ReportTarget, SCHEMA, Verdict};

/// Reason why text is no report that can be compared.
#[derive(Debug, Error)]
pub enum SideError {
    /// No JSON, or none of a report.
    #[error("it is no report of this program")]
    Json(#[from] serde_json::Error),
    /// JSON of something else, or of a version that is not known.
    #[error("it is no report of this program (schema {0:?}, not {SCHEMA})")]
    Schema(String),
    /// A field holds a word that no report has there.
    #[error("the report says {0:?} where no report of this program does")]
    Word(String),
}

/// Finding of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub cause: String,
    pub severity: Severity,
    pub stage: Stage,
    pub title: String,
}

/// Outcome of a stage at the address that got furthest with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passed {
    pub outcome: Outcome,
    /// Seconds that it took.
    pub seconds: Option<f64>,
    pub text: String,
}

impl Passed {
    /// True if the stage was gone through, with or without trouble.
    pub(super) fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Degraded)
    }
}

/// One of the two: what its report says, made safe to print and bounded.
#[derive(Debug)]
pub struct Side {
    pub(super) target: Option<ReportTarget>,
    pub(super) at: String,
    pub(super) client: String,
    pub(super) interrupted: bool,
    pub(super) verdict: Verdict,
    pub(super) reached: Option<Stage>,
    pub(super) findings: Vec<Found>,
    pub(super) ruled_out: BTreeSet<String>,
    pub(super) stages: BTreeMap<Stage, Passed>,
    pub(super) servers: BTreeSet<String>,
    /// Values of facts about hosts and resolvers, by the name of the fact, each once.
    facts: BTreeMap<String, Vec<Value>>,
    /// TLS versions that a complete survey saw accepted.
    pub(super) versions: Option<BTreeSet<String>>,
}

impl Side {
    /// Takes what is compared from a diagnosis.
    pub fn of(diagnosis: &Diagnosis) -> Self {
        Self::read(&diagnosis.to_json()).expect("a report of our own is one")
    }

    /// Reads a report from JSON.
    ///
    /// # Errors
    ///
    /// Text that is no report of this version.
    pub fn read(json: &str) -> Result<Self, SideError> {
        let saved: Saved = serde_json::from_str(json)?;
        if saved.schema.0 != SCHEMA {
            return Err(SideError::Schema(saved.schema.0));
        }
        let of_role = |role: &'static str| {
            let subjects = saved.subjects.0.iter().filter(move |subject| subject.role.0 == role);
            subjects.map(|subject| subject.id).collect::<BTreeSet<_>>()
        };
        let (gateways, asked) = (of_role("gateway"), &of_role("host") | &of_role("resolver"));
        let mut facts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for seen in saved.observations.0.into_iter().filter(|seen| asked.contains(&seen.subject)) {
            let values = facts.entry(seen.fact.0).or_default();
            if !values.contains(&seen.value.0) {
                values.push(seen.value.0);
            }
        }
        let likely = saved.servers.0.into_iter().filter(|server| server.confidence.0 != "possible");
        let surveys = &saved.surveys.0;
        let complete = !surveys.is_empty() && surveys.iter().all(|survey| survey.complete);
        let accepted = surveys.iter().flat_map(|survey| &survey.tls.0).filter(|tls| tls.accepted == Some(true));
        Ok(Self {
            target: saved.target.map(|target| ReportTarget { host: target.host.0, port: target.port }),
            at: saved.at.0,
            client: saved.client.map(|client| client.name.0).unwrap_or_default(),
            interrupted: saved.interrupted,
            verdict: verdict(&saved.verdict)?,
            reached: saved.reached.as_ref().map(stage).transpose()?,
            findings: saved.findings.0.into_iter().map(found).collect::<Result<_, _>>()?,
            ruled_out: saved.ruled_out.0.into_iter().map(|cause| cause.0).collect(),
            stages: stages(saved.stages.0.into_iter().filter(|stage| !gateways.contains(&stage.subject)))?,
            servers: likely.map(|server| server.name.0).collect(),
            versions: complete.then(|| accepted.map(|tls| tls.version.0.clone()).collect()),
            facts,
        })
    }

    /// Returns the values of a fact, each once.
    pub(super) fn values(&self, fact: &str) -> &[Value] {
        self.facts.get(fact).map_or(&[], Vec::as_slice)
    }

    /// Returns the texts of a fact, or of the lists that it holds.
    pub(super) fn texts(&self, fact: &str) -> BTreeSet<&str> {
        let lists = self.values(fact).iter().filter_map(Value::as_array).flatten();
        self.values(fact).iter().chain(lists).filter_map(Value::as_str).collect()
    }

    /// True if a finding of this cause is in the report.
    pub(super) fn has(&self, cause: &str) -> bool {
        self.findings.iter().any(|found| found.cause == cause)
    }

    /// True unless connections were tried and the host answered none, not even by a refusal: nothing is known of it.
    pub(super) fn was_heard(&self) -> bool {
        let answers = self.texts("tcp.answer");
        answers.is_empty() || answers.contains("accepted") || answers.contains("refused")
    }

    /// Iterates over the findings that make a host faulty.
    pub(super) fn faults(&self) -> impl Iterator<Item = &Found> {
        self.findings.iter().filter(|found| found.severity < Severity::Advisory)
    }
}

fn found(saved: SavedFinding) -> Result<Found, SideError> {
    let severity = match saved.severity.0.as_str() {
        "blocking" => Severity::Blocking,
        "degrading" => Severity::Degrading,
        "advisory" => Severity::Advisory,
        _ => return Err(SideError::Word(saved.severity.0)),
    };
    Ok(Found { stage: stage(&saved.stage)?, cause: saved.cause.0, severity, title: saved.title.0 })
}

fn verdict(word: &Text) -> Result<Verdict, SideError> {
    match word.0.as_str() {
        "healthy" => Ok(Verdict::Healthy),
        "faulty" => Ok(Verdict::Faulty),
        "undetermined" => Ok(Verdict::Undetermined),
        _ => Err(SideError::Word(word.0.clone())),
    }
}

fn stage(word: &Text) -> Result<Stage, SideError> {
    let found = Stage::ALL.into_iter().find(|stage| stage.word() == word.0);
    found.ok_or_else(|| SideError::Word(word.0.clone()))
}

/// Keeps of each stage its best outcome.
fn stages(saved: impl Iterator<Item = SavedStage>) -> Result<BTreeMap<Stage, Passed>, SideError> {
    let mut best: BTreeMap<Stage, Passed> = BTreeMap::new();
    for rung in saved {
        let outcome = match rung.outcome.0.as_str() {
            "passed" => Outcome::Passed,
            "degraded" => Outcome::Degraded,
            "failed" => Outcome::Failed,
            "skipped" => Outcome::Skipped,
            _ => return Err(SideError::Word(rung.outcome.0)),
        };
        let (stage, here) = (stage(&rung.stage)?, Passed { outcome, seconds: rung.seconds, text: rung.text.0 });
        let rank = |outcome| match outcome {
            Outcome::Passed => 0,
            Outcome::Degraded => 1,
            Outcome::Failed => 2,
            Outcome::Skipped => 3,
        };
        let kept = best.entry(stage).or_insert_with(|| here.clone());
        if rank(here.outcome) < rank(kept.outcome) {
            *kept = here;
        }
    }
    Ok(best)
}
