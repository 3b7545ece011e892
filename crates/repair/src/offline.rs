//! Changes of the registry of a Windows that does not run: values in the file of a hive.
//!
//! In a plan they are a change of one file, with the values that it is about, so a journal keeps the whole hive, and
//! going back restores it to the byte. The transaction logs beside it are read and stay as they are.

use std::path::PathBuf;

use evidence::hive::log;
use serde::{Deserialize, Serialize};

use crate::hand::Hand;
use crate::hive::{Data, Edit, Image};
use crate::place::{Held, Kept, Place};
use crate::ratchet::{self, Turn};

/// First bytes of a file with the memory of a Windows that hibernates or was shut down for a fast start (`hibr`, in
/// either case); zeros once it has started again.
const HIBERNATED: &[u8] = b"hibr";

/// Values that are changed in the file of a hive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiveChange {
    /// Path under which a running Windows has the hive, such as `HKLM\\SYSTEM`.
    pub root: String,
    /// The values.
    pub values: Vec<ValueChange>,
    /// Transaction logs of the hive.
    pub logs: Vec<PathBuf>,
    /// File that tells whether this Windows hibernates, where there is one (`hiberfil.sys`).
    pub hibernation: Option<PathBuf>,
    /// Time that the hive will bear, as a `FILETIME`.
    pub at: u64,
}

/// Value that is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    /// Path of its key below the root, such as `CurrentControlSet\\Control\\Terminal Server`.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Contents that it had when the plan was made.
    pub before: Kept,
    /// Contents that it is to have.
    pub after: Kept,
}

impl HiveChange {
    /// Returns the hive with its transaction logs merged, read by a hand on the machine where the disk is mounted.
    pub fn image(&self, hand: &dyn Hand, hive: &[u8]) -> Result<Image, String> {
        if let Some(path) = &self.hibernation
            && let Held::File { bytes, .. } = hand.head(path, HIBERNATED.len()).map_err(|why| why.to_string())?
            && bytes.get(..HIBERNATED.len()).is_some_and(|head| head.eq_ignore_ascii_case(HIBERNATED))
        {
            return Err(format!(
                "this Windows hibernates, or was shut down for a fast start ({}): what is changed on its disk is lost or \
                 does harm. Start it and shut it down with `shutdown /s /t 0`",
                path.display()
            ));
        }
        let mut logs = Vec::new();
        let mut room = log::KEPT;
        for path in &self.logs {
            let told = |why: String| format!("read {}: {why}", path.display());
            let held = hand.read(&Place::file(path)).map_err(|why| told(why.to_string()))?;
            let Held::File { bytes, .. } = held else { continue };
            logs.extend(log::read(&bytes[..], &mut room).map_err(|why| told(why.to_string()))?);
        }
        Image::open(hive.to_vec(), logs).map_err(|why| why.to_string())
    }

    /// Returns the changed hive. Refused if a value is not any more as it was when the plan was made, or would be
    /// weaker.
    pub fn changed(&self, hand: &dyn Hand, hive: &[u8]) -> Result<Vec<u8>, String> {
        let image = self.image(hand, hive)?;
        let mut edits = Vec::new();
        for value in &self.values {
            let shown = format!("{}\\{} {}", self.root, value.key, value.name);
            let now = held(&image, value)?;
            if Kept::of(&now) != value.before {
                let (now, then) = (Kept::of(&now).words(), value.before.words());
                return Err(format!("{shown} holds {now}, and held {then} when the plan was made"));
            }
            let after = value.after.held(|_| None).ok_or_else(|| format!("{shown} cannot hold a file"))?;
            if let Turn::Weaker(why) = ratchet::compare(&self.place(value), &now, &after) {
                return Err(format!("{shown} would be weaker: {why}"));
            }
            let data = match after {
                Held::Absent => None,
                Held::Value { kind, data } => Some(Data { kind, bytes: data }),
                _ => return Err(format!("{shown} cannot hold this")),
            };
            edits.push(Edit { key: value.key.clone(), name: value.name.clone(), data });
        }
        image.edit(&edits, self.at).and_then(|image| image.seal(self.at)).map_err(|why| why.to_string())
    }

    /// Returns the place that a value has on the running Windows.
    pub(crate) fn place(&self, value: &ValueChange) -> Place {
        Place::Registry { key: format!("{}\\{}", self.root, value.key), name: value.name.clone() }
    }

    /// Says each change in words for a person, one line each.
    pub fn lines(&self) -> Vec<String> {
        let line = |value: &ValueChange| {
            let (key, before, after) = (&value.key, value.before.words(), value.after.words());
            format!("{}\\{key} {}: {before} -> {after}", self.root, value.name)
        };
        self.values.iter().map(line).collect()
    }
}

/// Returns what a value of a hive holds.
pub fn held(image: &Image, value: &ValueChange) -> Result<Held, String> {
    let data = image.held(&value.key, &value.name).map_err(|why| why.to_string())?;
    Ok(data.map_or(Held::Absent, |data| Held::Value { kind: data.kind, data: data.bytes }))
}
