//! `install-update`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "install-update",
    title: "Install the current security updates",
    safety: Safety::Manual,
    reason: "Updates restart the machine and are chosen by those who keep it.",
    place: "on the machine that the finding is about",
    steps: &[
        "Install the current cumulative update through Windows Update, WSUS or the catalogue.",
        "Get-HotFix | Sort-Object InstalledOn | Select-Object -Last 5",
    ],
    verify: "the revision (UBR) has moved on; a host that was unpatched introduces itself with TSRequest version 5 or 6",
    undo: "uninstall the update",
};
