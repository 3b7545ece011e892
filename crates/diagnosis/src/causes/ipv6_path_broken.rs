//! `ipv6-path-broken`: the IPv6 addresses of a name lead nowhere, and its IPv4 ones work.

use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::addresses::{Fares, OfName, of_name};

pub const CAUSE: Cause = Cause {
    id: "ipv6-path-broken",
    title: "the name's IPv6 address leads nowhere, while its IPv4 address works",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: broken },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: sound },
    ],
    explains: &[
        Explains { cause: "port-filtered", when: |case| stalls(case, Fares::Silent) },
        Explains { cause: "host-unreachable", when: |case| stalls(case, Fares::Unreachable) },
    ],
    page: Page {
        what_happens: "The client takes long to connect, or fails by name and works by IPv4 address. Programs that try both \
                       families at nearly the same time show nothing of it.",
        why: "The host registers an IPv6 address (AAAA) that this client cannot reach: a tunnel or VPN that carries IPv4 \
              alone, a router without a route back, a firewall that lets Remote Desktop in for IPv4 only, or an address that \
              the host no longer has. Clients prefer IPv6 where both are given.",
        confirm: "A client with Happy Eyeballs (RFC 8305) goes on to the other family after some 250 ms; one without tries \
                  the addresses in their order (RFC 6724) and waits for each until its system gives up. We know of no \
                  document that says which of both mstsc is. The test that tells is the connection by IPv4 address.",
        command: "Resolve-DnsName {host} -Type AAAA; Find-NetRoute -RemoteIPAddress (Resolve-DnsName {host} -Type AAAA)[0].IPAddress",
        how_to_fix: "Mend the IPv6 path (route, VPN, the firewall's rule for IPv6), or delete the AAAA record and keep the \
                     host from registering it again. Do not switch IPv6 off on Windows: Microsoft does not recommend it.",
        references: &["RFC 8305 section 5", "RFC 6724"],
    },
    // the cache of a client holds the address that the name server gives: no fix of ours mends the path
    fixes: &[],
};

/// Returns the IPv6 addresses that stall clients, if every one of the name does and an IPv4 one answers. A refusal
/// stalls nobody: such a host listens with IPv4 alone.
fn stalling(case: Case<'_>) -> Option<(usize, Vec<OfName<'_>>)> {
    let (name, all) = of_name(case)?;
    let (six, four): (Vec<_>, Vec<_>) = all.into_iter().partition(|address| address.address.is_ipv6());
    let stalls = |address: &OfName<'_>| matches!(address.fares, Fares::Silent | Fares::Unreachable);
    let broken = !six.is_empty() && six.iter().all(stalls) && four.iter().any(|other| other.fares == Fares::Answers);
    broken.then(|| (name, six.into_iter().chain(four).collect()))
}

fn stalls(case: Case<'_>, fares: Fares) -> bool {
    stalling(case).is_some_and(|(_, all)| all.iter().any(|one| one.address.is_ipv6() && one.fares == fares))
}

fn broken(case: Case<'_>) -> Option<Ground> {
    let (name, all) = stalling(case)?;
    let mut because: Vec<Because> = all.iter().map(|address| address.because(name)).collect();
    let waits = all.iter().any(|address| address.address.is_ipv6() && address.fares == Fares::Silent);
    if waits {
        let text =
            "a client without Happy Eyeballs (RFC 8305) waits there until its system gives up, before it tries IPv4";
        because.push(Because { text: text.to_owned(), observation: name });
    }
    Some(Ground::on(because))
}

fn sound(case: Case<'_>) -> Option<Ground> {
    let (_, all) = of_name(case)?;
    let known = |address: &OfName<'_>| !matches!(address.fares, Fares::Unclear | Fares::NotTried);
    let told = all.iter().filter(|address| address.address.is_ipv6()).all(known);
    (told && stalling(case).is_none()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, resolver};
    use evidence::Fact;
    use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
    use wire::transcript::NameAnswer;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    const FOUR: &str = "192.0.2.7:3389";
    const SIX: &str = "[2001:db8::7]:3389";

    fn dual(six: &[TcpAnswer], four_answers: bool) -> Sketch {
        let list = [SIX, FOUR].map(|address| address.parse().unwrap()).to_vec();
        let sketch = resolver("server01").with(Fact::NameAnswer(NameAnswer::Addresses(list)));
        let six: Vec<Fact> = six.iter().cloned().map(Fact::TcpAnswer).collect();
        let answer = X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0 });
        let answered = Fact::X224Answer { requested: Some(crate::case::EVERYTHING), answer };
        let four = if four_answers {
            vec![Fact::TcpAnswer(TcpAnswer::Accepted), answered]
        } else {
            vec![Fact::TcpAnswer(TcpAnswer::Silent)]
        };
        sketch.at_address(SIX, &six).at_address(FOUR, &four)
    }

    #[test]
    fn present() {
        for answer in [TcpAnswer::Silent, TcpAnswer::Failed(ConnectFailure::HostUnreachable)] {
            dual(&[answer], true).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        }
        let report = dual(&[TcpAnswer::Failed(ConnectFailure::HostUnreachable)], true).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["ipv6-path-broken", "host-unreachable"]);
        assert_eq!(report.findings[0].root_of, ["host-unreachable"]);
    }

    #[test]
    fn near_miss_it_refuses_or_ipv4_fails_as_well() {
        dual(&[TcpAnswer::Failed(ConnectFailure::Refused)], true).check(&CAUSE, Expect::Absent);
        dual(&[TcpAnswer::Silent], false).check(&CAUSE, Expect::Absent);
        dual(&[TcpAnswer::Accepted, TcpAnswer::Silent], true).check(&CAUSE, Expect::Unknown);
    }

    /// A computer without IPv6 tells nothing of the host's.
    #[test]
    fn unseen() {
        dual(&[TcpAnswer::Failed(ConnectFailure::NetworkUnreachable)], true).check(&CAUSE, Expect::Unknown);
        resolver("server01").check(&CAUSE, Expect::Unknown);
    }
}
