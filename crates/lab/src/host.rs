//! One host of a scenario. Whatever is not said is that of a healthy Windows Server 2022 with Network Level
//! Authentication.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::Deserialize;
use wire::tls::TlsVersion;

use crate::transport::Pace;

pub use crate::certificate::{Certificate, Key, OldSignature};
pub use crate::stage::connection_sequence::{ConnectionSequence, ConnectionSequenceFault};
pub use crate::stage::credssp::{Credssp, CredsspFault};
pub use crate::stage::tcp::{Neglect, TcpMode};
pub use crate::stage::tls::{Tls, TlsFault};
pub use crate::stage::x224::{Negotiation, NegotiationFault, Protocol};

/// A host.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
// each switch is a fact of its own, named as in the scenario files
#[allow(clippy::struct_excessive_bools)]
pub struct Host {
    /// Its address: `127.0.0.1` unless said otherwise. [`TcpMode::Unreachable`] ignores it.
    pub address: IpAddr,
    /// Treatment of TCP connections.
    pub tcp: TcpMode,
    /// The service that is there instead of Remote Desktop.
    pub banner: Option<Banner>,
    /// Milliseconds before each answer.
    pub delay_ms: u64,
    /// Every byte is a TCP segment of its own, also below TLS.
    pub one_byte_at_a_time: bool,
    /// Milliseconds before each of these bytes.
    pub byte_delay_ms: u64,
    /// A second connection while one is open, and for 100 ms after one closed, is reset.
    pub one_client_at_a_time: bool,
    /// Connections beyond this many are reset.
    pub ban_after: Option<usize>,
    /// The connections, counted from 1, that it accepts and then neglects, as an overloaded host does.
    pub neglects: Vec<usize>,
    /// Fate of those connections.
    pub neglect: Neglect,
    /// How it negotiates the security protocol.
    pub negotiation: Negotiation,
    /// How it speaks TLS.
    pub tls: Tls,
    /// The certificate that it shows.
    pub certificate: Certificate,
    /// How it introduces itself.
    pub credssp: Credssp,
    /// How it tells its settings to anyone who comes so far.
    pub connection_sequence: ConnectionSequence,
}

/// A service that is not Remote Desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Banner {
    /// Greets first.
    Ssh,
    /// Answers anything with 400.
    Http,
    /// Greets first.
    Vnc,
    /// Greets first.
    Smtp,
    /// Greets first.
    Ftp,
    /// Answers anything with a TLS alert, as a web server on its TLS port does.
    Tls,
    /// Begins with option negotiation.
    Telnet,
    /// Begins with bytes that mean nothing.
    Garbage,
    /// Begins with bytes that mean nothing, and never ends.
    Endless,
}

impl Host {
    /// True if a connection to it can get as far as TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.tcp == TcpMode::Accept && self.banner.is_none()
    }

    /// The pace at which it writes.
    pub(crate) fn pace(&self) -> Pace {
        let byte = self.one_byte_at_a_time.then(|| Duration::from_millis(self.byte_delay_ms));
        Pace { before_answer: Duration::from_millis(self.delay_ms), byte }
    }

    /// True if it takes the feature `legacy-tls`: old versions, short keys, old suites.
    pub fn needs_legacy_tls(&self) -> bool {
        self.tls.min < TlsVersion::Tls12
            || matches!(self.certificate.key, Key::Rsa1024 | Key::Rsa512)
            || self.certificate.signature.is_some()
            || !self.tls.groups.is_empty()
            || self.tls.suites.iter().any(|suite| !crate::stage::tls::has_suite(suite))
    }
}

impl Default for Host {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tcp: TcpMode::Accept,
            banner: None,
            delay_ms: 0,
            one_byte_at_a_time: false,
            byte_delay_ms: 0,
            one_client_at_a_time: false,
            ban_after: None,
            neglects: Vec::new(),
            neglect: Neglect::Silent,
            negotiation: Negotiation::default(),
            tls: Tls::default(),
            certificate: Certificate::default(),
            credssp: Credssp::default(),
            connection_sequence: ConnectionSequence::default(),
        }
    }
}
