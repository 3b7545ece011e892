//! `repair-rdp-file`.

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "repair-rdp-file",
    title: "Correct the .rdp file",
    safety: Safety::Safe,
    reason: "One setting of one file goes back to its default; a copy is kept. A signature on the file becomes void.",
    place: Place::own(Machine::Client),
    steps: &[
        Step::Read(&[Look::Line("Copy-Item {file} {file}.bak")]),
        Step::Ask(
            "Write the line of the setting as the finding says (notepad {file}), or make the file anew in mstsc (Show \
             Options, Save As).",
        ),
        Step::Ask("Where it is CredSSP that is switched off, the next line switches it on."),
        Step::Change(&[Change::CorrectRdpSetting { name: "enablecredsspsupport", from: 0, to: 1 }]),
        Step::Ask(
            "For a host that takes Microsoft Entra authentication only: add the line enablerdsaadauth:i:1 instead.",
        ),
    ],
    verify: "the client offers what the host asks for",
    undo: "Move-Item {file}.bak {file} -Force",
};
