//! `bind-certificate`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "bind-certificate",
    title: "Give the listener a certificate from an authority that the clients trust",
    safety: Safety::Disruptive,
    reason: "New connections get the new certificate; a wrong one keeps everybody out until the old binding is back.",
    place: "on the host, elevated, with a way in besides Remote Desktop",
    steps: &[
        "Have a certificate issued with Server Authentication, RSA 2048 or longer, and every name that people type; put it with its key into Cert:\\LocalMachine\\My.",
        "In certlm.msc: All Tasks, Manage Private Keys, give NETWORK SERVICE (S-1-5-20) Read.",
        "$l=Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter \"TerminalName='RDP-Tcp'\"",
        "$l.SSLCertificateSHA1Hash | Set-Content \"$env:ProgramData\\rdp-certificate-before.txt\"",
        "Set-CimInstance -InputObject $l -Property @{SSLCertificateSHA1Hash='THUMBPRINT'}",
    ],
    verify: "the handshake shows the new certificate, for the name that is typed",
    undo: "the same Set-CimInstance with the thumbprint in rdp-certificate-before.txt; if that was the self-signed one: \
           Remove-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
           SSLCertificateSHA1Hash, then restart-services",
};
