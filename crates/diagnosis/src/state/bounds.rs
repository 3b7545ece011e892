//! How much of a machine is kept, however much a log, a hive or a recorded state holds, and how much of all machines.
//!
//! Of entries of logs the newest of each kind are kept, half as many of each kind as long as all is too much; of everything
//! else what fits, in order. What is left out is counted, and stands in the state as unread.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Write};

use serde::Serialize;
use time::OffsetDateTime;

use super::{LogEvent, LogSpan, State, Unread, moment};
use crate::events;

/// The most entries of one provider and id that are kept of a machine: the newest.
pub const KEPT: usize = 500;
/// The fewest of them where there are many machines; below it the later machines lose more.
const FEWEST: usize = 15;
/// The most that is kept of all machines together, in bytes as [`weight`] counts them. A report takes about three times as much.
pub const ROOM: usize = 16 * 1024 * 1024;
/// The part of it, of four, that entries of logs may take: they are many, and the rest has to fit as well.
const FOR_ENTRIES: usize = 3;
/// The largest entry, as [`weight`] counts: a record of a log has at most 64 KiB.
const ENTRY: usize = 256 * 1024;
/// The most keys that are named one by one when they are left out.
const NAMED: usize = 8;
/// What a thing takes besides its text, what each map in it takes, and what a text takes besides its characters.
const THING: usize = 400;
const MAP: usize = 150;
const TEXT: usize = 32;

/// About how many bytes of memory a thing takes: as many as it has in JSON, and what it, its maps and its texts take beside.
pub fn weight(thing: &impl Serialize) -> usize {
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

/// The newest entries of each kind, as they come.
#[derive(Debug)]
pub struct Newest {
    kinds: BTreeMap<(&'static str, u32), BinaryHeap<Reverse<Kept>>>,
    most: usize,
    room: usize,
    weight: usize,
    taken: usize,
    left_out: BTreeMap<String, u64>,
}

/// An entry, ordered by its time; the number of the record decides between those of one moment.
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
    /// As many as are kept of one machine.
    fn default() -> Self {
        Self::of(KEPT, ROOM / 4 * FOR_ENTRIES)
    }
}

impl Newest {
    fn of(most: usize, room: usize) -> Self {
        Self { kinds: BTreeMap::new(), most, room, weight: 0, taken: 0, left_out: BTreeMap::new() }
    }

    /// False for an entry that is older than all that are kept of its kind; it counts as left out then.
    pub fn wants(&mut self, provider: &str, id: u32, channel: &str, at: Option<OffsetDateTime>, record: u64) -> bool {
        let full = self.kinds.get(&kind(provider, id)).filter(|kept| kept.len() >= self.most);
        let oldest = full.and_then(|kept| kept.peek()).map(|Reverse(oldest)| oldest.order());
        let wanted = oldest.is_none_or(|oldest| (at, record) > oldest);
        if !wanted {
            self.leave_out(channel);
        }
        wanted
    }

    /// Takes in an entry, in the place of the oldest of its kind if there are enough.
    pub fn add(&mut self, event: LogEvent) {
        let (at, weight) = (moment(&event.at), weight(&event));
        if weight > ENTRY || !self.wants(&event.provider, event.id, &event.channel, at, event.record) {
            if weight > ENTRY {
                self.leave_out(&event.channel);
            }
            return;
        }
        let kept = self.kinds.entry(kind(&event.provider, event.id)).or_default();
        kept.push(Reverse(Kept { at, number: self.taken, weight, event }));
        self.taken += 1;
        self.weight = self.weight.saturating_add(weight);
        self.trim();
        while self.weight > self.room && self.most > 0 {
            self.most /= 2;
            self.trim();
        }
    }

    /// Takes out the oldest of each kind that are too many.
    fn trim(&mut self) {
        let mut gone = Vec::new();
        for kept in self.kinds.values_mut() {
            let too_many = kept.len().saturating_sub(self.most);
            gone.extend((0..too_many).filter_map(|_| kept.pop()));
        }
        for Reverse(kept) in gone {
            self.weight = self.weight.saturating_sub(kept.weight);
            self.leave_out(&kept.event.channel);
        }
    }

    fn leave_out(&mut self, channel: &str) {
        match self.left_out.get_mut(channel) {
            Some(count) => *count += 1,
            None => drop(self.left_out.insert(channel.to_owned(), 1)),
        }
    }

    /// The entries that are kept, in the order of time.
    pub fn by_time(self) -> (Vec<LogEvent>, LeftOut) {
        self.sorted(Ord::cmp)
    }

    /// The entries that are kept, in the order in which they came.
    fn in_given_order(self) -> (Vec<LogEvent>, LeftOut) {
        self.sorted(|one, other| one.number.cmp(&other.number))
    }

    fn sorted(self, order: impl Fn(&Kept, &Kept) -> std::cmp::Ordering) -> (Vec<LogEvent>, LeftOut) {
        let mut kept: Vec<Kept> = self.kinds.into_values().flatten().map(|Reverse(kept)| kept).collect();
        kept.sort_by(order);
        let left_out = LeftOut { channels: self.left_out, most: self.most };
        (kept.into_iter().map(|kept| kept.event).collect(), left_out)
    }
}

/// The kinds that mean something, and one for all others.
fn kind(provider: &str, id: u32) -> (&'static str, u32) {
    events::find(provider, id).map_or(("", 0), |known| (known.provider, known.id))
}

/// How many entries of each channel were left out, and how many of each kind are kept.
#[derive(Debug, Default)]
pub struct LeftOut {
    channels: BTreeMap<String, u64>,
    most: usize,
}

/// How the reason for which entries are missing goes on behind their number.
const OLDER: &str = " older entries were left out: of each kind the newest ";
/// The most channels that are told apart in it.
const CHANNELS: usize = 64;

impl LeftOut {
    /// Says so in the state: in the stretches of its logs, and as unread.
    pub fn tell(self, state: &mut State) {
        for (number, (channel, count)) in self.channels.into_iter().enumerate() {
            let other = number >= CHANNELS;
            let what = if other { "event logs".to_owned() } else { format!("event log {channel}") };
            let span = |log: &&mut LogSpan| !other && log.channel.eq_ignore_ascii_case(&channel);
            if let Some(log) = state.logs.iter_mut().find(span) {
                log.left_out = log.left_out.saturating_add(count);
            }
            let told = |unread: &Unread| {
                let number = unread.why.split_once(OLDER).filter(|_| unread.what == what)?.0;
                number.parse::<u64>().ok()
            };
            let before: u64 = state.unread.iter().filter_map(told).sum();
            state.unread.retain(|unread| told(unread).is_none());
            let why = format!("{}{OLDER}{} are kept", before.saturating_add(count), self.most);
            state.unread.push(Unread { what, why });
        }
    }
}

/// Room that things take one after another, as long as they fit.
#[derive(Debug)]
pub(super) struct Filling {
    left: usize,
    most: usize,
    left_out: BTreeMap<&'static str, u64>,
    named: Vec<String>,
}

impl Filling {
    pub(super) fn new(room: usize, most: usize) -> Self {
        Self { left: room, most, left_out: BTreeMap::new(), named: Vec::new() }
    }

    /// True if a thing of this section fits; it is counted otherwise. `name` is for those of which it matters which.
    pub(super) fn takes(&mut self, section: &'static str, thing: &impl Serialize, name: Option<&str>) -> bool {
        let weight = weight(thing);
        if let Some(left) = self.left.checked_sub(weight) {
            self.left = left;
            return true;
        }
        match name.filter(|_| self.named.len() < NAMED) {
            Some(name) => self.named.push(name.to_owned()),
            None => *self.left_out.entry(section).or_default() += 1,
        }
        false
    }

    /// What collects entries of logs in what is left of the room.
    pub(super) fn entries(&self) -> Newest {
        Newest::of(self.most, self.left.min(ROOM / 4 * FOR_ENTRIES))
    }

    /// Takes over what was collected of them.
    pub(super) fn collected(&mut self, entries: Newest, state: &mut State) -> LeftOut {
        self.left = self.left.saturating_sub(entries.weight);
        let (mut events, left_out) = entries.in_given_order();
        state.events.append(&mut events);
        left_out
    }

    /// Says in the state what did not fit.
    pub(super) fn tell(self, state: &mut State) {
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
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        fn all<T: Serialize>(things: &[T]) -> usize {
            things.iter().map(weight).sum()
        }
        let settings = all(&self.registry) + all(&self.services) + all(&self.certificates) + all(&self.key_files);
        let files = all(&self.files) + all(&self.volumes) + all(&self.rdp_files);
        settings
            + files
            + all(&self.logs)
            + all(&self.events)
            + all(&self.traces)
            + all(&self.refused)
            + all(&self.unread)
    }

    /// Keeps of each kind of entries only the newest, at most so many, and of everything only what fits into the room.
    fn shrink(&mut self, most: usize, room: usize) {
        let mut filling = Filling::new(room, most);
        self.registry.retain(|key| filling.takes("registry keys", key, Some(&key.path)));
        self.services.retain(|service| filling.takes("services", service, None));
        self.certificates.retain(|certificate| filling.takes("certificates", certificate, None));
        self.files.retain(|file| filling.takes("files", file, None));
        self.volumes.retain(|volume| filling.takes("volumes", volume, None));
        self.logs.retain(|log| filling.takes("event logs", log, None));
        self.traces.retain(|trace| filling.takes("recordings of accesses", trace, None));
        self.unread.retain(|unread| filling.takes("reasons why something was not read", unread, None));
        self.rdp_files.retain(|file| filling.takes(".rdp files", file, None));
        self.refused.retain(|access| filling.takes("refused accesses", access, None));
        self.key_files.retain(|file| filling.takes("key files", file, None));
        let mut entries = filling.entries();
        for event in std::mem::take(&mut self.events) {
            entries.add(event);
        }
        filling.collected(entries, self).tell(self);
        filling.tell(self);
    }
}

/// What is kept of all machines together: the more there are, the fewer entries of each.
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
    /// True if a thing of so many bytes may be kept beside what is kept already.
    pub fn takes(&mut self, weight: usize) -> bool {
        let fits = self.used < ROOM;
        self.used = self.used.saturating_add(if fits { weight } else { 0 });
        fits
    }

    /// Takes in a state, if it fits beside the others as they are; otherwise [`Room::shrink`] has to make it fit.
    pub fn fits(&mut self, state: &mut State) -> bool {
        if self.most < KEPT || state.weight() > ROOM {
            state.shrink(self.most, ROOM);
        }
        let used = self.used.saturating_add(state.weight());
        let fits = used <= ROOM;
        self.used = if fits { used } else { self.used };
        fits
    }

    /// Takes in the last of these states, for which there was no room, in that all of them are shortened.
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
