//! `trust-broken`: the host and its domain do not trust each other, or no domain controller answers.

use evidence::events::{EVENT_LOG, KERBEROS, NETLOGON};
use evidence::moment::moment;
use evidence::state::LogEvent;
use evidence::{Role, Stage};

use crate::case::{Case, NEAR};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::logs::told;
use crate::need::Need;
use crate::refusals::{not_refused, refused, says};

/// Statuses that say so.
const TRUST: &[u32] = &[0xC000_018B, 0xC000_018D, 0xC000_005E];

pub const CAUSE: Cause = Cause {
    id: "trust-broken",
    title: "the host and its domain do not trust each other, or no domain controller answers",
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
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: without_channel },
        Proof { shows: Shows::Absence, needs: &[Need::HOST_LOG], holds: |case| not_refused(case, fits) },
    ],
    explains: &[],
    page: Page {
        what_happens: "Accounts of the domain are refused although name and password are right; local accounts get in.",
        why: "The password of the computer's account differs from that in the domain, as after an old snapshot or copy of the machine; the account was \
              deleted; or the host reaches no domain controller.",
        confirm: "Security 4625 with the status 0xC000018D, 0xC000018B or 0xC000005E at the time of the attempt; Netlogon 3210, 5719 long after the start of Windows, or Kerberos 7.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='Security'; Id=4625,4825} | Format-List TimeCreated,Message",
        how_to_fix: "Log on with a local account. Where a domain controller answers, mend the trust with Test-ComputerSecureChannel -Repair; where none does, \
                     mend the network or the name server first.",
        references: &["Microsoft: event 4625, An account failed to log on", "[MS-ERREF] 2.3 (NTSTATUS)"],
    },
    fixes: &[],
};

fn fits(event: &LogEvent) -> bool {
    says(event, TRUST)
}

/// Netlogon says near the attempt that the host could not authenticate with its domain (3210), or reached no domain
/// controller (5719); Kerberos that a ticket could not be validated (7). While Windows starts the network is often not
/// up yet, and whoever logged on before gets in by what the host remembers: so it hampers, and nothing where somebody
/// of the domain got in.
fn without_channel(case: Case<'_>) -> Option<Ground> {
    let at = case.context.at;
    let before = |event: &LogEvent| moment(&event.at).is_some_and(|written| written <= at);
    let started = |event: &LogEvent| {
        let written = moment(&event.at);
        let mut starts = case.events(EVENT_LOG, &[6005]).map(|seen| case.time_of(seen.id));
        starts.any(|start| written.is_some_and(|written| (-NEAR..=NEAR).contains(&(written - start))))
    };
    let refused = told(case, (NETLOGON, &[3210]), NEAR, before);
    let alone = || {
        let ground = told(case, (NETLOGON, &[5719]), NEAR, |event| before(event) && !started(event))?;
        Some(ground.confidence(Confidence::Possible))
    };
    // Windows itself says that this is usually a failure of the trust
    let ticket = || Some(told(case, (KERBEROS, &[7]), NEAR, before)?.confidence(Confidence::Possible));
    let ground = refused.or_else(alone).or_else(ticket)?;
    let got_in = ground.because.iter().any(|because| case.let_in_near(because.observation));
    (!got_in).then(|| ground.severity(Severity::Degrading))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::sketch::{audited, with};
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        for status in TRUST {
            let refused = audited(*status, "10", 2);
            refused.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    /// A file share refuses logons of the same kind.
    #[test]
    fn near_miss_a_logon_over_the_network_that_nothing_connects_with_remote_desktop() {
        audited(0xC000_018B, "3", 2).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        audited(0xC000_018B, "2", 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_by_netlogon() {
        let entry = |id, minutes| machine().event(NETLOGON, id, minutes);
        entry(3210, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        entry(5719, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
        // while Windows started, hours ago, after the attempt, and about another machine
        entry(5719, 2).event(EVENT_LOG, 6005, 3).check(&CAUSE, Expect::Unknown);
        entry(3210, 120).check(&CAUSE, Expect::Unknown);
        entry(3210, -2).check(&CAUSE, Expect::Unknown);
        entry(5805, 2).check(&CAUSE, Expect::Unknown);
        let user = [("User", "CORP\\user.alpha"), ("Address", "192.0.2.9")];
        entry(3210, 2).event_with(evidence::events::LSM, 21, 1, &user).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn a_ticket_that_could_not_be_validated_makes_it_possible() {
        let entry = |id, minutes| machine().event(KERBEROS, id, minutes);
        entry(7, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
        entry(4, 2).check(&CAUSE, Expect::Unknown);
        entry(7, 120).check(&CAUSE, Expect::Unknown);
        let user = [("User", "CORP\\user.alpha"), ("Address", "192.0.2.9")];
        entry(7, 2).event_with(evidence::events::LSM, 21, 1, &user).check(&CAUSE, Expect::Unknown);
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
