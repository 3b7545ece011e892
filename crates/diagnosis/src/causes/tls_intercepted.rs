//! `tls-intercepted`: the certificate belongs to a product on the path that decrypts TLS, not to the host.

use evidence::printable::printable;
use evidence::state::{COMPUTER_NAME, LISTENER, STORE_MY, STORE_REMOTE_DESKTOP, StoredCertificate};
use evidence::windows::netbios;
use evidence::{Role, Stage};
use wire::inspection;
use wire::tls::TlsOffer;

use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::logs::DAY;
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "tls-intercepted",
    title: "a product on the way opens the TLS connection and shows its own certificate instead of the host's",
    stage: Stage::Tls,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: known_issuer,
        },
        // a product whose authority has another name is only found by comparison
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::INTRODUCTION,
                Need::key(LISTENER),
                Need::key(STORE_REMOTE_DESKTOP),
                Need::key(STORE_MY),
                Need::key(COMPUTER_NAME),
            ],
            holds: not_the_hosts,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: self_issued },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::handshake(TlsOffer::MODERN), Need::key(LISTENER)],
            holds: the_hosts,
        },
    ],
    explains: &[
        // a fault of the certificate is then the product's doing
        Explains { cause: "certificate-expired", when: always },
        Explains { cause: "certificate-not-yet-valid", when: always },
        Explains { cause: "certificate-name-mismatch", when: always },
        Explains { cause: "certificate-wrong-usage", when: always },
        Explains { cause: "certificate-weak", when: always },
    ],
    page: Page {
        what_happens: "The handshake succeeds, but with a certificate made on the way. mstsc warns about an authority that it does \
                       not know, and CredSSP, which binds the logon to the host's real key, fails after the password was \
                       entered: an authentication error or 0x904.",
        why: "A firewall, proxy or antivirus with TLS inspection treats this port like a web server's and decrypts \
              it. Computers on which the organisation installed its authority trust it, so browsers do not complain.",
        confirm: "Compare thumbprints: the one that this report saw (certificate.sha1) with the one that the host \
                  holds. If they differ, something in between has put its own there.",
        command: "Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting | \
                  Select-Object TerminalName,SSLCertificateSHA1Hash; \
                  Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Issuer,Thumbprint",
        how_to_fix: "Exempt this host and port from inspection in the product that the issuer names. Remote Desktop \
                     cannot be inspected like this: CredSSP notices.",
        references: &[
            "[MS-CSSP] 3.1.5 (the public key is bound to the logon)",
            "Chromium: ssl_error_assistant (issuers of inspection products)",
        ],
    },
    fixes: &["exempt-from-inspection"],
};

/// The issuer is a known product's. A self-signed certificate was made by no inspecting authority, whatever its name.
fn known_issuer(case: Case<'_>) -> Option<Ground> {
    if case.self_issued()?.value {
        return None;
    }
    let issuer = case.certificate_issuer()?;
    let product = inspection::product(issuer.value)?;
    let text = format!("the certificate was issued by {}: {product} issues such where it inspects TLS", issuer.value);
    Some(Ground::on(vec![issuer.because(text)]))
}

fn self_issued(case: Case<'_>) -> Option<Ground> {
    case.self_issued().filter(|seen| seen.value)?;
    Some(Ground::nothing())
}

/// Through the tunnel the host introduced itself with the name in its registry, and none of the certificates in its
/// stores is the one that was shown, although that one is older than the record.
///
/// A certificate put there later may be older as well, so a record of another time makes this likely at most; so does a
/// self-signed one, which the host may still show after it was replaced.
fn not_the_hosts(case: Case<'_>) -> Option<Ground> {
    let (shown, begins) = (case.certificate_sha1()?, case.not_before()?.value);
    let own = case.listener_certificate()?;
    let read = case.recorded_at(own.id);
    let age = case.context.at - read;
    if case.several_machines() || begins > read || age > DAY || held(case, shown.value).is_some() {
        return None;
    }
    let computer = case.text(COMPUTER_NAME, "ComputerName")?.value?;
    let name = case.called().into_iter().find(|name| netbios(name.value) == netbios(computer))?;
    let because = vec![
        shown.because(format!("the certificate that was shown has the thumbprint {}", shown.value)),
        own.because(format!(
            "the host's own for this has another, and the shown one lies in none of its stores: {}, {}",
            own.value.sha1,
            printable(&own.value.subject)
        )),
        name.because(format!("it is this host that answered: it introduced itself as {}", name.value)),
    ];
    let sure = age <= NEAR && case.self_issued().is_some_and(|seen| !seen.value);
    let ground = Ground::on(because);
    Some(if sure { ground } else { ground.confidence(Confidence::Likely) })
}

fn held<'a>(case: Case<'a>, sha1: &str) -> Option<Seen<&'a StoredCertificate>> {
    case.stored_certificates().find(|seen| seen.value.sha1.eq_ignore_ascii_case(sha1))
}

fn the_hosts(case: Case<'_>) -> Option<Ground> {
    held(case, case.certificate_sha1()?.value)?;
    Some(Ground::nothing())
}

fn always(_: Case<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, stored};
    use evidence::fact::{Fact, Introduction};
    use evidence::state::{POLICY, RegistryData};
    use wire::tls::TlsVersion;

    fn issued_by(issuer: &str) -> Sketch {
        let sketch =
            host("server01.corp.example").nla().tls_up(TlsVersion::Tls13).ca_issued(&["server01.corp.example"]);
        sketch.with(Fact::CertificateIssuer(issuer.to_owned()))
    }

    #[test]
    fn present() {
        let sketch = issued_by("C=US, O=Fortinet, OU=Certificate Authority, CN=FGT60F0000000000");
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_organisations_own_authority() {
        issued_by("CN=Corp Example Issuing CA").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_self_signed_certificate_with_such_a_name() {
        let sketch = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).windows_made("FORTINET-PC");
        sketch.check(&CAUSE, Expect::Absent);
    }

    /// Adds the host's registry as read this many minutes before, with these certificates in its stores.
    fn recorded(sketch: Sketch, computer: &str, stores: &[StoredCertificate]) -> Sketch {
        let name = RegistryData::Text(computer.to_owned());
        let read = sketch.absent(POLICY).dword(LISTENER, "PortNumber", 3389).value(COMPUTER_NAME, "ComputerName", name);
        let read = read.absent(STORE_MY).absent(STORE_REMOTE_DESKTOP);
        stores.iter().fold(read, |read, stored| read.recorded(Fact::StoredCertificate(stored.clone())))
    }

    fn introduced(sketch: Sketch) -> Sketch {
        sketch
            .with(Fact::CertificateSha1("ab".repeat(20)))
            .with(Fact::CredsspAnswer(Introduction::Challenge(6)))
            .with(Fact::NtlmComputer("SERVER01".to_owned()))
    }

    #[test]
    fn proven_by_what_the_host_holds() {
        let shown = || introduced(issued_by("CN=Corp Example Proxy CA"));
        let proven = Expect::Present(Severity::Degrading, Confidence::Proven);
        recorded(shown(), "SERVER01", &[stored("Remote Desktop")]).check(&CAUSE, proven);
        // a self-signed one may be the one that was just replaced
        let own = introduced(host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).windows_made("SERVER01"));
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        recorded(own, "SERVER01", &[stored("Remote Desktop")]).check(&CAUSE, likely);
    }

    #[test]
    fn near_miss_it_lies_in_a_store_or_it_is_another_machine() {
        let shown = || introduced(issued_by("CN=Corp Example Issuing CA"));
        let bound = StoredCertificate { sha1: "AB".repeat(20), ..stored("My") };
        recorded(shown(), "SERVER01", &[stored("Remote Desktop"), bound]).check(&CAUSE, Expect::Absent);
        recorded(shown(), "SERVER02", &[stored("Remote Desktop")]).check(&CAUSE, Expect::Unknown);
        // the stores are empty: they were not read as they are
        recorded(shown(), "SERVER01", &[]).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_it_is_younger_than_the_record() {
        let renewed = introduced(issued_by("CN=Corp Example Issuing CA")).certificate(1, 355);
        recorded(renewed, "SERVER01", &[stored("Remote Desktop")]).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Unknown);
    }
}
