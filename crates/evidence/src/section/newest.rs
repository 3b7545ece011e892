//! The newest entries of each kind: so that the size of a log does not matter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use time::OffsetDateTime;

use super::budget::{Budget, ENTRIES, KEPT, LeftOut};
use super::events::LogEvent;
pub use super::tally::Kind;
use super::tally::{Of, Tally};
use super::thing::Section;
use crate::events;
use crate::moment::moment;

/// Largest entry, as [`weight`] counts: a record of a log has at most 64 KiB.
const ENTRY: usize = 256 * 1024;

/// Data of an entry by their names.
pub type Data = BTreeMap<String, String>;

/// Newest entries of each kind, collected as they arrive.
#[derive(Debug)]
pub struct Newest {
    kinds: BTreeMap<Kind, BinaryHeap<Reverse<Kept>>>,
    most: usize,
    room: usize,
    weight: usize,
    taken: usize,
    left_out: LeftOut,
    tallies: BTreeMap<Of, Tally>,
}

/// Entry ordered by its time, and at equal times by its record number.
#[derive(Debug)]
struct Kept {
    at: Option<OffsetDateTime>,
    number: usize,
    weight: usize,
    event: LogEvent,
}

impl Kept {
    fn order(&self) -> (Option<OffsetDateTime>, u64) {
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

impl Default for Newest {
    fn default() -> Self {
        Self::of(KEPT, ENTRIES)
    }
}

impl Newest {
    pub(crate) fn of(most: usize, room: usize) -> Self {
        let (kinds, left_out, tallies) = (BTreeMap::new(), LeftOut::default(), BTreeMap::new());
        Self { kinds, most, room, weight: 0, taken: 0, left_out, tallies }
    }

    /// False for an entry older than all that are kept of its kind; [`Newest::pass_over`] then has to count it.
    pub fn wants(&self, kind: Kind, (at, record): (Option<OffsetDateTime>, u64)) -> bool {
        let full = self.kinds.get(&kind).filter(|kept| kept.len() >= self.most);
        let oldest = full.and_then(|kept| kept.peek()).map(|Reverse(oldest)| oldest.order());
        oldest.is_none_or(|oldest| (at, record) > oldest)
    }

    /// Counts an entry that is not wanted. Its data matter for the kinds of [`events::counted_by`] alone.
    pub fn pass_over(&mut self, kind: Kind, channel: &str, at: Option<OffsetDateTime>, data: &Data) {
        self.left_out.add(channel, at);
        if let Some(tally) = self.tally(kind, channel, at, data) {
            tally.left_out = true;
        }
    }

    /// Counts an entry; `None` where its kind is not counted.
    fn tally(&mut self, kind: Kind, channel: &str, at: Option<OffsetDateTime>, data: &Data) -> Option<&mut Tally> {
        let (known, at) = (events::find(kind.0, kind.1).filter(|known| events::each_matters(known.id))?, at?);
        let fields = events::counted_by(known);
        let logon_type = logon_type(fields.and_then(|(_, way)| data.get(way?)));
        let address = fields.and_then(|(address, _)| data.get(address)).map(|address| address.trim());
        let tally = self.tallies.entry((kind, logon_type)).or_default();
        tally.saw(channel, at, address.filter(|address| !matches!(*address, "" | "-")), fields.is_some());
        Some(tally)
    }

    /// Takes in an entry, replacing the oldest of its kind if there are enough.
    pub fn add(&mut self, kind: Kind, at: Option<OffsetDateTime>, event: LogEvent) {
        let weight = event.weight();
        if !events::matters(&event.provider, event.id, &event.data) {
            return;
        }
        // an entry without a time would be taken for one of the attempt
        if weight > ENTRY || at.is_none() {
            return self.left_out.add(&event.channel, at);
        }
        if !self.wants(kind, (at, event.record)) {
            return self.pass_over(kind, &event.channel, at, &event.data);
        }
        self.tally(kind, &event.channel, at, &event.data);
        self.kinds.entry(kind).or_default().push(Reverse(Kept { at, number: self.taken, weight, event }));
        self.taken += 1;
        self.weight = self.weight.saturating_add(weight);
        self.trim(kind);
        while self.weight > self.room && self.most > 0 {
            self.keep_at_most(self.most / 2);
        }
    }

    /// Takes in an entry of which nothing else is known yet.
    pub(crate) fn add_any(&mut self, event: LogEvent) {
        let kind = events::find(&event.provider, event.id).map_or(("", 0), |known| (known.provider, known.id));
        self.add(kind, moment(&event.at), event);
    }

    /// From now on keeps at most this many of each kind.
    pub fn keep_at_most(&mut self, most: usize) {
        self.most = self.most.min(most);
        let kinds: Vec<Kind> = self.kinds.keys().copied().collect();
        for kind in kinds {
            self.trim(kind);
        }
    }

    /// Estimates the bytes of memory that the entries take.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Removes the oldest of a kind that are too many.
    fn trim(&mut self, kind: Kind) {
        let Some(of_kind) = self.kinds.get_mut(&kind) else { return };
        while of_kind.len() > self.most {
            let Some(Reverse(oldest)) = of_kind.pop() else { return };
            self.weight = self.weight.saturating_sub(oldest.weight);
            self.left_out.add(&oldest.event.channel, oldest.at);
            let way = events::find(kind.0, kind.1).and_then(events::counted_by).and_then(|(_, way)| way);
            let way = logon_type(way.and_then(|way| oldest.event.data.get(way)));
            if let Some(tally) = self.tallies.get_mut(&(kind, way)) {
                tally.left_out = true;
            }
        }
    }

    /// Returns the kept entries in the order of time, without duplicates.
    pub fn by_time(self) -> (Vec<LogEvent>, LeftOut) {
        let (mut events, left_out) = self.sorted(Ord::cmp);
        events.dedup();
        (events, left_out)
    }

    /// Returns the kept entries in the order in which they came.
    pub(crate) fn in_given_order(self) -> (Vec<LogEvent>, LeftOut) {
        self.sorted(|one, other| one.number.cmp(&other.number))
    }

    fn sorted(self, order: impl Fn(&Kept, &Kept) -> std::cmp::Ordering) -> (Vec<LogEvent>, LeftOut) {
        let mut kept: Vec<Kept> = self.kinds.into_values().flatten().map(|Reverse(kept)| kept).collect();
        kept.sort_by(order);
        let mut left_out = self.left_out;
        left_out.counts.extend(self.tallies);
        (kept.into_iter().map(|kept| kept.event).collect(), left_out)
    }
}

/// Types of logons whose refusals are counted by themselves: over the network, and Remote Desktop's two.
const LOGON_TYPES: [u8; 3] = [3, 10, 12];

/// Reads the type of a logon, if it is one that is counted by itself.
fn logon_type(text: Option<&String>) -> Option<u8> {
    text.and_then(|text| text.trim().parse().ok()).filter(|kind| LOGON_TYPES.contains(kind))
}

impl Budget {
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
}
