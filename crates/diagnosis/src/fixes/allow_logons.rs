//! `allow-logons`.

use evidence::state::{LISTENER, TERMINAL_SERVER, WINLOGON};

use super::change::{Change, Data, Look, Missing, Place, Run, Step, Value};
use super::{Fix, Safety};

/// Both forms of draining end.
const NOT_DRAINED: Change =
    Change::dword_from(TERMINAL_SERVER, "TSServerDrainMode", &[Data::Dword(1), Data::Dword(2)], 0);
/// Remote logons are no longer switched off.
const NOT_DISABLED: Change = Change::SetValue(Value {
    key: WINLOGON,
    name: "WinStationsDisabled",
    data: Data::Text("0"),
    missing: Missing::Nothing,
    from: &[Data::Text("1")],
});
/// The two values that `change logon /enable` sets.
///
/// Source: VMware Horizon 7.13, "Configure Logon Modes for an RDS Host": enabled is WinStationsDisabled 0 and
/// TSServerDrainMode 0.
const ENABLES: &[Change] = &[NOT_DRAINED, NOT_DISABLED];

pub const FIX: Fix = Fix {
    id: "allow-logons",
    title: "Allow new logons again",
    safety: Safety::Safe,
    reason: "It ends a maintenance state; it does not change who may log on.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Line("change logon /query")]),
        Step::Stop("First ask whoever is draining this server: new sessions arrive as soon as it is open."),
        Step::Change(&[Change::Run(Run { line: "change logon /enable", does: ENABLES })]),
        Step::Read(&[Look::Line(
            "$t='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server'; Get-ItemProperty $t | Select-Object \
             TSEnabled,TSUserEnabled,TSServerDrainMode; \
             Get-ItemProperty \"$t\\WinStations\\RDP-Tcp\" | Select-Object fLogonDisabled; \
             (Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon').WinStationsDisabled",
        )]),
        Step::Decide(
            "Set back what is still set then: TSServerDrainMode 0, TSUserEnabled 0, TSEnabled 1, fLogonDisabled 0 \
             (Set-ItemProperty PATH NAME VALUE -Type DWord), WinStationsDisabled 0 (-Type String)",
            &[
                NOT_DRAINED,
                Change::dword_from(TERMINAL_SERVER, "TSUserEnabled", &[Data::Dword(1)], 0),
                Change::dword_from(TERMINAL_SERVER, "TSEnabled", &[Data::Dword(0)], 1),
                Change::dword_from(LISTENER, "fLogonDisabled", &[Data::Dword(1)], 0),
                NOT_DISABLED,
            ],
        ),
    ],
    verify: "a logon goes through; a probe, which never logs on, sees no difference",
    undo: "change logon /drain, or the values as they were",
};
