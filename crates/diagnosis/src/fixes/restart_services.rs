//! `restart-services`.

use super::change::{Look, Place, RESTART, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "restart-services",
    title: "Restart Remote Desktop Services",
    safety: Safety::Disruptive,
    reason: "Every Remote Desktop session of the host is cut, including your own.",
    place: Place::HOST_CONSOLE.noted(", not through Remote Desktop"),
    steps: &[Step::Read(&[Look::Line("Get-Service TermService,UmRdpService,SessionEnv")]), Step::Change(RESTART)],
    verify: "the RDP port answers, and another probe no longer finds the fault",
    undo: "nothing to undo: the same services run as before",
};
