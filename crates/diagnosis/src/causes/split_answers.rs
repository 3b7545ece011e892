//! `split-answers`: a name has several addresses, in one answer or by who is asked, and not all of them lead to the
//! host; or the resolver denies a name that name servers have.

use evidence::{Because, Fact, Role, Stage};
use wire::transcript::NameAnswer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::addresses::{Fares, OfName, of_name};
use crate::stage::naming::{Elsewhere, cures, given, led_because, led_to, own_name, servers_because, settings, typed};

pub const CAUSE: Cause = Cause {
    id: "split-answers",
    title: "the name has different answers, and not all of them lead to a working host",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: some_are_dead },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::NAME, Need::NAME_SETTINGS, Need::DNS],
            holds: another_answer_works,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: different_machines },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: all_alike },
    ],
    explains: &[
        Explains { cause: "port-closed", when: |case| dead(case, Fares::Refuses) || is_misinformed(case) },
        Explains { cause: "port-filtered", when: |case| dead(case, Fares::Silent) || is_misinformed(case) },
        Explains { cause: "host-unreachable", when: |case| dead(case, Fares::Unreachable) || is_misinformed(case) },
        Explains { cause: "dropped-after-accept", when: is_misinformed },
        Explains { cause: "listener-silent", when: is_misinformed },
        Explains { cause: "not-an-rdp-service", when: is_misinformed },
        Explains { cause: "name-not-found", when: is_misinformed },
        Explains { cause: "name-sinkholed", when: is_misinformed },
        Explains { cause: "name-points-elsewhere", when: is_misinformed },
        Explains { cause: "certificate-name-mismatch", when: is_misinformed },
    ],
    page: Page {
        what_happens: "The connection works at times, from some computers, or after a delay: whoever is given the dead \
                       address first fails or waits, and whoever is given the other one gets in. Where the addresses lead \
                       to different machines, the certificate and the desktop change from time to time.",
        why: "DNS has more than one record for the name, and not all are right: a host that was moved or removed and whose \
              old record stayed, a second network card that registers an address which clients cannot reach, a farm of \
              which one member is off, or a VPN adapter's address. The DNS server turns the order from answer to answer, \
              so the fault comes and goes. Or it depends on who is asked: one name server knows the name from inside, \
              another from outside or not at all (split DNS), and the resolver takes the first answer that it gets; or a \
              cache still has the old one, or still denies the name; or this computer is set up not to ask DNS \
              at all (the line hosts: of nsswitch.conf).",
        confirm: "Ask each address by itself: rdpdoctor diagnose ADDRESS. Then compare the records of the name with the \
                  addresses that the host has. Where the name leads nowhere or to another machine, this program asks each \
                  name server that this computer is set up to use, and tries the addresses that they give.",
        command: "Resolve-DnsName {host} | Format-Table Name,Type,IPAddress; (Get-DnsClientServerAddress).ServerAddresses | \
                  Sort-Object -Unique | ForEach-Object { Resolve-DnsName {host} -Server $_ -DnsOnly }",
        how_to_fix: "Delete the record of the address that leads nowhere, or bring its host up. Where the host registers an \
                     address that clients cannot reach, switch the registration off for that adapter. Where name servers \
                     differ, let the one that knows the name be asked: the adapter's servers, or the VPN's rule for this \
                     domain (NRPT). Until then the address that works can be typed instead of the name, where NTLM is allowed; the client then warns of \
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

/// Addresses at which tests worked, and which a name server gives for the name itself; `None` where the hosts file or a
/// search suffix is what leads clients elsewhere, which are causes of their own, or the resolver got no answer.
fn known_to_others(case: Case<'_>) -> Option<Vec<Elsewhere<'_>>> {
    let told = case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })?;
    if !matches!(told.value, NameAnswer::Addresses(_) | NameAnswer::NotFound { .. }) {
        return None;
    }
    let (settings, led) = (settings(case)?.value, led_to(case));
    let of_hosts_file = !led.is_empty() && led.iter().all(|address| settings.hosts.contains(address));
    let names = settings.names(case.label());
    let name = crate::stage::naming::origin(case);
    let meant = |known: &str| match &name {
        Some(name) => known.eq_ignore_ascii_case(name),
        None => names.iter().any(|name| name.eq_ignore_ascii_case(known)),
    };
    let of_name: Vec<_> = given(case).filter(|given| meant(&given.lookup.value.question.name)).collect();
    let is_given = |cure: &Elsewhere<'_>| of_name.iter().any(|given| given.addresses.contains(&cure.address.ip()));
    let known: Vec<_> = cures(case).into_iter().filter(is_given).collect();
    (!known.is_empty() && !of_hosts_file).then_some(known)
}

fn is_misinformed(case: Case<'_>) -> bool {
    known_to_others(case).is_some()
}

fn another_answer_works(case: Case<'_>) -> Option<Ground> {
    let known = known_to_others(case)?;
    let mut because: Vec<Because> = led_because(case).into_iter().collect();
    let name = crate::stage::naming::origin(case).unwrap_or_else(|| typed(case).to_owned());
    because.extend(known.iter().map(Elsewhere::because));
    because.extend(servers_because(case, &name));
    because.extend(known.iter().map(Elsewhere::costs));
    Some(Ground::on(because))
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
    (known && !split && machines(&all).is_empty() && !is_misinformed(case)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, names, resolver};
    use wire::dns::DnsAnswer;
    use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
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

    const FULL: &str = "srv.corp.example";
    const OLD: &str = "192.0.2.9";
    const NEW: &str = "192.0.2.7";

    /// One name server knows another address than the one that clients here are given.
    #[test]
    fn present_where_another_answer_works() {
        let led = || names::name(FULL, &[(OLD, names::refuses())]).set_up(&[], &[]).dns_gives(FULL, &[OLD]);
        let split =
            || led().dns(54, FULL, DnsAnswer::Addresses { aliases: Vec::new(), addresses: vec![NEW.parse().unwrap()] });
        split().tested(NEW, &names::answers(FULL)).check(&CAUSE, PRESENT);
        let report = split().tested(NEW, &names::answers(FULL)).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(
            (found, &report.findings[0].root_of[..]),
            (vec!["split-answers", "port-closed"], &["port-closed".to_owned()][..])
        );
        // only told, not tested; tested in vain; tested without a server's word
        split().check(&CAUSE, Expect::Absent);
        split().tested(NEW, &names::refuses()).check(&CAUSE, Expect::Absent);
        led().tested(NEW, &names::answers(FULL)).check(&CAUSE, Expect::Absent);
    }

    /// Nobody is misled to a host that answers.
    #[test]
    fn near_miss_the_host_answers_and_dns_has_another_address() {
        let led = names::name(FULL, &[(OLD, names::answers(FULL))]).set_up(&[], &[]).dns_gives(FULL, &[NEW]);
        led.tested(NEW, &names::answers(FULL)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_where_the_resolver_missed_the_server_that_knows() {
        let gone = resolver(FULL).with(Fact::NameAnswer(NameAnswer::NotFound { code: -2 })).set_up(&[], &[]);
        let split = gone.dns(54, FULL, DnsAnswer::NoSuchName).dns_gives(FULL, &[NEW]);
        let report = split.tested(NEW, &names::answers("")).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["split-answers", "name-not-found"]);
        let texts: Vec<_> = report.findings[0].because.iter().map(|because| because.text.as_str()).collect();
        assert!(texts[2].contains("192.0.2.54 says that srv.corp.example does not exist"), "{texts:?}");
    }

    #[test]
    fn unseen() {
        resolver("farm").check(&CAUSE, Expect::Unknown);
        name(&[(ONE, answers()), (OTHER, Vec::new())]).check(&CAUSE, Expect::Unknown);
    }
}
