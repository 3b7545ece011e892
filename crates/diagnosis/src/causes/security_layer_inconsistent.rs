//! `security-layer-inconsistent`: the listener's security settings contradict each other.

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows, Stage};
use crate::events::{RCM, SYSTEM};
use crate::evidence::Role;
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

const INCONSISTENT: &[u32] = &[1050];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "security-layer-inconsistent",
    title: "the listener's security settings contradict each other",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HostLog],
            holds: |case| told(case, (RCM, INCONSISTENT), DAY, |_| true),
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HostLog],
            holds: |case| not_told(case, SYSTEM, (RCM, INCONSISTENT), DAY),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "The listener does not do what either setting asks for; clients are refused or given less security than was \
                       meant.",
        why: "Network Level Authentication needs TLS below it. It was required (UserAuthentication 1) while the security layer \
              was set to RDP (SecurityLayer 0), often by two people or by a policy and a local setting.",
        confirm: "Remote Connection Manager 1050, and the two values of the listener and of the policy, which wins.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp', \
                  'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' -Name SecurityLayer,UserAuthentication \
                  -ErrorAction SilentlyContinue | Select-Object PSPath,SecurityLayer,UserAuthentication",
        how_to_fix: "Require TLS (SecurityLayer 2) and leave Network Level Authentication on; change the policy where the values \
                     come from one.",
        references: &[
            "Microsoft: Remote Desktop listener security layer and Network Level Authentication (group policy)",
        ],
    },
    fixes: &["require-tls", "require-nla"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, machine};

    #[test]
    fn present() {
        machine().event(RCM, 1050, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        machine().event(RCM, 1050, 300).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_an_old_entry() {
        machine().event(RCM, 1050, 40 * 60).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_number_of_another_provider() {
        machine().event("Another", 1050, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
