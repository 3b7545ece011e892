//! The purpose of one connection, and the time of its stages.

use std::time::Duration;

use crate::stage::{STAGES, Stage};
use crate::tls::{HelloShape, TlsOffer};
use crate::x224::ConnectionRequest;

/// The purpose of one connection: how far it goes, and what it says on the way. Nothing is asked by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationPlan {
    /// The Connection Request; `None` starts with TLS at once.
    pub request: Option<ConnectionRequest>,
    /// How long the request is held back, to see whether the peer closes or speaks first.
    pub hold: Duration,
    /// The handshake to begin if the server selects a protocol that has one; `None` stops after the answer.
    pub tls: Option<TlsOffer>,
    /// The `TSRequest` version to introduce ourselves with, if the server selects CredSSP; `None` stops after TLS.
    pub credssp: Option<u32>,
    /// Ask for the server's settings, if it selects a protocol that lets anyone so far.
    pub connection_sequence: bool,
    /// The chance in our own ClientHello.
    pub random: [u8; 32],
    /// Whose manner our hellos follow, by whatever stack, and whom they ask for.
    pub shape: HelloShape,
    /// How long each stage may take.
    pub limits: Limits,
}

impl ConversationPlan {
    /// True if both say the same to a host, however long they wait for an answer.
    pub fn same_words(&self, other: &Self) -> bool {
        let words = |plan: &Self| Self { random: [0; 32], limits: Limits::default(), ..plan.clone() };
        words(self) == words(other)
    }

    /// The stages that it may go through, in their order.
    #[allow(clippy::unused_self, reason = "a plan that leads through a gateway will have others")]
    pub(crate) fn stages(&self) -> &'static [Stage] {
        &STAGES
    }
}

/// How long each stage may take at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// From the SYN to the answer.
    pub tcp: Duration,
    /// From the Connection Request to the whole answer.
    pub x224: Duration,
    /// From the ClientHello to the finished handshake (or the whole flight).
    pub tls: Duration,
    /// From our `TSRequest` to the whole answer.
    pub credssp: Duration,
    /// From the Connect Initial to the whole answer.
    pub connection_sequence: Duration,
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
