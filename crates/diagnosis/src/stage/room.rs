//! A stage, as the ladder knows it.

use evidence::{Role, Stage};

use crate::case::Case;
use crate::stage::rung::Rung;

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
