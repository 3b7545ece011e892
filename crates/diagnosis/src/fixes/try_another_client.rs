//! `try-another-client`.

use super::change::{Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "try-another-client",
    title: "Try another client from the same place",
    safety: Safety::Manual,
    reason: "It repairs nothing; it shows whether the client or the host is at fault.",
    place: Place::own(Machine::Client),
    steps: &[
        Step::Ask("Run another Remote Desktop client, or this program, from the computer that shows the error."),
        Step::Ask(
            "Compare: if it fails in the same way, it is the path or the host; if it works, it is the first \
                   client's settings.",
        ),
    ],
    verify: "one of two clients connects",
    undo: "nothing to undo",
};
