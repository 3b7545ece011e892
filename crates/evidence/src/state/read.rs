//! Reads a recorded state thing by thing, so that no state takes more memory than is kept of a machine.

use std::borrow::Cow;
use std::fmt;
use std::iter;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::bounds::{KEPT, ROOM};
use super::{SCHEMA, State, Unread};
use crate::moment::moment;
use crate::printable::printable;
use crate::section::budget::Budget;
use crate::section::thing::Section;

/// Name of the format, whatever its version.
pub const FORM: &str = "rdpdoctor-state/";

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
        let mut filling = Budget::new(ROOM, KEPT);
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            match &*field {
                "schema" => state.schema = map.next_value()?,
                "part" => state.part = map.next_value()?,
                "taken_at" => state.taken_at = map.next_value()?,
                "computer" => state.computer = map.next_value()?,
                section if state.read_section(section, &mut map, &mut filling)? => {}
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        filling.tell(&mut state);
        Ok(state)
    }
}

/// Things of a section: where they go, and the room that they share with the others.
pub(super) struct Things<'a, T>(pub &'a mut Vec<T>, pub &'a mut Budget);

impl<'de, T: Section> DeserializeSeed<'de> for Things<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Section> Visitor<'de> for Things<'_, T> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(kept, filling) = self;
        let mut failed = None;
        let next = || {
            list.next_element::<T>().unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        };
        T::fill(&mut iter::from_fn(next), filling, kept);
        failed.map_or(Ok(()), Err)
    }
}
