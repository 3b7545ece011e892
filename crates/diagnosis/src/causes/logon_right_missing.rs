//! `logon-right-missing`: the user lacks the right to log on through Remote Desktop.

use evidence::state::LogEvent;
use evidence::{Role, Stage};

use crate::audit::DENIED;
use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::refusals::{not_refused, refused, says};

/// Statuses that say so.
const MISSING: &[u32] = &[0xC000_015B];

pub const CAUSE: Cause = Cause {
    id: "logon-right-missing",
    title: "the user lacks the right to log on through Remote Desktop",
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
        what_happens: "The credentials are right, and the logon is refused: the client says that the connection was denied because the user is not \
                       authorised for remote login.",
        why: "The user is in neither Remote Desktop Users nor Administrators, or a policy takes the right \"Allow log on through Remote Desktop Services\" \
              away; a \"Deny\" wins over it. With a network logon (type 3) it is the right to access this computer from the network.",
        confirm: "Security 4625 with the status 0xC000015B, or 4825, at the time of the attempt.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Add the user to the host's group Remote Desktop Users, and look at both rights, Allow and Deny, in the host's policy.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &["grant-remote-desktop-logon"],
};

fn fits(event: &LogEvent) -> bool {
    event.id == DENIED || says(event, MISSING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch;
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        for status in MISSING {
            sketch::shown_by(*status, &CAUSE, Severity::Blocking);
        }
    }

    #[test]
    fn present_by_the_denial_alone() {
        let fields = [("AccountName", "user.alpha"), ("AccountDomain", "CORP"), ("ClientAddress", "192.0.2.9")];
        let denied = machine().event_with(evidence::events::SECURITY, 4825, 2, &fields);
        denied.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_015B, &CAUSE);
    }

    #[test]
    fn near_miss_another_reason() {
        sketch::ruled_out_by(0xC000_006A, &CAUSE);
    }

    #[test]
    fn unseen() {
        sketch::unseen(&CAUSE);
    }
}
