//! The journal: everything that a run is going to do and has done, on the disk before it is done.
//!
//! A run is a folder of the [`Store`]: `journal.jsonl` (one line an event, see [`chain`]), `blobs` (the bytes of files
//! before and after, by their SHA-256) and `restore.sh`, which puts everything back without this program. The journal's
//! first line holds the whole plan, and is written when the rest is on the disk: where it is missing, nothing was
//! changed.

pub mod chain;
mod entry;
pub mod script;
mod store;

use std::fs;
use std::path::{Path, PathBuf};

use crate::place::{Held, Kept, sha256};
use crate::plan::Resolved;
use chain::Chain;
pub use chain::JournalError;
pub use entry::{Begin, Ended, Entry, Written};
pub use store::{Lock, Store, StoreError};

/// Most bytes of one file that is kept.
const BLOB: usize = 512 * 1024 * 1024;

/// Journal of a run, open for further lines.
#[derive(Debug)]
pub struct Journal {
    /// Its folder.
    pub folder: PathBuf,
    /// Its first line.
    pub begin: Begin,
    /// Everything behind it, old to new, with the time of each.
    pub entries: Vec<(String, Entry)>,
    chain: Chain,
}

impl Journal {
    /// Begins a journal in a new folder: the bytes of files, the script, then the first line.
    pub fn begin(
        folder: &Path,
        begin: Begin,
        steps: &[Resolved],
        script: &str,
        at: &str,
    ) -> Result<Self, JournalError> {
        let blobs = folder.join("blobs");
        store::private_folder(folder).and_then(|()| store::private_folder(&blobs)).map_err(JournalError::Io)?;
        for step in steps {
            for held in [&step.before, &step.after] {
                if let Held::File { bytes, .. } = held {
                    keep(&blobs, bytes)?;
                }
            }
        }
        store::private_file(&folder.join("restore.sh"), script.as_bytes()).map_err(JournalError::Io)?;
        store::synced(&blobs).and_then(|()| store::synced(folder)).map_err(JournalError::Io)?;
        let mut chain = Chain::create(&folder.join("journal.jsonl"))?;
        chain.append(&Entry::Begin(begin.clone()), at)?;
        store::synced(folder).map_err(JournalError::Io)?;
        Ok(Self { folder: folder.to_owned(), begin, entries: Vec::new(), chain })
    }

    /// Opens a journal and checks each of its lines.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let (chain, mut lines) = Chain::open(&folder.join("journal.jsonl"))?;
        if lines.is_empty() {
            return Err(JournalError::Empty);
        }
        let (_, first) = lines.remove(0);
        let Entry::Begin(begin) = first else { return Err(JournalError::NotOurs) };
        if begin.schema != entry::SCHEMA {
            return Err(JournalError::Schema(begin.schema));
        }
        let steps = begin.steps.len();
        let outside = |entry: &Entry| entry.step().is_some_and(|step| step >= steps);
        if lines.iter().any(|(_, entry)| matches!(entry, Entry::Begin(_)) || outside(entry)) {
            return Err(JournalError::NotOurs);
        }
        Ok(Self { folder: folder.to_owned(), begin, entries: lines, chain })
    }

    /// Writes a line, and waits until the disk has it.
    pub fn append(&mut self, entry: Entry, at: &str) -> Result<(), JournalError> {
        self.chain.append(&entry, at)?;
        self.entries.push((at.to_owned(), entry));
        Ok(())
    }

    /// Keeps bytes of a file beside the journal.
    pub fn keep(&self, bytes: &[u8]) -> Result<(), JournalError> {
        keep(&self.folder.join("blobs"), bytes)
    }

    /// True if these bytes of a file are among those that were kept.
    pub fn has_kept(&self, bytes: &[u8]) -> bool {
        self.folder.join("blobs").join(sha256(bytes)).is_file()
    }

    /// Returns contents as they were kept; an error if the bytes are gone or were changed.
    pub fn held(&self, kept: &Kept) -> Result<Held, JournalError> {
        let blob = |sum: &str| {
            let sound = sum.len() == 64 && sum.bytes().all(|letter| letter.is_ascii_hexdigit());
            let path = self.folder.join("blobs").join(sum);
            let bytes = if sound { crate::file::read(&path, BLOB).ok()? } else { return None };
            (sha256(&bytes) == sum).then_some(bytes)
        };
        kept.held(blob).ok_or(JournalError::Blob)
    }

    /// True if a step was begun, whether or not it was finished.
    pub fn begun(&self, step: usize) -> bool {
        self.entries.iter().any(|(_, entry)| *entry == Entry::Intent { step })
    }

    /// True if a step was finished.
    pub fn done(&self, step: usize) -> bool {
        self.entries.iter().any(|(_, entry)| *entry == Entry::Done { step })
    }

    /// Returns how the run ended; `None` if it did not, because it was killed or is still going on.
    pub fn ended(&self) -> Option<Ended> {
        self.entries.iter().rev().find_map(|(_, entry)| if let Entry::End { how } = entry { Some(*how) } else { None })
    }

    /// Lists the services that were restarted.
    pub fn restarted(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Restarting { service } => Some(service.as_str()),
            _ => None,
        })
    }
}

/// Keeps bytes by their SHA-256.
fn keep(blobs: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let path = blobs.join(sha256(bytes));
    match fs::symlink_metadata(&path) {
        Ok(about) if about.is_file() && about.len() == bytes.len() as u64 => Ok(()),
        _ => store::private_file(&path, bytes).map_err(JournalError::Io),
    }
}
