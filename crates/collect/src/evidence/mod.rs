//! Evidence files of a machine, a capture or a probe, recognised by content, read without changing them. Each kind has
//! a reader of its own in the list `READERS`, which turns one file into a [`Piece`]; `diagnosis` interprets pieces.
//! Every read is bounded; anything unreadable is named, with the reason.

mod bundle;
pub mod capture;
mod client_log;
mod csv;
mod dates;
mod entries;
mod evtx;
mod exports_csv;
mod exports_json;
#[cfg(test)]
mod exports_tests;
mod exports_text;
mod exports_xml;
mod firewall_log;
mod firewall_rules;
mod foreign;
pub(crate) mod gnome;
mod gpresult;
pub(crate) mod hive;
mod journal;
mod json;
mod kind;
mod machines;
mod observing;
#[cfg(test)]
mod places;
mod procmon;
#[cfg(test)]
mod proofs;
mod rdp_file;
pub(crate) mod reader;
mod readers;
pub mod reading;
pub mod redaction;
mod registry_export;
pub mod script;
mod state;
mod text;
mod transcript;
mod watched;
pub(crate) mod windows;
pub(crate) mod xrdp;
pub(crate) mod xrdp_log;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use evidence::bundle::Manifest;
use evidence::observe::moment;
use evidence::printable::printable;
use evidence::state::bounds::{ROOM, Room};
use evidence::state::{Part, State};
use time::OffsetDateTime;

pub use bundle::{is_bundle, stored, write as bundle};
pub use evtx::event_log;
pub use hive::registry_hive;
pub use kind::Kind;
pub use rdp_file::{rdp_file, rdp_file_routing};
use reader::{Access, HEAD, NO_FILE, Reader, Take, native};
pub use reader::{Piece, ReadError, bytes, bytes_from, regular};
use readers::READERS;
use reading::Reading;
pub use redaction::redacted;
pub use windows::{OfflineHive, offline_hives};
pub use xrdp::{is_own as is_own_xrdp, linux_places, logs as xrdp_logs, root_of as root_of_xrdp};

/// Most entries of folders that are looked at.
const ENTRIES: usize = 100_000;
/// Deepest folder below the one that was named.
const DEPTH: usize = 16;
/// Most files of no known kind that are named.
const PASSED_OVER: usize = 3;
/// Most unreadable files that are reported one by one.
const UNREAD: usize = 2000;

/// Reads the pieces in these bytes, if they are a file of a kind that needs no others. Files themselves are read by
/// [`gather`], which bounds how much of them.
pub fn pieces_in(bytes: &[u8]) -> Vec<Piece> {
    if (bundle::READER.recognises)(bytes) {
        let (mut pieces, mut room) = (Vec::new(), Room::default());
        let mut take = |name: &str, kind, piece| keep(&mut pieces, &mut room, (PathBuf::from(name), kind, piece));
        // a fault is reported where it is read from a file
        let _ = bundle::read_from(io::Cursor::new(bytes), &mut take);
        return pieces.into_iter().map(|(_, _, piece)| piece).collect();
    }
    let reader = READERS.iter().find(|reader| (reader.recognises)(bytes));
    if let Some(Reader { read: Access::Stream(read), .. }) = reader {
        return read(&mut io::Cursor::new(bytes), "these bytes").unwrap_or_default();
    }
    let read = reader.and_then(|reader| reader.read.bytes());
    read.and_then(|(limit, read)| if bytes.len() as u64 > limit { None } else { read(bytes).ok() })
        .into_iter()
        .collect()
}

/// Reads bytes as a file of this kind, whatever they begin with: for fuzzing each reader by itself. Nothing for a kind
/// that needs the file in its place, but for a client's log, which gets a day for its times.
pub fn pieces_of(kind: Kind, bytes: &[u8]) -> Vec<Piece> {
    let readers = READERS.iter().filter(|reader| reader.kind == kind);
    let pieces = readers.filter_map(|reader| match reader.read {
        Access::Stream(read) => read(&mut io::Cursor::new(bytes), "these bytes").ok(),
        Access::Place(_) if kind == Kind::ClientLog => {
            client_log::of(bytes, OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000))
                .map(|piece| vec![piece])
                .ok()
        }
        Access::Bytes(..) | Access::Place(_) | Access::Bundle(_) => None,
    });
    pieces.flatten().collect()
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Files that were understood, in order: path, kind and contents. The number of a file, from 1, is its source in
    /// the evidence.
    pub pieces: Vec<(PathBuf, Kind, Piece)>,
    /// Files that were named or recognised, and could not be read.
    pub unread: Vec<(PathBuf, String)>,
    /// Files in folders that are of no known kind.
    pub passed_over: usize,
    /// Names of the first of them.
    passed_over_names: Vec<String>,
    /// Kinds of those that have one, with what to do, and their number.
    passed_over_kinds: BTreeMap<&'static str, usize>,
    /// Bundles among them, with their manifests.
    pub bundles: Vec<(PathBuf, Manifest)>,
    /// Entries of folders that were looked at.
    entries: usize,
    /// Files and disks that were read, by their path without links; `again` counts those named again.
    met: BTreeSet<PathBuf>,
    again: usize,
    room: Room,
    /// First file that was left out for want of room, and their number.
    beyond: Option<(PathBuf, usize)>,
    /// Nothing more is read: its [`Reading`] was ended, or is at its bound.
    over: bool,
}

/// Keeps a piece, if there is room for it; the more there are, the fewer log entries each of them keeps. One of which
/// nothing fits is left out: a note of its own for each of a hundred thousand files would take all room there is.
fn keep(
    pieces: &mut Vec<(PathBuf, Kind, Piece)>,
    room: &mut Room,
    (path, kind, mut piece): (PathBuf, Kind, Piece),
) -> Result<(), String> {
    if let Piece::State(state) = &mut piece {
        if !room.fits(state) {
            let shortened = if room.may_shorten() { pieces.as_mut_slice() } else { &mut [] };
            let earlier = shortened.iter_mut().filter_map(|(_, _, piece)| match piece {
                Piece::State(state) => Some(&mut **state),
                Piece::Transcript(_) | Piece::Capture(_) => None,
            });
            room.shrink(&mut earlier.chain([&mut **state]).collect::<Vec<_>>());
            if state.says_only_what_is_missing() {
                return Err(no_room(0));
            }
        }
    } else if !room.takes(stored(&piece).1.len()) {
        return Err(no_room(0));
    }
    pieces.push((path, kind, piece));
    Ok(())
}

/// Says why a file was left out, and that as many behind it were.
fn no_room(behind: usize) -> String {
    let too = if behind > 0 { format!(", with what {behind} files behind it hold") } else { String::new() };
    format!("left out{too}: all that was read before takes more than {ROOM} bytes")
}

/// Reads these files and folders. A named file of no known kind counts as unread; inside folders it is passed over.
pub fn gather(paths: &[PathBuf]) -> Gathered {
    let mut gathered = Gathered::default();
    Reading::current().within(|| paths.iter().for_each(|path| gathered.path(&native(path), 0)));
    gathered.close();
    gathered
}

impl Gathered {
    /// Takes in the state of the computer that this program runs on, under this name.
    #[must_use]
    pub fn with_this_computer(mut self, name: &str, state: State) -> Self {
        self.keep(Path::new(name), Kind::RecordedState, Piece::State(Box::new(state)));
        self
    }

    /// Reads also these files and folders of the client's machine. Registry and logs look alike on both ends, so
    /// somebody has to say whose they are.
    #[must_use]
    pub fn with_client(mut self, paths: &[PathBuf]) -> Self {
        let first = self.pieces.len();
        // files that are named for both ends belong to both
        self.met.clear();
        Reading::current().within(|| paths.iter().for_each(|path| self.path(&native(path), 0)));
        for (_, _, piece) in self.pieces.iter_mut().skip(first) {
            if let Piece::State(state) = piece {
                state.part = Part::Client;
            }
        }
        self.close();
        self
    }

    /// Says what was left out, and drops what was said twice.
    fn close(&mut self) {
        bound(&mut self.unread);
        if let Some((first, count)) = self.beyond.take() {
            self.unread.push((first, no_room(count - 1)));
        }
        self.say_once();
    }

    /// Drops entries already seen in an earlier file, such as a copy or an overlapping export.
    fn say_once(&mut self) {
        let mut known = HashSet::new();
        let states = self.pieces.iter_mut().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => Some(state),
            Piece::Transcript(_) | Piece::Capture(_) => None,
        });
        for state in states {
            let whose = (state.part == Part::Client, state.computer.as_deref().unwrap_or_default().to_lowercase());
            // without a number two equal entries may be two
            state.events.retain(|event| {
                let entry = (event.channel.to_lowercase(), event.id, evidence::moment::moment(&event.at), event.record);
                event.record == 0 || known.insert((whose.clone(), entry))
            });
        }
    }

    /// True if nothing more is read, which is said once, with the place.
    fn over_at(&mut self, path: &Path) -> bool {
        if let Some(why) = Reading::current().over().filter(|_| !self.over) {
            self.over = true;
            self.unread.push((path.to_owned(), why));
        }
        self.over
    }

    fn path(&mut self, path: &Path, depth: usize) {
        if !self.over_at(path) {
            self.found(path, depth);
        }
    }

    fn found(&mut self, path: &Path, depth: usize) {
        // a link inside a folder may lead anywhere, also in circles; a link that was named is meant
        let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match meta {
            Err(error) => self.unread.push((path.to_owned(), error.to_string())),
            Ok(meta) if meta.is_dir() => match windows::Disk::at(path) {
                Some(disk) => self.disk(path, &disk),
                None if depth == 0 && !linux_places(path).is_empty() => self.linux(path),
                None if depth == 0 => self.named_folder(path),
                None => self.folder(path, depth),
            },
            Ok(meta) if meta.is_file() => self.file(path, depth == 0 || foreign::telling(path)),
            Ok(meta) if meta.is_symlink() && foreign::telling(path) => {
                self.unread.push((path.to_owned(), LINK.to_owned()));
            }
            Ok(_) if depth == 0 || foreign::telling(path) => self.unread.push((path.to_owned(), NO_FILE.to_owned())),
            Ok(_) => self.pass_over(path),
        }
    }

    /// Counts a file of no known kind, and names the first ones.
    fn pass_over(&mut self, path: &Path) {
        self.passed_over += 1;
        if self.passed_over_names.len() < PASSED_OVER {
            self.passed_over_names.extend(path.file_name().map(|name| printable(&name.to_string_lossy())));
        }
    }

    /// Reads a named folder; one with nothing for us in it was probably not meant.
    fn named_folder(&mut self, path: &Path) {
        let found = |gathered: &Self| (gathered.pieces.len(), gathered.unread.len(), gathered.again);
        let before = found(self);
        self.folder(path, 0);
        if found(self) == before {
            let why = format!("it holds no file of a known kind{}", self.kinds_passed_over());
            self.unread.push((path.to_owned(), why));
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push((path.to_owned(), error.to_string())),
        };
        if depth >= DEPTH {
            return self.unread.push((path.to_owned(), format!("more than {DEPTH} folders deep")));
        }
        let left = ENTRIES.saturating_sub(self.entries);
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).take(left).collect();
        self.entries += inside.len();
        if self.entries >= ENTRIES {
            self.unread.push((path.to_owned(), format!("more than {ENTRIES} files and folders in all")));
        }
        inside.sort();
        for entry in inside {
            self.path(&entry, depth + 1);
        }
    }

    /// Reads of a mounted Linux only what its servers for RDP have there: their settings and logs.
    fn linux(&mut self, root: &Path) {
        for file in linux_places(root) {
            self.file(&file, true);
        }
    }

    /// Reads only the places of a Windows disk that matter, not the millions of other files. All of them belong to one
    /// machine.
    fn disk(&mut self, path: &Path, disk: &windows::Disk) {
        if self.met_before(path) {
            return;
        }
        let first = self.pieces.len();
        self.keep(path, Kind::WindowsDisk, Piece::State(Box::new(disk.state())));
        let (files, missing) = disk.files();
        self.unread.extend(missing);
        for file in files {
            self.file(&file, true);
        }
        machines::of_one_disk(self.pieces.get_mut(first..).unwrap_or_default());
    }

    /// True if it was read already under this or another path.
    fn met_before(&mut self, path: &Path) -> bool {
        let new = fs::canonicalize(path).map_or(true, |path| self.met.insert(path));
        self.again += usize::from(!new);
        !new
    }

    fn keep(&mut self, path: &Path, kind: Kind, piece: Piece) {
        if keep(&mut self.pieces, &mut self.room, (path.to_owned(), kind, piece)).is_err() {
            self.beyond.get_or_insert((path.to_owned(), 0)).1 += 1;
        }
    }

    fn file(&mut self, path: &Path, named: bool) {
        if self.over_at(path) || self.met_before(path) {
            return;
        }
        Reading::current().another();
        let head = match head(path) {
            Ok(head) => head,
            Err(error) => return self.unread.push((path.to_owned(), error.to_string())),
        };
        let reader = READERS.iter().find(|reader| (reader.recognises)(&head));
        let state = || state::names_itself(path, &head).then_some(&state::READER);
        let Some(reader) = reader.or_else(state).or_else(|| xrdp::named(path, &head)) else {
            if named {
                self.unread.push((path.to_owned(), foreign::unknown(&head)));
            } else {
                if let Some(words) = foreign::named(&head) {
                    *self.passed_over_kinds.entry(words).or_default() += 1;
                }
                self.pass_over(path);
            }
            return;
        };
        let pieces = match reader.read {
            Access::Bytes(limit, read) => bytes(path, limit).and_then(|bytes| read(&bytes)).map(|piece| vec![piece]),
            Access::Place(read) => read(path).map(|piece| vec![piece]),
            Access::Stream(read) => regular(path).and_then(|mut file| read(&mut file, &path.display().to_string())),
            Access::Bundle(read) => self.bundle(path, read).map(|()| Vec::new()),
        };
        match pieces {
            Ok(pieces) => pieces.into_iter().for_each(|piece| self.keep(path, reader.kind, piece)),
            Err(error) => self.unread.push((path.to_owned(), format!("{}: {error}", reader.kind))),
        }
        // what was kept of this one may be a part
        self.over_at(path);
    }

    fn bundle(
        &mut self,
        bundle: &Path,
        read: fn(&Path, Take<'_>) -> Result<reader::Inside, ReadError>,
    ) -> Result<(), ReadError> {
        let place = |name: &str| PathBuf::from(format!("{}: {name}", bundle.display()));
        let (pieces, room) = (&mut self.pieces, &mut self.room);
        let inside = read(bundle, &mut |name, kind, piece| keep(pieces, room, (place(name), kind, piece)))?;
        self.unread.extend(inside.unread.into_iter().map(|(name, why)| (place(&name), why)));
        self.passed_over += inside.passed_over;
        self.bundles.extend(inside.manifest.map(|manifest| (bundle.to_owned(), manifest)));
        Ok(())
    }

    /// Returns the newest moment in anything: the attempt, where nothing else says when that was. Times that a wrong
    /// clock put into the future count only if there are no others.
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

/// Keeps the first ones, and counts the rest.
fn bound(unread: &mut Vec<(PathBuf, String)>) {
    let more = unread.len().saturating_sub(UNREAD);
    unread.truncate(UNREAD);
    if more > 0 {
        unread.push((PathBuf::from("further files"), format!("{more} of them could not be read")));
    }
}

fn head(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut head = Vec::new();
    regular(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// True for a file that is read as evidence, or beside some: the transaction log of a hive begins as a hive does. False
/// for a bundle.
pub fn is_evidence(path: &Path) -> bool {
    let other = |reader: &&Reader| reader.kind != Kind::Bundle;
    let known = |head: &[u8]| READERS.iter().filter(other).any(|reader| (reader.recognises)(head));
    head(path).is_ok_and(|head| head.starts_with(hive::MAGIC) || known(&head) || state::names_itself(path, &head))
}

/// Reason given for a link with a telling name.
const LINK: &str = "a link, which is not followed inside a folder: name it itself";
