//! The purpose of a connection, as the words behind its address.

use std::fmt;

use super::Version;
use crate::machine::{ConversationPlan, Limits};
use crate::stage::STAGES;
use crate::transcript::line::{Line, read_seconds, seconds};

/// The stages in the order of their limits in version 1, which did not name them.
const LIMITS_OF_VERSION_1: [&str; 4] = ["tcp", "x224", "tls", "credssp"];

pub(super) struct PlanText<'a>(pub(super) &'a ConversationPlan);

impl fmt::Display for PlanText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        STAGES.iter().try_for_each(|stage| (stage.write)(self.0, out))?;
        // a stage without time is one that the plan does not know
        let mut limits = self.0.limits;
        let limits = STAGES.iter().map(|stage| (stage.name, *(stage.limit)(&mut limits)));
        let limits: Vec<_> = limits
            .filter(|(_, limit)| !limit.is_zero())
            .map(|(name, limit)| format!("{name}:{}", seconds(limit)))
            .collect();
        if limits.is_empty() { Ok(()) } else { write!(out, "limits={}", limits.join(",")) }
    }
}

pub(super) fn read_plan(words: &mut Line<'_>, version: Version) -> Result<ConversationPlan, &'static str> {
    let mut plan = ConversationPlan::default();
    for word in words.rest() {
        let (key, value) = word.split_once('=').ok_or("plan")?;
        if key == "limits" {
            plan.limits = match version {
                Version::One => read_unnamed_limits(value),
                Version::Newer => read_limits(value),
            }
            .ok_or("limits")?;
        } else {
            STAGES.iter().find_map(|stage| (stage.read)(&mut plan, key, value)).ok_or("plan")??;
        }
    }
    Ok(plan)
}

fn read_limits(value: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    for limit in value.split(',') {
        let (name, limit) = limit.split_once(':')?;
        set(&mut limits, name, limit)?;
    }
    Some(limits)
}

fn read_unnamed_limits(value: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    let mut values = value.split(',');
    for name in LIMITS_OF_VERSION_1 {
        set(&mut limits, name, values.next()?)?;
    }
    Some(limits)
}

fn set(limits: &mut Limits, name: &str, limit: &str) -> Option<()> {
    let stage = STAGES.iter().find(|stage| stage.name == name)?;
    *(stage.limit)(limits) = read_seconds(limit)?;
    Some(())
}
