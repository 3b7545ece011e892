//! Binary XML, the format of an entry: templates with gaps, and the values that fill them ([MS-EVEN6] 2.2.12).
//!
//! A template is read once for each chunk and flattened into [`Slot`]s, so that an entry costs no more than looking up
//! two values: its provider and its id. Only the wanted parts are turned into text. Every position is relative to the
//! chunk, and reading always ends: it only moves forward, and nests at most [`DEPTH`] deep.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use evidence::moment::moment;
use time::OffsetDateTime;

use super::filetime;
use super::value::{TEXT, shown, text};

/// Type of a value that is binary XML itself.
const NESTED: u8 = 0x21;
/// Deepest nesting of elements, and of fragments in values.
const DEPTH: usize = 16;
/// Most slots of a template, counted by the pieces of their contents, and most values of an entry.
const SLOTS: usize = 1024;
/// Slots before an element's text in which its attributes are looked for.
const ATTRIBUTES: usize = 16;
/// Most bytes of text of an entry.
const ENTRY_TEXT: usize = 16 * 1024;
/// Most that a chunk may cost: bytes of templates, values and slots that are looked at. Those of Windows cost a tenth.
/// A chunk may refer to one place many times over, and entries within entries multiply.
const COST: usize = 1024 * 1024;

/// Part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// `System`: provider, time and ids.
    System,
    /// `EventData`: a list of `Data`.
    Data,
    /// Anything else, such as `UserData`: elements with names of their own.
    Other,
}

/// Place in a template that has a value.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    section: Section,
    element: Rc<str>,
    /// Number of the element within the template, shared by its attributes and its text.
    number: usize,
    attribute: Option<Rc<str>>,
    /// Pieces in order: text, and gaps between texts.
    content: Vec<Content>,
}

#[derive(Debug, Clone)]
enum Content {
    Text(Rc<str>),
    Gap(usize),
}

/// Flattened template.
#[derive(Debug, Default)]
pub(super) struct Template {
    slots: Vec<Slot>,
    provider: Option<Vec<Content>>,
    id: Option<Vec<Content>>,
    created: Option<Vec<Content>>,
    computer: Option<Vec<Content>>,
    channel: Option<Vec<Content>>,
}

/// Value of a gap: its type and its bytes in the chunk.
#[derive(Debug, Clone, Copy)]
struct Value {
    kind: u8,
    at: usize,
    size: usize,
}

/// Entry: a template and its values.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    chunk: &'a [u8],
    template: Rc<Template>,
    values: Vec<Value>,
}

/// Templates of a chunk, by position, and the cost of reading so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: HashMap<usize, Rc<Template>>,
    cost: usize,
}

/// Place in the chunk from which bytes are taken; every method returns `None` at its end.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    chunk: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn new(chunk: &'a [u8], at: usize, end: usize) -> Self {
        Self { chunk, at, end: end.min(chunk.len()) }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end)?;
        let bytes = self.chunk.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn short(&mut self) -> Option<usize> {
        self.take(2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    fn long(&mut self) -> Option<usize> {
        self.take(4).and_then(|bytes| usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok())
    }

    fn peek(&self) -> Option<u8> {
        self.chunk.get(self.at).copied().filter(|_| self.at < self.end)
    }

    /// Reads a name, here or at an earlier place in the chunk.
    fn name(&mut self) -> Option<Rc<str>> {
        let place = self.long()?;
        let here = place == self.at;
        let mut there = Reader::new(self.chunk, place, self.chunk.len());
        there.take(6)?;
        let count = there.short()?;
        let name = text(there.take(count.checked_mul(2)?)?);
        if here {
            self.at = there.at;
            self.take(2)?;
        }
        Some(name.into())
    }
}

/// Tokens: element, text, attribute and so on; the bit 0x40 says that more follows and is ignored here.
mod token {
    pub(super) const END: u8 = 0x00;
    pub(super) const OPEN: u8 = 0x01;
    pub(super) const CLOSE_START: u8 = 0x02;
    pub(super) const CLOSE_EMPTY: u8 = 0x03;
    pub(super) const CLOSE: u8 = 0x04;
    pub(super) const VALUE: u8 = 0x05;
    pub(super) const ATTRIBUTE: u8 = 0x06;
    pub(super) const CDATA: u8 = 0x07;
    pub(super) const CHARACTER: u8 = 0x08;
    pub(super) const ENTITY: u8 = 0x09;
    pub(super) const TEMPLATE: u8 = 0x0C;
    pub(super) const GAP: u8 = 0x0D;
    pub(super) const OPTIONAL_GAP: u8 = 0x0E;
    pub(super) const HEADER: u8 = 0x0F;
    pub(super) const MORE: u8 = 0x40;
}

/// Predefined entities of XML with their characters; no others are known.
const ENTITIES: [(&str, &str); 5] = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];

/// Flattens elements into slots.
struct Flattener<'a> {
    reader: Reader<'a>,
    /// True in a template, where each element has the number of a value that it depends on.
    template: bool,
    stack: Vec<(Rc<str>, usize)>,
    attribute: Option<Rc<str>>,
    elements: usize,
    pieces: usize,
    slots: Vec<Slot>,
}

impl<'a> Flattener<'a> {
    fn new(reader: Reader<'a>, template: bool) -> Self {
        Self { reader, template, stack: Vec::new(), attribute: None, elements: 0, pieces: 0, slots: Vec::new() }
    }

    fn run(mut self) -> Option<Template> {
        loop {
            let found = self.reader.byte()?;
            match found & !token::MORE {
                token::END => break,
                token::OPEN => self.open(found & token::MORE != 0)?,
                token::CLOSE_START => self.attribute = None,
                token::CLOSE_EMPTY | token::CLOSE => {
                    self.attribute = None;
                    self.stack.pop()?;
                    if self.stack.is_empty() {
                        break;
                    }
                }
                token::VALUE => {
                    self.reader.byte()?;
                    self.counted_text()?;
                }
                token::CDATA => self.counted_text()?,
                token::ATTRIBUTE => self.attribute = Some(self.reader.name()?),
                token::CHARACTER => {
                    let unit = u32::try_from(self.reader.short()?).ok()?;
                    let character = char::from_u32(unit).unwrap_or('\u{FFFD}');
                    self.add(Content::Text(character.to_string().into()))?;
                }
                token::ENTITY => {
                    let name = self.reader.name()?;
                    let known = ENTITIES.iter().find(|(known, _)| **known == *name);
                    self.add(Content::Text(
                        known.map_or_else(|| format!("&{name};").into(), |(_, text)| (*text).into()),
                    ))?;
                }
                token::GAP | token::OPTIONAL_GAP => {
                    let gap = self.reader.short()?;
                    self.reader.byte()?;
                    self.add(Content::Gap(gap))?;
                }
                token::HEADER => drop(self.reader.take(3)?),
                _ => return None,
            }
        }
        Some(Template::of(self.slots))
    }

    fn open(&mut self, attributes: bool) -> Option<()> {
        if self.template {
            self.reader.short()?;
        }
        self.reader.long()?;
        let name = self.reader.name()?;
        if attributes {
            self.reader.long()?;
        }
        if self.stack.len() >= DEPTH {
            return None;
        }
        self.elements += 1;
        self.stack.push((name, self.elements));
        Some(())
    }

    fn counted_text(&mut self) -> Option<()> {
        let count = self.reader.short()?;
        let bytes = self.reader.take(count.checked_mul(2)?)?;
        self.add(Content::Text(text(bytes).into()))
    }

    fn add(&mut self, content: Content) -> Option<()> {
        self.pieces += 1;
        if self.pieces > SLOTS {
            return None;
        }
        let (element, number) = self.stack.last()?.clone();
        // a reference splits a text into pieces
        if let Some(last) =
            self.slots.last_mut().filter(|last| last.number == number && last.attribute == self.attribute)
        {
            last.content.push(content);
            return Some(());
        }
        let mut names = self.stack.iter().map(|(name, _)| &**name);
        let outer = names.next().filter(|name| *name != "Event").or_else(|| names.next());
        let section = match outer {
            Some("System") => Section::System,
            Some("EventData") => Section::Data,
            _ => Section::Other,
        };
        self.slots.push(Slot { section, element, number, attribute: self.attribute.clone(), content: vec![content] });
        Some(())
    }
}

impl Template {
    fn of(slots: Vec<Slot>) -> Self {
        let place = |element: &str, attribute: Option<&str>| {
            let found = slots.iter().find(|slot| slot.is(element, attribute));
            found.map(|slot| slot.content.clone())
        };
        let (provider, id) = (place("Provider", Some("Name")), place("EventID", None));
        let created = place("TimeCreated", Some("SystemTime"));
        let (computer, channel) = (place("Computer", None), place("Channel", None));
        Self { slots, provider, id, created, computer, channel }
    }
}

impl Slot {
    fn is(&self, element: &str, attribute: Option<&str>) -> bool {
        self.section == Section::System && *self.element == *element && self.attribute.as_deref() == attribute
    }
}

impl Templates {
    /// Counts a cost; `None` when it is too much for one chunk.
    fn pay(&mut self, cost: usize) -> Option<()> {
        self.cost = self.cost.saturating_add(cost);
        (self.cost <= COST).then_some(())
    }

    /// Reads the entry whose binary XML lies here; `None` if there is none.
    pub(super) fn entry<'a>(&mut self, chunk: &'a [u8], at: usize, end: usize) -> Option<Entry<'a>> {
        let mut reader = Reader::new(chunk, at, end);
        if reader.peek()? == token::HEADER {
            reader.take(4)?;
        }
        if reader.peek()? & !token::MORE != token::TEMPLATE {
            self.pay(end.saturating_sub(at).max(1))?;
            let plain = Flattener::new(reader, false).run()?;
            return Some(Entry { chunk, template: Rc::new(plain), values: Vec::new() });
        }
        reader.take(6)?;
        let place = reader.long()?;
        let here = place == reader.at;
        let (template, after) = self.template(chunk, place)?;
        if here {
            reader.at = after;
        }
        let values = values(&mut reader)?;
        self.pay(values.len() + 1)?;
        Some(Entry { chunk, template, values })
    }

    /// Reads the template at this place, and returns where it ends.
    fn template(&mut self, chunk: &[u8], place: usize) -> Option<(Rc<Template>, usize)> {
        let mut head = Reader::new(chunk, place, chunk.len());
        head.take(20)?;
        let size = head.long()?;
        let after = head.at.checked_add(size)?;
        if let Some(known) = self.known.get(&place) {
            return Some((Rc::clone(known), after));
        }
        self.pay(after.min(chunk.len()).saturating_sub(head.at).max(1))?;
        let template = Rc::new(Flattener::new(Reader::new(chunk, head.at, after), true).run()?);
        self.known.insert(place, Rc::clone(&template));
        Some((template, after))
    }
}

fn values(reader: &mut Reader<'_>) -> Option<Vec<Value>> {
    let count = reader.long().filter(|count| *count <= SLOTS)?;
    let mut kinds = Vec::with_capacity(count);
    for _ in 0..count {
        let size = reader.short()?;
        kinds.push((size, reader.byte()?));
        reader.byte()?;
    }
    let mut values = Vec::with_capacity(count);
    for (size, kind) in kinds {
        let at = reader.at;
        reader.take(size)?;
        values.push(Value { kind, at, size });
    }
    Some(values)
}

impl Entry<'_> {
    fn value(&self, gap: usize) -> Option<(u8, &[u8])> {
        let value = self.values.get(gap)?;
        Some((value.kind, self.chunk.get(value.at..value.at + value.size)?))
    }

    fn shown<'b>(&'b self, content: &'b [Content]) -> Option<Cow<'b, str>> {
        if let [one] = content {
            return self.piece(one);
        }
        let mut joined: Option<String> = None;
        for piece in content.iter().filter_map(|piece| self.piece(piece)) {
            let joined = joined.get_or_insert_default();
            let room = TEXT.saturating_sub(joined.chars().count());
            joined.extend(piece.chars().take(room));
            if room == 0 {
                break;
            }
        }
        joined.map(Cow::Owned)
    }

    fn piece<'b>(&'b self, piece: &'b Content) -> Option<Cow<'b, str>> {
        match piece {
            Content::Text(text) => Some(Cow::Borrowed(text)),
            Content::Gap(gap) => self.value(*gap).and_then(|(kind, bytes)| shown(kind, bytes)).map(Cow::Owned),
        }
    }

    /// Returns the event id.
    pub(super) fn id(&self) -> Option<u32> {
        match self.template.id.as_deref()? {
            [Content::Gap(gap)] => {
                let (_, bytes) = self.value(*gap)?;
                Some(u32::from(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?)))
            }
            text => self.shown(text)?.parse().ok(),
        }
    }

    /// Returns the name of the provider.
    pub(super) fn provider(&self) -> Option<Cow<'_, str>> {
        self.shown(self.template.provider.as_deref()?)
    }

    /// Returns the name of the machine that wrote it.
    pub(super) fn computer(&self) -> Option<Cow<'_, str>> {
        self.shown(self.template.computer.as_deref()?)
    }

    /// Returns the channel into which it was written.
    pub(super) fn channel(&self) -> Option<Cow<'_, str>> {
        self.shown(self.template.channel.as_deref()?)
    }

    /// Collects the bytes of computer and channel in the entry, so that they need not be decoded each time: equal for
    /// two entries only if both names are.
    pub(super) fn origin(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        for content in [&self.template.computer, &self.template.channel] {
            for piece in content.iter().flatten() {
                let (kind, piece) = match piece {
                    Content::Text(text) => (0, text.as_bytes()),
                    Content::Gap(gap) => self.value(*gap).unwrap_or_default(),
                };
                bytes.push(kind);
                bytes.extend(piece.len().to_le_bytes());
                bytes.extend(piece);
            }
            bytes.push(u8::MAX);
        }
    }

    /// Returns a value in `System`.
    pub(super) fn system(&self, element: &str, attribute: Option<&str>) -> Option<String> {
        let slot = self.template.slots.iter().find(|slot| slot.is(element, attribute))?;
        self.shown(&slot.content).map(Cow::into_owned)
    }

    /// Returns when the event occurred, by its own account.
    pub(super) fn created(&self) -> Option<OffsetDateTime> {
        let content = self.template.created.as_deref()?;
        if let [Content::Gap(gap)] = content
            && let (0x11, bytes) = self.value(*gap)?
        {
            return filetime(u64::from_le_bytes(bytes.try_into().ok()?));
        }
        moment(&self.shown(content)?)
    }

    /// Returns its data, by name or, where there are none, by number.
    pub(super) fn data(&self, templates: &mut Templates) -> Vec<(String, String)> {
        let mut data = Vec::new();
        self.collect(templates, 0, &mut data);
        data
    }

    fn collect(&self, templates: &mut Templates, depth: usize, data: &mut Vec<(String, String)>) {
        let mut unnamed = 0;
        if templates.pay(self.template.slots.iter().map(|slot| slot.content.len()).sum()).is_none() {
            return;
        }
        let mut room = ENTRY_TEXT.saturating_sub(data.iter().map(|(_, text): &(String, String)| text.len()).sum());
        for (place, slot) in self.template.slots.iter().enumerate() {
            let nested = if depth < DEPTH { self.nested(slot) } else { Vec::new() };
            if !nested.is_empty() {
                for value in nested {
                    if let Some(inner) = templates.entry(self.chunk, value.at, value.at + value.size) {
                        inner.collect(templates, depth + 1, data);
                    }
                }
            } else if slot.section != Section::System && slot.attribute.is_none() && data.len() < SLOTS {
                let Some(text) = self.shown(&slot.content).map(Cow::into_owned) else {
                    unnamed += usize::from(&*slot.element == "Data" && self.named(place).is_none());
                    continue;
                };
                let name = if &*slot.element == "Data" { self.named(place) } else { Some(slot.element.to_string()) };
                let name = name.unwrap_or_else(|| {
                    unnamed += 1;
                    (unnamed - 1).to_string()
                });
                let fits = room.checked_sub(text.len());
                room = fits.unwrap_or(room);
                data.extend(fits.map(|_| (name, text)));
            }
        }
    }

    /// Returns the nested entries in a slot.
    fn nested(&self, slot: &Slot) -> Vec<Value> {
        let value = |piece: &Content| if let Content::Gap(gap) = piece { self.values.get(*gap).copied() } else { None };
        slot.content.iter().filter_map(value).filter(|value| value.kind == NESTED).collect()
    }

    /// Finds the attribute `Name` of the slot's element, which is among the slots shortly before it.
    fn named(&self, place: usize) -> Option<String> {
        let (before, slot) = (self.template.slots.get(..place)?, self.template.slots.get(place)?);
        let name = |other: &&Slot| other.number == slot.number && other.attribute.as_deref() == Some("Name");
        self.shown(&before.iter().rev().take(ATTRIBUTES).find(name)?.content).map(Cow::into_owned)
    }
}
