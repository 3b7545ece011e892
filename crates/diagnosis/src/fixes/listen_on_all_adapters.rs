//! `listen-on-all-adapters`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "listen-on-all-adapters",
    title: "Let the RDP listener listen on all network adapters",
    safety: Safety::Disruptive,
    reason: "One value changes; sessions are cut while the service restarts. If one adapter was chosen on purpose, the firewall's rule \
             has to keep the others closed.",
    place: "on the host's console, elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp'",
        "Get-ItemProperty $k | Select-Object LanAdapter",
        "Set-ItemProperty $k LanAdapter 0 -Type DWord",
        "Restart-Service TermService -Force; Start-Service UmRdpService",
    ],
    verify: "the port answers in X.224",
    undo: "LanAdapter back to its number, then restart TermService",
};
