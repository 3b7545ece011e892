//! Walks JSON without keeping it: a tree of small values takes ninety times the bytes that it has as text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Hands on every text in JSON, whichever lists and objects it is in, but no names of fields; false if it is no JSON.
pub(super) fn texts(json: &str, mut each: impl FnMut(&str)) -> bool {
    walk(json, Texts { each: &mut each, field: None })
}

/// Hands on the texts within one field of the outermost object; false if it is no JSON.
pub(super) fn texts_of(json: &str, field: &str, mut each: impl FnMut(&str)) -> bool {
    walk(json, Texts { each: &mut each, field: Some(field) })
}

fn walk(json: &str, texts: Texts<'_>) -> bool {
    let mut json = serde_json::Deserializer::from_str(json);
    texts.deserialize(&mut json).and_then(|()| json.end()).is_ok()
}

/// Receiver of the texts, and the only field of this object that is looked into.
struct Texts<'a> {
    each: &'a mut dyn FnMut(&str),
    field: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Passes over these values.
macro_rules! passed_over {
    ($($visit:ident($value:ty),)*) => {
        $(fn $visit<E>(self, _: $value) -> Result<(), E> {
            Ok(())
        })*
    };
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    passed_over! { visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.field.is_none() {
            (self.each)(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { each, field } = self;
        while list.next_element_seed(Texts { each: &mut *each, field })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Self { each, field } = self;
        while let Some(name) = object.next_key::<String>()? {
            if field.is_none_or(|field| field == name) {
                object.next_value_seed(Texts { each: &mut *each, field: None })?;
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
