//! A report as JSON, read again. It may come from anybody, so every list, text and value has a bound, and what is
//! beyond it is passed over without being kept.

use std::fmt;
use std::marker::PhantomData;

use evidence::printable::printable;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Most characters of a text.
const LETTERS: usize = 200;
/// Most entries of a list within a value, and of an object.
const ENTRIES: usize = 32;
/// Most levels of a value.
const DEPTH: usize = 3;
/// Most entries of a list of the report that are kept.
const KEPT: usize = 1024;

/// Fields of a report that a comparison looks at; everything else is passed over.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Saved {
    pub schema: Text,
    pub at: Text,
    #[serde(default)]
    pub interrupted: bool,
    pub target: Option<SavedTarget>,
    #[serde(default)]
    pub subjects: Few<SavedSubject>,
    #[serde(default)]
    pub servers: Few<SavedServer>,
    pub client: Option<SavedClient>,
    pub verdict: Text,
    pub reached: Option<Text>,
    #[serde(default)]
    pub findings: Few<SavedFinding>,
    #[serde(default)]
    pub ruled_out: Few<Text>,
    #[serde(default)]
    pub stages: Few<SavedStage>,
    #[serde(default)]
    pub observations: Few<SavedObservation>,
    #[serde(default)]
    pub surveys: Few<SavedSurvey>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedTarget {
    pub host: Text,
    pub port: u16,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedSubject {
    pub id: usize,
    pub role: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedServer {
    pub name: Text,
    pub confidence: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedClient {
    pub name: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedFinding {
    pub cause: Text,
    pub severity: Text,
    pub stage: Text,
    pub title: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedStage {
    pub stage: Text,
    pub subject: usize,
    pub outcome: Text,
    pub seconds: Option<f64>,
    pub text: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedObservation {
    pub fact: Text,
    pub subject: usize,
    #[serde(default)]
    pub value: Small,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedSurvey {
    #[serde(default)]
    pub complete: bool,
    #[serde(default)]
    pub tls: Few<SavedVersion>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct SavedVersion {
    pub version: Text,
    pub accepted: Option<bool>,
}

/// Entry of a list that may not be worth keeping.
pub(super) trait Keep {
    /// True if a comparison looks at it.
    fn kept(&self) -> bool {
        true
    }
}

impl Keep for Text {}
impl Keep for SavedSubject {}
impl Keep for SavedServer {}
impl Keep for SavedFinding {}
impl Keep for SavedStage {}
impl Keep for SavedSurvey {}
impl Keep for SavedVersion {}
impl Keep for SavedObservation {
    /// True for facts about connections: a machine's own records are compared by what is found in them.
    fn kept(&self) -> bool {
        const FACTS: [&str; 9] =
            ["name.", "tcp.", "x224.", "tls.", "certificate.", "credssp.", "ntlm.", "clock.", "sequence."];
        FACTS.iter().any(|start| self.fact.0.starts_with(start))
    }
}

/// Text that is safe to print, of at most 200 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl Text {
    fn cut(text: &str) -> Self {
        let start: String = text.chars().take(LETTERS).collect();
        let more = if start.len() < text.len() { "…" } else { "" };
        Self(format!("{}{more}", printable(&start)))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self::cut(&text))
    }
}

/// The first entries of a list that are worth keeping; the rest is read and dropped.
#[derive(Debug)]
pub(super) struct Few<T>(pub Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Keep> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Keep> Visitor<'de> for List<T> {
            type Value = Few<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < KEPT {
                    match list.next_element::<T>()? {
                        Some(entry) if entry.kept() => kept.push(entry),
                        Some(_) => {}
                        None => return Ok(Few(kept)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Few(kept))
            }
        }
        from.deserialize_seq(List(PhantomData))
    }
}

/// Value of at most three levels with at most 32 entries each.
#[derive(Debug, Default)]
pub(super) struct Small(pub Value);

impl<'de> Deserialize<'de> for Small {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Level(DEPTH)).map(Self)
    }
}

/// Reads a value of so many levels; below them everything is null.
#[derive(Clone, Copy)]
struct Level(usize);

impl<'de> serde::de::DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if self.0 == 0 {
            return IgnoredAny::deserialize(from).map(|_| Value::Null);
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(yes.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Text::cut(text).0.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < ENTRIES {
            match list.next_element_seed(Level(self.0 - 1))? {
                Some(entry) => kept.push(entry),
                None => return Ok(Value::Array(kept)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = serde_json::Map::new();
        while let Some(Text(name)) = map.next_key()? {
            if kept.len() < ENTRIES {
                kept.insert(name, map.next_value_seed(Level(self.0 - 1))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_beginning() {
        let text = format!("[{}]", vec!["[[[[1]]]]"; 100].join(","));
        let Small(value) = serde_json::from_str(&text).unwrap();
        assert_eq!((value.as_array().unwrap().len(), &value[0]), (ENTRIES, &serde_json::json!([[null]])));
        let Small(value) = serde_json::from_str(&format!("\"{}\"", "x".repeat(1000))).unwrap();
        assert_eq!(value.as_str().unwrap().chars().count(), LETTERS + 1);
    }

    #[test]
    fn a_list_keeps_what_is_compared_and_no_more_than_its_bound() {
        let entry = |fact| format!(r#"{{"fact":"{fact}","subject":0,"value":1}}"#);
        let many = [vec![entry("event"); 3000], vec![entry("tcp.answer"); 3000]].concat().join(",");
        let Few(kept): Few<SavedObservation> = serde_json::from_str(&format!("[{many}]")).unwrap();
        assert_eq!((kept.len(), kept[0].fact.0.as_str()), (KEPT, "tcp.answer"));
    }

    #[test]
    fn a_text_paints_no_terminal() {
        let Text(text) = serde_json::from_str(r#""a\u001b[31m""#).unwrap();
        assert_eq!(text, "a{U+001B}[31m");
    }
}
