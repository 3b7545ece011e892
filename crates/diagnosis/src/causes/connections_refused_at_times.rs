//! `connections-refused-at-times`: one connection is accepted and the next refused.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::tcp::{connects, is_refused};
use crate::tries::{at_times, in_one_run, never_fails, only_started};

pub const CAUSE: Cause = Cause {
    id: "connections-refused-at-times",
    title: "the port accepts one connection and refuses the next",
    stage: Stage::Tcp,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::TCP, Need::CONNECTED_AGAIN],
            holds: refused_after_success,
        },
        Proof { shows: Shows::Absence, needs: &[Need::CONNECTED_AGAIN], holds: only_starting },
        Proof { shows: Shows::Absence, needs: &[Need::REPEATED], holds: accepted_each_time },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x204 one time and connects the next, at once and without any change.",
        why: "Several machines stand behind one address (a load balancer, a cloud name, a port forward with several \
              targets), and on one of them nothing listens; or something counts connections and refuses more of them for \
              a while; or the service ends and starts again.",
        confirm: "Connect to each machine by its own address. Refusals that come in a regular turn are a machine's; those that \
                  begin after some connections and end after a pause are a limit's. Connections right behind one another do \
                  not count here, because some servers serve one client at a time.",
        command: "1..12 | ForEach-Object { (Test-NetConnection {host} -Port {port} -WarningAction SilentlyContinue).TcpTestSucceeded; \
                  Start-Sleep 1 }",
        how_to_fix: "Start the service on the machine that refuses, or take that machine out of the balancer until it \
                     serves; let the balancer check its machines with a connection to the port. If it is a limit, let it \
                     spare the addresses that need the host.",
        references: &["RFC 9293 section 3.5.2"],
    },
    fixes: &["try-another-client"],
};

fn refused_after_success(case: Case<'_>) -> Option<Ground> {
    let connects = connects(case);
    let taken = format!("{} accepted a connection", case.label());
    let ground = Ground::on(at_times(&connects, &taken, "later connections were refused")?);
    let ground = if case.another_address_answers() { ground.severity(Severity::Advisory) } else { ground };
    Some(if in_one_run(&connects) { ground.confidence(Confidence::Likely) } else { ground })
}

/// Holds where it was only starting, or refused nothing that our own pace does not explain.
fn only_starting(case: Case<'_>) -> Option<Ground> {
    only_started(&connects(case)).then(Ground::nothing)
}

fn accepted_each_time(case: Case<'_>) -> Option<Ground> {
    (never_fails(&connects(case)) && !case.tcp().any(|seen| is_refused(seen.value))).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::machine::{ConnectFailure, TcpAnswer};

    /// Connections that were accepted (`+`) or refused (`-`), a second apart.
    fn spaced(connects: &str) -> Sketch {
        (1..).zip(connects.chars()).fold(host("192.0.2.7"), |sketch, (number, connect)| {
            let refused = TcpAnswer::Failed(ConnectFailure::Refused);
            let answer = if connect == '+' { TcpAnswer::Accepted } else { refused };
            sketch.on_connection(number, Fact::TcpAnswer(answer)).at(std::time::Duration::from_secs(number as u64))
        })
    }

    #[test]
    fn present() {
        spaced("+-+-+-").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        spaced("-+-+-+-").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        // a limit looks like a machine that was met last
        spaced("+++---").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_it_was_starting() {
        spaced("--+++").check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_refused_each_time() {
        spaced("---").check(&CAUSE, Expect::Unknown);
    }

    /// A server that serves one client at a time refuses who comes right behind another.
    #[test]
    fn near_miss_our_own_pace() {
        let refused = Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused));
        let hurried =
            host("192.0.2.7").on_connection(1, Fact::TcpAnswer(TcpAnswer::Accepted)).on_connection(2, refused);
        hurried.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
        spaced("+").check(&CAUSE, Expect::Unknown);
    }
}
