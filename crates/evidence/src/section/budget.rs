//! The budget of bytes that the sections of a state share, one after another, and what did not fit into it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use time::OffsetDateTime;

use super::tally::{Of, Tally};

/// Most entries of one provider and id that are kept of a machine: the newest.
pub const KEPT: usize = 500;
/// Bytes of the budget that log entries of a file or machine may take: they are many, and the rest has to fit as well.
pub const ENTRIES: usize = 6 * 1024 * 1024;
/// Most keys that are named one by one when they are left out.
const NAMED: usize = 8;
/// Overhead of a thing, of each map in it and of each text, in bytes.
const THING: usize = 400;
const MAP: usize = 150;
const TEXT: usize = 32;

/// Estimates the bytes of memory a thing takes: its length in JSON, and overhead for itself, its maps and its texts.
pub(crate) fn weight(thing: &impl Serialize) -> usize {
    let mut counter = Counter { bytes: 0, maps: 0, quotes: 0 };
    serde_json::to_writer(&mut counter, thing)
        .expect("a thing of a state has only string keys, and a count cannot fail");
    let Counter { bytes, maps, quotes } = counter;
    THING.saturating_add(bytes).saturating_add(maps.saturating_mul(MAP)).saturating_add(quotes.saturating_mul(TEXT) / 2)
}

struct Counter {
    bytes: usize,
    maps: usize,
    quotes: usize,
}

impl Write for Counter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(text.len());
        for byte in text {
            self.maps = self.maps.saturating_add(usize::from(*byte == b'{'));
            self.quotes = self.quotes.saturating_add(usize::from(*byte == b'"'));
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Room that things take one after another, as long as they fit.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(super) left: usize,
    pub(super) most: usize,
    pub(crate) left_out: BTreeMap<&'static str, u64>,
    pub(crate) named: Vec<String>,
    pub(crate) entries: Vec<LeftOut>,
}

impl Budget {
    pub(crate) fn new(room: usize, most: usize) -> Self {
        Self { left: room, most, left_out: BTreeMap::new(), named: Vec::new(), entries: Vec::new() }
    }

    /// True if a thing fits; otherwise it is named or counted.
    pub(crate) fn takes(&mut self, weight: usize, title: &'static str, label: Option<&str>) -> bool {
        if let Some(left) = self.left.checked_sub(weight) {
            self.left = left;
            return true;
        }
        match label.filter(|_| self.named.len() < NAMED) {
            Some(name) => self.named.push(name.to_owned()),
            None => *self.left_out.entry(title).or_default() += 1,
        }
        false
    }

    /// Returns the number of things of a section that were left out without being named.
    pub(crate) fn lost(&self, title: &str) -> u64 {
        self.left_out.get(title).copied().unwrap_or_default()
    }
}

/// Entries left out.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// How many, by channel.
    pub(crate) channels: BTreeMap<String, Missed>,
    /// All entries of the kinds that lost some.
    pub(crate) counts: Vec<(Of, Tally)>,
}

#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) count: u64,
    /// Time of the newest of them.
    pub(crate) until: Option<OffsetDateTime>,
    /// True if one of them has no time.
    pub(crate) undated: bool,
}

impl LeftOut {
    pub(super) fn add(&mut self, channel: &str, at: Option<OffsetDateTime>) {
        let missed = match self.channels.get_mut(channel) {
            Some(missed) => missed,
            None => self.channels.entry(channel.to_owned()).or_default(),
        };
        missed.count += 1;
        missed.until = missed.until.max(at);
        missed.undated |= at.is_none();
    }

    /// Adds so many to those of a channel of which one was added already.
    pub(super) fn add_many(&mut self, channel: &str, count: u64, until: OffsetDateTime) {
        if let Some(missed) = self.channels.get_mut(channel) {
            missed.count += count;
            missed.until = missed.until.max(Some(until));
        }
    }
}
