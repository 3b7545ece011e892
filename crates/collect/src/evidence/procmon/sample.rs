//! Recordings of Process Monitor in its own form, made here byte by byte.

/// Event of a made log: process, class, operation, result, details.
pub type Made = (u32, u32, u16, u32, Vec<u8>);

pub const DENIED: u32 = 0xC000_0022;

pub fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Details of an event on a file: the form of the path and its length, the rights, whether it creates, the account.
fn file_details(path: &str, narrow: bool, sub: u8, behind: &[u8], creates: bool) -> Vec<u8> {
    let mut bytes = vec![sub, 0, 0, 0];
    bytes.extend([0; 60]);
    let choice: u32 = if creates { 2 << 24 } else { 1 << 24 };
    bytes[24..28].copy_from_slice(&choice.to_le_bytes());
    let count = u16::try_from(path.chars().count()).unwrap() | if narrow { 0x8000 } else { 0 };
    bytes.extend(count.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(if narrow { path.as_bytes().to_vec() } else { wide(path) });
    bytes.extend(behind);
    bytes
}

pub fn create_file(path: &str, rights: u32, creates: bool, sid: &[u8]) -> Vec<u8> {
    let size = u8::try_from(sid.len()).unwrap();
    let behind = [&rights.to_le_bytes()[..], &[size, 0, 0, 0], sid].concat();
    file_details(path, true, 0, &behind, creates)
}

pub fn directory(path: &str, filter: &str) -> Vec<u8> {
    let count = u16::try_from(filter.len()).unwrap() | 0x8000;
    file_details(path, false, 1, &[&count.to_le_bytes()[..], filter.as_bytes()].concat(), false)
}

pub fn open_key(path: &str, rights: u32) -> Vec<u8> {
    let count = u16::try_from(path.len()).unwrap() | 0x8000;
    [&count.to_le_bytes()[..], &[0, 0], &rights.to_le_bytes(), path.as_bytes()].concat()
}

/// Writes a log of these programs (number of the process, name, command line) and events.
pub fn log(programs: &[(u32, &str, &str)], events: &[Made]) -> Vec<u8> {
    let mut file = vec![0; 0x3A8];
    file[..4].copy_from_slice(b"PML_");
    file[0x0C..0x0C + 16].copy_from_slice(&wide("SERVER01"));
    let mut places = Vec::new();
    for (process, class, operation, result, details) in events {
        places.push(u32::try_from(file.len()).unwrap());
        let size = u32::try_from(details.len()).unwrap();
        for number in [*process, 4, *class] {
            file.extend(number.to_le_bytes());
        }
        file.extend(operation.to_le_bytes());
        file.extend([0; 14]);
        // 2026-11-20 08:01:02 UTC, in hundreds of nanoseconds since 1601
        file.extend(134_396_352_620_000_000_u64.to_le_bytes());
        file.extend(result.to_le_bytes());
        // a stack of two frames
        file.extend([2, 0, 0, 0]);
        file.extend(size.to_le_bytes());
        file.extend([0; 4]);
        file.extend([0xEE; 16]);
        file.extend(details);
    }
    let table = file.len();
    for place in &places {
        file.extend([&place.to_le_bytes()[..], &[0]].concat());
    }
    let processes = file.len();
    let count = u32::try_from(programs.len()).unwrap();
    file.extend(count.to_le_bytes());
    for (number, ..) in programs {
        file.extend(number.to_le_bytes());
    }
    let first = 4 + 8 * count;
    (0..count).for_each(|place| file.extend((first + place * 0x70).to_le_bytes()));
    for (place, (number, ..)) in (0_u32..).zip(programs) {
        let mut process = vec![0; 0x70];
        for (at, value) in [(0, *number), (4, 700), (0x40, place * 2 + 1), (0x48, place * 2 + 2)] {
            process[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        file.extend(process);
    }
    let strings = file.len();
    let all: Vec<&str> =
        std::iter::once("").chain(programs.iter().flat_map(|(_, name, line)| [*name, *line])).collect();
    file.extend(u32::try_from(all.len()).unwrap().to_le_bytes());
    let mut at = 4 + 4 * all.len();
    for text in &all {
        file.extend(u32::try_from(at).unwrap().to_le_bytes());
        at += 4 + wide(&format!("{text}\0")).len();
    }
    for text in &all {
        let text = wide(&format!("{text}\0"));
        file.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        file.extend(text);
    }
    let end = file.len();
    file.extend([0; 8]);
    let longs = [(0x240, 0x3A8), (0x248, table), (0x250, processes), (0x258, strings), (0x260, end)];
    for (at, value) in longs.into_iter().chain([(0x398, 0x3A8), (0x3A0, end)]) {
        file[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }
    let events = u32::try_from(events.len()).unwrap();
    for (at, value) in [(4, 9), (8, 1), (0x234, events)] {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    file
}
