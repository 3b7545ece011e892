//! Safe wrappers over the calls of the operating system by which it tells of itself; on systems other than Windows
//! there are none yet.
//!
//! Purpose: the only `unsafe` of the project, one file for each of the system's services, each function as small as the
//! call allows.
//!
//! Forbidden: changing anything, waiting without an end, and any policy: what is looked up, what it means and how much
//! of it is kept is decided in `collect`.
//!
//! Start reading at `registry`. Everything was run under Wine, and nothing of it on Windows itself.

#![cfg(windows)]

pub mod elevation;
pub mod event_log;
pub mod registry;
pub mod security;
pub mod service;
pub mod volume;
mod wide;
