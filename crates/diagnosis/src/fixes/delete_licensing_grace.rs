//! `delete-licensing-grace`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "delete-licensing-grace",
    title: "Delete the grace period of the licensing",
    safety: Safety::Refused,
    reason: "It is no repair but a way around the licence: the counter of 120 days is there to end. It has nothing to \
             do with a connection that is closed before logon.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "write back the key that was exported; then set up a licence server and licences, or remove the role, so \
           that the two administrative sessions remain",
};
