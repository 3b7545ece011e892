//! `repair-rdp-file`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "repair-rdp-file",
    title: "Correct the .rdp file",
    safety: Safety::Safe,
    reason: "One setting of one file goes back to its default; a copy is kept. A signature on the file becomes void.",
    place: "on the client",
    steps: &[
        "Copy-Item FILE.rdp FILE.rdp.bak",
        "Write the line of the setting as the finding says (notepad FILE.rdp), or make the file anew in mstsc (Show Options, Save As).",
        "Where it is CredSSP that is switched off, the next line switches it on.",
        "(Get-Content FILE.rdp) -replace '^enablecredsspsupport:i:0','enablecredsspsupport:i:1' | Set-Content FILE.rdp -Encoding Unicode",
        "For a host that takes Microsoft Entra authentication only: add the line enablerdsaadauth:i:1 instead.",
    ],
    verify: "the client offers what the host asks for",
    undo: "Move-Item FILE.rdp.bak FILE.rdp -Force",
};
