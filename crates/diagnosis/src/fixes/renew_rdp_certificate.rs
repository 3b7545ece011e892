//! `renew-rdp-certificate`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "renew-rdp-certificate",
    title: "Have Windows create a new self-signed certificate for Remote Desktop",
    safety: Safety::Disruptive,
    reason: "Only the self-signed certificate in the store 'Remote Desktop' is removed; restarting the services cuts \
             all sessions. Clients that remembered the old one ask once.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Ask(
            "Repair the rights on the key first (repair-machine-keys-access): Windows cannot replace what it may not \
             write.",
        ),
        Step::Read(&[Look::Value { key: LISTENER, name: "SSLCertificateSHA1Hash", rare: true }]),
        Step::Stop("If that names a certificate of your own, stop here: renew that one at its CA and bind it again."),
        Step::Read(&[Look::Line(
            "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Format-List Subject,Issuer,Thumbprint,NotAfter",
        )]),
        Step::Read(&[Look::Line(
            "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | ForEach-Object { Export-Certificate -Cert $_ \
             -FilePath \"$env:ProgramData\\rdp-$($_.Thumbprint).cer\" }",
        )]),
        Step::Change(&[Change::RemoveOwnCertificates]),
        Step::Change(RESTART),
        Step::Read(&[Look::Line(
            "Get-WinEvent -MaxEvents 3 -FilterHashtable @{LogName='System'; \
             ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1056,1057,1058}",
        )]),
    ],
    verify: "the handshake shows a certificate with a new thumbprint that is valid now",
    undo: "the removed certificate is of no use without its key; Windows creates another by itself",
};
