//! `repair-system-files`.

use evidence::state::TERMSERVICE;

use super::change::{Change, Data, Look, Missing, Place, Step, Value};
use super::{Fix, Safety};

/// The service runs the library of Windows.
const OWN_LIBRARY: Change = Change::SetValue(Value {
    key: TERMSERVICE,
    name: "ServiceDll",
    data: Data::Expandable(r"%SystemRoot%\System32\termsrv.dll"),
    missing: Missing::Nothing,
    from: &[],
});

pub const FIX: Fix = Fix {
    id: "repair-system-files",
    title: "Restore the original Windows files",
    safety: Safety::Disruptive,
    reason: "Windows compares its files with its own store and replaces those that differ. That takes time and a \
             restart, and what a wrapper added stops working.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(TERMSERVICE), Look::Line("(Get-ItemProperty $k).ServiceDll")]),
        Step::Ask("If that is not the file of Windows, uninstall the program that put it there, then:"),
        Step::Change(&[OWN_LIBRARY]),
        Step::Change(&[Change::run("DISM /Online /Cleanup-Image /RestoreHealth")]),
        Step::Change(&[Change::run("sfc /scannow")]),
        Step::Ask("Restart the machine."),
    ],
    verify: "ServiceDll is that of Windows, sfc finds nothing more to repair, and the RDP port answers",
    undo: "ServiceDll as it was; files that were replaced are not brought back",
};
