//! `machine-renamed`: the host's own certificate has a name that is not the host's.

use evidence::fact::Fact;
use evidence::moment::moment;
use evidence::printable::printable;
use evidence::state::{COMPUTER_NAME, LISTENER, STORE_REMOTE_DESKTOP, StoredCertificate, TCPIP};
use evidence::windows::netbios;
use evidence::{Because, Role, Stage};
use wire::tls::TlsOffer;

use super::remote_desktop_disabled;
use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::identity::{SIX_MONTHS, TOLERANCE, possible};
use crate::keys::REMOTE_DESKTOP;
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "machine-renamed",
    title: "the certificate that the host made for itself has a different name than the host has now",
    stage: Stage::Certificate,
    severity: Severity::Degrading,
    role: Role::Host,
    // the handshake that shows the old name also shows that its key works, so this explains no closed socket now
    codes: &[],
    proofs: &[
        // a proxy that shows its own certificate, or a balancer, looks the same
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN), Need::INTRODUCTION],
            holds: names_differ,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(LISTENER), Need::key(STORE_REMOTE_DESKTOP), Need::key(COMPUTER_NAME)],
            holds: recorded_names_differ,
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::handshake(TlsOffer::MODERN), Need::INTRODUCTION],
            holds: names_agree,
        },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: not_made_by_windows },
    ],
    explains: &[Explains { cause: "certificate-name-mismatch", when: always }],
    page: Page {
        what_happens: "The host introduces itself with one name and shows a self-signed certificate with another. \
                       Connections still work until the certificate must be renewed and cannot be; then the host has \
                       no key to answer with, and the client shows 0x904, extended 0x7. One report of that pair, \
                       after a computer was renamed, had this cause. As long as the handshake succeeds, a 0x904 has \
                       another reason.",
        why: "The computer was renamed, or made from an image of another, and Windows has not replaced the \
              certificate: usually because of the rights on the key file in MachineKeys, or because the key belongs \
              to another MachineGuid (a clone).",
        confirm: "On the host: the subject of the certificate in the store 'Remote Desktop' against the computer's name, and events \
                  1057 and 1058, which say why a new one could not be made.",
        command: "$env:COMPUTERNAME; Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | Select-Object Subject,Thumbprint,NotBefore; \
                  Get-WinEvent -MaxEvents 10 -FilterHashtable @{ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; Id=1056,1057,1058} | Format-List TimeCreated,Id,Message; \
                  icacls \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace*\"",
        how_to_fix: "Repair the rights of the key file if 1057 or 1058 complain, then remove the old self-signed \
                     certificate and restart SessionEnv and TermService: Windows creates one with the present name.",
        references: &[
            "[MS-NLMP] 2.2.2.1 (MsvAvDnsComputerName)",
            "Microsoft: Remote Desktop listener certificate configurations",
        ],
    },
    fixes: &["renew-rdp-certificate", "repair-machine-keys-access", "replace-rdp-key-container"],
};

fn names_differ(case: Case<'_>) -> Option<Ground> {
    if case.several_machines() {
        return None;
    }
    let (own, called) = (case.windows_made_name()?, case.called());
    let first = called.first()?;
    if called.iter().any(|name| netbios(name.value) == netbios(own.value)) {
        return None;
    }
    let certificate = own.because(format!("the host's own certificate is for {}", own.value));
    let ground = Ground::on(vec![certificate, first.because(format!("the host calls itself {}", first.value))]);
    let Some(odd) = too_old(case) else { return Some(ground) };
    let mut because = ground.because;
    because.push(odd);
    Some(Ground::on(because).confidence(Confidence::Possible).severity(Severity::Advisory))
}

/// The last build before Windows Vista, the first that could do CredSSP.
const LAST_WITHOUT_CREDSSP: u16 = 3790;

/// It introduces itself as a Windows that could not have been asked like this: a proxy or trap in between, PyRDP for
/// one, says so whatever is behind it.
fn too_old(case: Case<'_>) -> Option<Because> {
    let seen = case.last(|fact| if let Fact::NtlmVersion(version) = fact { Some(*version) } else { None })?;
    let text = format!(
        "it introduces itself as build {}, a Windows without CredSSP: something in between may speak for it",
        seen.value.build
    );
    (seen.value.build <= LAST_WITHOUT_CREDSSP && seen.value.build > 0).then(|| seen.because(text))
}

/// No handshake showed the certificate, but its store was read. A machine that was renamed and not restarted has the
/// new name in its registry already, beside the one that is still in force.
fn recorded_names_differ(case: Case<'_>) -> Option<Ground> {
    // where Remote Desktop is off, nothing makes a new one, and no client sees the old one
    let shown =
        |seen: &Seen<&StoredCertificate>| seen.value.store == REMOTE_DESKTOP && !remote_desktop_disabled::rested(case);
    let seen = case.recorded_certificate().filter(shown)?;
    let valid = moment(&seen.value.not_after)? - moment(&seen.value.not_before)?;
    let shape = seen.value.subject == seen.value.issuer && (valid - SIX_MONTHS).abs() <= TOLERANCE;
    let own = seen.value.subject.strip_prefix("CN=").filter(|_| shape)?;
    let computer = case.text(COMPUTER_NAME, "ComputerName")?;
    let name = computer.value.filter(|name| possible(name) && netbios(name) != netbios(own))?;
    // the new name is in force only after a restart
    if case.text(TCPIP, "Hostname").and_then(|seen| seen.value).is_some_and(|now| netbios(now) == netbios(own)) {
        return None;
    }
    let certificate = seen.because(format!("the certificate that Windows made is for {}", printable(own)));
    Some(Ground::on(vec![certificate, computer.because(format!("the computer's name is set to {name}"))]))
}

fn names_agree(case: Case<'_>) -> Option<Ground> {
    let (own, called) = (case.windows_made_name()?, case.called());
    called.iter().find(|name| netbios(name.value) == netbios(own.value))?;
    Some(Ground::nothing())
}

fn not_made_by_windows(case: Case<'_>) -> Option<Ground> {
    case.certificate_subject()?;
    case.windows_made_name().is_none().then(Ground::nothing)
}

fn always(_: Case<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, NOW, Sketch, host, machine, stored};
    use evidence::fact::{Fact, Introduction};
    use evidence::moment::rfc3339;
    use evidence::state::{POLICY, RegistryData, TERMINAL_SERVER};
    use time::Duration;
    use wire::tls::TlsVersion;

    fn recorded(computer: &str) -> Sketch {
        let machine = machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389).absent(STORE_REMOTE_DESKTOP);
        machine
            .value(COMPUTER_NAME, "ComputerName", RegistryData::Text(computer.to_owned()))
            .recorded(Fact::StoredCertificate(stored("Remote Desktop")))
    }

    #[test]
    fn by_the_store() {
        recorded("SERVER02").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        recorded("server01").check(&CAUSE, Expect::Unknown);
        let year = StoredCertificate { not_after: rfc3339(NOW + Duration::days(355)), ..stored("Remote Desktop") };
        recorded("SERVER02").recorded(Fact::StoredCertificate(year)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_nothing_makes_a_new_one_while_remote_desktop_is_off() {
        let off = |number| recorded("SERVER02").dword(TERMINAL_SERVER, "fDenyTSConnections", number);
        off(1).check(&CAUSE, Expect::Unknown);
        off(0).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_restart_is_still_to_come() {
        let called = |now: &str| {
            let text = |name: &str| RegistryData::Text(name.to_owned());
            recorded("SERVER02").value(TCPIP, "NV Hostname", text("SERVER02")).value(TCPIP, "Hostname", text(now))
        };
        called("server01").check(&CAUSE, Expect::Unknown);
        called("SERVER02").check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    fn named(certificate: &str) -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).windows_made(certificate)
    }

    fn introduced(sketch: Sketch, netbios: &str, dns: &str) -> Sketch {
        let sketch = sketch.with(Fact::CredsspAnswer(Introduction::Challenge(6)));
        sketch.with(Fact::NtlmComputer(netbios.to_owned())).with(Fact::NtlmDnsComputer(dns.to_owned()))
    }

    #[test]
    fn present() {
        let sketch = introduced(named("DESKTOP-OLD"), "SERVER01", "server01.corp.example");
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_same_name_in_another_form() {
        for name in ["server01", "SERVER01.corp.example", "SERVER01.old-domain.example"] {
            introduced(named(name), "SERVER01", "server01.corp.example").check(&CAUSE, Expect::Absent);
        }
        let long = introduced(named("terminal-server-07"), "TERMINAL-SERVER", "terminal-server-07.corp.example");
        long.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_somebody_else_made_the_certificate() {
        let year = introduced(named("DESKTOP-OLD").certificate(-10, 355), "SERVER01", "server01.corp.example");
        year.check(&CAUSE, Expect::Absent);
        let with_names = named("DESKTOP-OLD").with(Fact::CertificateAlternatives(true));
        introduced(with_names, "SERVER01", "server01.corp.example").check(&CAUSE, Expect::Absent);
        let issued = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).ca_issued(&["farm.corp.example"]);
        introduced(issued, "SERVER01", "server01.corp.example").check(&CAUSE, Expect::Absent);
    }

    /// A farm behind one address, each machine with the certificate that Windows made for it.
    #[test]
    fn near_miss_another_machine_behind_the_address_answered_the_second_time() {
        let farm = introduced(named("SERVER01"), "SERVER01", "server01.corp.example").windows_made("SERVER02");
        farm.check(&CAUSE, Expect::Unknown);
        let farm = introduced(named("SERVER01"), "SERVER02", "server02.corp.example");
        introduced(farm, "SERVER01", "server01.corp.example").check(&CAUSE, Expect::Absent);
    }

    /// The handshake just shown worked, so the closed socket has another reason and the report goes on looking.
    #[test]
    fn a_working_certificate_explains_no_closed_socket() {
        let sketch = introduced(named("DESKTOP-OLD"), "SERVER01", "server01.corp.example");
        let report = sketch.code(0x904).diagnose();
        assert_eq!(report.findings[0].cause, CAUSE.id);
        assert!(report.findings.iter().all(|finding| finding.explains_symptom != Some(true)));
        assert!(!report.next.is_empty());
    }

    #[test]
    fn what_cannot_be_a_name_is_none() {
        introduced(named("DESKTOP-OLD"), "{U+001B}[2J", "\u{FFFD}").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen_without_an_introduction() {
        named("DESKTOP-OLD").check(&CAUSE, Expect::Unknown);
        let refused = Fact::CredsspAnswer(Introduction::Refused { version: 6, status: Some(0xC000_0022) });
        named("DESKTOP-OLD").with(refused).check(&CAUSE, Expect::Unknown);
    }
}
