//! An entry of an archive that is read as it is inflated, because it is too large to be held in memory.
//!
//! It can be read again from its beginning a few times, as readers do that first look at a file's head. Its end cannot
//! be looked for: a reader that needs that has to go on without.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// Most times that it is inflated anew from its beginning.
const AGAIN: u8 = 4;

/// Bytes of an entry, packed or not.
enum Packed<S> {
    Stored(io::Take<S>),
    Deflated(DeflateDecoder<io::Take<S>>),
    /// Between two passes, after a fault.
    Gone,
}

/// Entry that is inflated while it is read.
pub(super) struct Inflating<S> {
    packed: Packed<S>,
    start: u64,
    compressed: u64,
    deflated: bool,
    at: u64,
    /// Bytes that may still be inflated, in all passes.
    left: u64,
    again: u8,
    crc: Crc,
}

impl<S: Read + Seek> Inflating<S> {
    /// Begins at the entry's first byte. `left`: the most bytes that may be inflated.
    pub(super) fn begin(file: S, (start, compressed): (u64, u64), deflated: bool, left: u64) -> io::Result<Self> {
        let (packed, crc) = (Packed::Gone, Crc::new());
        let mut new = Self { packed, start, compressed, deflated, at: 0, left, again: AGAIN, crc };
        new.restart(file)?;
        Ok(new)
    }

    fn restart(&mut self, mut file: S) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.start))?;
        let packed = file.take(self.compressed);
        self.packed =
            if self.deflated { Packed::Deflated(DeflateDecoder::new(packed)) } else { Packed::Stored(packed) };
        (self.at, self.crc) = (0, Crc::new());
        Ok(())
    }

    /// Reads on to the end of the entry and returns its checksum and its length, and the bytes that may still be
    /// inflated.
    pub(super) fn finish(mut self) -> io::Result<(u32, u64, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((self.crc.sum(), self.at, self.left))
    }
}

impl<S: Read + Seek> Read for Inflating<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.packed {
            Packed::Stored(packed) => packed.read(buffer)?,
            Packed::Deflated(packed) => packed.read(buffer)?,
            Packed::Gone => return Err(io::Error::other("an entry whose bytes are damaged")),
        };
        let count = read as u64;
        self.left = self.left.checked_sub(count).ok_or_else(|| io::Error::other("a zip bomb, or too large"))?;
        self.at += count;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

impl<S: Read + Seek> Seek for Inflating<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let far = || io::Error::new(io::ErrorKind::Unsupported, "too large to be read within a zip: unpack it");
        let to = match to {
            SeekFrom::Start(to) => to,
            SeekFrom::Current(0) => self.at,
            SeekFrom::Current(_) | SeekFrom::End(_) => return Err(far()),
        };
        if to < self.at {
            self.again = self.again.checked_sub(1).ok_or_else(far)?;
            let file = match std::mem::replace(&mut self.packed, Packed::Gone) {
                Packed::Stored(packed) => packed.into_inner(),
                Packed::Deflated(packed) => packed.into_inner().into_inner(),
                Packed::Gone => return Err(far()),
            };
            self.restart(file)?;
        }
        let ahead = to - self.at;
        io::copy(&mut self.by_ref().take(ahead), &mut io::sink())?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn stored(left: u64) -> Inflating<Cursor<Vec<u8>>> {
        let bytes: Vec<u8> = (0..=99).collect();
        Inflating::begin(Cursor::new(bytes), (10, 80), false, left).unwrap()
    }

    #[test]
    fn it_goes_forward_and_a_few_times_back() {
        let mut entry = stored(10_000);
        let mut two = [0; 2];
        for _ in 0..AGAIN {
            entry.seek(SeekFrom::Start(30)).unwrap();
            entry.read_exact(&mut two).unwrap();
            assert_eq!((two, entry.stream_position().unwrap()), ([40, 41], 32));
            entry.seek(SeekFrom::Start(0)).unwrap();
        }
        entry.read_exact(&mut two).unwrap();
        assert_eq!(two, [10, 11]);
        assert!(entry.seek(SeekFrom::Start(0)).is_err() && entry.seek(SeekFrom::End(0)).is_err());
        let (_, length, _) = stored(10_000).finish().unwrap();
        assert_eq!(length, 80);
    }

    #[test]
    fn it_inflates_no_more_than_it_may() {
        assert!(stored(79).finish().is_err());
        assert_eq!(stored(80).finish().unwrap().2, 0);
    }
}
