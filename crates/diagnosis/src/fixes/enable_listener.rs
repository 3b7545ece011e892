//! `enable-listener`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "enable-listener",
    title: "Switch the RDP listener on",
    safety: Safety::Disruptive,
    reason: "One value changes; sessions are cut while the service restarts. The host can be reached by Remote Desktop afterwards.",
    place: "on the host's console, elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp'",
        "Get-ItemProperty $k | Select-Object fEnableWinStation,LanAdapter,PortNumber",
        "If the key itself is missing, import it from a host with the same Windows, or repair Windows; a single value does not do.",
        "Set-ItemProperty $k fEnableWinStation 1 -Type DWord",
        "Restart-Service TermService -Force; Start-Service UmRdpService",
    ],
    verify: "the port answers in X.224",
    undo: "fEnableWinStation back to 0, then restart TermService",
};
