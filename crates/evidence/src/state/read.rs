//! Reads a recorded state thing by thing, so that no state takes more memory than is kept of a machine.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::bounds::{CERTIFICATES, Filling, KEPT, KEY_FILES, LeftOut, Newest, REGISTRY, ROOM};
use super::{LogEvent, RegistryData, SCHEMA, State, Unread};
use crate::moment::moment;
use crate::printable::printable;

/// Name of the format, whatever its version.
pub const FORM: &str = "rdpdoctor-state/";
/// Most values of a registry key, and texts of a value.
const VALUES: usize = 100_000;
/// Most parts of anything else: fields of an entry, settings of an `.rdp` file, usages of a certificate.
const PARTS: usize = 4000;
/// Longest name of a machine, in characters: DNS allows no more (RFC 1035 2.3.4).
pub const NAME: usize = 255;

/// Reason why text is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is not JSON of this format.
    #[error("read state: {0}")]
    Invalid(String),
    /// It has another format.
    #[error("read state: the schema is {0:?}, not {SCHEMA:?}")]
    Schema(String),
    /// It has another version of the format.
    #[error("a recorded state of the form {0:?}, which this version of the program does not know: it knows {SCHEMA:?}")]
    Version(String),
}

/// The one field that tells whether the others can be read.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    schema: String,
}

impl State {
    /// Reads JSON. Anything beyond what is kept of a machine is left out, and the state says so.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let invalid = |error: serde_json::Error| StateError::Invalid(printable(&short(&error.to_string())));
        let form: Form = serde_json::from_str(text).map_err(invalid)?;
        let schema = || printable(&short(&form.schema));
        match form.schema.as_str() {
            SCHEMA => {}
            other if other.starts_with(FORM) => return Err(StateError::Version(schema())),
            _ => return Err(StateError::Schema(schema())),
        }
        let mut state: Self = serde_json::from_str(text).map_err(invalid)?;
        let length = state.computer.as_deref().unwrap_or_default().chars().count();
        if length > NAME {
            let why = format!("the name of the computer has {length} characters, and at most {NAME} are one");
            return Err(StateError::Invalid(why));
        }
        if let Some(date) = state.taken_at.take_if(|date| moment(date).is_none()) {
            let why = format!("{:?} is no date", printable(&short(&date)));
            state.unread.push(Unread { what: "when the state was recorded".to_owned(), why });
        }
        Ok(state)
    }
}

/// Shortens a text from elsewhere to its beginning.
fn short(text: &str) -> String {
    text.chars().take(NAME).collect()
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Machine)
    }
}

struct Machine;

impl<'de> Visitor<'de> for Machine {
    type Value = State;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a recorded state")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<State, A::Error> {
        let mut state = State::default();
        let mut filling = Filling::new(ROOM, KEPT);
        let mut left_out = Vec::<LeftOut>::new();
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            let filling = &mut filling;
            match &*field {
                "schema" => state.schema = map.next_value()?,
                "part" => state.part = map.next_value()?,
                "taken_at" => state.taken_at = map.next_value()?,
                "computer" => state.computer = map.next_value()?,
                "registry" => {
                    let keys = Section(REGISTRY, &mut state.registry, filling, |key| Some(&key.path));
                    map.next_value_seed(keys)?;
                }
                "services" => map.next_value_seed(Section("services", &mut state.services, filling, nameless))?,
                "certificates" => {
                    map.next_value_seed(Section(CERTIFICATES, &mut state.certificates, filling, nameless))?;
                }
                "key_files" => map.next_value_seed(Section(KEY_FILES, &mut state.key_files, filling, nameless))?,
                "logs" => map.next_value_seed(Section("event logs", &mut state.logs, filling, nameless))?,
                "events" => {
                    let mut entries = filling.entries();
                    map.next_value_seed(Entries(&mut entries))?;
                    left_out.push(filling.collected(entries, &mut state));
                }
                "files" => map.next_value_seed(Section("files", &mut state.files, filling, nameless))?,
                "volumes" => map.next_value_seed(Section("volumes", &mut state.volumes, filling, nameless))?,
                "rdp_files" => map.next_value_seed(Section(".rdp files", &mut state.rdp_files, filling, nameless))?,
                "traces" => {
                    map.next_value_seed(Section("recordings of accesses", &mut state.traces, filling, nameless))?;
                }
                "refused" => {
                    map.next_value_seed(Section("refused accesses", &mut state.refused, filling, nameless))?;
                }
                "unread" => {
                    let section = "reasons why something was not read";
                    map.next_value_seed(Section(section, &mut state.unread, filling, nameless))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        for left_out in left_out {
            left_out.tell(&mut state);
        }
        filling.tell(&mut state);
        Ok(state)
    }
}

fn nameless<T>(_: &T) -> Option<&str> {
    None
}

/// List of things: its name, where they go, and the room that they share with the others.
struct Section<'a, T>(&'static str, &'a mut Vec<T>, &'a mut Filling, fn(&T) -> Option<&str>);

impl<'de, T: Deserialize<'de> + Serialize> DeserializeSeed<'de> for Section<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de> + Serialize> Visitor<'de> for Section<'_, T> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(section, things, filling, name) = self;
        while let Some(thing) = list.next_element::<T>()? {
            if filling.takes(section, &thing, name(&thing)) {
                things.push(thing);
            }
        }
        Ok(())
    }
}

struct Entries<'a>(&'a mut Newest);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(event) = list.next_element::<LogEvent>()? {
            self.0.add_any(event);
        }
        Ok(())
    }
}

/// Deserialises values of a registry key, at most [`VALUES`] of them and of the texts in them.
pub(super) fn values<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, RegistryData>, D::Error> {
    let parts = |value: &RegistryData| if let RegistryData::Texts(texts) = value { texts.len() } else { 0 };
    from.deserialize_map(Map(VALUES, parts, PhantomData))
}

/// Deserialises fields of an entry, with a limit.
pub(super) fn fields<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    from.deserialize_map(Map(PARTS, |_: &String| 0, PhantomData))
}

/// Deserialises texts of a registry value, with a limit.
pub(super) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_seq(List(VALUES, PhantomData))
}

/// Deserialises parts of anything else, with a limit.
pub(crate) fn parts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(List(PARTS, PhantomData))
}

struct Map<T>(usize, fn(&T) -> usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at most {} names with values", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let (mut map, mut parts) = (BTreeMap::new(), 0_usize);
        while let Some((name, value)) = from.next_entry()? {
            parts = parts.saturating_add((self.1)(&value)).saturating_add(1);
            map.insert(name, value);
            if parts > self.0 {
                return Err(A::Error::custom(format!("more than {} values of one thing", self.0)));
            }
        }
        Ok(map)
    }
}

struct List<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list of at most {}", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(thing) = from.next_element()? {
            list.push(thing);
            if list.len() > self.0 {
                return Err(A::Error::custom(format!("more than {} parts of one thing", self.0)));
            }
        }
        Ok(list)
    }
}
