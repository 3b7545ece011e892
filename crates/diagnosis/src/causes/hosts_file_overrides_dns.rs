//! `hosts-file-overrides-dns`: an entry in the hosts file gives the name another address than DNS.

use evidence::{Because, Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::naming::{Elsewhere, Given, cures, given, leads_right, led_to, list, settings};

pub const CAUSE: Cause = Cause {
    id: "hosts-file-overrides-dns",
    title: "an entry in this computer's hosts file gives the name another address than DNS",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::NAME, Need::NAME_SETTINGS, Need::DNS],
            holds: overridden,
        },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: leads_where_it_should },
        Proof { shows: Shows::Absence, needs: &[Need::NAME_SETTINGS], holds: no_entry },
        Proof { shows: Shows::Absence, needs: &[Need::NAME, Need::NAME_SETTINGS, Need::DNS], holds: agrees },
    ],
    explains: &[
        Explains { cause: "port-closed", when: misleads },
        Explains { cause: "port-filtered", when: misleads },
        Explains { cause: "host-unreachable", when: misleads },
        Explains { cause: "dropped-after-accept", when: misleads },
        Explains { cause: "listener-silent", when: misleads },
        Explains { cause: "not-an-rdp-service", when: misleads },
        Explains { cause: "name-sinkholed", when: misleads },
        Explains { cause: "name-points-elsewhere", when: misleads },
        Explains { cause: "certificate-name-mismatch", when: misleads },
    ],
    page: Page {
        what_happens: "The name works on other computers and fails on this one, or leads to another machine here. The \
                       resolver takes the address from the hosts file and never asks DNS for it.",
        why: "Somebody wrote the name into the hosts file, to test a new server or to get round a fault of DNS, and the host \
              has had another address since.",
        confirm: "Compare the line in the hosts file with what DNS says. This program does so where the name leads nowhere \
                  or to another machine: it asks the name servers that this computer is set up to use, and tries the \
                  address that they give. Where the address of the hosts file works, the difference is only told.",
        command: "Select-String -Path $env:SystemRoot\\System32\\drivers\\etc\\hosts -Pattern '{host}'; \
                  Resolve-DnsName {host} -NoHostsFile",
        how_to_fix: "Delete the line, or correct its address. Until then the address that DNS gives can be typed instead of \
                     the name, where NTLM is allowed: by default Windows does not try Kerberos with an address, and the \
                     client warns of the certificate's name.",
        references: &[
            "hosts(5), nsswitch.conf(5)",
            "Microsoft Learn: Resolve-DnsName (-NoHostsFile)",
            "Microsoft Learn: Kerberos clients allow IPv4 and IPv6 address hostnames in SPNs",
        ],
    },
    fixes: &["remove-hosts-entry", "flush-dns"],
};

/// Entry that clients here follow, and other addresses in DNS.
struct Overridden<'a> {
    entry: Because,
    dns: Vec<Given<'a>>,
}

/// Finds the entry where DNS gives other addresses alone, whether or not it takes their place.
fn beside(case: Case<'_>) -> Option<Overridden<'_>> {
    let Seen { value, id } = settings(case)?;
    let (entries, led) = (value.hosts.as_slice(), led_to(case));
    if led.is_empty() || !led.iter().all(|address| entries.contains(address)) {
        return None;
    }
    let dns: Vec<_> = given(case).filter(|given| !given.addresses.is_empty()).collect();
    let agrees = dns.iter().flat_map(|given| given.addresses).any(|address| entries.contains(address));
    if dns.is_empty() || agrees {
        return None;
    }
    let text = format!("this computer's hosts file gives {} the address {}", case.label(), list(entries));
    Some(Overridden { entry: Because { text, observation: id }, dns })
}

/// Finds the entry that takes the place of what DNS gives. Another family in DNS alone contradicts no entry, unless
/// clients would have been led well by it.
fn entry(case: Case<'_>) -> Option<Overridden<'_>> {
    let Overridden { entry, mut dns } = beside(case)?;
    let entries = &settings(case)?.value.hosts;
    let kin = |given: &Given<'_>| {
        given.addresses.iter().any(|other| entries.iter().any(|entry| entry.is_ipv4() == other.is_ipv4()))
    };
    if dns.iter().any(kin) {
        dns.retain(kin);
    } else {
        let works = cures(case);
        dns.retain(|given| works.iter().any(|cure| given.addresses.contains(&cure.address.ip())));
    }
    (!dns.is_empty()).then_some(Overridden { entry, dns })
}

fn overridden(case: Case<'_>) -> Option<Ground> {
    let Overridden { entry, dns } = entry(case)?;
    let of_dns = |address| dns.iter().any(|given| given.addresses.contains(&address));
    let cures: Vec<_> = cures(case).into_iter().filter(|cure| of_dns(cure.address.ip())).collect();
    let mut because = vec![entry];
    because.extend(cures.iter().map(Elsewhere::because));
    because.extend(dns.iter().map(Given::because));
    because.extend(cures.iter().map(Elsewhere::costs));
    let ground = Ground::on(because);
    Some(if cures.is_empty() { ground.severity(Severity::Advisory) } else { ground })
}

fn misleads(case: Case<'_>) -> bool {
    entry(case).is_some() && !cures(case).is_empty()
}

fn leads_where_it_should(case: Case<'_>) -> Option<Ground> {
    leads_right(case).then(Ground::nothing)
}

fn no_entry(case: Case<'_>) -> Option<Ground> {
    settings(case)?.value.hosts.is_empty().then(Ground::nothing)
}

fn agrees(case: Case<'_>) -> Option<Ground> {
    beside(case).is_none().then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::names::{answers, name, refuses};
    use crate::sketch::{Expect, Sketch, resolver};
    use wire::dns::DnsAnswer;

    const PRESENT: Expect = Expect::Present(Severity::Degrading, Confidence::Proven);
    const ONLY_TOLD: Expect = Expect::Present(Severity::Advisory, Confidence::Proven);
    const OLD: &str = "192.0.2.9";
    const NEW: &str = "192.0.2.7";
    const FULL: &str = "srv.corp.example";

    /// The hosts file has the old address, at which this was seen, and DNS the new one.
    fn stale(at_old: Vec<evidence::Fact>) -> Sketch {
        name(FULL, &[(OLD, at_old)]).set_up(&[OLD], &[]).dns_gives(FULL, &[NEW])
    }

    #[test]
    fn present_where_the_address_of_dns_works() {
        stale(refuses()).tested(NEW, &answers("srv.corp.example")).check(&CAUSE, PRESENT);
        stale(refuses()).tested(NEW, &answers("")).check(&CAUSE, PRESENT);
        let report = stale(refuses()).tested(NEW, &answers("")).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["hosts-file-overrides-dns", "port-closed"]);
        assert_eq!(report.findings[0].root_of, ["port-closed"]);
        let texts: Vec<_> = report.findings[0].because.iter().map(|because| because.text.as_str()).collect();
        assert!(texts[0].ends_with("the address 192.0.2.9") && texts[2].ends_with("gives srv.corp.example 192.0.2.7"));
        assert!(
            texts[1].contains("Remote Desktop answers at 192.0.2.7 itself") && texts[3].contains("NTLM"),
            "{texts:?}"
        );
    }

    /// A machine that works is the wrong one only if the other bears the name.
    #[test]
    fn present_where_the_file_leads_to_another_machine() {
        let led = || stale(answers("other.corp.example"));
        led().tested(NEW, &answers("srv.corp.example")).check(&CAUSE, PRESENT);
        led().tested(NEW, &answers("")).check(&CAUSE, ONLY_TOLD);
        led().tested(NEW, &answers("third.corp.example")).check(&CAUSE, ONLY_TOLD);
    }

    #[test]
    fn present_where_dns_leads_well_by_the_other_family_alone() {
        let by_six = || name(FULL, &[(OLD, refuses())]).set_up(&[OLD], &[]).dns_gives(FULL, &["2001:db8::7"]);
        by_six().tested("2001:db8::7", &answers("srv.corp.example")).check(&CAUSE, PRESENT);
        let led = name(FULL, &[(OLD, answers("other.corp.example"))]).set_up(&[OLD], &[]);
        let led = led.dns_gives(FULL, &["2001:db8::7"]);
        led.tested("2001:db8::7", &answers("srv.corp.example")).check(&CAUSE, PRESENT);
    }

    /// Somebody may have written the line because of a fault of DNS.
    #[test]
    fn near_miss_the_difference_explains_nothing() {
        stale(answers("srv.corp.example")).tested(NEW, &answers("srv.corp.example")).check(&CAUSE, ONLY_TOLD);
        stale(refuses()).tested(NEW, &refuses()).check(&CAUSE, ONLY_TOLD);
        stale(refuses()).check(&CAUSE, ONLY_TOLD);
    }

    #[test]
    fn near_miss_nothing_is_overridden() {
        let led = || name(FULL, &[(OLD, refuses())]);
        led().set_up(&[], &[]).check(&CAUSE, Expect::Absent);
        led().set_up(&[OLD], &[]).dns_gives(FULL, &[OLD]).check(&CAUSE, Expect::Absent);
        led().set_up(&[OLD], &[]).dns(53, FULL, DnsAnswer::NoSuchName).check(&CAUSE, Expect::Absent);
        // DNS knows it by IPv6, at which nothing answers either, or which was not tested
        let by_six = || led().set_up(&[OLD], &[]).dns_gives(FULL, &["2001:db8::7"]);
        by_six().check(&CAUSE, Expect::Unknown);
        by_six().tested("2001:db8::7", &refuses()).check(&CAUSE, Expect::Unknown);
        // another source than the hosts file gave the address
        led().set_up(&["192.0.2.10"], &[]).dns_gives(FULL, &[NEW]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn a_host_that_works_rules_it_out_without_a_question() {
        name(FULL, &[(OLD, answers("srv.corp.example"))]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        resolver(FULL).check(&CAUSE, Expect::Unknown);
        name(FULL, &[(OLD, refuses())]).check(&CAUSE, Expect::Unknown);
        for answer in [DnsAnswer::Silent, DnsAnswer::Unreadable, DnsAnswer::Failed(2), DnsAnswer::Unreachable] {
            name(FULL, &[(OLD, refuses())]).set_up(&[OLD], &[]).dns(53, FULL, answer).check(&CAUSE, Expect::Unknown);
        }
    }
}
