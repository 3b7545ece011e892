//! What a connection found out: one answer a stage.

use std::time::Duration;

use crate::stage::{CredsspAnswer, TcpAnswer, TlsAnswer, X224Answer};

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
    /// CredSSP.
    pub credssp: Option<Timed<CredsspAnswer>>,
    /// When it was found that we, and not the peer, are at fault; then there is no other answer than that of TCP.
    pub rehearsal_failed: Option<Duration>,
}
