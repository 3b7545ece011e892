//! Safe wrappers over the calls of the operating system by which it tells of itself: Windows' services, and of Linux
//! what the kernel knows of a TCP connection, and the time zone.
//!
//! Purpose: the only `unsafe` of the project, one file for each of the system's services, each function as small as the
//! call allows.
//!
//! Forbidden: changing anything, waiting without an end, and any policy: what is looked up, what it means and how much
//! of it is kept is decided in `collect`.
//!
//! Start reading at `registry` (Windows) and `tcp` (Linux). Everything of Windows was run under Wine, and nothing of it
//! on Windows itself.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(windows)]
pub mod adapter;
#[cfg(windows)]
pub mod credential;
#[cfg(windows)]
pub mod elevation;
#[cfg(windows)]
pub mod event_log;
#[cfg(target_os = "linux")]
pub mod icmp;
#[cfg(windows)]
pub mod port;
#[cfg(windows)]
pub mod registry;
#[cfg(windows)]
pub mod security;
#[cfg(windows)]
pub mod service;
#[cfg(target_os = "linux")]
pub mod tcp;
#[cfg(windows)]
pub mod volume;
#[cfg(windows)]
mod wide;
#[cfg(target_os = "linux")]
pub mod zone;
