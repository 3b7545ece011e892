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
        "$k='HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\CredSSP\\Parameters'; Get-ItemProperty $k AllowEncryptionOracle -ErrorAction SilentlyContinue",
        "Only if there is no other way, the next line.",
        "if (-not (Test-Path $k)) { New-Item $k -Force | Out-Null }; Set-ItemProperty $k AllowEncryptionOracle 2 -Type DWord",
        "Connect (Microsoft asks for a restart of the client first; mostly it takes none), update the host, and go back at once. A policy (Encryption Oracle Remediation) writes the same value again.",
    ],
    verify: "the host introduces itself with TSRequest version 5 or 6",
    undo: "AllowEncryptionOracle back to its former value; if there was none: Remove-ItemProperty $k AllowEncryptionOracle",
};
