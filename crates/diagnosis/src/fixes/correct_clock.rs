//! `correct-clock`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "correct-clock",
    title: "Have the wrong clock synchronise",
    safety: Safety::Safe,
    reason: "Time moves to what the domain or time server says. It cannot be taken back, and need not be.",
    place: "on the machine whose clock is wrong, elevated",
    steps: &["w32tm /query /status", "w32tm /resync /rediscover"],
    verify: "the clocks differ by less than five minutes",
    undo: "nothing to undo",
};
