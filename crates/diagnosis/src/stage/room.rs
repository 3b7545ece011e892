//! A stage, as the ladder knows it.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::stage::rung::Rung;

/// Stage as the ladder knows it.
#[derive(Debug)]
pub struct Room {
    /// Stage of the room.
    pub stage: Stage,
    /// Subjects that have it: their part, and whether it is about an address of theirs or about the machine.
    pub of: Whose,
    /// Reads its rung off the evidence; `None` where nothing was seen of it.
    pub rung: fn(Case<'_>) -> Option<Rung>,
}

/// Subjects that a stage is about.
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
    /// Returns the subjects that one of this part is among, with or without an address.
    pub fn of(role: Role, address: bool) -> Option<Self> {
        match (role, address) {
            (Role::Resolver, _) => Some(Self::Resolver),
            (Role::Host, true) => Some(Self::Address),
            (Role::Host, false) => Some(Self::Machine),
            (Role::Client, _) => Some(Self::Client),
            (Role::Gateway | Role::Elsewhere | Role::Path, _) => None,
        }
    }
}
