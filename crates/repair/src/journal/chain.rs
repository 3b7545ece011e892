//! Lines that hold together: each has its number and the SHA-256 of the line before, and is on the disk before anything
//! follows from it.
//!
//! Beside them `head` says how many lines there were: without it, lines that somebody cut off would not be missed. That
//! protects from mishaps and careless edits, not from somebody who writes all of it anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::entry::Entry;
use super::store;
use crate::place::sha256;

/// Most bytes of a journal.
const LIMIT: usize = 64 * 1024 * 1024;

/// Reason why a journal cannot be read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line that does not fit to the one before it.
    #[error(
        "line {0} was changed, or is not where it was: the journal cannot be trusted (its restore.sh may still help)"
    )]
    Edited(usize),
    /// Lines are missing at its end.
    #[error("{1} of its {0} lines are missing: it was cut (its restore.sh may still help)")]
    Cut(usize, usize),
    /// Not a single line.
    #[error("it has no line: nothing was changed by this run")]
    Empty,
    /// Something else, or a mixture of journals.
    #[error("it is no journal of this program")]
    NotOurs,
    /// Written by another version.
    #[error("its form is {0:?}, which this version does not know")]
    Schema(String),
    /// Bytes that were kept are gone or damaged.
    #[error("the kept copy of a file is gone or damaged")]
    Blob,
}

/// Line as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    number: usize,
    previous: String,
    at: String,
    #[serde(flatten)]
    entry: Entry,
}

/// File with lines, open for more.
#[derive(Debug)]
pub struct Chain {
    file: File,
    head: PathBuf,
    number: usize,
    previous: String,
}

impl Chain {
    /// Begins a new file.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = store::private(OpenOptions::new().append(true).create_new(true)).open(path)?;
        Ok(Self { file, head: path.with_file_name("head"), number: 0, previous: sha256(b"") })
    }

    /// Opens a file, and reads and checks its lines. One without its end is what was being written when the machine or
    /// the program died: nothing followed from it, and it is taken away before the next one is written.
    pub fn open(path: &Path) -> Result<(Self, Vec<(String, Entry)>), JournalError> {
        let bytes = crate::file::read(path, LIMIT)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = str::from_utf8(&bytes[..whole]).map_err(|_| JournalError::NotOurs)?;
        let (mut previous, mut entries, mut sums) = (sha256(b""), Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let broken = if number == 1 { JournalError::NotOurs } else { JournalError::Edited(number) };
            let Ok(read) = serde_json::from_str::<Line>(line) else { return Err(broken) };
            if read.number != number || read.previous != previous {
                return Err(JournalError::Edited(number));
            }
            previous = sha256(line.as_bytes());
            sums.push(previous.clone());
            entries.push((read.at, read.entry));
        }
        let head = path.with_file_name("head");
        check(&head, &sums)?;
        let file = OpenOptions::new().append(true).open(path)?;
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        Ok((Self { file, head, number: entries.len(), previous }, entries))
    }

    /// Writes a line, and waits until the disk has it.
    pub fn append(&mut self, entry: &Entry, at: &str) -> Result<(), JournalError> {
        let (number, previous) = (self.number + 1, self.previous.clone());
        let line = Line { number, previous, at: at.to_owned(), entry: entry.clone() };
        let text = serde_json::to_string(&line).map_err(io::Error::other)?;
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            // half a line on a full disk must not stand before the next one
            let _ = self.file.set_len(before);
            return Err(error.into());
        }
        (self.number, self.previous) = (number, sha256(text.as_bytes()));
        store::replace(&self.head, format!("{} {}\n", self.number, self.previous).as_bytes())?;
        Ok(())
    }
}

/// Checks that the lines which `head` knows are there. It may be one behind: it is written last.
fn check(head: &Path, sums: &[String]) -> Result<(), JournalError> {
    let text = match fs::symlink_metadata(head) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if sums.len() <= 1 { Ok(()) } else { Err(JournalError::Cut(sums.len(), 0)) };
        }
        _ => String::from_utf8(crate::file::read(head, 256)?).map_err(|_| JournalError::NotOurs)?,
    };
    let parts = text.trim_end().split_once(' ').and_then(|(number, sum)| Some((number.parse::<usize>().ok()?, sum)));
    let (number, sum) = parts.filter(|(number, _)| *number > 0).ok_or(JournalError::NotOurs)?;
    match sums.get(number - 1) {
        None => Err(JournalError::Cut(number, number - sums.len())),
        Some(own) if own != sum => Err(JournalError::Edited(number)),
        Some(_) => Ok(()),
    }
}
