//! `offer-tls-in-xrdp`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "offer-tls-in-xrdp",
    title: "Let xrdp offer TLS",
    safety: Safety::Safe,
    reason: "Clients that can use TLS get it, all others connect as before; it is the value that xrdp comes with.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^security_layer' /etc/xrdp/xrdp.ini")]),
        Step::Change(&[Change::SetXrdp { name: "security_layer", value: "negotiate" }]),
    ],
    verify: "the host selects TLS and the handshake succeeds",
    undo: "security_layer in xrdp.ini back to its former value",
};
