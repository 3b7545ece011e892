//! `require-tls`.

use evidence::state::LISTENER;

use super::change::{Change, Data, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "require-tls",
    title: "Require TLS",
    safety: Safety::Disruptive,
    reason: "Clients without TLS can no longer connect; it raises security. If the host's key or certificate is \
             broken, nobody can connect any more: stay at the console.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: LISTENER, name: "SecurityLayer", rare: false }]),
        Step::Change(&[Change::dword(LISTENER, "SecurityLayer", 2)]),
        Step::Decide(
            "If fAllowSecProtocolNegotiation is there and 0, set it to 1 in the same key.",
            &[Change::dword_from(LISTENER, "fAllowSecProtocolNegotiation", &[Data::Dword(0)], 1)],
        ),
        Step::Ask("Remove the policy value SecurityLayer in Group Policy, if it is what says 0."),
    ],
    verify: "the host selects TLS and the handshake succeeds",
    undo: "SecurityLayer back to its former value",
};
