//! `replace-rdp-key-container`.

use super::change::{Change, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "replace-rdp-key-container",
    title: "Have Windows create a new key for Remote Desktop",
    safety: Safety::Disruptive,
    reason: "It moves one file to a backup; restarting the services cuts all sessions. The keys of other services \
             stay.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Change(&[Change::Stop(&["UmRdpService", "TermService", "SessionEnv"])]),
        Step::Change(&[Change::run(
            "New-Item -ItemType Directory C:\\rdp-key-backup; icacls C:\\rdp-key-backup /inheritance:r /grant \
             '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-18:(OI)(CI)F'",
        )]),
        Step::Remarked(
            &Step::Change(&[Change::MoveKeyFiles("C:\\rdp-key-backup")]),
            "access denied: takeown /f FILE /a, icacls FILE /grant '*S-1-5-32-544:F', then this again",
        ),
        Step::Then(
            "renew-rdp-certificate",
            "Then renew-rdp-certificate, which starts the services again: until then nobody gets in.",
        ),
    ],
    verify: "the TLS handshake succeeds with a new certificate",
    undo: "stop the services, move the file back, start the services; the certificate that renewal removed does not \
           come back, Windows creates another for the old key",
};
