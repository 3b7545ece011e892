//! `require-nla`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "require-nla",
    title: "Require Network Level Authentication",
    safety: Safety::Disruptive,
    reason: "Clients without CredSSP can no longer connect, nor can users whose password has expired or must be \
             changed; it raises security. It needs TLS: do require-tls first.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: LISTENER, name: "UserAuthentication", rare: false }]),
        Step::Change(&[Change::dword(LISTENER, "UserAuthentication", 1)]),
    ],
    verify: "a request for TLS alone is answered by failure 5",
    undo: "UserAuthentication back to its former value",
};
