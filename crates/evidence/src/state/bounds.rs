//! Limits on how much of a machine, and of all machines, is kept, however much a log, a hive or a recorded state holds.
//!
//! Of log entries the newest of each kind are kept, halving the number per kind while all is too much; of everything
//! else as much as fits, in order. Anything left out is counted and listed in the state as unread.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Write};

use serde::Serialize;
use time::OffsetDateTime;

use super::{LogEvent, LogSpan, STORE_MY, STORE_REMOTE_DESKTOP, STORES_ROOT, State, Unread};
use crate::events;
use crate::moment::{moment, rfc3339};

/// Most entries of one provider and id that are kept of a machine: the newest.
pub const KEPT: usize = 500;
/// Fewest of them where there are many machines; below it the later machines lose more.
const FEWEST: usize = 15;
/// Most that is kept of all machines together, in bytes as [`State::weight`] counts. A report takes about three times
/// as much.
pub const ROOM: usize = 14 * 1024 * 1024;
/// Share of it that log entries of a file or machine may take: they are many, and the rest has to fit as well.
pub const ENTRIES: usize = 6 * 1024 * 1024;
/// Largest entry, as [`weight`] counts: a record of a log has at most 64 KiB.
const ENTRY: usize = 256 * 1024;
/// Most keys that are named one by one when they are left out.
const NAMED: usize = 8;
/// Overhead of an entry, and of each of its values, in bytes.
const LINE: usize = 1024;
const VALUE: usize = 64;
/// Overhead of a thing, of each map in it and of each text, in bytes.
const THING: usize = 400;
const MAP: usize = 150;
const TEXT: usize = 32;

/// Estimates the bytes of memory a thing takes: its length in JSON, and overhead for itself, its maps and its texts.
fn weight(thing: &impl Serialize) -> usize {
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

/// Estimates an entry's size without serialising it, because there are many.
fn weight_of(event: &LogEvent) -> usize {
    let LogEvent { at, channel, provider, id: _, record: _, activity, data } = event;
    let texts: usize = [at, channel, provider].map(String::len).into_iter().sum();
    let data: usize = data.iter().map(|(name, value)| VALUE + name.len() + value.len()).sum();
    LINE + texts + activity.as_ref().map_or(0, String::len) + data
}

/// Provider and id that mean something; all others share one kind.
pub type Kind = (&'static str, u32);

/// Newest entries of each kind, collected as they arrive.
#[derive(Debug)]
pub struct Newest {
    kinds: BTreeMap<Kind, BinaryHeap<Reverse<Kept>>>,
    most: usize,
    room: usize,
    weight: usize,
    taken: usize,
    left_out: LeftOut,
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
    fn of(most: usize, room: usize) -> Self {
        Self { kinds: BTreeMap::new(), most, room, weight: 0, taken: 0, left_out: LeftOut::default() }
    }

    /// False for an entry older than all that are kept of its kind; it is then counted as left out.
    pub fn wants(&mut self, kind: Kind, channel: &str, (at, record): (Option<OffsetDateTime>, u64)) -> bool {
        let full = self.kinds.get(&kind).filter(|kept| kept.len() >= self.most);
        let oldest = full.and_then(|kept| kept.peek()).map(|Reverse(oldest)| oldest.order());
        let wanted = oldest.is_none_or(|oldest| (at, record) > oldest);
        if !wanted {
            self.left_out.add(channel, at);
        }
        wanted
    }

    /// Takes in an entry, replacing the oldest of its kind if there are enough.
    pub fn add(&mut self, kind: Kind, at: Option<OffsetDateTime>, event: LogEvent) {
        let weight = weight_of(&event);
        if weight > ENTRY {
            return self.left_out.add(&event.channel, at);
        }
        if !self.wants(kind, &event.channel, (at, event.record)) {
            return;
        }
        self.kinds.entry(kind).or_default().push(Reverse(Kept { at, number: self.taken, weight, event }));
        self.taken += 1;
        self.weight = self.weight.saturating_add(weight);
        self.trim(kind);
        while self.weight > self.room && self.most > 0 {
            self.keep_at_most(self.most / 2);
        }
    }

    /// Takes in an entry of which nothing else is known yet.
    pub(super) fn add_any(&mut self, event: LogEvent) {
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
        }
    }

    /// Returns the kept entries in the order of time, without duplicates.
    pub fn by_time(self) -> (Vec<LogEvent>, LeftOut) {
        let (mut events, left_out) = self.sorted(Ord::cmp);
        events.dedup();
        (events, left_out)
    }

    /// Returns the kept entries in the order in which they came.
    fn in_given_order(self) -> (Vec<LogEvent>, LeftOut) {
        self.sorted(|one, other| one.number.cmp(&other.number))
    }

    fn sorted(self, order: impl Fn(&Kept, &Kept) -> std::cmp::Ordering) -> (Vec<LogEvent>, LeftOut) {
        let mut kept: Vec<Kept> = self.kinds.into_values().flatten().map(|Reverse(kept)| kept).collect();
        kept.sort_by(order);
        (kept.into_iter().map(|kept| kept.event).collect(), self.left_out)
    }
}

/// Entries left out, by channel.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<String, Missed>);

#[derive(Debug, Default)]
struct Missed {
    count: u64,
    /// Time of the newest of them.
    until: Option<OffsetDateTime>,
    /// True if one of them has no time.
    undated: bool,
}

/// Most channels that are told apart in it.
const CHANNELS: usize = 64;

impl LeftOut {
    fn add(&mut self, channel: &str, at: Option<OffsetDateTime>) {
        if !self.0.contains_key(channel) {
            self.0.insert(channel.to_owned(), Missed::default());
        }
        let Some(missed) = self.0.get_mut(channel) else { return };
        missed.count += 1;
        missed.until = missed.until.max(at);
        missed.undated |= at.is_none();
    }

    /// Records it in the state: in the periods of its logs, and as unread.
    pub fn tell(self, state: &mut State) {
        for (number, (channel, missed)) in self.0.into_iter().enumerate() {
            let span = |log: &&mut LogSpan| log.channel.eq_ignore_ascii_case(&channel);
            let new = match state.logs.iter_mut().find(span) {
                Some(log) => {
                    let before = left_out(log);
                    state.unread.retain(|unread| Some(unread) != before.as_ref());
                    missed.add_to(log);
                    left_out(log)
                }
                None if number < CHANNELS => Some(unread(&channel, format!("older entries {}", older()))),
                None => Some(Unread { what: "event logs".to_owned(), why: format!("older entries {}", older()) }),
            };
            let new: Vec<Unread> = new.into_iter().filter(|new| !state.unread.contains(new)).collect();
            state.unread.extend(new);
        }
    }
}

impl Missed {
    fn add_to(&self, log: &mut LogSpan) {
        let known = log.left_out_until.as_deref().and_then(moment);
        let undated = self.undated || (log.left_out > 0 && known.is_none());
        log.left_out = log.left_out.saturating_add(self.count);
        log.left_out_until = known.max(self.until).filter(|_| !undated).map(rfc3339);
    }
}

/// Says how much of a log was left out.
pub fn left_out(log: &LogSpan) -> Option<Unread> {
    let until = log
        .left_out_until
        .as_ref()
        .map_or(String::new(), |until| format!(", up to {},", until.replacen('T', " ", 1).replacen('Z', " UTC", 1)));
    (log.left_out > 0).then(|| unread(&log.channel, format!("{} older entries{until} {}", log.left_out, older())))
}

/// Explains why entries are missing.
fn older() -> String {
    format!("were left out: of each kind the newest are kept, at most {KEPT}, and fewer where there are many")
}

fn unread(channel: &str, why: String) -> Unread {
    Unread { what: format!("event log {channel}"), why }
}

/// Sections that mislead when incomplete: a gap would read as absence.
pub(super) const REGISTRY: &str = "registry keys";
pub(super) const CERTIFICATES: &str = "certificates";
pub(super) const KEY_FILES: &str = "key files";
/// Keys that are present where all certificates below them were read.
const STORES: [&str; 2] = [STORE_MY, STORE_REMOTE_DESKTOP];

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

    /// True if a thing of this section fits; otherwise it is counted. `name` is for sections where it matters which.
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

    /// Returns a collector of log entries for the room that is left.
    pub(super) fn entries(&self) -> Newest {
        Newest::of(self.most, self.left.min(ENTRIES))
    }

    /// Takes over the entries that were collected.
    pub(super) fn collected(&mut self, entries: Newest, state: &mut State) -> LeftOut {
        self.left = self.left.saturating_sub(entries.weight);
        let (mut events, left_out) = entries.in_given_order();
        state.events.append(&mut events);
        left_out
    }

    /// Takes back what only holds of a whole list: a truncated one of certificates or key files shows of none that it
    /// is absent.
    fn conclude_nothing(&self, state: &mut State) {
        let lost = |section: &str| self.left_out.get(section).copied().unwrap_or_default();
        if lost(CERTIFICATES) > 0 || lost(REGISTRY) > 0 {
            state
                .registry
                .retain(|key| !STORES.iter().chain(STORES_ROOT).any(|store| key.path.eq_ignore_ascii_case(store)));
        }
        for folder in state.key_files.iter_mut().filter(|file| file.name == ".") {
            folder.left_out = folder.left_out.saturating_add(lost(KEY_FILES));
        }
    }

    /// Records in the state what did not fit.
    pub(super) fn tell(self, state: &mut State) {
        self.conclude_nothing(state);
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
    /// Estimates the bytes of memory it takes.
    pub fn weight(&self) -> usize {
        fn all<T: Serialize>(things: &[T]) -> usize {
            things.iter().map(weight).sum()
        }
        let settings = all(&self.registry) + all(&self.services) + all(&self.certificates) + all(&self.key_files);
        let files = all(&self.files) + all(&self.volumes) + all(&self.rdp_files);
        settings
            + files
            + all(&self.logs)
            + self.events.iter().map(weight_of).sum::<usize>()
            + all(&self.traces)
            + all(&self.refused)
            + all(&self.unread)
    }

    /// Keeps at most this many entries of each kind, the newest, and of everything only what fits into the room.
    fn shrink(&mut self, most: usize, room: usize) {
        let mut filling = Filling::new(room, most);
        self.registry.retain(|key| filling.takes(REGISTRY, key, Some(&key.path)));
        self.services.retain(|service| filling.takes("services", service, None));
        self.certificates.retain(|certificate| filling.takes(CERTIFICATES, certificate, None));
        self.files.retain(|file| filling.takes("files", file, None));
        self.volumes.retain(|volume| filling.takes("volumes", volume, None));
        self.logs.retain(|log| filling.takes("event logs", log, None));
        self.traces.retain(|trace| filling.takes("recordings of accesses", trace, None));
        self.unread.retain(|unread| filling.takes("reasons why something was not read", unread, None));
        self.rdp_files.retain(|file| filling.takes(".rdp files", file, None));
        self.refused.retain(|access| filling.takes("refused accesses", access, None));
        self.key_files.retain(|file| filling.takes(KEY_FILES, file, None));
        let mut entries = filling.entries();
        for event in std::mem::take(&mut self.events) {
            entries.add_any(event);
        }
        filling.collected(entries, self).tell(self);
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
