//! `listener-overloaded`: of several spaced tries some are answered and some are not.

use std::time::Duration;

use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::machine::X224Answer;

use super::one_client_fails;
use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::x224::{SPACED_TRIES, spaced_enough, unanswered};
use crate::tries::{minded, never_fails};

pub const CAUSE: Cause = Cause {
    id: "listener-overloaded",
    title: "the host answers some connections and ignores others",
    stage: Stage::Tcp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED, 0x108, 0x704],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::SECOND_TRY], holds: now_and_then },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::SECOND_TRY, Need::FURTHER_TRIES],
            holds: now_and_then,
        },
        Proof { shows: Shows::Absence, needs: &[Need::REPEATED], holds: answered_each_time },
        Proof { shows: Shows::Absence, needs: &[Need::FURTHER_TRIES], holds: hurried },
        Proof { shows: Shows::Absence, needs: &[Need::SECOND_TRY], holds: slow },
    ],
    explains: &[],
    page: Page {
        what_happens: "Sometimes the client connects, sometimes it waits or shows 0x904: a second attempt often works.",
        why: "More connections are being set up than the host allows. Usually the port is open to the internet and \
              somebody is guessing passwords; then Windows limits connections before logon (event 1006). Otherwise \
              the host is short of processor time or memory, or one of several machines behind a load balancer is \
              broken. The first try already went unanswered, so this test did not cause it.",
        confirm: "Event 1006 of Remote Connection Manager proves it. Many attempts from unknown addresses (RdpCoreTS \
                  131 and 140) show who causes it.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1006} | \
                  Format-List TimeCreated,Message; (Get-NetTCPConnection -LocalPort {port} | Group-Object RemoteAddress | \
                  Sort-Object Count -Descending | Select-Object -First 10 Count,Name)",
        how_to_fix: "Let only the addresses that need it reach the port (firewall, VPN or gateway): that ends a \
                     flood. If there is no flood, free processor time or memory on the host, and test each machine \
                     behind a load balancer. Raise the limit only if many people really log on at the same moment.",
        references: &["[MS-RDPBCGR] 1.3.1.1", "Microsoft: MaxOutstandingConnections (Terminal Server registry)"],
    },
    fixes: &["limit-rdp-addresses", "restart-services", "raise-outstanding-connections"],
};

/// Returns how long a try took.
fn took(case: Case<'_>, seen: Seen<&X224Answer>) -> Duration {
    case.evidence.observations[seen.id - 1].took.unwrap_or_default()
}

/// Returns the answer that took longest.
fn slowest(case: Case<'_>) -> Option<Seen<&X224Answer>> {
    let answered = case.tries().filter(|seen| matches!(seen.value, X224Answer::Server(_)));
    answered.max_by_key(|seen| took(case, *seen))
}

/// True if the try ended, or stayed silent for longer than any answer took: slow is not lost.
fn lost(case: Case<'_>, seen: Seen<&X224Answer>) -> bool {
    let patient = || slowest(case).is_none_or(|slowest| took(case, seen) >= took(case, slowest));
    unanswered(seen.value) && (*seen.value != X224Answer::Silent || patient())
}

/// Iterates over the tries that were lost and not on the heels of another, as [`minded`] says.
fn lost_tries(case: Case<'_>) -> impl Iterator<Item = Seen<&X224Answer>> {
    let tries = case.tries().map(|seen| Seen { value: !lost(case, seen), id: seen.id });
    let counted: Vec<usize> = minded(case, tries.collect()).iter().map(|seen| seen.id).collect();
    case.tries().filter(move |seen| lost(case, *seen) && counted.contains(&seen.id))
}

/// In a capture of many clients, those that one client alone lost are no chance of the host's.
fn now_and_then(case: Case<'_>) -> Option<Ground> {
    let lost = case.tries().filter(|seen| lost(case, *seen)).count();
    some_lost(case).filter(|_| !one_client_fails::account_for(case, lost))
}

/// The first try counts most: none of ours came before it.
fn some_lost(case: Case<'_>) -> Option<Ground> {
    let first = lost_tries(case).next()?;
    let at_first = case.tries().next().is_some_and(|seen| seen.id == first.id);
    // who answers nothing from some moment on may have had enough of us
    let any_lost = case.tries().find(|seen| lost(case, *seen))?;
    if !at_first && !case.tries().any(|seen| seen.id > any_lost.id && !unanswered(seen.value)) {
        return None;
    }
    let answered = case.tries().find(|seen| matches!(seen.value, X224Answer::Server(_)))?;
    let total = case.tries().count();
    let lost = case.tries().filter(|seen| lost(case, *seen)).count();
    let words = match first.value {
        X224Answer::Closed(end) => end.verb(),
        _ => "left without an answer",
    };
    let because = vec![
        first.because(if at_first {
            format!("the first request to {} was {words}, before anything else was asked of it", case.label())
        } else {
            format!("a later request to {} was {words}, although the same had been answered", case.label())
        }),
        answered.because(format!("of {total} tries {lost} went unanswered, this one did not")),
    ];
    // one of several is little: the host may just have been starting
    let often = total >= SPACED_TRIES && lost >= 2;
    Some(Ground::on(because).confidence(if often { Confidence::Likely } else { Confidence::Possible }))
}

fn slow(case: Case<'_>) -> Option<Ground> {
    slowest(case)?;
    let first = case.tries().next()?;
    (unanswered(first.value) && !lost(case, first)).then(Ground::nothing)
}

fn answered_each_time(case: Case<'_>) -> Option<Ground> {
    let tries: Vec<_> = case.tries().map(|seen| Seen { value: !unanswered(seen.value), id: seen.id }).collect();
    never_fails(&tries).then(Ground::nothing)
}

/// Asked often enough since, with pauses, it lost nothing that our own pace does not explain.
fn hurried(case: Case<'_>) -> Option<Ground> {
    case.tries().next().filter(|seen| !unanswered(seen.value))?;
    let lost = case.tries().any(|seen| unanswered(seen.value));
    (lost && spaced_enough(case) && some_lost(case).is_none()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::Fact;
    use evidence::captured::CapturedClients;
    use wire::machine::End;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    const CLOSED: X224Answer = X224Answer::Closed(End::Rst);

    fn tries(answers: &[Option<X224Answer>]) -> Sketch {
        answers.iter().fold(host("192.0.2.7").accepted(), |sketch, answer| match answer {
            Some(lost) => sketch.x224(EVERYTHING, lost.clone()),
            None => sketch.selects(EVERYTHING, SecurityProtocols::HYBRID_EX),
        })
    }

    #[test]
    fn present() {
        for lost in [X224Answer::Silent, CLOSED] {
            let sketch = tries(&[Some(lost.clone()), None, Some(lost), None]);
            sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        }
    }

    #[test]
    fn near_miss_one_client_of_many_lost_them_all() {
        let clients = |attempts| {
            tries(&[Some(CLOSED), None, Some(CLOSED), None]).watched(Fact::CapturedClients(CapturedClients {
                client: Some("192.0.2.99".to_owned()),
                host: "192.0.2.7:3389".to_owned(),
                attempts,
                clients: 1000,
                failing: 1,
                passed_since: 700,
                connections: 3000,
            }))
        };
        clients(2).check(&CAUSE, Expect::Unknown);
        clients(1).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn once_is_only_possible() {
        let once = [Some(X224Answer::Silent), None, None, None];
        tries(&once).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
        tries(&once[..2]).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
    }

    /// Requests in connections of their own, each after a pause; a lost one is closed.
    fn paced(answers: &[(bool, u64)]) -> Sketch {
        let begun = host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::HYBRID_EX);
        let mut at = Duration::ZERO;
        answers.iter().enumerate().fold(begun, |sketch, (number, (answered, pause))| {
            at += Duration::from_millis(*pause);
            let protocol = SecurityProtocols::HYBRID_EX;
            let selected = X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0 });
            let answer = if *answered { selected } else { CLOSED };
            let fact = Fact::X224Answer { requested: Some(EVERYTHING), answer };
            sketch.on_connection(number + 2, fact).at(at)
        })
    }

    #[test]
    fn a_good_first_try_contradicts_no_later_ones() {
        let by_turns = paced(&[(false, 20), (true, 300), (false, 300)]);
        by_turns.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        let once = paced(&[(false, 300), (true, 300), (true, 300)]);
        once.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
    }

    #[test]
    fn near_miss_a_close_on_the_heels_of_a_good_try_is_our_own_pace() {
        paced(&[(false, 20), (true, 300), (true, 300)]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_host_that_is_always_slow() {
        let (short, long) = (Duration::from_secs(3), Duration::from_secs(5));
        let slow =
            tries(&[Some(X224Answer::Silent)]).took(short).selects(EVERYTHING, SecurityProtocols::HYBRID).took(long);
        slow.check(&CAUSE, Expect::Absent);
        let quick =
            tries(&[Some(X224Answer::Silent)]).took(long).selects(EVERYTHING, SecurityProtocols::HYBRID).took(short);
        quick.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
    }

    #[test]
    fn near_miss_never_answered() {
        tries(&[Some(X224Answer::Silent), Some(X224Answer::Silent)]).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        tries(&[Some(X224Answer::Silent)]).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
    }
}
