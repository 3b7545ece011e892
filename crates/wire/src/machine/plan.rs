//! The purpose of one connection, and the time of its stages.

use std::time::Duration;

use crate::tls::{HelloShape, TlsOffer};
use crate::x224::{ConnectionRequest, Preconnection};

/// The purpose of one connection: how far it goes, and what it says on the way. Nothing is asked by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationPlan {
    /// The blob that goes before the request, where it is not held back.
    pub preconnection: Option<Preconnection>,
    /// The Connection Request; `None` starts with TLS at once.
    pub request: Option<ConnectionRequest>,
    /// How long the request is held back, to see whether the peer closes or speaks first.
    pub hold: Duration,
    /// The handshake to begin if the server selects a protocol that has one; `None` stops after the answer.
    pub tls: Option<TlsOffer>,
    /// The `TSRequest` version to introduce ourselves with, if the server selects CredSSP; `None` stops after TLS.
    pub credssp: Option<u32>,
    /// Ask for the server's settings, if it selects a protocol that lets anyone so far.
    pub connection_sequence: bool,
    /// The chance in our own ClientHello.
    pub random: [u8; 32],
    /// Manner that our hellos follow, by whatever stack, and the name that they ask for.
    pub shape: HelloShape,
    /// Measures of the path that are taken on the way; none by default.
    pub path: PathPlan,
    /// How long each stage may take.
    pub limits: Limits,
}

/// Measures of the path, which no client takes: nothing else is judged by what such a connection meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathPlan {
    /// Most bytes of data in a segment, of either side (`TCP_MAXSEG`); 0 leaves it to the systems.
    pub segment: u16,
    /// True to send the Connection Request in pieces, each once the one before was acknowledged: many packets are
    /// counted in one connection.
    pub pieces: bool,
    /// Bytes to which our own ClientHello is padded, with the head of its record; 0 for none.
    pub hello: u16,
    /// Machines that the ClientHello can come to (its time to live); 0 leaves it to the system.
    pub hops: u8,
}

impl PathPlan {
    /// True if the connection is made for the sake of the path.
    pub fn measures(self) -> bool {
        self != Self::default()
    }

    /// True if a packet of a certain size is sent, or asked for.
    pub fn tries_a_size(self) -> bool {
        self.segment > 0 || self.hello > 0
    }
}

impl ConversationPlan {
    /// True if both say the same to a host, however long they wait for an answer.
    pub fn same_words(&self, other: &Self) -> bool {
        let words = |plan: &Self| Self { random: [0; 32], limits: Limits::default(), ..plan.clone() };
        words(self) == words(other)
    }
}

/// How long each stage may take at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// From the SYN to the answer.
    pub tcp: Duration,
    /// From the Connection Request to the whole answer.
    pub x224: Duration,
    /// From the ClientHello to the finished handshake (or the whole flight).
    pub tls: Duration,
    /// From our `TSRequest` to the whole answer.
    pub credssp: Duration,
    /// From the Connect Initial to the whole answer.
    pub connection_sequence: Duration,
}
