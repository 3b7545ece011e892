//! Changes files and machines, as a person asked for it: the only code that does.
//!
//! Purpose: putting right what a diagnosis found, and nothing else, with a way back. A change is a [`place::Place`] and
//! what it holds ([`place::Held`]); a [`hand::Hand`] reads and writes places; a [`plan::Plan`] lists changes, bound to
//! the state they were planned for; [`run::apply`] carries it out, journal first ([`journal`]), and [`run::back`] goes
//! back. [`sign`] signs `.rdp` files.
//!
//! Forbidden: deciding what is wrong, and listening on the network.
//!
//! Start reading at [`run::apply`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod file;
pub mod groups;
pub mod guard;
pub mod hand;
pub mod hive;
pub mod journal;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod make;
pub mod offline;
pub mod place;
pub mod plan;
pub mod publisher;
pub mod ratchet;
pub mod remedy;
pub mod remedy_offline;
pub mod run;
pub mod sign;
