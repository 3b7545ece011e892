//! Vocabulary of evidence: everything that can be known about a machine, whoever looked.

use std::net::SocketAddr;

use time::OffsetDateTime;
use wire::capture::WebAnswer;
use wire::hops::HopTry;
use wire::http::Method;
use wire::machine::{ConnectionSequenceAnswer, Ended, TcpAnswer, X224Answer};
use wire::ntlm::{ChallengeFlaw, WindowsVersion};
use wire::rdpeudp::DatagramAnswer;
use wire::tls::TlsOffer;
use wire::transcript::{DnsLookup, NameAnswer, NameSettings};
use wire::x224::SecurityProtocols;

use crate::captured::{CapturedClients, CapturedConnection, CapturedTransport};
use crate::section::sections;
use crate::section::unread::Unread as NotRead;

pub use crate::path::{Burst, Came, HelloFate, HelloTry, Pace, PathTry};
pub use wire::machine::{CredsspAnswer as Introduction, TlsAnswer as Handshake};

/// Declares [`Fact`]: what probes and captures show, and one fact for each section of a recorded state.
macro_rules! fact {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        /// One fact. Its name ([`Fact::name`]) and value are part of the published report.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Fact {
            /// Answer of the resolver.
            NameAnswer(NameAnswer),
            /// Settings of the resolver.
            NameSettings(NameSettings),
            /// Answer of a name server itself.
            DnsAnswer(DnsLookup),
            /// Answer to the SYN.
            TcpAnswer(TcpAnswer),
            /// Connection, as the path let it pass.
            Path(PathTry),
            /// Answers to SYNs that may pass only so many routers.
            Hops(Vec<HopTry>),
            /// Fate of a hello that may pass only so many routers.
            HelloByHops(HelloTry),
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
            /// Answer to a Connect Initial behind a request for these protocols; those of RDP or TLS alone are the
            /// survey's.
            Settings {
                /// `requestedProtocols`.
                requested: SecurityProtocols,
                /// The host's answer.
                answer: ConnectionSequenceAnswer,
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
            /// It ended the connection behind a finished handshake, where any client speaks first.
            EndedBehindTls(Ended),
            /// Answer to our first `TSRequest`.
            CredsspAnswer(Introduction),
            /// Answer to a `TSRequest` of an older version than the newest.
            CredsspVersionAnswer {
                /// `version` that was said to it.
                version: u32,
                /// Its answer.
                answer: Introduction,
            },
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
            /// Fault of its CHALLENGE.
            ChallengeFlaw(ChallengeFlaw),
            /// The host's clock minus ours, in milliseconds.
            ClockOffset(i64),
            /// Answer to one SYN over UDP.
            UdpAnswer(DatagramAnswer),
            /// Captured connection, apart from the host's answers in it.
            CapturedConnection(CapturedConnection),
            /// UDP transport that was requested in a capture.
            CapturedTransport(CapturedTransport),
            /// Counts of the clients of a captured host, and one that never came through.
            CapturedClients(CapturedClients),
            /// Place where a capture breaks off. All before it is whole.
            CaptureCut(NotRead),
            /// Files of a folder that are of no known kind.
            PassedOver(NotRead),
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
    };
}
sections!(fact);

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
