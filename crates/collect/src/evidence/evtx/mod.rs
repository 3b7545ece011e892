//! Windows event logs (`.evtx`), by provider and id, never by text.
//!
//! A log is read one chunk of 64 KiB at a time. Entries that mean nothing for Remote Desktop are counted and no more;
//! of the others the newest of each kind are kept ([`diagnosis::state::bounds`]), so that the size of a log does not matter.
//! Chunks stand in any order, and each is read by itself: what is damaged is named, and the rest is read on. The checksums
//! are not looked at: in a log that was copied while in use, that of the newest chunk is not written yet. What lies in a
//! chunk has to fit together instead.

mod binary_xml;
#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use diagnosis::events::{self, CLIENT_CHANNEL};
use diagnosis::fact::rfc3339;
use diagnosis::state::bounds::Newest;
use diagnosis::state::{LogEvent, LogSpan, Part, SCHEMA, State, Unread};
use time::OffsetDateTime;

use self::binary_xml::{Entry, Templates};
use super::{Access, Piece, ReadError, Reader};

/// The most damaged places that are named one by one.
const NAMED: usize = 4;

const MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8] = b"**\0\0";
const CHUNK: usize = 65536;
/// A chunk that was never used: compared as a whole, for a log may be full of them.
static EMPTY: [u8; CHUNK] = [0; CHUNK];
/// The head of a chunk: its numbers, and two tables that we do not need.
const CHUNK_HEAD: usize = 512;
/// Magic, size, number, time; behind the entry stands the size once more.
const RECORD_HEAD: usize = 24;

pub(super) const READER: Reader = Reader { kind: "event log", recognises, read: Access::Place(read) };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    Ok(Piece::State(Box::new(event_log(File::open(path)?)?)))
}

/// Reads an event log, wherever its bytes lie.
pub fn event_log(mut log: impl Read + Seek) -> Result<State, ReadError> {
    let mut read = Log::default();
    read.file(&mut log)?;
    read.state()
}

/// What has been read of a log.
#[derive(Default)]
struct Log {
    records: u64,
    from: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    channel: Option<String>,
    computer: Option<(OffsetDateTime, String)>,
    kept: Newest,
    damage: Vec<String>,
    damaged: usize,
}

/// The head of a record.
#[derive(Clone, Copy)]
struct Record {
    at: usize,
    size: usize,
    number: u64,
    written: Option<OffsetDateTime>,
}

impl Log {
    fn file(&mut self, file: &mut (impl Read + Seek)) -> Result<(), ReadError> {
        let mut head = [0; 128];
        file.read_exact(&mut head).map_err(|_| ReadError::Contents("cut off within its head".to_owned()))?;
        let start = u64::from(u16::from_le_bytes([head[40], head[41]])).max(128);
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = vec![0; CHUNK];
        for number in 0_u64.. {
            let read = fill(file, &mut chunk)?;
            if read == 0 {
                break;
            }
            let place = format!("chunk {number} at byte {}", start + number * CHUNK as u64);
            self.chunk(&chunk[..read], &place);
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &[u8], place: &str) {
        if !chunk.starts_with(CHUNK_MAGIC) {
            // room that the log has not used yet is empty
            if *chunk != EMPTY[..chunk.len()] {
                self.damage(format!("{place} does not begin as a chunk, and nothing of it was read"));
            }
            return;
        }
        let free = long(chunk, 48).filter(|free| (CHUNK_HEAD..=CHUNK).contains(free));
        let end = free.unwrap_or(CHUNK).min(chunk.len());
        if free.is_none() {
            self.damage(format!("{place} does not say where it ends"));
        } else if free > Some(chunk.len()) {
            self.damage(format!("{place} is cut off: the file ends within it"));
        }
        let mut templates = Templates::default();
        let (mut at, mut unread, mut broken) = (CHUNK_HEAD, 0_usize, 0_usize);
        while at + RECORD_HEAD < end {
            let Some(record) = record(chunk, at, end) else {
                // no record here: the next place where one fits is where reading goes on
                let next = (at + 8..end).step_by(8).find(|next| record(chunk, *next, end).is_some());
                unread += next.unwrap_or(end) - at;
                at = next.unwrap_or(end);
                continue;
            };
            at += record.size;
            broken += usize::from(self.record(chunk, record, &mut templates).is_none());
        }
        if unread > 0 && free.is_some() {
            self.damage(format!("{place}: {unread} bytes hold no entries"));
        }
        if broken > 0 {
            self.damage(format!("{place}: {broken} entries do not hold together"));
        }
    }

    /// Takes in one record; `None` if it is broken.
    fn record(&mut self, chunk: &[u8], record: Record, templates: &mut Templates) -> Option<()> {
        let entry = templates.entry(chunk, record.at + RECORD_HEAD, record.at + record.size - 4)?;
        let (id, provider) = (entry.id()?, entry.provider()?);
        self.records += 1;
        let at = entry.created().or(record.written)?;
        self.from = self.from.into_iter().chain([at]).min();
        self.until = self.until.into_iter().chain([at]).max();
        if self.channel.is_none() {
            self.channel = entry.system("Channel", None);
        }
        if self.computer.is_none() {
            self.computer = entry.system("Computer", None).map(|name| (at, name));
        }
        if events::find(&provider, id).is_some() {
            self.keep(provider, at, record.number, &entry, templates);
        }
        Some(())
    }

    fn keep(&mut self, provider: String, at: OffsetDateTime, record: u64, entry: &Entry<'_>, templates: &mut Templates) {
        let (id, channel) = (entry.id().unwrap_or_default(), entry.system("Channel", None).unwrap_or_default());
        if !self.kept.wants(&provider, id, &channel, Some(at), record) {
            return;
        }
        if self.computer.as_ref().is_none_or(|(named, _)| *named <= at) {
            self.computer = entry.system("Computer", None).map(|name| (at, name)).or(self.computer.take());
        }
        self.kept.add(LogEvent {
            at: rfc3339(at),
            channel,
            provider,
            id,
            record,
            activity: entry.system("Correlation", Some("ActivityID")),
            data: entry.data(templates).into_iter().collect(),
        });
    }

    fn damage(&mut self, what: String) {
        self.damaged += 1;
        if self.damage.len() < NAMED {
            self.damage.push(what);
        }
    }

    fn state(self) -> Result<State, ReadError> {
        let channel = self.channel.unwrap_or_default();
        let (Some(from), Some(until)) = (self.from, self.until) else {
            let why = self.damage.first().map_or("it holds no entries".to_owned(), Clone::clone);
            return Err(ReadError::Contents(why));
        };
        let span = LogSpan {
            channel: channel.clone(),
            from: rfc3339(from),
            until: rfc3339(until),
            records: self.records,
            damaged: self.damaged > 0,
            left_out: 0,
        };
        let more = self.damaged.saturating_sub(self.damage.len());
        let rest = (more > 0).then(|| format!("{more} further damaged {}", if more == 1 { "place" } else { "places" }));
        let places: Vec<String> = self.damage.into_iter().chain(rest).collect();
        let why = format!("parts of it are damaged, {} entries were read: {}", self.records, places.join("; "));
        let unread = Unread { what: format!("event log {channel}"), why };
        let (events, left_out) = self.kept.by_time();
        let mut state = State {
            schema: SCHEMA.to_owned(),
            part: if channel == CLIENT_CHANNEL { Part::Client } else { Part::Host },
            computer: self.computer.map(|(_, name)| name),
            logs: vec![span],
            events,
            unread: if places.is_empty() { Vec::new() } else { vec![unread] },
            ..State::default()
        };
        left_out.tell(&mut state);
        Ok(state)
    }
}

/// The record here, if one fits: its magic, and its size twice.
fn record(chunk: &[u8], at: usize, end: usize) -> Option<Record> {
    if !chunk.get(at..)?.starts_with(RECORD_MAGIC) {
        return None;
    }
    let size = long(chunk, at + 4).filter(|size| *size > RECORD_HEAD + 4)?;
    let last = at.checked_add(size).filter(|last| *last <= end)?;
    let wide = |at: usize| Some(u64::from_le_bytes(chunk.get(at..at + 8)?.try_into().ok()?));
    let (number, written) = (wide(at + 8)?, filetime(wide(at + 16)?));
    (long(chunk, last - 4) == Some(size)).then_some(Record { at, size, number, written })
}

fn long(chunk: &[u8], at: usize) -> Option<usize> {
    let bytes = chunk.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Hundreds of nanoseconds since 1601, to the whole microsecond.
fn filetime(ticks: u64) -> Option<OffsetDateTime> {
    const TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(ticks / 10_000_000).ok()?.checked_sub(TO_1970)?;
    let nanoseconds = u32::try_from(ticks % 10_000_000 / 10 * 1000).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.replace_nanosecond(nanoseconds).ok()
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
