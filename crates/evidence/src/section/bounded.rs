//! Lists and maps of a recorded state, read with a limit.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Most parts of anything else: fields of an entry, settings of an `.rdp` file, usages of a certificate.
const PARTS: usize = 4000;

/// Deserialises fields of an entry, with a limit.
pub(crate) fn fields<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    from.deserialize_map(Map(PARTS, |_: &String| 0, PhantomData))
}

/// Deserialises numbers by their names, with a limit.
pub(crate) fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u64>, D::Error> {
    from.deserialize_map(Map(PARTS, |_: &u64| 0, PhantomData))
}

/// Deserialises parts of anything else, with a limit.
pub(crate) fn parts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(List(PARTS, PhantomData))
}

pub(super) struct Map<T>(pub usize, pub fn(&T) -> usize, pub PhantomData<T>);

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

pub(super) struct List<T>(pub usize, pub PhantomData<T>);

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
