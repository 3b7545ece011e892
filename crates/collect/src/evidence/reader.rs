//! A kind of evidence file, as its reader declares it, and how files are opened: bounded, and regular ones alone.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use evidence::bundle::Manifest;
use evidence::state::State;
use wire::transcript::Transcript;

use super::capture::Capture;
use super::kind::Kind;
use super::reading::{Reading, Regular};

/// Bytes by which a kind is recognised.
pub(super) const HEAD: u64 = 4096;
/// Most bytes of a file in a text format of ours, which is read as a whole.
pub(super) const TEXT: u64 = 24 * 1024 * 1024;

/// Kind of file that we can read.
pub(crate) struct Reader {
    pub(super) kind: Kind,
    /// True if a file that begins like this is of the kind.
    pub(super) recognises: fn(&[u8]) -> bool,
    /// Way to read it.
    pub(super) read: Access,
}

/// Reads a file from its bytes.
pub(super) type FromBytes = fn(&[u8]) -> Result<Piece, ReadError>;

/// Takes one piece of a bundle (its path there, its kind, its contents); an error if there is no room.
pub(super) type Take<'a> = &'a mut dyn FnMut(&str, Kind, Piece) -> Result<(), String>;

/// A file, or bytes in memory.
pub(super) trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// Way to read a kind of file.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// From its bytes, at most this many: such a file may also be in a bundle.
    Bytes(u64, FromBytes),
    /// In its place, because it may have any size, or because files beside it matter.
    Place(fn(&Path) -> Result<Piece, ReadError>),
    /// From its beginning to its end, of any size; one file may hold several machines. The name is for words about it.
    /// Nothing beside it matters, so such a file may also be in a zip.
    Stream(fn(&mut dyn Source, &str) -> Result<Vec<Piece>, ReadError>),
    /// As many pieces in one, each handed on as it is read.
    Bundle(fn(&Path, Take<'_>) -> Result<Inside, ReadError>),
}

impl Access {
    pub(super) fn bytes(self) -> Option<(u64, FromBytes)> {
        if let Self::Bytes(limit, read) = self { Some((limit, read)) } else { None }
    }
}

/// Contents of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A machine's settings, logs and the like.
    State(Box<State>),
    /// A probe's record.
    Transcript(Box<Transcript>),
    /// Traffic between others.
    Capture(Box<Capture>),
}

impl Piece {
    /// Names the kind in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Transcript(_) => "transcript",
            Self::Capture(_) => "capture",
        }
    }
}

/// Reason why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Fault in the contents.
    #[error("{0}")]
    Contents(String),
}

/// Reason given for a pipe, a device and the like, which would keep us waiting or has no end.
pub(super) const NO_FILE: &str = "neither a file nor a folder";

/// Returns a path as this system writes it: on Windows `/` and `\` both part folders, and people expect one of them.
pub(super) fn native(path: &Path) -> PathBuf {
    if cfg!(windows) { path.components().collect() } else { path.to_owned() }
}

/// Opens a regular file for reading: the only place where evidence is opened. A pipe or a device is refused, also one
/// that takes the file's place between two looks: it is opened without waiting, and what was opened is looked at.
pub fn regular(path: &Path) -> Result<Regular, ReadError> {
    let readable = |about: &Metadata| about.is_file() || about.is_dir();
    // some devices act when they are opened, and a pipe lets its writer go on
    if !readable(&fs::metadata(path)?) {
        return Err(ReadError::Contents(NO_FILE.to_owned()));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    // also /proc has files that call themselves regular and wait for something to happen
    #[cfg(unix)]
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    if readable(&file.metadata()?) {
        Ok(Reading::current().opened(file))
    } else {
        Err(ReadError::Contents(NO_FILE.to_owned()))
    }
}

/// Opens a file, unless it is larger than `limit`.
pub(super) fn opened(path: &Path, limit: u64) -> Result<Regular, ReadError> {
    let file = regular(path)?;
    if file.metadata()?.len() > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(file) }
}

/// Reads a file of at most `limit` bytes.
pub fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = opened(path, limit)?.take(limit + 1).read_to_end(&mut bytes)?;
    if read as u64 > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(bytes) }
}

/// Reads a file from an offset on, at most so many bytes; one that is shorter by now was begun anew, and is read from
/// its beginning.
pub fn bytes_from(path: &Path, offset: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut file = regular(path)?;
    let offset = if file.metadata()?.len() < offset { 0 } else { offset };
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Contents of a bundle beside its pieces.
#[derive(Debug)]
pub(super) struct Inside {
    /// Manifest of a bundle of ours; `None` for any other zip.
    pub(super) manifest: Option<Manifest>,
    /// Files in it that are of no known kind.
    pub(super) passed_over: usize,
    /// Path within it, and the reason why it was not read.
    pub(super) unread: Vec<(String, String)>,
}
