//! Events of a connection, and what the driver has to do about them.

use crate::tls::{Alert, TlsOffer, TlsVersion};

/// How a peer ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// In order, with FIN.
    Fin,
    /// With RST.
    Rst,
}

impl End {
    /// `closed` or `reset`, for sentences.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Fin => "closed",
            Self::Rst => "reset",
        }
    }
}

/// Why a TCP connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectFailure {
    /// RST to our SYN.
    Refused,
    /// No answer to any SYN until the operating system gave up by itself.
    TimedOut,
    /// No route to the network: this computer's own routing table, or an ICMP message.
    NetworkUnreachable,
    /// ICMP host unreachable or prohibited, or no neighbour answered.
    HostUnreachable,
    /// Anything else, in the operating system's words: our side.
    Other(String),
}

/// Why a TLS stack gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFailure {
    /// The peer sent an alert.
    Alert(Alert),
    /// The peer ended the connection.
    Closed {
        /// How.
        end: End,
        /// Raw bytes that had been received since the stack's first flight.
        bytes: usize,
    },
    /// The peer signed the handshake with another key than that of its certificate.
    WrongKey,
    /// The first bytes of the peer are of no TLS record.
    NotTls(Vec<u8>),
    /// The stack says that the peer broke the protocol.
    Peer(String),
    /// The stack could not go on for a reason of its own.
    Own(String),
}

/// An event of a connection, as the driver saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The TCP connection is established.
    Connected,
    /// It could not be established.
    ConnectFailed(ConnectFailure),
    /// Bytes from the peer, as they come out of the topmost layer: raw before TLS is up, plaintext afterwards.
    Bytes(Vec<u8>),
    /// The handshake that we asked for is finished.
    TlsUp {
        /// The version agreed on.
        version: TlsVersion,
        /// The suite agreed on.
        suite: u16,
        /// The peer's certificates as DER, leaf first.
        chain: Vec<Vec<u8>>,
    },
    /// The peer asked for a certificate of ours inside the handshake; it got none.
    CertificateRequested,
    /// It failed.
    TlsFailed(TlsFailure),
    /// The peer ended the connection.
    Closed(End),
    /// The deadline of the present state has passed.
    Time,
    /// This exchange failed with a host of our own making: whatever the peer said to it, the fault is ours.
    RehearsalFailed,
}

/// A thing that the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes, in a segment of their own, through all layers that there are.
    Send(Vec<u8>),
    /// Put a layer of TLS on top of those that there are, with this offer.
    UpgradeTls(TlsOffer),
    /// Close the connection; the machine has ended.
    Close,
}
