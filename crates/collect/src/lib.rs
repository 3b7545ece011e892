//! Reads the world: the live [`probe`], [`evidence`] files, and this computer itself ([`local`]).
//!
//! Purpose: everything that needs a socket, a clock, chance or a TLS stack in order to see.
//!
//! Forbidden: changing anything on any machine, and trying to log on.
//!
//! Start reading at [`probe::Probe::run`], the loop that asks the planner and opens connections; then
//! `probe/connection.rs`, which drives one `wire` machine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod evidence;
pub mod local;
mod names;
pub mod probe;
pub mod resolve;
