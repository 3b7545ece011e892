//! `service-crashing`: Remote Desktop Services ends unexpectedly.

use evidence::events::{self, LSM, SERVICES, SYSTEM};
use evidence::moment::moment;
use evidence::state::LogEvent;
use evidence::{Role, Stage};
use time::Duration;

use crate::case::{Case, NEAR};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::logs::{not_told, told};
use crate::need::Need;

const ENDED: &[u32] = &[7031, 7034];
/// Entry of Local Session Manager: the service ended for an unknown reason.
const LOST: u32 = 18;
/// Longest time after the attempt at which a crash may still be its reason: clocks and the attempt's time are not
/// exact.
const TOLERANCE: Duration = Duration::minutes(1);

pub const CAUSE: Cause = Cause {
    id: "service-crashing",
    title: "Remote Desktop Services stops unexpectedly",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: crashed },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, SYSTEM, (SERVICES, ENDED), NEAR),
        },
    ],
    explains: &[
        Explains { cause: "port-closed", when: |_| true },
        Explains { cause: "dropped-after-accept", when: |_| true },
        Explains { cause: "closed-on-negotiation", when: |_| true },
    ],
    page: Page {
        what_happens: "Connections are lost, and new ones are refused until the service runs again.",
        why: "Something inside the process of TermService fails: a patched termsrv.dll, a filter driver or printer driver in the \
              session, or an update that was installed halfway.",
        confirm: "Service Control Manager 7031 or 7034 for TermService within the ten minutes before the attempt. The entry names the service \
                  by its title, in the language of Windows; newer versions add its name.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; ProviderName='Service Control Manager'; \
                  Id=7031,7034} | Format-List TimeCreated,Message; Get-Service TermService,SessionEnv,UmRdpService",
        how_to_fix: "Start the service, then find what crashes it: the Application Error 1000 of the same second \
                     names the module. Undo what patched termsrv.dll, and install the current updates.",
        references: &["Microsoft: Service Control Manager events 7031 and 7034"],
    },
    fixes: &["start-services", "install-update"],
};

/// Windows restarts the service after a minute, so a host that answers since then runs again.
fn crashed(case: Case<'_>) -> Option<Ground> {
    let before = |event: &LogEvent| moment(&event.at).is_some_and(|at| at <= case.context.at.saturating_add(TOLERANCE));
    let ended = told(case, (SERVICES, ENDED), NEAR, |event| before(event) && about_remote_desktop(event));
    let ground = ended.or_else(|| told(case, (LSM, &[LOST]), NEAR, before))?;
    let answers = ground.because.iter().any(|because| case.answered_since(because.observation));
    Some(if answers { ground.severity(Severity::Degrading) } else { ground })
}

/// True if the entry names the service in its binary part, or by its English title.
fn about_remote_desktop(event: &LogEvent) -> bool {
    events::service(&event.data).is_some_and(|(name, _)| name == "TermService")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host, machine};

    #[test]
    fn present() {
        let present = Expect::Present(Severity::Blocking, Confidence::Likely);
        let ended = machine().event_with(SERVICES, 7034, 2, &[("param1", "Remote Desktop Services"), ("param2", "3")]);
        ended.check(&CAUSE, present);
        let binary = "5400650072006d0053006500720076006900630065000000";
        let german = machine().event_with(SERVICES, 7031, 2, &[("param1", "Remotedesktopdienste"), ("Binary", binary)]);
        german.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn present_by_the_session_manager() {
        machine().event(LSM, 18, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        machine().event(LSM, 34, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn where_it_answers_again_it_only_hampers() {
        let again = host("192.0.2.7").nla().event_with(SERVICES, 7031, 2, &[("param1", "Remote Desktop Services")]);
        again.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_another_service() {
        let spooler = machine().event_with(SERVICES, 7034, 2, &[("param1", "Print Spooler")]);
        spooler.check(&CAUSE, Expect::Unknown);
    }

    /// A crash after the attempt did not make it fail.
    #[test]
    fn near_miss_after_the_attempt() {
        let ended = |minutes| machine().event_with(SERVICES, 7034, minutes, &[("param1", "Remote Desktop Services")]);
        ended(-8).check(&CAUSE, Expect::Unknown);
        ended(-1).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_an_hour_before() {
        let ended = machine().event_with(SERVICES, 7034, 60, &[("param1", "Remote Desktop Services")]);
        ended.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
