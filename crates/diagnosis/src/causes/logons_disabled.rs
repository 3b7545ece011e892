//! `logons-disabled`: the host takes connections and refuses new logons.

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::{LISTENER, TERMINAL_SERVER};

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "logons-disabled",
    title: "the host is set to refuse new logons",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Key(TERMINAL_SERVER)], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Key(LISTENER)], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::Key(TERMINAL_SERVER)], holds: drained },
        Proof { shows: Shows::Absence, needs: &[Need::Key(TERMINAL_SERVER), Need::Key(LISTENER)], holds: allowed },
    ],
    explains: &[],
    page: Page {
        what_happens: "The connection comes about and ends with a message that remote logons are disabled, or with an error before the \
                       desktop appears. Sessions that exist already can often be continued.",
        why: "Somebody drains the server before maintenance (change logon /drain, Server Manager) and has not ended that, or a logon \
              was switched off at the listener. Drain mode outlives a restart in one of its forms.",
        confirm: "TSServerDrainMode and fLogonDisabled have to be 0 or absent, TSUserEnabled 0, TSEnabled 1 or absent.",
        command: "change logon /query; Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' | Select-Object \
                  TSEnabled,TSUserEnabled,TSServerDrainMode; Get-ItemProperty \
                  'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' | Select-Object fLogonDisabled",
        how_to_fix: "Allow logons again, unless the server is being drained on purpose.",
        references: &[
            "Microsoft: Remote Desktop can't connect to the remote computer (drain mode, fLogonDisabled, TSUserEnabled)",
        ],
    },
    fixes: &["allow-logons"],
};

/// What each value has to be for logons to be refused.
const REFUSING: [(&str, &str, u32); 3] =
    [(TERMINAL_SERVER, "TSEnabled", 0), (TERMINAL_SERVER, "TSUserEnabled", 1), (LISTENER, "fLogonDisabled", 1)];

fn refused(case: Case<'_>) -> Option<Ground> {
    let set = REFUSING.iter().filter_map(|(path, name, value)| {
        let seen = case.number(path, name).filter(|seen| seen.value == Some(*value))?;
        Some(seen.because(format!("{name} = {value}")))
    });
    let because: Vec<_> = set.collect();
    (!because.is_empty()).then(|| Ground::on(because))
}

/// One form of drain mode ends with the next start, which may lie behind; the other is known from practice, not from a document.
fn drained(case: Case<'_>) -> Option<Ground> {
    let seen = case.number(TERMINAL_SERVER, "TSServerDrainMode")?;
    let words = match seen.value? {
        1 => "TSServerDrainMode = 1, which drains the server until its next start",
        2 => "TSServerDrainMode = 2, which seems to drain the server for good",
        _ => return None,
    };
    Some(Ground::on(vec![seen.because(words)]))
}

fn allowed(case: Case<'_>) -> Option<Ground> {
    let drain = case.number(TERMINAL_SERVER, "TSServerDrainMode")?;
    let user = case.number(TERMINAL_SERVER, "TSUserEnabled").filter(|seen| seen.value == Some(0))?;
    let listener = case.number(LISTENER, "fLogonDisabled").filter(|seen| seen.value == Some(0))?;
    let sound = matches!(drain.value, None | Some(0)) && refused(case).is_none();
    sound.then(|| Ground::on(vec![user.because("TSUserEnabled = 0"), listener.because("fLogonDisabled = 0")]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, machine};

    fn healthy() -> Sketch {
        machine().dword(TERMINAL_SERVER, "TSUserEnabled", 0).dword(LISTENER, "fLogonDisabled", 0)
    }

    #[test]
    fn present() {
        for (path, name, value) in REFUSING {
            healthy().dword(path, name, value).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn drain_mode_is_only_likely() {
        for mode in [1, 2] {
            let drained = healthy().dword(TERMINAL_SERVER, "TSServerDrainMode", mode);
            drained.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
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
    }
}
