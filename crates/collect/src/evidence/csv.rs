//! Records of CSV, one by one: at most one of them is in memory, whatever quotes and line breaks it holds.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Most bytes of a record, where its reader names no other limit.
const RECORD: usize = 128 * 1024;
/// Most columns.
const COLUMNS: usize = 128;
/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Reader of a file, record by record.
pub(super) struct Records<R> {
    input: R,
    reader: Reader,
    delimiter: u8,
    chunk: Vec<u8>,
    /// Range of the chunk that was not looked at yet.
    left: Range<usize>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Line at which the present record begins, from 1.
    pub(super) began: u64,
    /// Records that are larger than any is; reading went on at the next line.
    pub(super) too_long: u64,
}

/// Record as it was read.
pub(super) enum Record<'a> {
    /// Its fields.
    Whole(Fields<'a>),
    /// Longer than a record may be, or with more columns, as by a quote that is never closed. Reading goes on behind
    /// this many lines.
    TooLong(u64),
}

/// Fields of a record.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    pub(super) fn count(self) -> usize {
        self.ends.len()
    }

    /// Returns a field; the column must be one of the record's.
    pub(super) fn text(self, column: usize) -> Cow<'a, str> {
        let from = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        String::from_utf8_lossy(&self.bytes[from..self.ends[column]])
    }

    fn texts(self) -> Vec<String> {
        (0..self.count()).map(|column| self.text(column).into_owned()).collect()
    }
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self::begun(input, delimiter, RECORD, (vec![0; CHUNK], 0..0))
    }

    /// Goes on in a file of which this much was read already, with records of at most this many bytes.
    pub(super) fn begun(input: R, delimiter: u8, most: usize, (chunk, left): (Vec<u8>, Range<usize>)) -> Self {
        let (fields, ends, reader) = (vec![0; most], vec![0; COLUMNS], reader(delimiter));
        Self { input, reader, delimiter, chunk, left, fields, ends, began: 1, too_long: 0 }
    }

    /// Returns the texts of the next record that is not too long; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<String>>> {
        loop {
            match self.record()? {
                Some(Record::Whole(fields)) => return Ok(Some(fields.texts())),
                Some(Record::TooLong(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Returns the next record; `None` at the end.
    pub(super) fn record(&mut self) -> io::Result<Option<Record<'_>>> {
        self.begin()?;
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
                ReadRecordResult::Record => return Ok(Some(Record::Whole(self.fields(found)))),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.too_long += 1;
                    self.skip_line()?;
                    return Ok(Some(Record::TooLong(self.reader.line().saturating_sub(self.began))));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Returns the first fields of the record that was read last.
    pub(super) fn fields(&self, count: usize) -> Fields<'_> {
        Fields { bytes: &self.fields, ends: &self.ends[..count] }
    }

    /// Notes where the next record begins: after the second half of a line break, which still has to be read.
    fn begin(&mut self) -> io::Result<()> {
        if self.left.is_empty() {
            self.refill()?;
        }
        let half = self.chunk[self.left.clone()].first() == Some(&b'\n');
        self.began = self.reader.line() + u64::from(half);
        Ok(())
    }

    /// Goes on behind the next line break.
    fn skip_line(&mut self) -> io::Result<()> {
        let line = self.reader.line();
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
                self.reader = reader(self.delimiter);
                self.reader.set_line(line + 1);
                return Ok(());
            }
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.left = 0..fill(&mut self.input, &mut self.chunk)?;
        Ok(())
    }
}

/// Fills a buffer; returns less only at the end.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads the beginning of a file, as much as is read at once.
pub(super) fn beginning(input: &mut impl Read) -> io::Result<(Vec<u8>, usize)> {
    let mut chunk = vec![0; CHUNK];
    let filled = fill(input, &mut chunk)?;
    Ok((chunk, filled))
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
