//! One rung of the ladder, as a stage reads it off the evidence.

use std::time::Duration;

use evidence::Observation;
use schemars::JsonSchema;
use serde::Serialize;

use crate::case::Case;

/// Outcome of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done, without a fault.
    Passed,
    /// Attempted, without success.
    Failed,
    /// Done, with a fault.
    Degraded,
    /// Not tried: an earlier stage failed, or the host does not have it.
    Skipped,
}

impl Outcome {
    /// Returns the word in the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::Skipped => "skipped",
        }
    }
}

/// Beginning of the text of a rung that this computer itself kept the probe from.
pub const NOT_TRIED: &str = "this computer could not try";

/// Reason of a computer without a network.
pub const NO_NETWORK: &str = "it has no network";

/// Rung before findings are laid over it: outcome, duration, summary.
pub type Rung = (Outcome, Option<Duration>, String);

/// Returns the observation with this number.
fn observation(case: Case<'_>, id: usize) -> &Observation {
    &case.evidence.observations[id - 1]
}

/// Returns the time that the question took.
pub(crate) fn took(case: Case<'_>, id: usize) -> Option<Duration> {
    observation(case, id).took
}
