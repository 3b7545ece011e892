//! `raise-outstanding-connections`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "raise-outstanding-connections",
    title: "Raise the limit of connections before logon",
    safety: Safety::Weakening,
    reason: "The limit is what protects the host from floods; it is raised only where many people log on at one moment.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' MaxOutstandingConnections -ErrorAction SilentlyContinue",
        "Stop the flood first: if event 1006 goes on while strangers' addresses are shut out, and only then, go on.",
        "New-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' MaxOutstandingConnections -PropertyType DWord -Value 3000 -Force",
        "Restart the computer when its sessions may be cut.",
    ],
    verify: "each of several tries is answered, and event 1006 is not logged again",
    undo: "Remove-ItemProperty of MaxOutstandingConnections, or its former value; then restart",
};
