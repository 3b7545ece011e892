//! `allow-encryption-oracle`.

use evidence::state::CREDSSP;

use super::change::{Change, Look, Machine, Missing, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "allow-encryption-oracle",
    title: "Let this client accept hosts without the CredSSP update",
    safety: Safety::Weakening,
    reason: "As long as this is set, a man in the middle can use CVE-2018-0886 against this client. Use it only to \
             reach a host once, to update it.",
    place: Place::elevated(Machine::Client),
    steps: &[
        Step::Ask("Prefer to update the host from its console, through WinRM or a management tool."),
        Step::Read(&[Look::Name(CREDSSP), Look::Value { key: CREDSSP, name: "AllowEncryptionOracle", rare: true }]),
        Step::Stop("Run the next line only if there is no other way."),
        Step::Change(&[Change::dword_made(CREDSSP, "AllowEncryptionOracle", 2, Missing::Key)]),
        Step::Ask(
            "Connect (Microsoft asks for a restart of the client first; usually none is needed), update the host, \
             and undo this at once. A policy (Encryption Oracle Remediation) writes the same value again.",
        ),
    ],
    verify: "the host introduces itself with TSRequest version 5 or 6",
    undo: "AllowEncryptionOracle back to its former value; if there was none: Remove-ItemProperty $k \
           AllowEncryptionOracle",
};
