//! `split-answers`: a name has several addresses, and not all of them lead to the host.

use evidence::fact::Fact;
use evidence::{Because, Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::addresses::{Fares, OfName, of_name};

pub const CAUSE: Cause = Cause {
    id: "split-answers",
    title: "the name has several addresses, and they do not all lead to a working host",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: some_are_dead },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: different_machines },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: all_alike },
    ],
    explains: &[
        Explains { cause: "port-closed", when: |case| dead(case, Fares::Refuses) },
        Explains { cause: "port-filtered", when: |case| dead(case, Fares::Silent) },
        Explains { cause: "host-unreachable", when: |case| dead(case, Fares::Unreachable) },
    ],
    page: Page {
        what_happens: "The connection works at times, from some computers, or after a delay: whoever is given the dead \
                       address first fails or waits, and whoever is given the other one gets in. Where the addresses lead \
                       to different machines, the certificate and the desktop change from time to time.",
        why: "DNS has more than one record for the name, and not all are right: a host that was moved or removed and whose \
              old record stayed, a second network card that registers an address which clients cannot reach, a farm of \
              which one member is off, or a VPN adapter's address. The DNS server turns the order from answer to answer, \
              so the fault comes and goes.",
        confirm: "Ask each address by itself: rdpdoctor diagnose ADDRESS. Then compare the records of the name with the \
                  addresses that the host has.",
        command: "Resolve-DnsName {host} | Format-Table Name,Type,IPAddress",
        how_to_fix: "Delete the record of the address that leads nowhere, or bring its host up. Where the host registers an \
                     address that clients cannot reach, switch the registration off for that adapter. Until then the \
                     address that works can be typed instead of the name, where NTLM is allowed; the client then warns of \
                     the certificate's name.",
        references: &["RFC 1794 (order of records)", "RFC 6724 (order in which a client tries addresses)"],
    },
    fixes: &["flush-dns"],
};

/// Returns the addresses of a name with more than one of them.
fn several(case: Case<'_>) -> Option<(usize, Vec<OfName<'_>>)> {
    of_name(case).filter(|(_, addresses)| addresses.len() > 1)
}

/// True if an address is dead and another of its kind answers. Beside an IPv4 address that answers, a dead IPv6 one is
/// another matter: a host that does not listen there, or `ipv6-path-broken`.
fn is_split(address: &OfName<'_>, all: &[OfName<'_>]) -> bool {
    let answers = |other: &OfName<'_>| other.fares == Fares::Answers;
    let kept = |other: &OfName<'_>| !address.address.is_ipv6() || other.address.is_ipv6();
    address.fares.dead() && all.iter().any(|other| answers(other) && kept(other))
}

fn dead(case: Case<'_>, fares: Fares) -> bool {
    several(case).is_some_and(|(_, all)| all.iter().any(|address| address.fares == fares && is_split(address, &all)))
}

fn some_are_dead(case: Case<'_>) -> Option<Ground> {
    let (name, all) = several(case)?;
    let dead: Vec<_> = all.iter().filter(|address| is_split(address, &all)).collect();
    if dead.is_empty() {
        return None;
    }
    let count = format!("{} of the {} addresses of {} lead nowhere", dead.len(), all.len(), case.label());
    let told = dead.into_iter().chain(all.iter().filter(|address| address.fares == Fares::Answers));
    let mut because = vec![Because { text: count, observation: name }];
    because.extend(told.map(|address| address.because(name)));
    because.extend(machines(&all));
    Some(Ground::on(because))
}

/// Says which machine answers at each address, if they are not one. A farm is made so, so that alone is no fault.
fn machines(all: &[OfName<'_>]) -> Vec<Because> {
    let named: Vec<_> = all.iter().filter_map(|address| Some((address, own_name(address.host?)?))).collect();
    let first = named.first().map(|(_, name)| name.value);
    if named.iter().all(|(_, name)| first.is_some_and(|first| name.value.eq_ignore_ascii_case(first))) {
        return Vec::new();
    }
    let told = named.into_iter().map(|(address, name)| {
        let text = format!("the machine at {} calls itself {}", address.address.ip(), name.value);
        Because { text, observation: name.id }
    });
    told.collect()
}

fn own_name(host: Case<'_>) -> Option<Seen<&str>> {
    host.last(|fact| match fact {
        Fact::NtlmDnsComputer(name) | Fact::NtlmComputer(name) => Some(name.as_str()),
        _ => None,
    })
}

fn different_machines(case: Case<'_>) -> Option<Ground> {
    let (_, all) = several(case)?;
    let told = machines(&all);
    (!told.is_empty()).then(|| Ground::on(told).severity(Severity::Advisory))
}

/// Absent if the name has one address, or every address was seen to be as good as the others.
fn all_alike(case: Case<'_>) -> Option<Ground> {
    let (_, all) = of_name(case)?;
    let told = |address: &OfName<'_>| !matches!(address.fares, Fares::Unclear | Fares::NotTried);
    let known = all.len() == 1 || all.iter().all(told);
    let split = all.iter().any(|address| is_split(address, &all));
    (known && !split && machines(&all).is_empty()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, resolver};
    use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
    use wire::transcript::NameAnswer;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    const PRESENT: Expect = Expect::Present(Severity::Degrading, Confidence::Proven);

    /// The name with these addresses, each with what was seen at it.
    fn name(addresses: &[(&str, Vec<Fact>)]) -> Sketch {
        let list = addresses.iter().map(|(address, _)| address.parse().unwrap()).collect();
        let sketch = resolver("farm").with(Fact::NameAnswer(NameAnswer::Addresses(list)));
        addresses.iter().fold(sketch, |sketch, (address, facts)| sketch.at_address(address, facts))
    }

    fn answers() -> Vec<Fact> {
        let answer = X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0 });
        vec![
            Fact::TcpAnswer(TcpAnswer::Accepted),
            Fact::X224Answer { requested: Some(crate::case::EVERYTHING), answer },
        ]
    }

    fn called(name: &str) -> Vec<Fact> {
        [answers(), vec![Fact::NtlmDnsComputer(name.to_owned())]].concat()
    }

    fn failed(failure: ConnectFailure) -> Vec<Fact> {
        vec![Fact::TcpAnswer(TcpAnswer::Failed(failure))]
    }

    const ONE: &str = "192.0.2.7:3389";
    const OTHER: &str = "192.0.2.8:3389";
    const SIX: &str = "[2001:db8::7]:3389";

    #[test]
    fn present() {
        for failure in [ConnectFailure::Refused, ConnectFailure::TimedOut, ConnectFailure::HostUnreachable] {
            name(&[(ONE, failed(failure.clone())), (OTHER, answers())]).check(&CAUSE, PRESENT);
            name(&[(OTHER, answers()), (ONE, failed(failure))]).check(&CAUSE, PRESENT);
        }
        name(&[(SIX, answers()), (ONE, failed(ConnectFailure::Refused))]).check(&CAUSE, PRESENT);
    }

    #[test]
    fn it_is_told_once_about_the_name_and_the_addresses_stand_below_it() {
        let report = name(&[(ONE, failed(ConnectFailure::Refused)), (OTHER, answers())]).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["split-answers", "port-closed"]);
        assert_eq!(report.findings[0].root_of, ["port-closed"]);
        assert!(report.findings[0].because[0].text.starts_with("1 of the 2 addresses of farm lead"), "{report:?}");
    }

    #[test]
    fn near_miss_a_host_that_listens_with_ipv4_alone() {
        name(&[(SIX, failed(ConnectFailure::Refused)), (ONE, answers())]).check(&CAUSE, Expect::Absent);
        name(&[(SIX, failed(ConnectFailure::NetworkUnreachable)), (ONE, answers())]).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_all_alike() {
        name(&[(ONE, answers()), (OTHER, answers())]).check(&CAUSE, Expect::Absent);
        name(&[(ONE, failed(ConnectFailure::Refused)), (OTHER, failed(ConnectFailure::Refused))])
            .check(&CAUSE, Expect::Absent);
        name(&[(ONE, failed(ConnectFailure::Refused))]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn a_farm_is_no_fault() {
        let farm = name(&[(ONE, called("a.corp.example")), (OTHER, called("b.corp.example"))]);
        farm.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        let one = name(&[(SIX, called("a.corp.example")), (ONE, called("A.corp.example"))]);
        one.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        resolver("farm").check(&CAUSE, Expect::Unknown);
        name(&[(ONE, answers()), (OTHER, Vec::new())]).check(&CAUSE, Expect::Unknown);
    }
}
