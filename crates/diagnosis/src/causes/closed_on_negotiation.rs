//! `closed-on-negotiation`: the host ends the connection at the first request.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::SecurityProtocols;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::x224::by_timer;

pub const CAUSE: Cause = Cause {
    id: "closed-on-negotiation",
    title: "the connection is closed without an answer to the client's request",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::negotiation(Asked::Everything), Need::HELD_REQUEST],
            holds: gives_up,
        },
        Proof {
            // a balancer that wants a token of its own and a gateway that wants a preconnection blob look the same
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::negotiation(Asked::Everything),
                Need::HELD_REQUEST,
                Need::negotiation(Asked::TlsOnly),
                Need::negotiation(Asked::StandardOnly),
                Need::DIRECT_TLS,
                Need::LATER_TRY,
            ],
            holds: always_closed,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: answered },
        Proof { shows: Shows::Absence, needs: &[Need::HELD_REQUEST], holds: closed_unasked },
    ],
    explains: &[],
    page: Page {
        what_happens: "TCP connects, the first Remote Desktop packet is sent, and the other side closes without an \
                       answer. The client shows 0x904, usually with 0x7.",
        why: "Something that accepts connections but does not serve Remote Desktop: a proxy, bastion, tunnel or load \
              balancer whose own target is gone or that wants a routing token (loadbalanceinfo) of its own, a \
              security product that blocks this source, or a listener whose service has died. Hyper-V's console \
              (port 2179) and gateways such as Devolutions' want a preconnection blob first (pcb:s: in an .rdp \
              file), and some balancers know users by their names (mstshash). diagnose --rdp FILE sends what the file has, as the client does. The request was held back once: where the connection then stays open, it is the request that is \
              answered with a close; where it is closed as late without one, it is a timer of whatever accepts for the host.",
        confirm: "On the host: does the attempt arrive? Event 131 in RdpCoreTS says so. If it does not, something on the way \
                  accepted and closed the connection.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; Id=131} | \
                  Format-List TimeCreated,Message; Get-Service TermService",
        how_to_fix: "If the attempt never arrives: look at the proxy, tunnel, port forward or security product that \
                     accepts for the host. If it arrives: restart Remote Desktop Services from the console, and read \
                     the System log for that moment.",
        references: &["[MS-RDPBCGR] 2.2.1.1, 2.2.1.2"],
    },
    fixes: &["try-another-client", "restart-services"],
};

/// Where Hyper-V serves the consoles of its virtual machines ([MS-RDPEPS]).
const HYPER_V_CONSOLE: u16 = 2179;

/// Closes by a timer of its own, whether it was asked or not.
fn gives_up(case: Case<'_>) -> Option<Ground> {
    let closed = |answer: &X224Answer| matches!(answer, X224Answer::ClosedBeforeRequest(_));
    let unasked = case.x224().find(|seen| closed(seen.value.1) && by_timer(case, seen.id))?;
    let asked = case.tries().find(|seen| matches!(seen.value, X224Answer::Closed(_)))?;
    if !case.tries().all(|seen| !matches!(seen.value, X224Answer::Server(_))) || !by_timer(case, asked.id) {
        return None;
    }
    let took = |id: usize| case.evidence.observations[id - 1].took.unwrap_or_default().as_secs_f64();
    let told = format!(
        "{} closes the connection {:.1} s after a request, and {:.1} s after the connection where none was sent: what \
         accepts gives up after a time of its own, as a proxy or balancer does whose own target is gone",
        case.label(),
        took(asked.id),
        took(unasked.id)
    );
    Some(Ground::on(vec![asked.because(told)]))
}

fn always_closed(case: Case<'_>) -> Option<Ground> {
    let held = case.x224().find(|seen| *seen.value.1 == X224Answer::HeldOpen)?;
    let closed = |protocols| {
        let seen = case.x224_to(protocols)?;
        matches!(seen.value, X224Answer::Closed(_)).then_some(seen)
    };
    let took = |id: usize| case.evidence.observations[id - 1].took.unwrap_or_default();
    let refused = || case.tries().filter(|seen| matches!(seen.value, X224Answer::Closed(_)));
    let soonest = refused().map(|seen| took(seen.id)).min()?;
    // a timer that closes whatever is said would have closed later than that
    if took(held.id) < soonest {
        return None;
    }
    // a try that was given less time than a close takes there, the run being at its end, says nothing
    let cut_short = |seen: Seen<&X224Answer>| *seen.value == X224Answer::Silent && took(seen.id) < soonest;
    if !case.tries().all(|seen| matches!(seen.value, X224Answer::Closed(_)) || cut_short(seen)) {
        return None;
    }
    let all = [refused().next()?, closed(SecurityProtocols::SSL)?, closed(SecurityProtocols::RDP)?];
    if case.tls_direct().any(|seen| matches!(seen.value, Handshake::Accepted { .. })) {
        return None;
    }
    let mut because =
        vec![held.because(format!("{} keeps the connection open as long as nothing is sent", case.label()))];
    for (seen, asked) in all.iter().zip(["TLS and CredSSP", "TLS alone", "Standard RDP Security"]) {
        let X224Answer::Closed(end) = seen.value else { continue };
        because.push(seen.because(format!("a request for {asked} is {} without an answer", end.verb())));
    }
    if let Some(later) = refused().skip(1).last() {
        because.push(later.because("so is the first request again, a second later".to_owned()));
    }
    if case.context.routing.token.is_some() || case.context.routing.preconnection.is_some() {
        because.push(held.because("the routing token or preconnection blob of the .rdp file was sent each time"));
    }
    if case.context.routing.user.is_none() && case.context.routing.token.is_none() {
        because.push(held.because(
            "no user was named in these requests, as a client names its own (mstshash): a balancer that goes by it \
             closes on a stranger, and --rdp FILE names the user of the file",
        ));
    }
    if case.who().address.is_some_and(|address| address.port() == HYPER_V_CONSOLE) {
        because
            .push(held.because("port 2179 is the console of Hyper-V, which wants a preconnection blob first (pcb:s:)"));
    }
    Some(Ground::on(because))
}

fn closed_unasked(case: Case<'_>) -> Option<Ground> {
    let closed = |answer: &X224Answer| matches!(answer, X224Answer::ClosedBeforeRequest(_));
    case.x224().find(|seen| closed(seen.value.1) && !by_timer(case, seen.id))?;
    Some(Ground::nothing())
}

fn answered(case: Case<'_>) -> Option<Ground> {
    let answer = |answer: &X224Answer| {
        !matches!(
            answer,
            X224Answer::Closed(_) | X224Answer::ClosedBeforeRequest(_) | X224Answer::HeldOpen | X224Answer::Silent
        )
    };
    case.x224().find(|seen| answer(seen.value.1))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::End;
    use wire::tls::TlsOffer;

    const CLOSED: X224Answer = X224Answer::Closed(End::Fin);

    fn closed(held: X224Answer, direct: Handshake) -> Sketch {
        host("192.0.2.7")
            .accepted()
            .x224(EVERYTHING, CLOSED)
            .x224(EVERYTHING, held)
            .x224(SecurityProtocols::SSL, CLOSED)
            .x224(SecurityProtocols::RDP, CLOSED)
            .with(Fact::TlsAnswer { offer: TlsOffer::PLAIN_12, direct: true, answer: direct })
            .x224(EVERYTHING, CLOSED)
    }

    #[test]
    fn present() {
        let sketch = closed(X224Answer::HeldOpen, Handshake::Closed { end: End::Fin, bytes: 0 });
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// A balancer closes three seconds after a request, and the later try was given two, the run being at its end.
    #[test]
    fn a_later_try_that_was_cut_short_says_nothing() {
        let later = |held, milliseconds| {
            host("192.0.2.7")
                .accepted()
                .x224(EVERYTHING, CLOSED)
                .took(Duration::from_millis(3200))
                .x224(EVERYTHING, X224Answer::HeldOpen)
                .took(Duration::from_millis(held))
                .x224(SecurityProtocols::SSL, CLOSED)
                .x224(SecurityProtocols::RDP, CLOSED)
                .with(Fact::TlsAnswer {
                    offer: TlsOffer::PLAIN_12,
                    direct: true,
                    answer: Handshake::Closed { end: End::Fin, bytes: 0 },
                })
                .x224(EVERYTHING, X224Answer::Silent)
                .took(Duration::from_millis(milliseconds))
        };
        later(3450, 2200).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        later(3450, 6000).check(&CAUSE, Expect::Unknown);
        // a timer that closes whatever is said would have closed later than that
        later(250, 2200).check(&CAUSE, Expect::Unknown);
    }

    /// A balancer whose target is gone closes three seconds after it accepted, whatever it was told.
    #[test]
    fn present_where_a_timer_closes() {
        let unasked = |milliseconds| {
            let asked = host("192.0.2.7").accepted().x224(EVERYTHING, CLOSED).took(Duration::from_millis(3200));
            let closed = X224Answer::ClosedBeforeRequest(End::Fin);
            asked.x224(EVERYTHING, closed).took(Duration::from_millis(milliseconds))
        };
        unasked(3200).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // closed at once where nothing was sent
        unasked(20).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_closes_before_the_request() {
        let sketch = closed(X224Answer::ClosedBeforeRequest(End::Fin), Handshake::Closed { end: End::Fin, bytes: 0 });
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_speaks_tls_instead() {
        let accepted = Handshake::Accepted { version: None, suite: 5, finished: false };
        closed(X224Answer::HeldOpen, accepted).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_one_request_was_answered() {
        let sketch = closed(X224Answer::HeldOpen, Handshake::Closed { end: End::Fin, bytes: 0 });
        sketch.selects(EVERYTHING, SecurityProtocols::SSL).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().x224(EVERYTHING, CLOSED).check(&CAUSE, Expect::Unknown);
    }
}
