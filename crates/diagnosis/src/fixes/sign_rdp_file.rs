//! `sign-rdp-file`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "sign-rdp-file",
    title: "Sign the .rdp file again",
    safety: Safety::Safe,
    reason: "It adds a signature to one file and changes no setting; a copy is kept.",
    place: "where the file is published, with the publisher's certificate and its key",
    steps: &[
        "Compare the settings with what the publisher meant; do not sign what nobody can explain.",
        "Copy-Item FILE.rdp FILE.rdp.bak",
        "Get-ChildItem Cert:\\CurrentUser\\My,Cert:\\LocalMachine\\My | Where-Object HasPrivateKey | Select-Object Thumbprint,Subject,NotAfter",
        "rdpsign.exe /sha256 THUMBPRINT /l FILE.rdp",
        "rdpsign.exe /sha256 THUMBPRINT FILE.rdp",
    ],
    verify: "rdpdoctor inspect FILE.rdp finds no rdp-file-signature-broken",
    undo: "Move-Item FILE.rdp.bak FILE.rdp -Force",
};
