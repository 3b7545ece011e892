//! What a cause is: a name, proofs, a page, fixes. One file of [`crate::causes`] declares one.

use evidence::{Because, Role, Stage};
use schemars::JsonSchema;
use serde::Serialize;

use crate::case::Case;
use crate::need::Need;

/// What a cause does to a connection.
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

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The evidence allows nothing else.
    Proven,
    /// The evidence fits this best; something else is not excluded.
    Likely,
    /// The evidence allows this.
    Possible,
}

/// What a proof that holds rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Another severity than the cause's usual one.
    pub severity: Option<Severity>,
    /// A lower confidence than the proof's usual one.
    pub confidence: Option<Confidence>,
    /// The reasons; never empty.
    pub because: Vec<Because>,
}

impl Ground {
    /// The usual severity and confidence.
    pub fn on(because: Vec<Because>) -> Self {
        Self { severity: None, confidence: None, because }
    }

    /// The same with this severity.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// The same with this confidence.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Self { confidence: Some(confidence), ..self }
    }
}

/// What a proof shows when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The cause is there, this surely.
    Presence(Confidence),
    /// The cause is not there.
    Absence,
}

/// One way to show that a cause is there, or that it is not.
#[derive(Debug)]
pub struct Proof {
    /// What it shows.
    pub shows: Shows,
    /// The questions that must have been answered.
    pub needs: &'static [Need],
    /// Looks at the answers; pure. Called only when all needs are answered.
    pub holds: fn(Case<'_>) -> Option<Ground>,
}

/// A cause that this one brings about.
#[derive(Debug)]
pub struct Explains {
    /// Its id.
    pub cause: &'static str,
    /// True if it does so here.
    pub when: fn(Case<'_>) -> bool,
}

/// What people read about a cause.
#[derive(Debug)]
pub struct Page {
    /// What the person sees and the wire shows.
    pub what_happens: &'static str,
    /// How a host comes to this.
    pub why: &'static str,
    /// How to make sure, in words.
    pub confirm: &'static str,
    /// One read-only command that shows it on the host or the client (PowerShell).
    pub command: &'static str,
    /// What to do about it.
    pub how_to_fix: &'static str,
    /// Specifications and documents.
    pub references: &'static [&'static str],
}

/// Why a connection fails.
#[derive(Debug)]
pub struct Cause {
    /// Its public name, never reused.
    pub id: &'static str,
    /// Completes "the connection fails because …".
    pub title: &'static str,
    /// Where it lies.
    pub stage: Stage,
    /// What it usually does.
    pub severity: Severity,
    /// Whose fault it is: every subject with this part is judged.
    pub role: Role,
    /// Client codes (`discReason`) that it produces; empty where that is not known.
    pub codes: &'static [u32],
    /// How it is shown.
    pub proofs: &'static [Proof],
    /// What it brings about.
    pub explains: &'static [Explains],
    /// What people read about it.
    pub page: Page,
    /// What helps, best first.
    pub fixes: &'static [&'static str],
}

/// What is known about a cause and a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// A proof of presence is complete.
    Present {
        /// What it does here.
        severity: Severity,
        /// How sure.
        confidence: Confidence,
        /// Why.
        because: Vec<Because>,
    },
    /// A proof of absence is complete.
    Absent(Vec<Because>),
    /// Neither, with what would have to be asked.
    Unknown(Vec<Need>),
}

impl Cause {
    /// Judges one subject. The surest proof of presence wins; presence wins over absence, so that a contradiction is
    /// seen rather than hidden.
    pub fn judge(&self, case: Case<'_>) -> Judgement {
        let mut present: Option<(Confidence, Ground)> = None;
        let mut absent = None;
        let mut open = Vec::new();
        for proof in self.proofs {
            let missing: Vec<Need> = proof.needs.iter().copied().filter(|need| !need.answered(case)).collect();
            if !missing.is_empty() {
                open.extend(missing);
                continue;
            }
            match (proof.shows, (proof.holds)(case)) {
                (_, None) => {}
                (Shows::Absence, Some(ground)) => absent = absent.or(Some(ground.because)),
                (Shows::Presence(usual), Some(ground)) => {
                    let confidence = ground.confidence.unwrap_or(usual).max(usual);
                    if present.as_ref().is_none_or(|(best, _)| confidence < *best) {
                        present = Some((confidence, ground));
                    }
                }
            }
        }
        match (present, absent) {
            (Some((confidence, ground)), _) => Judgement::Present {
                severity: ground.severity.unwrap_or(self.severity),
                confidence,
                because: ground.because,
            },
            (None, Some(because)) => Judgement::Absent(because),
            (None, None) => Judgement::Unknown(distinct(open)),
        }
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
