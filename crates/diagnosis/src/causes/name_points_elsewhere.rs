//! `name-points-elsewhere`: the machine that answers has another name than the one asked for.

use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::naming::{
    alias_of, by_neighbours, certificate_names, given, is_certified, led_to, list, names_of, own_name, resolver_of,
    same_host, split,
};

pub const CAUSE: Cause = Cause {
    id: "name-points-elsewhere",
    title: "the name leads to a machine with a different name",
    stage: Stage::Name,
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::INTRODUCTION], holds: another_name },
        Proof { shows: Shows::Absence, needs: &[Need::TCP], holds: nothing_to_compare },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: same_machine },
    ],
    explains: &[],
    page: Page {
        what_happens: "The connection is made, but to a machine with a different name, whose certificate is not for \
                       the name that was typed. The client warns about the name; the logon can fail because the \
                       account is unknown there, or because Kerberos asks for a ticket for the wrong machine.",
        why: "Usually this is not a fault: aliases, farms, address translation and cloud names lead to machines with \
              other names. It is one if the DNS record is stale (the address now belongs to another machine) or a \
              port forward leads to the wrong one. An alias (CNAME) of the machine is none, and where the name servers \
              could be asked they told. A record of the name itself may be meant or left behind, so this is never more \
              than possible.",
        confirm: "Does the right machine answer? Look at its name there; on the client, see whether the name is an \
                  alias, and which address the machine's own name has.",
        command: "Resolve-DnsName {host} | Format-Table Name,Type,NameHost,IPAddress; [System.Net.Dns]::GetHostEntry('').HostName",
        how_to_fix: "If it is the wrong machine, correct the DNS record or the forward and forget the cached answer. If it is \
                     the right one, connect by its own name, or give it a certificate for the name that people type.",
        references: &[
            "[MS-NLMP] 2.2.2.1 (MsvAvDnsComputerName)",
            "RFC 6125 section 6.4",
            "RFC 1034 section 3.6.2 (CNAME)",
        ],
    },
    fixes: &["flush-dns"],
};

/// Returns the typed name without the root's dot; `None` for addresses, and for this computer itself, where a tunnel
/// may lead anywhere.
fn typed(case: Case<'_>) -> Option<&str> {
    let name = case.context.target.as_ref()?.name()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    (!name.eq_ignore_ascii_case("localhost")).then_some(name)
}

/// Says what DNS adds: no alias makes the name that of the machine, and what the address is called.
fn by_dns(case: Case<'_>, kin: bool) -> Vec<Because> {
    let Some(resolver) = resolver_of(case).filter(|resolver| Need::DNS.answered(*resolver)) else { return Vec::new() };
    let Some(address) = case.who().address.map(|address| address.ip()) else { return Vec::new() };
    let record = given(resolver).find(|given| given.addresses.contains(&address));
    let plain = record.filter(|given| given.aliases.is_empty()).map(|given| {
        let text = format!("{}: it is no alias (CNAME)", given.because().text);
        given.lookup.because(text)
    });
    let aliased = record.filter(|given| !given.aliases.is_empty() && kin).map(|given| given.because());
    let named = names_of(resolver, address);
    let named = named.map(|names| names.because(format!("DNS calls {address} {} (PTR)", names.value.join(", "))));
    let neighbour = by_neighbours(resolver).map(|seen| {
        let text = format!("{}: {}", list(&led_to(resolver)), seen.value);
        seen.because(text)
    });
    plain.into_iter().chain(aliased).chain(neighbour).chain(named).collect()
}

/// True if DNS has the address under the name itself, and somebody saw the connection fail: a record that was left
/// behind, rather than another name that is meant.
fn is_stale(case: Case<'_>) -> bool {
    let address = case.who().address.map(|address| address.ip());
    let plain = |resolver: Case<'_>| {
        let mut all = given(resolver);
        all.any(|given| given.aliases.is_empty() && address.is_some_and(|own| given.addresses.contains(&own)))
    };
    case.context.symptom.is_some() && resolver_of(case).is_some_and(plain)
}

fn another_name(case: Case<'_>) -> Option<Ground> {
    let (typed, own) = (typed(case)?, own_name(case)?);
    if is_meant(case, typed, own.value) {
        return None;
    }
    let names = certificate_names(case)?;
    let domain = split(typed).1;
    let kin = !domain.is_empty() && split(own.value).1.eq_ignore_ascii_case(domain);
    let advice = if kin {
        ", in the same domain: an alias, or a stale record"
    } else {
        ": an alias, a farm, or another machine"
    };
    let said = own.because(format!("asked for {typed}, the machine calls itself {}{advice}", own.value));
    let shown = names.because(format!("its certificate is for {}", names.value.join(", ")));
    let because = [vec![said, shown], by_dns(case, kin)].concat();
    let ground = Ground::on(because);
    Some(if kin && is_stale(case) { ground.severity(Severity::Degrading) } else { ground })
}

/// True if the machine of this name is the one that was asked for: by its label, its certificate, or an alias.
fn is_meant(case: Case<'_>, typed: &str, own: &str) -> bool {
    let aliased = || resolver_of(case).is_some_and(|resolver| alias_of(resolver, own).is_some());
    same_host(typed, own) || is_certified(case, typed) || aliased()
}

fn nothing_to_compare(case: Case<'_>) -> Option<Ground> {
    case.tcp().next()?;
    typed(case).is_none().then(Ground::nothing)
}

fn same_machine(case: Case<'_>) -> Option<Ground> {
    let (typed, own) = (typed(case)?, own_name(case)?);
    is_meant(case, typed, own.value).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, names};
    use evidence::fact::{Fact, Introduction};
    use wire::dns::DnsAnswer;
    use wire::tls::TlsVersion;
    use wire::transcript::Neighbours;

    fn asked_for(name: &str, certificate: &str) -> Sketch {
        host(name)
            .nla()
            .tls_up(TlsVersion::Tls13)
            .with(Fact::CertificateNames(vec![certificate.to_owned()]))
            .with(Fact::CredsspAnswer(Introduction::Challenge(6)))
            .with(Fact::NtlmComputer("SERVER02".to_owned()))
            .with(Fact::NtlmDnsComputer("server02.corp.example".to_owned()))
    }

    #[test]
    fn present_in_the_same_domain_and_in_another() {
        for name in ["server01.corp.example", "server01", "rdp.cloud.example."] {
            asked_for(name, "SERVER02").check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
        }
    }

    #[test]
    fn near_miss_the_same_host() {
        for name in ["server02.corp.example", "SERVER02", "server02.other.example"] {
            asked_for(name, "SERVER02").check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn near_miss_the_certificate_is_for_the_name() {
        for certificate in ["server01.corp.example", "*.corp.example"] {
            asked_for("server01.corp.example", certificate).check(&CAUSE, Expect::Absent);
        }
        let deeper = asked_for("server01.corp.example", "*.example");
        deeper.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Possible));
    }

    #[test]
    fn near_miss_an_address_or_a_tunnel() {
        for target in ["192.0.2.7", "localhost"] {
            asked_for(target, "SERVER02").check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn a_long_name_is_cut_by_netbios() {
        assert!(same_host("a-very-long-computer.corp.example", "A-VERY-LONG-COM"));
        assert!(!same_host("a-very-long-computer.corp.example", "A-VERY-LONG"));
    }

    /// Diagnoses a machine of another name, with the answers of name servers.
    fn by_dns(code: bool, aliases: &[&str]) -> crate::report::Diagnosis {
        let own = "server02.corp.example";
        let shown = [names::answers(own), vec![Fact::CertificateNames(vec![own.to_owned()])]].concat();
        let shown = [shown, vec![Fact::CredsspAnswer(Introduction::Challenge(6))]].concat();
        let led = names::name("server01.corp.example", &[("192.0.2.7", shown)]).set_up(&[], &[]);
        let aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
        let answer = DnsAnswer::Addresses { aliases, addresses: vec!["192.0.2.7".parse().unwrap()] };
        let led = led.dns(53, "server01.corp.example", answer);
        let led = led.dns(53, "7.2.0.192.in-addr.arpa", DnsAnswer::Names(vec![own.to_owned()]));
        if code { led.code(0x904).diagnose() } else { led.diagnose() }
    }

    #[test]
    fn an_alias_is_no_other_machine() {
        let report = by_dns(true, &["server02.corp.example"]);
        assert!(report.findings.iter().all(|finding| finding.cause != CAUSE.id), "{:?}", report.findings);
        assert!(report.unknown.iter().all(|open| open.cause != CAUSE.id), "{:?}", report.unknown);
    }

    /// A record of the name itself may be meant; where somebody saw it fail, it may be stale.
    #[test]
    fn a_record_of_the_name_itself_is_told() {
        for (code, severity) in [(false, Severity::Advisory), (true, Severity::Degrading)] {
            let report = by_dns(code, &[]);
            let found = report.findings.iter().find(|finding| finding.cause == CAUSE.id).unwrap();
            assert_eq!((found.severity, found.confidence), (severity, Confidence::Possible));
            let texts: Vec<_> = found.because.iter().map(|because| because.text.as_str()).collect();
            assert!(texts[2].ends_with("it is no alias (CNAME)"), "{texts:?}");
            assert_eq!(texts[3], "DNS calls 192.0.2.7 server02.corp.example (PTR)");
        }
    }

    /// Whoever is near may answer by mDNS for any name below `local`.
    #[test]
    fn an_answer_of_a_neighbour_is_marked_as_such() {
        let shown = [names::answers("OTHER"), vec![Fact::CertificateNames(vec!["OTHER".to_owned()])]].concat();
        let shown = [shown, vec![Fact::CredsspAnswer(Introduction::Challenge(6))]].concat();
        let marked = |services: &[Neighbours], answer: DnsAnswer| {
            let led = names::name("srv.local", &[("192.0.2.7", shown.clone())]).asks_neighbours(services);
            let report = led.dns(53, "srv.local", answer).diagnose();
            let found = report.findings.into_iter().find(|finding| finding.cause == CAUSE.id).unwrap();
            found.because.into_iter().any(|because| because.text.ends_with("may have answered by mDNS"))
        };
        assert!(marked(&[Neighbours::Mdns], DnsAnswer::NoSuchName));
        assert!(!marked(&[], DnsAnswer::NoSuchName));
        assert!(!marked(&[Neighbours::Mdns], DnsAnswer::Silent));
        assert!(!marked(&[Neighbours::Mdns], names::gives(&["192.0.2.7"])));
    }

    #[test]
    fn unseen() {
        host("server01.corp.example").nla().check(&CAUSE, Expect::Unknown);
    }
}
