//! Hives made for tests, here and in the crates that read and change them: as much of the format as Windows writes for
//! a few keys.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // a test's hive is small

use crate::state::RegistryData;

const NONE: u32 = u32::MAX;

/// Key with its values and subkeys.
#[derive(Default)]
pub struct Node {
    name: String,
    values: Vec<(String, u32, Vec<u8>)>,
    children: Vec<Node>,
}

impl Node {
    /// Key with nothing in it.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Returns the key of this path, creating it if necessary.
    pub fn at(&mut self, path: &str) -> &mut Self {
        path.split('\\').fold(self, |node, name| {
            let known = node.children.iter().position(|child| child.name == name);
            let place = known.unwrap_or_else(|| {
                node.children.push(Self::new(name));
                node.children.len() - 1
            });
            &mut node.children[place]
        })
    }

    /// Sets a value of the key of this path, creating the key if necessary.
    pub fn set(&mut self, path: &str, name: &str, data: &RegistryData) -> &mut Self {
        let (kind, bytes) = match data {
            RegistryData::Dword(number) => (4, number.to_le_bytes().to_vec()),
            RegistryData::Qword(number) => (11, number.to_le_bytes().to_vec()),
            RegistryData::Text(text) => (1, wide(&format!("{text}\0"))),
            RegistryData::Texts(texts) => (7, wide(&format!("{}\0\0", texts.join("\0")))),
            RegistryData::Binary(hex) => (3, wire::hex::decode(hex).unwrap()),
        };
        self.at(path).values.push((name.to_owned(), kind, bytes));
        self
    }

    /// Sets a number.
    pub fn dword(&mut self, path: &str, name: &str, number: u32) -> &mut Self {
        self.set(path, name, &RegistryData::Dword(number))
    }

    /// Sets a text.
    pub fn text(&mut self, path: &str, name: &str, text: &str) -> &mut Self {
        self.set(path, name, &RegistryData::Text(text.to_owned()))
    }

    /// Writes the file.
    pub fn hive(&self) -> Vec<u8> {
        let mut bins = vec![0; 32];
        // as in the hives of Windows, the root comes first
        let root = cell(&mut bins, &vec![0; 76 + self.name.len()]);
        self.write_at(&mut bins, root);
        // the rest is a free cell
        let end = bins.len();
        bins.resize((end + 8).next_multiple_of(4096), 0);
        let free = (bins.len() - end) as u32;
        bins[end..end + 4].copy_from_slice(&free.to_le_bytes());
        bins[..4].copy_from_slice(b"hbin");
        let size = bins.len() as u32;
        bins[8..12].copy_from_slice(&size.to_le_bytes());
        let mut file = vec![0; 4096];
        file[..4].copy_from_slice(b"regf");
        for (at, number) in [(4, 7_u32), (8, 7), (20, 1), (24, 5), (36, root), (40, bins.len() as u32)] {
            file[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        seal(&mut file);
        file.extend(bins);
        file
    }

    fn write(&self, bins: &mut Vec<u8>) -> u32 {
        let at = cell(bins, &vec![0; 76 + self.name.len()]);
        self.write_at(bins, at);
        at
    }

    /// Writes the key into the cell reserved for it, and everything below it after that.
    fn write_at(&self, bins: &mut Vec<u8>, at: u32) {
        let children: Vec<u32> = self.children.iter().map(|child| child.write(bins)).collect();
        let values: Vec<u32> = self.values.iter().map(|(name, kind, data)| value(bins, name, *kind, data)).collect();
        let mut list = b"lf".to_vec();
        list.extend((children.len() as u16).to_le_bytes());
        list.extend(children.iter().flat_map(|child| [child.to_le_bytes(), [0; 4]].concat()));
        let subkeys = if children.is_empty() { NONE } else { cell(bins, &list) };
        let list: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let values_at = if values.is_empty() { NONE } else { cell(bins, &list) };
        let mut node = vec![0; 76];
        node[..4].copy_from_slice(b"nk\x20\0");
        let written = 133_000_000_000_000_000_u64.to_le_bytes();
        node[4..12].copy_from_slice(&written);
        let numbers = [(20, children.len() as u32), (28, subkeys), (36, values.len() as u32), (40, values_at)];
        for (at, number) in numbers {
            node[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        node[72..74].copy_from_slice(&(self.name.len() as u16).to_le_bytes());
        node.extend(self.name.bytes());
        // after the size of the cell
        bins[at as usize + 4..][..node.len()].copy_from_slice(&node);
        for child in children {
            bins[child as usize + 20..][..4].copy_from_slice(&at.to_le_bytes());
        }
    }
}

fn value(bins: &mut Vec<u8>, name: &str, kind: u32, data: &[u8]) -> u32 {
    let (size, at) = match data.len() {
        0..=4 => {
            let mut inside = data.to_vec();
            inside.resize(4, 0);
            (data.len() as u32 | 0x8000_0000, u32::from_le_bytes(inside.try_into().unwrap()))
        }
        5..=16_344 => (data.len() as u32, cell(bins, data)),
        _ => (data.len() as u32, pieces(bins, data)),
    };
    let mut cell_of = b"vk".to_vec();
    cell_of.extend((name.len() as u16).to_le_bytes());
    cell_of.extend([size, at, kind, 1].into_iter().flat_map(u32::to_le_bytes));
    cell_of.extend(name.bytes());
    cell(bins, &cell_of)
}

fn pieces(bins: &mut Vec<u8>, data: &[u8]) -> u32 {
    let places: Vec<u32> = data.chunks(16_344).map(|piece| cell(bins, piece)).collect();
    let list: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
    let list = cell(bins, &list);
    let mut head = b"db".to_vec();
    head.extend((places.len() as u16).to_le_bytes());
    head.extend(list.to_le_bytes());
    cell(bins, &head)
}

fn cell(bins: &mut Vec<u8>, data: &[u8]) -> u32 {
    let at = bins.len() as u32;
    let size = (data.len() + 4).next_multiple_of(8).max(8);
    bins.extend((-(size as i32)).to_le_bytes());
    bins.extend(data);
    bins.resize(at as usize + size, 0);
    at
}

/// Writes a transaction log of a hive, begun with the entry of this number. Each entry has a number, and the bytes it
/// puts at the beginning of the hive bins.
pub fn log(hive: &[u8], first: u32, entries: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut log = hive[..512].to_vec();
    for (at, number) in [(4, first), (8, first), (28, 6)] {
        log[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    seal(&mut log);
    for (number, page) in entries {
        let size = (48 + page.len()).next_multiple_of(512);
        let mut entry = b"HvLE".to_vec();
        entry.extend([size as u32, 0, *number, page.len() as u32, 1].into_iter().flat_map(u32::to_le_bytes));
        entry.extend([0; 16]);
        entry.extend([0, page.len() as u32].into_iter().flat_map(u32::to_le_bytes));
        entry.extend(page);
        entry.resize(size, 0);
        let sum = super::log::marvin32(&entry[40..]).to_le_bytes();
        entry[24..32].copy_from_slice(&sum);
        let sum = super::log::marvin32(&entry[..32]).to_le_bytes();
        entry[32..40].copy_from_slice(&sum);
        log.extend(entry);
    }
    log
}

/// Corrects the check sum of the base block.
pub fn seal(file: &mut [u8]) {
    let sum = super::check_sum(&file[..508]);
    file[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// Returns text as UTF-16, little endian.
pub fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
