//! Files of registry hives (`regf`): cells, keys and values, read one at a time in place.
//!
//! Our own reader, not `notatin`: that one loads the whole file into memory, stops the process on some broken files,
//! and brings a terminal library and `chrono` with it; we look up some seventy keys. Source: the description of the
//! format by M. Suhanov ("Windows registry file format specification"). Nothing here writes.

pub mod log;
pub mod sketch;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use crate::state::RegistryData;
use log::{Entry, Log, SECTOR, following};

/// Offset of the hive bins in the file, bytes.
pub const BINS: u64 = 4096;
/// Most bytes of one cell that we read.
const CELL: usize = 1024 * 1024;
/// Most subkeys of one key, and most values.
const ENTRIES: usize = 100_000;
/// Most keys of a hive that are told apart when lists are lost.
const STRAYS: usize = 400_000;
/// Size of which every hive bin's size is a multiple, bytes.
pub const BIN: u32 = 4096;
/// Bytes in each piece of a large value; smaller ones lie in one cell.
pub const PIECE: usize = 16_344;
/// Most bytes of cells that are read of one hive, each counted as [`CELL_COST`] more. Our look-ups in a real one take a
/// tenth; lists may name one cell a hundred thousand times.
const READ: usize = 64 * 1024 * 1024;
/// Cost of looking at a cell, however small.
const CELL_COST: usize = 32;
/// Most bytes of a key's cell: names have at most 255 characters.
const KEY: usize = 1024;
/// Offset that means "there is none".
pub const NONE: u32 = u32::MAX;

/// Reason why something in a hive could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file does not begin as a hive does.
    #[error("not a registry hive")]
    Foreign,
    /// The operating system's error, or a place beyond the end of the file.
    #[error("read at {0:#x}: {1}")]
    Io(u64, String),
    /// Something else is in this place.
    #[error("the cell at {0:#x} is no {1}")]
    Cell(u32, &'static str),
    /// It is larger than what we read.
    #[error("the {1} at {0:#x} is larger than anything that belongs there")]
    Limit(u32, &'static str),
    /// It takes more reading than all look-ups in a hive of Windows.
    #[error("its lists lead to the same places over and over: reading was given up at {0:#x}")]
    Endless(u32),
    /// It is a hive of a kind that does not help.
    #[error("{0}")]
    Kind(String),
}

/// Key of a hive.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Time of its last write, as a `FILETIME`.
    pub written: u64,
    /// Offset of its cell in the hive bins.
    pub at: u32,
    subkeys: (u32, u32),
    values: (u32, u32),
}

/// Value of a key, as it lies in the hive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name; empty for the default value.
    pub name: String,
    /// Its type, `REG_DWORD` and the like, by number.
    pub kind: u32,
    /// Its data, as they are.
    pub data: Vec<u8>,
    /// Offset of its cell in the hive bins.
    pub at: u32,
}

/// First sector of a hive or of its transaction log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseBlock {
    /// Numbers of the last write that was begun, and of the last that was finished; in a log, that of the first entry.
    pub sequence: (u32, u32),
    root: u32,
    /// True if its check sum is right.
    pub sound: bool,
}

impl BaseBlock {
    /// Reads a base block; `None` if it is none.
    pub fn read(sector: &[u8]) -> Option<Self> {
        if !sector.starts_with(b"regf") {
            return None;
        }
        let number = |at| u32_at(sector, at);
        let sound = check_sum(sector.get(..508)?) == number(508)?;
        Some(Self { sequence: (number(4)?, number(8)?), root: number(36)?, sound })
    }
}

/// Computes the check sum: all numbers of the base block but the last one, combined by exclusive or.
pub fn check_sum(block: &[u8]) -> u32 {
    let numbers = block.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    match numbers.fold(0, |sum, number| sum ^ number) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// An open hive.
pub struct Hive<S> {
    source: S,
    base: BaseBlock,
    /// Bytes that the file has, and should have.
    length: (u64, u64),
    /// Keys of the whole hive sorted by the parent that each one names; only searched where a list is lost.
    strays: Option<Vec<(u32, u32)>>,
    /// Sectors that transaction logs have instead of the file.
    sectors: BTreeMap<u32, Vec<u8>>,
    /// Bytes that may still be read.
    left: usize,
}

impl<S: Read + Seek> Hive<S> {
    /// Reads the base block.
    pub fn open(mut source: S) -> Result<Self, Flaw> {
        let mut base = [0; 512];
        source.read_exact(&mut base).map_err(|_| Flaw::Foreign)?;
        let bins = u32_at(&base, 40).ok_or(Flaw::Foreign)?;
        let base = BaseBlock::read(&base).ok_or(Flaw::Foreign)?;
        let has = source.seek(SeekFrom::End(0)).map_err(|error| Flaw::Io(0, error.to_string()))?;
        let length = (has, u64::from(bins).saturating_add(BINS));
        Ok(Self { source, base, length, strays: None, sectors: BTreeMap::new(), left: READ })
    }

    /// True if the last write was not finished: its bytes are then in the transaction logs.
    pub fn dirty(&self) -> bool {
        !self.base.sound || self.base.sequence.0 != self.base.sequence.1
    }

    /// Takes over the contents of the transaction logs. Returns in words why they may not have all that was not
    /// written; that there is no log only if that is not `told` already.
    pub fn recover(&mut self, logs: Vec<Log>, told: bool) -> Vec<String> {
        let mut lacks = Vec::new();
        let mut finished = self.base.sequence.1;
        if !self.base.sound {
            lacks.push("the check sum of its first block is wrong".to_owned());
            // a log has a copy of the block
            if let Some(log) = logs.first() {
                (self.base.root, finished) = (log.base.root, log.base.sequence.0);
            }
        }
        let (entries, gap) = following(logs, finished);
        if entries.is_empty() && !told {
            lacks.push("it was not closed properly, and no transaction log beside it continues it".to_owned());
        }
        lacks.extend(gap);
        for entry in entries {
            self.apply(&entry);
        }
        lacks
    }

    /// Returns the bytes that the file has and should have, if it ends too early; parts that a log has are not missing.
    pub fn cut(&self) -> Option<(u64, u64)> {
        Some(self.length).filter(|(has, wants)| has < wants && self.sectors.is_empty())
    }

    /// Takes over an entry of a transaction log.
    fn apply(&mut self, entry: &Entry) {
        self.sectors.extend(entry.sectors().map(|(number, sector)| (number, sector.to_vec())));
    }

    /// Reads the root key.
    pub fn root(&mut self) -> Result<Key, Flaw> {
        self.key(self.base.root)
    }

    /// Finds the key of this path below the root; `None` if it does not exist.
    pub fn find(&mut self, path: &str) -> Result<Option<Key>, Flaw> {
        let mut key = self.root()?;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match self.child(&key, name)? {
                Some(child) => key = child,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// Finds a subkey. If it is not found where some cannot be read, that is a flaw, not an answer.
    fn child(&mut self, parent: &Key, name: &str) -> Result<Option<Key>, Flaw> {
        let (offsets, mut flaw) = self.offsets(parent);
        for offset in offsets {
            match self.key(offset) {
                Ok(key) if key.name.eq_ignore_ascii_case(name) => return Ok(Some(key)),
                Ok(_) => {}
                Err(error) => flaw = Some(error),
            }
        }
        flaw.map_or(Ok(None), Err)
    }

    /// Returns all readable subkeys, and the flaws of the others.
    pub fn children(&mut self, parent: &Key) -> (Vec<Key>, Vec<Flaw>) {
        let mut keys = Vec::new();
        let (offsets, flaw) = self.offsets(parent);
        let mut flaws = Vec::from_iter(flaw);
        for offset in offsets {
            match self.key(offset) {
                Ok(key) => keys.push(key),
                Err(flaw) => flaws.push(flaw),
            }
        }
        (keys, flaws)
    }

    /// Returns where the subkeys lie. If their list is lost, which is a flaw, only keys are left that name their parent
    /// themselves.
    fn offsets(&mut self, parent: &Key) -> (Vec<u32>, Option<Flaw>) {
        let flaw = match self.subkeys(parent) {
            Ok(offsets) => return (offsets, None),
            Err(flaw) => flaw,
        };
        let strays = self.strays.take().unwrap_or_else(|| self.all_keys());
        let first = strays.partition_point(|(above, _)| *above < parent.at);
        let own = strays[first..].iter().take_while(|(above, _)| *above == parent.at);
        let offsets = own.map(|(_, at)| *at).collect();
        self.strays = Some(strays);
        (offsets, Some(flaw))
    }

    /// Lists every key in the first [`READ`] bytes of the hive bins, with the key above it.
    fn all_keys(&mut self) -> Vec<(u32, u32)> {
        let mut keys = Vec::new();
        let (mut bin, end) = (0_u32, u32::try_from(READ).unwrap_or(u32::MAX));
        while bin < end {
            let head = self.read(bin, 32).ok().filter(|head| head.starts_with(b"hbin"));
            let size = head.and_then(|head| u32_at(&head, 8)).filter(|size| (BIN..=end).contains(size));
            // a truncated file has no complete bin at its end
            let there = u32::try_from(self.length.0.saturating_sub(BINS + u64::from(bin))).unwrap_or(u32::MAX);
            let cells = |size: u32| Some((size, self.read(bin, size.min(there) as usize).ok()?));
            let Some((size, cells)) = size.and_then(cells) else {
                bin += BIN;
                continue;
            };
            let mut at = 32_u32;
            while let Some(length) = u32_at(&cells, at as usize).map(u32::cast_signed).filter(|length| *length != 0) {
                let cell = cells.get(at as usize + 4..).unwrap_or_default();
                if let Some(above) = u32_at(cell, 16).filter(|_| length < 0 && cell.starts_with(b"nk")) {
                    keys.push((above, bin + at));
                }
                at = at.saturating_add(length.unsigned_abs().next_multiple_of(8));
            }
            bin = bin.saturating_add(size);
        }
        keys.truncate(STRAYS);
        keys.sort_unstable();
        keys
    }

    /// Returns all readable values by name, and the flaws of the others.
    pub fn values(&mut self, key: &Key) -> (BTreeMap<String, RegistryData>, Vec<Flaw>) {
        let (values, flaws) = self.raw_values(key);
        (values.into_iter().map(|value| (value.name, decode(value.kind, &value.data))).collect(), flaws)
    }

    /// Returns all readable values in their order, not decoded, and the flaws of the others.
    pub fn raw_values(&mut self, key: &Key) -> (Vec<Value>, Vec<Flaw>) {
        let (mut values, mut flaws) = (Vec::new(), Vec::new());
        let offsets = match self.value_list(key) {
            Ok(offsets) => offsets,
            Err(flaw) => return (values, vec![flaw]),
        };
        for offset in offsets {
            match self.value(offset) {
                Ok(value) => values.push(value),
                Err(flaw) => flaws.push(flaw),
            }
        }
        (values, flaws)
    }

    fn key(&mut self, offset: u32) -> Result<Key, Flaw> {
        let flaw = || Flaw::Cell(offset, "key");
        let cell = self.cell_up_to(offset, KEY)?;
        if !cell.starts_with(b"nk") {
            return Err(flaw());
        }
        let number = |at| u32_at(&cell, at).ok_or_else(flaw);
        let length = usize::from(u16_at(&cell, 72).ok_or_else(flaw)?);
        let name = cell.get(76..76 + length).ok_or_else(flaw)?;
        let compressed = u16_at(&cell, 2).ok_or_else(flaw)? & 0x20 != 0;
        let written = u64::from(number(4)?) | u64::from(number(8)?) << 32;
        let (subkeys, values) = ((number(20)?, number(28)?), (number(36)?, number(40)?));
        Ok(Key { name: text(name, compressed), written, at: offset, subkeys, values })
    }

    fn subkeys(&mut self, key: &Key) -> Result<Vec<u32>, Flaw> {
        let (count, list) = key.subkeys;
        if count == 0 || list == NONE {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        self.index(list, &mut found, true)?;
        if found.len() == count as usize { Ok(found) } else { Err(Flaw::Cell(list, "list of that many subkeys")) }
    }

    fn index(&mut self, list: u32, found: &mut Vec<u32>, top: bool) -> Result<(), Flaw> {
        let flaw = || Flaw::Cell(list, "list of subkeys");
        let cell = self.cell(list)?;
        let count = usize::from(u16_at(&cell, 2).ok_or_else(flaw)?);
        let wide = match cell.get(..2) {
            Some(b"lf" | b"lh") => 8,
            Some(b"li") => 4,
            Some(b"ri") if top => 4,
            _ => return Err(flaw()),
        };
        for at in (4..).step_by(wide).take(count) {
            let offset = u32_at(&cell, at).ok_or_else(flaw)?;
            if cell.starts_with(b"ri") {
                self.index(offset, found, false)?;
            } else {
                found.push(offset);
            }
            if found.len() > ENTRIES {
                return Err(Flaw::Limit(list, "list of subkeys"));
            }
        }
        Ok(())
    }

    fn value_list(&mut self, key: &Key) -> Result<Vec<u32>, Flaw> {
        let (count, list) = (key.values.0 as usize, key.values.1);
        if count == 0 || list == NONE {
            return Ok(Vec::new());
        }
        if count > ENTRIES {
            return Err(Flaw::Limit(list, "list of values"));
        }
        let cell = self.cell(list)?;
        let offsets = (0..count).map(|number| u32_at(&cell, number * 4));
        offsets.collect::<Option<_>>().ok_or(Flaw::Cell(list, "list of values"))
    }

    fn value(&mut self, offset: u32) -> Result<Value, Flaw> {
        let flaw = || Flaw::Cell(offset, "value");
        let cell = self.cell(offset)?;
        if !cell.starts_with(b"vk") {
            return Err(flaw());
        }
        let number = |at| u32_at(&cell, at).ok_or_else(flaw);
        let length = usize::from(u16_at(&cell, 2).ok_or_else(flaw)?);
        let ascii = u16_at(&cell, 16).ok_or_else(flaw)? & 1 != 0;
        let name = text(cell.get(20..20 + length).ok_or_else(flaw)?, ascii);
        let (size, at, kind) = (number(4)?, number(8)?, number(12)?);
        // the highest bit: the data are in the field of their offset
        let data = if size & 0x8000_0000 != 0 {
            at.to_le_bytes().get(..(size & 0xFF) as usize).ok_or_else(flaw)?.to_vec()
        } else {
            self.data(at, size as usize)?
        };
        Ok(Value { name, kind, data, at: offset })
    }

    fn data(&mut self, offset: u32, size: usize) -> Result<Vec<u8>, Flaw> {
        if size > CELL {
            return Err(Flaw::Limit(offset, "value"));
        }
        if size == 0 {
            return Ok(Vec::new());
        }
        let cell = self.cell(offset)?;
        if size > PIECE && cell.starts_with(b"db") {
            return self.pieces(offset, &cell, size);
        }
        cell.get(..size).map(<[u8]>::to_vec).ok_or(Flaw::Cell(offset, "value of that size"))
    }

    fn pieces(&mut self, offset: u32, head: &[u8], size: usize) -> Result<Vec<u8>, Flaw> {
        let flaw = || Flaw::Cell(offset, "value in pieces");
        let list = self.cell(u32_at(head, 4).ok_or_else(flaw)?)?;
        let mut data = Vec::with_capacity(size);
        for at in (0..).step_by(4).take(usize::from(u16_at(head, 2).ok_or_else(flaw)?)) {
            let piece = self.cell(u32_at(&list, at).ok_or_else(flaw)?)?;
            let rest = (size - data.len()).min(PIECE);
            data.extend(piece.get(..rest).ok_or_else(flaw)?);
        }
        if data.len() == size { Ok(data) } else { Err(flaw()) }
    }

    /// Reads the contents of the cell at this place in the hive bins.
    fn cell(&mut self, offset: u32) -> Result<Vec<u8>, Flaw> {
        self.cell_up_to(offset, CELL + 4)
    }

    /// Reads the contents of a cell, but at most this many bytes.
    fn cell_up_to(&mut self, offset: u32, most: usize) -> Result<Vec<u8>, Flaw> {
        let head = self.read(offset, 4)?;
        let size = i32::from_le_bytes(head.try_into().map_err(|_| Flaw::Cell(offset, "cell"))?);
        // a negative size: in use
        let length = usize::try_from(size.unsigned_abs()).map_err(|_| Flaw::Limit(offset, "cell"))?;
        if size >= 0 || length < 8 {
            return Err(Flaw::Cell(offset, "cell in use"));
        }
        if length > CELL + 8 {
            return Err(Flaw::Limit(offset, "cell"));
        }
        let length = (length - 4).min(most);
        self.left = self.left.checked_sub(length + CELL_COST).ok_or(Flaw::Endless(offset))?;
        self.read(offset.checked_add(4).ok_or(Flaw::Cell(offset, "cell"))?, length)
    }

    /// Reads bytes of the hive bins, as they are after the transaction logs.
    fn read(&mut self, offset: u32, length: usize) -> Result<Vec<u8>, Flaw> {
        let end = u32::try_from(length).ok().and_then(|length| offset.checked_add(length));
        let end = end.ok_or(Flaw::Limit(offset, "cell"))?;
        let mut bytes = vec![0; length];
        let sectors = offset / SECTOR..=end.saturating_sub(1) / SECTOR;
        // bytes beyond the end of the file may be in a log; then all of them are
        if !sectors.clone().all(|sector| self.sectors.contains_key(&sector)) {
            self.read_file(u64::from(offset) + BINS, &mut bytes)?;
        }
        for (number, sector) in self.sectors.range(sectors) {
            let start = i64::from(number * SECTOR) - i64::from(offset);
            for (at, byte) in (start..).zip(sector) {
                if let Some(old) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
                    *old = *byte;
                }
            }
        }
        Ok(bytes)
    }

    fn read_file(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Flaw> {
        let read = self.source.seek(SeekFrom::Start(at)).and_then(|_| self.source.read_exact(bytes));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Flaw::Io(at, "the file ends before".to_owned()),
            _ => Flaw::Io(at, error.to_string()),
        })
    }
}

/// Decodes a value by its type.
pub fn decode(kind: u32, data: &[u8]) -> RegistryData {
    let binary = || RegistryData::Binary(wire::hex::encode(data));
    match kind {
        1 | 2 => RegistryData::Text(until_nul(&wide(data))),
        4 => data.try_into().map_or_else(|_| binary(), |bytes| RegistryData::Dword(u32::from_le_bytes(bytes))),
        7 => {
            let text = wide(data);
            RegistryData::Texts(text.split('\0').filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        11 => data.try_into().map_or_else(|_| binary(), |bytes| RegistryData::Qword(u64::from_le_bytes(bytes))),
        _ => binary(),
    }
}

fn text(bytes: &[u8], latin: bool) -> String {
    if latin { bytes.iter().map(|byte| char::from(*byte)).collect() } else { wide(bytes) }
}

/// Reads UTF-16, little endian.
pub fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// Cuts text at the zero that ends it.
pub fn until_nul(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

/// Reads a number of two bytes, little endian; `None` where the bytes end before.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

/// Reads a number of four bytes, little endian; `None` where the bytes end before.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Reads a number of eight bytes, little endian; `None` where the bytes end before.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}
