//! TCP: the connection itself.

use std::fmt;
use std::time::Duration;

use super::interface::{Begun, Expect, Stage};
use crate::hex;
use crate::machine::answer::TcpAnswer;
use crate::machine::event::ConnectFailure;
use crate::machine::event::Event;
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::{ConversationPlan, PathPlan};
use crate::redaction::Names;
use crate::transcript::line::Line;

pub(super) const STAGE: Stage = Stage {
    name: "tcp",
    share: 4,
    limit: |limits| &mut limits.tcp,
    begin: |_, _, _| Some(Begun { actions: Vec::new(), state: Box::new(ExpectConnection) }),
    write,
    read,
    ..Stage::BARE
};

/// Writes what is measured of the path.
fn write(plan: &ConversationPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let PathPlan { segment, pieces, hello, hops } = plan.path;
    if segment > 0 {
        write!(out, "segment={segment} ")?;
    }
    if pieces {
        out.write_str("request-in=pieces ")?;
    }
    if hops > 0 {
        write!(out, "hops={hops} ")?;
    }
    if hello > 0 { write!(out, "hello={hello} ") } else { Ok(()) }
}

fn read(plan: &mut ConversationPlan, key: &str, value: &str) -> Option<Result<(), &'static str>> {
    let path = &mut plan.path;
    Some(match key {
        "segment" => value.parse().map(|segment| path.segment = segment).map_err(|_| "segment"),
        "hello" => value.parse().map(|hello| path.hello = hello).map_err(|_| "hello"),
        "hops" => value.parse().map(|hops| path.hops = hops).map_err(|_| "hops"),
        "request-in" if value == "pieces" => {
            path.pieces = true;
            Ok(())
        }
        "request-in" => Err("request-in"),
        _ => return None,
    })
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
