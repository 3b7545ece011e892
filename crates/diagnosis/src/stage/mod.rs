//! Rooms of the stages of a connection: the questions that each answers, its rung on the ladder, and how proofs ask for
//! what was seen of it. A stage is its file here and its line in [`ROOMS`].

pub mod addresses;
pub mod certificate;
pub mod connection_sequence;
pub mod credssp;
pub mod name;
pub mod naming;
pub mod path;
pub mod recorded;
mod room;
pub mod rung;
pub mod setup;
pub mod tcp;
pub mod tls;
pub mod turns;
pub mod x224;

pub use room::{Room, Whose};

/// Every stage, in the order in which a connection meets them.
pub const ROOMS: &[&Room] = &[
    &name::ROOM,
    &tcp::ROOM,
    &x224::ROOM,
    &tls::ROOM,
    &certificate::ROOM,
    &credssp::ROOM,
    &connection_sequence::ROOM,
    &recorded::HOST,
    &recorded::CLIENT,
];
