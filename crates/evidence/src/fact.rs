//! Vocabulary of evidence: everything that can be known about a machine, whoever looked.

use std::net::SocketAddr;

use serde_json::{Value, json};
use time::OffsetDateTime;
use wire::capture::WebAnswer;
use wire::foreign::ForeignService;
use wire::hex;
use wire::http::{Method, Response};
use wire::machine::{ConnectFailure, End, TcpAnswer, X224Answer};
use wire::ntlm::WindowsVersion;
use wire::tls::{Alert, TlsOffer, TlsVersion};
use wire::transcript::NameAnswer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::access::{AccessTrace, RefusedAccess};
use crate::captured::{CapturedConnection, CapturedTransport};
use crate::moment::rfc3339;
use crate::printable::printable;
use crate::rdp_file::RdpFileRecord;
use crate::state::{FileVersion, KeyFile, LogEvent, LogSpan, RegistryKey, Service, StoredCertificate, Unread, Volume};

/// One fact. Its name ([`Fact::name`]) and value are part of the published report.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Answer of the resolver.
    NameAnswer(NameAnswer),
    /// Answer to the SYN.
    TcpAnswer(TcpAnswer),
    /// Answer to a Connection Request.
    X224Answer {
        /// `requestedProtocols`; `None` for a request without negotiation data.
        requested: Option<SecurityProtocols>,
        /// The host's answer.
        answer: X224Answer,
    },
    /// Answer to a ClientHello.
    TlsAnswer {
        /// Hello that was sent.
        offer: TlsOffer,
        /// True if no X.224 came before it.
        direct: bool,
        /// The host's answer.
        answer: Handshake,
    },
    /// Answer to a Connection Request of the survey.
    SurveyedNegotiation {
        /// `requestedProtocols`.
        requested: SecurityProtocols,
        /// The host's answer.
        answer: X224Answer,
    },
    /// Answer to a ClientHello of the survey.
    SurveyedHandshake {
        /// Hello that was sent.
        offer: TlsOffer,
        /// The host's answer.
        answer: Handshake,
        /// Key exchange that the answer shows.
        exchange: KeyExchange,
    },
    /// Number of certificates sent.
    CertificateCount(usize),
    /// The leaf's subject.
    CertificateSubject(String),
    /// The leaf's issuer.
    CertificateIssuer(String),
    /// The leaf's `subjectAltName`, or its common name where it has none.
    CertificateNames(Vec<String>),
    /// True if the leaf has a `subjectAltName`.
    CertificateAlternatives(bool),
    /// The leaf's `notBefore`.
    CertificateNotBefore(OffsetDateTime),
    /// The leaf's `notAfter`.
    CertificateNotAfter(OffsetDateTime),
    /// The leaf's public key: algorithm and bits.
    CertificateKey(String, usize),
    /// The leaf's signature algorithm, as object identifier.
    CertificateSignature(String),
    /// The leaf's extended key usages, as object identifiers.
    CertificateUsages(Vec<String>),
    /// The leaf's key usages, in the words of RFC 5280; not observed where the extension is absent.
    CertificateKeyUsages(Vec<String>),
    /// The leaf's SHA-1 thumbprint, as Windows shows it.
    CertificateSha1(String),
    /// The leaf's SHA-256 thumbprint.
    CertificateSha256(String),
    /// True if subject and issuer are equal.
    CertificateSelfIssued(bool),
    /// The certificate message could not be read.
    CertificateUnreadable,
    /// It asked for a certificate of the client inside the handshake.
    ClientCertificateRequested,
    /// Answer to our first `TSRequest`.
    CredsspAnswer(Introduction),
    /// `MsvAvNbComputerName`.
    NtlmComputer(String),
    /// `MsvAvNbDomainName`.
    NtlmDomain(String),
    /// `MsvAvDnsComputerName`.
    NtlmDnsComputer(String),
    /// `MsvAvDnsDomainName`.
    NtlmDnsDomain(String),
    /// The operating system's version.
    NtlmVersion(WindowsVersion),
    /// The host's clock minus ours, in milliseconds.
    ClockOffset(i64),
    /// Registry key that was looked up.
    RegistryKey(RegistryKey),
    /// Service that was looked up.
    Service(Service),
    /// Certificate in one of the machine's stores.
    StoredCertificate(StoredCertificate),
    /// File with one of its private keys.
    KeyFile(KeyFile),
    /// Time that one of its logs covers.
    LogSpan(LogSpan),
    /// Entry of one of its logs.
    LogEvent(LogEvent),
    /// File whose version matters.
    FileVersion(FileVersion),
    /// One of its volumes.
    Volume(Volume),
    /// One of its `.rdp` files.
    RdpFile(RdpFileRecord),
    /// Recording of accesses on it.
    AccessTrace(AccessTrace),
    /// Access refused in such a recording.
    RefusedAccess(RefusedAccess),
    /// Captured connection, apart from the host's answers in it.
    CapturedConnection(CapturedConnection),
    /// UDP transport that was requested in a capture.
    CapturedTransport(CapturedTransport),
    /// Answer of an RD Gateway, or of a web proxy on the way to it, to a request.
    HttpAnswer {
        /// Request that was sent.
        method: Method,
        /// Address of the proxy, if one answered.
        proxy: Option<SocketAddr>,
        /// Answer to the request.
        answer: WebAnswer,
    },
    /// Part of its evidence that could not be read.
    Unread(Unread),
    /// Our own message failed with a host of our own making too, so its answers are held against nobody.
    RehearsalFailed,
}

/// Answer to a ClientHello, without the certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// The server accepted it.
    Accepted {
        /// Version that it chose; `None` if older than TLS 1.0.
        version: Option<TlsVersion>,
        /// Suite that it chose.
        suite: u16,
        /// True if the handshake was finished: the server proved that it can use its private key.
        finished: bool,
    },
    /// It signed with another key than that of its certificate.
    WrongKey,
    /// Refused with an alert.
    Alert(Alert),
    /// The server ended the connection.
    Closed {
        /// How it ended, in words.
        end: End,
        /// Bytes received before the end.
        bytes: usize,
    },
    /// The server sent nothing, or not enough.
    Silent {
        /// Bytes received.
        bytes: usize,
    },
    /// The server sent something other than TLS; its first bytes.
    NotTls(Vec<u8>),
    /// The server broke the protocol.
    Malformed(String),
    /// Our own side failed.
    OwnFailure(String),
}

impl Handshake {
    /// How a hello was refused, behind "was"; `None` if it was not, or if we failed.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::Accepted { .. } | Self::OwnFailure(_) => return None,
            Self::WrongKey => "answered with a signature that is not by the certificate's key".to_owned(),
            Self::Alert(alert) => format!("refused with {alert}"),
            Self::Closed { end, bytes: 0 } => format!("{} without an answer", end.verb()),
            Self::Closed { end, bytes } => format!("{} after {bytes} bytes", end.verb()),
            Self::Silent { bytes: 0 } => "left without an answer".to_owned(),
            Self::Silent { bytes } => format!("not answered in full ({bytes} bytes came)"),
            Self::NotTls(_) => "answered with bytes that are no TLS".to_owned(),
            Self::Malformed(words) => format!("answered with broken TLS ({words})"),
        })
    }
}

/// Key exchange as far as it shows before the handshake is finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyExchange {
    /// Group, by its registered number.
    pub group: Option<u16>,
    /// Signature algorithm, by its registered number.
    pub signature: Option<u16>,
    /// Size of the prime in bits, in suites with DHE.
    pub prime_bits: Option<usize>,
}

/// Answer to our first `TSRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introduction {
    /// An NTLM CHALLENGE, with this `TSRequest` version.
    Challenge(u32),
    /// No CHALLENGE: refused, or another mechanism.
    Refused {
        /// `TSRequest` version of the answer.
        version: u32,
        /// NTSTATUS of the answer.
        status: Option<u32>,
    },
    /// Not a `TSRequest`.
    Malformed(String),
    /// The host ended the connection.
    Closed(End),
    /// It ended the connection with an alert of TLS.
    Alert(Alert),
    /// The host sent nothing, or not enough.
    Silent,
}

impl Fact {
    /// Returns the name in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NameAnswer(_) => "name.answer",
            Self::TcpAnswer(_) => "tcp.answer",
            Self::X224Answer { .. } => "x224.answer",
            Self::TlsAnswer { .. } => "tls.answer",
            Self::SurveyedNegotiation { .. } => "survey.negotiation",
            Self::SurveyedHandshake { .. } => "survey.handshake",
            Self::CertificateCount(_) => "certificate.count",
            Self::CertificateSubject(_) => "certificate.subject",
            Self::CertificateIssuer(_) => "certificate.issuer",
            Self::CertificateNames(_) => "certificate.names",
            Self::CertificateAlternatives(_) => "certificate.has_alternative_names",
            Self::CertificateNotBefore(_) => "certificate.not_before",
            Self::CertificateNotAfter(_) => "certificate.not_after",
            Self::CertificateKey(..) => "certificate.key",
            Self::CertificateSignature(_) => "certificate.signature_algorithm",
            Self::CertificateUsages(_) => "certificate.extended_key_usages",
            Self::CertificateKeyUsages(_) => "certificate.key_usages",
            Self::CertificateSha1(_) => "certificate.sha1",
            Self::CertificateSha256(_) => "certificate.sha256",
            Self::CertificateSelfIssued(_) => "certificate.self_issued",
            Self::CertificateUnreadable => "certificate.unreadable",
            Self::ClientCertificateRequested => "tls.client_certificate_requested",
            Self::CredsspAnswer(_) => "credssp.answer",
            Self::NtlmComputer(_) => "ntlm.computer",
            Self::NtlmDomain(_) => "ntlm.domain",
            Self::NtlmDnsComputer(_) => "ntlm.dns_computer",
            Self::NtlmDnsDomain(_) => "ntlm.dns_domain",
            Self::NtlmVersion(_) => "ntlm.version",
            Self::ClockOffset(_) => "clock.offset_seconds",
            Self::RegistryKey(_) => "registry.key",
            Self::Service(_) => "service",
            Self::StoredCertificate(_) => "store.certificate",
            Self::KeyFile(_) => "key.file",
            Self::LogSpan(_) => "log.span",
            Self::LogEvent(_) => "log.event",
            Self::FileVersion(_) => "file.version",
            Self::Volume(_) => "volume",
            Self::RdpFile(_) => "rdp.file",
            Self::AccessTrace(_) => "access.trace",
            Self::RefusedAccess(_) => "access.refused",
            Self::CapturedConnection(_) => "capture.connection",
            Self::CapturedTransport(_) => "capture.udp",
            Self::HttpAnswer { .. } => "http.answer",
            Self::Unread(_) => "unread",
            Self::RehearsalFailed => "probe.rehearsal_failed",
        }
    }

    /// Returns the value in the report.
    pub fn value(&self) -> Value {
        match self {
            Self::NameAnswer(answer) => name_value(answer),
            Self::TcpAnswer(answer) => Value::from(tcp_words(answer)),
            Self::X224Answer { requested, answer } => {
                json!({"requested": requested.map(|p| p.to_string()), "answer": x224_value(answer)})
            }
            Self::TlsAnswer { offer, direct, answer } => {
                json!({"offer": offer.to_string(), "direct": direct, "answer": handshake_value(answer)})
            }
            Self::SurveyedNegotiation { requested, answer } => {
                json!({"requested": requested.to_string(), "answer": x224_value(answer)})
            }
            Self::SurveyedHandshake { offer, answer, exchange } => json!({
                "offer": offer.to_string(), "answer": handshake_value(answer),
                "group": exchange.group.map(|group| format!("{group:#06x}")),
                "signature": exchange.signature.map(|signature| format!("{signature:#06x}")),
                "prime_bits": exchange.prime_bits,
            }),
            Self::CertificateCount(count) => (*count).into(),
            Self::CertificateSubject(text)
            | Self::CertificateIssuer(text)
            | Self::CertificateSignature(text)
            | Self::CertificateSha1(text)
            | Self::CertificateSha256(text)
            | Self::NtlmComputer(text)
            | Self::NtlmDomain(text)
            | Self::NtlmDnsComputer(text)
            | Self::NtlmDnsDomain(text) => text.as_str().into(),
            Self::CertificateNames(list) | Self::CertificateUsages(list) | Self::CertificateKeyUsages(list) => {
                json!(list)
            }
            Self::CertificateNotBefore(date) | Self::CertificateNotAfter(date) => rfc3339(*date).into(),
            Self::CertificateKey(algorithm, bits) => json!({"algorithm": algorithm, "bits": bits}),
            Self::CertificateSelfIssued(yes) | Self::CertificateAlternatives(yes) => (*yes).into(),
            Self::CertificateUnreadable | Self::RehearsalFailed | Self::ClientCertificateRequested => true.into(),
            Self::CredsspAnswer(answer) => introduction_value(answer),
            Self::RegistryKey(key) => recorded(key),
            Self::Service(service) => recorded(service),
            Self::StoredCertificate(certificate) => recorded(certificate),
            Self::KeyFile(file) => recorded(file),
            Self::LogSpan(log) => recorded(log),
            Self::LogEvent(event) => recorded(event),
            Self::FileVersion(file) => recorded(file),
            Self::Volume(volume) => recorded(volume),
            Self::RdpFile(file) => recorded(file),
            Self::AccessTrace(trace) => recorded(trace),
            Self::RefusedAccess(access) => recorded(access),
            Self::CapturedConnection(connection) => recorded(connection),
            Self::CapturedTransport(transport) => recorded(transport),
            Self::HttpAnswer { method, proxy, answer } => json!({
                "method": method.word(), "proxy": proxy.map(|proxy| proxy.to_string()), "answer": web_value(answer)}),
            Self::Unread(unread) => recorded(unread),
            Self::NtlmVersion(version) => version_text(*version).into(),
            Self::ClockOffset(milliseconds) => json!(seconds_of(*milliseconds)),
        }
    }
}

/// Serialises a record of a machine as it is, but printable.
fn recorded(what: &impl serde::Serialize) -> Value {
    fn clean(value: Value) -> Value {
        match value {
            Value::String(text) => printable(&text).into(),
            Value::Array(list) => list.into_iter().map(clean).collect(),
            Value::Object(map) => map.into_iter().map(|(name, value)| (printable(&name), clean(value))).collect(),
            other => other,
        }
    }
    serde_json::to_value(what).map_or(Value::Null, clean)
}

fn seconds_of(milliseconds: i64) -> Value {
    // exactly three decimals: no float arithmetic on evidence
    let sign = if milliseconds < 0 { "-" } else { "" };
    let size = milliseconds.unsigned_abs();
    let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Formats a version such as `10.0.20348`.
pub fn version_text(version: WindowsVersion) -> String {
    format!("{}.{}.{}", version.major, version.minor, version.build)
}

fn name_value(answer: &NameAnswer) -> Value {
    match answer {
        NameAnswer::Addresses(list) => {
            json!({"addresses": list.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>()})
        }
        NameAnswer::NotFound { code } => json!({"not_found": code}),
        NameAnswer::TryAgain { code } => json!({"try_again": code}),
        NameAnswer::Failed { code } => json!({"failed": code}),
        NameAnswer::Silent => "silent".into(),
    }
}

/// Says the TCP answer in one word.
pub fn tcp_words(answer: &TcpAnswer) -> &'static str {
    match answer {
        TcpAnswer::Accepted => "accepted",
        TcpAnswer::Silent | TcpAnswer::Failed(ConnectFailure::TimedOut) => "silent",
        TcpAnswer::Failed(ConnectFailure::Refused) => "refused",
        TcpAnswer::Failed(ConnectFailure::NetworkUnreachable) => "network-unreachable",
        TcpAnswer::Failed(ConnectFailure::HostUnreachable) => "host-unreachable",
        TcpAnswer::Failed(ConnectFailure::Other(_)) => "own-failure",
    }
}

fn end_word(end: End) -> &'static str {
    match end {
        End::Fin => "fin",
        End::Rst => "rst",
    }
}

/// Converts the answer to a Connection Request for the report.
pub fn x224_value(answer: &X224Answer) -> Value {
    match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, flags }) => {
            json!({"selected": protocol.to_string(), "flags": flags})
        }
        X224Answer::Server(ServerAnswer::Failure(code)) => json!({"failure": code.0, "name": code.name()}),
        X224Answer::Server(ServerAnswer::NoNegotiation) => "no-negotiation".into(),
        X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum) => "mcs-disconnect-provider-ultimatum".into(),
        X224Answer::Foreign { service, bytes } => foreign_value(*service, bytes),
        X224Answer::NotTpkt(bytes) => json!({"not_tpkt": hex::encode(bytes)}),
        X224Answer::Malformed { bytes, error } => json!({"malformed": hex::encode(bytes), "error": error}),
        X224Answer::Closed(end) => json!({"closed": end_word(*end)}),
        X224Answer::ClosedBeforeRequest(end) => json!({"closed_before_request": end_word(*end)}),
        X224Answer::HeldOpen => "held-open".into(),
        X224Answer::Incomplete(bytes) => json!({"incomplete": hex::encode(bytes)}),
        X224Answer::Silent => "silent".into(),
    }
}

fn foreign_value(service: ForeignService, bytes: &[u8]) -> Value {
    json!({"foreign": service.name(), "bytes": hex::encode(bytes)})
}

fn handshake_value(answer: &Handshake) -> Value {
    match answer {
        Handshake::Accepted { version, suite, finished } => json!({
            "version": version.map(TlsVersion::number), "suite": format!("{suite:#06x}"), "finished": finished}),
        Handshake::WrongKey => "wrong-key".into(),
        Handshake::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        Handshake::Closed { end, bytes } => json!({"closed": end_word(*end), "after_bytes": bytes}),
        Handshake::Silent { bytes } => json!({"silent_after_bytes": bytes}),
        Handshake::NotTls(bytes) => json!({"not_tls": hex::encode(bytes)}),
        Handshake::Malformed(words) => json!({"malformed": words}),
        Handshake::OwnFailure(words) => json!({"own_failure": words}),
    }
}

fn web_value(answer: &WebAnswer) -> Value {
    match answer {
        WebAnswer::Response(Response { status, authenticate, proxy_authenticate, websocket }) => json!({
            "status": status, "authenticate": authenticate, "proxy_authenticate": proxy_authenticate,
            "websocket": websocket}),
        WebAnswer::Foreign => "foreign".into(),
        WebAnswer::Closed(end) => json!({"closed": end_word(*end)}),
        WebAnswer::Silent => "silent".into(),
    }
}

fn introduction_value(answer: &Introduction) -> Value {
    match answer {
        Introduction::Challenge(version) => json!({"version": version, "challenge": true}),
        Introduction::Refused { version, status } => {
            json!({"version": version, "challenge": false, "status": status.map(|s| format!("{s:#010x}"))})
        }
        Introduction::Malformed(words) => json!({"malformed": words}),
        Introduction::Closed(end) => json!({"closed": end_word(*end)}),
        Introduction::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        Introduction::Silent => "silent".into(),
    }
}
