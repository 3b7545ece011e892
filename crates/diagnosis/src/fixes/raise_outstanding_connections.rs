//! `raise-outstanding-connections`.

use evidence::state::TERMINAL_SERVER;

use super::change::{Change, Look, Missing, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "raise-outstanding-connections",
    title: "Raise the limit for connections before logon",
    safety: Safety::Weakening,
    reason: "The limit protects the host from floods; raise it only if many people log on at the same moment.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: TERMINAL_SERVER, name: "MaxOutstandingConnections", rare: true }]),
        Step::Stop(
            "Stop the flood first. Continue only if event 1006 keeps appearing while unknown addresses are locked \
             out.",
        ),
        Step::Change(&[Change::dword_made(TERMINAL_SERVER, "MaxOutstandingConnections", 3000, Missing::Value)]),
        Step::Ask("Restart the computer when its sessions may be interrupted."),
    ],
    verify: "each of several tries is answered, and event 1006 is not logged again",
    undo: "Remove-ItemProperty of MaxOutstandingConnections, or its former value; then restart",
};
