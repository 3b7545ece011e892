//! `upgrade-edition`.

use super::change::{Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "upgrade-edition",
    title: "Upgrade to an edition that can be reached by Remote Desktop",
    safety: Safety::Manual,
    reason: "It takes a licence and a restart; programs and files stay.",
    place: Place::own(Machine::Host),
    steps: &[
        Step::Ask("In Settings, System, Activation: upgrade to Pro with a product key or in the Store."),
        Step::Ask("Restart, then switch Remote Desktop on with Network Level Authentication."),
    ],
    verify: "the port answers in X.224",
    undo: "an upgrade of the edition is not taken back; Remote Desktop can be switched off again",
};
