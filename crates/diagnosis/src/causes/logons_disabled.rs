//! `logons-disabled`: the host accepts connections and refuses new logons.

use evidence::state::{LISTENER, TERMINAL_SERVER, WINLOGON};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "logons-disabled",
    title: "the host is set to refuse new logons",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(TERMINAL_SERVER)], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(LISTENER)], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::key(WINLOGON)], holds: disabled },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::key(TERMINAL_SERVER)], holds: drained },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::key(TERMINAL_SERVER), Need::key(LISTENER), Need::key(WINLOGON)],
            holds: allowed,
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "The connection is made and ends with a message that remote logons are disabled, or with an \
                       error before the desktop appears. Existing sessions can often be continued.",
        why: "Somebody drained the server for maintenance (change logon /drain, Server Manager) and did not end \
              that, or switched logons off (change logon /disable) or at the listener. One form of drain mode \
              survives a restart. Draining a farm server on purpose is not a fault: administrators and people with a \
              session on it still get in.",
        confirm: "TSServerDrainMode and fLogonDisabled must be 0 or absent, TSUserEnabled 0, TSEnabled 1 or absent, \
                  and WinStationsDisabled of Winlogon 0.",
        command: "change logon /query; Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' | Select-Object \
                  TSEnabled,TSUserEnabled,TSServerDrainMode; Get-ItemProperty \
                  'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' | Select-Object fLogonDisabled; (Get-ItemProperty \
                  'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon').WinStationsDisabled",
        how_to_fix: "Allow logons again, unless the server is being drained on purpose.",
        references: &[
            "Microsoft: Remote Desktop can't connect to the remote computer (drain mode, fLogonDisabled, TSUserEnabled)",
        ],
    },
    fixes: &["allow-logons"],
};

/// Value of Winlogon that switches logons off; a text.
const DISABLED: &str = "WinStationsDisabled";
/// Values that refuse logons, each with the number that does.
const REFUSING: [(&str, &str, u32); 3] =
    [(TERMINAL_SERVER, "TSEnabled", 0), (TERMINAL_SERVER, "TSUserEnabled", 1), (LISTENER, "fLogonDisabled", 1)];

fn refused(case: Case<'_>) -> Option<Ground> {
    let set = REFUSING.iter().filter_map(|(path, name, value)| {
        let seen = case.number(path, name).filter(|seen| seen.value == Some(*value))?;
        Some(seen.because(format!("{name} = {value}")))
    });
    let because: Vec<_> = set.collect();
    (!because.is_empty()).then(|| weighed(case, Ground::on(because)))
}

/// Lowers the finding where somebody got in since: it was changed, or does not keep everybody out.
fn weighed(case: Case<'_>, ground: Ground) -> Ground {
    let came_in = ground.because.iter().any(|because| case.new_session_since(because.observation));
    if came_in { ground.severity(Severity::Advisory) } else { ground }
}

/// Winlogon's value switches logons off. That is general knowledge; Windows ships with the value, set to 0.
fn disabled(case: Case<'_>) -> Option<Ground> {
    let seen = case.text(WINLOGON, DISABLED).filter(|seen| seen.value.is_some_and(|text| text.trim() == "1"))?;
    let because = seen.because(format!("{DISABLED} of Winlogon is 1: remote logons are switched off"));
    Some(weighed(case, Ground::on(vec![because])))
}

// Not blocking like the others: farms drain a server before maintenance, and only users' new sessions are kept out.

/// The host is in drain mode. One form of it ends with the next restart, which may be past; the other is known from
/// practice only.
fn drained(case: Case<'_>) -> Option<Ground> {
    let seen = case.number(TERMINAL_SERVER, "TSServerDrainMode")?;
    let words = match seen.value? {
        1 => "TSServerDrainMode = 1, which drains the server until its next start",
        2 => "TSServerDrainMode = 2, which seems to drain the server for good",
        _ => return None,
    };
    Some(weighed(case, Ground::on(vec![seen.because(words)]).severity(Severity::Degrading)))
}

fn allowed(case: Case<'_>) -> Option<Ground> {
    let drain = case.number(TERMINAL_SERVER, "TSServerDrainMode")?;
    case.number(TERMINAL_SERVER, "TSUserEnabled").filter(|seen| seen.value == Some(0))?;
    case.number(LISTENER, "fLogonDisabled").filter(|seen| seen.value == Some(0))?;
    case.text(WINLOGON, DISABLED).filter(|seen| seen.value.is_some_and(|text| text.trim() == "0"))?;
    let sound = matches!(drain.value, None | Some(0)) && refused(case).is_none();
    sound.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::events::LSM;
    use evidence::state::RegistryData;

    fn without_winlogon() -> Sketch {
        machine().dword(TERMINAL_SERVER, "TSUserEnabled", 0).dword(LISTENER, "fLogonDisabled", 0)
    }

    fn winlogon(text: &str) -> Sketch {
        without_winlogon().value(WINLOGON, DISABLED, RegistryData::Text(text.to_owned()))
    }

    fn healthy() -> Sketch {
        winlogon("0")
    }

    #[test]
    fn present() {
        for (path, name, value) in REFUSING {
            healthy().dword(path, name, value).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    /// A session begun since shows that not everybody is kept out; a session taken up again shows nothing.
    #[test]
    fn near_miss_somebody_came_in_since() {
        let since = |sketch: Sketch, id| sketch.event_with(LSM, id, 0, &[("Address", "203.0.113.7")]);
        let refusing = || healthy().dword(TERMINAL_SERVER, "TSEnabled", 0);
        since(refusing(), 21).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        since(refusing(), 25).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let drained = since(healthy().dword(TERMINAL_SERVER, "TSServerDrainMode", 1), 21);
        drained.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Likely));
    }

    #[test]
    fn drain_mode_is_only_likely() {
        for mode in [1, 2] {
            let drained = healthy().dword(TERMINAL_SERVER, "TSServerDrainMode", mode);
            drained.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        }
    }

    #[test]
    fn all_logons_are_switched_off() {
        let off = || Expect::Present(Severity::Blocking, Confidence::Likely);
        winlogon("1").check(&CAUSE, off());
        winlogon("1").dword(TERMINAL_SERVER, "TSServerDrainMode", 1).check(&CAUSE, off());
    }

    #[test]
    fn near_miss_as_windows_sets_it_up() {
        healthy().check(&CAUSE, Expect::Absent);
        healthy().dword(TERMINAL_SERVER, "TSServerDrainMode", 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().dword(TERMINAL_SERVER, "TSUserEnabled", 0).check(&CAUSE, Expect::Unknown);
        without_winlogon().check(&CAUSE, Expect::Unknown);
        // every Windows we know has it: where it is missing, something else may hold
        without_winlogon().dword(WINLOGON, "Other", 0).check(&CAUSE, Expect::Unknown);
    }
}
