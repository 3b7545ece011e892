//! The interface of a stage: how it begins, waits and ends, is written in a transcript, and is redacted.

use std::fmt;
use std::time::Duration;

use crate::machine::event::{Action, Event};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::{ConversationPlan, Limits};
use crate::redaction::Names;

/// Declaration of a stage, of which there is one in each room beside this file.
pub(crate) struct Stage {
    /// Its name in a transcript.
    pub(crate) name: &'static str,
    /// Its share of the time-out of a connection, in tenths.
    pub(crate) share: u32,
    /// Its limit among those of a plan.
    pub(crate) limit: fn(&mut Limits) -> &mut Duration,
    /// Begins it, if the plan asks for it and what was found out leads there. The bytes came behind the answer of the
    /// stage before; who has a use for them takes them.
    pub(crate) begin: fn(&ConversationPlan, &Outcome, &mut Vec<u8>) -> Option<Begun>,
    /// Writes what the plan asks of it: words with a space behind each.
    pub(crate) write: fn(&ConversationPlan, &mut fmt::Formatter<'_>) -> fmt::Result,
    /// Reads one of these words, if it is one of its own.
    pub(crate) read: fn(&mut ConversationPlan, &str, &str) -> Option<Result<(), &'static str>>,
    /// Renames whom the plan names in it.
    pub(crate) rename: fn(&mut ConversationPlan, &mut Names),
    /// Says in words for people which message of it these bytes are.
    pub(crate) remark: fn(&[u8]) -> Option<String>,
}

impl Stage {
    /// A stage of which no plan says anything: what the others differ from.
    pub(super) const BARE: Self = Self {
        name: "",
        share: 0,
        limit: |limits| &mut limits.tcp,
        begin: |_, _, _| None,
        write: |_, _| Ok(()),
        read: |_, _, _| None,
        rename: |_, _| {},
        remark: |_| None,
    };
}

/// A stage that has begun.
pub(crate) struct Begun {
    /// Actions that begin it.
    pub(crate) actions: Vec<Action>,
    /// The state that waits for the answer.
    pub(crate) state: Box<dyn Waiting>,
}

/// Writes over received bytes whatever names somebody, and returns as many; also what stands behind the answer, which
/// is read by the next stage of the same layer.
pub(crate) type Redact = for<'a> fn(&'a [u8], &mut Names) -> (Vec<u8>, &'a [u8]);

/// A state that waits for the answer of its stage.
pub(crate) trait Expect: fmt::Debug + Send + 'static {
    /// The answer of the stage, with what came beside it.
    type Answer;

    /// How received bytes are redacted; `None` where the state has no use for bytes.
    const REDACT: Option<Redact> = None;

    /// Puts the answer where it belongs.
    fn keep(answer: Timed<Self::Answer>, outcome: &mut Outcome);

    /// How long it waits at most.
    fn limit(&self, plan: &ConversationPlan) -> Duration;

    /// Hears how long the stage has taken when something happens.
    fn passed(&mut self, _elapsed: Duration) {}

    /// Puts what is known at `now` where it belongs, though the stage waits for more.
    fn keep_so_far(&self, _now: Duration, _outcome: &mut Outcome) {}

    /// Takes what happened; returns the answer once there is one.
    fn handle(&mut self, event: Event) -> Option<Self::Answer>;

    /// The bytes that came behind the answer.
    fn left(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// An [`Expect`] of any stage.
pub(crate) trait Waiting: fmt::Debug + Send {
    /// [`Expect::limit`].
    fn limit(&self, plan: &ConversationPlan) -> Duration;

    /// [`Expect::handle`] at `now`, where the stage began at `began`; true once the answer is in `outcome`.
    fn handle(&mut self, event: Event, began: Duration, now: Duration, outcome: &mut Outcome) -> bool;

    /// [`Expect::left`].
    fn left(&mut self) -> Vec<u8>;

    /// [`Expect::REDACT`].
    fn redact(&self) -> Option<Redact>;
}

impl<E: Expect> Waiting for E {
    fn limit(&self, plan: &ConversationPlan) -> Duration {
        Expect::limit(self, plan)
    }

    fn handle(&mut self, event: Event, began: Duration, now: Duration, outcome: &mut Outcome) -> bool {
        self.passed(now.saturating_sub(began));
        let Some(value) = Expect::handle(self, event) else {
            self.keep_so_far(now, outcome);
            return false;
        };
        E::keep(Timed { value, took: now.saturating_sub(began), at: now }, outcome);
        true
    }

    fn left(&mut self) -> Vec<u8> {
        Expect::left(self)
    }

    fn redact(&self) -> Option<Redact> {
        E::REDACT
    }
}

/// Bytes of an answer that are kept as evidence.
const KEPT: usize = 64;

/// The beginning of bytes that mean nothing to us.
pub(crate) fn kept(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take(KEPT).collect()
}
