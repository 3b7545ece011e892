//! `enable-listener`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART_LISTENER, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "enable-listener",
    title: "Switch the RDP listener on",
    safety: Safety::Disruptive,
    reason: "It changes one value; restarting the service cuts all sessions. Afterwards the host accepts Remote \
             Desktop connections.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(LISTENER)]),
        Step::Read(&[Look::Values(LISTENER, &["fEnableWinStation", "LanAdapter", "PortNumber"])]),
        Step::Ask(
            "If the key itself is missing, import it from a host with the same Windows, or repair Windows; setting a \
             single value is not enough.",
        ),
        Step::Change(&[Change::dword(LISTENER, "fEnableWinStation", 1)]),
        Step::Change(RESTART_LISTENER),
    ],
    verify: "the RDP port answers",
    undo: "fEnableWinStation back to 0, then restart TermService",
};
