//! Evidence files: what a machine, a capture or a probe left behind, recognised by content, read without changing it.
//!
//! Each kind has a reader of its own in the list `READERS`. A reader turns one file into a [`Piece`]; everything
//! that says what a piece means is in `diagnosis`. Every read is bounded; what cannot be read is named, with the reason.

pub mod capture;
mod evtx;
mod hive;
#[cfg(test)]
mod proofs;
mod rdp_file;
pub mod redaction;
mod state;
mod transcript;
mod watched;
mod windows;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use diagnosis::evidence::{Evidence, Source};
use diagnosis::observe::{moment, observe_capture, observe_into};
use diagnosis::state::{Part, State, Unread};
use time::OffsetDateTime;
use wire::transcript::Transcript;

use capture::Capture;
pub use rdp_file::rdp_file;

/// The bytes by which a kind is recognised.
const HEAD: u64 = 4096;
/// The most entries of folders that are looked at.
const ENTRIES: usize = 100_000;
/// The deepest folder below the one that was named.
const DEPTH: usize = 16;

/// A kind of file that we can read.
pub(crate) struct Reader {
    /// Its name, for people.
    kind: &'static str,
    /// True if a file that begins like this is of the kind.
    recognises: fn(&[u8]) -> bool,
    /// Reads a file of it.
    read: fn(&Path) -> Result<Piece, ReadError>,
}

/// Every kind, the most telling first.
const READERS: &[Reader] = &[
    state::READER,
    hive::READER,
    evtx::READER,
    transcript::READER,
    capture::READER,
    watched::READER,
    rdp_file::READER,
];

/// What one file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A machine's settings, logs and the like.
    State(Box<State>),
    /// What a probe saw.
    Transcript(Box<Transcript>),
    /// What was seen of others.
    Capture(Box<Capture>),
}

/// A piece as a file that the readers read back to the same evidence: how its name ends, and its bytes.
pub fn stored(piece: &Piece) -> (&'static str, Vec<u8>) {
    match piece {
        Piece::State(state) => ("json", state.to_json().into_bytes()),
        Piece::Transcript(transcript) => ("transcript.txt", transcript.to_string().into_bytes()),
        Piece::Capture(capture) => ("capture.txt", watched::written(capture).into_bytes()),
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system's words.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its contents.
    #[error("{0}")]
    Contents(String),
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The files that said something, in order: path, kind, and what they said. The number of a file, from 1, is its
    /// source in the evidence.
    pub pieces: Vec<(PathBuf, &'static str, Piece)>,
    /// Files that were named or recognised, and could not be read.
    pub unread: Vec<(PathBuf, String)>,
    /// Files in folders that are of no kind that we know.
    pub passed_over: usize,
}

/// Reads these files and folders. What was named and is of no known kind is an unread file; inside folders it is passed
/// over.
pub fn gather(paths: &[PathBuf]) -> Gathered {
    let mut gathered = Gathered::default();
    let mut left = ENTRIES;
    for path in paths {
        gathered.path(path, 0, &mut left);
    }
    gathered
}

impl Gathered {
    fn path(&mut self, path: &Path, depth: usize, left: &mut usize) {
        // a link inside a folder may lead anywhere, also in circles; one that was named is meant
        let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match meta {
            Err(error) => self.unread.push((path.to_owned(), error.to_string())),
            Ok(meta) if meta.is_dir() => match windows::Disk::at(path) {
                Some(disk) => self.disk(path, &disk),
                None => self.folder(path, depth, left),
            },
            Ok(meta) if meta.is_file() => self.file(path, depth == 0),
            Ok(_) if depth == 0 => self.unread.push((path.to_owned(), "neither a file nor a folder".to_owned())),
            Ok(_) => self.passed_over += 1,
        }
    }

    fn folder(&mut self, path: &Path, depth: usize, left: &mut usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push((path.to_owned(), error.to_string())),
        };
        if depth >= DEPTH {
            return self.unread.push((path.to_owned(), format!("more than {DEPTH} folders deep")));
        }
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).take(*left).collect();
        *left = left.saturating_sub(inside.len());
        if *left == 0 {
            self.unread.push((path.to_owned(), format!("more than {ENTRIES} files and folders in all")));
        }
        inside.sort();
        for entry in inside {
            self.path(&entry, depth + 1, left);
        }
    }

    /// Of a Windows disk only the places that matter, not the millions of others.
    fn disk(&mut self, path: &Path, disk: &windows::Disk) {
        self.pieces.push((path.to_owned(), "Windows disk", Piece::State(Box::new(disk.state()))));
        for file in disk.files() {
            self.file(&file, false);
        }
    }

    fn file(&mut self, path: &Path, named: bool) {
        let head = match head(path) {
            Ok(head) => head,
            Err(error) => return self.unread.push((path.to_owned(), error.to_string())),
        };
        let Some(reader) = READERS.iter().find(|reader| (reader.recognises)(&head)) else {
            if named {
                self.unread.push((path.to_owned(), unknown(&head)));
            } else {
                self.passed_over += 1;
            }
            return;
        };
        match (reader.read)(path) {
            Ok(piece) => self.pieces.push((path.to_owned(), reader.kind, piece)),
            Err(error) => self.unread.push((path.to_owned(), format!("{}: {error}", reader.kind))),
        }
    }

    /// Adds all of it to the evidence. `at` is when it was read, for what says no time itself.
    pub fn observe(&self, evidence: &mut Evidence, at: OffsetDateTime) {
        let mut unread: Vec<(PathBuf, String)> = self.unread.clone();
        for (number, (path, _, piece)) in (1..).zip(&self.pieces) {
            evidence.files.push(path.display().to_string());
            match piece {
                Piece::State(state) => {
                    let computer = state.computer.clone().or_else(|| self.computer(state.part));
                    let named = State { computer, ..State::clone(state) };
                    named.observe(evidence, Source::File(number), at);
                }
                Piece::Transcript(transcript) => observe_into(transcript, evidence),
                Piece::Capture(capture) => {
                    let more = observe_capture(&capture.seen, Source::File(number), evidence);
                    unread.extend(capture.notes.iter().cloned().chain(more).map(|why| (path.clone(), why)));
                }
            }
        }
        let unread = unread.into_iter().map(|(path, why)| Unread { what: path.display().to_string(), why });
        let rest = State { unread: unread.collect(), computer: self.computer(Part::Host), ..State::default() };
        if !rest.unread.is_empty() {
            rest.observe(evidence, Source::File(0), at);
        }
    }

    /// The name of the machine that plays this part: a log or a hive by itself may not say it, so the first that does
    /// speaks for all.
    fn computer(&self, part: Part) -> Option<String> {
        self.states().filter(|state| state.part == part).find_map(|state| state.computer.clone())
    }

    fn states(&self) -> impl Iterator<Item = &State> {
        self.pieces
            .iter()
            .filter_map(|(_, _, piece)| if let Piece::State(state) = piece { Some(&**state) } else { None })
    }

    /// The newest moment that anything tells of: the attempt, where nothing else says when it was.
    pub fn newest(&self) -> Option<OffsetDateTime> {
        let told = self.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => state.newest(),
            Piece::Transcript(transcript) => Some(transcript.at),
            Piece::Capture(capture) => {
                let newest = capture.seen.connections.last().map(|connection| connection.began);
                newest.or(capture.seen.until).map(moment)
            }
        });
        told.max()
    }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn unknown(head: &[u8]) -> String {
    if head.is_empty() { "an empty file".to_owned() } else { "of no kind that this program knows".to_owned() }
}

/// The bytes of a file of at most `limit`.
fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if read as u64 > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(bytes) }
}

/// The text of a file of at most `limit` bytes.
fn text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let mut text = String::new();
    let read = File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if read as u64 > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(text) }
}
