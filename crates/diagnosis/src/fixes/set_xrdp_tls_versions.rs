//! `set-xrdp-tls-versions`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "set-xrdp-tls-versions",
    title: "Let xrdp speak TLS 1.2 and 1.3",
    safety: Safety::Safe,
    reason: "It is the value that xrdp comes with, and every current client speaks one of the two. It acts with the next connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^ssl_protocols' /etc/xrdp/xrdp.ini")]),
        Step::Change(&[Change::SetXrdp { name: "ssl_protocols", value: "TLSv1.2, TLSv1.3" }]),
    ],
    verify: "the handshake succeeds",
    undo: "ssl_protocols in xrdp.ini back to its former value",
};
