//! How far a reading is, for whoever waits for it, and how it is ended.
//!
//! A [`Reading`] counts what is read on the thread that works [`within`](Reading::within) it. Once it is ended, every
//! file of it ends there, so that readers keep what they know, as of a file that was cut off.

use std::cell::RefCell;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Most bytes of one reading, all files together: 64 GiB.
pub const BYTES: u64 = 64 << 30;

thread_local! {
    static CURRENT: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// Count of what was read, and the wish to end it; a clone is of the same reading.
#[derive(Debug, Clone, Default)]
pub struct Reading(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Reading {
    /// Does work on this thread whose files are counted.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let result = work();
        CURRENT.set(before);
        result
    }

    /// Returns the reading that this thread works within, or a new one.
    pub(super) fn current() -> Self {
        CURRENT.with_borrow(Option::clone).unwrap_or_default()
    }

    /// Ends it: nothing more is read.
    pub fn end(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    /// True if somebody ended it.
    pub fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Returns how many files were looked at, and how many bytes were read of all.
    pub fn so_far(&self) -> (u64, u64) {
        (self.0.files.load(Ordering::Relaxed), self.0.bytes.load(Ordering::Relaxed))
    }

    /// Says why nothing more is read.
    pub(super) fn over(&self) -> Option<String> {
        if self.ended() {
            return Some("the reading was ended before its end".to_owned());
        }
        (self.so_far().1 >= BYTES).then(|| format!("more than {} GiB in all", BYTES >> 30))
    }

    /// Counts a file.
    pub(super) fn another(&self) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a file that was opened for it.
    pub(super) fn opened(&self, file: File) -> Regular {
        Regular { file, reading: self.clone() }
    }
}

/// A regular file that was opened for reading. It ends where its reading does.
#[derive(Debug)]
pub struct Regular {
    file: File,
    reading: Reading,
}

impl Regular {
    /// Looks at the file that was opened, whatever has its name by now.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

impl Read for Regular {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.reading.over().is_some() {
            return Ok(0);
        }
        let read = self.file.read(buffer)?;
        self.reading.0.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Regular {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.seek(place)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::gather;
    use super::super::reader::regular;
    use super::*;

    fn this_file() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/evidence/reading.rs")
    }

    #[test]
    fn a_file_ends_where_its_reading_does() {
        let reading = Reading::default();
        let mut file = reading.within(|| regular(&this_file())).unwrap();
        let mut four = [0; 4];
        file.read_exact(&mut four).unwrap();
        assert_eq!(reading.so_far(), (0, 4));
        reading.end();
        assert_eq!(file.read(&mut four).unwrap(), 0);
        assert!(regular(&this_file()).unwrap().read(&mut four).unwrap() > 0, "another reading goes on");
    }

    #[test]
    fn what_was_not_read_is_said() {
        let reading = Reading::default();
        reading.end();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let gathered = reading.within(|| gather(&[folder.clone(), this_file()]));
        assert_eq!(gathered.unread, [(folder, "the reading was ended before its end".to_owned())]);
    }

    #[test]
    fn a_reading_has_a_bound() {
        let reading = Reading::default();
        reading.0.bytes.store(BYTES, Ordering::Relaxed);
        let gathered = reading.within(|| gather(&[this_file()]));
        assert_eq!(gathered.unread, [(this_file(), "more than 64 GiB in all".to_owned())]);
        assert!(!reading.ended());
    }
}
