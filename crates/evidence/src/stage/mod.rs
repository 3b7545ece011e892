//! The stages of a connection, in the order of the way. The facts of a stage stand in its file: their names and values
//! in the report, and how they are observed.

pub(crate) mod certificate;
pub(crate) mod connection_sequence;
pub(crate) mod credssp;
mod end;
pub(crate) mod gateway;
pub(crate) mod name;
pub(crate) mod path;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod x224;

use schemars::JsonSchema;
use serde::Serialize;
use wire::machine::Outcome;
use wire::transcript::ConnectionRecord;

use crate::observe::seen::Seen;

/// Part of a connection in which a fault lies, in the order in which a connection passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Turning the name into addresses.
    Name,
    /// The TCP connection.
    Tcp,
    /// X.224 and the security negotiation.
    X224,
    /// The TLS handshake.
    Tls,
    /// The certificate's contents.
    Certificate,
    /// CredSSP up to the point where credentials would be needed.
    Credssp,
    /// The connection sequence as far as the host's settings.
    Sequence,
    /// The answer of an RD Gateway to a client that asks to be let through.
    Gateway,
    /// The host's own settings and records.
    Host,
    /// The client's own settings and records.
    Client,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Tcp,
        Self::X224,
        Self::Tls,
        Self::Certificate,
        Self::Credssp,
        Self::Sequence,
        Self::Gateway,
        Self::Host,
        Self::Client,
    ];

    /// Returns the word on the ladder.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::X224 => "x224",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Credssp => "credssp",
            Self::Sequence => "sequence",
            Self::Gateway => "gateway",
            Self::Host => "host",
            Self::Client => "client",
        }
    }
}

/// Adds the facts of every stage that a connection came to.
pub(crate) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let path = path::read(record, outcome);
    // what was said for the sake of the path is no client's word, and nothing else is judged by its answer
    if !record.plan.path.measures() {
        for observe in [tcp::observe, x224::observe, tls::observe, credssp::observe, connection_sequence::observe] {
            observe(record, outcome, seen);
        }
    }
    path::observe(record, outcome, path, seen);
}
