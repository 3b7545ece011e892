//! Reads the world: the live [`probe`], and [`evidence`] files.
//!
//! What this crate is for: everything that needs a socket, a clock, chance or a TLS stack in order to see.
//!
//! What it may not do: change anything on any machine, or try to log on.
//!
//! Where to start reading: [`probe::Probe::run`], the loop that asks the planner and opens connections; then
//! `probe/connection.rs`, which drives one `wire` machine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod evidence;
pub mod probe;
pub mod resolve;
