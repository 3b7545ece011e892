//! `find-program-on-port`.

use super::change::{Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "find-program-on-port",
    title: "Find out which program answers there, and where Remote Desktop listens",
    safety: Safety::Manual,
    reason: "It only looks: which of the two has to move, or whether the wrong host was asked, is for a person to say.",
    place: Place::elevated(Machine::Concerned("on the machine that answers")),
    steps: &[
        Step::Read(&[Look::Line(
            "Get-NetTCPConnection -LocalPort {port} -State Listen | ForEach-Object { Get-Process -Id $_.OwningProcess }",
        )]),
        Step::Read(&[Look::Line(
            "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' PortNumber",
        )]),
        Step::Ask(
            "Another machine than you meant: ask the right one (its name, its address, the rule that forwards the port).",
        ),
        Step::Ask("The right one, and Remote Desktop listens elsewhere: ask for that port, HOST:PORT in the client."),
        Step::Ask("Another program holds its port: move or stop that program, then restart Remote Desktop Services."),
    ],
    verify: "RDP answers where the client asks",
    undo: "nothing to undo",
};
