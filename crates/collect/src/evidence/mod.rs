//! Evidence files: what a machine, a capture or a probe left behind, recognised by content, read without changing it.
//!
//! Each kind has a reader of its own in the list `READERS`. A reader turns one file into a [`Piece`]; everything
//! that says what a piece means is in `diagnosis`. Every read is bounded; what cannot be read is named, with the reason.

mod bundle;
pub mod capture;
mod evtx;
mod foreign;
mod hive;
mod procmon;
#[cfg(test)]
mod proofs;
mod rdp_file;
pub mod redaction;
mod room;
pub mod script;
mod state;
mod text;
mod transcript;
mod watched;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use diagnosis::bundle::Manifest;
use diagnosis::evidence::{Evidence, Source};
use diagnosis::observe::{moment, named_gateways, observe_capture, observe_into};
use diagnosis::printable::printable;
use diagnosis::state::{Part, State, Unread};
use time::OffsetDateTime;
use wire::transcript::Transcript;

pub use bundle::write as bundle;
use capture::Capture;
pub use evtx::event_log;
pub use hive::registry_hive;
pub use rdp_file::rdp_file;
pub use redaction::redacted;

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
    read: Access,
}

/// Reads a file from its bytes.
type FromBytes = fn(&[u8]) -> Result<Piece, ReadError>;

/// How a kind is read.
#[derive(Clone, Copy)]
enum Access {
    /// From its bytes, at most so many: such a file may also stand in a bundle.
    Bytes(u64, FromBytes),
    /// Where it lies, because it may be of any size, or because there are files beside it.
    Place(fn(&Path) -> Result<Piece, ReadError>),
    /// The same, where one file may tell of several machines.
    Several(fn(&Path) -> Result<Vec<Piece>, ReadError>),
    /// Many in one.
    Bundle(fn(&Path) -> Result<bundle::Inside, ReadError>),
}

impl Access {
    fn bytes(self) -> Option<(u64, FromBytes)> {
        if let Self::Bytes(limit, read) = self { Some((limit, read)) } else { None }
    }
}

/// Every kind, the most telling first.
const READERS: &[Reader] = &[
    bundle::READER,
    state::READER,
    hive::READER,
    evtx::READER,
    transcript::READER,
    capture::READER,
    watched::READER,
    procmon::READER,
    rdp_file::READER,
    script::READER,
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

impl Piece {
    /// What it is, in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Transcript(_) => "transcript",
            Self::Capture(_) => "capture",
        }
    }
}

/// A piece as a file that the readers read back to the same evidence: how its name ends, and its bytes.
pub fn stored(piece: &Piece) -> (&'static str, Vec<u8>) {
    match piece {
        Piece::State(state) => ("json", state.to_json().into_bytes()),
        Piece::Transcript(transcript) => ("txt", transcript.to_string().into_bytes()),
        Piece::Capture(capture) => ("txt", watched::written(capture).into_bytes()),
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

/// What these bytes say, if they are a file of a kind that needs none beside it. Files themselves are read by [`gather`], which
/// bounds how much of them.
pub fn pieces_in(bytes: &[u8]) -> Vec<Piece> {
    if (bundle::READER.recognises)(bytes) {
        let inside = bundle::read_from(io::Cursor::new(bytes)).map(|inside| inside.pieces).unwrap_or_default();
        return inside.into_iter().map(|(_, _, piece)| piece).collect();
    }
    if (procmon::READER.recognises)(bytes) {
        return procmon::read_from(bytes, "these bytes").into_iter().collect();
    }
    let reader = READERS.iter().find(|reader| (reader.recognises)(bytes));
    let read = reader.and_then(|reader| reader.read.bytes());
    read.and_then(|(limit, read)| if bytes.len() as u64 > limit { None } else { read(bytes).ok() })
        .into_iter()
        .collect()
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
    /// Bundles among them, and what these say of themselves.
    pub bundles: Vec<(PathBuf, Manifest)>,
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
    /// The same with these files and folders of the client's machine. Registry and logs look alike on both ends, so somebody
    /// has to say whose they are.
    #[must_use]
    pub fn with_client(mut self, paths: &[PathBuf]) -> Self {
        let mut client = gather(paths);
        for (_, _, piece) in &mut client.pieces {
            if let Piece::State(state) = piece {
                state.part = Part::Client;
            }
        }
        self.pieces.extend(client.pieces);
        self.unread.extend(client.unread);
        self.passed_over += client.passed_over;
        self.bundles.extend(client.bundles);
        room::make(&mut self.pieces);
        self
    }

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
        let reader = READERS.iter().find(|reader| (reader.recognises)(&head));
        let Some(reader) = reader.or_else(|| state::names_itself(path, &head).then_some(&state::READER)) else {
            if named {
                self.unread.push((path.to_owned(), foreign::unknown(&head)));
            } else {
                self.passed_over += 1;
            }
            return;
        };
        let pieces = match reader.read {
            Access::Bytes(limit, read) => bytes(path, limit).and_then(|bytes| read(&bytes)).map(|piece| vec![piece]),
            Access::Place(read) => read(path).map(|piece| vec![piece]),
            Access::Several(read) => read(path),
            Access::Bundle(read) => match read(path) {
                Ok(inside) => return self.inside(path, inside),
                Err(error) => Err(error),
            },
        };
        match pieces {
            Ok(pieces) => self.pieces.extend(pieces.into_iter().map(|piece| (path.to_owned(), reader.kind, piece))),
            Err(error) => self.unread.push((path.to_owned(), format!("{}: {error}", reader.kind))),
        }
        room::make(&mut self.pieces);
    }

    fn inside(&mut self, bundle: &Path, inside: bundle::Inside) {
        let place = |name: &str| PathBuf::from(format!("{}: {name}", bundle.display()));
        let pieces = inside.pieces.into_iter().map(|(name, kind, piece)| (place(&name), kind, piece));
        self.pieces.extend(pieces);
        self.unread.extend(inside.unread.into_iter().map(|(name, why)| (place(&name), why)));
        self.bundles.push((bundle.to_owned(), inside.manifest));
        room::make(&mut self.pieces);
    }

    /// What was left out when the bundles were made.
    fn left_out(&self) -> impl Iterator<Item = (PathBuf, String)> {
        self.bundles.iter().flat_map(|(path, manifest)| {
            let left_out = manifest.left_out.iter();
            left_out.map(|left_out| {
                let what = format!("{}: {}", path.display(), printable(&left_out.what));
                (PathBuf::from(what), format!("left out of the bundle: {}", printable(&left_out.why)))
            })
        })
    }

    /// The gateways that `.rdp` files among them name, whatever stands first.
    fn gateways(&self) -> BTreeSet<String> {
        let states = self.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => Some(&**state),
            Piece::Transcript(_) | Piece::Capture(_) => None,
        });
        states.flat_map(named_gateways).collect()
    }

    /// Adds all of it to the evidence. `at` is when it was read, for what says no time itself.
    pub fn observe(&self, evidence: &mut Evidence, at: OffsetDateTime) {
        let mut unread: Vec<(PathBuf, String)> = self.unread.iter().cloned().chain(self.left_out()).collect();
        let machines = Machines::of_pieces(&self.pieces);
        let gateways = self.gateways();
        for (number, (path, _, piece)) in (1..).zip(&self.pieces) {
            evidence.files.push(path.display().to_string());
            match piece {
                Piece::State(state) => {
                    let computer = machines.of(path, state);
                    let named = State { computer, ..State::clone(state) };
                    named.observe(evidence, Source::File(number), at);
                }
                Piece::Transcript(transcript) => observe_into(transcript, evidence),
                Piece::Capture(capture) => {
                    let more = observe_capture(&capture.seen, &gateways, Source::File(number), evidence);
                    unread.extend(capture.notes.iter().cloned().chain(more).map(|why| (path.clone(), why)));
                }
            }
        }
        let unread = unread.into_iter().map(|(path, why)| Unread { what: path.display().to_string(), why });
        let rest =
            State { unread: unread.collect(), computer: machines.below(Path::new(""), Part::Host), ..State::default() };
        if !rest.unread.is_empty() {
            rest.observe(evidence, Source::File(0), at);
        }
    }

    /// The newest moment that anything tells of: the attempt, where nothing else says when it was. What a wrong clock puts
    /// into the future counts only where there is nothing else.
    pub fn newest(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.newest_until(now + time::Duration::DAY)
            .or_else(|| self.newest_until(OffsetDateTime::new_utc(time::Date::MAX, time::Time::MIDNIGHT)))
    }

    fn newest_until(&self, until: OffsetDateTime) -> Option<OffsetDateTime> {
        let told = self.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => state.newest(until),
            Piece::Transcript(transcript) => Some(transcript.at),
            Piece::Capture(capture) => {
                let newest = capture.seen.connections.last().map(|connection| connection.began);
                newest.or(capture.seen.until).map(moment)
            }
        });
        told.filter(|at| *at <= until).max()
    }
}

/// The machines of which pieces tell, and in which folders.
#[derive(Default)]
struct Machines {
    /// By the first label of their names: the name that counts, and the others that mean the same one.
    names: BTreeMap<String, Vec<String>>,
    folders: BTreeMap<PathBuf, BTreeSet<(bool, String)>>,
}

impl Machines {
    fn of_pieces(pieces: &[(PathBuf, &'static str, Piece)]) -> Self {
        let mut machines = Self::default();
        for (path, _, piece) in pieces {
            let Piece::State(state) = piece else { continue };
            let Some(name) = &state.computer else { continue };
            let alike = machines.names.entry(short(name)).or_default();
            if alike.len() < ALIKE && !alike.iter().any(|known| same_machine(known, name)) {
                alike.push(name.clone());
            }
            let name = machines.known_as(name);
            for folder in path.ancestors().skip(1).chain([Path::new("")]) {
                let here = machines.folders.entry(folder.to_owned()).or_default();
                here.insert((state.part == Part::Client, name.clone()));
            }
        }
        machines
    }

    /// The name of the machine that a piece is of. A log or a hive by itself may not say it: then it is that of what lies
    /// beside it, in the nearest folder where a machine of this part is named. With several, nobody knows.
    fn of(&self, path: &Path, state: &State) -> Option<String> {
        if let Some(name) = &state.computer {
            return Some(self.known_as(name));
        }
        let part = |folder: &Path| {
            self.folders.get(folder)?.iter().find(|(client, _)| *client == (state.part == Part::Client))
        };
        let folder = path.ancestors().skip(1).find(|folder| part(folder).is_some())?;
        self.below(folder, state.part)
    }

    /// The only machine of this part below a folder.
    fn below(&self, folder: &Path, part: Part) -> Option<String> {
        let mut names = self.folders.get(folder)?.iter().filter(|(client, _)| *client == (part == Part::Client));
        names.next().filter(|_| names.next().is_none()).map(|(_, name)| name.clone())
    }

    /// One name for one machine: its log has the whole one, its registry the one of NetBIOS, in capitals and cut.
    fn known_as(&self, name: &str) -> String {
        let alike = self.names.get(&short(name)).into_iter().flatten();
        alike.clone().find(|known| same_machine(known, name)).map_or_else(|| name.to_owned(), String::clone)
    }
}

/// The most machines with one first label that are told apart.
const ALIKE: usize = 64;
/// The longest name of NetBIOS ([MS-NBTE] 2.2.1).
const NETBIOS: usize = 15;

/// The first label of a name, as NetBIOS cuts it, in small letters.
fn short(name: &str) -> String {
    name.split('.').next().unwrap_or_default().chars().take(NETBIOS).collect::<String>().to_lowercase()
}

/// True if both name one machine: alike, or one is the first label of the other, cut.
fn same_machine(one: &str, other: &str) -> bool {
    let cut = |name: &str| !name.contains('.') && name.chars().count() <= NETBIOS;
    one.to_lowercase() == other.to_lowercase() || ((cut(one) || cut(other)) && short(one) == short(other))
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// A file, unless it says at once that it is larger than `limit`.
fn opened(path: &Path, limit: u64) -> Result<File, ReadError> {
    let file = File::open(path)?;
    if file.metadata()?.len() > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(file) }
}

/// The bytes of a file of at most `limit`.
fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = opened(path, limit)?.take(limit + 1).read_to_end(&mut bytes)?;
    if read as u64 > limit { Err(ReadError::Contents(format!("more than {limit} bytes"))) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(path: &str, computer: Option<&str>) -> (PathBuf, &'static str, Piece) {
        let state = State { computer: computer.map(str::to_owned), ..State::default() };
        (PathBuf::from(path), "registry hive", Piece::State(Box::new(state)))
    }

    /// The names of the machines, as the evidence has them after these files.
    fn machines(pieces: &[(&str, Option<&str>)]) -> Vec<Option<String>> {
        let pieces = pieces.iter().map(|(path, computer)| piece(path, *computer)).collect();
        let mut evidence = Evidence::default();
        Gathered { pieces, ..Gathered::default() }.observe(&mut evidence, OffsetDateTime::UNIX_EPOCH);
        evidence.subjects.into_iter().map(|subject| subject.name).collect()
    }

    #[test]
    fn what_names_no_machine_is_of_the_one_that_lies_beside_it() {
        let two = [("a/SYSTEM", Some("ONE")), ("a/SOFTWARE", None), ("b/SYSTEM", Some("TWO")), ("b/SOFTWARE", None)];
        assert_eq!(machines(&two), [Some("ONE".to_owned()), Some("TWO".to_owned())]);
    }

    #[test]
    fn what_a_wrong_clock_dates_in_the_future_is_not_the_newest() {
        let taken = |at: &str| {
            let state = State { taken_at: Some(at.to_owned()), ..State::default() };
            (PathBuf::from("a"), "recorded state", Piece::State(Box::new(state)))
        };
        let newest = |times: &[&str]| {
            let pieces = times.iter().map(|at| taken(at)).collect();
            let newest =
                Gathered { pieces, ..Gathered::default() }.newest(time::macros::datetime!(2026-11-25 09:00 UTC));
            newest.map(OffsetDateTime::year)
        };
        assert_eq!(newest(&["2026-11-21T09:00:00Z", "2036-01-01T00:00:00Z"]), Some(2026));
        assert_eq!(newest(&["2036-01-01T00:00:00Z"]), Some(2036));
        assert_eq!(newest(&[]), None);
    }

    #[test]
    fn with_two_machines_beside_it_nobody_knows_whose_it_is() {
        let mixed = [("a/SYSTEM1", Some("ONE")), ("a/SYSTEM2", Some("TWO")), ("a/SOFTWARE", None)];
        assert_eq!(machines(&mixed), [Some("ONE".to_owned()), Some("TWO".to_owned()), None]);
    }

    #[test]
    fn the_log_and_the_registry_name_one_machine_differently() {
        let cut = [("a", Some("TERMINAL-SERVER")), ("b", Some("terminal-server-07.corp.example"))];
        assert_eq!(machines(&cut), [Some("TERMINAL-SERVER".to_owned())]);
        let two = [("a", Some("web.corp.example")), ("b", Some("web.other.example"))];
        assert_eq!(machines(&two).len(), 2);
    }
}
