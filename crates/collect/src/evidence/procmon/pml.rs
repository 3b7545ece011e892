//! Recordings of Process Monitor in its own format (`.PML`, version 9), as it saves them unless somebody exports CSV.
//!
//! The format is not published. Source: the description that the project procmon-parser wrote down ("PML File Format")
//! and its meaning of details. A recording that was not closed lacks its tables, and cannot be read by anything.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, SeekFrom};

use evidence::access;
use evidence::moment::rfc3339;

use super::super::hive::{u16_at, u32_at};
use super::super::kind::Kind;
use super::super::reader::{Access as Reads, Piece, ReadError, Reader, Source};
use super::{Met, Recorded, Trace};

pub(in crate::evidence) const READER: Reader =
    Reader { kind: Kind::ProcessMonitorLog, recognises, read: Reads::Stream(read) };

const MAGIC: &[u8] = b"PML_";
/// The version that every Process Monitor of the last years writes.
const VERSION: u32 = 9;
const HEADER: usize = 0x3A8;
/// Bytes of an event before its stack.
const EVENT: usize = 52;
/// Bytes of an entry of the table of events: a place, and flags.
const PLACE: u64 = 5;
/// Most bytes of an event's details that are looked at: a path and a few numbers.
const DETAILS: usize = 72 * 1024;
/// Most processes, and most bytes of a string of theirs.
const PROCESSES: u32 = 65_536;
const STRING: usize = 64 * 1024;
/// Bytes that are read at once.
const WINDOW: usize = 256 * 1024;

const REGISTRY: u32 = 2;
const FILES: u32 = 3;

fn recognises(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut log = Log::open(source)?;
    let mut trace = Trace::default();
    let cut = log.events(&mut trace)?;
    let met = Met { details: true, malformed: log.malformed, first_malformed: None, cut };
    let mut state = trace.state(&met, name);
    state.computer = Some(log.computer.clone()).filter(|name| !name.is_empty());
    Ok(vec![Piece::State(Box::new(state))])
}

/// Results that matter, by their status and the words of Process Monitor.
const RESULTS: [(u32, &str); 5] = [
    (0, access::GRANTED),
    (0xC000_0022, access::ACCESS_DENIED),
    (0xC000_00A2, access::WRITE_PROTECTED),
    (0xC000_007F, access::DISK_FULL),
    (0xC000_0043, "SHARING VIOLATION"),
];

/// Operations on the registry, by number.
const KEYS: [&str; 18] = [
    "RegOpenKey",
    "RegCreateKey",
    "RegCloseKey",
    "RegQueryKey",
    "RegSetValue",
    "RegQueryValue",
    "RegEnumValue",
    "RegEnumKey",
    "RegSetInfoKey",
    "RegDeleteKey",
    "RegDeleteValue",
    "RegFlushKey",
    "RegLoadKey",
    "RegUnloadKey",
    "RegRenameKey",
    "RegQueryMultipleValueKey",
    "RegSetKeySecurity",
    "RegQueryKeySecurity",
];

/// Rights of files and of keys, by bit, in the words of Process Monitor.
const FILE_RIGHTS: [(u32, &str); 18] = [
    (1, "Read Data/List Directory"),
    (2, "Write Data/Add File"),
    (4, "Append Data/Add Subdirectory/Create Pipe Instance"),
    (8, "Read EA"),
    (0x10, "Write EA"),
    (0x20, "Execute/Traverse"),
    (0x40, "Delete Child"),
    (0x80, "Read Attributes"),
    (0x100, "Write Attributes"),
    (0x1_0000, "Delete"),
    (0x2_0000, "Read Control"),
    (0x4_0000, "Write DAC"),
    (0x8_0000, "Write Owner"),
    (0x10_0000, "Synchronize"),
    (0x100_0000, "Access System Security"),
    (0x200_0000, "Maximum Allowed"),
    (0x4000_0000, "Generic Write"),
    (0x8000_0000, "Generic Read"),
];
const KEY_RIGHTS: [(u32, &str); 14] = [
    (1, "Query Value"),
    (2, "Set Value"),
    (4, "Create Sub Key"),
    (8, "Enumerate Sub Keys"),
    (0x10, "Notify"),
    (0x20, "Create Link"),
    (0x1_0000, "Delete"),
    (0x2_0000, "Read Control"),
    (0x4_0000, "Write DAC"),
    (0x8_0000, "Write Owner"),
    (0x100_0000, "Access System Security"),
    (0x200_0000, "Maximum Allowed"),
    (0x4000_0000, "Generic Write"),
    (0x8000_0000, "Generic Read"),
];
/// All rights of any object.
const GENERIC_ALL: u32 = 0x1000_0000;

/// Program that ran while the recording was made.
#[derive(Clone)]
struct Process {
    pid: u32,
    name: String,
    command_line: String,
    /// True if it may be a service that has to get in.
    ours: bool,
}

struct Log<'a> {
    window: Window<'a>,
    wide: bool,
    computer: String,
    events: u32,
    places: u64,
    processes: HashMap<u32, Process>,
    malformed: u64,
}

impl<'a> Log<'a> {
    /// Reads the header and the table of processes.
    fn open(source: &'a mut dyn Source) -> Result<Self, ReadError> {
        let contents = |why: &str| ReadError::Contents(why.to_owned());
        let length = source.seek(SeekFrom::End(0))?;
        let mut window = Window { source, length, start: 0, bytes: Vec::new() };
        let header = window.at(0, HEADER)?.ok_or_else(|| contents("it is cut off within its head"))?.to_vec();
        let number = |at| u32_at(&header, at).unwrap_or_default();
        let long = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
        if number(4) != VERSION {
            let why = format!(
                "a Process Monitor log of version {}, of which only {VERSION} can be read: open it in Process Monitor and save \
                 it as CSV, with all events",
                number(4)
            );
            return Err(ReadError::Contents(why));
        }
        let (places, processes, strings) = (long(0x248), long(0x250), long(0x258));
        if [places, processes, strings].contains(&0) {
            let why = "it was not closed when Process Monitor ended, so its tables are missing: open it in Process Monitor, if \
                       it can, and save it again";
            return Err(contents(why));
        }
        let ends = length.min(processes);
        if places >= ends || processes >= length || strings >= length {
            return Err(contents("it is cut off: its tables of events, processes or names lie behind its end"));
        }
        let events = number(0x234).min(u32::try_from((ends - places) / PLACE).unwrap_or(u32::MAX));
        let computer = wide_text(header.get(0x0C..0x2C).unwrap_or_default());
        let wide = number(8) == 1;
        let mut opened = Self { window, wide, computer, events, places, processes: HashMap::new(), malformed: 0 };
        opened.processes(processes, strings)?;
        Ok(opened)
    }

    fn processes(&mut self, table: u64, strings: u64) -> Result<(), ReadError> {
        let damaged = || ReadError::Contents("its table of processes is damaged".to_owned());
        let count = self.window.number(table)?.filter(|count| *count <= PROCESSES).ok_or_else(damaged)?;
        for place in 0..u64::from(count) {
            let offset = self.window.number(table + 4 + 4 * (u64::from(count) + place))?.ok_or_else(damaged)?;
            let Some(record) = self.window.at(table + u64::from(offset), 0x4C)?.map(<[u8]>::to_vec) else { continue };
            let number = |at| u32_at(&record, at).unwrap_or_default();
            let name = self.string(strings, number(0x40))?;
            // of other programs only the name is ever asked for
            let command_line = if access::service(&name, None).is_some() {
                self.string(strings, number(0x48))?
            } else {
                String::new()
            };
            let ours = access::service(&name, Some(&command_line)).is_some();
            self.processes.insert(number(0), Process { pid: number(4), name, command_line, ours });
        }
        Ok(())
    }

    /// Returns a string of the table by its number; an empty one if it is damaged.
    fn string(&mut self, table: u64, number: u32) -> Result<String, ReadError> {
        let Some(offset) = self.window.number(table + 4 + 4 * u64::from(number))? else { return Ok(String::new()) };
        let at = table + u64::from(offset);
        let size = self.window.number(at)?.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= STRING);
        let bytes = self.window.at(at + 4, size.unwrap_or_default())?;
        Ok(bytes.map(wide_text).unwrap_or_default())
    }

    /// Hands every event to the trace; returns why it could not be read to its end.
    fn events(&mut self, trace: &mut Trace) -> Result<Option<String>, ReadError> {
        let mut places = Vec::new();
        let (mut before, mut wraps) = (0_u64, 0_u64);
        for number in 0..u64::from(self.events) {
            let within = usize::try_from(number % 4096).unwrap_or_default();
            if within == 0 {
                let count = (u64::from(self.events) - number).min(4096);
                let size = usize::try_from(count * PLACE).unwrap_or_default();
                let Some(bytes) = self.window.apart(self.places + number * PLACE, size)? else {
                    return Ok(Some("its table of events is cut off".to_owned()));
                };
                places = bytes;
            }
            let place = u64::from(u32_at(&places, within * 5).unwrap_or_default());
            // places have 32 bits, also in a file of more than 4 GiB
            wraps += u64::from(place < before && before - place > u64::from(u32::MAX) / 2);
            before = place;
            if self.event(place + (wraps << 32), trace)?.is_none() {
                self.malformed += 1;
            }
        }
        Ok(None)
    }

    /// Reads one event; `None` if it is damaged.
    fn event(&mut self, at: u64, trace: &mut Trace) -> Result<Option<()>, ReadError> {
        let Some(head) = self.window.at(at, EVENT)? else { return Ok(None) };
        let number = |at| u32_at(head, at).unwrap_or_default();
        let (process, class, operation) = (number(0), number(8), number(12) & 0xFFFF);
        let (result, stack) = (number(36), usize::from(u16_at(head, 40).unwrap_or_default()));
        let time = u64::from(number(28)) | u64::from(number(32)) << 32;
        let size = usize::try_from(number(44)).unwrap_or(usize::MAX);
        let result = RESULTS.iter().find(|(status, _)| *status == result).map(|(_, words)| *words);
        let Some(process) = self.processes.get(&process) else { return Ok(None) };
        let (Some(result), true, REGISTRY | FILES) = (result, process.ours, class) else {
            // granted accesses to anything show that the program can be compared
            let granted = (process.ours && result == Some(access::GRANTED)).then_some(process.name.as_str());
            trace.pass(granted);
            return Ok(Some(()));
        };
        let (process, wide) = (process.clone(), self.wide);
        let pointer = if wide { 8 } else { 4 };
        let details = self.window.at(at + (EVENT + stack * pointer) as u64, size.min(DETAILS))?;
        let Some(details) = details else { return Ok(None) };
        let found = if class == REGISTRY { of_key(operation, details) } else { of_file(operation, details, wide) };
        let Some((operation, path, detail)) = found else { return Ok(None) };
        let time = wire::ntlm::filetime(time).map(rfc3339);
        trace.take(&Event { process, operation, path, result, detail, time });
        Ok(Some(()))
    }
}

/// Event on a file or a key.
struct Event {
    process: Process,
    operation: &'static str,
    path: String,
    result: &'static str,
    /// Details that matter, in the words of Process Monitor.
    detail: String,
    time: Option<String>,
}

impl Recorded for Event {
    fn process(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.process.name)
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.pid)
    }

    fn command_line(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.process.command_line))
    }

    fn operation(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.operation)
    }

    fn path(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.path)
    }

    fn result(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.result)
    }

    fn detail(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.detail))
    }

    fn time(&self) -> Option<Cow<'_, str>> {
        self.time.as_deref().map(Cow::Borrowed)
    }
}

/// Reads what an event on a key is about: operation, path and details.
fn of_key(operation: u32, details: &[u8]) -> Option<(&'static str, String, String)> {
    let name = KEYS.get(usize::try_from(operation).ok()?)?;
    // between the length of the path and the path stand numbers of the operation
    let before = match *name {
        "RegOpenKey" | "RegCreateKey" => 8,
        "RegQueryKey" | "RegQueryValue" => 12,
        "RegEnumValue" | "RegEnumKey" | "RegSetInfoKey" | "RegSetValue" => 16,
        "RegLoadKey" | "RegRenameKey" => 4,
        _ => 2,
    };
    let (path, _) = string(details, 0, before)?;
    let detail = match *name {
        "RegOpenKey" | "RegCreateKey" => rights(u32_at(details, 4)?, &KEY_RIGHTS),
        _ => String::new(),
    };
    Some((*name, path, detail))
}

/// Reads what an event on a file is about.
fn of_file(operation: u32, details: &[u8], wide: bool) -> Option<(&'static str, String, String)> {
    let parameters = if wide { 60 } else { 40 };
    let (path, end) = string(details, 4 + parameters, 4 + parameters + 4)?;
    let name = match (operation, details.first()?) {
        (20, _) => "CreateFile",
        (5 | 23, _) => "ReadFile",
        (3 | 24, _) => "WriteFile",
        (32, 1) => "QueryDirectory",
        (32, _) => "NotifyChangeDirectory",
        (22, _) => "IRP_MJ_CLOSE",
        (38, _) => "CloseFile",
        (40, _) => "QuerySecurityFile",
        (41, _) => "SetSecurityFile",
        (26, 13) => "SetDispositionInformationFile",
        _ => "another operation",
    };
    match name {
        "CreateFile" => {
            let choice = 4 + if wide { 20 } else { 16 };
            let makes = u32_at(details, choice)? >> 24 == 2;
            let mut detail = rights(u32_at(details, end)?, &FILE_RIGHTS);
            detail.push_str(if makes { ", Disposition: Create" } else { ", Disposition: Open" });
            let size = usize::from(*details.get(end + 4)?);
            if size > 0 {
                let account = account(details.get(end + 8..end + 8 + size)?);
                detail.push_str(", Impersonating: ");
                detail.push_str(&account);
            }
            Some((name, path, detail))
        }
        "QueryDirectory" => {
            // the name that is looked for follows the path, as Process Monitor shows it
            let filter = string(details, end, end + 2).map(|(filter, _)| filter).filter(|filter| !filter.is_empty());
            let path = filter.map_or(path.clone(), |filter| format!("{}\\{filter}", path.trim_end_matches('\\')));
            Some((name, path, String::new()))
        }
        _ => Some((name, path, String::new())),
    }
}

/// Lists the rights of a mask.
fn rights(mask: u32, names: &[(u32, &str)]) -> String {
    if mask == 0 {
        return String::new();
    }
    let all = (mask & GENERIC_ALL != 0).then_some("All Access");
    let each = names.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name);
    format!("Desired Access: {}", all.into_iter().chain(each).collect::<Vec<_>>().join(", "))
}

/// Names the account of a security identifier: those of the system by the names that Process Monitor shows.
fn account(sid: &[u8]) -> String {
    let last = sid.len().checked_sub(4).and_then(|at| u32_at(sid, at));
    let authority = sid.starts_with(&[1, 1, 0, 0, 0, 0, 0, 5]);
    let known = match last.filter(|_| authority) {
        Some(18) => "SYSTEM",
        Some(19) => "LOCAL SERVICE",
        Some(20) => "NETWORK SERVICE",
        Some(7) => "ANONYMOUS LOGON",
        _ => return "a user".to_owned(),
    };
    format!("NT AUTHORITY\\{known}")
}

/// Reads the text whose length and form stand at `info`, and which begins at `at`; also where it ends.
fn string(details: &[u8], info: usize, at: usize) -> Option<(String, usize)> {
    let info = u16_at(details, info)?;
    let (narrow, count) = (info & 0x8000 != 0, usize::from(info & 0x7FFF));
    let size = if narrow { count } else { count * 2 };
    let bytes = details.get(at..at + size)?;
    let text = if narrow { String::from_utf8_lossy(bytes).into_owned() } else { wide_text(bytes) };
    Some((text, at + size))
}

/// Reads UTF-16 up to the zero that ends it.
fn wide_text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// Part of the file that is in memory: events stand in their order, so that it moves along.
struct Window<'a> {
    source: &'a mut dyn Source,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Returns bytes of the file; `None` if they lie behind its end.
    fn at(&mut self, at: u64, size: usize) -> Result<Option<&[u8]>, ReadError> {
        let Some(end) = at.checked_add(size as u64).filter(|end| *end <= self.length) else { return Ok(None) };
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            self.bytes.clear();
            self.source.seek(SeekFrom::Start(at))?;
            (&mut *self.source).take(WINDOW.max(size) as u64).read_to_end(&mut self.bytes)?;
            self.start = at;
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..from.saturating_add(size)))
    }

    /// Returns bytes without moving the window.
    fn apart(&mut self, at: u64, size: usize) -> Result<Option<Vec<u8>>, ReadError> {
        if at.checked_add(size as u64).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.source.seek(SeekFrom::Start(at))?;
        (&mut *self.source).take(size as u64).read_to_end(&mut bytes)?;
        Ok((bytes.len() == size).then_some(bytes))
    }

    fn number(&mut self, at: u64) -> Result<Option<u32>, ReadError> {
        Ok(self.at(at, 4)?.and_then(|bytes| u32_at(bytes, 0)))
    }
}
