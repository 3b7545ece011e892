//! `set-listener-port`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "set-listener-port",
    title: "Set the port that Remote Desktop listens on",
    safety: Safety::Disruptive,
    reason: "The listener restarts; clients and firewall rules that name the former port no longer fit.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' PortNumber",
        "Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' PortNumber 3389",
        "For another port than 3389 a firewall rule for it first: the rules of Windows stay at 3389.",
        "Restart-Service TermService -Force; Start-Service UmRdpService   # cuts every session",
    ],
    verify: "the new port answers in X.224",
    undo: "PortNumber back to its former value, then restart TermService",
};
