//! Vocabulary of evidence: everything that can be known about a machine, whoever looked.

use std::net::SocketAddr;

use serde_json::{Value, json};
use time::OffsetDateTime;
use wire::capture::WebAnswer;
use wire::http::Method;
use wire::machine::{TcpAnswer, X224Answer};
use wire::ntlm::WindowsVersion;
use wire::tls::TlsOffer;
use wire::transcript::NameAnswer;
use wire::x224::SecurityProtocols;

use crate::captured::{CapturedConnection, CapturedTransport};
use crate::moment::rfc3339;
use crate::printable::printable;
use crate::section::sections;
use crate::section::thing::Section;
use crate::stage::{certificate, credssp, gateway, name, tcp, tls, x224};

pub use crate::stage::credssp::version_text;
pub use crate::stage::tcp::tcp_words;
pub use crate::stage::tls::KeyExchange;
pub use crate::stage::x224::x224_value;
pub use wire::machine::{CredsspAnswer as Introduction, TlsAnswer as Handshake};

/// Declares [`Fact`]: what probes and captures show, and one fact for each section of a recorded state.
macro_rules! fact {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
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
            /// Our own message failed with a host of our own making too, so its answers are held against nobody.
            RehearsalFailed,
            $(
                #[doc = concat!("One of the `", stringify!($field), "` of a recorded [`State`](crate::state::State).")]
                $variant($thing),
            )*
        }

        impl Fact {
            /// Returns the name in the report.
            pub fn name(&self) -> &'static str {
                match self {
                    Self::NameAnswer(_) => name::ANSWER,
                    Self::TcpAnswer(_) => tcp::ANSWER,
                    Self::X224Answer { .. } => x224::ANSWER,
                    Self::TlsAnswer { .. } => tls::ANSWER,
                    Self::SurveyedNegotiation { .. } => x224::SURVEYED,
                    Self::SurveyedHandshake { .. } => tls::SURVEYED,
                    Self::CertificateCount(_) => certificate::named::COUNT,
                    Self::CertificateSubject(_) => certificate::named::SUBJECT,
                    Self::CertificateIssuer(_) => certificate::named::ISSUER,
                    Self::CertificateNames(_) => certificate::named::NAMES,
                    Self::CertificateAlternatives(_) => certificate::named::ALTERNATIVES,
                    Self::CertificateNotBefore(_) => certificate::named::NOT_BEFORE,
                    Self::CertificateNotAfter(_) => certificate::named::NOT_AFTER,
                    Self::CertificateKey(..) => certificate::named::KEY,
                    Self::CertificateSignature(_) => certificate::named::SIGNATURE,
                    Self::CertificateUsages(_) => certificate::named::USAGES,
                    Self::CertificateKeyUsages(_) => certificate::named::KEY_USAGES,
                    Self::CertificateSha1(_) => certificate::named::SHA1,
                    Self::CertificateSha256(_) => certificate::named::SHA256,
                    Self::CertificateSelfIssued(_) => certificate::named::SELF_ISSUED,
                    Self::CertificateUnreadable => certificate::named::UNREADABLE,
                    Self::CredsspAnswer(_) => credssp::named::ANSWER,
                    Self::NtlmComputer(_) => credssp::named::COMPUTER,
                    Self::NtlmDomain(_) => credssp::named::DOMAIN,
                    Self::NtlmDnsComputer(_) => credssp::named::DNS_COMPUTER,
                    Self::NtlmDnsDomain(_) => credssp::named::DNS_DOMAIN,
                    Self::NtlmVersion(_) => credssp::named::VERSION,
                    Self::ClockOffset(_) => credssp::named::CLOCK_OFFSET,
                    Self::CapturedConnection(_) => "capture.connection",
                    Self::CapturedTransport(_) => "capture.udp",
                    Self::HttpAnswer { .. } => gateway::ANSWER,
                    Self::RehearsalFailed => "probe.rehearsal_failed",
                    $(Self::$variant(_) => <$thing>::FACT,)*
                }
            }

            /// Returns the value in the report.
            pub fn value(&self) -> Value {
                match self {
                    Self::NameAnswer(answer) => name::value(answer),
                    Self::TcpAnswer(answer) => Value::from(tcp_words(answer)),
                    Self::X224Answer { requested, answer } => x224::value(*requested, answer),
                    Self::TlsAnswer { offer, direct, answer } => tls::value(*offer, *direct, answer),
                    Self::SurveyedNegotiation { requested, answer } => x224::value(Some(*requested), answer),
                    Self::SurveyedHandshake { offer, answer, exchange } => {
                        tls::surveyed_value(*offer, answer, *exchange)
                    }
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
                    Self::CertificateKey(algorithm, bits) => certificate::key_value(algorithm, *bits),
                    Self::CertificateSelfIssued(yes) | Self::CertificateAlternatives(yes) => (*yes).into(),
                    Self::CertificateUnreadable | Self::RehearsalFailed => true.into(),
                    Self::CredsspAnswer(answer) => credssp::value(answer),
                    Self::CapturedConnection(connection) => recorded(connection),
                    Self::CapturedTransport(transport) => recorded(transport),
                    Self::HttpAnswer { method, proxy, answer } => gateway::value(*method, *proxy, answer),
                    Self::NtlmVersion(version) => version_text(*version).into(),
                    Self::ClockOffset(milliseconds) => credssp::seconds_of(*milliseconds),
                    $(Self::$variant(thing) => recorded(thing),)*
                }
            }
        }
    };
}
sections!(fact);

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
