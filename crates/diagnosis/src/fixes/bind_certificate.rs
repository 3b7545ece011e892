//! `bind-certificate`.

use super::change::{Change, Look, Machine, Place, Rights, Step};
use super::{Fix, Safety};

/// A certificate that does not work keeps out whoever binds it, too.
const BESIDE_REMOTE_DESKTOP: Place = Place {
    machine: Machine::Concerned("on the host"),
    rights: Rights::Elevated,
    console: true,
    note: ", with a way in besides Remote Desktop",
};

pub const FIX: Fix = Fix {
    id: "bind-certificate",
    title: "Give the listener a certificate from an authority that the clients trust",
    safety: Safety::Disruptive,
    reason: "New connections get the new certificate; a wrong one locks everybody out until you restore the old \
             binding.",
    place: BESIDE_REMOTE_DESKTOP,
    steps: &[
        Step::Ask(
            "Have a certificate issued with Server Authentication, RSA 2048 or longer, and every name that people \
             type; put it with its key into Cert:\\LocalMachine\\My.",
        ),
        Step::Ask("In certlm.msc: All Tasks, Manage Private Keys, give NETWORK SERVICE (S-1-5-20) Read."),
        Step::Read(&[Look::Line(
            "$l=Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter \
             \"TerminalName='RDP-Tcp'\"",
        )]),
        Step::Read(&[Look::Line(
            "$l.SSLCertificateSHA1Hash | Set-Content \"$env:ProgramData\\rdp-certificate-before.txt\"",
        )]),
        Step::Change(&[Change::BindCertificate]),
    ],
    verify: "the handshake shows the new certificate, for the name that is typed",
    undo: "the same Set-CimInstance with the thumbprint in rdp-certificate-before.txt; if that was the self-signed \
           one: \
           Remove-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
           SSLCertificateSHA1Hash, then restart-services",
};
