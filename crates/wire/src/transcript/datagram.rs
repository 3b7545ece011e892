//! Lines of a transcript about UDP: one SYN to the port, and what came of it.
//!
//! ```text
//! datagram 2.310000 192.0.2.7:3389 0.002000 refused
//! ```
//!
//! The seconds since the beginning of the transcript, the address, how long it took, and the answer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::line::{Line, seconds};
use crate::rdpeudp::DatagramAnswer;
use crate::redaction::Names;

impl DatagramAnswer {
    /// Every answer.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Odd, Self::Refused, Self::Unreachable, Self::Silent, Self::OwnFailure];

    /// Its word in transcripts and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Odd => "odd",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::OwnFailure => "own-failure",
        }
    }
}

/// A SYN over UDP, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatagramRecord {
    /// When it was sent, since the beginning of the transcript.
    pub start: Duration,
    /// How long the answer took.
    pub took: Duration,
    /// Address that it was sent to.
    pub address: SocketAddr,
    /// Outcome.
    pub answer: DatagramAnswer,
}

impl DatagramRecord {
    pub(super) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, took, address, answer } = self;
        writeln!(out, "datagram {} {address} {} {}", seconds(*start), seconds(*took), answer.word())
    }

    pub(super) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        let (start, address, took) = (words.seconds("start")?, words.parse("address")?, words.seconds("time")?);
        let word = words.next("datagram answer")?;
        let answer = DatagramAnswer::ALL.into_iter().find(|known| known.word() == word).ok_or("datagram answer")?;
        Ok(Self { start, took, address, answer })
    }

    pub(super) fn renamed(&self, names: &mut Names) -> Self {
        Self { address: names.socket(self.address), ..self.clone() }
    }
}
