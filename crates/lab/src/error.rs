//! Failures of the lab itself.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why a scenario could not be read.
#[derive(Debug, Error)]
#[error("read scenario {name}: {reason}")]
pub struct ScenarioError {
    /// The scenario.
    pub name: String,
    /// Reason.
    pub reason: String,
}

/// Why a scenario could not be started.
#[derive(Debug, Error)]
pub enum LabError {
    /// An address could not be bound.
    #[error("bind {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No port was free on every address of the scenario.
    #[error("find a port that is free on every address of the scenario")]
    NoCommonPort,
    /// The queue of a host that is to drop SYNs did not fill up: this operating system answers them nevertheless.
    #[error("fill the queue of {0} until it drops connections")]
    QueueNeverFull(SocketAddr),
    /// A certificate could not be made.
    #[error("make the certificate of {subject}: {source}")]
    Certificate {
        /// Its subject.
        subject: String,
        /// Why.
        source: rcgen::Error,
    },
    /// TLS could not be set up.
    #[error("set up TLS: {0}")]
    Tls(String),
    /// The scenario needs TLS below 1.2 or a key of 1024 bits, and this build lacks the feature `legacy-tls`.
    #[error("this build has no TLS below 1.2: build with the feature legacy-tls")]
    NeedsLegacyTls,
    /// A thread could not be started.
    #[error("start a thread: {0}")]
    Thread(io::Error),
}
