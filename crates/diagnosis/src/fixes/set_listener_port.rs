//! `set-listener-port`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART_LISTENER, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "set-listener-port",
    title: "Set the port that Remote Desktop listens on",
    safety: Safety::Disruptive,
    reason: "The listener restarts; clients and firewall rules for the old port no longer work.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: LISTENER, name: "PortNumber", rare: false }]),
        Step::Change(&[Change::dword(LISTENER, "PortNumber", 3389)]),
        Step::Ask("For another port than 3389, create a firewall rule first: the rules of Windows stay at 3389."),
        Step::Remarked(&Step::Change(RESTART_LISTENER), "cuts every session"),
    ],
    verify: "RDP answers on the new port",
    undo: "PortNumber back to its former value, then restart TermService",
};
