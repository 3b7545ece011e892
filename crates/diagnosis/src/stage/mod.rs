//! One room for each stage of a connection: the questions that it answers, its rung on the ladder, and how proofs ask for what
//! was seen of it. A stage is its file here and its line in [`ROOMS`].

pub mod certificate;
pub mod credssp;
pub mod hello;
pub mod name;
pub mod recorded;
pub mod tcp;
pub mod tls;
pub mod x224;

use evidence::{Role, Stage};

use crate::case::Case;
use crate::ladder::Rung;

/// A stage as the ladder knows it.
#[derive(Debug)]
pub struct Room {
    /// The stage.
    pub stage: Stage,
    /// The subjects that have it: their part, and whether it is about an address of theirs or about the machine.
    pub of: Whose,
    /// Reads its rung off the evidence; `None` where nothing was seen of it.
    pub rung: fn(Case<'_>) -> Option<Rung>,
}

/// The subjects that a stage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The resolver's answer to a name.
    Resolver,
    /// An address of a host.
    Address,
    /// The records of a host.
    Machine,
    /// The records of a client.
    Client,
}

impl Whose {
    /// Reads the rungs off the evidence; a finding that does not block degrades its rung.
    pub fn of(role: Role, address: bool) -> Option<Self> {
        match (role, address) {
            (Role::Resolver, _) => Some(Self::Resolver),
            (Role::Host, true) => Some(Self::Address),
            (Role::Host, false) => Some(Self::Machine),
            (Role::Client, _) => Some(Self::Client),
            (Role::Gateway | Role::Path, _) => None,
        }
    }
}

/// Every stage, in the order of the way of a connection.
pub const ROOMS: &[&Room] = &[
    &name::ROOM,
    &tcp::ROOM,
    &x224::ROOM,
    &tls::ROOM,
    &certificate::ROOM,
    &credssp::ROOM,
    &recorded::HOST,
    &recorded::CLIENT,
];
