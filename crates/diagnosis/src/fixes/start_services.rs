//! `start-services`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "start-services",
    title: "Start the services that Remote Desktop needs",
    safety: Safety::Safe,
    reason: "Services that should run are started; none is reconfigured.",
    place: "on the host's console",
    steps: &[
        "Get-Service TermService,SessionEnv,UmRdpService,CertPropSvc,KeyIso,CryptSvc",
        "Start-Service SessionEnv; Start-Service TermService; Start-Service UmRdpService",
    ],
    verify: "the port answers in X.224",
    undo: "Stop-Service for those that did not run before",
};
