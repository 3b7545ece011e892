//! The state of a machine as it was recorded, offline or live (`rdpdoctor-state/1`).
//!
//! Everything that reads a machine (a hive, an event log, a mounted disk, a script's output, the live system) writes this
//! one form, and [`State::observe`] alone turns it into evidence. What was looked for and is not there stands in it as
//! such; what is not mentioned was not read, and nothing is concluded from it.

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
use crate::events;
use crate::evidence::{Evidence, Role, Source, Subject, SubjectId};
use crate::fact::Fact;
use crate::moment::moment;
use crate::printable::printable;
use crate::rdp_file::RdpFileRecord;
pub use places::*;

pub use read::{FORM, StateError};

/// The name and version of the form.
pub const SCHEMA: &str = "rdpdoctor-state/1";

/// The part that the machine plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The machine that is to be controlled.
    #[default]
    Host,
    /// The machine that wants to connect.
    Client,
}

/// The state of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default)]
pub struct State {
    /// `rdpdoctor-state/1`; fields are only ever added within a version.
    pub schema: String,
    /// The part that the machine plays.
    pub part: Part,
    /// When it was read, RFC 3339, UTC; null where that is not known.
    pub taken_at: Option<String>,
    /// Its name.
    pub computer: Option<String>,
    /// Registry keys that were looked up.
    pub registry: Vec<RegistryKey>,
    /// Services that were looked up.
    pub services: Vec<Service>,
    /// Certificates in the machine's stores.
    pub certificates: Vec<StoredCertificate>,
    /// Private key files.
    pub key_files: Vec<KeyFile>,
    /// Stretches of time of which event logs tell.
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
    /// What was refused in them, at places that matter for Remote Desktop.
    pub refused: Vec<RefusedAccess>,
    /// What was to be read and could not be, and why.
    pub unread: Vec<Unread>,
}

/// A registry key that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryKey {
    /// Its path from the root, `CurrentControlSet` for the control set in use.
    pub path: String,
    /// It is there.
    pub exists: bool,
    /// All its values, by name; of Winlogon one alone.
    #[serde(default, deserialize_with = "read::values")]
    pub values: BTreeMap<String, RegistryData>,
}

/// A registry value.
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

/// A service that was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Its name, not its title.
    pub name: String,
    /// It is installed.
    pub exists: bool,
    /// `Start`: 2 automatic, 3 manual, 4 disabled.
    pub start: Option<u32>,
    /// It runs; null where only its settings were read.
    pub running: Option<bool>,
    /// `ImagePath`.
    #[serde(default)]
    pub image: Option<String>,
    /// `ObjectName`: the account that it runs as.
    #[serde(default)]
    pub account: Option<String>,
}

/// A certificate in a store of the machine.
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
    /// A private key belongs to it; null where that is not known.
    pub has_key: Option<bool>,
    /// The key's container.
    #[serde(default)]
    pub container: Option<String>,
    /// The key's provider.
    #[serde(default)]
    pub provider: Option<String>,
    /// The container is one of the machine, and not of a user; null where that is not known.
    #[serde(default)]
    pub machine_key: Option<bool>,
    /// `AT_KEYEXCHANGE` 1, `AT_SIGNATURE` 2, 0 for CNG.
    #[serde(default)]
    pub key_spec: Option<u32>,
    /// Extended key usages, as object identifiers.
    #[serde(default, deserialize_with = "read::parts")]
    pub usages: Vec<String>,
    /// The names that it is for: those of `subjectAltName`, else its common name; null where they were not read.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// `rsa`, `ec`, or the object identifier of the key's algorithm; null where that was not read.
    #[serde(default)]
    pub key_algorithm: Option<String>,
    /// The key's bits; null where that was not read, 0 where it could not be told.
    #[serde(default)]
    pub key_bits: Option<u32>,
    /// The object identifier of its signature's algorithm; null where that was not read.
    #[serde(default)]
    pub signature_algorithm: Option<String>,
}

/// A file with a private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyFile {
    /// Its name; `.` for the folder itself, which stands there if it could be listed.
    pub name: String,
    /// Its folder: `MachineKeys` or `Keys`.
    pub folder: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Its security descriptor in SDDL; null where that was not read.
    pub security: Option<String>,
    /// Of the folder itself: so many of its files are not named, because there are too many. Those of Remote Desktop's own
    /// container always are.
    #[serde(default)]
    pub left_out: u64,
}

/// The stretch of time of which a log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogSpan {
    /// The channel.
    pub channel: String,
    /// The oldest entry, RFC 3339, UTC.
    pub from: String,
    /// The newest entry, RFC 3339, UTC; where the log was exported, when that was.
    pub until: String,
    /// Entries read.
    pub records: u64,
    /// Parts of it could not be read, or entries are missing between those that were read.
    #[serde(default)]
    pub damaged: bool,
    /// Entries that mean something for Remote Desktop and were left out, because there are newer ones.
    #[serde(default)]
    pub left_out: u64,
    /// The newest of those, RFC 3339, UTC: behind it nothing was left out.
    #[serde(default)]
    pub left_out_until: Option<String>,
}

impl LogSpan {
    /// True if every entry since this moment that means something for Remote Desktop is known: only then the lack of one
    /// says that there was none.
    pub fn whole_since(&self, since: OffsetDateTime) -> bool {
        let before = |text: &str| moment(text).is_some_and(|known| known <= since);
        let kept = self.left_out == 0 || self.left_out_until.as_deref().is_some_and(before);
        !self.damaged && kept && before(&self.from)
    }
}

/// An entry of an event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogEvent {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// The channel.
    pub channel: String,
    /// The provider's name.
    pub provider: String,
    /// The event's id.
    pub id: u32,
    /// Its number in the log.
    #[serde(default)]
    pub record: u64,
    /// What joins the entries of one connection.
    #[serde(default)]
    pub activity: Option<String>,
    /// Its data, by name or, where there are no names, by `0`, `1` …
    #[serde(default, deserialize_with = "read::fields")]
    pub data: BTreeMap<String, String>,
}

/// A file and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileVersion {
    /// Its name, such as `termsrv.dll`.
    pub name: String,
    /// `10.0.20348.1`; null where the file has none, or is missing.
    pub version: Option<String>,
    /// It is there.
    pub exists: bool,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    /// Its letter or mount point.
    pub name: String,
    /// Bytes free.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why, in words.
    pub why: String,
}

impl State {
    /// The state as JSON that [`State::parse`] reads back.
    pub fn to_json(&self) -> String {
        let named = Self { schema: SCHEMA.to_owned(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&named).expect("a state has only string keys");
        text.push('\n');
        text
    }

    /// Takes in what another reader found out about the same machine.
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

    /// The newest moment that it tells of, no later than `until`: the attempt, where nothing else is one.
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

    /// Adds all of it to the evidence, about a machine of its own. `at` is when it was read, for what says no time.
    pub fn observe(&self, evidence: &mut Evidence, source: Source, at: OffsetDateTime) -> SubjectId {
        self.observe_as(self.computer.as_deref(), evidence, source, at)
    }

    /// The same about the machine of this name, where that is known from elsewhere.
    pub fn observe_as(
        &self,
        computer: Option<&str>,
        evidence: &mut Evidence,
        source: Source,
        at: OffsetDateTime,
    ) -> SubjectId {
        let role = match self.part {
            Part::Host => Role::Host,
            Part::Client => Role::Client,
        };
        // a log or a hive may hold any text in the place of a name
        let name = computer.map(|name| printable(&name.chars().take(read::NAME).collect::<String>()));
        let subject = evidence.subject(Subject { role, name: name.clone(), address: None });
        let read = self.taken_at.as_deref().and_then(moment).unwrap_or(at);
        let mut add = |at, fact| evidence.observe(subject, source, at, None, fact);
        self.registry.iter().for_each(|key| add(read, Fact::RegistryKey(key.clone())));
        self.services.iter().for_each(|service| add(read, Fact::Service(service.clone())));
        // whom a host trusts says nothing about those who connect to it
        let matters = |certificate: &&StoredCertificate| self.part == Part::Client || certificate.store != ROOT;
        let certificates = self.certificates.iter().filter(matters);
        certificates.for_each(|certificate| add(read, Fact::StoredCertificate(certificate.clone())));
        self.key_files.iter().for_each(|file| add(read, Fact::KeyFile(file.clone())));
        self.files.iter().for_each(|file| add(read, Fact::FileVersion(file.clone())));
        self.volumes.iter().for_each(|volume| add(read, Fact::Volume(volume.clone())));
        self.rdp_files.iter().for_each(|file| add(read, Fact::RdpFile(file.clone())));
        self.traces.iter().for_each(|trace| add(read, Fact::AccessTrace(trace.clone())));
        self.refused.iter().for_each(|access| add(read, Fact::RefusedAccess(access.clone())));
        self.unread.iter().for_each(|unread| add(read, Fact::Unread(unread.clone())));
        self.logs.iter().for_each(|log| add(moment(&log.until).unwrap_or(read), Fact::LogSpan(log.clone())));
        for event in self.events.iter().filter(|event| self.part_of(event) == self.part) {
            add(moment(&event.at).unwrap_or(read), Fact::LogEvent(event.clone()));
        }
        self.observe_other_part(name, evidence, source, read);
        subject
    }

    /// The part of which an entry speaks: in the log of a host there may also be what it met as a client.
    fn part_of(&self, event: &LogEvent) -> Part {
        events::find(&event.provider, event.id).map_or(self.part, |known| known.part)
    }

    /// A host as a client of others, if any entry speaks of that: then its logs tell of that part as well. What a client
    /// does as a host of others is no matter of its own connection.
    fn observe_other_part(&self, name: Option<String>, evidence: &mut Evidence, source: Source, read: OffsetDateTime) {
        if self.part == Part::Client {
            return;
        }
        let mut entries = self.events.iter().filter(|event| self.part_of(event) != self.part).peekable();
        if entries.peek().is_none() {
            return;
        }
        let subject = evidence.subject(Subject { role: Role::Client, name, address: None });
        for log in &self.logs {
            evidence.observe(subject, source, moment(&log.until).unwrap_or(read), None, Fact::LogSpan(log.clone()));
        }
        for event in entries {
            evidence.observe(subject, source, moment(&event.at).unwrap_or(read), None, Fact::LogEvent(event.clone()));
        }
    }
}

/// The published JSON Schema of a state.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(State);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
    text.push('\n');
    text
}
