//! Lines of CSV, one by one, whatever their contents: at most one of them is in memory.

use std::borrow::Cow;
use std::io::Read;

use super::super::csv::{self, DELIMITERS, Fields, Record, Records};
use super::super::reader::ReadError;
use super::Recorded;

/// Most bytes of a line; a registry value in the details may be long.
const LINE: usize = 64 * 1024;

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
    DELIMITERS.into_iter().find_map(|delimiter| {
        let mut records = Records::new(without_mark(head), delimiter);
        Columns::of(&records.next().ok()??, delimiter)
    })
}

fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head)
}

/// Line of a recording.
pub(super) struct Line<'a> {
    columns: Columns,
    fields: Fields<'a>,
}

impl<'a> Line<'a> {
    fn field(&self, column: usize) -> Cow<'a, str> {
        self.fields.text(column)
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
    records: Records<R>,
    pub(super) columns: Columns,
    malformed: u64,
    first_malformed: Option<u64>,
}

impl<R: Read> Lines<R> {
    /// Reads the names of the columns.
    pub(super) fn new(mut input: R) -> Result<Self, ReadError> {
        let (chunk, filled) = csv::beginning(&mut input)?;
        let mark = filled - without_mark(&chunk[..filled]).len();
        let Some(columns) = columns(&chunk[..filled.min(LINE)]) else {
            return Err(ReadError::Contents("its first line does not name the columns".to_owned()));
        };
        let mut records = Records::begun(input, columns.delimiter, LINE, (chunk, mark..filled));
        records.record()?;
        Ok(Self { records, columns, malformed: 0, first_malformed: None })
    }

    /// Returns how many lines were malformed, and the first of them.
    pub(super) fn malformed(&self) -> (u64, Option<u64>) {
        (self.malformed, self.first_malformed)
    }

    /// Returns the next line with as many columns as the first.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        loop {
            let malformed = match self.records.record()? {
                Some(Record::Whole(fields)) if fields.count() == self.columns.count => None,
                Some(Record::Whole(_)) => Some(1),
                Some(Record::TooLong(lines)) => Some(lines),
                None => return Ok(None),
            };
            match malformed {
                None => {
                    return Ok(Some(Line { columns: self.columns, fields: self.records.fields(self.columns.count) }));
                }
                Some(lines) => self.count_malformed(lines),
            }
        }
    }

    fn count_malformed(&mut self, lines: u64) {
        self.malformed += lines.max(1);
        self.first_malformed.get_or_insert(self.records.began);
    }
}
