//! Entries of event logs as CSV: `Get-WinEvent … | Export-Csv`, and the Event Viewer's "Save as CSV" or "as Text".

use std::io::{Read, SeekFrom};

use super::csv::{DELIMITERS, Records, first};
use super::dates::Dates;
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, HEAD, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::ExportedEvents, recognises, read: Access::Stream(read) };

/// Line that PowerShell 5 writes before the names of the columns.
const TYPE: &str = "#TYPE ";
/// Most columns that are looked through for the message, which the Event Viewer gives no name.
const UNNAMED: usize = 8;

/// Positions of the columns.
struct Columns {
    time: usize,
    provider: usize,
    id: usize,
    log: Option<usize>,
    record: Option<usize>,
    computer: Option<usize>,
    activity: Option<usize>,
    message: Option<usize>,
}

impl Columns {
    fn of(names: &[String]) -> Option<Self> {
        let at = |wanted: &[&str]| {
            let is = |name: &String| wanted.iter().any(|wanted| name.trim().eq_ignore_ascii_case(wanted));
            names.iter().position(is)
        };
        Some(Self {
            time: at(&["TimeCreated", "Date and Time", "TimeGenerated"])?,
            provider: at(&["ProviderName", "Source"])?,
            id: at(&["Id", "Event ID", "EventID"])?,
            log: at(&["LogName", "Log Name", "Channel"]),
            record: at(&["RecordId", "RecordNumber"]),
            computer: at(&["MachineName", "Computer"]),
            activity: at(&["ActivityId"]),
            // the Event Viewer writes the message behind its last column
            message: at(&["Message"]).or_else(|| (names.len() < UNNAMED).then_some(names.len())),
        })
    }
}

/// Finds the delimiter and the columns of a file that begins like this, and how many lines stand before its entries.
fn head(bytes: &[u8]) -> Option<(u8, Columns, usize)> {
    let text = text::beginning(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    let (names, before) = match text.strip_prefix(TYPE) {
        Some(rest) => (rest.split_once('\n')?.1, 2),
        None => (text, 1),
    };
    DELIMITERS.into_iter().find_map(|delimiter| {
        let columns = Columns::of(&first(names, delimiter))?;
        Some((delimiter, columns, before))
    })
}

fn recognises(bytes: &[u8]) -> bool {
    head(bytes).is_some()
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut begins = Vec::new();
    source.take(HEAD).read_to_end(&mut begins)?;
    let Some((delimiter, columns, before)) = head(&begins) else {
        return Err(ReadError::Contents("its first line does not name the columns".to_owned()));
    };
    let mut dates = Dates::default();
    each(source, delimiter, before, |record| {
        if let Some(time) = record.get(columns.time) {
            dates.see(time);
        }
    })?;
    let mut entries = Entries::default();
    let mut malformed = 0_u64;
    let too_long = each(source, delimiter, before, |record| {
        let text = |column: Option<usize>| column.and_then(|column| record.get(column)).map_or("", String::as_str);
        let Ok(id) = text(Some(columns.id)).trim().parse() else {
            malformed += 1;
            return;
        };
        entries.take(Exported {
            at: dates.read(text(Some(columns.time))),
            channel: text(columns.log).to_owned(),
            provider: text(Some(columns.provider)).to_owned(),
            id,
            record: text(columns.record).trim().parse().unwrap_or_default(),
            computer: text(columns.computer).to_owned(),
            activity: Some(text(columns.activity).to_owned()).filter(|id| !id.is_empty()),
            message: text(columns.message).to_owned(),
            ..Exported::default()
        });
    })?;
    if malformed + too_long > 0 {
        entries.note(&format!("{} lines are no entries of the form that its first line names", malformed + too_long));
    }
    dates.notes().for_each(|words| entries.note(words));
    entries.states(name)
}

/// Hands every record to `take`, and returns how many were too long.
fn each(
    source: &mut dyn Source,
    delimiter: u8,
    before: usize,
    mut take: impl FnMut(&[String]),
) -> Result<u64, ReadError> {
    source.seek(SeekFrom::Start(0))?;
    let mut records = Records::new(text::Utf8::new(source), delimiter);
    for _ in 0..before {
        records.next()?;
    }
    while let Some(record) = records.next()? {
        take(&record);
    }
    Ok(records.too_long)
}
