//! `repair-machine-keys-access`.

use super::change::{Access, Account, Change, Look, Place, RESTART, Secured, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "repair-machine-keys-access",
    title: "Repair the rights on the Remote Desktop key file and its folder",
    safety: Safety::Disruptive,
    reason: "It changes only the file f686aace…_<MachineGuid> and, if no new keys can be created, the folder itself, \
             to the narrow rights that Microsoft documents; it does not touch the other keys in the folder. The old \
             rights can be restored. The last step restarts the services, which cuts every session.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Line("$id = (Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid")]),
        Step::Read(&[Look::Line(
            "$key = \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_$id\"",
        )]),
        Step::Remarked(
            &Step::Read(&[Look::Line("Test-Path $key")]),
            "False: the key is gone, see replace-rdp-key-container",
        ),
        Step::Remarked(
            &Step::Read(&[Look::Line("icacls $key /save \"$env:TEMP\\rdp-key-acl.txt\"")]),
            "access denied: takeown /f $key /a, then this again",
        ),
        Step::Remarked(
            &Step::Change(&[Change::RemoveDenials(Secured::RdpKey, &[Account::System, Account::NetworkService])]),
            "a denial would outweigh what is granted next",
        ),
        Step::Remarked(
            &Step::Change(&[Change::Grant(
                Secured::RdpKey,
                &[(Account::System, Access::Full), (Account::NetworkService, Access::Read)],
            )]),
            "SYSTEM full, NETWORK SERVICE read",
        ),
        Step::Decide(
            "If nobody may write to the folder: $folder = Split-Path $key; icacls $folder /save \
             \"$env:TEMP\\machinekeys-acl.txt\"; icacls $folder /grant '*S-1-5-32-544:(F)' '*S-1-1-0:(R,W)', without \
             (OI), (CI) and /t, so that the keys in it stay as they are.",
            &[Change::Grant(
                Secured::KeyFolder,
                &[(Account::Administrators, Access::Full), (Account::Everyone, Access::ReadWrite)],
            )],
        ),
        Step::Change(RESTART),
    ],
    verify: "the TLS handshake succeeds; if it already did, renew-rdp-certificate now creates a new certificate \
             (event 1056)",
    undo: "the saved rights come back (the owner, if takeown was needed, does not): icacls \
           \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\" /restore \"$env:TEMP\\rdp-key-acl.txt\"; for the \
           folder the same with machinekeys-acl.txt, in the folder above it",
};
