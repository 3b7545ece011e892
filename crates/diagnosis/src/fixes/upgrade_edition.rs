//! `upgrade-edition`.

use super::change::{Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "upgrade-edition",
    title: "Upgrade to an edition that accepts Remote Desktop connections",
    safety: Safety::Manual,
    reason: "It needs a licence and a restart; programs and files stay.",
    place: Place::own(Machine::Host),
    steps: &[
        Step::Ask("In Settings, System, Activation: upgrade to Pro with a product key or in the Store."),
        Step::Ask("Restart, then switch Remote Desktop on with Network Level Authentication."),
    ],
    verify: "the RDP port answers",
    undo: "an upgrade of the edition cannot be undone; Remote Desktop can be switched off again",
};
