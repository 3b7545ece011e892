//! Remote Desktop on the wire: bytes to meaning and back.
//!
//! This crate is for every PDU that a connection shows before logon (TPKT, X.224, the security negotiation, the
//! outside of TLS, CredSSP's `TSRequest`, NTLM, MCS Connect Response), certificates, and the sans-I/O machine that
//! drives one connection.
//!
//! It may not do I/O, read a clock, use chance, or panic on input. The time is handed in, random bytes are handed
//! in, and TLS arrives as events ([`machine::Event::TlsUp`]), because rustls and OpenSSL need a clock and chance.
//!
//! Where to start reading: [`machine::Conversation`] (one connection), [`stage`] (what it goes through), then
//! [`transcript::Transcript`] (what it leaves behind).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used))]

pub mod bytes;
pub mod capture;
pub mod certificate;
pub mod credssp;
pub mod der;
pub mod dns;
pub mod figures;
pub mod foreign;
pub mod hex;
pub mod hops;
pub mod http;
pub mod inspection;
pub mod layer;
pub mod machine;
pub mod mcs;
pub mod ntlm;
pub mod rdpeudp;
pub mod redaction;
pub mod signed_data;
pub mod stage;
pub mod tls;
pub mod transcript;
pub mod x224;

pub use bytes::DecodeError;
