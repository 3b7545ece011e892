//! Transaction logs of a hive in the format since Windows 8.1 (`HvLE`): writes that were pending when the machine
//! stopped.

use std::io::{self, Read};
use std::ops::Range;

use super::{BaseBlock, u32_at, u64_at};

/// Unit in which hives are written, bytes.
pub const SECTOR: u32 = 512;
/// Most bytes of a log that we read.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Most bytes of entries that are kept, of all logs of a hive together: what was pending is rarely a tenth of it.
pub const KEPT: usize = 32 * 1024 * 1024;
/// Bytes of memory that a page and its sectors take beside their contents.
const PAGE: usize = 100;
/// Bytes before the references to pages.
const HEAD: usize = 40;
/// Start values of both check sums.
const SEED: (u32, u32) = (0x7A4E_55C5, 0x82EF_4D88);

/// Changes that were to be written at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the entry.
    pub sequence: u32,
    /// Bytes of the hive bins when it was written.
    pub bins: u32,
    /// Offsets in the hive bins, and the place in `bytes` of what belongs there.
    pages: Vec<(u32, Range<usize>)>,
    bytes: Vec<u8>,
}

impl Entry {
    /// Estimates the bytes of memory that it takes, with the sectors that are made of it: a page of one byte takes a
    /// hundred.
    fn cost(&self) -> usize {
        let sectors: usize = self.pages.iter().map(|(_, place)| 1 + place.len() / SECTOR as usize).sum();
        self.bytes.capacity().saturating_add(sectors.saturating_mul(PAGE))
    }

    /// Iterates over its sectors: number in the hive bins, and contents.
    pub fn sectors(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.pages.iter().flat_map(|(offset, place)| {
            let page = self.bytes.get(place.clone()).unwrap_or_default();
            (offset / SECTOR..).zip(page.chunks(SECTOR as usize))
        })
    }
}

/// Mark behind the head of a log of Windows before 8.1: sectors without a check sum of their own.
const OLD: &[u8] = b"DIRT";
/// Reason why such a log is not merged.
const OLD_FORM: &str = "a transaction log in the form before Windows 8.1 (DIRT), which this program does not merge: the \
                        last changes of the hive are missing";

/// Transaction log.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    /// Its copy of the first block of the hive.
    pub base: BaseBlock,
    /// Entries, each numbered one higher than the one before.
    pub entries: Vec<Entry>,
    /// Reason why it ends early, if it does.
    cut: Option<String>,
}

/// Reads a log; `None` if it is empty, or was never used.
///
/// A log is rewritten from its beginning, over its former contents. So its entries are those from the number in its own
/// base block, in a row; anything after them with another number was applied long ago.
///
/// `room` is how many bytes of entries may still be kept.
pub fn read(source: impl Read, room: &mut usize) -> io::Result<Option<Log>> {
    let mut source = source.take(LIMIT);
    let mut base = Vec::new();
    source.by_ref().take(u64::from(SECTOR)).read_to_end(&mut base)?;
    let base = BaseBlock::read(&base).filter(|base| base.sound);
    let (mut entries, mut cut) = (Vec::new(), None);
    let mut expected = base.map_or(0, |base| base.sequence.0);
    loop {
        let mut bytes = Vec::with_capacity(HEAD);
        source.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        if entries.is_empty() && bytes.starts_with(OLD) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, OLD_FORM));
        }
        let size = u32_at(&bytes, 4).filter(|size| bytes.starts_with(b"HvLE") && *size as usize >= HEAD);
        let (Some(size), Some(_)) = (size, base) else { break };
        source.by_ref().take(u64::from(size) - HEAD as u64).read_to_end(&mut bytes)?;
        let number = u32_at(&bytes, 12).unwrap_or_default();
        if number == expected && bytes.len() < size as usize {
            cut = Some(format!("a transaction log ends within its entry {number}"));
        }
        bytes.shrink_to_fit();
        let Some(entry) = entry(bytes) else { break };
        if number > expected {
            cut = Some(format!("a transaction log goes on with entry {number}, where {expected} is due"));
        }
        if number != expected {
            break;
        }
        let Some(left) = room.checked_sub(entry.cost()) else {
            cut = Some(format!(
                "of the transaction logs not more than {KEPT} bytes are kept: entry {number} is too much"
            ));
            break;
        };
        *room = left;
        entries.push(entry);
        expected = expected.wrapping_add(1);
    }
    Ok(base.map(|base| Log { base, entries, cut }))
}

/// Returns the entries of all logs that continue a hive whose last finished write has this number, in order and up to
/// the first that is missing; and that number, if there are later ones.
pub fn following(logs: Vec<Log>, finished: u32) -> (Vec<Entry>, Option<String>) {
    let cut = logs.iter().find_map(|log| log.cut.clone());
    let mut entries: Vec<Entry> = logs.into_iter().flat_map(|log| log.entries).collect();
    entries.retain(|entry| entry.sequence >= finished);
    entries.sort_by_key(|entry| entry.sequence);
    entries.dedup_by_key(|entry| entry.sequence);
    let first = entries.first().map_or(0, |entry| entry.sequence);
    let unbroken = (first..).zip(&entries).take_while(|(number, entry)| entry.sequence == *number).count();
    let gap = entries.get(unbroken).zip(entries.get(unbroken.wrapping_sub(1))).map(|(next, last)| {
        format!("the transaction logs go on with entry {} behind {}", next.sequence, last.sequence)
    });
    entries.truncate(unbroken);
    (entries, gap.or(cut))
}

fn entry(whole: Vec<u8>) -> Option<Entry> {
    let size = u32_at(&whole, 4)? as usize;
    let bytes = whole.get(..size).filter(|bytes| bytes.starts_with(b"HvLE"))?;
    let (sum, head) = (u64_at(bytes, 24)?, u64_at(bytes, 32)?);
    if sum != marvin32(bytes.get(HEAD..)?) || head != marvin32(bytes.get(..32)?) {
        return None;
    }
    let count = u32_at(bytes, 20)? as usize;
    let (references, _) = bytes.get(HEAD..)?.split_at_checked(count.checked_mul(8)?)?;
    let mut begin = HEAD + references.len();
    let mut pages = Vec::with_capacity(count);
    for reference in references.chunks_exact(8) {
        let (offset, length) = (u32_at(reference, 0)?, u32_at(reference, 4)?);
        let end = begin.checked_add(length as usize).filter(|end| *end <= bytes.len())?;
        pages.push((offset, begin..end));
        begin = end;
    }
    Some(Entry { sequence: u32_at(bytes, 12)?, bins: u32_at(bytes, 16)?, pages, bytes: whole })
}

/// Computes the check sum of log entries.
pub fn marvin32(data: &[u8]) -> u64 {
    let (mut low, mut high) = SEED;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        low = low.wrapping_add(u32_at(chunk, 0).unwrap_or_default());
        (low, high) = mix(low, high);
    }
    let last = chunks.remainder().iter().rev().fold(0x80, |word: u32, byte| word << 8 | u32::from(*byte));
    low = low.wrapping_add(last);
    (low, high) = mix(low, high);
    (low, high) = mix(low, high);
    u64::from(high) << 32 | u64::from(low)
}

fn mix(low: u32, high: u32) -> (u32, u32) {
    let (low, high) = (low.rotate_left(20).wrapping_add(high ^ low), high ^ low);
    let (low, high) = (low, high.rotate_left(9) ^ low);
    let (low, high) = (low.rotate_left(27).wrapping_add(high), high);
    (low, high.rotate_left(19))
}
