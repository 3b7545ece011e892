//! A reader over untrusted bytes: every step is checked, every error says what was being read and where.

use thiserror::Error;

/// Why bytes could not be decoded. The peer is to blame for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input ends before the field does.
    #[error("read {what}: {needed} bytes needed at offset {at}, {left} left")]
    Truncated {
        /// The field being read.
        what: &'static str,
        /// Offset in bytes from the start of the input.
        at: usize,
        /// Bytes the field needs.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// The field is there and its value cannot be.
    #[error("read {what}: value {value:#x} at offset {at} is not valid")]
    Invalid {
        /// The field being read.
        what: &'static str,
        /// Offset in bytes from the start of the input.
        at: usize,
        /// The value found.
        value: u64,
    },
    /// More than the bound that we set for this structure.
    #[error("read {what}: {size} bytes are more than the limit of {limit}")]
    TooLarge {
        /// The structure being read.
        what: &'static str,
        /// Its announced size in bytes.
        size: usize,
        /// Our bound in bytes.
        limit: usize,
    },
    /// More of something than we read.
    #[error("read {what}: more than the limit of {limit}")]
    TooMany {
        /// The things being read.
        what: &'static str,
        /// Our bound.
        limit: usize,
    },
}

impl DecodeError {
    /// The error of a part that begins at `by`, as an error of the whole.
    #[must_use]
    pub fn moved(mut self, by: usize) -> Self {
        match &mut self {
            Self::Truncated { at, .. } | Self::Invalid { at, .. } => *at = at.saturating_add(by),
            Self::TooLarge { .. } | Self::TooMany { .. } => {}
        }
        self
    }
}

/// A cursor over untrusted bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    /// Offset in bytes from the start.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns the bytes that have not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// True when everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Reads `count` bytes as the field `what`.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let taken =
            rest.get(..count).ok_or(DecodeError::Truncated { what, at: self.at, needed: count, left: rest.len() })?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().expect("take returned exactly N bytes"))
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Two bytes, big endian (TPKT, TLS).
    pub fn u16_be(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Four bytes, big endian (TCP, IP).
    pub fn u32_be(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// Three bytes, big endian (TLS handshake lengths).
    pub fn u24_be(&mut self, what: &'static str) -> Result<usize, DecodeError> {
        let [a, b, c] = self.array(what)?;
        Ok(usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX))
    }

    /// Two bytes, little endian (RDP, NTLM).
    pub fn u16_le(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes, little endian (RDP, NTLM).
    pub fn u32_le(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Eight bytes, little endian (NTLM's FILETIME).
    pub fn u64_le(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A `DecodeError::Invalid` for the field that starts at the present offset.
    pub fn invalid(&self, what: &'static str, value: impl Into<u64>) -> DecodeError {
        DecodeError::Invalid { what, at: self.at, value: value.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_field_says_what_and_where() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16_be("first"), Ok(0x0102));
        let error = reader.u32_le("second").unwrap_err();
        assert_eq!(error, DecodeError::Truncated { what: "second", at: 2, needed: 4, left: 1 });
        assert_eq!(error.to_string(), "read second: 4 bytes needed at offset 2, 1 left");
        assert_eq!(reader.u8("third"), Ok(3), "a failed read consumes nothing");
    }
}
