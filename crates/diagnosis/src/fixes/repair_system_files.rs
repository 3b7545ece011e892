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
    title: "Give Windows its own files back",
    safety: Safety::Disruptive,
    reason: "Windows compares its files with its own store and replaces those that differ; that takes time, a \
             restart, and what a \
             wrapper added stops working.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(TERMSERVICE), Look::Line("(Get-ItemProperty $k).ServiceDll")]),
        Step::Ask("If that is not Windows' own: remove what put it there with its own uninstaller, then:"),
        Step::Change(&[OWN_LIBRARY]),
        Step::Change(&[Change::run("DISM /Online /Cleanup-Image /RestoreHealth")]),
        Step::Change(&[Change::run("sfc /scannow")]),
        Step::Ask("Restart the machine."),
    ],
    verify: "ServiceDll is that of Windows, sfc finds nothing more to mend, and the port answers in X.224",
    undo: "ServiceDll as it was; files that were replaced are not brought back",
};
