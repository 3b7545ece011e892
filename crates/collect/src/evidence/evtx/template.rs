//! Templates of binary XML, flattened: each place that has a value, and what stands there ([MS-EVEN6] 2.2.12).

use std::cell::RefCell;
use std::rc::Rc;

use super::binary_xml::{DEPTH, Reader, SLOTS};
use super::value::text;

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
    pub(super) section: Section,
    pub(super) element: Rc<str>,
    /// Number of the element within the template, shared by its attributes and its text.
    pub(super) number: usize,
    pub(super) attribute: Option<Rc<str>>,
    /// Pieces in order: text, and gaps between texts.
    pub(super) content: Vec<Content>,
}

/// Piece of what stands in a slot.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Text(Rc<str>),
    Gap(usize),
}

/// Flattened template.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) slots: Vec<Slot>,
    pub(super) provider: Option<Vec<Content>>,
    pub(super) id: Option<Vec<Content>>,
    pub(super) created: Option<Vec<Content>>,
    pub(super) computer: Option<Vec<Content>>,
    pub(super) channel: Option<Vec<Content>>,
    /// True if its entries have one provider, one computer and one channel: none of these is a gap.
    pub(super) one_origin: bool,
    /// Groups of its entries by their ids, where it has one origin.
    pub(super) groups: RefCell<Vec<(u32, usize)>>,
}

/// Tokens: element, text, attribute and so on; the bit 0x40 says that more follows and is ignored here.
pub(super) mod token {
    pub(in super::super) const END: u8 = 0x00;
    pub(in super::super) const OPEN: u8 = 0x01;
    pub(in super::super) const CLOSE_START: u8 = 0x02;
    pub(in super::super) const CLOSE_EMPTY: u8 = 0x03;
    pub(in super::super) const CLOSE: u8 = 0x04;
    pub(in super::super) const VALUE: u8 = 0x05;
    pub(in super::super) const ATTRIBUTE: u8 = 0x06;
    pub(in super::super) const CDATA: u8 = 0x07;
    pub(in super::super) const CHARACTER: u8 = 0x08;
    pub(in super::super) const ENTITY: u8 = 0x09;
    pub(in super::super) const TEMPLATE: u8 = 0x0C;
    pub(in super::super) const GAP: u8 = 0x0D;
    pub(in super::super) const OPTIONAL_GAP: u8 = 0x0E;
    pub(in super::super) const HEADER: u8 = 0x0F;
    pub(in super::super) const MORE: u8 = 0x40;
}

/// Predefined entities of XML with their characters.
const ENTITIES: [(&str, &str); 5] = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];

/// Flattens elements into slots.
pub(super) struct Flattener<'a> {
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
    pub(super) fn new(reader: Reader<'a>, template: bool) -> Self {
        Self { reader, template, stack: Vec::new(), attribute: None, elements: 0, pieces: 0, slots: Vec::new() }
    }

    pub(super) fn run(mut self) -> Option<Template> {
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
        let text = |name: &Option<Vec<Content>>| name.iter().flatten().all(|piece| matches!(piece, Content::Text(_)));
        let one_origin = text(&provider) && text(&computer) && text(&channel);
        Self { slots, provider, id, created, computer, channel, one_origin, groups: RefCell::default() }
    }
}

impl Slot {
    pub(super) fn is(&self, element: &str, attribute: Option<&str>) -> bool {
        self.section == Section::System && *self.element == *element && self.attribute.as_deref() == attribute
    }
}
