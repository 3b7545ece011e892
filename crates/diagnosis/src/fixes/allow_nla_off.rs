//! `allow-nla-off`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "allow-nla-off",
    title: "Switch Network Level Authentication off for a short time",
    safety: Safety::Weakening,
    reason: "Everybody who reaches the port reaches the logon and what lies before it. Only as a test with an end.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' UserAuthentication",
        "Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' UserAuthentication -ErrorAction SilentlyContinue   # a value here beats the listener's",
        "Prefer to change the client. If this host must be reached once: set UserAuthentication to 0, connect, and set it back to 1 in the same hour.",
    ],
    verify: "a request for TLS alone is selected",
    undo: "UserAuthentication back to 1",
};
