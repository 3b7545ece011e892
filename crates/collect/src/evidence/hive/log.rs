//! Transaction logs of a hive in the form since Windows 8.1 (`HvLE`): what was to be written when the machine stopped.

use std::io::{self, Read, Seek, SeekFrom};

use super::regf::{u32_at, u64_at};

/// The unit in which hives are written.
pub(super) const SECTOR: u32 = 512;
/// The most bytes of a log that we read.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Bytes before the references to pages.
const HEAD: usize = 40;
/// Where both check sums begin.
const SEED: (u32, u32) = (0x7A4E_55C5, 0x82EF_4D88);

/// What was to be written at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its number.
    pub(super) sequence: u32,
    /// Places in the hive bins, and what belongs there.
    pub(super) pages: Vec<(u32, Vec<u8>)>,
}

/// How the log of a Windows before 8.1 goes on behind its head: sectors without a check sum of their own.
const OLD: &[u8] = b"DIRT";
/// Why such a log is not merged.
const OLD_FORM: &str = "a transaction log in the form before Windows 8.1 (DIRT), which this program does not merge: the \
                        last changes of the hive are missing";

/// The entries of a log whose check sums are right, up to the first that is not.
pub(super) fn entries(mut source: impl Read + Seek) -> io::Result<Vec<Entry>> {
    source.seek(SeekFrom::Start(u64::from(SECTOR)))?;
    let mut source = source.take(LIMIT);
    let mut entries = Vec::new();
    loop {
        let mut bytes = Vec::with_capacity(HEAD);
        source.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        if entries.is_empty() && bytes.starts_with(OLD) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, OLD_FORM));
        }
        let size = u32_at(&bytes, 4).filter(|size| bytes.starts_with(b"HvLE") && *size as usize >= HEAD);
        let Some(size) = size else { return Ok(entries) };
        source.by_ref().take(u64::from(size) - HEAD as u64).read_to_end(&mut bytes)?;
        let Some((entry, _)) = entry(&bytes) else { return Ok(entries) };
        entries.push(entry);
    }
}

/// The entries of all logs that continue a hive whose last finished write has this number, in order and without a gap.
pub(super) fn following(mut entries: Vec<Entry>, finished: u32) -> Vec<Entry> {
    entries.retain(|entry| entry.sequence >= finished);
    entries.sort_by_key(|entry| entry.sequence);
    entries.dedup_by_key(|entry| entry.sequence);
    let first = entries.first().map_or(0, |entry| entry.sequence);
    let unbroken = (first..).zip(&entries).take_while(|(number, entry)| entry.sequence == *number).count();
    entries.truncate(unbroken);
    entries
}

fn entry(bytes: &[u8]) -> Option<(Entry, usize)> {
    let size = u32_at(bytes, 4)? as usize;
    let bytes = bytes.get(..size).filter(|bytes| bytes.starts_with(b"HvLE"))?;
    let (sum, head) = (u64_at(bytes, 24)?, u64_at(bytes, 32)?);
    if sum != marvin32(bytes.get(HEAD..)?) || head != marvin32(bytes.get(..32)?) {
        return None;
    }
    let count = u32_at(bytes, 20)? as usize;
    let (references, mut data) = bytes.get(HEAD..)?.split_at_checked(count.checked_mul(8)?)?;
    let mut pages = Vec::with_capacity(count);
    for reference in references.chunks_exact(8) {
        let (page, rest) = data.split_at_checked(u32_at(reference, 4)? as usize)?;
        pages.push((u32_at(reference, 0)?, page.to_vec()));
        data = rest;
    }
    Some((Entry { sequence: u32_at(bytes, 12)?, pages }, size))
}

/// The check sum of log entries.
fn marvin32(data: &[u8]) -> u64 {
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
