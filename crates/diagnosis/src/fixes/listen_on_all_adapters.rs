//! `listen-on-all-adapters`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART_LISTENER, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "listen-on-all-adapters",
    title: "Let the RDP listener listen on all network adapters",
    safety: Safety::Disruptive,
    reason: "One value changes; sessions are cut while the service restarts. If one adapter was chosen on purpose, \
             the firewall's rule \
             has to keep the others closed.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(LISTENER)]),
        Step::Read(&[Look::Values(LISTENER, &["LanAdapter"])]),
        Step::Change(&[Change::dword(LISTENER, "LanAdapter", 0)]),
        Step::Change(RESTART_LISTENER),
    ],
    verify: "the port answers in X.224",
    undo: "LanAdapter back to its number, then restart TermService",
};
