//! `host-unreachable`: the network says that there is no way to the host.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::machine::{ConnectFailure, TcpAnswer};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::hops;
use crate::need::Need;
use crate::stage::tcp::tcp_only;

pub const CAUSE: Cause = Cause {
    id: "host-unreachable",
    title: "there is no route to this address",
    stage: Stage::Tcp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::TCP], holds: unreachable },
        Proof { shows: Shows::Absence, needs: &[Need::TCP], holds: answered },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x204 at once. No packet was answered by the host itself.",
        why: "This computer has no route to the network (VPN down, wrong interface, no IPv6), or a router or the \
              neighbour table said that the host cannot be reached: it is off, it moved to another subnet, or a \
              firewall answers with ICMP \"prohibited\".",
        confirm: "The operating system's own error says which: network unreachable usually comes from this \
                  computer's routing table, host unreachable from the last router. Look at the route from the \
                  client.",
        command: "Find-NetRoute -RemoteIPAddress {host}; Test-NetConnection {host} -TraceRoute",
        how_to_fix: "Bring up the VPN or the route; if the address is stale, correct DNS. If a firewall refuses, let \
                     this source through to the Remote Desktop port only.",
        references: &["RFC 792", "RFC 4443", "POSIX connect(): ENETUNREACH, EHOSTUNREACH"],
    },
    fixes: &["wake-host", "open-firewall-for-rdp", "flush-dns"],
};

fn is_unreachable(answer: &TcpAnswer) -> bool {
    matches!(answer, TcpAnswer::Failed(ConnectFailure::NetworkUnreachable | ConnectFailure::HostUnreachable))
}

fn unreachable(case: Case<'_>) -> Option<Ground> {
    if !tcp_only(case, is_unreachable) {
        return None;
    }
    let seen = case.tcp().next()?;
    let own_route = *seen.value == TcpAnswer::Failed(ConnectFailure::NetworkUnreachable);
    let words = if own_route {
        "the network is unreachable: this computer has no route to it, or a router said so"
    } else {
        "the host is unreachable: a router or the neighbour table said so"
    };
    let said = seen.because(format!("{}: {words}", case.label()));
    let ground = Ground::on([said].into_iter().chain(hops::who_refused(case)).collect());
    // a client without IPv6 goes on to the IPv4 address and never notices
    Some(match (case.another_address_answers(), own_route) {
        (true, true) => ground.severity(Severity::Advisory),
        (true, false) => ground.severity(Severity::Degrading),
        (false, _) => ground,
    })
}

fn answered(case: Case<'_>) -> Option<Ground> {
    let seen = case.tcp().find(|seen| !is_unreachable(seen.value))?;
    let reached = matches!(seen.value, TcpAnswer::Accepted | TcpAnswer::Failed(ConnectFailure::Refused));
    reached.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;

    fn failed(failure: ConnectFailure) -> Sketch {
        host("192.0.2.7").with(Fact::TcpAnswer(TcpAnswer::Failed(failure)))
    }

    #[test]
    fn present() {
        failed(ConnectFailure::HostUnreachable).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn a_missing_route_beside_a_working_address_is_no_fault() {
        let sketch = failed(ConnectFailure::NetworkUnreachable).beside_a_working_address();
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_refused() {
        failed(ConnectFailure::Refused).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_silence_says_nothing() {
        host("192.0.2.7").with(Fact::TcpAnswer(TcpAnswer::Silent)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
