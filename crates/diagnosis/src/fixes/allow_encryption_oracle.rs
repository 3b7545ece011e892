//! `allow-encryption-oracle`.

use evidence::state::CREDSSP;

use super::change::{Change, Look, Machine, Missing, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "allow-encryption-oracle",
    title: "Let this client accept hosts without the CredSSP update",
    safety: Safety::Weakening,
    reason: "A man in the middle can use CVE-2018-0886 against this client as long as it lasts. Only to reach a host \
             once in order to update it.",
    place: Place::elevated(Machine::Client),
    steps: &[
        Step::Ask("Prefer to update the host from its console, through WinRM or a management tool."),
        Step::Read(&[Look::Name(CREDSSP), Look::Value { key: CREDSSP, name: "AllowEncryptionOracle", rare: true }]),
        Step::Ask("Only if there is no other way, the next line."),
        Step::Change(&[Change::dword_made(CREDSSP, "AllowEncryptionOracle", 2, Missing::Key)]),
        Step::Ask(
            "Connect (Microsoft asks for a restart of the client first; mostly it takes none), update the host, and \
             go back at once. A policy (Encryption Oracle Remediation) writes the same value again.",
        ),
    ],
    verify: "the host introduces itself with TSRequest version 5 or 6",
    undo: "AllowEncryptionOracle back to its former value; if there was none: Remove-ItemProperty $k \
           AllowEncryptionOracle",
};
