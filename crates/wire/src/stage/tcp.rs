//! TCP: the connection itself.

use std::fmt;
use std::time::Duration;

use super::{Begun, Expect, Stage};
use crate::hex;
use crate::machine::{ConversationPlan, Event, Outcome, Timed};
use crate::redaction::Names;
use crate::transcript::Line;

pub(super) const STAGE: Stage = Stage {
    name: "tcp",
    share: 4,
    limit: |limits| &mut limits.tcp,
    begin: |_, _, _| Some(Begun { actions: Vec::new(), state: Box::new(ExpectConnection) }),
    ..Stage::BARE
};

/// The answer of the TCP stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpAnswer {
    /// Established.
    Accepted,
    /// Not established.
    Failed(ConnectFailure),
    /// Every SYN vanished within the stage's time.
    Silent,
}

/// Why a TCP connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectFailure {
    /// RST to our SYN.
    Refused,
    /// No answer to any SYN until the operating system gave up by itself.
    TimedOut,
    /// No route to the network: this computer's own routing table, or an ICMP message.
    NetworkUnreachable,
    /// ICMP host unreachable or prohibited, or no neighbour answered.
    HostUnreachable,
    /// Anything else, in the operating system's words: our side.
    Other(String),
}

impl ConnectFailure {
    /// Its words in a transcript.
    pub(crate) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::NetworkUnreachable => "network-unreachable",
            Self::HostUnreachable => "host-unreachable",
            Self::Other(words) => {
                write!(out, "other ")?;
                return out.write_str(&hex::encode(words.as_bytes()));
            }
        })
    }

    /// Reads these words.
    pub(crate) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        Ok(match words.next("connect-failed")? {
            "refused" => Self::Refused,
            "timed-out" => Self::TimedOut,
            "network-unreachable" => Self::NetworkUnreachable,
            "host-unreachable" => Self::HostUnreachable,
            "other" => Self::Other(words.text("connect-failed")?),
            _ => return Err("connect-failed"),
        })
    }

    /// Renames whom the operating system's words name.
    pub(crate) fn rename(&mut self, names: &mut Names) {
        if let Self::Other(words) = self {
            *words = names.prose(words);
        }
    }
}

#[derive(Debug)]
struct ExpectConnection;

impl Expect for ExpectConnection {
    type Answer = TcpAnswer;

    fn keep(answer: Timed<TcpAnswer>, outcome: &mut Outcome) {
        outcome.tcp = Some(answer);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        plan.limits.tcp
    }

    fn handle(&mut self, event: Event) -> Option<TcpAnswer> {
        match event {
            Event::Connected => Some(TcpAnswer::Accepted),
            Event::ConnectFailed(failure) => Some(TcpAnswer::Failed(failure)),
            Event::Time => Some(TcpAnswer::Silent),
            _ => None,
        }
    }
}

/// True if the connection was established.
pub(super) fn accepted(outcome: &Outcome) -> bool {
    outcome.tcp.as_ref().is_some_and(|tcp| tcp.value == TcpAnswer::Accepted)
}
