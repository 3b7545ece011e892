//! `correct-clock`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "correct-clock",
    title: "Synchronise the wrong clock",
    safety: Safety::Safe,
    reason: "The time changes to that of the domain or time server; databases and schedulers on the machine notice a \
             jump of hours. It cannot be undone and need not be.",
    place: Place::elevated(Machine::Concerned("on the machine whose clock is wrong")),
    steps: &[
        Step::Remarked(
            &Step::Read(&[Look::Line("w32tm /query /status")]),
            "0x80070426: the time service does not run: Start-Service W32Time",
        ),
        Step::Remarked(
            &Step::Read(&[Look::Line("w32tm /query /source")]),
            "'Local CMOS Clock' or 'Free-running System Clock': it asks nobody, see below",
        ),
        Step::Change(&[Change::run("w32tm /resync /rediscover")]),
        Step::Ask(
            "A domain member takes its time from the domain: w32tm /config /syncfromflags:domhier /update. Its host \
             can reset the clock of a virtual machine: look there as well.",
        ),
    ],
    verify: "the clocks differ by less than five minutes",
    undo: "nothing to undo",
};
