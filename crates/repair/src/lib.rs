//! Changes files and machines, as a person asked for it: the only code that does.
//!
//! Purpose: putting right what a diagnosis found, and nothing else. So far that is the signature of `.rdp` files
//! ([`sign`]).
//!
//! Forbidden: deciding what is wrong, and listening on the network.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod file;
pub mod hive;
pub mod publisher;
pub mod sign;
