//! `disable-antivirus`.

use super::change::Place;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "disable-antivirus",
    title: "Switch off the virus protection",
    safety: Safety::Refused,
    reason: "If it is the one that closes the connection, its log names the module, and an exception for one address \
             is enough. Without that log, nothing shows that it is to blame. A host that accepts connections without \
             protection is worse off than one that refuses them.",
    place: Place::NOWHERE,
    steps: &[],
    verify: "nothing that this would bring about",
    undo: "switch the protection on again, update it, and scan the machine",
};
