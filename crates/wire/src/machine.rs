//! One connection to one address, as a machine without I/O: events and the time go in, actions come out.
//!
//! A connection is a list of stages ([`crate::stage`]), of which each begins where the answers before it lead. The
//! driver (`collect`) owns sockets, TLS stacks and the clock; it hands in what happened with the time since the start
//! of the connection, and does what it is told. Whatever the peer does, the machine ends: every state has a deadline,
//! every buffer a bound.

pub(crate) mod answer;
pub(crate) mod event;
pub(crate) mod outcome;
pub(crate) mod plan;

use std::time::Duration;

pub use answer::{
    ConnectionSequenceAnswer, CredsspAnswer, Ended, Presented, TcpAnswer, TlsAnswer, Withdrawal, X224Answer,
};
pub use event::{Action, ConnectFailure, End, Event, TlsFailure};
pub use outcome::{Outcome, Timed};
pub use plan::{ConversationPlan, Limits, PathPlan};

use crate::stage::interface::{Redact, Waiting};

/// The machine.
#[derive(Debug)]
pub struct Conversation {
    plan: ConversationPlan,
    /// The state of the present stage; `None` when ended.
    state: Option<Box<dyn Waiting>>,
    /// When the present stage began.
    began: Duration,
    /// How many stages of the plan have been looked at.
    passed: usize,
    /// Layers that were put on top of TCP.
    layers: usize,
    outcome: Outcome,
}

impl Conversation {
    /// Waits for the connection that the driver opens.
    pub fn new(plan: ConversationPlan) -> Self {
        let outcome = Outcome::default();
        let mut machine = Self { plan, state: None, began: Duration::ZERO, passed: 0, layers: 0, outcome };
        machine.go_on(Duration::ZERO, Vec::new());
        machine
    }

    /// True when nothing more will happen.
    pub fn ended(&self) -> bool {
        self.state.is_none()
    }

    /// When the driver must hand in [`Event::Time`], since the start of the connection; `None` when ended.
    pub fn deadline(&self) -> Option<Duration> {
        self.state.as_ref().map(|state| self.began.saturating_add(state.limit(&self.plan)))
    }

    /// The answers so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Hands in what happened at `now`, the time since the start of the connection.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if event == Event::RehearsalFailed {
            // only that the peer accepted the connection does not depend on what we said
            let tcp = self.outcome.tcp.take();
            self.outcome = Outcome { tcp, rehearsal_failed: Some(now), ..Outcome::default() };
            return self.state.take().map_or_else(Vec::new, |_| vec![Action::Close]);
        }
        let Some(state) = &mut self.state else { return Vec::new() };
        self.outcome.certificate_requested |= event == Event::CertificateRequested;
        if !state.handle(event, self.began, now, &mut self.outcome) {
            return Vec::new();
        }
        let left = state.left();
        self.go_on(now, left)
    }

    /// Begins the next stage that the plan asks for and the answers lead to, or ends.
    fn go_on(&mut self, now: Duration, mut left: Vec<u8>) -> Vec<Action> {
        self.began = now;
        for stage in self.plan.stages().get(self.passed..).unwrap_or_default() {
            self.passed = self.passed.saturating_add(1);
            if let Some(begun) = (stage.begin)(&self.plan, &self.outcome, &mut left) {
                let upgrades = begun.actions.iter().filter(|action| matches!(action, Action::UpgradeTls(_))).count();
                self.layers = self.layers.saturating_add(upgrades);
                self.state = Some(begun.state);
                return begun.actions;
            }
        }
        self.state = None;
        vec![Action::Close]
    }

    /// By whom bytes would be read at present; `None` where they mean nothing.
    pub(crate) fn reading(&self) -> Option<Reading> {
        let redact = self.state.as_ref()?.redact()?;
        Some(Reading { layer: self.layers, stage: self.passed, redact })
    }
}

/// By whom bytes are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The layer that they come out of, counted from TCP.
    pub(crate) layer: usize,
    /// The number of the stage, among those of the plan.
    pub(crate) stage: usize,
    /// How they lose the names in them.
    pub(crate) redact: Redact,
}

#[cfg(test)]
mod tests;
