//! Faulty Remote Desktop hosts on demand.
//!
//! A [`Scenario`] says in TOML which hosts there are, what is wrong with each and what a good
//! diagnosis has to say about it; a [`Lab`] runs them on loopback. Tests, the demo and people who learn use the same
//! scenarios. All of them are files of `scenarios/`: adding one means adding a file.
//!
//! This is the only code that may lie on the wire, so nothing depends on it but tests and the
//! program's `lab` and `demo`; it knows nothing of the diagnosis, listens on loopback alone (unless a scenario names
//! another address), and asks nobody anything.
//!
//! Where to start reading: [`scenario`] (what can be said), [`Lab::start`] (what then runs), `stage` (what happens to
//! one client).

mod banner;
mod certificate;
mod connection;
mod error;
pub mod host;
mod key;
mod lab;
#[cfg(feature = "legacy-tls")]
mod legacy;
pub mod scenario;
pub mod script;
mod stage;
mod stop;
mod transport;

pub use error::{LabError, ScenarioError};
pub use lab::Lab;
pub use scenario::Scenario;
