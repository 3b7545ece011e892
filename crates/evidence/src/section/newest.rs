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

/// Kind with its number first, which tells most kinds apart: a log asks for each of its entries, and the names of
/// providers begin alike.
type Key = (u32, &'static str);

fn key((provider, id): Kind) -> Key {
    (id, provider)
}

/// Newest entries of each kind, collected as they arrive.
#[derive(Debug)]
pub struct Newest {
    kinds: BTreeMap<Key, BinaryHeap<Reverse<Kept>>>,
    most: usize,
    room: usize,
    weight: usize,
    taken: usize,
    left_out: LeftOut,
    tallies: BTreeMap<(Key, Option<u8>), Tally>,
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
        self.full_from(kind).is_none_or(|oldest| (at, record) > oldest)
    }

    /// Returns time and record number of the oldest kept entry of a kind of which no more are kept: none that is older
    /// is wanted from now on. `None` while there is room.
    pub fn full_from(&self, kind: Kind) -> Option<(Option<OffsetDateTime>, u64)> {
        let full = self.kinds.get(&key(kind)).filter(|kept| kept.len() >= self.most);
        full.and_then(|kept| kept.peek()).map(|Reverse(oldest)| oldest.order())
    }

    /// Counts an entry that is not wanted. Its data matter for the kinds of [`events::counted_by`] alone.
    pub fn pass_over(&mut self, kind: Kind, channel: &str, at: Option<OffsetDateTime>, data: &Data) {
        self.left_out.add(channel, at);
        if let Some(tally) = self.tally(kind, channel, at, data) {
            tally.left_out = true;
        }
    }

    /// Counts many entries that are not wanted, of a kind that is counted without its data: how many, and the times of
    /// the oldest and the newest.
    pub fn pass_over_many(
        &mut self,
        kind: Kind,
        channel: &str,
        count: u64,
        (from, until): (OffsetDateTime, OffsetDateTime),
    ) {
        let Some(before) = count.checked_sub(1) else { return };
        let nothing = Data::new();
        self.pass_over(kind, channel, Some(from), &nothing);
        self.left_out.add_many(channel, before, until);
        if let Some(tally) = self.tallies.get_mut(&(key(kind), None)) {
            tally.saw_many(before, until);
        }
    }

    /// Counts an entry; `None` where its kind is not counted.
    fn tally(&mut self, kind: Kind, channel: &str, at: Option<OffsetDateTime>, data: &Data) -> Option<&mut Tally> {
        let (known, at) = (events::find(kind.0, kind.1).filter(|known| events::each_matters(known.id))?, at?);
        let fields = events::counted_by(known);
        let logon_type = logon_type(fields.and_then(|(_, way)| data.get(way?)));
        let address = fields.and_then(|(address, _)| data.get(address)).map(|address| address.trim());
        let tally = self.tallies.entry((key(kind), logon_type)).or_default();
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
        self.kinds.entry(key(kind)).or_default().push(Reverse(Kept { at, number: self.taken, weight, event }));
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
        let kinds: Vec<Kind> = self.kinds.keys().map(|&(id, provider)| (provider, id)).collect();
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
        let Some(of_kind) = self.kinds.get_mut(&key(kind)) else { return };
        while of_kind.len() > self.most {
            let Some(Reverse(oldest)) = of_kind.pop() else { return };
            self.weight = self.weight.saturating_sub(oldest.weight);
            self.left_out.add(&oldest.event.channel, oldest.at);
            let way = events::find(kind.0, kind.1).and_then(events::counted_by).and_then(|(_, way)| way);
            let way = logon_type(way.and_then(|way| oldest.event.data.get(way)));
            if let Some(tally) = self.tallies.get_mut(&(key(kind), way)) {
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
        let mut kinds: Vec<_> = self.kinds.into_iter().collect();
        kinds.sort_by_key(|((id, provider), _)| (*provider, *id));
        let mut kept: Vec<Kept> = kinds.into_iter().flat_map(|(_, kept)| kept).map(|Reverse(kept)| kept).collect();
        kept.sort_by(order);
        let mut left_out = self.left_out;
        let tallies = self.tallies.into_iter();
        let mut counts: Vec<(Of, Tally)> =
            tallies.map(|(((id, provider), way), tally)| (((provider, id), way), tally)).collect();
        counts.sort_by_key(|(of, _)| *of);
        left_out.counts.extend(counts);
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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn many_that_are_passed_over_count_like_one_after_another() {
        let kind = (events::SCHANNEL, 36874);
        let at = |second: i64| datetime!(2026-11-21 08:00 UTC) + time::Duration::seconds(second);
        let (mut one_by_one, mut together) = (Newest::default(), Newest::default());
        for second in [4, 9, 7] {
            one_by_one.pass_over(kind, "System", Some(at(second)), &Data::new());
        }
        together.pass_over_many(kind, "System", 3, (at(4), at(9)));
        together.pass_over_many(kind, "System", 0, (at(0), at(99)));
        let told = |newest: Newest| format!("{:?}", newest.by_time());
        assert!(told(together) == told(one_by_one));
        // what is full keeps its newest, and wants nothing that is older
        let mut full = Newest::of(1, ENTRIES);
        assert_eq!(full.full_from(kind), None);
        let entry = serde_json::json!({"at": "2026-11-21T08:00:05Z", "channel": "System", "provider": "Schannel",
            "id": 36874, "record": 7});
        full.add_any(serde_json::from_value(entry).unwrap());
        assert_eq!(full.full_from(kind), Some((Some(at(5)), 7)));
        assert!(!full.wants(kind, (Some(at(5)), 7)) && full.wants(kind, (Some(at(5)), 8)));
    }
}
