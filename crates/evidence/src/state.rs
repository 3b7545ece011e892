//! State of a machine as it was recorded, offline or live (`rdpdoctor-state/1`).
//!
//! Every reader of a machine (a hive, an event log, a mounted disk, a script's output, the live system) writes this one
//! format, and [`State::observe`] alone turns it into evidence. Anything that was looked for and is missing is listed
//! as missing; anything not mentioned was not read, and nothing is concluded from it.

pub mod bounds;
mod places;
pub(crate) mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::access::{AccessTrace, RefusedAccess};
use crate::moment::moment;
use crate::rdp_file::RdpFileRecord;
pub use places::*;

pub use read::{FORM, NAME, StateError};

/// Name and version of the format.
pub const SCHEMA: &str = "rdpdoctor-state/1";

/// Part that the machine plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The machine to connect to.
    #[default]
    Host,
    /// The machine that connects.
    Client,
}

/// State of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default)]
pub struct State {
    /// `rdpdoctor-state/1`; fields are only ever added within a version.
    pub schema: String,
    /// Part that the machine plays.
    pub part: Part,
    /// When it was read, RFC 3339, UTC; null where that is not known.
    pub taken_at: Option<String>,
    /// Name of the machine.
    pub computer: Option<String>,
    /// Registry keys that were looked up.
    pub registry: Vec<RegistryKey>,
    /// Services that were looked up.
    pub services: Vec<Service>,
    /// Certificates in the machine's stores.
    pub certificates: Vec<StoredCertificate>,
    /// Private key files.
    pub key_files: Vec<KeyFile>,
    /// Periods that event logs cover.
    pub logs: Vec<LogSpan>,
    /// Entries of event logs that mean something for Remote Desktop.
    pub events: Vec<LogEvent>,
    /// Files whose version matters.
    pub files: Vec<FileVersion>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// `.rdp` files.
    pub rdp_files: Vec<RdpFileRecord>,
    /// Recordings of accesses to files and registry keys.
    pub traces: Vec<AccessTrace>,
    /// Accesses refused in them, at places that matter for Remote Desktop.
    pub refused: Vec<RefusedAccess>,
    /// Evidence that could not be read, and why.
    pub unread: Vec<Unread>,
}

/// Registry key that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryKey {
    /// Path from the root, with `CurrentControlSet` for the control set in use.
    pub path: String,
    /// True if it exists.
    pub exists: bool,
    /// All its values, by name; of Winlogon a single one.
    #[serde(default, deserialize_with = "read::values")]
    pub values: BTreeMap<String, RegistryData>,
}

/// Value of a registry key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistryData {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`, `REG_EXPAND_SZ`.
    Text(String),
    /// `REG_MULTI_SZ`.
    Texts(#[serde(deserialize_with = "read::texts")] Vec<String>),
    /// Anything else, hexadecimal.
    Binary(String),
}

/// Service that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Name, not the title.
    pub name: String,
    /// True if it is installed.
    pub exists: bool,
    /// `Start`: 2 automatic, 3 manual, 4 disabled.
    pub start: Option<u32>,
    /// True if it runs; null where only its settings were read.
    pub running: Option<bool>,
    /// `ImagePath`.
    #[serde(default)]
    pub image: Option<String>,
    /// `ObjectName`: account that it runs as.
    #[serde(default)]
    pub account: Option<String>,
}

/// Certificate in a store of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredCertificate {
    /// `Remote Desktop`, `My` or, of the authorities that the machine itself trusts, `Root`.
    pub store: String,
    /// SHA-1 thumbprint, hexadecimal, lower case.
    pub sha1: String,
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// `notBefore`, RFC 3339, UTC.
    pub not_before: String,
    /// `notAfter`, RFC 3339, UTC.
    pub not_after: String,
    /// True if it has a private key; null where that is not known.
    pub has_key: Option<bool>,
    /// Container of the key.
    #[serde(default)]
    pub container: Option<String>,
    /// Provider of the key.
    #[serde(default)]
    pub provider: Option<String>,
    /// True if the container is the machine's, false if a user's; null where that is not known.
    #[serde(default)]
    pub machine_key: Option<bool>,
    /// `AT_KEYEXCHANGE` 1, `AT_SIGNATURE` 2, 0 for CNG.
    #[serde(default)]
    pub key_spec: Option<u32>,
    /// Extended key usages, as object identifiers.
    #[serde(default, deserialize_with = "read::parts")]
    pub usages: Vec<String>,
    /// Names that it is for: those of `subjectAltName`, else its common name; null where they were not read.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// `rsa`, `ec`, or the object identifier of the key's algorithm; null where that was not read.
    #[serde(default)]
    pub key_algorithm: Option<String>,
    /// Size of the key in bits; null where that was not read, 0 where it could not be told.
    #[serde(default)]
    pub key_bits: Option<u32>,
    /// Object identifier of its signature's algorithm; null where that was not read.
    #[serde(default)]
    pub signature_algorithm: Option<String>,
}

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

/// Period that a log covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogSpan {
    /// Channel of the log.
    pub channel: String,
    /// Oldest entry, RFC 3339, UTC.
    pub from: String,
    /// Newest entry, RFC 3339, UTC; for an exported log the time of its export.
    pub until: String,
    /// Entries read.
    pub records: u64,
    /// True if parts could not be read, or entries are missing between those that were.
    #[serde(default)]
    pub damaged: bool,
    /// Entries that mean something for Remote Desktop and were left out, because there are newer ones.
    #[serde(default)]
    pub left_out: u64,
    /// Newest of those left out, RFC 3339, UTC: after it nothing was.
    #[serde(default)]
    pub left_out_until: Option<String>,
}

impl LogSpan {
    /// True if every entry since this moment that means something for Remote Desktop is known: only then a missing
    /// entry shows that there was none.
    pub fn whole_since(&self, since: OffsetDateTime) -> bool {
        let before = |text: &str| moment(text).is_some_and(|known| known <= since);
        let kept = self.left_out == 0 || self.left_out_until.as_deref().is_some_and(before);
        !self.damaged && kept && before(&self.from)
    }
}

/// Entry of an event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogEvent {
    /// Time of the entry, RFC 3339, UTC.
    pub at: String,
    /// Channel of the log.
    pub channel: String,
    /// Name of the provider.
    pub provider: String,
    /// Event id.
    pub id: u32,
    /// Record number in the log.
    #[serde(default)]
    pub record: u64,
    /// ActivityID, which joins the entries of one connection.
    #[serde(default)]
    pub activity: Option<String>,
    /// Data of the entry, by name or, where there are no names, by `0`, `1` …
    #[serde(default, deserialize_with = "read::fields")]
    pub data: BTreeMap<String, String>,
}

/// File with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileVersion {
    /// Name, such as `termsrv.dll`.
    pub name: String,
    /// Version, such as `10.0.20348.1`; null where the file has none, or is missing.
    pub version: Option<String>,
    /// True if it exists.
    pub exists: bool,
}

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

/// Evidence that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Name of the evidence.
    pub what: String,
    /// Reason, in words.
    pub why: String,
}

impl State {
    /// Writes the state as JSON that [`State::parse`] reads back.
    pub fn to_json(&self) -> String {
        let named = Self { schema: SCHEMA.to_owned(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&named).expect("a state has only string keys");
        text.push('\n');
        text
    }

    /// Takes in what another reader found about the same machine.
    pub fn merge(&mut self, other: Self) {
        self.taken_at = [self.taken_at.take(), other.taken_at].into_iter().flatten().max();
        self.computer = self.computer.take().or(other.computer);
        self.registry.extend(other.registry);
        self.services.extend(other.services);
        self.certificates.extend(other.certificates);
        self.key_files.extend(other.key_files);
        self.logs.extend(other.logs);
        self.events.extend(other.events);
        self.files.extend(other.files);
        self.volumes.extend(other.volumes);
        self.rdp_files.extend(other.rdp_files);
        self.traces.extend(other.traces);
        self.refused.extend(other.refused);
        self.unread.extend(other.unread);
    }

    /// Returns the newest moment it knows, no later than `until`: the attempt, where nothing else says when that was.
    pub fn newest(&self, until: OffsetDateTime) -> Option<OffsetDateTime> {
        let logs = self.logs.iter().map(|log| log.until.as_str());
        let events = self.events.iter().map(|event| event.at.as_str());
        self.taken_at
            .as_deref()
            .into_iter()
            .chain(logs)
            .chain(events)
            .filter_map(moment)
            .filter(|at| *at <= until)
            .max()
    }
}

/// Returns the published JSON Schema of a state.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(State);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
    text.push('\n');
    text
}
