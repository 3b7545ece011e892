//! What one machine has written into a log, as far as it is kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use diagnosis::fact::rfc3339;
use diagnosis::state::{LogEvent, LogSpan};
use time::OffsetDateTime;

use super::super::room::weight;
use super::numbers::Numbers;

/// A machine.
pub(super) struct Machine {
    /// Its name, and when it was called so.
    pub(super) named: (OffsetDateTime, String),
    /// Its channels: what one tells says nothing about another.
    pub(super) spans: Vec<Span>,
    kept: BTreeMap<Kind, BinaryHeap<Reverse<Kept>>>,
}

/// A provider and an id.
pub(super) type Kind = (&'static str, u32);

/// A channel.
pub(super) struct Span {
    pub(super) channel: String,
    pub(super) records: u64,
    pub(super) numbers: Numbers,
    /// The oldest entry and the newest.
    time: Option<(OffsetDateTime, OffsetDateTime)>,
    left_out: u64,
    left_out_until: Option<OffsetDateTime>,
}

/// An entry, ordered by its time; the number of the record decides between those of one moment.
pub(super) struct Kept {
    pub(super) at: OffsetDateTime,
    /// The place of its channel in [`Machine::spans`].
    pub(super) span: usize,
    pub(super) event: LogEvent,
}

impl Kept {
    fn order(&self) -> (OffsetDateTime, u64) {
        (self.at, self.event.record)
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl Span {
    pub(super) fn new(channel: String) -> Self {
        let numbers = Numbers::default();
        Self { channel, records: 0, numbers, time: None, left_out: 0, left_out_until: None }
    }

    /// Counts an entry.
    pub(super) fn saw(&mut self, number: u64, at: OffsetDateTime) {
        self.records += 1;
        self.numbers.saw(number);
        let (from, until) = self.time.unwrap_or((at, at));
        self.time = Some((from.min(at), until.max(at)));
    }

    pub(super) fn leave_out(&mut self, at: OffsetDateTime) {
        self.left_out += 1;
        self.left_out_until = self.left_out_until.max(Some(at));
    }

    /// `damaged` says whether parts of the log were not read; entries that are missing are damage as well.
    pub(super) fn told(&self, damaged: bool) -> Option<LogSpan> {
        let (from, until) = self.time?;
        Some(LogSpan {
            channel: self.channel.clone(),
            from: rfc3339(from),
            until: rfc3339(until),
            records: self.records,
            damaged: damaged || self.numbers.missing().is_some(),
            left_out: self.left_out,
            left_out_until: self.left_out_until.map(rfc3339),
        })
    }
}

impl Machine {
    pub(super) fn new(name: String, at: OffsetDateTime) -> Self {
        Self { named: (at, name), spans: Vec::new(), kept: BTreeMap::new() }
    }

    /// True if an entry of this kind and age is not to be kept, because there are `most` newer ones.
    pub(super) fn is_full(&self, kind: Kind, order: (OffsetDateTime, u64), most: usize) -> bool {
        let kept = self.kept.get(&kind).filter(|kept| kept.len() >= most);
        kept.and_then(BinaryHeap::peek).is_some_and(|oldest| order <= oldest.0.order())
    }

    /// Keeps an entry, of its kind at most so many. Returns the weight of the one that it displaced.
    pub(super) fn keep(&mut self, kind: Kind, kept: Kept, most: usize) -> usize {
        let of_kind = self.kept.entry(kind).or_default();
        of_kind.push(Reverse(kept));
        if of_kind.len() > most { self.drop_oldest(kind) } else { 0 }
    }

    /// The kind of which the oldest entry is the oldest of all.
    pub(super) fn oldest(&self) -> Option<((OffsetDateTime, u64), Kind)> {
        self.kept.iter().filter_map(|(kind, kept)| Some((kept.peek()?.0.order(), *kind))).min()
    }

    /// Leaves out the oldest entry of a kind, and returns its weight.
    pub(super) fn drop_oldest(&mut self, kind: Kind) -> usize {
        let Some(Reverse(oldest)) = self.kept.get_mut(&kind).and_then(BinaryHeap::pop) else { return 0 };
        self.spans[oldest.span].leave_out(oldest.at);
        weight(&oldest.event)
    }

    /// What was kept, old to new.
    pub(super) fn events(&mut self) -> Vec<LogEvent> {
        let kept = std::mem::take(&mut self.kept).into_values().flatten();
        let mut kept: Vec<Kept> = kept.map(|Reverse(kept)| kept).collect();
        kept.sort();
        // a chunk may stand there twice
        kept.dedup_by(|one, other| one.event == other.event);
        kept.into_iter().map(|kept| kept.event).collect()
    }
}
