//! Bytes that are changed in a few places and stay as long as they were.

use std::ops::Range;

use super::names::Names;
use crate::bytes::Reader;
use crate::{certificate, der};

/// Bytes, and where they lie in those that they are a part of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    at: usize,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Everything.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self { at: 0, bytes }
    }

    /// The bytes of this range, counted from the beginning of this part.
    pub(crate) fn get(self, range: Range<usize>) -> Option<Self> {
        let at = self.at.saturating_add(range.start);
        Some(Self { at, bytes: self.bytes.get(range)? })
    }

    /// The first bytes, at most `count`.
    pub(crate) fn first(self, count: usize) -> Self {
        Self { at: self.at, bytes: self.bytes.get(..count).unwrap_or(self.bytes) }
    }

    /// The bytes behind the first `count`.
    pub(crate) fn behind(self, count: usize) -> Option<Self> {
        self.get(count..self.bytes.len())
    }
}

/// Reads a part from its beginning.
#[derive(Debug, Clone)]
pub(crate) struct PartReader<'a> {
    part: Part<'a>,
    reader: Reader<'a>,
}

impl<'a> PartReader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(part: Part<'a>) -> Self {
        Self { part, reader: Reader::new(part.bytes) }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<Part<'a>> {
        let at = self.part.at.saturating_add(self.reader.at());
        self.reader.take(count, "part").ok().map(|bytes| Part { at, bytes })
    }

    /// Everything that has not been read.
    pub(crate) fn rest(&self) -> Part<'a> {
        Part { at: self.part.at.saturating_add(self.reader.at()), bytes: self.reader.rest() }
    }

    /// The next DER element: its tag and its value.
    pub(crate) fn element(&mut self) -> Option<(u8, Part<'a>)> {
        let mut ahead = self.clone();
        let tag = ahead.reader.u8("tag").ok()?;
        let size = der::length(&mut ahead.reader, "length", certificate::LIMIT).ok()?;
        let value = ahead.take(size)?;
        *self = ahead;
        Some((tag, value))
    }
}

/// The DER elements of a part one after the other, as far as they can be read.
pub(crate) fn elements(part: Part<'_>) -> impl Iterator<Item = (u8, Part<'_>)> {
    let mut reader = PartReader::new(part);
    std::iter::from_fn(move || reader.element())
}

/// Bytes to be changed in a few places.
pub(crate) struct Copy<'a> {
    original: &'a [u8],
    /// The bytes as they are to be.
    pub(crate) changed: Vec<u8>,
}

impl<'a> Copy<'a> {
    /// Begins with `changed`, which is as long as the original.
    pub(crate) fn new(original: &'a [u8], changed: Vec<u8>) -> Self {
        Self { original, changed }
    }

    /// Begins with the original.
    pub(crate) fn of(original: &'a [u8]) -> Self {
        Self::new(original, original.to_vec())
    }

    /// Begins with nothing but zeros.
    pub(crate) fn zeros(original: &'a [u8]) -> Self {
        Self::new(original, vec![0; original.len()])
    }

    /// Puts `new` where `part` of the original is.
    pub(crate) fn put(&mut self, part: Part<'_>, new: &[u8]) {
        let place = self.changed.iter_mut().skip(part.at).take(part.bytes.len());
        place.zip(new).for_each(|(byte, new)| *byte = *new);
    }

    /// Puts zeros where `part` of the original is.
    pub(crate) fn blank(&mut self, part: Part<'_>) {
        self.put(part, &vec![0; part.bytes.len()]);
    }

    /// Puts `part` of the original where it was.
    pub(crate) fn keep(&mut self, part: Part<'_>) {
        debug_assert!(
            self.original.get(part.at..).is_some_and(|rest| rest.starts_with(part.bytes)),
            "a part of others"
        );
        self.put(part, part.bytes);
    }

    /// Blanks `list` but for the tags and lengths of the DER elements in it, and tells these elements.
    pub(crate) fn open<'p>(&mut self, list: Part<'p>) -> Vec<(u8, Part<'p>)> {
        self.blank(list);
        let mut reader = PartReader::new(list);
        let mut found = Vec::new();
        loop {
            let start = reader.rest();
            let Some((tag, value)) = reader.element() else { return found };
            self.keep(start.first(value.at.saturating_sub(start.at)));
            found.push((tag, value));
        }
    }
}

/// Letters and digits become `x`, and so does whatever is not ASCII; punctuation stays. Framing that is broken stays
/// broken.
pub(crate) fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if byte.is_ascii_alphanumeric() || !byte.is_ascii() { b'x' } else { *byte }).collect()
}

/// The first `count` bytes and zeros.
pub(crate) fn head(bytes: &[u8], count: usize) -> Vec<u8> {
    bytes.iter().enumerate().map(|(at, byte)| if at < count { *byte } else { 0 }).collect()
}

/// A name in UTF-16, little endian, renamed and as long as it was.
pub(crate) fn utf16(value: &[u8], names: &mut Names) -> Vec<u8> {
    let units = value.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(u16::from_le_bytes);
    let mut new = match char::decode_utf16(units).collect::<Result<String, _>>() {
        Ok(name) => names.text(&name).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Err(_) => [b'x', 0].repeat(value.len() / 2),
    };
    new.resize(value.len(), 0);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_in_two_places_are_told_apart() {
        // two equal elements in one list: a part is known by its place, not by its bytes or where they lie in memory
        let bytes = [0x30, 6, 4, 1, 7, 4, 1, 7];
        let mut copy = Copy::of(&bytes);
        let list = copy.open(Part::whole(&bytes))[0].1;
        let elements = copy.open(list);
        let elsewhere = bytes.to_vec();
        let second = Part { at: elements[1].1.at, bytes: &elsewhere[7..] };
        copy.keep(second);
        assert_eq!(copy.changed, [0x30, 6, 4, 1, 0, 4, 1, 7]);
    }

    #[test]
    fn parts_of_parts_know_their_place() {
        let bytes: Vec<u8> = (0..20).collect();
        let inner = Part::whole(&bytes).get(4..12).and_then(|part| part.behind(2)).unwrap();
        let mut reader = PartReader::new(inner);
        assert_eq!((inner.at, reader.take(3).unwrap().at, reader.rest().at), (6, 6, 9));
        assert_eq!(reader.rest().bytes, [9, 10, 11]);
        assert!(inner.get(2..9).is_none() && reader.take(4).is_none());
    }
}
