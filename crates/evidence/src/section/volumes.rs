//! Volumes of the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::Section;
use crate::redaction::REDACTED;

/// Volume of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    /// Drive letter or mount point.
    pub name: String,
    /// Bytes free.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

impl Section for Volume {
    const FACT: &'static str = "volume";
    const TITLE: &'static str = "volumes";

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let Volume { name, free, size } = self;
        let letter = matches!(name.as_bytes(), [letter, b':'] | [letter, b':', b'\\'] if letter.is_ascii_alphabetic());
        Volume { name: if letter { name.clone() } else { REDACTED.to_owned() }, free: *free, size: *size }
    }
}
