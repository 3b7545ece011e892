//! Entries of event logs as XML: `wevtutil qe LOG /f:xml` (a row of `<Event>` without a root), the Event Viewer's "Save
//! as XML", and what a forwarder wraps around either.
//!
//! Each `<Event>` is cut out of the file and read by itself, so that the memory is that of one entry. A document type
//! stands outside of entries: its entities are never read, let alone expanded.

use std::io::{self, Read};

use evidence::moment::moment;
use quick_xml::Reader as Xml;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attribute;

use super::entries::{Entries, Exported};
use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, Source};
use super::text;

/// Namespace that Windows gives to entries.
const NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";
/// Most bytes of an entry: Windows allows 64 KiB, in UTF-16.
const ENTRY: usize = 256 * 1024;
/// Bytes that are read at once.
const PIECE: u64 = 64 * 1024;
/// Deepest element of an entry.
const DEPTH: usize = 16;

pub(super) const READER: Reader = Reader { kind: Kind::ExportedEvents, recognises, read: Access::Stream(read) };

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    text.starts_with('<') && text.contains(NAMESPACE) && text.contains("<Event")
}

fn read(source: &mut dyn Source, name: &str) -> Result<Vec<Piece>, ReadError> {
    let mut slices = Slices { input: text::Utf8::new(source), bytes: Vec::new(), ended: false, cut: false };
    let mut entries = Entries::default();
    let mut broken = 0_u64;
    while let Some(slice) = slices.next()? {
        let read = if let Slice::Whole(text) = slice { entry(&text) } else { None };
        match read {
            Some(found) => entries.take(found),
            None => broken += 1,
        }
    }
    if slices.cut {
        entries.note("it ends inside an entry");
    }
    if broken > 0 {
        entries.note(&format!("{broken} entries are damaged or too large, and were not read"));
    }
    entries.states(name)
}

/// Entry as it stands in the file.
enum Slice {
    Whole(String),
    TooLarge,
}

/// Cuts entries out of a file.
struct Slices<R> {
    input: R,
    bytes: Vec<u8>,
    ended: bool,
    cut: bool,
}

impl<R: Read> Slices<R> {
    /// Returns the next entry; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Slice>> {
        let Some(start) = self.find(0, opens)? else { return Ok(None) };
        self.bytes.drain(..start);

        let Some(end) = self.find(6, |bytes| bytes.starts_with(b"</Event>").then_some(8))? else {
            self.cut = self.ended;
            if self.ended {
                return Ok(None);
            }
            // too large: go on behind its beginning
            self.bytes.drain(..6);
            return Ok(Some(Slice::TooLarge));
        };
        let text = String::from_utf8_lossy(&self.bytes[..end + 8]).into_owned();
        self.bytes.drain(..end + 8);
        Ok(Some(Slice::Whole(text)))
    }

    /// Finds where this fits, reading on as necessary, at most [`ENTRY`] bytes from the beginning of an entry.
    fn find(&mut self, from: usize, fits: fn(&[u8]) -> Option<usize>) -> io::Result<Option<usize>> {
        let within_entry = from > 0;
        let mut at = from;
        loop {
            while let Some(next) = self.bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'<')) {
                let place = at + next;
                if self.bytes.len() < place + 8 && !self.ended {
                    break;
                }
                if fits(&self.bytes[place..]).is_some() {
                    return Ok(Some(place));
                }
                at = place + 1;
            }
            let open = self.bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'<'));
            at = open.map_or(self.bytes.len(), |next| at + next);
            if self.ended || within_entry && self.bytes.len() > ENTRY {
                return Ok(None);
            }
            if !within_entry {
                self.bytes.drain(..at);
                at = 0;
            }
            let before = self.bytes.len();
            self.input.by_ref().take(PIECE).read_to_end(&mut self.bytes)?;
            self.ended = self.bytes.len() == before;
        }
    }
}

/// True at the beginning of an entry, not of `<Events>` or `<EventData>`.
fn opens(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"<Event")?;
    rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'>').then_some(6)
}

/// Element that is open.
struct Open {
    name: String,
    /// Its attribute `Name`.
    named: Option<String>,
    text: String,
    has_children: bool,
}

/// Reads one entry; `None` if it is damaged.
fn entry(text: &str) -> Option<Exported> {
    let mut xml = Xml::from_str(text);
    let mut found = Exported::default();
    let mut open: Vec<Open> = Vec::new();
    let mut unnamed = 0_usize;
    loop {
        match xml.read_event().ok()? {
            Event::Start(tag) => {
                if open.len() >= DEPTH {
                    return None;
                }
                let element = element(tag.name().0, tag.attributes(), &mut found);
                if let Some(parent) = open.last_mut() {
                    parent.has_children = true;
                }
                open.push(element);
            }
            Event::Empty(tag) => {
                let element = element(tag.name().0, tag.attributes(), &mut found);
                if let Some(parent) = open.last_mut() {
                    parent.has_children = true;
                }
                closed(&element, &open, &mut found, &mut unnamed);
            }
            Event::Text(text) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(last) = open.last_mut() {
                    last.text.push(character(&reference)?);
                }
            }
            Event::CData(text) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&text);
                }
            }
            Event::End(_) => {
                let element = open.pop()?;
                closed(&element, &open, &mut found, &mut unnamed);
                if open.is_empty() {
                    return Some(found).filter(|found| !found.provider.is_empty());
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Character of a reference: the five of XML and numbers; any other entity is none of ours.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }

    quick_xml::escape::resolve_predefined_entity(reference)?.chars().next()
}

/// Reads the attributes of an element, those of the part `System` into the entry.
fn element<'a>(
    name: &str,
    attributes: impl Iterator<Item = Result<Attribute<'a>, quick_xml::events::attributes::AttrError>>,
    found: &mut Exported,
) -> Open {
    let name = name.rsplit(':').next().unwrap_or_default().to_owned();
    let mut named = None;
    for attribute in attributes.filter_map(Result::ok).take(DEPTH) {
        let Ok(value) = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) else { continue };
        match (name.as_str(), attribute.key.0) {
            ("Provider", "Name") => found.provider = value.into_owned(),
            ("Provider", "EventSourceName") if found.provider.is_empty() => found.provider = value.into_owned(),
            ("TimeCreated", "SystemTime") => found.at = moment(&value),
            ("Correlation", "ActivityID") => found.activity = Some(value.into_owned()),
            (_, "Name") => named = Some(value.into_owned()),
            _ => {}
        }
    }
    Open { name, named, text: String::new(), has_children: false }
}

/// Takes in an element that is over; `open` are those around it.
fn closed(element: &Open, open: &[Open], found: &mut Exported, unnamed: &mut usize) {
    let within = |name: &str| open.iter().any(|around| around.name == name);
    let text = element.text.trim();
    if within("System") {
        match element.name.as_str() {
            "EventID" => found.id = text.parse().unwrap_or_default(),
            "EventRecordID" => found.record = text.parse().unwrap_or_default(),
            "Channel" => text.clone_into(&mut found.channel),
            "Computer" => text.clone_into(&mut found.computer),
            _ => {}
        }
    } else if (within("EventData") || within("UserData")) && !element.has_children {
        let unnamed_data = element.name == "Data" && element.named.is_none();
        let number = unnamed.to_string();
        *unnamed += usize::from(unnamed_data);
        let name = if element.name == "Data" { element.named.as_deref().unwrap_or(&number) } else { &element.name };
        found.field(name, text);
    } else if within("RenderingInfo") && element.name == "Message" {
        text.clone_into(&mut found.message);
    }
}
