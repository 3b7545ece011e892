//! `try-another-client`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "try-another-client",
    title: "Try another client from the same place",
    safety: Safety::Manual,
    reason: "It repairs nothing; it tells whether client or host is at fault.",
    place: "on the client",
    steps: &[
        "Run another Remote Desktop client, or this program, from the computer that shows the error.",
        "Compare: the same failure means path or host, success means the first client's settings.",
    ],
    verify: "one of two clients connects",
    undo: "nothing to undo",
};
