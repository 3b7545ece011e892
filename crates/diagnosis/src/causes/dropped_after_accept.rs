//! `dropped-after-accept`: the connection is accepted and ended before anything was said.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::machine::X224Answer;

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::x224::by_timer;

pub const CAUSE: Cause = Cause {
    id: "dropped-after-accept",
    title: "the port accepts the connection and closes it before the client has said anything",
    stage: Stage::Tcp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything), Need::HELD_REQUEST, Need::LATER_TRY],
            holds: ended_each_time,
        },
        // twice within a moment: the service may only just be starting
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::negotiation(Asked::Everything), Need::HELD_REQUEST],
            holds: ended_unasked,
        },
        // a captured client sends its request at once, so whether the host would have waited is not seen
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HELD_REQUEST], holds: ended_on_a_client },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::HELD_REQUEST], holds: stays_open },
    ],
    explains: &[],
    page: Page {
        what_happens: "TCP connects and is closed or reset within a quarter of a second, without a byte from either \
                       side. The client shows 0x904, usually with 0x7.",
        why: "Something accepts the connection only to see who connects: a security product or a tool like fail2ban \
              that has banned this source, a load balancer or tunnel without a working target, a gateway that allows \
              only other sources, or a Remote Desktop service that is shutting down or out of resources.",
        confirm: "On the host: does the attempt arrive (event 131 in RdpCoreTS, 261 in Remote Connection Manager)? Event 1006 \
                  says that too many connections are being set up. The same probe from another address tells whether this \
                  source alone is refused.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational',\
                  'Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational'; Id=131,261,1006} | \
                  Format-List TimeCreated,Id,Message",
        how_to_fix: "If the attempt never arrives, look at the load balancer, tunnel or security product in front of \
                     the host; lift the ban on this source if there is one. If it arrives, restart Remote Desktop \
                     Services from the console.",
        references: &["RFC 9293 section 3.6", "[MS-RDPBCGR] 1.3.1.1"],
    },
    fixes: &["try-another-client", "restart-services"],
};

/// Ended once while our request went unanswered, and once while we were still silent: two connections, one outcome.
fn ended_unasked(case: Case<'_>) -> Option<Ground> {
    let asked = case.x224_to(EVERYTHING)?;
    if !matches!(asked.value, X224Answer::Closed(_) | X224Answer::ClosedBeforeRequest(_)) {
        return None;
    }
    let seen = case.x224().find(|seen| matches!(seen.value.1, X224Answer::ClosedBeforeRequest(_)))?;
    let X224Answer::ClosedBeforeRequest(end) = seen.value.1 else { return None };
    if by_timer(case, seen.id) {
        return None;
    }
    let text = format!("{} accepted a connection and {} it while we had not said anything", case.label(), end.verb());
    let ground = Ground::on(vec![seen.because(text)]);
    Some(if case.another_address_answers() { ground.severity(Severity::Degrading) } else { ground })
}

/// Ended again after a pause.
fn ended_each_time(case: Case<'_>) -> Option<Ground> {
    let mut ground = ended_unasked(case)?;
    let later = case.tries().last()?;
    let X224Answer::Closed(end) = later.value else { return None };
    ground.because.push(later.because(format!("a second later it was {} again", end.verb())));
    Some(ground)
}

/// Every connection of a captured client ended like this.
fn ended_on_a_client(case: Case<'_>) -> Option<Ground> {
    if case.x224().any(|seen| !matches!(seen.value.1, X224Answer::ClosedBeforeRequest(_))) {
        return None;
    }
    let seen = case.x224().find(|seen| case.watched(seen.id))?;
    let X224Answer::ClosedBeforeRequest(end) = seen.value.1 else { return None };
    let text =
        format!("{} accepted a client's connection and {} it before it had said anything", case.label(), end.verb());
    Some(Ground::on(vec![seen.because(text)]))
}

fn answered(case: Case<'_>) -> Option<Ground> {
    let answer = |answer: &X224Answer| !matches!(answer, X224Answer::Closed(_) | X224Answer::ClosedBeforeRequest(_));
    case.x224().find(|seen| answer(seen.value.1) && *seen.value.1 != X224Answer::Silent)?;
    Some(Ground::nothing())
}

fn stays_open(case: Case<'_>) -> Option<Ground> {
    case.x224().find(|seen| *seen.value.1 == X224Answer::HeldOpen)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::End;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    fn closed() -> Sketch {
        host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Closed(End::Fin))
    }

    #[test]
    fn present() {
        let twice = || closed().x224(EVERYTHING, X224Answer::ClosedBeforeRequest(End::Rst));
        twice().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let later = twice().x224(EVERYTHING, X224Answer::Closed(End::Rst));
        later.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_answers_a_second_later() {
        let twice = closed().x224(EVERYTHING, X224Answer::ClosedBeforeRequest(End::Rst));
        twice.selects(EVERYTHING, SecurityProtocols::HYBRID).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_stays_open_until_the_request() {
        closed().x224(EVERYTHING, X224Answer::HeldOpen).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_an_answered_request_before_it() {
        let sketch = host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
        sketch.x224(EVERYTHING, X224Answer::ClosedBeforeRequest(End::Rst)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        closed().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_for_a_watched_client() {
        let ended = Fact::X224Answer { requested: None, answer: X224Answer::ClosedBeforeRequest(End::Rst) };
        let sketch = host("192.0.2.7").accepted().watched(ended.clone());
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let answered = X224Answer::Server(ServerAnswer::NoNegotiation);
        let sketch = host("192.0.2.7").accepted().watched(ended).watched_x224(EVERYTHING, answered);
        sketch.check(&CAUSE, Expect::Absent);
    }
}
