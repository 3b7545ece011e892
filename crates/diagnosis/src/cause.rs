//! Declaration of a cause: a name, proofs, a page, fixes. One file of [`crate::causes`] declares one.

use evidence::{Because, Role, Stage};
use schemars::JsonSchema;
use serde::Serialize;

use crate::case::Case;
use crate::need::{Answers, Need};

/// Effect of a cause on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// By itself prevents the connection.
    Blocking,
    /// Will break it, or hampers it.
    Degrading,
    /// Worth knowing; never changes verdict or exit status.
    Advisory,
}

/// Confidence in a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence allows no other explanation.
    Proven,
    /// The evidence fits this best; others are not excluded.
    Likely,
    /// The evidence allows this explanation.
    Possible,
}

/// Reasons on which a proof that holds rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Severity, where it differs from the cause's usual one.
    pub severity: Option<Severity>,
    /// Confidence, where it is lower than the proof's usual one.
    pub confidence: Option<Confidence>,
    /// The reasons: at least one for presence, none for absence, which is not told of one by one.
    pub because: Vec<Because>,
}

impl Ground {
    /// Makes a ground with the usual severity and confidence.
    pub fn on(because: Vec<Because>) -> Self {
        Self { severity: None, confidence: None, because }
    }

    /// Makes the ground of an absence, for which no sentence is written: a healthy host has some fifty of them.
    pub fn nothing() -> Self {
        Self::on(Vec::new())
    }

    /// Changes the severity.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// Changes the confidence.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Self { confidence: Some(confidence), ..self }
    }
}

/// Conclusion of a proof that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The cause is present, with this confidence.
    Presence(Confidence),
    /// The cause is absent.
    Absence,
}

/// One way to show that a cause is present or absent.
#[derive(Debug)]
pub struct Proof {
    /// Conclusion if it holds.
    pub shows: Shows,
    /// Questions that must have been answered.
    pub needs: &'static [Need],
    /// Looks at the answers; pure. Called only when all needs are answered.
    pub holds: fn(Case<'_>) -> Option<Ground>,
}

/// Link to a cause that this one brings about.
#[derive(Debug)]
pub struct Explains {
    /// Id of that cause.
    pub cause: &'static str,
    /// True if it does so here.
    pub when: fn(Case<'_>) -> bool,
}

/// Page about a cause, for people.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Symptoms: what the person sees and the wire shows.
    pub what_happens: &'static str,
    /// Reasons how a host gets into this state.
    pub why: &'static str,
    /// Way to make sure, in words.
    pub confirm: &'static str,
    /// One read-only command that shows it on the host or the client (PowerShell).
    pub command: &'static str,
    /// Remedy, in words.
    pub how_to_fix: &'static str,
    /// Specifications and documents.
    pub references: &'static [&'static str],
}

/// Declaration of a reason why connections fail.
#[derive(Debug, Clone, Copy)]
pub struct Cause {
    /// Public name, never reused.
    pub id: &'static str,
    /// Completes "the connection fails because …".
    pub title: &'static str,
    /// Stage at which it lies.
    pub stage: Stage,
    /// Its usual effect.
    pub severity: Severity,
    /// Part of the machine at fault: every subject with this part is judged.
    pub role: Role,
    /// Client codes (`discReason`) that it produces; empty where not known.
    pub codes: &'static [u32],
    /// Ways to show it, present or absent.
    pub proofs: &'static [Proof],
    /// Causes that it brings about.
    pub explains: &'static [Explains],
    /// Page about it, for people.
    pub page: Page,
    /// Ids of fixes, best first.
    pub fixes: &'static [&'static str],
}

/// Judgement of a cause for one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// A proof of presence is complete.
    Present {
        /// Effect here.
        severity: Severity,
        /// Confidence here.
        confidence: Confidence,
        /// Reasons.
        because: Vec<Because>,
    },
    /// A proof of absence is complete.
    Absent,
    /// Neither, with the needs that are open.
    Unknown,
}

impl Cause {
    /// Judges one subject. The surest proof of presence wins; presence wins over absence, so that a contradiction is
    /// seen rather than hidden.
    pub fn judge(&self, case: Case<'_>) -> Judgement {
        self.judge_with(case, &mut Answers::default())
    }

    /// Judges one subject as [`Cause::judge`] does. `answers` remembers what is answered about it from cause to cause.
    pub(crate) fn judge_with(&self, case: Case<'_>, answers: &mut Answers) -> Judgement {
        let mut present: Option<(Confidence, Ground)> = None;
        for proof in self.proofs {
            let Shows::Presence(usual) = proof.shows else { continue };
            // a ground may lower the usual confidence, never raise it
            if present.as_ref().is_some_and(|(best, _)| *best <= usual) {
                continue;
            }
            let Some(ground) = proof.holds(case, answers) else { continue };
            let confidence = ground.confidence.unwrap_or(usual).max(usual);
            if present.as_ref().is_none_or(|(best, _)| confidence < *best) {
                present = Some((confidence, ground));
            }
        }
        if let Some((confidence, ground)) = present {
            let severity = ground.severity.unwrap_or(self.severity);
            return Judgement::Present { severity, confidence, because: ground.because };
        }
        let mut absence = self.proofs.iter().filter(|proof| proof.shows == Shows::Absence);
        if absence.any(|proof| proof.holds(case, answers).is_some()) { Judgement::Absent } else { Judgement::Unknown }
    }

    /// True if a probe alone can show it; else it takes the machine's own records.
    pub fn shows_to_a_probe(&self) -> bool {
        let presence = self.proofs.iter().filter(|proof| matches!(proof.shows, Shows::Presence(_)));
        presence.into_iter().any(|proof| proof.needs.iter().all(|need| need.has_question()))
    }

    /// Returns the questions that would have to be answered for a cause that is [`Judgement::Unknown`], but for those
    /// that a machine of another kind alone can answer.
    pub fn open(&self, case: Case<'_>) -> Vec<Need> {
        let needs = self.proofs.iter().flat_map(|proof| proof.needs.iter().copied());
        let foreign = |need: &Need| case.is_linux() && need.is_of_windows();
        distinct(needs.filter(|need| !need.answered(case) && !foreign(need)).collect())
    }
}

impl Proof {
    /// Looks at the evidence; `None` while a question is open, or if the proof does not hold.
    fn holds(&self, case: Case<'_>, answers: &mut Answers) -> Option<Ground> {
        if self.needs.iter().all(|need| answers.has(case, *need)) { (self.holds)(case) } else { None }
    }
}

fn distinct(needs: Vec<Need>) -> Vec<Need> {
    let mut once = Vec::new();
    for need in needs {
        if !once.contains(&need) {
            once.push(need);
        }
    }
    once
}
