//! Measures of the path that a connection took, or that its system counted.

use std::time::Duration;

use wire::figures::TcpFigures;
use wire::machine::{End, PathPlan};

/// One connection, as the path let it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathTry {
    /// Measures that it took; none in a connection that asks something else.
    pub plan: PathPlan,
    /// Figures of the operating system; `None` where it tells none.
    pub figures: Option<TcpFigures>,
    /// How far it got.
    pub came: Came,
    /// Largest burst of the host, where it came in several parts.
    pub burst: Option<Burst>,
}

/// How far a connection got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// No TCP connection.
    Nothing,
    /// A TCP connection, and no answer to the Connection Request.
    Tcp,
    /// An answer to the Connection Request.
    X224,
    /// An answer to the ClientHello as well.
    Tls,
}

impl Came {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Tcp => "tcp",
            Self::X224 => "x224",
            Self::Tls => "tls",
        }
    }
}

/// Hello that may pass only so many routers, and its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloTry {
    /// Its time to live: the number of machines that it can come to.
    pub hops: u8,
    /// Its end.
    pub fate: HelloFate,
}

/// End of such a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloFate {
    /// A router said that its time to live was over.
    Expired,
    /// The connection was reset, or closed, without a byte of an answer.
    Ended(End),
    /// Nothing came.
    Silent,
    /// An answer came.
    Answered,
}

impl HelloFate {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Ended(end) => end.verb(),
            Self::Silent => "silent",
            Self::Answered => "answered",
        }
    }
}

/// Bytes that came without a word of ours between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burst {
    /// Bytes behind its first part.
    pub whole: Pace,
    /// Bytes behind its middle: a device that limits a rate often lets the beginning pass.
    pub rest: Pace,
}

/// Bytes in a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Number of bytes.
    pub bytes: u64,
    /// Time that they took to come.
    pub time: Duration,
}

impl Pace {
    /// Returns the rate in kilobits per second; `None` for what came at once.
    pub fn rate(self) -> Option<u64> {
        let micros = u64::try_from(self.time.as_micros()).ok()?;
        self.bytes.saturating_mul(8000).checked_div(micros)
    }

    /// Adds up the parts behind one of them.
    fn behind(parts: &[(Duration, u64)], place: usize) -> Self {
        let Some(((began, _), later)) = parts.get(place..).and_then(<[_]>::split_first) else { return Self::default() };
        let bytes = later.iter().map(|(_, bytes)| bytes).sum();
        Self { bytes, time: later.last().map_or(Duration::ZERO, |(at, _)| at.saturating_sub(*began)) }
    }
}

impl Burst {
    pub(crate) fn of(parts: &[(Duration, u64)]) -> Self {
        let total: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
        let so_far = parts.iter().scan(0, |sum, (_, bytes)| {
            *sum += bytes;
            Some(*sum)
        });
        let middle = so_far.into_iter().position(|sum| sum >= total / 2).unwrap_or_default();
        Self { whole: Pace::behind(parts, 0), rest: Pace::behind(parts, middle) }
    }
}
