//! `enable-listener`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART_LISTENER, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "enable-listener",
    title: "Switch the RDP listener on",
    safety: Safety::Disruptive,
    reason: "One value changes; sessions are cut while the service restarts. The host can be reached by Remote \
             Desktop afterwards.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(LISTENER)]),
        Step::Read(&[Look::Values(LISTENER, &["fEnableWinStation", "LanAdapter", "PortNumber"])]),
        Step::Ask(
            "If the key itself is missing, import it from a host with the same Windows, or repair Windows; a single \
             value does not do.",
        ),
        Step::Change(&[Change::dword(LISTENER, "fEnableWinStation", 1)]),
        Step::Change(RESTART_LISTENER),
    ],
    verify: "the port answers in X.224",
    undo: "fEnableWinStation back to 0, then restart TermService",
};
