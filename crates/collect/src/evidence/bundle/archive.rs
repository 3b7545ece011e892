//! The zip around a bundle: only as much of the format (PKWARE APPNOTE.TXT 6.3) as a bundle needs.
//!
//! Our own, not the crate `zip`: that one keeps entries by name, so that the first of two with one name is gone before
//! anybody sees it, and it accepts entries that share their bytes. Here both are refused in words. An entry's own
//! statement of its size is never believed: bytes are counted while they are inflated.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom, Write};

use evidence::printable::printable;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use time::OffsetDateTime;

use super::inflating::Inflating;

/// Most entries of an archive.
pub(super) const ENTRIES: usize = 10_000;
/// Most bytes of the list of entries.
const LIST: u64 = 8 * 1024 * 1024;
/// Most bytes of one entry, inflated.
pub(super) const ENTRY: u64 = crate::evidence::reader::TEXT;
/// Most bytes of all entries together, inflated.
const TOTAL: u64 = 512 * 1024 * 1024;
/// Most that an entry may grow by inflating, once it has more than [`SMALL`] bytes. Our own texts that would grow more
/// are stored uncompressed.
const GROWTH: u64 = 200;
const SMALL: u64 = 1024 * 1024;
/// Longest name of an entry.
const NAME: usize = 200;

pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCAL_BYTES: usize = 30;
const LISTED_BYTES: usize = 46;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Bits of the file type in the upper half of the attributes, where Unix wrote them, and the value for a link.
const LINK: u32 = 0xA000;
const TYPE: u32 = 0xF000;

/// Reason why an archive as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    /// Error of the operating system.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Fault in the contents.
    #[error("{0}")]
    Contents(String),
}

/// Readable entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Name: safe to print, and never a way out of a folder.
    pub(super) name: String,
    method: u16,
    crc: u32,
    compressed: u64,
    /// Bytes, by its own account.
    pub(super) size: u64,
    at: u64,
    data: u64,
}

/// Archive whose list of entries was read.
pub(super) struct Archive<S> {
    file: S,
    /// Readable entries, in the order of the list.
    pub(super) entries: Vec<Entry>,
    /// All other entries, with the reason.
    pub(super) refused: Vec<(String, String)>,
    left: u64,
    whose: Whose,
}

/// Who made an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// This program: names and sizes are those that it writes.
    Ours,
    /// Anybody: PowerShell puts backslashes into names, and an event log of zeros inflates a thousandfold. Nothing is
    /// unpacked, and the bytes are bounded as ever.
    Anybodys,
}

impl<S: Read + Seek> Archive<S> {
    /// Reads the list of entries.
    pub(super) fn open(mut file: S, whose: Whose) -> Result<Self, ArchiveError> {
        let length = file.seek(SeekFrom::End(0))?;
        let (count, size, start) = end(&mut file, length)?;
        let mut list = vec![0; usize::try_from(size).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut list)?;
        let mut archive = Self { file, entries: Vec::new(), refused: Vec::new(), left: TOTAL, whose };
        let mut rest = list.as_slice();
        for number in 1..=count {
            let Some((listed, after)) = Listed::read(rest) else {
                let why = format!("the list of entries is damaged at entry {number} of {count}");
                archive.refused.push(("the list of entries".to_owned(), why));
                break;
            };
            archive.take(&listed, start);
            rest = after;
        }
        archive.refuse_doubles();
        archive.refuse_overlaps();
        Ok(archive)
    }

    fn take(&mut self, listed: &Listed<'_>, end: u64) {
        let name = printable(&String::from_utf8_lossy(listed.name).chars().take(NAME).collect::<String>());
        match listed.refusal(self.whose).map_or_else(|| self.data(listed, end), Err) {
            Ok(data) => self.entries.push(listed.entry(name, data)),
            Err(why) => self.refused.push((name, why)),
        }
    }

    /// Returns where an entry's data begin, if its local header agrees with the list.
    fn data(&mut self, listed: &Listed<'_>, end: u64) -> Result<u64, String> {
        let outside = || "it does not lie within the archive".to_owned();
        let mut head = [0; LOCAL_BYTES];
        self.exactly(listed.at, &mut head).map_err(|_| outside())?;
        let names = usize::from(short(&head, 26).unwrap_or_default());
        let extra = u64::from(short(&head, 28).unwrap_or_default());
        let mut name = vec![0; names];
        self.exactly(listed.at + LOCAL_BYTES as u64, &mut name).map_err(|_| outside())?;
        let agrees = head.starts_with(MAGIC) && name == listed.name && short(&head, 8) == Some(listed.method);
        if !agrees {
            return Err("where it begins stands another entry than in the list".to_owned());
        }
        let data = listed.at + LOCAL_BYTES as u64 + names as u64 + extra;
        let last = data.checked_add(listed.compressed).filter(|last| *last <= end);
        last.map(|_| data).ok_or_else(outside)
    }

    fn exactly(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(bytes)
    }

    /// Refuses entries with the same name, because nobody can tell which is meant.
    fn refuse_doubles(&mut self) {
        let mut times = BTreeMap::<String, usize>::new();
        let names = self.entries.iter().map(|entry| &entry.name).chain(self.refused.iter().map(|(name, _)| name));
        names.for_each(|name| *times.entry(name.to_ascii_lowercase()).or_default() += 1);
        self.refuse(
            |entry| times.get(&entry.name.to_ascii_lowercase()).is_some_and(|times| *times > 1),
            |_| "the archive holds two entries of this name".to_owned(),
        );
    }

    /// Refuses entries that share bytes: that is how a small archive inflates to a huge one.
    fn refuse_overlaps(&mut self) {
        let mut ranges: Vec<_> = self.entries.iter().map(|entry| (entry.at, entry.end(), entry.name.clone())).collect();
        ranges.sort();
        let mut shared = BTreeMap::new();
        let mut reaches: Option<(u64, String)> = None;
        for (at, end, name) in ranges {
            if let Some((before, other)) = reaches.as_ref().filter(|(before, _)| at < *before) {
                shared.insert(name.clone(), other.clone());
                shared.insert(other.clone(), name.clone());
                if end <= *before {
                    continue;
                }
            }
            reaches = Some((end, name));
        }
        self.refuse(
            |entry| shared.contains_key(&entry.name),
            |entry| {
                let other = shared.get(&entry.name).map_or("", String::as_str);
                format!("its bytes overlap those of {other}")
            },
        );
    }

    fn refuse(&mut self, which: impl Fn(&Entry) -> bool, why: impl Fn(&Entry) -> String) {
        let (bad, good) = std::mem::take(&mut self.entries).into_iter().partition::<Vec<_>, _>(|entry| which(entry));
        self.entries = good;
        let named: BTreeSet<_> = bad.iter().map(|entry| (entry.name.clone(), why(entry))).collect();
        self.refused.extend(named);
    }

    /// Returns the bytes that an entry begins with, by which its kind is recognised.
    pub(super) fn beginning(&mut self, entry: &Entry) -> Result<Vec<u8>, String> {
        let (limit, mut head) = (crate::evidence::reader::HEAD, Vec::new());
        self.file.seek(SeekFrom::Start(entry.data)).map_err(|error| error.to_string())?;
        let packed = (&mut self.file).take(entry.compressed);
        let read = match entry.method {
            STORED => packed.take(limit).read_to_end(&mut head),
            _ => DeflateDecoder::new(packed).take(limit).read_to_end(&mut head),
        };
        read.map(|_| head).map_err(|_| "its compressed bytes are damaged at their beginning".to_owned())
    }

    /// Returns the bytes of an entry, at most `limit`.
    pub(super) fn bytes(&mut self, entry: &Entry, limit: u64) -> Result<Vec<u8>, String> {
        if self.whose == Whose::Anybodys && entry.size > limit.min(ENTRY) {
            let most = limit.min(ENTRY) / (1024 * 1024);
            return Err(format!("more than {most} MiB, which is too large within a zip: unpack it and name it itself"));
        }
        let limit = limit.min(ENTRY).min(self.left);
        self.file.seek(SeekFrom::Start(entry.data)).map_err(|error| error.to_string())?;
        let packed = (&mut self.file).take(entry.compressed);
        let bytes = match entry.method {
            STORED => counted(packed, entry, limit, self.whose),
            _ => counted(DeflateDecoder::new(packed), entry, limit, self.whose),
        };
        // inflated bytes count, also of an entry that was refused for them
        self.left = self.left.saturating_sub(bytes.as_ref().map_or(limit, |bytes| bytes.len() as u64));
        bytes
    }
}

impl<S: Read + Seek> Archive<S> {
    /// Reads an entry as it is inflated, however large it is, within what may be inflated of the whole archive.
    pub(super) fn stream<T>(
        &mut self,
        entry: &Entry,
        read: impl FnOnce(&mut Inflating<&mut S>) -> Result<T, String>,
    ) -> Result<T, String> {
        let said = |error: io::Error| format!("its compressed bytes are damaged: {error}");
        let deflated = entry.method != STORED;
        let bytes = Inflating::begin(&mut self.file, (entry.data, entry.compressed), deflated, self.left);
        let mut bytes = bytes.map_err(said)?;
        let result = read(&mut bytes);
        let all = bytes.finish();
        self.left = all.as_ref().map_or(0, |(.., left)| *left);
        let (crc, length, _) = all.map_err(said)?;
        if (crc, length) != (entry.crc, entry.size) {
            return Err("its checksum or its size is wrong: it was changed or damaged".to_owned());
        }
        result
    }
}

/// Reads, and counts the bytes as they come.
fn counted(mut from: impl Read, entry: &Entry, limit: u64, whose: Whose) -> Result<Vec<u8>, String> {
    // growing step by step would take twice the memory
    let told = usize::try_from(entry.size.min(limit)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(told);
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut part) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(format!("its compressed bytes are damaged after {} bytes", bytes.len())),
        };
        bytes.extend_from_slice(&part[..read]);
        let so_far = bytes.len() as u64;
        if so_far > limit {
            return Err(format!("a zip bomb, or too large: it inflates to more than {limit} bytes"));
        }
        if whose == Whose::Ours && so_far > SMALL && so_far / GROWTH > entry.compressed {
            let packed = entry.compressed;
            return Err(format!("a zip bomb: {packed} bytes inflate to more than {GROWTH} times as many"));
        }
        if so_far > entry.size {
            return Err(format!("it says that it has {} bytes, and has more", entry.size));
        }
    }
    if bytes.len() as u64 != entry.size {
        return Err(format!("it says that it has {} bytes, and has {}", entry.size, bytes.len()));
    }
    let mut crc = Crc::new();
    crc.update(&bytes);
    if crc.sum() == entry.crc { Ok(bytes) } else { Err("its checksum is wrong: it was changed or damaged".to_owned()) }
}

/// Finds the record at the end: the number of entries, and the size and start of their list.
fn end<S: Read + Seek>(file: &mut S, length: u64) -> Result<(usize, u64, u64), ArchiveError> {
    let contents = |why: &str| ArchiveError::Contents(why.to_owned());
    let window = length.min(END_BYTES as u64 + u64::from(u16::MAX));
    let mut tail = vec![0; usize::try_from(window).unwrap_or_default()];
    file.seek(SeekFrom::Start(length - window))?;
    file.read_exact(&mut tail)?;
    // the record is followed by a comment that reaches to the end
    let fits = |at: &usize| {
        let comment = short(&tail, at + 20).map(usize::from);
        tail.get(*at..).is_some_and(|rest| rest.starts_with(END))
            && comment.map(|c| at + END_BYTES + c) == Some(tail.len())
    };
    let cut = "a zip without its end: it is cut off or damaged";
    let at = (0..tail.len().saturating_sub(END_BYTES - 1)).rev().find(fits).ok_or_else(|| contents(cut))?;
    let field = |offset| short(&tail, at + offset).unwrap_or_default();
    let count = usize::from(field(10));
    let [size, start] = [12, 16].map(|offset| u64::from(long(&tail, at + offset).unwrap_or_default()));
    if [field(4), field(6), field(8)] != [0, 0, field(10)] {
        return Err(contents("a zip in several parts, as no bundle is"));
    }
    if field(10) == u16::MAX || size == u64::from(u32::MAX) || start == u64::from(u32::MAX) {
        return Err(contents("a zip of the form for huge archives (zip64), as no bundle is"));
    }
    if count > ENTRIES || size > LIST {
        return Err(ArchiveError::Contents(format!(
            "a zip of {count} entries: more than {ENTRIES}, or with endless names"
        )));
    }
    if start + size > length - window + at as u64 {
        return Err(contents("a zip whose list of entries does not lie within it"));
    }
    Ok((count, size, start))
}

/// Entry as the list has it.
struct Listed<'a> {
    made_by: u16,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    attributes: u32,
    at: u64,
    name: &'a [u8],
}

impl<'a> Listed<'a> {
    /// Reads the entry at the beginning of these bytes, and returns the rest as well.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let bytes = bytes.starts_with(LISTED).then_some(bytes)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| short(bytes, at).map(usize::from));
        let name_end = LISTED_BYTES + name?;
        let listed = Self {
            made_by: short(bytes, 4)?,
            flags: short(bytes, 8)?,
            method: short(bytes, 10)?,
            crc: long(bytes, 16)?,
            compressed: long(bytes, 20)?.into(),
            size: long(bytes, 24)?.into(),
            attributes: long(bytes, 38)?,
            at: long(bytes, 42)?.into(),
            name: bytes.get(LISTED_BYTES..name_end)?,
        };
        Some((listed, bytes.get(name_end + extra? + comment?..)?))
    }

    fn entry(&self, name: String, data: u64) -> Entry {
        let Self { method, crc, compressed, size, at, .. } = *self;
        Entry { name, method, crc, compressed, size, at, data }
    }

    /// Returns the reason why the entry is not read, if there is one.
    fn refusal(&self, whose: Whose) -> Option<String> {
        let unix = self.made_by >> 8 == 3 && self.attributes >> 16 & TYPE == LINK;
        let method = self.method;
        let (huge, size) = (u64::from(u32::MAX), self.size);
        let most = if whose == Whose::Ours { ENTRY } else { TOTAL };
        let why = match () {
            () if unix => "a symbolic link".to_owned(),
            () if self.flags & 0x41 != 0 => "encrypted".to_owned(),
            () if ![STORED, DEFLATED].contains(&method) => {
                format!("packed by a method (number {method}) that no bundle has")
            }
            () if method == STORED && self.compressed != size => "its two sizes contradict each other".to_owned(),
            () if size == huge || self.compressed == huge => {
                "of the form for huge archives (zip64), as no bundle has".to_owned()
            }
            () if size > most => {
                format!("too large: it says that it has {size} bytes, of which at most {most} are read")
            }
            () if whose == Whose::Anybodys => return self.name.is_empty().then(|| "its name is empty".to_owned()),
            () => return path_refusal(self.name),
        };
        Some(why)
    }
}

/// Returns the reason why a name is not allowed in a bundle, if there is one. Nothing is ever extracted; but other
/// tools that unpack it should not be surprised, and a bundle that we wrote has no such names.
fn path_refusal(name: &[u8]) -> Option<String> {
    let text = str::from_utf8(name).unwrap_or_default();
    let drive = text.as_bytes().get(1) == Some(&b':');
    let why = match () {
        () if name.contains(&0) => "its name holds a NUL byte",
        () if name.is_empty() || text.is_empty() => "its name is empty, or no UTF-8",
        () if name.len() > NAME => "its name is too long",
        () if text.contains('\\') => "its name holds a backslash",
        () if text.starts_with('/') || drive => "its name is an absolute path",
        () if text.split('/').any(|part| part == ".." || part == ".") => "its name leads out of the folder",
        () if text.split('/').any(str::is_empty) => "a folder, or a name with an empty part",
        () if text.chars().any(char::is_control) => "its name holds control characters",
        () => return None,
    };
    Some(why.to_owned())
}

impl Entry {
    fn end(&self) -> u64 {
        self.data + self.compressed
    }
}

/// Archive that is being written.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    list: Vec<u8>,
    count: u16,
}

impl Writer {
    /// Adds an entry. `at` becomes its time, so that equal input makes equal bytes.
    pub(super) fn add(&mut self, name: &str, contents: &[u8], at: OffsetDateTime) {
        let mut crc = Crc::new();
        crc.update(contents);
        let deflated = deflated(contents);
        let grows = (contents.len() / usize::try_from(GROWTH).unwrap_or(1)).saturating_add(1) >= deflated.len();
        let stored = deflated.len() >= contents.len() || grows;
        let (method, data) = if stored { (STORED, contents) } else { (DEFLATED, deflated.as_slice()) };
        let (start, [clock, day]) = (self.bytes.len(), dos(at));
        let sizes = [crc.sum(), narrow(data.len()), narrow(contents.len())];
        // version 2.0 needed to extract, names in UTF-8
        let mut head = [20, 0x800, method, clock, day].map(u16::to_le_bytes).concat();
        head.extend(sizes.into_iter().flat_map(u32::to_le_bytes));
        head.extend([u16::try_from(name.len()).unwrap_or(u16::MAX), 0].into_iter().flat_map(u16::to_le_bytes));
        for part in [MAGIC, &head, name.as_bytes(), data] {
            self.bytes.extend_from_slice(part);
        }
        let behind = [&[0; 10][..], &narrow(start).to_le_bytes(), name.as_bytes()].concat();
        for part in [LISTED, &20_u16.to_le_bytes(), &head, &behind] {
            self.list.extend_from_slice(part);
        }
        self.count += 1;
    }

    /// Returns the complete archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.list);
        self.bytes.extend_from_slice(END);
        self.bytes.extend([0, 0, self.count, self.count].into_iter().flat_map(u16::to_le_bytes));
        self.bytes.extend([narrow(self.list.len()), narrow(start)].into_iter().flat_map(u32::to_le_bytes));
        self.bytes.extend([0, 0]);
        self.bytes
    }
}

fn deflated(contents: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(contents).and_then(|()| encoder.finish());
    written.expect("writing to memory cannot fail")
}

/// Narrows a length to the format's width; ours are limited far below.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("a bundle has less than 4 GB")
}

/// Converts to time and date of DOS, in steps of two seconds, from 1980.
fn dos(at: OffsetDateTime) -> [u16; 2] {
    let year = u16::try_from(at.year().clamp(1980, 2107) - 1980).unwrap_or_default();
    let day = year << 9 | u16::from(u8::from(at.month())) << 5 | u16::from(at.day());
    let clock = u16::from(at.hour()) << 11 | u16::from(at.minute()) << 5 | u16::from(at.second() / 2);
    [clock, day]
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
