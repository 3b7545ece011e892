//! `licensing-grace-expired`: the session host's licensing was not set up, and its grace period is over.

use evidence::events::{RCM, RCM_ADMIN};
use evidence::state::POLICY;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

/// Events: grace period over without a licensing mode; over without a licence server, as older and newer Windows number
/// it.
const EXPIRED: &[u32] = &[1069, 1128, 50_280];
/// Key of the listener's own licensing.
const LICENSING: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\RCM\Licensing Core";

pub const CAUSE: Cause = Cause {
    id: "licensing-grace-expired",
    title: "the session host's licensing grace period is over and its licensing is not set up",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: expired },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, RCM_ADMIN, (RCM, EXPIRED), DAY),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "A Remote Desktop Session Host refuses logons because it has no licence; administrators still \
                       get in with mstsc /admin.",
        why: "The role works without licences for 120 days. After that it needs a licensing mode and a licence server that it can \
              reach.",
        confirm: "Remote Connection Manager 1069: the period is over and no licensing mode is set; 50280, on older \
                  Windows 1128: and no licence server was found. An entry counts for a day: both may have been set since.",
        command: "Get-WinEvent -MaxEvents 5 -FilterHashtable \
                  @{ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1068,1069,1128,50280} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Set the licensing mode and the licence server (group policy, Remote Desktop Session Host, \
                     Licensing), and install licences there. Two connections at a time for administration need \
                     neither: if you need no more, remove the role. Never delete the grace period from the registry.",
        references: &["Microsoft: License your RDS deployment with client access licenses (CALs)"],
    },
    fixes: &[],
};

/// The newest such entry counts, unless the setting it complains of is there by now. A later connection only lowers the
/// confidence: an administrator can always log on, and whether it was one is not known.
fn expired(case: Case<'_>) -> Option<Ground> {
    let set =
        |path, name| case.number(path, name).and_then(|seen| seen.value).is_some_and(|mode| matches!(mode, 2 | 4));
    let mode = set(POLICY, "LicensingMode") || set(LICENSING, "LicensingMode");
    let ground = told(case, (RCM, EXPIRED), DAY, |event| event.id != 1069 || !mode)?;
    let since = ground.because.iter().any(|because| case.answered_since(because.observation));
    let usual = ground.confidence.unwrap_or(Confidence::Proven);
    let less = if usual == Confidence::Proven { Confidence::Likely } else { Confidence::Possible };
    Some(if since { ground.confidence(less) } else { ground })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        machine().event(RCM, 1069, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        machine().event(RCM, 1069, 300).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_mode_is_set_by_now() {
        machine().event(RCM, 1069, 300).dword(POLICY, "LicensingMode", 4).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1069, 300).dword(LICENSING, "LicensingMode", 2).check(&CAUSE, Expect::Unknown);
        // 5 means "not configured"
        let likely = Expect::Present(Severity::Blocking, Confidence::Likely);
        machine().event(RCM, 1069, 300).dword(LICENSING, "LicensingMode", 5).check(&CAUSE, likely);
    }

    #[test]
    fn without_a_licence_server_it_is_over_as_well() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        machine().event(RCM, 1128, 300).dword(POLICY, "LicensingMode", 4).check(&CAUSE, likely());
        machine().event(RCM, 50_280, 300).dword(POLICY, "LicensingMode", 4).check(&CAUSE, likely());
        let possible = Expect::Present(Severity::Blocking, Confidence::Possible);
        machine().event(RCM, 1128, 300).event(RCM, 1149, 2).check(&CAUSE, possible);
    }

    #[test]
    fn whoever_came_in_since_takes_one_step_of_its_sureness() {
        let present = |confidence| Expect::Present(Severity::Blocking, confidence);
        for (minutes, alone, since) in
            [(5, Confidence::Proven, Confidence::Likely), (300, Confidence::Likely, Confidence::Possible)]
        {
            machine().event(RCM, 1069, minutes).check(&CAUSE, present(alone));
            machine().event(RCM, 1069, minutes).event(RCM, 1149, 2).check(&CAUSE, present(since));
        }
    }

    #[test]
    fn near_miss_an_entry_of_last_month() {
        let old = machine().event(RCM, 1069, 30 * 24 * 60);
        old.check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1069, 30 * 24 * 60).log(RCM_ADMIN, 48).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_mode_is_not_set_and_the_period_runs() {
        machine().event(RCM, 1068, 2).log(RCM_ADMIN, 48).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
