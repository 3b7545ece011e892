//! `delete-licensing-grace`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "delete-licensing-grace",
    title: "Delete the licensing grace period",
    safety: Safety::Refused,
    reason: "It repairs nothing and only evades the licence: the 120 days are meant to end. It has nothing to do \
             with a connection that is closed before logon.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "write back the key that was exported; then set up a licence server and licences, or remove the role, so \
           that the two administrative sessions remain",
};
