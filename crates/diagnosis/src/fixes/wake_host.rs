//! `wake-host`.

use super::change::{Change, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "wake-host",
    title: "Wake the host, or switch it on",
    safety: Safety::Manual,
    reason: "Somebody has to know whether the machine may be switched on, and from where.",
    place: Place::own(Machine::Other("beside the host")),
    steps: &[
        Step::Ask(
            "Look at the machine's console, hypervisor or cloud portal: is it running, and is its network card \
             connected?",
        ),
        Step::Ask("If it sleeps: send a wake-on-LAN packet from the same subnet, and switch sleep off:"),
        Step::Change(&[Change::run("powercfg /change standby-timeout-ac 0")]),
    ],
    verify: "the port answers",
    undo: "powercfg /change standby-timeout-ac with the former number of minutes",
};
