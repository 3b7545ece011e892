//! `name-sinkholed`: the name leads to an address that no machine has, as filters answer.

use evidence::fact::Fact;
use evidence::{Role, Stage};
use wire::transcript::NameAnswer;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::addresses::is_nobodys;
use crate::stage::naming::{given, led_because, led_to, list, settings};

pub const CAUSE: Cause = Cause {
    id: "name-sinkholed",
    title: "the name leads to 0.0.0.0 or ::, which is the address of no machine",
    stage: Stage::Name,
    severity: Severity::Blocking,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME], holds: leads_to_nobody },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: leads_elsewhere },
    ],
    explains: &[],
    page: Page {
        what_happens: "The name resolves, and the client says at once that it cannot connect, or reaches the very computer that it \
                       runs on. This program connects to no such address.",
        why: "Filters answer so for names that they block: a name server that filters (Pi-hole does so by default), a hosts \
              file with a list of blocked names, or a security product on the computer. Or somebody wrote the address as a \
              placeholder. The answer does not tell who gave it.",
        confirm: "Ask the name server of the domain itself, and look for the name in the hosts file. This program asks each name \
                  server that this computer is set up to use, and tries the other addresses that they give.",
        command: "Select-String -Path $env:SystemRoot\\System32\\drivers\\etc\\hosts -Pattern '{host}'; \
                  (Get-DnsClientServerAddress).ServerAddresses | Sort-Object -Unique | \
                  ForEach-Object { Resolve-DnsName {host} -Server $_ -DnsOnly }",
        how_to_fix: "Allow the name in the filter, or delete its line from the hosts file. Until then the address of the host works \
                     instead of the name where NTLM is allowed.",
        references: &[
            "RFC 1122 section 3.2.1.3",
            "RFC 4291 section 2.5.2 (the unspecified address)",
            "Pi-hole documentation: FTLDNS, blocking mode",
        ],
    },
    fixes: &["flush-dns"],
};

fn answer(case: Case<'_>) -> Option<Seen<&NameAnswer>> {
    case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })
}

fn is_sinkholed(answer: &NameAnswer) -> bool {
    matches!(answer, NameAnswer::Addresses(list) if !list.is_empty() && list.iter().all(is_nobodys))
}

fn leads_to_nobody(case: Case<'_>) -> Option<Ground> {
    answer(case).filter(|seen| is_sinkholed(seen.value))?;
    let mut because: Vec<_> = led_because(case).into_iter().collect();
    let led = led_to(case);
    because.extend(settings(case).filter(|seen| seen.value.hosts.iter().any(|one| led.contains(one))).map(|seen| {
        seen.because(format!("this computer's hosts file gives {} {}", case.label(), list(&seen.value.hosts)))
    }));
    because.extend(given(case).map(|given| given.because()));
    Some(Ground::on(because))
}

/// Another address clears it, also a loopback one: tunnels and test hosts live there.
fn leads_elsewhere(case: Case<'_>) -> Option<Ground> {
    let seen = answer(case)?;
    let told = matches!(seen.value, NameAnswer::Addresses(_) | NameAnswer::NotFound { .. });
    (told && !is_sinkholed(seen.value)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::names::{answers, name};
    use crate::sketch::{Expect, Sketch, resolver};

    const NAME: &str = "srv.corp.example";
    const PRESENT: Expect = Expect::Present(Severity::Blocking, Confidence::Proven);

    fn led(addresses: &[&str]) -> Sketch {
        let list = addresses.iter().map(|one| std::net::SocketAddr::new(one.parse().unwrap(), 3389)).collect();
        resolver(NAME).with(Fact::NameAnswer(NameAnswer::Addresses(list)))
    }

    #[test]
    fn present() {
        for addresses in [&["0.0.0.0"][..], &["::"], &["0.0.0.0", "::"], &["::ffff:0.0.0.0"]] {
            led(addresses).check(&CAUSE, PRESENT);
        }
        let report = led(&["0.0.0.0"]).set_up(&[], &[]).dns_gives(NAME, &["0.0.0.0"]).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, [CAUSE.id]);
        let text = &report.findings[0].because[1].text;
        assert_eq!(text, "the name server 192.0.2.53 gives srv.corp.example 0.0.0.0");
    }

    /// The hosts file, where it is the one that leads there.
    #[test]
    fn an_entry_of_the_hosts_file_stands_above_it() {
        let blocked = led(&["0.0.0.0"]).set_up(&["0.0.0.0"], &[]).dns_gives(NAME, &["192.0.2.7"]);
        let report = blocked.tested("192.0.2.7", &answers(NAME)).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["hosts-file-overrides-dns", CAUSE.id]);
        assert_eq!(report.findings[0].root_of, [CAUSE.id]);
    }

    #[test]
    fn another_name_server_that_knows_the_host_stands_above_it() {
        let split = led(&["0.0.0.0"]).set_up(&[], &[]).dns(54, NAME, crate::sketch::names::gives(&["192.0.2.7"]));
        let report = split.tested("192.0.2.7", &answers(NAME)).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["split-answers", CAUSE.id]);
    }

    #[test]
    fn near_miss_the_computer_itself() {
        for address in ["127.0.0.1", "::1", "127.0.0.2"] {
            led(&[address]).check(&CAUSE, Expect::Absent);
        }
    }

    /// One address of several is a matter of the name's answers.
    #[test]
    fn near_miss_another_address_answers() {
        let report = name(NAME, &[("0.0.0.0", Vec::new()), ("192.0.2.7", answers(NAME))]);
        report.check(&CAUSE, Expect::Absent);
        let report = report.diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["split-answers"]);
        assert_eq!(report.findings[0].because[1].text, "0.0.0.0 is the address of no machine");
    }

    #[test]
    fn unseen() {
        resolver(NAME).check(&CAUSE, Expect::Unknown);
        resolver(NAME).with(Fact::NameAnswer(NameAnswer::Silent)).check(&CAUSE, Expect::Unknown);
    }
}
