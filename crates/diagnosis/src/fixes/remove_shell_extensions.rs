//! `remove-shell-extensions`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "remove-shell-extensions",
    title: "Remove shell extensions from Explorer",
    safety: Safety::Refused,
    reason: "They run in Explorer and cannot make the other side close a connection. The next driver update brings \
             them back.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "in Autoruns tick the entries again, or install the driver again",
};
