//! One host of a scenario. Whatever is not said is that of a healthy Windows Server 2022 with Network Level
//! Authentication.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Deserializer, de};
use wire::tls::TlsVersion;
use wire::x224::SecurityProtocols;

use crate::script::Script;

/// A host.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
// each switch is a fact of its own, named as in the scenario files
#[allow(clippy::struct_excessive_bools)]
pub struct Host {
    /// Its address: `127.0.0.1` unless said otherwise. [`TcpMode::Unreachable`] ignores it.
    pub address: IpAddr,
    /// What it does with TCP connections.
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
    /// What becomes of those.
    pub neglect: Neglect,
    /// How it negotiates the security protocol.
    pub negotiation: Negotiation,
    /// How it speaks TLS.
    pub tls: Tls,
    /// The certificate that it shows.
    pub certificate: Certificate,
    /// How it introduces itself.
    pub credssp: Credssp,
}

/// What a host does with TCP connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpMode {
    /// Accepts and serves them.
    #[default]
    Accept,
    /// Answers the SYN with RST: the port is bound, nobody listens.
    Refuse,
    /// Drops the SYN: the listener's queue is full, and Linux then stays silent. (Other systems answer with RST.)
    Filter,
    /// The network cannot be reached. The kernel answers ENETUNREACH to a TCP connection to a multicast address without
    /// sending a packet, on every system and without rights; so the address of such a host is always 224.0.0.1.
    Unreachable,
    /// Accepts, then FIN at once.
    Close,
    /// Accepts, then RST at once.
    Reset,
    /// Accepts and says nothing.
    Silent,
}

/// What an overloaded host does with a connection that it does not get round to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neglect {
    /// Says nothing.
    #[default]
    Silent,
    /// FIN on the request.
    Close,
    /// Negotiates, then RST on the ClientHello, as a service that is only just starting.
    ResetHello,
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

/// How a host negotiates the security protocol ([MS-RDPBCGR] 2.2.1.1 and 2.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Negotiation {
    /// The protocols that it accepts. It picks the first of RDSAAD, HYBRID_EX, HYBRID, SSL, RDP that the client offers.
    pub accepts: Vec<Protocol>,
    /// Anything without CredSSP is answered with failure 5.
    pub nla_required: bool,
    /// What it does instead.
    pub fault: Option<NegotiationFault>,
    /// It answers with this failure whatever is offered.
    pub failure: Option<u32>,
    /// A `requestedProtocols` above this number is answered by an MCS Disconnect Provider Ultimatum, as xrdp does.
    pub limit_protocols: Option<u32>,
}

/// A security protocol by its name in the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Standard RDP Security.
    #[serde(rename = "RDP")]
    Rdp,
    /// TLS.
    #[serde(rename = "SSL")]
    Ssl,
    /// CredSSP.
    #[serde(rename = "HYBRID")]
    Hybrid,
    /// CredSSP with the Early User Authorization Result.
    #[serde(rename = "HYBRID_EX")]
    HybridEx,
    /// Microsoft Entra authentication.
    #[serde(rename = "RDSAAD")]
    Rdsaad,
}

impl Protocol {
    /// Its number on the wire.
    pub fn on_the_wire(self) -> SecurityProtocols {
        match self {
            Self::Rdp => SecurityProtocols::RDP,
            Self::Ssl => SecurityProtocols::SSL,
            Self::Hybrid => SecurityProtocols::HYBRID,
            Self::HybridEx => SecurityProtocols::HYBRID_EX,
            Self::Rdsaad => SecurityProtocols::RDSAAD,
        }
    }
}

/// What goes wrong in the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegotiationFault {
    /// FIN on the request.
    Close,
    /// RST on the request.
    Reset,
    /// No answer.
    Silent,
    /// A confirm whose negotiation data have a type that does not exist.
    Malformed,
    /// An MCS Disconnect Provider Ultimatum instead of a confirm.
    DisconnectProviderUltimatum,
    /// A confirm without negotiation data.
    NoNegotiation,
    /// RDSTLS is selected, which nobody offers.
    SelectRdstls,
    /// Where a Windows host would answer with a failure, Standard RDP Security is selected without a word, as xrdp does.
    SelectRdp,
}

/// How a host speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The oldest version that it speaks.
    #[serde(deserialize_with = "tls_version")]
    pub min: TlsVersion,
    /// The newest version that it speaks.
    #[serde(deserialize_with = "tls_version")]
    pub max: TlsVersion,
    /// The suites that it takes, by their registered names; empty for all that its TLS stack has.
    pub suites: Vec<String>,
    /// The groups that it takes, by their registered names; empty for all that its TLS stack has. Takes the feature
    /// `legacy-tls`.
    pub groups: Vec<String>,
    /// What it answers to any ClientHello instead.
    pub fault: Option<TlsFault>,
    /// A middlebox is on the path: a ClientHello whose first segment holds the whole record is reset, split ones pass.
    pub blocks_whole_hello: bool,
}

/// What goes wrong when TLS begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFault {
    /// FIN on the ClientHello.
    Close,
    /// RST on the ClientHello.
    Reset,
    /// No answer.
    Silent,
    /// Alert `internal_error`.
    #[serde(rename = "alert-80")]
    Alert80,
    /// Alert `handshake_failure`.
    #[serde(rename = "alert-40")]
    Alert40,
    /// Alert `access_denied`.
    #[serde(rename = "alert-49")]
    Alert49,
    /// These bytes, then FIN.
    Play(Script),
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
    /// What it is signed with, where that is not SHA-256; takes the feature `legacy-tls`.
    pub signature: Option<OldSignature>,
    /// So many letters behind the common name.
    pub padding: usize,
    /// How many further copies of it are sent.
    pub extra: usize,
    /// So many bytes that are no certificate instead of each copy.
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

/// How a host introduces itself behind TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credssp {
    /// The version in its `TSRequest`.
    pub version: u32,
    /// `MsvAvNbComputerName`.
    pub netbios_computer: String,
    /// `MsvAvNbDomainName`: that of the computer, if it is in no domain.
    pub netbios_domain: String,
    /// `MsvAvDnsComputerName`.
    pub dns_computer: String,
    /// `MsvAvDnsDomainName`.
    pub dns_domain: String,
    /// The build of Windows.
    pub build: u16,
    /// How far its clock is ahead of ours; negative if it is behind.
    pub clock_offset_seconds: i64,
    /// What it does instead.
    pub fault: Option<CredsspFault>,
    /// The CHALLENGE is wrapped in SPNEGO.
    pub spnego: bool,
}

/// What goes wrong in CredSSP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredsspFault {
    /// FIN on the first `TSRequest`.
    Close,
    /// RST on the first `TSRequest`.
    Reset,
    /// No answer.
    Silent,
    /// A `TSRequest` with this NTSTATUS.
    Refuse(u32),
    /// These bytes through the tunnel.
    Play(Script),
}

fn tls_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TlsVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    TlsVersion::parse(&text).ok_or_else(|| de::Error::custom(format!("TLS version {text:?} is not one of 1.0 to 1.3")))
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
            || self.tls.suites.iter().any(|suite| !crate::tls::has_suite(suite))
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
        }
    }
}

impl Default for Negotiation {
    fn default() -> Self {
        Self {
            accepts: vec![Protocol::Ssl, Protocol::Hybrid, Protocol::HybridEx],
            nla_required: false,
            fault: None,
            failure: None,
            limit_protocols: None,
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            min: TlsVersion::Tls12,
            max: TlsVersion::Tls13,
            suites: Vec::new(),
            groups: Vec::new(),
            fault: None,
            blocks_whole_hello: false,
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
            signature: None,
            padding: 0,
            extra: 0,
            extra_bytes: None,
        }
    }
}

impl Default for Credssp {
    fn default() -> Self {
        Self {
            version: 6,
            netbios_computer: "SERVER01".to_owned(),
            netbios_domain: "CORP".to_owned(),
            dns_computer: "server01.corp.example".to_owned(),
            dns_domain: "corp.example".to_owned(),
            build: 20348,
            clock_offset_seconds: 0,
            fault: None,
            spnego: false,
        }
    }
}
