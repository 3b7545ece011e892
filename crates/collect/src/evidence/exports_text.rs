//! Entries of event logs as text: `Get-WinEvent … | Format-List`, and `wevtutil qe LOG /f:text`.
//!
//! Both write an entry as lines of a label and a value; the labels are English on every Windows in the first, and the
//! system's language in the second.

use std::io::{BufRead, BufReader, Read, SeekFrom};

use super::dates::Dates;
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::ExportedEvents, recognises, read: Access::Stream(read) };

/// Most bytes of a line, and of a message.
const LINE: u64 = 64 * 1024;
const MESSAGE: usize = 64 * 1024;

/// Part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Time,
    Provider,
    Id,
    Log,
    Record,
    Computer,
    Activity,
    Message,
    Other,
}

/// Labels of `Get-WinEvent`, then those of `wevtutil`.
const LABELS: &[(&str, Label)] = &[
    ("TimeCreated", Label::Time),
    ("ProviderName", Label::Provider),
    ("Id", Label::Id),
    ("LogName", Label::Log),
    ("RecordId", Label::Record),
    ("MachineName", Label::Computer),
    ("ActivityId", Label::Activity),
    ("Message", Label::Message),
    ("Date", Label::Time),
    ("Source", Label::Provider),
    ("Event ID", Label::Id),
    ("Log Name", Label::Log),
    ("Computer", Label::Computer),
    ("Description", Label::Message),
];

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let has = |wanted: &str| {
        text.lines()
            .any(|line| line.trim_start().strip_prefix(wanted).is_some_and(|rest| rest.trim_start().starts_with(':')))
    };
    has("TimeCreated") && has("ProviderName") && has("Id")
        || text.trim_start_matches('\u{FEFF}').trim_start().starts_with("Event[") && has("Event ID") && has("Source")
}

/// Entry under construction.
#[derive(Default)]
struct Draft {
    entry: Exported,
    time: String,
    has: Vec<Label>,
    /// The last label, which further lines belong to.
    last: Option<Label>,
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut dates = Dates::default();
    each(source, |draft| dates.see(&draft.time))?;
    let mut entries = Entries::default();
    let cut = each(source, |draft| {
        let at = dates.read(&draft.time);
        entries.take(Exported { at, ..draft.entry });
    })?;
    if cut > 0 {
        entries.note(&format!("{cut} lines are longer than any, and were not read to their end"));
    }
    dates.notes().for_each(|words| entries.note(words));
    entries.states(name)
}

/// Hands every entry to `take`; returns how many lines were too long.
fn each(source: &mut dyn Source, mut take: impl FnMut(Draft)) -> Result<u64, ReadError> {
    source.seek(SeekFrom::Start(0))?;
    let mut lines = BufReader::new(text::Utf8::new(source));
    let (mut draft, mut cut, mut line) = (Draft::default(), 0, Vec::new());
    loop {
        line.clear();
        let read = lines.by_ref().take(LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        cut += u64::from(read as u64 == LINE && line.last() != Some(&b'\n'));
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.starts_with("Event[") && text.trim_end_matches(':').ends_with(']') {
            finish(&mut draft, &mut take);
        } else if let Some((label, value)) = labelled(text, &draft) {
            if draft.has.contains(&label) && label != Label::Other {
                finish(&mut draft, &mut take);
            }
            draft.set(label, value);
        } else {
            draft.goes_on(text.trim_start());
        }
    }
    finish(&mut draft, &mut take);
    Ok(cut)
}

fn finish(draft: &mut Draft, take: &mut impl FnMut(Draft)) {
    let draft = std::mem::take(draft);
    if draft.has.contains(&Label::Id) && draft.has.contains(&Label::Provider) {
        take(draft);
    }
}

/// Splits a line with a label. Within a message of `wevtutil`, whose lines stand at the margin, none is one.
fn labelled<'a>(line: &'a str, draft: &Draft) -> Option<(Label, &'a str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.strip_prefix("  ").filter(|name| !name.starts_with(' ')).unwrap_or(name);
    if name.starts_with(' ') {
        return None;
    }
    let label = LABELS.iter().find(|(known, _)| name.trim_end() == *known).map(|(_, label)| *label);
    if let Some(label) = label {
        // the description is the last part of an entry of wevtutil
        let within = draft.last == Some(Label::Message) && draft.entry.message.contains('\n') && !line.contains(" : ");
        return (!within).then_some((label, value.trim()));
    }
    // any other property: a name in one word, and blanks up to the colon
    let property = !name.trim_end().contains(' ') && line.contains(" : ");
    (property && (name.ends_with(' ') || draft.last != Some(Label::Message))).then_some((Label::Other, ""))
}

impl Draft {
    fn set(&mut self, label: Label, value: &str) {
        self.has.push(label);
        self.last = Some(label);
        let entry = &mut self.entry;
        match label {
            Label::Time => value.clone_into(&mut self.time),
            Label::Provider => value.clone_into(&mut entry.provider),
            Label::Id => entry.id = value.parse().unwrap_or_default(),
            Label::Log => value.clone_into(&mut entry.channel),
            Label::Record => entry.record = value.parse().unwrap_or_default(),
            Label::Computer => value.clone_into(&mut entry.computer),
            Label::Activity => entry.activity = Some(value.to_owned()).filter(|id| !id.is_empty()),
            Label::Message => value.clone_into(&mut entry.message),
            Label::Other => {}
        }
    }

    /// Takes in a further line of a message.
    fn goes_on(&mut self, line: &str) {
        let message = &mut self.entry.message;
        if self.last == Some(Label::Message) && message.len() + line.len() < MESSAGE {
            message.push('\n');
            message.push_str(line);
        }
    }
}
