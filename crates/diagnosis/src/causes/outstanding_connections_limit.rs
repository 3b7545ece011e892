//! `outstanding-connections-limit`: too many half-open connections make the host defend itself.

use evidence::events::{RCM, RCM_ADMIN};
use evidence::{Role, Stage};

use crate::case::NEAR;
use crate::cause::{Cause, Confidence, Explains, Page, Proof, Severity, Shows};
use crate::logs::{not_told, told};
use crate::need::Need;

/// Event: many connections were not completed.
const FLOODED: &[u32] = &[1006];

pub const CAUSE: Cause = Cause {
    id: "outstanding-connections-limit",
    title: "the host has more half-open connections than it allows",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HOST_LOG],
            holds: |case| told(case, (RCM, FLOODED), NEAR, |_| true),
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, RCM_ADMIN, (RCM, FLOODED), NEAR),
        },
    ],
    explains: &[Explains { cause: "listener-overloaded", when: |_| true }],
    page: Page {
        what_happens: "Some attempts succeed, others are dropped or never answered, usually while somebody on the \
                       internet is guessing passwords.",
        why: "The host counts connections that have not reached a logon, and drops new ones above a limit. A port \
              that is open to the internet fills up with them; so does a monitoring system that connects and says \
              nothing.",
        confirm: "Remote Connection Manager 1006 within ten minutes of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1006} | \
                  Format-List TimeCreated,Message",
        how_to_fix: "Let only the addresses that need it reach the port: use a firewall, VPN or RD Gateway. Raise \
                     the limit only if all of these connections are wanted.",
        references: &["Microsoft: Remote Connection Manager event 1006"],
    },
    fixes: &["open-firewall-for-rdp", "raise-outstanding-connections"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        machine().event(RCM, 1006, 3).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn near_miss_an_hour_before() {
        machine().event(RCM, 1006, 60).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1006, 60).log(RCM_ADMIN, 48).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
