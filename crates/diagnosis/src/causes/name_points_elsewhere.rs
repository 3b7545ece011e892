//! `name-points-elsewhere`: the machine that answers has another name than the one asked for.

use evidence::fact::Fact;
use evidence::windows::NETBIOS;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

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
              port forward leads to the wrong one. From outside the two look the same: the resolver does not tell \
              whether the name is an alias (CNAME), so this is never more than a hint.",
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

fn own_name(case: Case<'_>) -> Option<Seen<&str>> {
    let dns = case.last(|fact| if let Fact::NtlmDnsComputer(name) = fact { Some(name.as_str()) } else { None });
    dns.or_else(|| case.last(|fact| if let Fact::NtlmComputer(name) = fact { Some(name.as_str()) } else { None }))
}

fn certificate_names(case: Case<'_>) -> Option<Seen<&[String]>> {
    case.last(|fact| if let Fact::CertificateNames(names) = fact { Some(names.as_slice()) } else { None })
}

/// Splits a name into the host's label and the domain behind it.
fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

/// True if the labels are equal, or NetBIOS would cut them to the same.
fn same_host(typed: &str, own: &str) -> bool {
    let (typed, own) = (split(typed).0, split(own).0);
    let cut = own.len() == NETBIOS && typed.get(..NETBIOS).is_some_and(|start| start.eq_ignore_ascii_case(own));
    typed.eq_ignore_ascii_case(own) || cut
}

/// True if a certificate for `pattern` is one for `name`; `*` stands for one label.
fn covers(pattern: &str, name: &str) -> bool {
    let wild = pattern.strip_prefix("*.").is_some_and(|domain| split(name).1.eq_ignore_ascii_case(domain));
    pattern.eq_ignore_ascii_case(name) || wild
}

fn covered<'a>(case: Case<'a>, name: &str) -> Option<Seen<&'a str>> {
    let names = certificate_names(case)?;
    let found = names.value.iter().find(|pattern| covers(pattern, name))?;
    Some(Seen { value: found.as_str(), id: names.id })
}

fn another_name(case: Case<'_>) -> Option<Ground> {
    let (typed, own) = (typed(case)?, own_name(case)?);
    if same_host(typed, own.value) || covered(case, typed).is_some() {
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
    Some(Ground::on(vec![said, shown]))
}

fn nothing_to_compare(case: Case<'_>) -> Option<Ground> {
    case.tcp().next()?;
    typed(case).is_none().then(Ground::nothing)
}

fn same_machine(case: Case<'_>) -> Option<Ground> {
    let (typed, own) = (typed(case)?, own_name(case)?);
    if same_host(typed, own.value) {
        return Some(Ground::nothing());
    }
    covered(case, typed)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Introduction;
    use wire::tls::TlsVersion;

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

    #[test]
    fn unseen() {
        host("server01.corp.example").nla().check(&CAUSE, Expect::Unknown);
    }
}
