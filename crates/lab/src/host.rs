//! One host of a scenario. Whatever is not said is that of a healthy Windows Server 2022 with Network Level
//! Authentication.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;
use wire::tls::TlsVersion;

pub use crate::stage::{
    ConnectionSequence, ConnectionSequenceFault, Credssp, CredsspFault, Neglect, Negotiation, NegotiationFault,
    Protocol, TcpMode, Tls, TlsFault,
};

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

/// The certificate that a host shows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// The subject's common name.
    pub subject: String,
    /// `notBefore`, days from now.
    pub not_before_days: f64,
    /// `notAfter`, days from now.
    pub not_after_days: f64,
    /// Issued by a CA, with the subject as alternative name; otherwise of the shape that Windows makes by itself.
    pub issued_by_ca: bool,
    /// The common name of that CA.
    pub issuer: String,
    /// Extended key usages, as object identifiers.
    pub usages: Vec<String>,
    /// Its key.
    pub key: Key,
    /// The host signs with another key of the kind; for `ec-256`.
    pub foreign_key: bool,
    /// Digest of its signature, where that is not SHA-256; takes the feature `legacy-tls`.
    pub signature: Option<OldSignature>,
    /// Number of letters behind the common name.
    pub padding: usize,
    /// How many further copies of it are sent.
    pub extra: usize,
    /// Size of the bytes that are no certificate and stand instead of each copy.
    pub extra_bytes: Option<usize>,
}

/// The key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// RSA with 2048 bits: the lab's own.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA with 1024 bits: the lab's own; takes the feature `legacy-tls`.
    #[serde(rename = "rsa-1024")]
    Rsa1024,
    /// A new key on the curve P-256.
    #[serde(rename = "ec-256")]
    Ec256,
}

/// A signature that nobody makes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldSignature {
    /// RSA with MD5.
    Md5,
    /// RSA with SHA-1.
    Sha1,
}

impl Host {
    /// True if a connection to it can get as far as TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.tcp == TcpMode::Accept && self.banner.is_none()
    }

    /// True if it takes the feature `legacy-tls`: old versions, short keys, old suites.
    pub fn needs_legacy_tls(&self) -> bool {
        self.tls.min < TlsVersion::Tls12
            || self.certificate.key == Key::Rsa1024
            || self.certificate.signature.is_some()
            || !self.tls.groups.is_empty()
            || self.tls.suites.iter().any(|suite| !crate::stage::has_suite(suite))
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

impl Default for Certificate {
    fn default() -> Self {
        Self {
            subject: "SERVER01".to_owned(),
            not_before_days: -30.0,
            not_after_days: 150.0,
            issued_by_ca: false,
            issuer: "Corp Example Issuing CA".to_owned(),
            usages: vec![wire::certificate::EKU_SERVER_AUTHENTICATION.to_owned()],
            key: Key::Rsa2048,
            foreign_key: false,
            signature: None,
            padding: 0,
            extra: 0,
            extra_bytes: None,
        }
    }
}
