//! The purpose of a connection, as the words behind its address.

use std::fmt;

use super::{Line, read_seconds, seconds};
use crate::hex;
use crate::machine::{ConversationPlan, Limits};
use crate::stage::STAGES;

pub(super) struct PlanText<'a>(pub(super) &'a ConversationPlan);

impl fmt::Display for PlanText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        STAGES.iter().try_for_each(|stage| (stage.write)(self.0, out))?;
        let mut limits = self.0.limits;
        let limits: Vec<_> = STAGES.iter().map(|stage| seconds(*(stage.limit)(&mut limits))).collect();
        write!(out, "limits={} random={}", limits.join(","), hex::encode(&self.0.random))
    }
}

pub(super) fn read_plan(words: &mut Line<'_>) -> Result<ConversationPlan, &'static str> {
    let mut plan = ConversationPlan::default();
    for word in words.rest() {
        let (key, value) = word.split_once('=').ok_or("plan")?;
        if key == "limits" {
            plan.limits = read_limits(value).ok_or("limits")?;
        } else {
            STAGES.iter().find_map(|stage| (stage.read)(&mut plan, key, value)).ok_or("plan")??;
        }
    }
    Ok(plan)
}

fn read_limits(value: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    let mut parts = value.split(',').map(read_seconds);
    for stage in &STAGES {
        *(stage.limit)(&mut limits) = parts.next()??;
    }
    Some(limits)
}
