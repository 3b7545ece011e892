//! `restart-services`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "restart-services",
    title: "Restart Remote Desktop Services",
    safety: Safety::Disruptive,
    reason: "Every Remote Desktop session of the host is cut, including your own.",
    place: "on the host's console, elevated, not through Remote Desktop",
    steps: &[
        "Get-Service TermService,UmRdpService,SessionEnv",
        "Restart-Service SessionEnv -Force; Restart-Service TermService -Force; Start-Service UmRdpService",
    ],
    verify: "the port answers in X.224",
    undo: "nothing to undo: the same services run as before",
};
