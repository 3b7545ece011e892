//! Connections and UDP transports that were captured, beside the host's answers in them.

use serde::Serialize;

/// Captured connection, apart from the host's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedConnection {
    /// Client that opened it.
    pub client: String,
    /// The proxy that it went through and where that led, in words; `None` for one without a proxy.
    pub through: Option<String>,
    /// Name that it asked for, in TLS or HTTP.
    pub server_name: Option<String>,
    /// True if the client sent a cookie or routing token with its request.
    pub cookie: bool,
    /// Bytes from the client.
    pub sent: u64,
    /// Bytes from the host.
    pub received: u64,
    /// Who ended it, how and when; `None` where the capture ends first.
    pub ended: Option<String>,
    /// Alert that the client sent in clear.
    pub client_alert: Option<String>,
    /// Alert that the host sent in clear after it had accepted.
    pub host_alert: Option<String>,
    /// Doubts about it.
    pub notes: Vec<Doubt>,
}

/// Reason why a captured connection shows less than there was. A report has its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The capture began after the connection.
    Midway,
    /// Only the client's packets were captured.
    HostUnseen,
    /// Only the host's packets were captured.
    ClientUnseen,
    /// Packets in between are missing.
    Gaps,
    /// Bytes were sent twice with different contents.
    Altered,
    /// TLS 1.3 hides the certificate.
    HiddenCertificate,
}

impl Doubt {
    /// Returns its words in a report.
    pub fn words(self) -> &'static str {
        match self {
            Self::Midway => "its beginning was not captured",
            Self::HostUnseen => "only the client's packets were captured",
            Self::ClientUnseen => "only the host's packets were captured: what the client asked is not known",
            Self::Gaps => "bytes are missing in the capture",
            Self::Altered => "bytes were sent again with other contents; the first count",
            Self::HiddenCertificate => "TLS 1.3 encrypts the certificate: it is not known",
        }
    }

    /// True if the capture lacks packets of the connection.
    pub fn lacks_packets(self) -> bool {
        match self {
            Self::Midway | Self::HostUnseen | Self::ClientUnseen | Self::Gaps => true,
            Self::Altered | Self::HiddenCertificate => false,
        }
    }
}

impl Serialize for Doubt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// UDP transport that was requested in a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedTransport {
    /// Client that requested it.
    pub client: String,
    /// Version of RDPEUDP that was requested.
    pub asked: Option<u16>,
    /// True if the host answered. No answer means little: many networks block UDP, and clients go on without.
    pub answered: bool,
    /// Version of RDPEUDP that the host chose.
    pub chosen: Option<u16>,
}

/// Clients that a capture shows at one host, and one of them that never came through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedClients {
    /// Address of a client that failed and never came through; `None` if each came through.
    pub client: Option<String>,
    /// The host, with the port.
    pub host: String,
    /// Number of its connections, all of which failed.
    pub attempts: u64,
    /// Clients that connected to the host.
    pub clients: u64,
    /// Those of them that never came through.
    pub failing: u64,
    /// Other clients that came through on a connection that began after its last one.
    pub passed_since: u64,
    /// Connections to the host that were counted.
    pub connections: u64,
}
