//! `licensing-grace-expired`: the session host has no licence server, and its grace period is over.

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows, Stage};
use crate::events::{RCM, RCM_ADMIN};
use crate::evidence::Role;
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

const EXPIRED: &[u32] = &[1069];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "licensing-grace-expired",
    title: "the session host has no licence server and its grace period is over",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HostLog],
            holds: |case| told(case, (RCM, EXPIRED), DAY, |_| true),
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HostLog],
            holds: |case| not_told(case, RCM_ADMIN, (RCM, EXPIRED), DAY),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "Logons to a Remote Desktop Session Host are refused for want of a licence; administrators still come in with \
                       mstsc /admin.",
        why: "The role works without licences for 120 days. After that it needs a licensing mode and a licence server that it can \
              reach.",
        confirm: "Remote Connection Manager 1069. An entry counts for a day: a licence server may have been set since.",
        command: "Get-WinEvent -MaxEvents 5 -FilterHashtable \
                  @{ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1068,1069} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "Set the licensing mode and the licence server (group policy, Remote Desktop Session Host, Licensing), and \
                     install licences there. Two connections at a time for administration need neither: remove the role if \
                     nothing else is wanted. Never delete the grace period from the registry.",
        references: &["Microsoft: License your RDS deployment with client access licenses (CALs)"],
    },
    fixes: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, machine};

    #[test]
    fn present() {
        machine().event(RCM, 1069, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        machine().event(RCM, 1069, 300).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
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
