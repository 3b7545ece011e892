//! What a connection found out: one answer a stage.

use std::time::Duration;

use super::{ConnectFailure, End};
use crate::foreign::ForeignService;
use crate::ntlm::Challenge;
use crate::tls::flight::ServerFlight;
use crate::tls::{Alert, TlsVersion};
use crate::x224::ServerAnswer;

/// An answer and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed<T> {
    /// The answer.
    pub value: T,
    /// How long it took from the beginning of its stage.
    pub took: Duration,
    /// When it came, since the start of the connection.
    pub at: Duration,
}

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
        /// What is wrong with it.
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

/// The answer to a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsAnswer {
    /// The handshake was finished.
    Established {
        /// The version agreed on.
        version: TlsVersion,
        /// The suite agreed on.
        suite: u16,
        /// The peer's certificates as DER, leaf first.
        chain: Vec<Vec<u8>>,
    },
    /// The server accepted; the handshake was not finished.
    Flight(ServerFlight),
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

/// The answer to our first `TSRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredsspAnswer {
    /// The server introduced itself.
    Challenge {
        /// Its `TSRequest` version.
        version: u32,
        /// What the NTLM CHALLENGE tells.
        challenge: Challenge,
    },
    /// A `TSRequest` without NTLM CHALLENGE: refused with an NTSTATUS, or with another mechanism.
    Refused {
        /// Its `TSRequest` version.
        version: u32,
        /// `errorCode`, if it gave one.
        status: Option<u32>,
    },
    /// Bytes that are no `TSRequest`.
    Malformed(String),
    /// The connection ended.
    Closed(End),
    /// The server ended the connection with an alert of TLS.
    Alert(Alert),
    /// No whole answer within the stage's time.
    Silent,
}

/// What a connection found out, stage by stage. A stage that was not reached is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// TCP.
    pub tcp: Option<Timed<TcpAnswer>>,
    /// X.224 and the security negotiation.
    pub x224: Option<Timed<X224Answer>>,
    /// TLS.
    pub tls: Option<Timed<TlsAnswer>>,
    /// The peer asked for a certificate of ours.
    pub certificate_requested: bool,
    /// CredSSP.
    pub credssp: Option<Timed<CredsspAnswer>>,
    /// When it was found that we, and not the peer, are at fault; then there is no other answer than that of TCP.
    pub rehearsal_failed: Option<Duration>,
}
