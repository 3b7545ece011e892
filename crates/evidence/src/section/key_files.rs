//! Files with the machine's private keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::key_names::{self, MACHINE_KEYS, RDP_KEY};
use crate::redaction::{kept, security};

/// File with a private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyFile {
    /// Name; `.` for the folder itself, which is listed if its contents could be.
    pub name: String,
    /// Folder: `MachineKeys` or `Keys`.
    pub folder: String,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Security descriptor in SDDL; null where that was not read.
    pub security: Option<String>,
    /// For the folder itself: number of its files that are not listed, because there are too many. Those of Remote
    /// Desktop's own container always are.
    #[serde(default)]
    pub left_out: u64,
}

impl Section for KeyFile {
    const FACT: &'static str = "key.file";
    const TITLE: &'static str = "key files";
    const TURN: Turn = Turn::Third;
    const COUNT: Option<Count> = Some(Count::Things(["key file", "key files"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let KeyFile { name, folder, size, security, left_out } = self;
        let own = name.get(..RDP_KEY.len()).filter(|start| start.eq_ignore_ascii_case(RDP_KEY));
        KeyFile {
            name: match (own, key_names::split_key_name(name)) {
                (Some(start), _) => format!("{RDP_KEY}{}", names.identifier(&name[start.len()..])),
                (None, Some((digits, rest))) => format!("{}_{}", names.key_name(digits), names.identifier(rest)),
                (None, None) => kept(&["."], name),
            },
            folder: kept(&[MACHINE_KEYS, "Keys"], folder),
            size: *size,
            security: security.as_deref().map(|text| security::renamed(text, names)),
            left_out: *left_out,
        }
    }

    fn cut_short(kept: &mut [Self], lost: u64) {
        for folder in kept.iter_mut().filter(|file| file.name == ".") {
            folder.left_out = folder.left_out.saturating_add(lost);
        }
    }
}
