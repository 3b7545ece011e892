//! `repair-system-files`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "repair-system-files",
    title: "Give Windows its own files back",
    safety: Safety::Disruptive,
    reason: "Windows compares its files with its own store and replaces those that differ; that takes time, a restart, and what a \
             wrapper added stops working.",
    place: "on the host's console, elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters'; (Get-ItemProperty $k).ServiceDll",
        "If that is not Windows' own: remove what put it there with its own uninstaller, then:",
        "Set-ItemProperty $k ServiceDll '%SystemRoot%\\System32\\termsrv.dll' -Type ExpandString",
        "DISM /Online /Cleanup-Image /RestoreHealth",
        "sfc /scannow",
        "Restart the machine.",
    ],
    verify: "the port answers in X.224",
    undo: "ServiceDll as it was; files that were replaced are not brought back",
};
