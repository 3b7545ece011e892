//! Evidence: the recorded [`state::State`] of a machine, the [`Evidence`] that probes, captures and files yield, and
//! the tables of [`codes`] with the meanings of numbers and events.
//!
//! Forbidden: judging. This crate knows no cause and no fix, has no opinion on faults, does no I/O, reads no clock and
//! does not know which platform it runs on. Time and everything seen come in as arguments.
//!
//! Start reading at [`fact::Fact`], then [`observe()`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod bundle;
pub mod captured;
pub mod ciphers;
pub mod codes;
pub mod events;
mod evidence;
pub mod fact;
pub mod firewall;
pub mod hive;
pub mod ini;
pub mod key_names;
pub mod lossless;
pub mod moment;
pub mod observe;
pub mod path;
pub mod places;
pub mod printable;
pub mod profile;
pub mod rdp_file;
pub mod redaction;
pub mod section;
pub mod security;
pub mod signing;
pub mod sketch;
mod stage;
pub mod state;
pub mod symptom;
pub mod target;
pub mod telling;
pub mod windows;

pub use evidence::{Because, Evidence, Observation, Role, Source, Subject, SubjectId, TimeSource};
pub use fact::Fact;
pub use observe::observe;
pub use profile::{ClientProfile, ProfileSource};
pub use stage::Stage;
pub use symptom::Symptom;
pub use target::{Host, Target};
