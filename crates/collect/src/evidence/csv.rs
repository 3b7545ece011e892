//! Records of CSV, one by one: at most one of them is in memory, whatever quotes and line breaks it holds.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Most bytes of a record.
const RECORD: usize = 128 * 1024;
/// Most columns.
const COLUMNS: usize = 128;
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Reader of a file, record by record.
pub(super) struct Records<R> {
    input: R,
    reader: Reader,
    delimiter: u8,
    chunk: Vec<u8>,
    left: std::ops::Range<usize>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Records that are larger than any is; reading went on at the next line.
    pub(super) too_long: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        let (fields, ends) = (vec![0; RECORD], vec![0; COLUMNS]);
        let (chunk, left, reader) = (vec![0; CHUNK], 0..0, reader(delimiter));
        Self { input, reader, delimiter, chunk, left, fields, ends, too_long: 0 }
    }

    /// Returns the next record; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<String>>> {
        let (mut written, mut found) = (0, 0);
        loop {
            if self.left.is_empty() {
                self.refill()?;
            }
            let input = &self.chunk[self.left.clone()];
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.fields[written..], &mut self.ends[found..]);
            self.left.start += read;
            (written, found) = (written + wrote, found + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Ok(Some(self.texts(found))),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.too_long += 1;
                    self.skip_line()?;
                    (written, found) = (0, 0);
                }
            }
        }
    }

    fn texts(&self, count: usize) -> Vec<String> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let pieces = starts.zip(&self.ends[..count]).map(|(from, to)| &self.fields[from..*to]);
        pieces.map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    }

    /// Goes on behind the next line break, where a quote was never closed.
    fn skip_line(&mut self) -> io::Result<()> {
        self.reader = reader(self.delimiter);
        loop {
            if self.left.is_empty() {
                self.refill()?;
            }
            let input = &self.chunk[self.left.clone()];
            if input.is_empty() {
                return Ok(());
            }
            let found = input.iter().position(|byte| *byte == b'\n');
            self.left.start += found.map_or(input.len(), |at| at + 1);
            if found.is_some() {
                return Ok(());
            }
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.left = 0..0;
        loop {
            match self.input.read(&mut self.chunk) {
                Ok(read) => {
                    self.left = 0..read;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn reader(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

/// Returns the first record of text that begins a file, with this delimiter.
pub(super) fn first(text: &str, delimiter: u8) -> Vec<String> {
    Records::new(text.as_bytes(), delimiter).next().ok().flatten().unwrap_or_default()
}

/// Delimiters that spreadsheets and PowerShell use.
pub(super) const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> (Vec<Vec<String>>, u64) {
        let mut records = Records::new(text, b',');
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push(record);
        }
        (all, records.too_long)
    }

    #[test]
    fn quotes_and_line_breaks_stay_in_their_field() {
        let (records, _) = all(b"a,\"b\r\n\"\"c\"\"\",d\r\n1,2,3");
        assert_eq!(records, [vec!["a", "b\r\n\"c\"", "d"], vec!["1", "2", "3"]]);
    }

    #[test]
    fn a_quote_that_is_never_closed_takes_no_memory() {
        let text = [b"a,\"", vec![b'x'; RECORD].as_slice(), b"\nb,c\n"].concat();
        assert_eq!(all(&text), (vec![vec!["b".to_owned(), "c".to_owned()]], 1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = all(&bytes);
        }
    }
}
