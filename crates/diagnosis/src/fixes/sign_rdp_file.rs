//! `sign-rdp-file`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "sign-rdp-file",
    title: "Sign the .rdp file again",
    safety: Safety::Safe,
    reason: "It adds a signature to one file and changes no setting; a copy is kept.",
    place: Place::own(Machine::Other("where the file is published, with the publisher's certificate and its key")),
    steps: &[
        Step::Ask("Compare the settings with what the publisher meant; do not sign what nobody can explain."),
        Step::Ask(
            "The key in a file (PFX or PEM), or no Windows machine at hand: `rdpdoctor sign FILE.rdp --key publisher.pfx` \
             signs on any system, and keeps the old file as FILE.rdp.bak. What follows uses Windows' own rdpsign.",
        ),
        Step::Read(&[Look::Line("Copy-Item {file} {file}.bak")]),
        Step::Read(&[Look::Line(
            "Get-ChildItem Cert:\\CurrentUser\\My,Cert:\\LocalMachine\\My | Where-Object HasPrivateKey | \
             Select-Object Thumbprint,Subject,NotAfter",
        )]),
        Step::Read(&[Look::Line("rdpsign.exe /sha256 {thumbprint} /l {file}")]),
        Step::Change(&[Change::SignRdpFile]),
    ],
    verify: "rdpdoctor inspect {file} finds no rdp-file-signature-broken",
    undo: "Move-Item {file}.bak {file} -Force",
};
