//! `allow-nla-off`.

use evidence::state::{LISTENER, POLICY};

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "allow-nla-off",
    title: "Switch Network Level Authentication off for a short time",
    safety: Safety::Weakening,
    reason: "Everybody who reaches the port then reaches the logon screen. Only for a short test.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: LISTENER, name: "UserAuthentication", rare: false }]),
        Step::Remarked(
            &Step::Read(&[Look::Value { key: POLICY, name: "UserAuthentication", rare: true }]),
            "a value here beats the listener's",
        ),
        Step::Decide(
            "Prefer to change the client. If this host must be reached once: set UserAuthentication to 0, connect, \
             and set it back to 1 in the same hour.",
            &[Change::dword(LISTENER, "UserAuthentication", 0)],
        ),
    ],
    verify: "a request for TLS alone is selected",
    undo: "UserAuthentication back to 1",
};
