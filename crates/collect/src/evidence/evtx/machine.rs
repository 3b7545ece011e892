//! Entries that one machine has written into a log, as far as they are kept.

use evidence::moment::rfc3339;
use evidence::state::LogSpan;
use evidence::state::bounds::Newest;

use wire::ntlm::filetime;

use super::numbers::Numbers;

/// Machine that wrote into a log.
pub(super) struct Machine {
    /// Name, and when it had that name, as a FILETIME.
    pub(super) named: (u64, String),
    /// Channels, each judged by itself: one says nothing about another.
    pub(super) spans: Vec<Span>,
    /// Entries it wrote, the newest of each kind.
    pub(super) newest: Newest,
    /// Distance from the number of its first record here to the number that the entry itself names: not 0 in a log into
    /// which entries were collected.
    pub(super) shift: u64,
}

/// Channel of a log.
pub(super) struct Span {
    pub(super) channel: String,
    pub(super) records: u64,
    pub(super) numbers: Numbers,
    /// Times of the oldest entry and the newest, as FILETIMEs.
    time: Option<(u64, u64)>,
}

impl Span {
    pub(super) fn new(channel: String) -> Self {
        Self { channel, records: 0, numbers: Numbers::default(), time: None }
    }

    /// Counts an entry.
    pub(super) fn saw(&mut self, number: u64, at: u64) {
        self.records += 1;
        self.numbers.saw(number);
        let (from, until) = self.time.unwrap_or((at, at));
        self.time = Some((from.min(at), until.max(at)));
    }

    /// Returns the period that it covers. `damaged`: parts of the log were not read; missing entries are damage as
    /// well.
    pub(super) fn told(&self, damaged: bool) -> Option<LogSpan> {
        let (from, until) = (filetime(self.time?.0)?, filetime(self.time?.1)?);
        Some(LogSpan {
            channel: self.channel.clone(),
            from: rfc3339(from),
            until: rfc3339(until),
            records: self.records,
            damaged: damaged || self.numbers.missing().is_some(),
            left_out: 0,
            left_out_until: None,
        })
    }
}
