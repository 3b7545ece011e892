//! `replace-rdp-key-container`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "replace-rdp-key-container",
    title: "Have Windows make a new key for Remote Desktop",
    safety: Safety::Disruptive,
    reason: "One file moves to a backup; sessions are cut while the services restart. The keys of other services stay.",
    place: "on the host's console, elevated",
    steps: &[
        "Stop-Service UmRdpService,TermService,SessionEnv -Force",
        "New-Item -ItemType Directory C:\\rdp-key-backup; Move-Item \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_*\" C:\\rdp-key-backup",
        "Then renew-rdp-certificate.",
    ],
    verify: "the TLS handshake is finished with a new certificate",
    undo: "stop the services, move the file back, start the services; the certificate that renewal removed does not come back, \
           Windows makes another for the old key",
};
