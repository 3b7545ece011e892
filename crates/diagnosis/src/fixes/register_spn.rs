//! `register-spn`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "register-spn",
    title: "Register the service principal of the name that people type",
    safety: Safety::Manual,
    reason: "It changes the host's account in the directory, takes a domain administrator, and the wrong account breaks Kerberos.",
    place: "on a domain controller or with its tools",
    steps: &[
        "setspn -Q TERMSRV/NAME",
        "If no account has it: setspn -S TERMSRV/NAME HOST (HOST is the computer's own account; -S refuses duplicates)",
        "On the client, then:",
        "klist purge; klist get TERMSRV/NAME",
    ],
    verify: "the client gets a ticket for TERMSRV/NAME and logs on by that name",
    undo: "setspn -D TERMSRV/NAME HOST",
};
