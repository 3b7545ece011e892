//! The answers of the stages: what each can find out. How they come about is said in the rooms ([`crate::stage`]).

use super::event::{ConnectFailure, End};
use crate::foreign::ForeignService;
use crate::mcs::ConnectResponse;
use crate::tls::{Alert, TlsVersion};
use crate::x224::ServerAnswer;

/// The answer of the TCP stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpAnswer {
    /// Established.
    Accepted,
    /// Not established.
    Failed(ConnectFailure),
    /// Every SYN vanished within the stage's time.
    Silent,
}

/// The answer to a Connection Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum X224Answer {
    /// A well-formed answer.
    Server(ServerAnswer),
    /// Another service, named.
    Foreign {
        /// Its name.
        service: ForeignService,
        /// The first bytes that it sent.
        bytes: Vec<u8>,
    },
    /// Bytes that are no TPKT and no service that we know.
    NotTpkt(Vec<u8>),
    /// A TPKT whose contents cannot be.
    Malformed {
        /// The first bytes of it.
        bytes: Vec<u8>,
        /// Error of the decoder.
        error: String,
    },
    /// The connection ended without an answer.
    Closed(End),
    /// The connection ended while we held the request back.
    ClosedBeforeRequest(End),
    /// The connection was still open when the held request went out; nothing else was asked.
    HeldOpen,
    /// The beginning of a TPKT, and no more of it within the stage's time.
    Incomplete(Vec<u8>),
    /// Nothing within the stage's time.
    Silent,
}

/// The answer to a ClientHello, without what the server showed of itself beside it ([`Presented`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsAnswer {
    /// The server accepted it.
    Accepted {
        /// The version that it chose; `None` for a number that is no TLS version (SSL 3.0).
        version: Option<TlsVersion>,
        /// The suite that it chose.
        suite: u16,
        /// True if the handshake was finished: the server proved that it can use its private key.
        finished: bool,
    },
    /// The server refused with an alert.
    Alert(Alert),
    /// The connection ended.
    Closed {
        /// How.
        end: End,
        /// Bytes that had been received since the ClientHello.
        bytes: usize,
    },
    /// No whole answer within the stage's time.
    Silent {
        /// Bytes that had been received since the ClientHello.
        bytes: usize,
    },
    /// It signed the handshake with another key than that of its certificate.
    WrongKey,
    /// Bytes that are no TLS record.
    NotTls(Vec<u8>),
    /// The peer broke the protocol, in the words of the reader.
    Malformed(String),
    /// We failed, not the peer.
    OwnFailure(String),
}

/// Certificates and key exchange that a server showed with its answer to a ClientHello; nothing where it did not
/// accept. Where the handshake was finished, only its certificates are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// Its certificates as DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// True if it asks for a client certificate (TLS 1.2 and older).
    pub wants_client_certificate: bool,
    /// True for a HelloRetryRequest: it accepts the version and wants another key share.
    pub retry: bool,
    /// The group that it chose or, in a HelloRetryRequest, wants; `None` where the suite has none.
    pub group: Option<u16>,
    /// The signature algorithm of its key exchange (TLS 1.2; 1.3 encrypts it, older versions have none).
    pub signature: Option<u16>,
    /// The size of its prime in bits, in suites with DHE.
    pub prime_bits: Option<usize>,
}

/// The answer to our first `TSRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredsspAnswer {
    /// The server introduced itself with an NTLM CHALLENGE; the version of its `TSRequest`.
    Challenge(u32),
    /// A `TSRequest` without NTLM CHALLENGE: refused with an NTSTATUS, or with another mechanism.
    Refused {
        /// Its `TSRequest` version.
        version: u32,
        /// `errorCode`, if it gave one.
        status: Option<u32>,
    },
    /// A `TSRequest` with SPNEGO's `reject`: no mechanism that we offered, which is NTLM alone, is left.
    Rejected(u32),
    /// Bytes that are no `TSRequest`.
    Malformed(String),
    /// The connection ended.
    Closed(End),
    /// The server ended the connection with an alert of TLS.
    Alert(Alert),
    /// No whole answer within the stage's time.
    Silent,
}

/// End of a connection that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was closed or reset.
    Closed(End),
    /// An alert of TLS.
    Alert(Alert),
}

/// How a server ends the connection right behind its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// A Disconnect Provider Ultimatum, with its reason.
    Ultimatum(u8),
    /// It closed or reset the connection, or sent an alert of TLS.
    Ended(Ended),
}

/// The answer to a Connect Initial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionSequenceAnswer {
    /// The server's settings.
    Settings(ConnectResponse),
    /// The server's settings, and the end of the connection right behind them, before a client can go on.
    Withdrawn {
        /// The settings.
        settings: ConnectResponse,
        /// How it ended the connection.
        by: Withdrawal,
    },
    /// A Connect Response with another result than success (T.125 section 7).
    Refused(u8),
    /// A Disconnect Provider Ultimatum, with its reason.
    Ultimatum(u8),
    /// Another service, named: the host passes on what no Remote Desktop says.
    Foreign {
        /// Its name.
        service: ForeignService,
        /// The first bytes that it sent.
        bytes: Vec<u8>,
    },
    /// Bytes that are no TPKT and no service that we know.
    NotTpkt(Vec<u8>),
    /// A TPKT whose contents cannot be, or a broken tunnel, in the words of the reader.
    Malformed(String),
    /// The connection ended.
    Closed(End),
    /// The server ended the connection with an alert of TLS.
    Alert(Alert),
    /// No whole answer within the stage's time.
    Silent,
}
