//! Changes registry hives that no Windows uses: the file with its transaction logs merged, values set and deleted in
//! it, and sealed as Windows leaves a hive that it closed.
//!
//! An [`Image`] is bytes and stays bytes: who puts it where the hive was keeps the hive, which undoing restores. The
//! logs stay as they are, because those of a hive that was closed are ignored ("Dirty state of a hive").
//!
//! Refused is everything whose last writes are not all known: a hive that was not closed and has no logs, logs with a
//! gap, a file that ends early, bins that are not sound. Sealing such a hive would make it look whole.
//!
//! Source: "Windows registry file format specification" by M. Suhanov.

mod bins;
mod edits;
#[cfg(test)]
mod tests;
mod values;

use std::io::Cursor;

pub use edits::{Data, Edit};
use evidence::hive::log::{Log, following};
use evidence::hive::{BINS, BaseBlock, Flaw, Hive, Key, Value, check_sum, u32_at};

/// Places in the base block.
const PRIMARY: usize = 4;
const SECONDARY: usize = 8;
const WRITTEN: usize = 12;
const MAJOR: usize = 20;
const MINOR: usize = 24;
const FILE_TYPE: usize = 28;
const BINS_SIZE: usize = 40;
const CHECK_SUM: usize = 508;
/// Place of the time of the last write in the first hive bin.
const BIN_WRITTEN: usize = 4096 + 20;

/// Reason why a hive is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is no hive, or one of a form that is not known.
    #[error("it is no registry hive of a form that this program knows")]
    Foreign,
    /// Something of it could not be read.
    #[error("{0}")]
    Unread(#[from] Flaw),
    /// The check sum of the first block is wrong.
    #[error("the check sum of its first block is wrong: let Windows or chkdsk look at the disk first")]
    FirstBlock,
    /// It ends before its last bin.
    #[error("it is cut off: {0} of {1} bytes")]
    Cut(u64, u64),
    /// The last writes are not there.
    #[error("it was not closed properly, and no transaction log beside it has what Windows wrote last")]
    Dirty,
    /// Some of the last writes are not there.
    #[error("it was not closed properly, and some of what Windows wrote last is missing: {0}")]
    Gap(String),
    /// A bin or a cell is not as it should be.
    #[error("there is no {1} at {0:#x}: the hive is damaged")]
    Unsound(u32, &'static str),
    /// The key is not there.
    #[error("the key {0} is not there, and keys are not made")]
    NoKey(String),
    /// The value lies in several pieces, or would.
    #[error("the value {0} has more than {PIECE} bytes, and such values are not changed", PIECE = evidence::hive::PIECE)]
    Large(String),
    /// The key's values are not Windows' own way of keeping values.
    #[error("the key {0} keeps something else than values")]
    Special(String),
    /// It did not hold afterwards what it was set to.
    #[error("the value {0} does not read back as it was set")]
    Untaken(String),
    /// There is no more room.
    #[error("the hive cannot grow any more")]
    Full,
}

/// Hive in memory, whole, with the contents of its transaction logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Takes a hive and the transaction logs beside it, which are merged if it was not closed properly.
    pub fn open(bytes: Vec<u8>, logs: Vec<Log>) -> Result<Self, Refusal> {
        let base = BaseBlock::read(&bytes).ok_or(Refusal::Foreign)?;
        if !base.sound {
            return Err(Refusal::FirstBlock);
        }
        let number = |at| u32_at(&bytes, at).unwrap_or_default();
        if (number(FILE_TYPE), number(MAJOR)) != (0, 1) || !(3..=6).contains(&number(MINOR)) {
            return Err(Refusal::Foreign);
        }
        let mut image = Self { bytes };
        let (primary, secondary) = base.sequence;
        if primary != secondary {
            image.merge(logs, primary, secondary)?;
        }
        let wants = BINS + u64::from(u32_at(&image.bytes, BINS_SIZE).unwrap_or_default());
        if (image.bytes.len() as u64) < wants {
            return Err(Refusal::Cut(image.bytes.len() as u64, wants));
        }
        bins::check(&image.bytes)?;
        Ok(image)
    }

    /// Takes over what the logs have, as Windows does when it loads a hive.
    fn merge(&mut self, logs: Vec<Log>, primary: u32, secondary: u32) -> Result<(), Refusal> {
        let (entries, gap) = following(logs, secondary);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Err(Refusal::Dirty) };
        if first.sequence > primary {
            let what = format!("the hive stands at {primary}, and the logs begin at {}", first.sequence);
            return Err(Refusal::Gap(what));
        }
        if let Some(gap) = gap {
            return Err(Refusal::Gap(gap));
        }
        let (sequence, size) = (last.sequence, last.bins);
        for entry in &entries {
            for (number, sector) in entry.sectors() {
                let start = usize::try_from(BINS + u64::from(number) * u64::from(evidence::hive::log::SECTOR));
                let start = start.map_err(|_| Refusal::Full)?;
                let end = start + sector.len();
                if end as u64 > BINS + u64::from(entry.bins) {
                    return Err(Refusal::Gap(format!("entry {} goes beyond the hive's end", entry.sequence)));
                }
                self.bytes.resize(self.bytes.len().max(end), 0);
                write(&mut self.bytes, start, sector)?;
            }
        }
        for (at, number) in [(PRIMARY, sequence), (SECONDARY, sequence), (BINS_SIZE, size)] {
            write(&mut self.bytes, at, &number.to_le_bytes())?;
        }
        Ok(())
    }

    /// Returns the value of this name (ASCII letters of either case are one) of the key of this path below the root;
    /// `None` if the key has none.
    pub fn value(&self, key: &str, name: &str) -> Result<Option<Value>, Refusal> {
        let (_, values) = self.look(key)?;
        Ok(values.into_iter().find(|value| value.name.eq_ignore_ascii_case(name)))
    }

    /// Finds a key and all its values. Unless each of them could be read, that is an error.
    fn look(&self, path: &str) -> Result<(Key, Vec<Value>), Refusal> {
        let mut hive = Hive::open(Cursor::new(&self.bytes))?;
        let key = hive.find(path)?.ok_or_else(|| Refusal::NoKey(path.to_owned()))?;
        let (values, flaws) = hive.raw_values(&key);
        flaws.into_iter().next().map_or(Ok((key, values)), |flaw| Err(flaw.into()))
    }

    /// Seals the hive as one that was closed at this time (a `FILETIME`), and returns the bytes of its file.
    pub fn seal(mut self, at: u64) -> Result<Vec<u8>, Refusal> {
        bins::check(&self.bytes)?;
        let sequence = u32_at(&self.bytes, PRIMARY).ok_or(Refusal::Foreign)?.wrapping_add(1);
        for place in [PRIMARY, SECONDARY] {
            write(&mut self.bytes, place, &sequence.to_le_bytes())?;
        }
        for place in [WRITTEN, BIN_WRITTEN] {
            write(&mut self.bytes, place, &at.to_le_bytes())?;
        }
        let sum = check_sum(self.bytes.get(..CHECK_SUM).ok_or(Refusal::Foreign)?);
        write(&mut self.bytes, CHECK_SUM, &sum.to_le_bytes())?;
        Ok(self.bytes)
    }
}

/// Puts bytes in the place of others.
fn write(bytes: &mut [u8], at: usize, new: &[u8]) -> Result<(), Refusal> {
    let end = at.checked_add(new.len());
    let old = end.and_then(|end| bytes.get_mut(at..end));
    old.ok_or(Refusal::Unsound(u32::try_from(at).unwrap_or(u32::MAX), "room"))?.copy_from_slice(new);
    Ok(())
}
