//! `port-closed`: the host is up and nothing listens.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::tcp::{is_refused, other_family_answers, tcp_only};
use crate::xrdp;

pub const CAUSE: Cause = Cause {
    id: "port-closed",
    title: "nothing listens on the port, or a firewall refuses the connection",
    stage: Stage::Tcp,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::TCP], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: xrdp::no_port },
        Proof { shows: Shows::Absence, needs: &[Need::TCP], holds: not_refused },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client shows 0x204 at once. The address answered with a reset, so a machine is there and \
                       running.",
        why: "The Remote Desktop service is stopped or its listener is disabled, it listens on another port or only on \
              another network adapter, or the address belongs to another machine. A firewall can also be set to refuse \
              instead of dropping.",
        confirm: "On the host: does anything listen, on which port and address, and is the service running?",
        command: "Get-Service TermService; Get-NetTCPConnection -State Listen | Where-Object LocalPort -eq {port}; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  PortNumber,fEnableWinStation,LanAdapter",
        how_to_fix: "Start the service or enable the listener. If it listens on another port, name that port in the client \
                     (HOST:PORT) or set it back. If this is not the machine you meant, correct DNS or the port forward.",
        references: &["RFC 9293 section 3.5.2", "Microsoft Learn: OnDisconnected, discReason 516"],
    },
    fixes: &["enable-remote-desktop", "start-services", "set-listener-port", "set-xrdp-port"],
};

fn refused(case: Case<'_>) -> Option<Ground> {
    if !tcp_only(case, is_refused) {
        return None;
    }
    let seen = case.tcp().next()?;
    if other_family_answers(case) {
        let family = if case.who().address.is_some_and(|address| address.is_ipv6()) { "IPv4" } else { "IPv6" };
        let text = format!(
            "{} refused the connection, and an {family} address of the same name answers: what listens does so with \
             {family} alone, and a client goes on to that at once",
            case.label()
        );
        return Some(Ground::on(vec![seen.because(text)]).severity(Severity::Advisory));
    }
    let text =
        format!("{} refused the connection: nothing listens there, or a firewall refuses on its behalf", case.label());
    let mut because = vec![seen.because(text)];
    if case.name_typed() && case.who().address.is_some_and(|address| address.ip().is_loopback()) {
        because.push(seen.because(
            "the name leads to a loopback address, which is this computer itself: the record or the hosts file is wrong, \
             unless a tunnel was to listen there",
        ));
    }
    let ground = Ground::on(because);
    Some(if case.another_address_answers() { ground.severity(Severity::Degrading) } else { ground })
}

fn not_refused(case: Case<'_>) -> Option<Ground> {
    case.tcp().find(|seen| !is_refused(seen.value))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host, host_at};
    use evidence::fact::Fact;
    use wire::machine::{ConnectFailure, TcpAnswer};

    const REFUSED: Fact = Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused));

    #[test]
    fn present() {
        host("192.0.2.7").with(REFUSED).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn one_closed_address_of_two_is_degrading() {
        let sketch = host("192.0.2.7").with(REFUSED).beside_a_working_address();
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    /// mstsc and FreeRDP try the next address, and nobody notices.
    #[test]
    fn a_closed_ipv6_address_beside_a_sound_ipv4_one_is_no_fault() {
        let sketch = host_at("server01", "[2001:db8::7]:3389").with(REFUSED).beside_a_working_address();
        sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
    }

    #[test]
    fn near_miss_only_our_second_try_was_refused() {
        host("192.0.2.7").accepted().with(REFUSED).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
