//! Binary XML, the format of an entry: templates with gaps, and the values that fill them ([MS-EVEN6] 2.2.12).
//!
//! A template is read once for each chunk and flattened into [`Slot`]s, so that an entry costs no more than looking up
//! two values: its id and its time. Only the wanted parts are turned into text. Every position is relative to the
//! chunk, and reading always ends: it only moves forward, and nests at most [`DEPTH`] deep.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use evidence::moment::moment;
use wire::ntlm::to_filetime;

use super::template::{Content, Flattener, Section, Slot, Template, token};
use super::value::{TEXT, dated, shown, text};

/// Marks in the bytes of an origin, which are no types of values: a piece that is text, and the end of a name.
const TEXT_PIECE: u8 = 0xFE;
const END_OF_NAME: u8 = 0xFF;
/// Type of a value that is binary XML itself.
const NESTED: u8 = 0x21;
/// Deepest nesting of elements, and of fragments in values.
pub(super) const DEPTH: usize = 16;
/// Most slots of a template, counted by the pieces of their contents, and most values of an entry.
pub(super) const SLOTS: usize = 1024;
/// Slots before an element's text in which its attributes are looked for.
const ATTRIBUTES: usize = 16;
/// Most bytes of text of an entry.
const ENTRY_TEXT: usize = 16 * 1024;
/// Most that a chunk may cost: bytes of templates, values and slots that are looked at. Those of Windows cost a tenth.
/// A chunk may refer to one place many times over, and entries within entries multiply.
const COST: usize = 1024 * 1024;

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
    pub(super) template: Rc<Template>,
    /// Size, kind and an unused byte of each value.
    heads: &'a [u8],
    /// Place of the first value; the others follow it.
    first: usize,
    /// All values, once more than a few of them are asked for.
    values: OnceCell<Vec<Value>>,
}

/// Templates of a chunk, by position, and the cost of reading so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: HashMap<usize, Rc<Template>>,
    /// The one that was read last, which the next entry nearly always has as well, with its place.
    last: Option<(usize, Rc<Template>)>,
    cost: usize,
}

/// Place in the chunk from which bytes are taken; every method returns `None` at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    chunk: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn new(chunk: &'a [u8], at: usize, end: usize) -> Self {
        Self { chunk, at, end: end.min(chunk.len()) }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end)?;
        let bytes = self.chunk.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn short(&mut self) -> Option<usize> {
        self.take(2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    pub(super) fn long(&mut self) -> Option<usize> {
        self.take(4).and_then(|bytes| usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok())
    }

    fn peek(&self) -> Option<u8> {
        self.chunk.get(self.at).copied().filter(|_| self.at < self.end)
    }

    /// Reads a name, here or at an earlier place in the chunk.
    pub(super) fn name(&mut self) -> Option<Rc<str>> {
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
            return Some(Entry { chunk, template: Rc::new(plain), heads: &[], first: 0, values: OnceCell::new() });
        }
        reader.take(6)?;
        let place = reader.long()?;
        let here = place == reader.at;
        let (template, after) = self.template(chunk, place)?;
        if here {
            reader.at = after;
        }
        let count = reader.long().filter(|count| *count <= SLOTS)?;
        let heads = reader.take(count * 4)?;
        let first = reader.at;
        reader.take(heads.chunks_exact(4).map(size).sum())?;
        self.pay(count + 1)?;
        Some(Entry { chunk, template, heads, first, values: OnceCell::new() })
    }

    /// Reads the template at this place, and returns where it ends.
    fn template(&mut self, chunk: &[u8], place: usize) -> Option<(Rc<Template>, usize)> {
        let mut head = Reader::new(chunk, place, chunk.len());
        head.take(20)?;
        let size = head.long()?;
        let after = head.at.checked_add(size)?;
        if let Some((_, last)) = self.last.as_ref().filter(|(at, _)| *at == place) {
            return Some((Rc::clone(last), after));
        }
        if let Some(known) = self.known.get(&place) {
            self.last = Some((place, Rc::clone(known)));
            return Some((Rc::clone(known), after));
        }
        self.pay(after.min(chunk.len()).saturating_sub(head.at).max(1))?;
        let template = Rc::new(Flattener::new(Reader::new(chunk, head.at, after), true).run()?);
        self.known.insert(place, Rc::clone(&template));
        Some((template, after))
    }
}

/// Returns the size of a value, from its head.
fn size(head: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([head[0], head[1]]))
}

impl Entry<'_> {
    fn value(&self, gap: usize) -> Option<(u8, &[u8])> {
        let value = if let Some(values) = self.values.get() {
            *values.get(gap)?
        } else {
            // of most entries no more than two values near the first one are looked at
            let head = self.heads.get(gap * 4..gap * 4 + 4)?;
            let before: usize = self.heads[..gap * 4].chunks_exact(4).map(size).sum();
            Value { kind: head[2], at: self.first + before, size: size(head) }
        };
        Some((value.kind, self.chunk.get(value.at..value.at + value.size)?))
    }

    fn values(&self) -> &[Value] {
        self.values.get_or_init(|| {
            let mut at = self.first;
            let value = |head: &[u8]| {
                let value = Value { kind: head[2], at, size: size(head) };
                at += value.size;
                value
            };
            self.heads.chunks_exact(4).map(value).collect()
        })
    }

    fn shown<'b>(&'b self, content: &'b [Content]) -> Option<Cow<'b, str>> {
        if let [one] = content {
            return self.piece(one);
        }
        self.values();
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

    /// Collects the bytes of provider, computer and channel in the entry, so that they need not be decoded each time:
    /// equal for two entries only if all these names are.
    pub(super) fn origin(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        for content in [&self.template.provider, &self.template.computer, &self.template.channel] {
            if content.as_ref().is_some_and(|content| content.len() > 1) {
                self.values();
            }
            for piece in content.iter().flatten() {
                let (kind, piece) = match piece {
                    Content::Text(text) => (TEXT_PIECE, text.as_bytes()),
                    Content::Gap(gap) => self.value(*gap).unwrap_or_default(),
                };
                bytes.push(kind);
                bytes.extend(piece.len().to_le_bytes());
                bytes.extend(piece);
            }
            bytes.push(END_OF_NAME);
        }
    }

    /// Returns a value in `System`.
    pub(super) fn system(&self, element: &str, attribute: Option<&str>) -> Option<String> {
        let slot = self.template.slots.iter().find(|slot| slot.is(element, attribute))?;
        self.shown(&slot.content).map(Cow::into_owned)
    }

    /// Returns when the event occurred, by its own account, as a FILETIME.
    pub(super) fn created(&self) -> Option<u64> {
        let content = self.template.created.as_deref()?;
        if let [Content::Gap(gap)] = content
            && let (0x11, bytes) = self.value(*gap)?
        {
            return dated(u64::from_le_bytes(bytes.try_into().ok()?));
        }
        moment(&self.shown(content)?).and_then(to_filetime)
    }

    /// Returns its data, by name or, where there are none, by number; `wanted` are the names of those that are needed,
    /// none for all.
    pub(super) fn data(&self, templates: &mut Templates, wanted: &[&str]) -> Vec<(String, String)> {
        let mut data = Vec::new();
        self.collect(templates, wanted, 0, &mut data);
        data
    }

    fn collect(&self, templates: &mut Templates, wanted: &[&str], depth: usize, data: &mut Vec<(String, String)>) {
        let mut unnamed = 0;
        if templates.pay(self.template.slots.iter().map(|slot| slot.content.len()).sum()).is_none() {
            return;
        }
        let values = self.values();
        let nested = |piece: &Content| match piece {
            Content::Gap(gap) => values.get(*gap).copied().filter(|value| value.kind == NESTED),
            Content::Text(_) => None,
        };
        let mut room = ENTRY_TEXT.saturating_sub(data.iter().map(|(_, text): &(String, String)| text.len()).sum());
        for (place, slot) in self.template.slots.iter().enumerate() {
            if depth < DEPTH && slot.content.iter().any(|piece| nested(piece).is_some()) {
                for value in slot.content.iter().filter_map(nested) {
                    if let Some(inner) = templates.entry(self.chunk, value.at, value.at + value.size) {
                        inner.collect(templates, wanted, depth + 1, data);
                    }
                }
            } else if slot.section != Section::System && slot.attribute.is_none() && data.len() < SLOTS {
                let by_number = &*slot.element == "Data";
                let name = if by_number { self.named(place) } else { Some(Cow::Borrowed(&*slot.element)) };
                let needed = |name: &str| wanted.is_empty() || wanted.contains(&name);
                if name.as_deref().is_some_and(|name| !needed(name)) {
                    continue;
                }
                let text = self.shown(&slot.content);
                let name = name.unwrap_or_else(|| {
                    unnamed += 1;
                    Cow::Owned((unnamed - 1).to_string())
                });
                let Some(text) = text.filter(|_| needed(&name)) else { continue };
                let fits = room.checked_sub(text.len());
                room = fits.unwrap_or(room);
                data.extend(fits.map(|_| (name.into_owned(), text.into_owned())));
            }
        }
    }

    /// Finds the attribute `Name` of the slot's element, which is among the slots shortly before it.
    fn named(&self, place: usize) -> Option<Cow<'_, str>> {
        let (before, slot) = (self.template.slots.get(..place)?, self.template.slots.get(place)?);
        let name = |other: &&Slot| other.number == slot.number && other.attribute.as_deref() == Some("Name");
        self.shown(&before.iter().rev().take(ATTRIBUTES).find(name)?.content)
    }
}
