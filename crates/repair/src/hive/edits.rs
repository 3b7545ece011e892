//! Edits of a hive as a plan lists them: by the names that a running Windows gives its keys.

use serde::{Deserialize, Serialize};

use super::{Image, Refusal};

/// Name by which a running Windows shows the control set that it uses.
const CURRENT: &str = "CurrentControlSet";
/// `REG_DWORD`.
const DWORD: u32 = 4;

/// Change of a value of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Path of the key below the root of the hive, such as `CurrentControlSet\Control\Terminal Server`.
    pub key: String,
    /// Name of the value.
    pub name: String,
    /// Contents that it is to have; `None` deletes it.
    pub data: Option<Data>,
}

/// Contents of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Its type by number: `REG_SZ` is 1, `REG_DWORD` 4.
    pub kind: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Data {
    /// Contents of a `REG_DWORD`.
    pub fn number(number: u32) -> Self {
        Self { kind: DWORD, bytes: number.to_le_bytes().to_vec() }
    }
}

impl Image {
    /// Returns the path that a key has in this hive: that of the control set in use for `CurrentControlSet`.
    pub fn path(&self, key: &str) -> Result<String, Refusal> {
        let (first, rest) = key.split_once('\\').unwrap_or((key, ""));
        if !first.eq_ignore_ascii_case(CURRENT) {
            return Ok(key.to_owned());
        }
        let current = self.value("Select", "Current")?.and_then(|value| value.data.try_into().ok());
        let current = current.map(u32::from_le_bytes).ok_or_else(|| Refusal::NoKey(r"Select\Current".to_owned()))?;
        Ok(format!("ControlSet{current:03}\\{rest}"))
    }

    /// Returns what a value holds, by the name that a running Windows gives its key; `None` if the key has no such
    /// value.
    pub fn held(&self, key: &str, name: &str) -> Result<Option<Data>, Refusal> {
        let value = self.value(&self.path(key)?, name)?;
        Ok(value.map(|value| Data { kind: value.kind, bytes: value.data }))
    }

    /// Makes all edits, one after the other, at this time (a `FILETIME`), and reads each back.
    pub fn edit(mut self, edits: &[Edit], at: u64) -> Result<Self, Refusal> {
        for edit in edits {
            let key = self.path(&edit.key)?;
            self = match &edit.data {
                Some(data) => self.set(&key, &edit.name, data.kind, &data.bytes, at)?,
                None => self.delete(&key, &edit.name, at)?,
            };
        }
        for edit in edits {
            // of two edits of one value the later one counts
            let last = edits.iter().rfind(|other| other.same_place(edit)).unwrap_or(edit);
            if self.held(&edit.key, &edit.name)? != last.data {
                return Err(Refusal::Untaken(edit.name.clone()));
            }
        }
        Ok(self)
    }
}

impl Edit {
    fn same_place(&self, other: &Self) -> bool {
        self.key.eq_ignore_ascii_case(&other.key) && self.name.eq_ignore_ascii_case(&other.name)
    }
}
