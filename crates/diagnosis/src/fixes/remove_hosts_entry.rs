//! `remove-hosts-entry`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "remove-hosts-entry",
    title: "Take the name out of the hosts file",
    safety: Safety::Manual,
    reason: "The line may have been written for a purpose that only its owner knows.",
    place: Place::elevated(Machine::Client),
    steps: &[
        Step::Read(&[Look::Line(
            "Select-String -Path $env:SystemRoot\\System32\\drivers\\etc\\hosts -Pattern '{host}'",
        )]),
        Step::Ask(
            "Keep a copy of the file, and open it in an editor with administrator's rights (on Linux and macOS: \
             /etc/hosts). Put # in front of the line with the name, or write the right address into it.",
        ),
        Step::Change(&[Change::ForgetNames]),
        Step::Read(&[Look::Line("Resolve-DnsName {host}")]),
    ],
    verify: "the name leads to the address that DNS gives",
    undo: "take the # away again",
};
