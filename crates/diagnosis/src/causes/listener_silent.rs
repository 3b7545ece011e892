//! `listener-silent`: the connection is accepted and the request is never answered.

use std::time::Duration;

use evidence::{Role, Stage};
use wire::machine::X224Answer;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::path;

/// Longest that a loaded host, or one at the end of a long path with a packet lost, takes to answer a request.
const PATIENCE: Duration = Duration::from_millis(1500);

pub const CAUSE: Cause = Cause {
    id: "listener-silent",
    title: "the port opens, but RDP never answers",
    stage: Stage::Tcp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[0x108, 0x704],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: silent,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::SECOND_TRY], holds: silent },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "TCP connects at once, then nothing: the client waits until it gives up with a time-out (0x108 \
                       or 0x704), or a device on the way ends the idle connection and it shows 0x904.",
        why: "The operating system accepts connections, but the program behind does not handle them: Remote Desktop \
              Services hangs, or so many connections are being set up that new ones wait. Or something else accepts \
              for the host: a proxy, load balancer or tunnel that cannot reach it, or a trap for attackers. Where not even \
              the host's system acknowledges the request, something on the way drops it.",
        confirm: "On the host: is the service running and does the attempt arrive (event 131 in RdpCoreTS, 261 in Remote \
                  Connection Manager)? Event 1006 says that too many connections are being set up.",
        command: "Get-Service TermService; (Get-NetTCPConnection -LocalPort {port} | Group-Object State | Format-Table Name,Count \
                  | Out-String); Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational',\
                  'Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational'; Id=131,261,1006} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "If the attempt never arrives, look at the proxy, load balancer or tunnel that accepts for the \
                     host. If it arrives and gets no further, restart Remote Desktop Services from the console. If \
                     the connection list is full of unknown addresses, first let only known ones in at the firewall.",
        references: &["[MS-RDPBCGR] 1.3.1.1, 2.2.1.2", "RFC 9293 section 3.9.1"],
    },
    fixes: &["restart-services", "try-another-client"],
};

/// Says how long a try waited.
fn waited(case: Case<'_>, seen: Seen<&X224Answer>) -> String {
    let took = case.evidence.observations[seen.id - 1].took.unwrap_or_default();
    format!("{:.1} s", took.as_secs_f64())
}

fn silent(case: Case<'_>) -> Option<Ground> {
    if !case.tries().all(|seen| *seen.value == X224Answer::Silent) {
        return None;
    }
    let label = case.label();
    let because: Vec<_> = case
        .tries()
        .zip(["", " again, after a pause,"])
        .map(|(seen, again)| {
            let text = format!("{label} accepted the connection and{again} said nothing to the request for ");
            seen.because(text + &waited(case, seen))
        })
        .collect();
    let unheard = path::unheard(case).map(|seen| {
        seen.because(format!(
            "its system did not even acknowledge the request, which was sent {} more times: the request does not arrive, or \
             nothing comes back. Then something on the way drops what follows on the handshake (a firewall, a way there \
             and another one back), and the service has not seen the client",
            seen.value
        ))
    });
    let because: Vec<_> = because.into_iter().chain(unheard).collect();
    let ground = (!because.is_empty()).then(|| Ground::on(because))?;
    let waits = case.tries().map(|seen| case.evidence.observations[seen.id - 1].took.unwrap_or_default());
    let patient = waits.min().is_some_and(|least| least >= PATIENCE);
    let ground = if patient { ground } else { ground.confidence(Confidence::Possible) };
    Some(if case.another_address_answers() { ground.severity(Severity::Degrading) } else { ground })
}

fn answered(case: Case<'_>) -> Option<Ground> {
    let silent = |answer: &X224Answer| matches!(answer, X224Answer::Silent | X224Answer::HeldOpen);
    case.x224().find(|seen| !silent(seen.value.1))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use wire::machine::End;
    use wire::x224::SecurityProtocols;

    fn silent_once() -> Sketch {
        host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Silent)
    }

    #[test]
    fn one_silent_try_is_possible_and_a_second_likely() {
        silent_once().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        let twice = silent_once().took(PATIENCE).x224(EVERYTHING, X224Answer::Silent).took(PATIENCE);
        twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn two_short_waits_may_have_met_a_slow_path() {
        let short = Duration::from_millis(300);
        let twice = silent_once().took(short).x224(EVERYTHING, X224Answer::Silent).took(short);
        twice.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn one_silent_address_of_two_is_degrading() {
        let twice = silent_once().took(PATIENCE).x224(EVERYTHING, X224Answer::Silent).took(PATIENCE);
        let twice = twice.beside_a_working_address();
        twice.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_second_try_is_answered() {
        silent_once().selects(EVERYTHING, SecurityProtocols::HYBRID).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_close_or_half_an_answer() {
        for answer in [X224Answer::Closed(End::Fin), X224Answer::Incomplete(vec![3, 0])] {
            silent_once().x224(EVERYTHING, answer).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
    }
}
