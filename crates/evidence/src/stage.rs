//! The stages of a connection, in the order of the way.

use schemars::JsonSchema;
use serde::Serialize;

/// The part of a connection in which a fault lies, in the order of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The name is turned into addresses.
    Name,
    /// The TCP connection.
    Tcp,
    /// X.224 and the security negotiation.
    X224,
    /// The TLS handshake.
    Tls,
    /// What the certificate says.
    Certificate,
    /// CredSSP up to the point where credentials would be needed.
    Credssp,
    /// What an RD Gateway says to the client that asks to be let through.
    Gateway,
    /// What the host's own settings and records show.
    Host,
    /// What the client's own settings and records show.
    Client,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Tcp,
        Self::X224,
        Self::Tls,
        Self::Certificate,
        Self::Credssp,
        Self::Gateway,
        Self::Host,
        Self::Client,
    ];

    /// The word on the ladder.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::X224 => "x224",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Credssp => "credssp",
            Self::Gateway => "gateway",
            Self::Host => "host",
            Self::Client => "client",
        }
    }
}
