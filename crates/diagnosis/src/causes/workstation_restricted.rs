//! `workstation-restricted`: the user may not log on from this workstation.

use evidence::state::LogEvent;
use evidence::{Role, Stage};

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::refusals::{not_refused, refused, says};

/// Statuses that say so.
const WORKSTATION: &[u32] = &[0xC000_0070];

pub const CAUSE: Cause = Cause {
    id: "workstation-restricted",
    title: "the user may not log on from this workstation",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HOST_LOG],
            holds: |case| refused(case, fits),
        },
        Proof { shows: Shows::Absence, needs: &[Need::HOST_LOG], holds: |case| not_refused(case, fits) },
    ],
    explains: &[],
    page: Page {
        what_happens: "The logon is refused on some machines and works on others.",
        why: "The account has a list of computers to which it may log on. With Network Level Authentication the client's own name has to be in it as well.",
        confirm: "Security 4625 with the sub-status 0xC0000070 at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Add the host, and for Network Level Authentication the client, to the account's \"Log On To\" list, or clear the list.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &[],
};

fn fits(event: &LogEvent) -> bool {
    says(event, WORKSTATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch::{audited, with};
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        for status in WORKSTATION {
            let refused = audited(*status, "10", 2);
            refused.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    /// A file share refuses logons of the same kind.
    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        audited(0xC000_0070, "3", 2).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        audited(0xC000_0070, "2", 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_another_reason() {
        with(audited(0xC000_006A, "10", 2), 48).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        with(machine(), 48).check(&CAUSE, Expect::Unknown);
    }
}
