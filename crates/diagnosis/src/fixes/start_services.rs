//! `start-services`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "start-services",
    title: "Start the services that Remote Desktop needs",
    safety: Safety::Safe,
    reason: "Services that should run are started; none is reconfigured.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-Service TermService,SessionEnv,UmRdpService,CertPropSvc,KeyIso,CryptSvc | Select-Object Name,Status,StartType",
        "Start-Service CryptSvc,KeyIso,CertPropSvc,SessionEnv,TermService,UmRdpService   # those that run already stay as they are",
        "One that is Disabled does not start, and somebody has disabled it: ask who, then Set-Service NAME -StartupType Manual and start it again.",
    ],
    verify: "the port answers in X.224",
    undo: "Stop-Service for those that did not run before",
};
