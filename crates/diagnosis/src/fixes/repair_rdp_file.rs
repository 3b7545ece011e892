//! `repair-rdp-file`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "repair-rdp-file",
    title: "Correct the .rdp file",
    safety: Safety::Safe,
    reason: "It sets one setting back to its default and keeps a copy. A signature on the file becomes invalid.",
    place: Place::own(Machine::Client),
    steps: &[
        Step::Read(&[Look::Line("Copy-Item {file} {file}.bak")]),
        Step::Ask(
            "Write the line of the setting as the finding says (notepad {file}), or create the file again in mstsc \
             (Show Options, Save As).",
        ),
        Step::Ask("If CredSSP is switched off, the next line switches it on."),
        Step::Change(&[Change::CorrectRdpSetting { name: "enablecredsspsupport", from: 0, to: 1 }]),
        Step::Ask(
            "For a host that accepts only Microsoft Entra authentication: add the line enablerdsaadauth:i:1 instead.",
        ),
    ],
    verify: "the client offers what the host asks for",
    undo: "Move-Item {file}.bak {file} -Force",
};
