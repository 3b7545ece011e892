//! The stages of a connection, a room each: `stage/NAME.rs` holds the states that wait for something in it, its answer,
//! its share of the time, its words in a plan and in a transcript, and how these lose the names in them.
//!
//! [`crate::machine::Conversation`] runs the list of them. A new stage is a file here, its line in `STAGES`, its
//! answer, and its field in [`crate::machine::Outcome`], in [`Limits`] and in [`ConversationPlan`].

mod connection_sequence;
mod credssp;
pub(crate) mod interface;
mod tcp;
mod tls;
mod x224;

use std::time::Duration;

pub(crate) use tls::{accepted, read_up as read_tls_up, rename_chain, write_up as write_tls_up};
pub use tls::{begins_record, instead_of_tls};

use crate::machine::plan::{ConversationPlan, Limits};
use interface::Stage;

/// The stages on the way to a host, in the order in which they follow each other.
pub(crate) const STAGES: [Stage; 5] = [tcp::STAGE, x224::STAGE, tls::STAGE, credssp::STAGE, connection_sequence::STAGE];

impl ConversationPlan {
    /// The stages that it may go through, in their order.
    #[allow(clippy::unused_self, reason = "a plan that leads through a gateway will have others")]
    pub(crate) fn stages(&self) -> &'static [Stage] {
        &STAGES
    }
}

impl Limits {
    /// Gives each stage this time.
    pub fn each(limit: Duration) -> Self {
        Self::default().map(|_, _| limit)
    }

    /// The share of a connection's time-out that each stage has, in whole microseconds, which is what a transcript
    /// keeps. The shares overlap: the deadline of the whole connection leaves to others what one stage does not use.
    pub fn of(timeout: Duration) -> Self {
        Self::default().map(|stage, _| {
            let share = timeout.saturating_mul(stage.share).as_micros().div_euclid(10);
            Duration::from_micros(u64::try_from(share).unwrap_or(u64::MAX).max(1))
        })
    }

    /// The limits, each at most `most`.
    #[must_use]
    pub fn at_most(self, most: Duration) -> Self {
        self.map(|_, limit| limit.min(most))
    }

    fn map(mut self, change: impl Fn(&Stage, Duration) -> Duration) -> Self {
        for stage in &STAGES {
            let limit = (stage.limit)(&mut self);
            *limit = change(stage, *limit);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_a_limit_and_a_share_of_its_own() {
        let mut limits = Limits::default();
        for (number, stage) in (1..).zip(&STAGES) {
            assert_eq!(*(stage.limit)(&mut limits), Duration::ZERO, "{} has the limit of another", stage.name);
            *(stage.limit)(&mut limits) = Duration::from_secs(number);
            assert!((1..10).contains(&stage.share), "{}", stage.name);
        }
        assert_eq!(Limits::of(Duration::ZERO), Limits::each(Duration::from_micros(1)), "no stage without any time");
        let shares = Limits::of(Duration::from_secs(10));
        assert_eq!((shares.tcp, shares.x224), (Duration::from_secs(4), Duration::from_secs(4)));
        let capped = shares.at_most(Duration::from_millis(3500));
        assert_eq!((capped.tcp, capped.x224), (Duration::from_millis(3500), Duration::from_millis(3500)));
    }
}
