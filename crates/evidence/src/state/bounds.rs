//! Limits on how much of a machine, and of all machines, is kept, however much a log, a hive or a recorded state holds.
//!
//! Of log entries the newest of each kind are kept, halving the number per kind while all is too much; of everything
//! else as much as fits, in order. Anything left out is counted and listed in the state as unread.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{LogEvent, State, Unread};
use crate::section::logs::LeftOut;
use crate::section::{Section, Turn};

pub use crate::section::newest::Newest;

/// Most entries of one provider and id that are kept of a machine: the newest.
pub const KEPT: usize = 500;
/// Fewest of them where there are many machines; below it the later machines lose more.
const FEWEST: usize = 15;
/// Most that is kept of all machines together, in bytes as [`State::weight`] counts. A report takes about three times
/// as much.
pub const ROOM: usize = 14 * 1024 * 1024;
/// Share of it that log entries of a file or machine may take: they are many, and the rest has to fit as well.
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
pub(crate) struct Filling {
    left: usize,
    most: usize,
    left_out: BTreeMap<&'static str, u64>,
    named: Vec<String>,
    entries: Vec<LeftOut>,
}

impl Filling {
    pub(super) fn new(room: usize, most: usize) -> Self {
        Self { left: room, most, left_out: BTreeMap::new(), named: Vec::new(), entries: Vec::new() }
    }

    /// True if a thing fits; otherwise it is named or counted.
    pub(crate) fn takes<T: Section>(&mut self, thing: &T) -> bool {
        if let Some(left) = self.left.checked_sub(thing.weight()) {
            self.left = left;
            return true;
        }
        match thing.label().filter(|_| self.named.len() < NAMED) {
            Some(name) => self.named.push(name.to_owned()),
            None => *self.left_out.entry(T::TITLE).or_default() += 1,
        }
        false
    }

    /// Returns a collector of log entries for the room that is left.
    pub(crate) fn entries(&self) -> Newest {
        Newest::of(self.most, self.left.min(ENTRIES))
    }

    /// Takes over the entries that were collected.
    pub(crate) fn collected(&mut self, entries: Newest, kept: &mut Vec<LogEvent>) {
        self.left = self.left.saturating_sub(entries.weight());
        let (mut events, left_out) = entries.in_given_order();
        kept.append(&mut events);
        self.entries.push(left_out);
    }

    /// Returns the number of things of a section that were left out without being named.
    pub(super) fn lost<T: Section>(&self) -> u64 {
        self.left_out.get(T::TITLE).copied().unwrap_or_default()
    }

    /// Records in the state what did not fit.
    pub(super) fn tell(mut self, state: &mut State) {
        for entries in std::mem::take(&mut self.entries) {
            entries.tell(state);
        }
        state.cut_short(&self);
        let too_large = "left out: it is too large, or all that was read is";
        let named = self.named.into_iter().map(|name| Unread { what: name, why: too_large.to_owned() });
        state.unread.extend(named);
        for (section, count) in self.left_out {
            let why = format!("{count} of them were left out: more than this program keeps");
            state.unread.push(Unread { what: section.to_owned(), why });
        }
    }
}

impl State {
    /// Keeps at most this many entries of each kind, the newest, and of everything only what fits into the room.
    fn shrink(&mut self, most: usize, room: usize) {
        let mut filling = Filling::new(room, most);
        for turn in Turn::ALL {
            self.fill(turn, &mut filling);
        }
        filling.tell(self);
    }
}

/// Room for all machines together: the more there are, the fewer entries of each.
#[derive(Debug)]
pub struct Room {
    used: usize,
    most: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { used: 0, most: KEPT }
    }
}

impl Room {
    /// True if a thing of this many bytes fits beside what is kept already.
    pub fn takes(&mut self, weight: usize) -> bool {
        let fits = self.used < ROOM;
        self.used = self.used.saturating_add(if fits { weight } else { 0 });
        fits
    }

    /// Takes in a state if it fits beside the others as they are; otherwise [`Room::shrink`] has to make it fit.
    pub fn fits(&mut self, state: &mut State) -> bool {
        if self.most < KEPT || state.weight() > ROOM {
            state.shrink(self.most, ROOM);
        }
        let used = self.used.saturating_add(state.weight());
        let fits = used <= ROOM;
        self.used = if fits { used } else { self.used };
        fits
    }

    /// Shortens all these states so that the last, for which there was no room, fits as well.
    pub fn shrink(&mut self, states: &mut [&mut State]) {
        let Some((last, earlier)) = states.split_last_mut() else { return };
        let mut weight = last.weight();
        while self.used.saturating_add(weight) > ROOM && self.most > FEWEST {
            self.most /= 2;
            for state in earlier.iter_mut() {
                self.used = self.used.saturating_sub(state.weight());
                state.shrink(self.most, ROOM);
                self.used = self.used.saturating_add(state.weight());
            }
            last.shrink(self.most, ROOM);
            weight = last.weight();
        }
        if self.used.saturating_add(weight) > ROOM {
            last.shrink(self.most, ROOM.saturating_sub(self.used));
            weight = last.weight();
        }
        self.used = self.used.saturating_add(weight);
    }
}
