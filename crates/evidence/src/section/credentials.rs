//! Credentials that a person has saved for hosts: their names alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Section, Turn};
use crate::redaction::REDACTED;

/// Credential that a person has saved for a host. Neither the account nor anything secret is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedCredential {
    /// Name under which it is saved, such as `TERMSRV/server01`.
    pub target: String,
}

/// Beginning of the names of credentials for Remote Desktop.
pub const TERMSRV: &str = "TERMSRV/";

impl SavedCredential {
    /// Returns the host that it is for; `None` for a credential of another kind.
    pub fn host(&self) -> Option<&str> {
        let start = self.target.get(..TERMSRV.len())?;
        start.eq_ignore_ascii_case(TERMSRV).then(|| &self.target[TERMSRV.len()..])
    }
}

impl Section for SavedCredential {
    const FACT: &'static str = "credential.saved";
    const TITLE: &'static str = "saved credentials";
    const TURN: Turn = Turn::Second;

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self { target: _ } = self;
        let renamed = self.host().map(|host| format!("{TERMSRV}{}", names.place(host)));
        Self { target: renamed.unwrap_or_else(|| REDACTED.to_owned()) }
    }
}
