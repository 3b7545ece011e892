//! `start-services`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "start-services",
    title: "Start the services that Remote Desktop needs",
    safety: Safety::Safe,
    reason: "It starts services that should run; a disabled one gets back the default start type of Windows.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Line(
            "Get-Service TermService,SessionEnv,UmRdpService,CertPropSvc,KeyIso,CryptSvc | Select-Object \
             Name,Status,StartType",
        )]),
        Step::Ask(
            "A disabled service does not start, and somebody disabled it: find out who. If a group policy did, \
             change that.",
        ),
        Step::Decide(
            "For each that is Disabled: Set-Service NAME -StartupType Manual (CryptSvc: Automatic).",
            &[
                Change::Enable { service: "CryptSvc", start: 2 },
                Change::Enable { service: "KeyIso", start: 3 },
                Change::Enable { service: "CertPropSvc", start: 3 },
                Change::Enable { service: "SessionEnv", start: 3 },
                Change::Enable { service: "TermService", start: 3 },
                Change::Enable { service: "UmRdpService", start: 3 },
            ],
        ),
        Step::Remarked(
            &Step::Change(&[Change::Start(&[
                "CryptSvc",
                "KeyIso",
                "CertPropSvc",
                "SessionEnv",
                "TermService",
                "UmRdpService",
            ])]),
            "those that run already stay as they are",
        ),
    ],
    verify: "each of the services is Running, and another probe no longer finds the fault",
    undo: "Stop-Service for those that did not run before, and their start type as it was",
};
