//! `register-spn`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "register-spn",
    title: "Register the service principal name (SPN) for the name that people type",
    safety: Safety::Manual,
    reason: "It changes the host's account in the directory and needs a domain administrator; the wrong account \
             breaks Kerberos.",
    place: Place::own(Machine::Other("on a domain controller, or a computer with its tools")),
    steps: &[
        Step::Read(&[Look::Line("setspn -Q TERMSRV/{name}")]),
        Step::Decide(
            "If no account has it: setspn -S TERMSRV/{name} HOST (HOST is the computer's own account; -S refuses \
             duplicates)",
            &[Change::run("setspn -S TERMSRV/{name} HOST")],
        ),
        Step::Ask("On the client, then:"),
        Step::Change(&[Change::run("klist purge; klist get TERMSRV/{name}")]),
    ],
    verify: "the client gets a ticket for TERMSRV/{name} and logs on by that name",
    undo: "setspn -D TERMSRV/{name} HOST",
};
