//! Evidence in, diagnosis out.
//!
//! Purpose: the [`causes`] with their proofs, the [`fixes`], the [`claims`] that circulate, judged, the [`planner`]
//! that picks the next question, and the types of a [`Diagnosis`].
//!
//! Forbidden: printing (it writes no format and no page), I/O, reading a clock, knowing which platform it runs on. Time
//! and everything seen come in as arguments.
//!
//! Start reading at [`cause::Cause`] and one file of [`causes`], then [`diagnose::diagnose`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accesses;
pub mod as_client;
mod assemble;
pub mod attempts;
mod audit;
pub mod case;
pub mod cause;
pub mod causes;
pub mod claims;
pub mod client;
#[cfg(test)]
mod code_laws;
pub mod compare;
pub mod control;
pub mod diagnose;
pub mod earlier;
pub mod fixes;
pub mod hops;
pub mod identity;
pub mod interview;
pub mod keys;
pub mod ladder;
pub mod linux;
pub mod logs;
pub mod mtu;
pub mod naming;
pub mod need;
pub mod next;
pub mod notices;
pub mod order;
mod pace;
pub mod path;
pub mod planner;
mod refusals;
pub mod regressions;
pub mod report;
pub mod server;
pub mod setting;
pub mod sketch;
pub mod stage;
pub mod survey;
pub mod timeline;
pub mod tries;
mod turns;
mod value;
pub mod watch;
mod watched;
pub mod xrdp;

// the catalogue of codes and the vocabulary of a report, for those who may not look at evidence
pub use causes::rdp_file_faults;
pub use evidence::{Because, ClientProfile, Host, Role, Stage, SubjectId, Symptom, Target, TimeSource};
pub use evidence::{codes, moment, printable, profile, symptom};

pub use case::{Capabilities, Case, Context};
pub use cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
pub use diagnose::diagnose;
pub use need::{Asked, Need};
pub use report::Diagnosis;
