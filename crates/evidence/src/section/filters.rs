//! Drivers that see every packet of a machine with Windows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Section, Turn};
use crate::redaction::{REDACTED, kept};

/// Component of the network's class of services: a driver between the adapters and the rest of Windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkFilter {
    /// Name that its maker gave it (`ComponentId`), such as `ms_pacer`.
    pub id: String,
    /// Description for people; null where it has none.
    pub name: Option<String>,
}

/// Beginning of the names of Windows' own.
const OWN: &str = "ms_";
/// Names of some that other programs bring along, which tell nothing of a person.
const KNOWN: &[&str] =
    &["INSECURE_NPCAP", "INSECURE_NPCAP_WIFI", "oracle_VBoxNetLwf", "sun_VBoxNetFlt", "vmware_bridge", "nt_wpcap"];

impl NetworkFilter {
    /// True if it belongs to Windows.
    pub fn is_of_windows(&self) -> bool {
        self.id.get(..OWN.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN))
    }

    /// Returns its description, or else its name. A description may say first in which file a translation stands:
    /// `@oem12.inf,%text%;text`.
    pub fn label(&self) -> &str {
        let described = self.name.as_deref().map(|name| name.rsplit(';').next().unwrap_or(name).trim());
        described.filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }
}

impl Section for NetworkFilter {
    const FACT: &'static str = "network.filter";
    const TITLE: &'static str = "network filters";
    const TURN: Turn = Turn::Second;

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let Self { id, name: _ } = self;
        let own = self.is_of_windows() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let id = if own { id.clone() } else { kept(KNOWN, id) };
        Self { name: Some(REDACTED.to_owned()), id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_told_without_its_place() {
        let filter = |name: Option<&str>| NetworkFilter { id: "x_lwf".to_owned(), name: name.map(str::to_owned) };
        assert_eq!(filter(Some("@oem12.inf,%npf%;Packet Driver")).label(), "Packet Driver");
        assert_eq!(filter(Some("Packet Driver")).label(), "Packet Driver");
        assert_eq!((filter(None).label(), filter(Some("@oem12.inf,%x%;")).label()), ("x_lwf", "x_lwf"));
        assert!(!filter(None).is_of_windows());
        assert!(NetworkFilter { id: "MS_Pacer".to_owned(), name: None }.is_of_windows());
    }
}
