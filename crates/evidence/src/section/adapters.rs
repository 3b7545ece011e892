//! Network adapters of the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Section, Turn};
use crate::redaction::{REDACTED, one_of};

/// Network adapter of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkAdapter {
    /// Name as people see it, such as `Ethernet 2`.
    pub name: String,
    /// Largest packet that it takes, in bytes; null where the system did not tell.
    pub mtu: Option<u32>,
    /// True if it is connected.
    pub up: bool,
}

/// Names that Windows gives; a number may follow.
const NAMES: &[&str] = &["Ethernet", "Wi-Fi", "Wireless Network Connection", "Local Area Connection"];

impl Section for NetworkAdapter {
    const FACT: &'static str = "network.adapter";
    const TITLE: &'static str = "network adapters";
    const TURN: Turn = Turn::Second;

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let Self { name, mtu, up } = self;
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
        Self { name: one_of(NAMES, plain).unwrap_or_else(|| REDACTED.to_owned()), mtu: *mtu, up: *up }
    }
}
