//! The outcome of a connection: one answer a stage.

use std::time::Duration;

use super::answer::{ConnectionSequenceAnswer, CredsspAnswer, Ended, Presented, TcpAnswer, TlsAnswer, X224Answer};
use crate::ntlm::Challenge;

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

impl<A, B> Timed<(A, B)> {
    /// Parts an answer from what came with it.
    pub fn split(self) -> (Timed<A>, B) {
        let Self { value: (value, beside), took, at } = self;
        (Timed { value, took, at }, beside)
    }
}

/// The answers of a connection, stage by stage. A stage that was not reached is `None`.
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
    /// The peer ended the connection behind a finished handshake, though nothing was asked of it yet.
    pub ended_behind_tls: Option<Ended>,
    /// Certificates and key exchange that the server showed in TLS.
    pub presented: Presented,
    /// CredSSP.
    pub credssp: Option<Timed<CredsspAnswer>>,
    /// The connection sequence.
    pub connection_sequence: Option<Timed<ConnectionSequenceAnswer>>,
    /// CHALLENGE with which the server introduced itself in CredSSP.
    pub challenge: Option<Challenge>,
    /// When it was found that we, and not the peer, are at fault; then there is no other answer than that of TCP.
    pub rehearsal_failed: Option<Duration>,
}
