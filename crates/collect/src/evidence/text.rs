//! Decodes text of Windows programs: UTF-8 or UTF-16, with or without a byte order mark.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use serde_json::Value;

use super::reader::ReadError;

/// Decodes these bytes. UTF-16 without a mark is recognised by its zeros, as long as it begins in ASCII.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Cow::Owned).map_err(|_| ReadError::Contents("its UTF-16 is damaged".to_owned()))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => wide(bytes, u16::from_be_bytes),
        _ => {
            let text = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
            let text =
                str::from_utf8(text).map_err(|_| ReadError::Contents("it is neither UTF-8 nor UTF-16".to_owned()));
            text.map(Cow::Borrowed)
        }
    }
}

/// Decodes the text at the beginning of a file, as far as it is text.
pub(super) fn beginning(head: &[u8]) -> String {
    // the head may end within a character
    let decoded = (0..4).find_map(|cut| decode(head.get(..head.len().checked_sub(cut)?)?).ok());
    decoded.map(Cow::into_owned).unwrap_or_default()
}

/// Most bytes of a line of JSON, whose values take up to ninety times as much; the rest of a longer one is taken for
/// another line.
const LINE: u64 = 256 * 1024;

/// Hands each line of JSON on; `None` for one that is none. Empty lines are passed over.
pub(super) fn json_lines(source: impl Read, mut each: impl FnMut(Option<Value>)) -> io::Result<()> {
    let (mut lines, mut line) = (BufReader::new(Utf8::new(source)), Vec::new());
    while lines.by_ref().take(LINE).read_until(b'\n', &mut line)? > 0 {
        let text = line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(&line).trim_ascii();
        if !text.is_empty() {
            each(serde_json::from_slice(text).ok());
        }
        line.clear();
    }
    Ok(())
}

/// Reader of a file of any size as UTF-8: UTF-16 is recognised as in [`decode`] and converted, anything else stays as
/// it is.
pub(super) struct Utf8<R> {
    input: R,
    unit: Option<fn([u8; 2]) -> u16>,
    began: bool,
    /// Bytes that were read and not decoded yet: less than a character.
    rest: Vec<u8>,
    /// Decoded text to hand out next.
    text: VecDeque<u8>,
}

/// Bytes that are decoded at once.
const CHUNK: u64 = 64 * 1024;

impl<R: Read> Utf8<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, unit: None, began: false, rest: Vec::new(), text: VecDeque::new() }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.began = true;
        let mut head = Vec::new();
        self.input.by_ref().take(2).read_to_end(&mut head)?;
        self.unit = match head[..] {
            [0xFF, 0xFE] => Some(u16::from_le_bytes),
            [0xFE, 0xFF] => Some(u16::from_be_bytes),
            [first, 0] if first != 0 => Some(u16::from_le_bytes),
            [0, second] if second != 0 => Some(u16::from_be_bytes),
            _ => None,
        };
        match self.unit {
            None => self.text.extend(head),
            Some(_) if head.contains(&0) => self.rest = head,
            Some(_) => {}
        }
        Ok(())
    }

    /// Decodes the next piece. Undecodable units become the replacement character.
    fn decode(&mut self, unit: fn([u8; 2]) -> u16) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.rest);
        let read = self.input.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
        let mut units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        let half = units.last().is_some_and(|last| (0xD800..0xDC00).contains(last));
        if half && read > 0 {
            units.pop();
        }
        self.rest = if read > 0 { bytes.split_off(units.len() * 2) } else { Vec::new() };
        self.text.extend(String::from_utf16_lossy(&units).into_bytes());
        Ok(())
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.began {
            self.begin()?;
        }
        match self.unit {
            Some(unit) if self.text.is_empty() => self.decode(unit)?,
            None if self.text.is_empty() => return self.input.read(buffer),
            _ => {}
        }
        self.text.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A character of four bytes crosses two pieces, and the file ends within a unit.
    #[test]
    fn large_files_are_decoded_in_pieces() {
        let text = ["x".repeat(32_767), "\u{1F680}".to_owned(), "y".repeat(50_000)].concat();
        let bytes: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (cut, lacks) in [(0, 0), (1, 1)] {
            let mut read = String::new();
            Utf8::new(&bytes[..bytes.len() - cut]).read_to_string(&mut read).unwrap();
            assert_eq!(read, text[..text.len() - lacks]);
        }
    }

    #[test]
    fn the_same_text_in_all_its_forms() {
        let text = "{\"computer\": \"B\u{FC}RO\u{1F680}\"}";
        let units = || text.encode_utf16();
        let (little, big): (Vec<u8>, Vec<u8>) =
            (units().flat_map(u16::to_le_bytes).collect(), units().flat_map(u16::to_be_bytes).collect());
        let forms = [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", little.as_slice()].concat(),
            [b"\xFE\xFF", big.as_slice()].concat(),
            little,
            big,
        ];
        for form in forms {
            assert_eq!(decode(&form).unwrap(), text, "{form:?}");
            let mut read = String::new();
            Utf8::new(&form[..]).read_to_string(&mut read).unwrap();
            assert_eq!(read.trim_start_matches('\u{FEFF}'), text, "{form:?}");
            assert!(beginning(&form[..form.len() - 1]).starts_with("{\"computer\""), "{form:?}");
        }
        assert!(decode(b"caf\xE9").is_err());
        assert!(decode(b"\xFF\xFE\x00\xD8").is_err());
        assert_eq!(decode(b"").unwrap(), "");
    }
}
