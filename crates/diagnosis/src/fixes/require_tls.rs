//! `require-tls`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "require-tls",
    title: "Require TLS",
    safety: Safety::Disruptive,
    reason: "Clients without TLS no longer get in; it raises security. If the host's key or certificate is broken, nobody gets in any more: keep the console.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' SecurityLayer",
        "Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' SecurityLayer 2",
        "If fAllowSecProtocolNegotiation is there and 0, set it to 1 at the same place.",
        "Remove the policy value SecurityLayer in Group Policy, if it is what says 0.",
    ],
    verify: "a request for TLS is selected and the handshake is finished",
    undo: "SecurityLayer back to its former value",
};
