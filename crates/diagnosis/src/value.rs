//! Values of facts as a report keeps them: of any shape, and small.

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value as Json};

/// A value of JSON. Beside `serde_json::Value`, whose smallest object takes 600 bytes, it has no room to grow: a report
/// may have tens of thousands of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(Box<str>),
    /// An array.
    List(Box<[Self]>),
    /// An object, by the order of its names.
    Object(Box<[(Box<str>, Self)]>),
}

impl<T: Into<Json>> From<T> for Value {
    fn from(value: T) -> Self {
        match value.into() {
            Json::Null => Self::Null,
            Json::Bool(is) => Self::Bool(is),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::Text(text.into()),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => {
                Self::Object(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(is) => serializer.serialize_bool(*is),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_like_the_value_it_was_made_of() {
        let json = serde_json::json!({
            "b": [1, -2.5, 0.1, null, [], {}], "a": {"text": "\u{1b}\u{9b}\"é"}, "c": u64::MAX, "d": true, "e": -1
        });
        let value = Value::from(json.clone());
        assert_eq!(serde_json::to_string_pretty(&value).unwrap(), serde_json::to_string_pretty(&json).unwrap());
        assert_eq!(serde_json::to_value(&value).unwrap(), json);
    }
}
