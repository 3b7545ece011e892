//! Lines of CSV, one by one, whatever their contents: at most one of them is in memory.

use std::borrow::Cow;
use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::super::reader::ReadError;
use super::Recorded;

/// Most bytes of a line; a registry value in the details may be long.
const LINE: usize = 64 * 1024;
/// Most columns. Process Monitor has about thirty.
const COLUMNS: usize = 64;
/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Positions of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    delimiter: u8,
    count: usize,
    process: usize,
    operation: usize,
    path: usize,
    result: usize,
    pid: Option<usize>,
    detail: Option<usize>,
    time: Option<usize>,
    command_line: Option<usize>,
}

impl Columns {
    pub(super) fn has_detail(&self) -> bool {
        self.detail.is_some()
    }

    /// Finds the columns by their names.
    fn of(names: &[String], delimiter: u8) -> Option<Self> {
        let at = |name: &str| names.iter().position(|known| known.trim().eq_ignore_ascii_case(name));
        Some(Self {
            delimiter,
            count: names.len(),
            process: at("Process Name")?,
            operation: at("Operation")?,
            path: at("Path")?,
            result: at("Result")?,
            pid: at("PID"),
            detail: at("Detail"),
            // both are local times in the format of that Windows; the second has a date, whose order nobody knows
            time: at("Time of Day").or_else(|| at("Date & Time")),
            command_line: at("Command Line"),
        })
    }
}

/// Finds the columns of a file that begins like this, if it is a recording. A spreadsheet may have changed the
/// delimiter.
pub(super) fn columns(head: &[u8]) -> Option<Columns> {
    [b',', b';', b'\t'].into_iter().find_map(|delimiter| {
        let (mut fields, mut ends) = (vec![0; LINE], [0; COLUMNS]);
        let mut reader = csv(delimiter);
        let (mut result, _, written, mut found) = reader.read_record(without_mark(head), &mut fields, &mut ends);
        // the first line may be the only one
        if matches!(result, ReadRecordResult::InputEmpty) {
            let rest = reader.read_record(&[], &mut fields[written..], &mut ends[found..]);
            (result, found) = (rest.0, found + rest.3);
        }
        let whole = matches!(result, ReadRecordResult::Record);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let texts =
            starts.zip(&ends[..found]).map(|(from, to)| String::from_utf8_lossy(&fields[from..*to]).into_owned());
        Columns::of(&texts.collect::<Vec<_>>(), delimiter).filter(|_| whole)
    })
}

fn csv(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}

/// Line of a recording.
pub(super) struct Line<'a> {
    columns: Columns,
    fields: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Line<'a> {
    fn field(&self, column: usize) -> Cow<'a, str> {
        let from = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        String::from_utf8_lossy(&self.fields[from..self.ends[column]])
    }
}

impl Recorded for Line<'_> {
    fn process(&self) -> Cow<'_, str> {
        self.field(self.columns.process)
    }

    fn operation(&self) -> Cow<'_, str> {
        self.field(self.columns.operation)
    }

    fn path(&self) -> Cow<'_, str> {
        self.field(self.columns.path)
    }

    fn result(&self) -> Cow<'_, str> {
        self.field(self.columns.result)
    }

    fn pid(&self) -> Option<u32> {
        self.field(self.columns.pid?).parse().ok()
    }

    fn detail(&self) -> Option<Cow<'_, str>> {
        self.columns.detail.map(|column| self.field(column))
    }

    fn time(&self) -> Option<Cow<'_, str>> {
        self.columns.time.map(|column| self.field(column))
    }

    fn command_line(&self) -> Option<Cow<'_, str>> {
        self.columns.command_line.map(|column| self.field(column))
    }
}

/// Reader of a file, line by line.
pub(super) struct Lines<R> {
    input: R,
    pub(super) columns: Columns,
    reader: Reader,
    chunk: Vec<u8>,
    /// Range of the chunk that was not looked at yet.
    left: std::ops::Range<usize>,
    fields: Vec<u8>,
    ends: [usize; COLUMNS],
    /// Line at which the present record begins, from 1.
    began: u64,
    malformed: u64,
    first_malformed: Option<u64>,
}

/// Result of reading a record.
enum Record {
    /// This many fields.
    Whole(usize),
    /// Longer than a line may be, or with more columns.
    TooLong,
    End,
}

impl<R: Read> Lines<R> {
    /// Reads the names of the columns.
    pub(super) fn new(mut input: R) -> Result<Self, ReadError> {
        let mut chunk = vec![0; CHUNK];
        let filled = fill(&mut input, &mut chunk)?;
        let mark = filled - without_mark(&chunk[..filled]).len();
        let head = &chunk[..filled.min(LINE)];
        let Some(columns) = columns(head) else {
            return Err(ReadError::Contents("its first line does not name the columns".to_owned()));
        };
        let mut lines = Self {
            input,
            columns,
            reader: csv(columns.delimiter),
            chunk,
            left: mark..filled,
            fields: vec![0; LINE],
            ends: [0; COLUMNS],
            began: 1,
            malformed: 0,
            first_malformed: None,
        };
        lines.record()?;
        Ok(lines)
    }

    /// Returns how many lines were malformed, and the first of them.
    pub(super) fn malformed(&self) -> (u64, Option<u64>) {
        (self.malformed, self.first_malformed)
    }

    /// Returns the next line with as many columns as the first.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        loop {
            self.begin()?;
            match self.record()? {
                Record::Whole(count) if count == self.columns.count => {
                    return Ok(Some(Line { columns: self.columns, fields: &self.fields, ends: &self.ends[..count] }));
                }
                Record::Whole(_) => self.count_malformed(1),
                // a quote that is never closed: go on with the next line
                Record::TooLong => {
                    self.skip_line()?;
                    self.count_malformed(self.reader.line().saturating_sub(self.began));
                }
                Record::End => return Ok(None),
            }
        }
    }

    /// Notes where the next record begins: after the second half of a line break, which still has to be read.
    fn begin(&mut self) -> Result<(), ReadError> {
        if self.left.is_empty() {
            self.refill()?;
        }
        let half = self.chunk[self.left.clone()].first() == Some(&b'\n');
        self.began = self.reader.line() + u64::from(half);
        Ok(())
    }

    fn count_malformed(&mut self, lines: u64) {
        self.malformed += lines.max(1);
        self.first_malformed.get_or_insert(self.began);
    }

    fn record(&mut self) -> Result<Record, ReadError> {
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
                ReadRecordResult::Record => return Ok(Record::Whole(found)),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => return Ok(Record::TooLong),
                ReadRecordResult::End => return Ok(Record::End),
            }
        }
    }

    /// Skips to the next line break, and begins there anew.
    fn skip_line(&mut self) -> Result<(), ReadError> {
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
                self.reader = csv(self.columns.delimiter);
                self.reader.set_line(line + 1);
                return Ok(());
            }
        }
    }

    fn refill(&mut self) -> Result<(), ReadError> {
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
