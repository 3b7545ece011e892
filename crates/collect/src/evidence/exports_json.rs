//! Entries of event logs as lines of JSON: of Winlogbeat, of NXLog, and of `evtx_dump -o jsonl`.

use evidence::moment::moment;
use serde_json::{Map, Value};

use super::dates::Dates;
use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

pub(super) const READER: Reader = Reader { kind: Kind::ExportedEvents, recognises, read: Access::Stream(read) };

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    text.starts_with('{')
        && (has("winlog") && has("event_id")
            || has("EventID") && has("SourceName") && (has("EventTime") || has("EventReceivedTime"))
            || has("Event") && has("System") && has("EventID") && has("Provider"))
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let (mut entries, mut zones, mut broken) = (Entries::default(), Dates::default(), 0_u64);
    text::json_lines(source, |value| match value.as_ref().and_then(|value| entry(value, &mut zones)) {
        Some(entry) => entries.take(entry),
        None => broken += 1,
    })?;
    if broken > 0 {
        entries.note(&format!("{broken} lines are no entries of an event log in JSON"));
    }
    zones.notes().for_each(|words| entries.note(words));
    entries.states(name)
}

/// Reads one entry, in whichever form it is.
fn entry(value: &Value, zones: &mut Dates) -> Option<Exported> {
    // what a search index hands out is wrapped
    let value = value.get("_source").unwrap_or(value);
    if let Some(winlog) = value.get("winlog") {
        return winlogbeat(value, winlog);
    }
    if let Some(event) = value.get("Event") {
        return dumped(event);
    }
    nxlog(value.as_object()?, zones)
}

fn winlogbeat(value: &Value, winlog: &Value) -> Option<Exported> {
    let text = |name: &str| winlog.get(name).map(plain).unwrap_or_default();
    let mut entry = Exported {
        at: moment(value.get("@timestamp")?.as_str()?),
        channel: text("channel"),
        provider: text("provider_name"),
        id: text("event_id").parse().ok()?,
        record: text("record_id").parse().unwrap_or_default(),
        computer: text("computer_name"),
        activity: Some(text("activity_id")).filter(|id| !id.is_empty()),
        message: value.get("message").map(plain).unwrap_or_default(),
        ..Exported::default()
    };
    for part in ["event_data", "user_data"] {
        for (name, value) in winlog.get(part).and_then(Value::as_object).into_iter().flatten() {
            // unnamed fields are called param1 and so on
            let number = name.strip_prefix("param").and_then(|number| number.parse::<usize>().ok()).filter(|n| *n > 0);
            let name = number.map_or_else(|| name.clone(), |number| (number - 1).to_string());
            entry.field(&name, &plain(value));
        }
    }
    Some(entry)
}

/// Entry as `evtx_dump` writes it: XML in the form of JSON.
fn dumped(event: &Value) -> Option<Exported> {
    let system = event.get("System")?;
    let of = |name: &str, attribute: &str| system.get(name)?.get("#attributes")?.get(attribute).map(plain);
    let text = |name: &str| {
        let value = system.get(name)?;
        Some(plain(value.get("#text").unwrap_or(value)))
    };
    let mut entry = Exported {
        at: moment(&of("TimeCreated", "SystemTime")?),
        channel: text("Channel").unwrap_or_default(),
        provider: of("Provider", "Name")?,
        id: text("EventID")?.parse().ok()?,
        record: text("EventRecordID").and_then(|text| text.parse().ok()).unwrap_or_default(),
        computer: text("Computer").unwrap_or_default(),
        activity: of("Correlation", "ActivityID"),
        ..Exported::default()
    };
    let data = event.get("EventData").and_then(Value::as_object);
    let user = event.get("UserData").and_then(Value::as_object).and_then(|data| data.values().next()?.as_object());
    for (name, value) in data.into_iter().chain(user).flatten().filter(|(name, _)| !name.starts_with('#')) {
        let inner = value.get("#text").unwrap_or(value);
        match inner.as_array().filter(|_| name == "Data") {
            Some(list) => {
                for (number, one) in list.iter().enumerate() {
                    entry.field(&number.to_string(), &plain(one));
                }
            }
            None => entry.field(name, &plain(inner)),
        }
    }
    Some(entry)
}

/// Columns of NXLog that are no fields of the entry.
const NXLOG: &[&str] = &[
    "EventTime",
    "EventReceivedTime",
    "Hostname",
    "Keywords",
    "EventType",
    "SeverityValue",
    "Severity",
    "EventID",
    "SourceName",
    "ProviderGuid",
    "Version",
    "Task",
    "OpcodeValue",
    "RecordNumber",
    "ActivityID",
    "ProcessID",
    "ThreadID",
    "Channel",
    "Message",
    "Category",
    "Opcode",
    "SourceModuleName",
    "SourceModuleType",
    "ExecutionProcessID",
    "ExecutionThreadID",
];

fn nxlog(value: &Map<String, Value>, zones: &mut Dates) -> Option<Exported> {
    let text = |name: &str| value.get(name).map(plain).unwrap_or_default();
    let time = text("EventTime");
    zones.see(&time);
    let mut entry = Exported {
        at: zones.read(&time),
        channel: text("Channel"),
        provider: text("SourceName"),
        id: text("EventID").parse().ok()?,
        record: text("RecordNumber").parse().unwrap_or_default(),
        computer: text("Hostname"),
        activity: Some(text("ActivityID")).filter(|id| !id.is_empty()),
        message: text("Message"),
        ..Exported::default()
    };
    for (name, value) in value.iter().filter(|(name, _)| !NXLOG.contains(&name.as_str())) {
        entry.field(name, &plain(value));
    }
    Some(entry)
}

/// Text of a value.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
