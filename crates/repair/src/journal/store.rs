//! Folder of the journals: the machine's own, or that of a person; one run at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::chain::JournalError;
use super::{Ended, Journal};

/// Most journals that are looked at.
const JOURNALS: usize = 100_000;

/// Reason why the folder of the journals cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Error of the operating system.
    #[error("use the folder {}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// Others could write there, or it is a link.
    #[error("{} has to be a folder of your own that nobody else can open", .0.display())]
    NotPrivate(PathBuf),
    /// Another run goes on.
    #[error("another run of rdpdoctor is changing this machine: wait until it has ended")]
    Busy,
}

/// Folder of the journals.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

/// Right to change the machine, as long as it is kept.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Opens the folder, and makes it where there is none.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Io(folder.to_owned(), error);
        if let Some(above) = folder.parent() {
            fs::create_dir_all(above).map_err(failed)?;
        }
        private_folder(folder).map_err(failed)?;
        Self::checked(folder)
    }

    /// Opens the folder where there is one, and makes nothing: without it nothing was ever changed.
    pub fn existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Io(folder.to_owned(), error)),
            Ok(_) => Self::checked(folder).map(Some),
        }
    }

    fn checked(folder: &Path) -> Result<Self, StoreError> {
        if !is_private(folder).map_err(|error| StoreError::Io(folder.to_owned(), error))? {
            return Err(StoreError::NotPrivate(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the lock; it goes with the process, also with one that is killed.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        let path = self.folder.join("lock");
        let failed = |error| StoreError::Io(path.clone(), error);
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Lists the folders of all runs by their numbers, the oldest first.
    pub fn runs(&self) -> Result<Vec<(u32, PathBuf)>, StoreError> {
        let failed = |error| StoreError::Io(self.folder.clone(), error);
        let mut runs = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)?.take(JOURNALS) {
            let path = entry.map_err(failed)?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            // without a first line nothing was changed
            if let Some(number) = number.filter(|_| path.join("journal.jsonl").is_file()) {
                runs.push((number, path));
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// Returns the folder for the next run, which is not made yet.
    pub fn next(&self) -> Result<PathBuf, StoreError> {
        let failed = |error| StoreError::Io(self.folder.clone(), error);
        let names = fs::read_dir(&self.folder).map_err(failed)?.take(JOURNALS).flatten();
        let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        Ok(self.folder.join(format!("{:04}", numbers.max().unwrap_or(0) + 1)))
    }

    /// Finds the last run that did not end: it was killed, or the machine went down. An error if a journal cannot be
    /// read, because that one may be it.
    pub fn unfinished(&self) -> Result<Option<Journal>, (PathBuf, JournalError)> {
        let runs = self.runs().map_err(|error| (self.folder.clone(), JournalError::Io(io::Error::other(error))))?;
        for (_, folder) in runs.into_iter().rev() {
            let journal = match Journal::open(&folder) {
                Err(JournalError::Empty) => continue,
                opened => opened.map_err(|why| (folder, why))?,
            };
            if journal.ended().is_none() {
                return Ok(Some(journal));
            }
        }
        Ok(None)
    }

    /// Finds the last run whose changes are still there: what `undo` takes back.
    pub fn last_applied(&self) -> Result<Option<Journal>, (PathBuf, JournalError)> {
        let runs = self.runs().map_err(|error| (self.folder.clone(), JournalError::Io(io::Error::other(error))))?;
        for (_, folder) in runs.into_iter().rev() {
            let journal = match Journal::open(&folder) {
                Err(JournalError::Empty) => continue,
                opened => opened.map_err(|why| (folder, why))?,
            };
            if matches!(journal.ended(), None | Some(Ended::Applied | Ended::Partly)) {
                return Ok(Some(journal));
            }
        }
        Ok(None)
    }
}

/// Makes a folder that nobody else can open; one that is there stays as it is.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// True if only its owner, who runs this, can open the folder.
fn is_private(path: &Path) -> io::Result<bool> {
    let about = fs::symlink_metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let own = about.uid() == rustix::process::geteuid().as_raw();
        if !own || about.mode() & 0o077 != 0 {
            return Ok(false);
        }
    }
    Ok(about.is_dir())
}

/// Files of the journal are for their owner alone.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Writes a file of the journal, and waits until the disk has it.
pub(super) fn private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts a file of the journal in the place of an earlier one, in one step.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = crate::file::beside(path, ".part");
    private_file(&part, bytes)?;
    fs::rename(&part, path)
}

/// Waits until the disk has the folder's list of names. Windows has no way to ask for that.
pub(super) fn synced(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
