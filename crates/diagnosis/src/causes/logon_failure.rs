//! `logon-failure`: the user name or the password is wrong.

use evidence::state::LogEvent;
use evidence::{Role, Stage, TimeSource};

use crate::audit::WRONG;
use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::refusals::{not_refused, refused, says};

pub const CAUSE: Cause = Cause {
    id: "logon-failure",
    title: "the user name or the password is wrong",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: mistyped },
        Proof { shows: Shows::Absence, needs: &[Need::HOST_LOG], holds: |case| not_refused(case, fits) },
    ],
    explains: &[],
    page: Page {
        what_happens: "The logon fails at once, with \"Your credentials did not work\" or the like.",
        why: "A mistyped or changed password that a client has saved, a name without its domain, an account of another machine, or an account that \
              does not exist. Thousands of such entries from outside are guesses, and no fault of the host.",
        confirm: "Security 4625 with the sub-status 0xC000006A (wrong password) or 0xC0000064 (no such user) at the time of the attempt. The network, TLS \
                  and the certificate work if the host comes to say so.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Log on with the domain or the computer in front of the name (DOMAIN\\user, .\\user), and delete the password that the client has saved \
                     for this host.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &[],
};

fn fits(event: &LogEvent) -> bool {
    says(event, WRONG)
}

/// People mistype passwords all day: only where a person named the time is it known that the attempt is among these.
fn mistyped(case: Case<'_>) -> Option<Ground> {
    let ground = refused(case, fits)?;
    Some(if case.context.at_source == TimeSource::Option { ground } else { ground.severity(Severity::Advisory) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch;

    #[test]
    fn present() {
        for status in WRONG {
            sketch::shown_by(*status, &CAUSE, Severity::Advisory);
        }
    }

    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        sketch::hardly_shown_by_another_way(0xC000_0064, &CAUSE);
    }

    #[test]
    fn near_miss_another_reason() {
        sketch::ruled_out_by(0xC000_0234, &CAUSE);
    }

    #[test]
    fn unseen() {
        sketch::unseen(&CAUSE);
    }
}
