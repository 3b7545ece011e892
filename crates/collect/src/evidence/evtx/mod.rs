//! Windows event logs (`.evtx`), by provider and id, never by text.
//!
//! A log is read one chunk of 64 KiB at a time. Entries that mean nothing for Remote Desktop are only counted; of the
//! others the newest of each kind are kept ([`Newest`]), so that the size of a log does not matter. Chunks come in any
//! order; they are read from the newest to the oldest, so that what is kept in the end is not built and thrown away
//! again. Each is read by itself: damaged and missing ones are named, and the rest is read. Checksums are ignored,
//! because in a log that was copied while in use, that of the newest chunk is not written yet; instead the contents of
//! a chunk have to be consistent.
//!
//! A file may hold entries of several machines, or of several channels. Each machine becomes a [`State`] of its own,
//! and one channel says nothing about another.

mod binary_xml;
mod groups;
mod machine;
mod numbers;
#[cfg(test)]
pub(super) mod sample;
mod template;
#[cfg(test)]
mod tests;
mod value;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use evidence::events;
use evidence::events::{CLIENT_CHANNEL, Known};
use evidence::moment::rfc3339;
use evidence::state::bounds::{Data, ENTRIES, KEPT, Newest};
use evidence::state::{LogEvent, Part, SCHEMA, State, Unread};
use wire::ntlm::{filetime, to_filetime};

use self::binary_xml::{Entry, Templates};
use self::groups::{Group, Groups};
use self::machine::{Machine, Span};
use self::value::dated;
use super::kind::Kind;
use super::machines::same_machine;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::reading::BYTES;

/// Most damaged places that are named one by one.
const NAMED: usize = 4;
/// Most machines of one log, and most channels of all of them.
const MACHINES: usize = 32;
const CHANNELS: usize = 256;

const MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8] = b"**\0\0";
const CHUNK: usize = 65536;
/// Chunk that was never used: compared as a whole, because a log may be full of them.
static EMPTY: [u8; CHUNK] = [0; CHUNK];
/// Size of a chunk's head: its numbers, and two tables that we do not need.
const CHUNK_HEAD: usize = 512;
/// Place of the number of its last record in a chunk's head.
const LAST_RECORD: usize = 32;
/// Size of a record's head: magic, size, number, time; the size is repeated after the entry.
const RECORD_HEAD: usize = 24;

pub(super) const READER: Reader = Reader { kind: Kind::EventLog, recognises, read: Access::Stream(read) };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn read(source: &mut dyn Source, _: &str) -> Result<Vec<Piece>, ReadError> {
    Ok(event_log(source)?.into_iter().map(|state| Piece::State(Box::new(state))).collect())
}

/// Reads an event log from any source: one state for each machine that wrote into it, at least one.
pub fn event_log(mut log: impl Read + Seek) -> Result<Vec<State>, ReadError> {
    let mut read = Log::new();
    read.file(&mut log)?;
    read.states()
}

/// State of reading a log.
struct Log {
    machines: Vec<Machine>,
    /// Most entries of a kind that are kept of each machine.
    most: usize,
    groups: Groups,
    /// Entries of more machines and channels than are told apart.
    beyond: u64,
    /// Damaged places that are named, by chunk.
    damage: BTreeMap<(u64, usize), String>,
    damaged: usize,
}

/// Chunk of the file, for words about it.
struct Place {
    number: u64,
    words: String,
}

impl Place {
    fn of(number: u64, at: u64) -> Self {
        Self { number, words: format!("chunk {number} at byte {at}") }
    }
}

/// Head of a record.
#[derive(Clone, Copy)]
struct Record {
    at: usize,
    size: usize,
    number: u64,
    /// When it was written, as a FILETIME.
    written: u64,
}

impl Log {
    fn new() -> Self {
        let (machines, groups, damage) = (Vec::new(), Groups::default(), BTreeMap::new());
        Self { machines, most: KEPT, groups, beyond: 0, damage, damaged: 0 }
    }

    fn file(&mut self, file: &mut (impl Read + Seek)) -> Result<(), ReadError> {
        let mut head = [0; 128];
        file.read_exact(&mut head).map_err(|_| ReadError::Contents("cut off within its head".to_owned()))?;
        let start = u64::from(u16::from_le_bytes([head[40], head[41]])).max(128);
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = vec![0; CHUNK];
        let order = match newest_first(file, start) {
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return self.forward(file, &mut chunk, start);
            }
            order => order?,
        };
        if file.seek(SeekFrom::End(0))?.saturating_sub(start) > BYTES {
            let place = Place::of(BYTES / CHUNK as u64, start + BYTES);
            self.damage(&place, format!("what is behind the first {} GiB was not read", BYTES >> 30));
        }
        for number in order {
            let at = start + number * CHUNK as u64;
            file.seek(SeekFrom::Start(at))?;
            let read = fill(file, &mut chunk)?;
            if read > 0 {
                self.chunk(&chunk[..read], &Place::of(number, at));
            }
        }
        Ok(())
    }

    /// Reads the chunks in their order in the file, where its end cannot be looked for.
    fn forward(&mut self, file: &mut impl Read, chunk: &mut [u8], start: u64) -> Result<(), ReadError> {
        for number in 0.. {
            let read = fill(file, chunk)?;
            if read == 0 {
                break;
            }
            self.chunk(&chunk[..read], &Place::of(number, start.saturating_add(number * CHUNK as u64)));
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &[u8], at_place: &Place) {
        let place = &at_place.words;
        if !chunk.starts_with(CHUNK_MAGIC) {
            // room that the log has not used yet is empty
            if *chunk != EMPTY[..chunk.len()] {
                self.damage(at_place, format!("{place} does not begin as a chunk, and nothing of it was read"));
            }
            return;
        }
        let free = long(chunk, 48).filter(|free| (CHUNK_HEAD..=CHUNK).contains(free));
        let end = free.unwrap_or(CHUNK).min(chunk.len());
        if free.is_none() {
            self.damage(at_place, format!("{place} does not say where it ends"));
        } else if free > Some(chunk.len()) {
            self.damage(at_place, format!("{place} is cut off: the file ends within it"));
        }
        let mut templates = Templates::default();
        let (mut at, mut unread, mut broken) = (CHUNK_HEAD, 0_usize, 0_usize);
        while at + RECORD_HEAD < end {
            let Some(record) = record(chunk, at, end) else {
                // no record here: reading goes on at the next place where one fits
                let next = (at + 8..end).step_by(8).find(|next| record(chunk, *next, end).is_some());
                unread += next.unwrap_or(end) - at;
                at = next.unwrap_or(end);
                continue;
            };
            at += record.size;
            broken += usize::from(self.record(chunk, record, &mut templates).is_none());
        }
        if unread > 0 && free.is_some() {
            self.damage(at_place, format!("{place}: {unread} bytes hold no entries"));
        }
        if broken > 0 {
            self.damage(at_place, format!("{place}: {broken} entries do not hold together"));
        }
    }

    /// Takes in one record; `None` if it is broken.
    fn record(&mut self, chunk: &[u8], record: Record, templates: &mut Templates) -> Option<()> {
        let entry = templates.entry(chunk, record.at + RECORD_HEAD, record.at + record.size - 4)?;
        let id = entry.id()?;
        let at = entry.created().or_else(|| dated(record.written))?;
        let when = (at, record.number);
        let (group, place) = self.group(&entry, id, when)?;
        let Some((machine, span)) = group.origin else {
            self.beyond += 1;
            return Some(());
        };
        self.machines[machine].spans[span].saw(record.number, at);
        if let Some(known) = group.known
            && !place.is_some_and(|place| self.groups.passes_over(place, when))
        {
            self.keep((machine, span), (known, place), when, &entry, templates);
        }
        Some(())
    }

    /// Finds the group of an entry, and its place among them unless there are too many; `None` if it is broken.
    fn group(&mut self, entry: &Entry<'_>, id: u32, when: (u64, u64)) -> Option<(Group, Option<usize>)> {
        if let Some(found) = self.groups.of_template(entry, id) {
            return Some(found);
        }
        let provider = entry.provider()?;
        if let Some(found) = self.groups.of_bytes(entry, id) {
            return Some(found);
        }
        let group = Group { origin: self.new_origin(entry, when), known: events::find(&provider, id) };
        Some((group, self.groups.insert(entry, id, group)))
    }

    /// Finds the machine that wrote an entry, and its channel.
    fn new_origin(&mut self, entry: &Entry<'_>, (at, number): (u64, u64)) -> Option<(usize, usize)> {
        let name = entry.computer().unwrap_or_default().into_owned();
        let channel = entry.channel().unwrap_or_default().into_owned();
        let known = self.machines.iter().position(|machine| same_machine(&machine.named.1, &name));
        if known.is_none() && self.machines.len() >= MACHINES {
            return None;
        }
        let spans = self.machines.iter().map(|machine| machine.spans.len()).sum::<usize>();
        let place = known.unwrap_or(self.machines.len());
        if known.is_none() {
            let mut newest = Newest::default();
            newest.keep_at_most(self.most);
            let own = entry.system("EventRecordID", None).and_then(|own| own.parse::<u64>().ok());
            let shift = own.map_or(0, |own| own.wrapping_sub(number));
            self.machines.push(Machine { named: (at, name.clone()), spans: Vec::new(), newest, shift });
        }
        let machine = &mut self.machines[place];
        // a machine that joined a domain since then has a longer name
        if machine.named.0 < at {
            machine.named = (at, name);
        }
        let same = machine.spans.iter().position(|span| span.channel.eq_ignore_ascii_case(&channel));
        if same.is_none() && spans >= CHANNELS {
            return None;
        }
        if same.is_none() {
            machine.spans.push(Span::new(channel));
        }
        Some((place, same.unwrap_or(machine.spans.len() - 1)))
    }

    fn keep(
        &mut self,
        (machine, span): (usize, usize),
        (known, place): (Known, Option<usize>),
        when: (u64, u64),
        entry: &Entry<'_>,
        templates: &mut Templates,
    ) {
        let kind = (known.provider, known.id);
        let (Some(at), record) = (filetime(when.0), when.1) else { return };
        let machine = &mut self.machines[machine];
        let channel = &machine.spans[span].channel;
        if let Some((Some(oldest), number)) =
            machine.newest.full_from(kind).filter(|oldest| (Some(at), record) <= *oldest)
        {
            let Some((address, way)) = events::counted_by(known) else {
                match place.zip(to_filetime(oldest)) {
                    Some((place, oldest)) => self.groups.pass_over(place, (oldest, number), when),
                    None => machine.newest.pass_over(kind, channel, Some(at), &Data::new()),
                }
                return;
            };
            let wanted = [address, way.unwrap_or(address)];
            let data: Data = entry.data(templates, &wanted).into_iter().collect();
            return machine.newest.pass_over(kind, channel, Some(at), &data);
        }
        // most of these are of other logons and services: they are not built to be thrown away
        if !events::each_matters(known.id) {
            let decides: Data = entry.data(templates, events::decided_by(known.id)).into_iter().collect();
            if !events::matters(known.provider, known.id, &decides) {
                return;
            }
        }
        let event = LogEvent {
            at: rfc3339(at),
            channel: channel.clone(),
            provider: entry.provider().unwrap_or_default().into_owned(),
            id: known.id,
            record,
            activity: entry.system("Correlation", Some("ActivityID")),
            data: entry.data(templates, &[]).into_iter().collect(),
        };
        machine.newest.add(kind, Some(at), event);
        // all machines of a log share the room of one
        while self.most > 0 && self.machines.iter().map(|machine| machine.newest.weight()).sum::<usize>() > ENTRIES {
            self.most /= 2;
            for machine in &mut self.machines {
                machine.newest.keep_at_most(self.most);
            }
        }
    }

    /// Notes damage; the first places in the file are named.
    fn damage(&mut self, place: &Place, what: String) {
        self.damage.insert((place.number, self.damaged), what);
        self.damaged += 1;
        if self.damage.len() > NAMED {
            self.damage.pop_last();
        }
    }

    fn states(mut self) -> Result<Vec<State>, ReadError> {
        for (group, passed) in self.groups.passed() {
            let Some(((machine, span), known)) = group.origin.zip(group.known) else { continue };
            let Machine { spans, newest, .. } = &mut self.machines[machine];
            let Some(period) = filetime(passed.from).zip(filetime(passed.until)) else { continue };
            newest.pass_over_many((known.provider, known.id), &spans[span].channel, passed.count, period);
        }
        self.machines.retain(|machine| !machine.spans.is_empty());
        if self.machines.is_empty() {
            let why = self.damage.values().next().map_or("it holds no entries".to_owned(), Clone::clone);
            return Err(ReadError::Contents(why));
        }
        let mut notes = self.notes();
        notes.extend(self.leave_the_last_name());
        let several = self.machines.len() > 1;
        if several {
            let more = if self.machines.len() >= MACHINES && self.beyond > 0 { "more than " } else { "" };
            let count = self.machines.len();
            notes.push(format!(
                "it holds entries of {more}{count} machines, and which of theirs came into it is not known"
            ));
        }
        let damaged = self.damaged > 0 || self.beyond > 0 || several;
        let mut states: Vec<State> = self.machines.into_iter().map(|machine| state(machine, damaged)).collect();
        if let Some(first) = states.first_mut() {
            let what = first.logs.first().map(|log| format!("event log {}", log.channel)).unwrap_or_default();
            let notes = notes.into_iter().map(|why| Unread { what: what.clone(), why });
            first.unread.splice(0..0, notes);
        }
        Ok(states)
    }

    /// Lists what could not be read.
    fn notes(&self) -> Vec<String> {
        let records: u64 = self.machines.iter().flat_map(|machine| &machine.spans).map(|span| span.records).sum();
        let more = self.damaged.saturating_sub(self.damage.len());
        let rest = (more > 0).then(|| format!("{more} further damaged {}", if more == 1 { "place" } else { "places" }));
        let places: Vec<String> = self.damage.values().cloned().chain(rest).collect();
        let damage = format!("parts of it are damaged, {records} entries were read: {}", places.join("; "));
        let beyond = format!("{} entries of more machines and channels than are told apart were left out", self.beyond);
        let notes = [(!places.is_empty(), damage), (self.beyond > 0, beyond)];
        notes.into_iter().filter(|(so, _)| *so).map(|(_, why)| why).collect()
    }

    /// Keeps only entries under the last name of a log with one channel in which names follow one another and no record
    /// number is missing between them: the machine was renamed, as every machine is by its setup, or its disk was
    /// copied from another. Where numbers have gaps, or entries were numbered anew and had others of their own, several
    /// machines were collected into one log. Returns a note.
    fn leave_the_last_name(&mut self) -> Option<String> {
        let ends = |machine: &Machine| if let [span] = &machine.spans[..] { span.numbers.ends() } else { None };
        let channel = |machine: &Machine| machine.spans.first().map(|span| span.channel.to_lowercase());
        self.machines.sort_by_key(ends);
        let follows = |pair: &[Machine]| {
            let ends = ends(&pair[0]).zip(ends(&pair[1]));
            channel(&pair[0]) == channel(&pair[1])
                && ends.is_some_and(|(one, next)| one.1.checked_add(1) == Some(next.0))
        };
        let collected = self.machines.windows(2).any(|pair| pair[0].shift != pair[1].shift);
        if self.machines.len() < 2 || collected || !self.machines.windows(2).all(follows) {
            return None;
        }
        let earlier = self.machines.drain(..self.machines.len() - 1);
        let count: u64 = earlier.flat_map(|machine| machine.spans).map(|span| span.records).sum();
        Some(format!(
            "{count} earlier entries were left out, which name another machine, or this one by an earlier name"
        ))
    }
}

/// Returns the numbers of the file's chunks, those with the newest entries first: by the number of the last record,
/// which each chunk's head names. What does not begin as a chunk comes last.
fn newest_first(file: &mut (impl Read + Seek), start: u64) -> Result<Vec<u64>, ReadError> {
    let size = file.seek(SeekFrom::End(0))?.saturating_sub(start).min(BYTES);
    let mut chunks = Vec::new();
    for number in 0..size.div_ceil(CHUNK as u64) {
        let mut head = [0; LAST_RECORD + 8];
        file.seek(SeekFrom::Start(start + number * CHUNK as u64))?;
        let read = fill(file, &mut head)?;
        // it was cut meanwhile, or its reading was ended
        if read == 0 {
            break;
        }
        let begins = read == head.len() && head.starts_with(CHUNK_MAGIC);
        let last = head.last_chunk().map_or(0, |bytes: &[u8; 8]| u64::from_le_bytes(*bytes));
        chunks.push((Reverse(if begins { last } else { 0 }), number));
    }
    chunks.sort_unstable();
    Ok(chunks.into_iter().map(|(_, number)| number).collect())
}

/// Builds the state of one machine.
fn state(machine: Machine, damaged: bool) -> State {
    let logs: Vec<_> = machine.spans.iter().filter_map(|span| span.told(damaged)).collect();
    let missing = machine.spans.iter().filter_map(|span| {
        let why = span.numbers.missing()?.to_string();
        Some(Unread { what: format!("event log {}", span.channel), why })
    });
    let of_client = logs.iter().all(|log| log.channel == CLIENT_CHANNEL);
    let (events, left_out) = machine.newest.by_time();
    let mut state = State {
        schema: SCHEMA.to_owned(),
        part: if of_client { Part::Client } else { Part::Host },
        unread: missing.collect(),
        events,
        computer: Some(machine.named.1).filter(|name| !name.is_empty()),
        logs,
        ..State::default()
    };
    left_out.tell(&mut state);
    state
}

/// Reads the head of the record here, if one fits: its magic, and its size twice.
fn record(chunk: &[u8], at: usize, end: usize) -> Option<Record> {
    if !chunk.get(at..)?.starts_with(RECORD_MAGIC) {
        return None;
    }
    let size = long(chunk, at + 4).filter(|size| *size > RECORD_HEAD + 4)?;
    let last = at.checked_add(size).filter(|last| *last <= end)?;
    let wide = |at: usize| Some(u64::from_le_bytes(chunk.get(at..at + 8)?.try_into().ok()?));
    let (number, written) = (wide(at + 8)?, wide(at + 16)?);
    (long(chunk, last - 4) == Some(size)).then_some(Record { at, size, number, written })
}

fn long(chunk: &[u8], at: usize) -> Option<usize> {
    let bytes = chunk.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
