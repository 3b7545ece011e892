//! `udp-blocked`: the port that accepts TCP takes no UDP.

use evidence::{Role, Stage};
use wire::rdpeudp::DatagramAnswer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::path::udp;

pub const CAUSE: Cause = Cause {
    id: "udp-blocked",
    title: "the host's port takes no UDP, which sessions use beside TCP where they can",
    stage: Stage::Tcp,
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::UDP], holds: refused },
        Proof { shows: Shows::Absence, needs: &[Need::UDP], holds: offered },
    ],
    explains: &[],
    page: Page {
        what_happens: "Everything works, over TCP alone. On a path that is long or loses packets the picture follows more slowly than \
                       it could. No connection fails for want of UDP.",
        why: "The host offers no transport over UDP (it is off by policy, or the server software has none), or a firewall on the \
              way refuses it. Who answers by ICMP does not say which.",
        confirm: "With --path this program sends one datagram that asks for the transport. An ICMP message that says no is told; \
                  silence means nothing, because many networks drop such datagrams, and hosts need not answer them.",
        command: "Get-NetUDPEndpoint -LocalPort 3389; Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-UDP | \
                  Select-Object Name,Enabled,Profile",
        how_to_fix: "Nothing has to be done. Where sessions are slow on a long path, let UDP of the Remote Desktop port through as \
                     well, and see that no policy turns it off on the host (SelectTransport) or the client \
                     (fClientDisableUDP).",
        references: &["[MS-RDPEUDP] 3.1.5.1 (SYN and SYN+ACK)", "RFC 1122 section 4.1.3.3 (ICMP port unreachable)"],
    },
    fixes: &[],
};

fn refused(case: Case<'_>) -> Option<Ground> {
    let seen = udp(case).filter(|_| case.tcp_accepted())?;
    let (words, confidence) = match seen.value {
        DatagramAnswer::Refused => ("nobody has this port for UDP", Confidence::Proven),
        // a datagram may be led another way than a connection
        DatagramAnswer::Unreachable => ("there is no way to it for UDP", Confidence::Likely),
        _ => return None,
    };
    let text = format!("{} accepts TCP, and ICMP says that {words}", case.label());
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

fn offered(case: Case<'_>) -> Option<Ground> {
    (udp(case)?.value == DatagramAnswer::Accepted).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::{Fact, Introduction};
    use wire::tls::TlsVersion;

    fn answers(answer: DatagramAnswer) -> Sketch {
        let host = host("192.0.2.7").accepted().nla().tls_up(TlsVersion::Tls13);
        host.with(Fact::CredsspAnswer(Introduction::Challenge(6))).with(Fact::UdpAnswer(answer))
    }

    #[test]
    fn present_and_only_told() {
        answers(DatagramAnswer::Refused).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        answers(DatagramAnswer::Unreachable).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Likely));
        assert_eq!(answers(DatagramAnswer::Refused).diagnose().verdict, Verdict::Healthy);
    }

    #[test]
    fn near_miss_the_transport_is_offered() {
        answers(DatagramAnswer::Accepted).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn silence_says_nothing() {
        for answer in [DatagramAnswer::Silent, DatagramAnswer::Odd, DatagramAnswer::OwnFailure] {
            answers(answer).check(&CAUSE, Expect::Unknown);
        }
    }

    /// A closed port is closed, whatever UDP is.
    #[test]
    fn unseen() {
        host("192.0.2.7").with(Fact::UdpAnswer(DatagramAnswer::Refused)).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
    }
}
