//! `listen-on-all-adapters`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART_LISTENER, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "listen-on-all-adapters",
    title: "Let the RDP listener listen on all network adapters",
    safety: Safety::Disruptive,
    reason: "It changes one value; restarting the service cuts all sessions. If one adapter was chosen on purpose, \
             the firewall must keep the others closed.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(LISTENER)]),
        Step::Read(&[Look::Values(LISTENER, &["LanAdapter"])]),
        Step::Change(&[Change::dword(LISTENER, "LanAdapter", 0)]),
        Step::Change(RESTART_LISTENER),
    ],
    verify: "the RDP port answers",
    undo: "LanAdapter back to its number, then restart TermService",
};
