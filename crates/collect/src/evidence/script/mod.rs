//! The output of the script that `rdpdoctor collect --as powershell` prints ([`powershell`]), however it was carried
//! here.
//!
//! The output is a row of blocks, each readable without the others, because consoles, mails and remote shells cut it:
//!
//! ```text
//! -----BEGIN RDPDOCTOR STATE 3/9; GZIP-----
//! (lines of at most 76 characters: base64 of gzip; or, for JSON instead of GZIP, JSON in visible ASCII without a space
//! or a hyphen)
//! -----END RDPDOCTOR STATE 3/9; 1234 CHARACTERS; SHA256 (of the gzip, or NONE)-----
//! ```
//!
//! A block is a state (`rdpdoctor-state/1`) with some of the machine's things; the last says of each which (`blocks`).
//! No block holds white space that counts, so all of it is taken out before reading: then it does not matter where
//! lines were broken. What stands around the blocks is passed over. Of what is missing nothing is concluded: where a
//! block is lost, logs count as damaged, folders and stores as not listed.
//!
//! Certificates come as the registry keeps them (value `Blob` below the key of their store), so that the script asks no
//! cryptography of Windows and touches no private key.

mod source;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::printable::printable;
use evidence::state::bounds::Room;
use evidence::state::{RegistryData, RegistryKey, SCHEMA, STORE_MY, STORE_REMOTE_DESKTOP, State, Unread};
use flate2::read::GzDecoder;
use ring::digest::{SHA256, digest};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader};
use super::{hive, json, text};
pub use source::powershell;

/// Most bytes of an output.
const LIMIT: u64 = super::reader::TEXT;
/// Most bytes of a block, inflated, and of all together: the script begins a new one at 4,000 characters.
const BLOCK: u64 = 4 * 1024 * 1024;
const TOTAL: usize = 64 * 1024 * 1024;
/// Most blocks.
const BLOCKS: usize = 10_000;
/// Most characters of the name of a section.
const SECTION: usize = 64;
/// The mark without its spaces.
const BEGIN: &str = "-----BEGINRDPDOCTORSTATE";
const END: &str = "-----ENDRDPDOCTORSTATE";
const RULE: &str = "-----";
/// Characters of base64 at the beginning of a file from which on it may be the middle of a block.
const MIDDLE: usize = 1000;

/// Stores whose certificates come as the registry keeps them, with the names of the stores.
const STORES: [(&str, &str); 2] = [(STORE_MY, "My"), (STORE_REMOTE_DESKTOP, "Remote Desktop")];

pub(super) const READER: Reader = Reader { kind: Kind::ScriptOutput, recognises, read: Access::Bytes(LIMIT, read) };

/// True for a mark, or for text that may be the middle of a block whose beginning was cut off.
fn recognises(head: &[u8]) -> bool {
    let text = squeezed(Cow::Owned(text::beginning(head)));
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.contains(BEGIN) || text.contains(END) || text.len() >= MIDDLE && text.chars().take(MIDDLE).all(base64)
}

/// Removes white space, and the marks with which mails quote.
fn squeezed(text: Cow<'_, str>) -> String {
    let counts = |c: char| !c.is_whitespace() && !matches!(c, '>' | '\u{FEFF}' | '\0');
    match text {
        Cow::Borrowed(text) => text.chars().filter(|c| counts(*c)).collect(),
        // in place: one copy of a large file is enough
        Cow::Owned(mut text) => {
            text.retain(counts);
            text
        }
    }
}

fn read(bytes: &[u8]) -> Result<Piece, ReadError> {
    let text = squeezed(carried(text::decode(bytes)?));
    let mut output = Output::default();
    output.take(&text);
    Ok(Piece::State(Box::new(output.state()?)))
}

/// Unpacks the answer of a tool that answers in JSON (such as `az`): its texts that contain marks. Anything else stays
/// as it is.
fn carried(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut found = String::new();
    let json = text.trim_start().starts_with(['{', '['])
        && json::texts(&text, |text| {
            if text.contains("RDPDOCTOR STATE") {
                found.push_str(text);
                found.push('\n');
            }
        });
    if json { Cow::Owned(found) } else { text }
}

/// Contents of an output so far.
#[derive(Default)]
struct Output {
    /// Number of blocks according to the output.
    count: usize,
    /// Blocks by number.
    blocks: BTreeMap<usize, (State, Vec<String>)>,
    /// Parts that could not be read.
    unread: Vec<Unread>,
    inflated: usize,
    room: Room,
}

impl Output {
    fn take(&mut self, text: &str) {
        let mut parts = text.split(BEGIN);
        // the rest of a block whose beginning was cut off tells at least how many there were
        let before = parts.next().and_then(|before| before.split_once(END));
        if let Some((_, count)) = before.and_then(|(_, mark)| place(mark)) {
            self.count = count;
        }
        let mut last = 0;
        for part in parts {
            let Some((number, count)) = place(part) else { continue };
            if number <= last {
                self.again();
            }
            (last, self.count) = (number, count);
            match block(part, &mut self.inflated) {
                Ok((state, sections)) => self.keep(number, state, sections),
                Err(why) => self.cannot(format!("block {number} of {count} of the script's output"), &why),
            }
        }
    }

    /// Keeps a block. All blocks together are one machine's.
    fn keep(&mut self, number: usize, mut state: State, sections: Vec<String>) {
        if !self.room.fits(&mut state) {
            let earlier = self.blocks.values_mut().map(|(state, _)| state);
            self.room.shrink(&mut earlier.chain([&mut state]).collect::<Vec<_>>());
        }
        self.blocks.insert(number, (state, sections));
    }

    /// Starts anew: the script was run a second time in the copied text, and the last run counts.
    fn again(&mut self) {
        (self.blocks, self.unread, self.room) = (BTreeMap::new(), Vec::new(), Room::default());
        self.cannot("an earlier run of the script in the same file".to_owned(), "only the last one is read");
    }

    fn cannot(&mut self, what: String, why: &str) {
        self.unread.push(Unread { what, why: why.to_owned() });
    }

    fn state(mut self) -> Result<State, ReadError> {
        if self.blocks.is_empty() {
            let first = self.unread.first().map(|unread| format!("{}: {}", unread.what, unread.why));
            let none = "no whole block of the script's output is in it: it was cut, or it is the script itself";
            return Err(ReadError::Contents(first.unwrap_or_else(|| none.to_owned())));
        }
        let lost = self.lost();
        let mut state = State { schema: SCHEMA.to_owned(), unread: self.unread, ..State::default() };
        self.blocks.into_values().for_each(|(block, _)| state.merge(block));
        conclude_nothing(&mut state, &lost);
        read_certificates(&mut state);
        Ok(state)
    }

    /// Returns the sections that lack a block, or all.
    fn lost(&mut self) -> Lost {
        let missing: Vec<usize> = (1..=self.count).filter(|number| !self.blocks.contains_key(number)).collect();
        for run in runs(&missing) {
            let (first, last, count) = (run.start(), run.end(), self.count);
            let blocks = if first == last { format!("block {first}") } else { format!("blocks {first} to {last}") };
            let told =
                self.unread.iter().any(|unread| first == last && unread.what.starts_with(&format!("{blocks} of")));
            if !told {
                let why = "not in the file: the output was cut".to_owned();
                self.unread.push(Unread { what: format!("{blocks} of {count} of the script's output"), why });
            }
        }
        if missing.is_empty() {
            return Lost::Sections(BTreeSet::new());
        }
        let contents = self.blocks.get(&self.count).map(|(_, sections)| sections);
        let section = |number: &usize| contents.and_then(|sections| sections.get(number - 1)).cloned();
        let sections = missing.iter().map(section).collect::<Option<BTreeSet<_>>>();
        sections.map_or(Lost::Anything, Lost::Sections)
    }
}

/// Sections that lack blocks.
enum Lost {
    Sections(BTreeSet<String>),
    Anything,
}

impl Lost {
    fn is_of(&self, section: &str) -> bool {
        match self {
            Self::Sections(lost) => lost.contains(section),
            Self::Anything => true,
        }
    }
}

/// Takes back what only holds of a complete section.
fn conclude_nothing(state: &mut State, lost: &Lost) {
    for log in &mut state.logs {
        // entries of a known log may be in a block without the log itself
        let in_part = state.unread.iter().any(|unread| unread.what == format!("event log {}", log.channel));
        log.damaged |= lost.is_of("events") || in_part;
    }
    if lost.is_of("key_files") {
        state.key_files.retain(|file| file.name != ".");
    }
    // a program whose port was lost may be the one that matters
    if lost.is_of("ports") {
        state.ports.clear();
    }
    if lost.is_of("registry") || lost.is_of("unread") {
        state.registry.retain(|key| !STORES.iter().any(|(store, _)| key.path == *store));
    }
}

/// Groups numbers into runs, such as 1 to 4 and 6.
fn runs(numbers: &[usize]) -> Vec<RangeInclusive<usize>> {
    let mut runs: Vec<RangeInclusive<usize>> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some(run) if run.end() + 1 == *number => *run = *run.start()..=*number,
            _ => runs.push(*number..=*number),
        }
    }
    runs
}

/// Reads the number of a block and how many there are, at the beginning of the text after a mark: `3/9;`.
fn place(after: &str) -> Option<(usize, usize)> {
    let (number, count) = after.split_once(';')?.0.split_once('/')?;
    let (number, count) = (number.parse().ok()?, count.parse().ok()?);
    (1..=count).contains(&number).then_some((number, count)).filter(|_| count <= BLOCKS)
}

/// Reads one block, from after its first mark: its state, and the sections of all blocks if it is the last.
fn block(part: &str, inflated: &mut usize) -> Result<(State, Vec<String>), String> {
    let (head, rest) = part.split_once(RULE).ok_or("it is cut off within its first line")?;
    let (body, mark) = rest.split_once(END).ok_or("it is cut off: its last line is missing")?;
    let (mark, _) = mark.split_once(RULE).ok_or("it is cut off within its last line")?;
    let [place, length, sum] = mark.split(';').collect::<Vec<_>>()[..] else {
        return Err("its last line is damaged".to_owned());
    };
    if !head.starts_with(&format!("{place};")) {
        return Err("its end is that of another block: something between is missing".to_owned());
    }
    if length != format!("{}CHARACTERS", body.len()) {
        return Err(format!("it is damaged: it has {} characters, and says {length}", body.len()));
    }
    let json = match head.rsplit(';').next() {
        Some("GZIP") => unpacked(body, sum)?,
        Some("JSON") => body.to_owned(),
        _ => return Err("it is of a form that this version of the program does not know".to_owned()),
    };
    *inflated = inflated.saturating_add(json.len());
    if *inflated > TOTAL {
        return Err(format!("too large: the blocks have more than {TOTAL} bytes together"));
    }
    let state = State::parse(&json).map_err(|error| error.to_string())?;
    Ok((state, sections(&json)))
}

fn unpacked(body: &str, sum: &str) -> Result<String, String> {
    let packed = STANDARD.decode(body).map_err(|_| "it is damaged: not base64")?;
    let told = sum.strip_prefix("SHA256").unwrap_or_default();
    let found = wire::hex::encode(digest(&SHA256, &packed).as_ref());
    if told != "NONE" && !told.eq_ignore_ascii_case(&found) {
        return Err("it is damaged: its checksum is wrong".to_owned());
    }
    let mut text = String::new();
    let read = GzDecoder::new(packed.as_slice()).take(BLOCK + 1).read_to_string(&mut text);
    let read = read.map_err(|_| "it is damaged: what is packed in it cannot be read")?;
    if read as u64 > BLOCK { Err(format!("too large: it inflates to more than {BLOCK} bytes")) } else { Ok(text) }
}

/// Reads the list of the sections in all blocks, which the last one has.
fn sections(json: &str) -> Vec<String> {
    if !json.contains("\"blocks\"") {
        return Vec::new();
    }
    let mut sections = Vec::new();
    json::texts_of(json, "blocks", |section| {
        if sections.len() < BLOCKS {
            sections.push(printable(&section.chars().take(SECTION).collect::<String>()));
        }
    });
    sections
}

/// Reads certificates from the form in which the registry keeps them. A store with an unreadable one counts as unread.
pub(crate) fn read_certificates(state: &mut State) {
    for (store, name) in STORES {
        let (certificates, rest) =
            std::mem::take(&mut state.registry).into_iter().partition::<Vec<_>, _>(|key| below(&key.path, store));
        state.registry = rest;
        for key in certificates {
            let why = "it is no certificate that can be read";
            match certificate(name, &key) {
                Some(certificate) => state.certificates.push(certificate),
                None => state.unread.push(Unread { what: key.path, why: why.to_owned() }),
            }
        }
        if state.unread.iter().any(|unread| unread.what == store || below(&unread.what, store)) {
            state.registry.retain(|key| key.path != store);
        }
    }
}

fn certificate(store: &str, key: &RegistryKey) -> Option<evidence::state::StoredCertificate> {
    let RegistryData::Binary(hex) = key.values.get("Blob")? else { return None };
    hive::blob::certificate(store, &wire::hex::decode(hex)?)
}

fn below(path: &str, store: &str) -> bool {
    path.strip_prefix(store).is_some_and(|rest| rest.starts_with('\\'))
}
