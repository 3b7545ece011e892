//! `start-services`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "start-services",
    title: "Start the services that Remote Desktop needs",
    safety: Safety::Safe,
    reason: "Services that should run are started; one that is disabled gets back the start type that Windows gives it.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-Service TermService,SessionEnv,UmRdpService,CertPropSvc,KeyIso,CryptSvc | Select-Object Name,Status,StartType",
        "One that is Disabled does not start, and somebody has disabled it: ask who; if a group policy did, change that.",
        "For each that is Disabled: Set-Service NAME -StartupType Manual (CryptSvc: Automatic).",
        "Start-Service CryptSvc,KeyIso,CertPropSvc,SessionEnv,TermService,UmRdpService   # those that run already stay as they are",
    ],
    verify: "the port answers in X.224",
    undo: "Stop-Service for those that did not run before, and their start type as it was",
};
