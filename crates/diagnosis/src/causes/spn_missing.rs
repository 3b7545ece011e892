//! `spn-missing`: the host could not register its name for Kerberos.

use evidence::events::{RCM, SYSTEM};
use evidence::{Role, Stage};
use time::Duration;

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

const NOT_REGISTERED: &[u32] = &[1067];
/// Reach that a log needs to count as silent: the name is registered when the service starts, which may be long ago.
const MONTH: Duration = Duration::days(35);

pub const CAUSE: Cause = Cause {
    id: "spn-missing",
    title: "the host could not register its TERMSRV name for Kerberos",
    stage: Stage::Host,
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::HOST_LOG],
            holds: |case| told(case, (RCM, NOT_REGISTERED), DAY, |_| true),
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, SYSTEM, (RCM, NOT_REGISTERED), MONTH),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "Logons fall back from Kerberos to NTLM. That works until NTLM is forbidden or the account is \
                       in the group Protected Users.",
        why: "The host registers TERMSRV/name at its account in the domain when the service starts. That fails if no \
              domain controller is reachable at that time, or if the account may not write the attribute.",
        confirm: "Remote Connection Manager 1067 of the last day. The registration may have succeeded later: setspn says \
                  what is registered now.",
        command: "setspn -L $env:COMPUTERNAME",
        how_to_fix: "Register the name, or restart Remote Desktop Services while a domain controller can be reached.",
        references: &["Microsoft: Remote Connection Manager event 1067", "Microsoft: setspn"],
    },
    fixes: &["register-spn"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        machine().event(RCM, 1067, 30).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Likely));
    }

    #[test]
    fn near_miss_an_old_entry() {
        machine().event(RCM, 1067, 40 * 60).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn absent_where_a_log_of_many_weeks_is_silent() {
        machine().log(SYSTEM, 48).check(&CAUSE, Expect::Unknown);
        machine().log(SYSTEM, 36 * 24).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
