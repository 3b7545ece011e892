//! A handshake of a TLS stack, and what the peer does right behind it.

use std::time::Duration;

use crate::machine::answer::{Ended, Presented, TlsAnswer};
use crate::machine::event::{Event, TlsFailure};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::ConversationPlan;
use crate::stage::interface::{Expect, kept};

/// Longest time that a peer has for a remark behind the handshake, if nothing else is asked of it: one that misses
/// something, or whose own way on is broken, ends the connection at once.
const REMARK: Duration = Duration::from_millis(250);
/// Shortest time for it.
const REMARK_LEAST: Duration = Duration::from_millis(25);
/// Multiple of the handshake's own time, which has the way to the peer and its pace in it.
const REMARK_PACE: u32 = 4;

/// Returns the time for a remark behind a handshake that took this long.
fn for_remark(handshake: Duration) -> Duration {
    handshake.saturating_mul(REMARK_PACE).clamp(REMARK_LEAST, REMARK)
}

/// Waits for a TLS stack.
#[derive(Debug, Default)]
pub(super) struct ExpectTunnel {
    /// Nothing follows in the plan.
    last: bool,
    /// The peer asked for a certificate of ours.
    requested: bool,
    /// The time so far.
    elapsed: Duration,
    /// The handshake as it was finished, while the peer may still say something: in TLS 1.3 it says only afterwards
    /// that it misses a certificate.
    up: Option<Tunnel>,
}

/// The end of a handshake of a TLS stack.
#[derive(Debug)]
pub(crate) struct Tunnel {
    answer: TlsAnswer,
    presented: Presented,
    /// How long it took; `None` for the whole stage.
    took: Option<Duration>,
    /// The peer ended the connection behind it by itself.
    ended: Option<Ended>,
}

impl Tunnel {
    fn failed(answer: TlsAnswer) -> Self {
        Self { answer, presented: Presented::default(), took: None, ended: None }
    }
}

impl Expect for ExpectTunnel {
    type Answer = Tunnel;

    fn keep(answer: Timed<Self::Answer>, outcome: &mut Outcome) {
        let Timed { value: Tunnel { answer: value, presented, took: own, ended }, took, at } = answer;
        let waited = own.map_or(Duration::ZERO, |own| took.saturating_sub(own));
        let timed = Timed { value, took: took.saturating_sub(waited), at: at.saturating_sub(waited) };
        (outcome.tls, outcome.presented, outcome.ended_behind_tls) = (Some(timed), presented, ended);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        match &self.up {
            Some(Tunnel { took: Some(took), .. }) if !self.requested => {
                took.saturating_add(for_remark(*took).min(plan.limits.tls))
            }
            _ => plan.limits.tls,
        }
    }

    fn passed(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    fn keep_so_far(&self, now: Duration, outcome: &mut Outcome) {
        let Some(up) = self.up.as_ref().filter(|_| outcome.tls.is_none()) else { return };
        outcome.tls = Some(Timed { value: up.answer.clone(), took: self.elapsed, at: now });
        outcome.presented = up.presented.clone();
    }

    fn handle(&mut self, event: Event) -> Option<Self::Answer> {
        if self.up.is_some() && !self.requested {
            return self.remark(&event);
        }
        Some(Tunnel::failed(match event {
            Event::CertificateRequested => {
                self.requested = true;
                return None;
            }
            Event::TlsUp { version, suite, chain } => {
                let answer = TlsAnswer::Accepted { version: Some(version), suite, finished: true };
                let presented = Presented { chain, ..Presented::default() };
                let up = Tunnel { answer, presented, took: Some(self.elapsed), ended: None };
                if self.last {
                    self.up = Some(up);
                    return None;
                }
                return Some(up);
            }
            Event::Time | Event::Bytes(_) if self.up.is_some() => return self.up.take(),
            Event::TlsFailed(TlsFailure::Alert(alert)) => TlsAnswer::Alert(alert),
            Event::TlsFailed(TlsFailure::Closed { end, bytes }) => TlsAnswer::Closed { end, bytes },
            Event::Closed(end) => TlsAnswer::Closed { end, bytes: 0 },
            Event::TlsFailed(TlsFailure::WrongKey) => TlsAnswer::WrongKey,
            Event::TlsFailed(TlsFailure::NotTls(bytes)) => TlsAnswer::NotTls(kept(&bytes)),
            Event::TlsFailed(TlsFailure::Peer(words)) => TlsAnswer::Malformed(words),
            Event::TlsFailed(TlsFailure::Own(words)) => TlsAnswer::OwnFailure(words),
            Event::Time => TlsAnswer::Silent { bytes: 0 },
            _ => return None,
        }))
    }
}

impl ExpectTunnel {
    /// Begins to wait; `last` where nothing follows in the plan.
    pub(super) fn new(last: bool) -> Self {
        Self { last, ..Self::default() }
    }

    /// Takes what a peer does behind its handshake, of which it wanted nothing more.
    fn remark(&mut self, event: &Event) -> Option<Tunnel> {
        let ended = match event {
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => Some(Ended::Closed(*end)),
            Event::TlsFailed(TlsFailure::Alert(alert)) => Some(Ended::Alert(*alert)),
            Event::Time | Event::Bytes(_) | Event::TlsFailed(_) => None,
            _ => return None,
        };
        self.up.take().map(|up| Tunnel { ended, ..up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host nearby keeps nobody waiting; one far away, or slow, has a quarter of a second.
    #[test]
    fn the_time_for_a_remark_follows_the_handshake() {
        let waited = [1, 10, 40, 100, 5_000].map(|millis| for_remark(Duration::from_millis(millis)).as_millis());
        assert_eq!(waited, [25, 40, 160, 250, 250]);
    }
}
