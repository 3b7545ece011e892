//! The little of DER (X.690) that `TSRequest` and CMS need: definite lengths, single-byte tags.

use crate::bytes::{DecodeError, Reader};

/// `SEQUENCE`.
pub const SEQUENCE: u8 = 0x30;
/// `INTEGER`.
pub const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub const OCTET_STRING: u8 = 0x04;

/// `NULL`.
pub const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// `SET`.
pub const SET: u8 = 0x31;

/// The constructed context-specific tag `[number]`.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// A tag and a length.
pub fn header(tag: u8, length: usize) -> Vec<u8> {
    let mut out = vec![tag];
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(significant.len()).expect("a length has at most 8 bytes"));
        out.extend(significant);
    }
    out
}

/// One tag, length and value.
pub fn encode(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = header(tag, value.len());
    out.extend_from_slice(value);
    out
}

/// Reads a length and refuses one above `limit` bytes.
pub fn length(reader: &mut Reader<'_>, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
    let first = reader.u8(what)?;
    if first < 0x80 {
        return Ok(first.into());
    }
    let count = usize::from(first & 0x7F);
    if count == 0 || count > 4 {
        return Err(reader.invalid(what, first));
    }
    let size = reader.take(count, what)?.iter().fold(0_usize, |size, byte| (size << 8) | usize::from(*byte));
    if size > limit { Err(DecodeError::TooLarge { what, size, limit }) } else { Ok(size) }
}

/// Reads the value of the element `tag`.
pub fn expect<'a>(reader: &mut Reader<'a>, tag: u8, what: &'static str) -> Result<Reader<'a>, DecodeError> {
    let found = reader.u8(what)?;
    if found != tag {
        return Err(reader.invalid(what, found));
    }
    let size = length(reader, what, usize::MAX)?;
    reader.take(size, what).map(Reader::new)
}

/// Reads the next element whatever it is: its tag, its value, and the whole of it.
pub fn element<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<(u8, Reader<'a>, &'a [u8]), DecodeError> {
    let before = reader.rest();
    let tag = reader.u8(what)?;
    let size = length(reader, what, usize::MAX)?;
    let value = reader.take(size, what)?;
    let whole = before.len().saturating_sub(reader.rest().len());
    Ok((tag, Reader::new(value), before.get(..whole).unwrap_or_default()))
}

/// True if the next element has this tag.
pub fn next_is(reader: &Reader<'_>, tag: u8) -> bool {
    reader.rest().first() == Some(&tag)
}

/// Reads a signed `INTEGER` of at most 8 bytes.
pub fn integer(reader: &mut Reader<'_>, what: &'static str) -> Result<i64, DecodeError> {
    let value = expect(reader, INTEGER, what)?;
    let bytes = value.rest();
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(DecodeError::Invalid { what, at: 0, value: bytes.len() as u64 });
    }
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    Ok(bytes.iter().fold(start, |number, byte| (number << 8) | i64::from(*byte)))
}

/// Writes a signed `INTEGER`.
pub fn encode_integer(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let redundant = bytes
        .windows(2)
        .take_while(|pair| {
            matches!(pair, [0, next] if next & 0x80 == 0) || matches!(pair, [0xFF, next] if next & 0x80 != 0)
        })
        .count();
    encode(INTEGER, bytes.get(redundant..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn integers_survive_the_round_trip(number: i64) {
            proptest::prop_assert_eq!(integer(&mut Reader::new(&encode_integer(number)), "number"), Ok(number));
        }

        #[test]
        fn values_survive_the_round_trip(value in proptest::collection::vec(proptest::num::u8::ANY, 0..1000)) {
            let encoded = encode(OCTET_STRING, &value);
            let read = expect(&mut Reader::new(&encoded), OCTET_STRING, "value").unwrap();
            proptest::prop_assert_eq!(read.rest(), &value[..]);
        }
    }

    #[test]
    fn an_indefinite_or_giant_length_is_refused() {
        assert!(length(&mut Reader::new(&[0x80]), "length", 100).is_err());
        let giant = length(&mut Reader::new(&[0x84, 0xFF, 0xFF, 0xFF, 0xFF]), "length", 100);
        assert_eq!(giant, Err(DecodeError::TooLarge { what: "length", size: 0xFFFF_FFFF, limit: 100 }));
    }
}
