//! `allow-encryption-oracle`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "allow-encryption-oracle",
    title: "Let this client accept hosts without the CredSSP update",
    safety: Safety::Weakening,
    reason: "A man in the middle can use CVE-2018-0886 against this client as long as it lasts. Only to reach a host once in order to update it.",
    place: "on the client, elevated",
    steps: &[
        "Prefer to update the host from its console, through WinRM or a management tool.",
        "If there is no other way: set AllowEncryptionOracle to 2 in HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\CredSSP\\Parameters, connect, update the host, and remove the value at once.",
    ],
    verify: "the host introduces itself with TSRequest version 5 or 6",
    undo: "remove the value AllowEncryptionOracle",
};
