//! Evidence in, diagnosis out.
//!
//! What this crate is for: [`Evidence`] and where it comes from ([`observe`]), the [`causes`] with their proofs, the
//! [`fixes`], client [`profile`]s, the [`planner`] that picks the next question, and the report; the tables of [`codes`], the
//! [`claims`] that circulate, judged, the [`search`] over all that is known, and the answers about it ([`explain`]).
//!
//! What it may not do: I/O, read a clock, know which platform it runs on. Time and everything seen come in as arguments.
//!
//! Where to start reading: [`cause::Cause`] and one file of [`causes`], then [`diagnose::diagnose`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod attempts;
pub mod bundle;
pub mod as_client;
pub mod case;
pub mod cause;
pub mod causes;
pub mod claims;
pub mod client;
pub mod codes;
pub mod control;
pub mod diagnose;
pub mod earlier;
pub mod events;
pub mod evidence;
pub mod explain;
pub mod fact;
pub mod firewall;
pub mod fixes;
pub mod guides;
pub mod identity;
pub mod keys;
pub mod logs;
pub mod need;
pub mod next;
pub mod observe;
pub mod planner;
pub mod printable;
pub mod profile;
pub mod rdp_file;
pub mod redaction;
pub mod regressions;
pub mod report;
pub mod search;
pub mod security;
pub mod setting;
pub mod state;
pub mod survey;
pub mod symptom;
pub mod target;
pub mod timeline;
pub mod tries;
mod watched;

pub use case::{Capabilities, Case, Context};
pub use cause::{Because, Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
pub use diagnose::diagnose;
pub use evidence::{Evidence, Observation, Role, Source, Subject, SubjectId, TimeSource};
pub use fact::Fact;
pub use need::{Asked, Need};
pub use profile::ClientProfile;
pub use report::Diagnosis;
pub use symptom::Symptom;
pub use target::{Host, Target};
