//! Declarations of log entries: what a `[[code]]` in a list of events says beside its meaning.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Level of a kind of entry that logs are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It belongs to connections that work, or end normally.
    Normal,
    /// It speaks of a fault.
    Trouble,
}

/// Content of an entry's field, as far as redaction has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// An address or a host, perhaps with a port.
    Place,
    /// A person or an account.
    Person,
    /// A machine or a domain.
    Name,
    /// A SID.
    Sid,
    /// A number or a code.
    Number,
    /// One of a few words.
    Word,
    /// Service names for Kerberos, with a version behind.
    Principal,
    /// A service, by its name or title.
    Service,
    /// A program, as far as it tells whether it is Remote Desktop's.
    Process,
    /// Bytes in hexadecimal.
    Bytes,
    /// Anything else.
    Text,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// The client began to connect.
    Begun,
    /// The host noticed it, or the client found the port open.
    Arrived,
    /// The host had the credentials checked before the session (Network Level Authentication), or the TLS handshake is
    /// over.
    Authenticating,
    /// The network authentication succeeded.
    Authenticated,
    /// The user was logged on.
    LoggedOn,
}

/// Part that an entry has in a connection attempt.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptStep {
    /// True if the entry by itself shows that there was an attempt.
    pub begins: bool,
    /// How far the attempt had got, if the entry tells.
    pub reached: Option<Progress>,
    /// Fields that may name the peer; those of the list where the code names none.
    pub peer: Vec<String>,
    /// How the attempt ended, in words.
    pub ended: Option<String>,
    /// Field with the reason of its end: an extended code or a status in a host's log, a client's code in a client's.
    pub reason: Option<String>,
}

/// Kind of log entry: what logs are searched for, what of it may be told, and what it is to a connection.
#[derive(Debug, Default)]
pub struct EntryKind {
    /// Level; `None` for an entry that logs are not searched for.
    pub level: Option<Level>,
    /// Fields with contents of their own in this kind of entry.
    pub fields: BTreeMap<String, Content>,
    /// Content of fields that have a number for a name.
    pub numbered: Option<Content>,
    /// Part in a connection attempt; `None` for an entry about no single connection.
    pub attempt: Option<AttemptStep>,
}
