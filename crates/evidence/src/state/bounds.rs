//! Limits on how much of a machine, and of all machines, is kept, however much a log, a hive or a recorded state holds.
//!
//! Of log entries the newest of each kind are kept, halving the number per kind while all is too much; of everything
//! else as much as fits, in order. Anything left out is counted and listed in the state as unread.

use super::{EntryCount, LogSpan, State, Unread};
use crate::section::budget::{Budget, LeftOut};
use crate::section::logs::{add_missed, left_out, older, unread};
use crate::section::thing::{Section, Turn};

pub use crate::section::budget::{ENTRIES, KEPT};
pub use crate::section::newest::{Data, Newest};

/// Fewest of them where there are many machines; below it the later machines lose more.
const FEWEST: usize = 15;
/// Most that is kept of all machines together, in bytes as [`State::weight`] counts. A report takes about three times
/// as much.
pub const ROOM: usize = 14 * 1024 * 1024;

/// Most channels that are told apart in it.
const TOLD_APART: usize = 64;

impl LeftOut {
    /// Records it in the state: in the periods of its logs, as unread, and as counts. A count that the state has
    /// already is of all entries, those that are left out now among them.
    pub fn tell(self, state: &mut State) {
        for count in self.counts.into_iter().filter_map(|(of, tally)| EntryCount::of(of, tally)) {
            if !state.counts.iter().any(|known| known.is_of(&count)) {
                state.counts.push(count);
            }
        }
        for (number, (channel, missed)) in self.channels.into_iter().enumerate() {
            let span = |log: &&mut LogSpan| log.channel.eq_ignore_ascii_case(&channel);
            let new = match state.logs.iter_mut().find(span) {
                Some(log) => {
                    let before = left_out(log);
                    state.unread.retain(|unread| Some(unread) != before.as_ref());
                    add_missed(&missed, log);
                    left_out(log)
                }
                None if number < TOLD_APART => Some(unread(&channel, format!("older entries {}", older()))),
                None => Some(Unread { what: "event logs".to_owned(), why: format!("older entries {}", older()) }),
            };
            let new: Vec<Unread> = new.into_iter().filter(|new| !state.unread.contains(new)).collect();
            state.unread.extend(new);
        }
    }
}

impl Budget {
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
    /// True if nothing is left of it but what it could not say.
    pub fn says_only_what_is_missing(&self) -> bool {
        self.weight() == self.unread.iter().map(Section::weight).sum::<usize>()
    }

    /// Keeps at most this many entries of each kind, the newest, and of everything only what fits into the room.
    fn shrink(&mut self, most: usize, room: usize) {
        let mut filling = Budget::new(room, most);
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

    /// True if the states that are kept already may still be shortened to make room for others.
    pub fn may_shorten(&self) -> bool {
        self.most > FEWEST
    }

    /// Shortens all these states so that the last, for which there was no room, fits as well.
    pub fn shrink(&mut self, states: &mut [&mut State]) {
        let Some((last, earlier)) = states.split_last_mut() else { return };
        let mut weight = last.weight();
        while self.used.saturating_add(weight) > ROOM && self.may_shorten() {
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
