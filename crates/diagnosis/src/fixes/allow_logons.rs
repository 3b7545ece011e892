//! `allow-logons`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "allow-logons",
    title: "Allow new logons again",
    safety: Safety::Safe,
    reason: "It ends a state that is meant for maintenance; who may log on is left as it is.",
    place: "on the host's console, elevated",
    steps: &[
        "change logon /query",
        "Ask whoever drains this server first: new sessions will come as soon as it is open.",
        "change logon /enable",
        "$t='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server'; Get-ItemProperty $t | Select-Object TSEnabled,TSUserEnabled,TSServerDrainMode; \
         Get-ItemProperty \"$t\\WinStations\\RDP-Tcp\" | Select-Object fLogonDisabled; \
         (Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon').WinStationsDisabled",
        "What is still set then, set back: TSServerDrainMode 0, TSUserEnabled 0, TSEnabled 1, fLogonDisabled 0 (Set-ItemProperty PATH NAME VALUE -Type DWord), \
         WinStationsDisabled 0 (-Type String)",
    ],
    verify: "a logon goes through; a probe, which never logs on, sees no difference",
    undo: "change logon /drain, or the values as they were",
};
