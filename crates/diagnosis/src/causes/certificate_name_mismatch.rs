//! `certificate-name-mismatch`: the certificate is not for the name that was typed.

use std::net::IpAddr;

use evidence::printable::printable;
use evidence::state::{LISTENER, STORE_REMOTE_DESKTOP};
use evidence::target::Host;
use evidence::{Role, Stage};
use wire::tls::TlsOffer;

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "certificate-name-mismatch",
    title: "the host's certificate is for a different name than the one asked for",
    stage: Stage::Certificate,
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: no_name_fits,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_REMOTE_DESKTOP)],
            holds: no_recorded_name_fits,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: a_name_fits },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc warns that the name in the certificate is a different one, or refuses where identity is \
                       required. With the self-signed certificate of Windows the name matters little; with one from \
                       a CA a wrong name defeats its purpose.",
        why: "You reach the host by an alias, an address, a farm name or the outside name of a NAT; or the \
              certificate was issued for another machine or for an old name. It may also be the wrong machine.",
        confirm: "Compare the names in the certificate with the name that people type. An address must be listed \
                  among the alternative names as an address.",
        command: "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop','Cert:\\LocalMachine\\My' | \
                  Select-Object Subject,DnsNameList,Thumbprint; \
                  (Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting).SSLCertificateSHA1Hash",
        how_to_fix: "Connect by a name that is in the certificate, or have one issued that lists every name in use \
                     (subjectAltName), and bind it to the listener.",
        references: &["RFC 6125 section 6.4 (RFC 9525)", "RFC 5280 section 4.2.1.6"],
    },
    fixes: &["bind-certificate"],
};

/// Compares as RFC 6125 does: ignoring case; a star is exactly one whole label, the leftmost, and never above a domain.
fn covers(pattern: &str, name: &str) -> bool {
    let clean = |text: &str| text.strip_suffix('.').unwrap_or(text).to_lowercase();
    let (pattern, name) = (clean(pattern), clean(name));
    match pattern.strip_prefix("*.") {
        None => pattern == name,
        Some(domain) => {
            let rest = name.split_once('.').filter(|(label, _)| !label.is_empty()).map(|(_, rest)| rest);
            domain.contains('.') && rest == Some(domain)
        }
    }
}

fn address_among(names: &[String], address: IpAddr) -> bool {
    names.iter().any(|name| name.parse() == Ok(address))
}

fn fits(case: Case<'_>, names: &[String]) -> Option<bool> {
    Some(match case.asked_for()? {
        Host::Name(name) => names.iter().any(|pattern| covers(pattern, name)),
        Host::Address(address) => address_among(names, *address),
        Host::Zoned(address, _) => address_among(names, (*address).into()),
    })
}

fn no_name_fits(case: Case<'_>) -> Option<Ground> {
    let names = case.certificate_names()?;
    if fits(case, names.value)? {
        return None;
    }
    let typed = case.asked_for()?;
    let list = if names.value.is_empty() { "no name".to_owned() } else { names.value.join(", ") };
    let mut because = vec![names.because(format!("{typed} was asked for, the certificate is for {list}"))];
    let vouched = case.self_issued().filter(|seen| !seen.value);
    if let (Some(seen), true, false) = (vouched, name_of_its_own(case), short_form(case, names.value)) {
        because.push(seen.because("it was issued by an authority, so the client checks its names"));
        return Some(Ground::on(because).severity(Severity::Degrading));
    }
    Some(Ground::on(because))
}

/// No handshake showed the certificate, but its store was read.
fn no_recorded_name_fits(case: Case<'_>) -> Option<Ground> {
    let seen = case.recorded_certificate()?;
    let names = seen.value.names.as_deref()?;
    if fits(case, names)? {
        return None;
    }
    let typed = &case.context.target.as_ref()?.host;
    let list = if names.is_empty() { "no name".to_owned() } else { printable(&names.join(", ")) };
    let store = printable(&seen.value.store);
    let text = format!("{typed} was asked for, the listener's certificate in the store {store} is for {list}");
    let ground = Ground::on(vec![seen.because(text)]);
    let vouched = seen.value.subject != seen.value.issuer && name_of_its_own(case) && !short_form(case, names);
    Some(if vouched { ground.severity(Severity::Degrading) } else { ground })
}

/// True if a name was typed that is not this computer's own, from where a tunnel may lead anywhere.
fn name_of_its_own(case: Case<'_>) -> bool {
    let typed = case.context.target.as_ref().and_then(|target| target.name());
    typed.is_some_and(|typed| !typed.trim_end_matches('.').eq_ignore_ascii_case("localhost"))
}

/// True if the typed name is the short form of a name in the certificate. Inside a domain that is normal: Kerberos
/// proves the host there, and the client does not check the certificate.
fn short_form(case: Case<'_>, names: &[String]) -> bool {
    let typed = case.context.target.as_ref().and_then(|target| target.name());
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    typed
        .is_some_and(|typed| !typed.contains('.') && names.iter().any(|name| first(name) == typed.to_ascii_lowercase()))
}

fn a_name_fits(case: Case<'_>) -> Option<Ground> {
    let names = case.certificate_names()?;
    case.asked_for()?;
    fits(case, names.value)?.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, stored};
    use evidence::fact::Fact;
    use evidence::state::{POLICY, RegistryData, StoredCertificate};
    use wire::tls::TlsVersion;

    fn asked(target: &str) -> Sketch {
        host(target).nla().tls_up(TlsVersion::Tls13)
    }

    #[test]
    fn present() {
        let sketch = asked("server01.corp.example").ca_issued(&["server02.corp.example"]);
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn an_address_and_a_self_signed_certificate_are_advisory() {
        for sketch in [
            asked("192.0.2.7").ca_issued(&["server01.corp.example"]),
            asked("alias.corp.example").windows_made("SERVER01"),
            asked("server01").ca_issued(&["server01.corp.example"]),
            asked("localhost").ca_issued(&["server01.corp.example"]),
        ] {
            sketch.check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Proven));
        }
    }

    /// Host asked for by `target`, whose own records bind a certificate for these names to the listener.
    fn recorded(sketch: Sketch, names: Option<&[&str]>, issuer: &str) -> Sketch {
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let certificate = StoredCertificate { names, issuer: issuer.to_owned(), ..stored("My") };
        let bound = sketch.value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("5d".repeat(20)));
        bound.absent(POLICY).absent(STORE_REMOTE_DESKTOP).recorded(Fact::StoredCertificate(certificate))
    }

    #[test]
    fn by_the_store() {
        let likely = |severity| Expect::Present(severity, Confidence::Likely);
        let of = |target: &str, issuer: &str| recorded(host(target).nla(), Some(&["server02.corp.example"]), issuer);
        of("server01.corp.example", "CN=Corp CA").check(&CAUSE, likely(Severity::Degrading));
        of("server01.corp.example", "CN=SERVER01").check(&CAUSE, likely(Severity::Advisory));
        of("server02", "CN=Corp CA").check(&CAUSE, likely(Severity::Advisory));
        of("192.0.2.7", "CN=Corp CA").check(&CAUSE, likely(Severity::Advisory));
    }

    #[test]
    fn near_miss_of_a_stored_certificate() {
        let names = Some(&["*.corp.example", "192.0.2.7"][..]);
        for target in ["server01.corp.example", "192.0.2.7"] {
            recorded(host(target).nla(), names, "CN=Corp CA").check(&CAUSE, Expect::Unknown);
        }
        recorded(host("server01.corp.example").nla(), None, "CN=Corp CA").check(&CAUSE, Expect::Unknown);
        let nobody = recorded(host("server01.corp.example").nla(), Some(&["other"]), "CN=Corp CA").without_target();
        nobody.check(&CAUSE, Expect::Unknown);
        // a certificate that the host shows counts for more
        let live = recorded(asked("server01.corp.example"), Some(&["other"]), "CN=Corp CA");
        live.ca_issued(&["server01.corp.example"]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_another_case_a_wildcard_an_address() {
        for (target, name) in [
            ("Server01.Corp.Example", "SERVER01.corp.example"),
            ("server01.corp.example.", "*.corp.example"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8:0::7"),
        ] {
            asked(target).ca_issued(&["other.corp.example", name]).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn a_star_is_one_whole_label_below_a_domain() {
        for (pattern, name) in [
            ("*.corp.example", "a.b.corp.example"),
            ("*.corp.example", "corp.example"),
            ("*.corp.example", ".corp.example"),
            ("*.example", "server01.example"),
            ("s*.corp.example", "server01.corp.example"),
            ("server.*.example", "server.corp.example"),
            ("*", "server01"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn unseen() {
        host("server01.corp.example").nla().check(&CAUSE, Expect::Unknown);
    }
}
