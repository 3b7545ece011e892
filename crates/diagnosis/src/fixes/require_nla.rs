//! `require-nla`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "require-nla",
    title: "Require Network Level Authentication",
    safety: Safety::Disruptive,
    reason: "Clients without CredSSP no longer get in, nor do users whose password has expired or must be changed; it raises security. It takes TLS: require-tls first.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' UserAuthentication",
        "Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' UserAuthentication 1",
    ],
    verify: "a request for TLS alone is answered by failure 5",
    undo: "UserAuthentication back to its former value",
};
