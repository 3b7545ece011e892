//! `account-restricted`: a restriction of the user's account forbids the logon.

use evidence::state::LogEvent;
use evidence::{Role, Stage};

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::refusals::{not_refused, refused, says};

/// Statuses that say so.
const RESTRICTED: &[u32] = &[0xC000_006E, 0xC000_0413];

pub const CAUSE: Cause = Cause {
    id: "account-restricted",
    title: "a restriction of the user's account forbids the logon",
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
        what_happens: "The logon is refused although name and password are right.",
        why: "A blank password, which Windows takes at the console only; membership of Protected Users, which forbids NTLM; an authentication policy; or a \
              trust with selective authentication.",
        confirm: "Security 4625 with the status 0xC000006E and no finer sub-status, or 0xC0000413, at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Give the account a password if it has none. A member of Protected Users has to connect by the host's name, so that Kerberos is used. Across a \
                     selective trust it needs the right to authenticate on the host.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &[],
};

fn fits(event: &LogEvent) -> bool {
    says(event, RESTRICTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch::{audited, with};
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        for status in RESTRICTED {
            let refused = audited(*status, "10", 2);
            refused.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    /// A file share refuses logons of the same kind.
    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        audited(0xC000_006E, "3", 2).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        audited(0xC000_006E, "2", 2).check(&CAUSE, Expect::Unknown);
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
