//! `rdpdoctor` against servers that other people wrote, and against networks that a kernel breaks.
//!
//! Every test starts what it needs on loopback or in network namespaces of its own, and removes it at its end. Where a
//! program or a right is missing, the test says so and passes; with `RDPDOCTOR_TEST_FULL=1` it fails instead.
//! `RDPDOCTOR_KEEP_TRANSCRIPTS=FOLDER` keeps redacted transcripts: that is how `diagnosis/tests/transcripts` were made.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod broken;
#[cfg(feature = "legacy-tls")]
#[allow(dead_code, reason = "the witness judges for further clients")]
#[path = "../witness/client.rs"]
mod client;
mod compare;
mod dns;
#[cfg(feature = "legacy-tls")]
mod firewall;
mod fronts;
mod gnome;
mod linux;
mod names;
mod network;
mod path;
mod repair;
mod replay;
#[cfg(feature = "legacy-tls")]
mod servers;
mod shadow;
mod support;
#[cfg(feature = "legacy-tls")]
mod systemd;
mod table;
mod xrdp;
