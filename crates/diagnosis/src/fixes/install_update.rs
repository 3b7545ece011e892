//! `install-update`.

use super::change::{Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "install-update",
    title: "Install the current security updates",
    safety: Safety::Manual,
    reason: "Updates restart the machine, and its owner decides about them.",
    place: Place::own(Machine::Concerned("on the machine that the finding is about")),
    steps: &[
        Step::Ask("Install the current cumulative update through Windows Update, WSUS or the catalogue."),
        Step::Read(&[Look::Line("Get-HotFix | Sort-Object InstalledOn | Select-Object -Last 5")]),
    ],
    verify: "the revision (UBR) has increased; a host that was unpatched introduces itself with TSRequest version 5 \
             or 6",
    undo: "uninstall the update",
};
