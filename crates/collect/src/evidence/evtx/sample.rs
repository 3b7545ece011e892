//! Event logs written for tests: one template in each chunk, with gaps for the id, the time, the ActivityID and the
//! values.

use time::OffsetDateTime;

/// Entry of a sample log.
pub(crate) struct Line {
    pub(crate) id: u16,
    /// Seconds since 1970.
    pub(crate) at: u64,
    pub(crate) activity: [u8; 16],
    /// Its value; of several fields the values, with bars between them.
    pub(crate) text: String,
}

/// Log of one provider.
pub(crate) struct Sample {
    pub(crate) provider: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) computer: &'static str,
    /// Name of the value; the names of several, with bars between them.
    pub(crate) field: &'static str,
}

const CHUNK: usize = 65536;

/// Writes the head of a log.
pub(crate) fn head() -> Vec<u8> {
    let mut log = vec![0; 4096];
    log[..8].copy_from_slice(b"ElfFile\0");
    log[40..42].copy_from_slice(&4096_u16.to_le_bytes());
    log
}

impl Sample {
    /// Writes a log with these entries in each of its chunks, numbered throughout.
    pub(crate) fn log(&self, chunks: &[Vec<Line>]) -> Vec<u8> {
        let mut log = head();
        let mut first = 1;
        for lines in chunks {
            log.extend(self.chunk(first, lines));
            first += lines.len() as u64;
        }
        log
    }

    /// Writes a chunk whose entries are numbered from this number on.
    pub(crate) fn chunk(&self, first: u64, lines: &[Line]) -> Vec<u8> {
        let mut chunk = vec![0; 512];
        chunk[..8].copy_from_slice(b"ElfChnk\0");
        let mut template = None;
        for (number, line) in (first..).zip(lines) {
            let start = chunk.len();
            chunk.extend(b"**\0\0");
            chunk.extend([0; 4]);
            chunk.extend(number.to_le_bytes());
            chunk.extend(filetime(line.at).to_le_bytes());
            chunk.extend([0x0F, 1, 1, 0, 0x0C, 1, 0, 0, 0, 0]);
            let place = *template.get_or_insert(chunk.len() + 4);
            chunk.extend(u32::try_from(place).unwrap().to_le_bytes());
            if place == chunk.len() {
                self.template(&mut chunk);
            }
            let (id, at) = (line.id.to_le_bytes().to_vec(), filetime(line.at).to_le_bytes().to_vec());
            let text = |text: &str| (0x01, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
            let mut values = vec![(0x06, id), (0x11, at), (0x0F, line.activity.to_vec())];
            values.extend(line.text.splitn(self.field.split('|').count(), '|').map(text));
            chunk.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
            for (kind, bytes) in &values {
                chunk.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
                chunk.extend([*kind, 0]);
            }
            for (_, bytes) in &values {
                chunk.extend(bytes);
            }
            while !(chunk.len() + 4 - start).is_multiple_of(8) {
                chunk.push(0);
            }
            let size = u32::try_from(chunk.len() + 4 - start).unwrap().to_le_bytes();
            chunk.extend(size);
            chunk[start + 4..start + 8].copy_from_slice(&size);
        }
        finish(chunk)
    }

    fn template(&self, chunk: &mut Vec<u8>) {
        let head = chunk.len();
        chunk.extend([0; 24]);
        chunk.extend([0x0F, 1, 1, 0]);
        open(chunk, "Event", &[]);
        open(chunk, "System", &[]);
        open(chunk, "Provider", &[("Name", Gap::Text(self.provider))]);
        chunk.push(0x03);
        element(chunk, "EventID", &Gap::Value(0, 0x06));
        open(chunk, "TimeCreated", &[("SystemTime", Gap::Value(1, 0x11))]);
        chunk.push(0x03);
        open(chunk, "Correlation", &[("ActivityID", Gap::Value(2, 0x0F))]);
        chunk.push(0x03);
        element(chunk, "Channel", &Gap::Text(self.channel));
        element(chunk, "Computer", &Gap::Text(self.computer));
        chunk.push(0x04);
        open(chunk, "EventData", &[]);
        for (number, field) in (3..).zip(self.field.split('|')) {
            open(chunk, "Data", &[("Name", Gap::Text(field))]);
            chunk.push(0x02);
            Gap::Value(number, 0x01).write(chunk);
            chunk.push(0x04);
        }
        chunk.extend([0x04, 0x04, 0x00]);
        let size = u32::try_from(chunk.len() - head - 24).unwrap();
        chunk[head + 20..head + 24].copy_from_slice(&size.to_le_bytes());
    }
}

/// Writes a chunk with one entry that has no template: an event of Schannel with these elements as its data.
pub(crate) fn plain_chunk(created: &'static str, data: &[(&str, &[Piece])]) -> Vec<u8> {
    let mut chunk = vec![0; 512];
    chunk[..8].copy_from_slice(b"ElfChnk\0");
    chunk.extend(b"**\0\0\0\0\0\0");
    chunk.extend(1_u64.to_le_bytes());
    chunk.extend(filetime(1).to_le_bytes());
    chunk.extend([0x0F, 1, 1, 0]);
    let bytes = &mut chunk;
    open_plain(bytes, "Event", &[]);
    open_plain(bytes, "System", &[]);
    open_plain(bytes, "Provider", &[("Name", Gap::Text("Schannel"))]);
    bytes.push(0x03);
    for (name, text) in [("EventID", "36870"), ("Channel", "System"), ("Computer", "SERVER01")] {
        open_plain(bytes, name, &[]);
        Gap::Text(text).write(bytes);
        bytes.push(0x04);
    }
    open_plain(bytes, "TimeCreated", &[("SystemTime", Gap::Text(created))]);
    bytes.extend([0x03, 0x04]);
    open_plain(bytes, "EventData", &[]);
    for (element, pieces) in data {
        open_plain(bytes, element, &[]);
        for piece in *pieces {
            match piece {
                Piece::Text(text) => Gap::Text(text).write(bytes),
                Piece::Character(unit) => bytes.extend([&[0x08][..], &unit.to_le_bytes()].concat()),
                Piece::Entity(entity) => {
                    bytes.push(0x09);
                    name(bytes, entity);
                }
            }
        }
        bytes.push(0x04);
    }
    bytes.extend([0x04, 0x04, 0x00]);
    let size = u32::try_from(chunk.len() + 4 - 512).unwrap().to_le_bytes();
    chunk.extend(size);
    chunk[516..520].copy_from_slice(&size);
    finish(chunk)
}

/// Piece of text.
pub(crate) enum Piece {
    Text(&'static str),
    Character(u16),
    Entity(&'static str),
}

fn finish(mut chunk: Vec<u8>) -> Vec<u8> {
    let free = u32::try_from(chunk.len()).unwrap();
    chunk[48..52].copy_from_slice(&free.to_le_bytes());
    chunk.resize(CHUNK, 0);
    chunk
}

/// Text in the template, or the number and type of a value.
pub(crate) enum Gap {
    Text(&'static str),
    Value(u16, u8),
}

impl Gap {
    fn write(&self, chunk: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                chunk.extend([0x05, 0x01]);
                chunk.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
                chunk.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Self::Value(number, kind) => {
                chunk.push(0x0E);
                chunk.extend(number.to_le_bytes());
                chunk.push(*kind);
            }
        }
    }
}

/// Writes an element up to its attributes; the caller closes it. Without attributes its start tag is closed.
pub(crate) fn open(chunk: &mut Vec<u8>, name: &str, attributes: &[(&str, Gap)]) {
    open_with(chunk, &[0xFF, 0xFF], name, attributes);
}

/// Writes an element without a template, where it depends on no value.
fn open_plain(chunk: &mut Vec<u8>, name: &str, attributes: &[(&str, Gap)]) {
    open_with(chunk, &[], name, attributes);
}

fn open_with(chunk: &mut Vec<u8>, dependency: &[u8], name: &str, attributes: &[(&str, Gap)]) {
    chunk.push(if attributes.is_empty() { 0x01 } else { 0x41 });
    chunk.extend(dependency);
    chunk.extend([0; 4]);
    self::name(chunk, name);
    if !attributes.is_empty() {
        chunk.extend([0; 4]);
    }
    for (name, gap) in attributes {
        chunk.push(0x06);
        self::name(chunk, name);
        gap.write(chunk);
    }
    if attributes.is_empty() {
        chunk.push(0x02);
    }
}

fn element(chunk: &mut Vec<u8>, name: &str, gap: &Gap) {
    open(chunk, name, &[]);
    gap.write(chunk);
    chunk.push(0x04);
}

fn name(chunk: &mut Vec<u8>, name: &str) {
    let here = u32::try_from(chunk.len() + 4).unwrap();
    chunk.extend(here.to_le_bytes());
    chunk.extend([0; 6]);
    chunk.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    chunk.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    chunk.extend([0, 0]);
}

fn filetime(seconds: u64) -> u64 {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
    wire::ntlm::to_filetime(at).unwrap()
}
