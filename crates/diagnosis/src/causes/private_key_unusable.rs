//! `private-key-unusable`: the host cannot use the key of its certificate.

use evidence::access::{ACCESS_DENIED, Asked, Place};
use evidence::events::{RCM, SCHANNEL};
use evidence::fact::Handshake;
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::security::{NETWORK_SERVICE, READ, allows};
use evidence::state::{CRYPTOGRAPHY, LISTENER, LogEvent, POLICY};
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::tls::{Alert, TlsOffer};

use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::hops;
use crate::keys::{KeyPlace, REMOTE_DESKTOP};
use crate::linux;
use crate::logs::{DAY, told};
use crate::need::Need;
use crate::stage::tls::{refused_with, speechless, uses_key};
use crate::xrdp;

/// Events: Remote Connection Manager could not make or replace a certificate.
const NO_CERTIFICATE: &[u32] = &[1057, 1058];
/// Hellos that must all meet the same silence. They differ in code, versions, suites and in how they are cut.
const HELLOS: [TlsOffer; 4] = [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::SPLIT_12, TlsOffer::OLD];

pub const CAUSE: Cause = Cause {
    id: "private-key-unusable",
    title: "the host drops every TLS handshake, as it would if it could not use its private key",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED],
    proofs: &[
        // without OpenSSL only our own two stacks have spoken: one step less sure
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake(TlsOffer::SPLIT_12),
            ],
            holds: every_hello_broken_off,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::handshake(TlsOffer::MODERN),
                Need::handshake(TlsOffer::PLAIN_12),
                Need::handshake(TlsOffer::OLD),
                Need::handshake(TlsOffer::SPLIT_12),
                Need::handshake(TlsOffer::TOLERANT),
            ],
            holds: third_stack_agrees,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: logged },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::KEY_FOLDER, Need::key(CRYPTOGRAPHY), Need::key(LISTENER), Need::key(POLICY)],
            holds: unreadable,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: linux::unreadable },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: linux::unusable },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::ACCESS_TRACE], holds: refused },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::MODERN)], holds: key_used },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::PLAIN_12)], holds: key_used },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::SPLIT_12)], holds: key_used },
        Proof { shows: Shows::Absence, needs: &[Need::handshake(TlsOffer::OLD)], holds: key_used },
    ],
    // an xrdp that cannot read its key offers no TLS, one that cannot use it hangs up, and a GNOME does not listen
    explains: &[
        Explains { cause: "port-closed", when: |case| linux::unreadable(case).is_some() && xrdp::may_listen(case) },
        Explains { cause: "standard-security-only", when: |case| linux::unreadable(case).is_some() },
        Explains { cause: "certificate-missing", when: |case| linux::unreadable(case).is_some() },
        Explains { cause: "server-tls-setup-failed", when: |case| linux::unusable(case).is_some() },
    ],
    page: Page {
        what_happens: "The negotiation succeeds and the host selects TLS or CredSSP; then it closes or resets the connection \
                       on the ClientHello, without a TLS record, or sends alert 80. mstsc shows 0x904, extended 0x7.",
        why: "NETWORK SERVICE or SYSTEM lost its rights on the key file \
              f686aace6942fb7f7ceb231212eef4a4_<MachineGuid> in MachineKeys, the file is gone or belongs to another \
              MachineGuid (a clone), or a bound certificate came without a key that TermService may read. An expired \
              self-signed certificate is often the visible sign: the same fault keeps Windows from renewing it. From \
              outside, a filter on the way that drops every ClientHello looks the same; so does a host with every \
              TLS version or cipher suite switched off.",
        confirm: "Schannel 36870 on the host proves it: the key of the server credential could not be used. Remote \
                  Connection Manager 1057 or 1058 say that a certificate could not be made or replaced. Schannel \
                  36871 or 36874 instead: the key is not the fault, but the settings for TLS versions or cipher \
                  suites. If none of these is logged at the time of the attempt, something on the way drops the \
                  handshake.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; \
                  ProviderName='Schannel','Microsoft-Windows-TerminalServices-RemoteConnectionManager'; \
                  Id=36870,36871,36874,1055,1057,1058} | \
                  Format-List TimeCreated,ProviderName,Id,Message; \
                  icacls \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace*\"",
        how_to_fix: "Repair the rights on the one key file (SYSTEM full, NETWORK SERVICE read). If the key itself is \
                     lost, move that one file to a backup, remove the self-signed certificate and restart SessionEnv \
                     and TermService: Windows creates both again. Never rename the MachineKeys folder: it holds keys \
                     of other services.",
        references: &[
            "[MS-RDPBCGR] 5.4.5 (Enhanced RDP Security)",
            "Microsoft: An internal error occurs when connecting to a remote machine (MachineKeys permissions)",
            "Microsoft: Schannel event 36870",
        ],
    },
    fixes: &[
        "repair-machine-keys-access",
        "replace-rdp-key-container",
        "renew-rdp-certificate",
        "let-xrdp-read-its-key",
        "share-key-with-xrdp",
        "swap-xrdp-files",
        "use-fitting-xrdp-file",
        "make-xrdp-certificate",
        "swap-gnome-files",
        "make-gnome-certificate",
    ],
};

fn every_hello_broken_off(case: Case<'_>) -> Option<Ground> {
    broken_off(case, &HELLOS)
}

fn third_stack_agrees(case: Case<'_>) -> Option<Ground> {
    broken_off(case, &[&HELLOS[..], &[TlsOffer::TOLERANT]].concat())
}

/// Schannel logged that it could not use the key, and nothing shows it in use since.
///
/// Schannel serves the whole machine, so the entry may be about the key of a web server or a directory. It is proof
/// where it names Remote Desktop's process, or where a handshake with the listener was seen to drop. An unusable key
/// stays unusable: with either of these, an entry of the last day counts too, as likely.
fn logged(case: Case<'_>) -> Option<Ground> {
    let about = |seen: &Seen<&LogEvent>| about_a_host(seen.value) && process(seen.value) != Some(false);
    let seen = case.recent(SCHANNEL, &[36870], DAY).filter(about).last()?;
    if key_used(case).is_some() || case.key_used_since(seen.id) {
        return None;
    }
    let text = format!(
        "Schannel 36870 in the host's System log at {}: the key of the server credential could not be used",
        printable(&whole_second(&seen.value.at))
    );
    let mut because = vec![seen.because(text)];
    let broken = case.tls().find(|seen| speechless(seen.value.1));
    because
        .extend(broken.map(|seen| seen.because(format!("{} dropped a handshake with Remote Desktop", case.label()))));
    let near = case.context.at - case.time_of(seen.id) <= NEAR;
    if process(seen.value) == Some(true) || broken.is_some() {
        let ground = Ground::on(because);
        return Some(if near { ground } else { ground.confidence(Confidence::Likely) });
    }
    // of some service: the listener's own key may be sound, as its rights say, or nothing else points to it
    if !near || own_key_readable(case) {
        return None;
    }
    // a failure to make Windows' own says something only where that one is in use
    let own = case.windows_own_certificate() != Some(false);
    let certificate = told(case, (RCM, NO_CERTIFICATE), DAY, |_| own);
    let confidence = if certificate.is_some() { Confidence::Likely } else { Confidence::Possible };
    because.extend(certificate.into_iter().flat_map(|ground| ground.because));
    Some(Ground::on(because).confidence(confidence))
}

/// True if the listener uses Windows' own certificate, and the rights of its key file let TermService read it.
fn own_key_readable(case: Case<'_>) -> bool {
    let security = case.own_key_file().and_then(|file| file.value.security.as_deref());
    let readable = security.and_then(|security| allows(security, NETWORK_SERVICE, READ));
    case.windows_own_certificate() == Some(true) && readable == Some(true)
}

/// True unless the entry is about a key with which the machine introduces itself as a client.
fn about_a_host(event: &LogEvent) -> bool {
    !event.data.values().any(|value| value.eq_ignore_ascii_case("client"))
}

/// True if the entry names Remote Desktop's process; `None` where it names none, as on older Windows.
fn process(event: &LogEvent) -> Option<bool> {
    let named =
        |field: &str| field.to_ascii_lowercase().contains("process") && !field.to_ascii_lowercase().contains("id");
    let (_, name) = event.data.iter().find(|(field, value)| named(field) && !value.is_empty())?;
    let name = name.to_ascii_lowercase();
    // lsass does it for CredSSP, and one svchost may hold several services
    let unclear = name.contains("lsass") || name.contains("svchost") && !name.contains('[');
    if unclear { None } else { Some(name.contains("termservice") || name.contains("termsvcs")) }
}

/// The rights of the key file do not let `TermService` read it, or the file is missing; the listener has no other
/// certificate, and no handshake contradicts it. Where the certificate was not read, its key is taken to be in Windows'
/// container.
fn unreadable(case: Case<'_>) -> Option<Ground> {
    if case.windows_own_certificate() != Some(true) || key_used(case).is_some() {
        return None;
    }
    let usual = || case.own_key_file().map(KeyPlace::There);
    let made = case.made_by_windows();
    let place = match made.map(|seen| seen.value) {
        Some(made) if made.provider.is_some() || made.has_key == Some(false) => case.key_of(made),
        None if case.stored_certificates().any(|seen| seen.value.store == REMOTE_DESKTOP) => None,
        _ => usual(),
    };
    let (because, confidence) = place?.out_of_reach()?;
    if case.let_in_near(because.observation) {
        return None;
    }
    let certificate =
        made.map(|seen| seen.because(format!("the listener uses the certificate {}", printable(&seen.value.subject))));
    Some(Ground::on(certificate.into_iter().chain([because]).collect()).confidence(confidence))
}

/// A recording shows a service that was refused reading the key file, and neither a handshake nor the file's own rights
/// contradict it.
fn refused(case: Case<'_>) -> Option<Ground> {
    let own = case.own_key_name().map(|seen| seen.value);
    let another = |name: &str| own.as_ref().is_some_and(|own| !own.eq_ignore_ascii_case(name));
    let seen = case.refused(Place::RdpKeyFile).find(|seen| {
        let access = seen.value;
        access.asked == Some(Asked::Read) && access.result == ACCESS_DENIED && !another(access.name())
    })?;
    let open = case.own_key_file().and_then(|file| allows(file.value.security.as_deref()?, NETWORK_SERVICE, READ));
    let otherwise = key_used(case).is_some() || case.windows_own_certificate() == Some(false) || open == Some(true);
    (!otherwise).then(|| Ground::on(vec![seen.because(seen.value.words())]))
}

fn broken_off(case: Case<'_>, hellos: &[TlsOffer]) -> Option<Ground> {
    // one handshake that went through, in whatever way, shows a key that works
    // that old versions are off does not speak for the key
    let old = |offer, answer: &Handshake| offer == TlsOffer::OLD && is_version(answer);
    if case.tls().any(|seen| !speechless(seen.value.1) && !old(seen.value.0, seen.value.1)) {
        return None;
    }
    let selected = case.selected()?;
    let mut because = vec![selected.because(format!("{} selected {}", case.label(), selected.value))];
    for offer in hellos {
        let seen = case.tls_with(*offer)?;
        let answer = match seen.value {
            Handshake::Alert(alert) => refused_with(*alert),
            Handshake::Closed { end, .. } => format!("{} without a TLS record", end.verb()),
            _ => return None,
        };
        because.push(seen.because(format!("a ClientHello ({offer}) was {answer}")));
    }
    because.extend(hops::because(case));
    Some(Ground::on(because))
}

/// Refused for its version.
fn is_version(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Alert(alert) if alert.description == Alert::PROTOCOL_VERSION)
}

fn key_used(case: Case<'_>) -> Option<Ground> {
    case.tls().find(|seen| uses_key(seen.value.1))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{self, Expect, Sketch, host, key_file, machine, stored};
    use evidence::access::{RefusedAccess, WRITE_PROTECTED};
    use evidence::fact::Fact;
    use evidence::state::{KeyFile, RegistryData, StoredCertificate};
    use wire::machine::End;
    use wire::tls::{Alert, TlsVersion};

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };

    fn all(answer: &Handshake) -> Sketch {
        HELLOS.iter().fold(host("192.0.2.7").nla(), |sketch, offer| sketch.tls(*offer, answer.clone()))
    }

    #[test]
    fn proven_by_the_log_of_the_host() {
        let proven = Expect::Present(Severity::Blocking, Confidence::Proven);
        let process = [("CallerProcessImageName", "svchost[TermService]")];
        machine().event_with("Schannel", 36870, 2, &process).check(&CAUSE, proven);
        let proven = Expect::Present(Severity::Blocking, Confidence::Proven);
        let broken = host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET);
        broken.event("Microsoft-Windows-Schannel", 36870, 2).check(&CAUSE, proven);
    }

    /// A directory server whose certificate for LDAP has no key logs the same.
    #[test]
    fn an_entry_that_names_no_process_is_not_proof_by_itself() {
        let unnamed = || machine().event("Schannel", 36870, 2);
        unnamed().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        unnamed().event(RCM, 1058, 90).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // that Windows' own certificate could not be made shows nothing where another is bound
        let bound = unnamed().event(RCM, 1058, 90).absent(POLICY);
        let bound = bound.value(LISTENER, "SSLCertificateSHA1Hash", RegistryData::Binary("ab".repeat(20)));
        bound.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        let readable = key("O:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)").event("Schannel", 36870, 2);
        readable.check(&CAUSE, Expect::Unknown);
    }

    /// Logs are exported long after the attempt, and an unusable key stays unusable.
    #[test]
    fn an_entry_of_the_last_day_makes_it_likely_where_it_is_about_this_key() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        let own =
            || machine().event_with("Schannel", 36870, 200, &[("CallerProcessImageName", "svchost[TermService]")]);
        own().check(&CAUSE, likely());
        let broken = host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET);
        broken.event("Schannel", 36870, 200).check(&CAUSE, likely());
        // somebody got in since
        own().event(RCM, 1149, 100).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_somebody_has_just_come_in() {
        key("O:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)").event(RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_key_of_something_else() {
        for data in [("CallerProcessImageName", "w3wp.exe"), ("ProcessName", "svchost[NTDS]"), ("Type", "client")] {
            machine().event_with("Schannel", 36870, 2, &[data]).check(&CAUSE, Expect::Unknown);
        }
    }

    fn key(security: &str) -> Sketch {
        let guid = RegistryData::Text("11111111-2222".to_owned());
        let machine =
            machine().value(CRYPTOGRAPHY, "MachineGuid", guid).dword(LISTENER, "PortNumber", 3389).absent(POLICY);
        let folder = machine.recorded(Fact::KeyFile(key_file(".", None)));
        folder.recorded(Fact::KeyFile(key_file(
            &format!("{}11111111-2222", evidence::key_names::RDP_KEY),
            Some(security),
        )))
    }

    #[test]
    fn proven_by_the_rights_on_the_key_file() {
        key("O:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)").check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn likely_where_the_key_file_is_gone() {
        let guid = RegistryData::Text("11111111-2222".to_owned());
        let empty = || {
            let machine = machine().value(CRYPTOGRAPHY, "MachineGuid", guid.clone()).absent(POLICY);
            machine.dword(LISTENER, "PortNumber", 3389).recorded(Fact::KeyFile(key_file(".", None)))
        };
        let made = || Fact::StoredCertificate(stored("Remote Desktop"));
        let gone = empty().recorded(made());
        gone.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // without the certificate nothing needs the key, and another machine's key is another cause
        empty().check(&CAUSE, Expect::Unknown);
        let foreign = Fact::KeyFile(key_file(&format!("{}99999999", evidence::key_names::RDP_KEY), None));
        empty().recorded(made()).recorded(foreign).check(&CAUSE, Expect::Unknown);
        let left_out = KeyFile { left_out: 1, ..key_file(".", None) };
        empty().recorded(Fact::KeyFile(left_out)).recorded(made()).check(&CAUSE, Expect::Unknown);
    }

    /// The file is a leftover: the certificate has its key in another container, or as CNG key.
    #[test]
    fn near_miss_the_file_of_another_key() {
        let closed = || key("O:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)");
        let proven = Expect::Present(Severity::Blocking, Confidence::Proven);
        closed().recorded(Fact::StoredCertificate(stored("Remote Desktop"))).check(&CAUSE, proven);
        let newer = Some("Microsoft Software Key Storage Provider".to_owned());
        for other in [
            StoredCertificate { provider: newer, key_spec: Some(0), ..stored("Remote Desktop") },
            StoredCertificate { provider: Some("Another".to_owned()), ..stored("Remote Desktop") },
            StoredCertificate { issuer: "CN=Corp CA".to_owned(), ..stored("Remote Desktop") },
        ] {
            closed().recorded(Fact::StoredCertificate(other)).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn near_miss_rights_as_windows_gives_them() {
        key("O:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_another_certificate_is_bound() {
        let bound = RegistryData::Binary("ab".repeat(20));
        key("O:SYD:(A;;FA;;;SY)").value(LISTENER, "SSLCertificateSHA1Hash", bound).check(&CAUSE, Expect::Unknown);
    }

    fn denied() -> RefusedAccess {
        let path =
            format!(r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\{}11111111-2222", evidence::key_names::RDP_KEY);
        sketch::refused(&path, Asked::Read, ACCESS_DENIED)
    }

    #[test]
    fn a_recording_without_a_date_makes_it_likely() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        machine().traced(denied()).check(&CAUSE, likely());
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).traced(denied()).check(&CAUSE, likely());
        let broken = host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).traced(denied());
        broken.event("Schannel", 36870, 2).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_refusals_that_a_healthy_windows_shows_as_well() {
        for healthy in [
            RefusedAccess { granted: true, ..denied() },
            RefusedAccess { comparable: false, ..denied() },
            RefusedAccess { asked: Some(Asked::More), ..denied() },
            RefusedAccess { asked: Some(Asked::Attributes), ..denied() },
            RefusedAccess { asked: None, ..denied() },
            RefusedAccess { result: WRITE_PROTECTED.to_owned(), ..denied() },
            RefusedAccess { result: "SHARING VIOLATION".to_owned(), ..denied() },
        ] {
            machine().traced(healthy).check(&CAUSE, Expect::Unknown);
        }
        machine().traced_without_refusal().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_what_is_known_of_now_says_otherwise() {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).traced(denied()).check(&CAUSE, Expect::Absent);
        key("O:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)").traced(denied()).check(&CAUSE, Expect::Unknown);
        let bound = RegistryData::Binary("ab".repeat(20));
        machine().value(LISTENER, "SSLCertificateSHA1Hash", bound).traced(denied()).check(&CAUSE, Expect::Unknown);
        let guid = RegistryData::Text("33333333-4444".to_owned());
        machine().value(CRYPTOGRAPHY, "MachineGuid", guid).traced(denied()).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_policy_has_it_use_a_certificate_from_a_template() {
        let template = RegistryData::Text("RemoteDesktopComputer".to_owned());
        key("O:SYD:(A;;FA;;;SY)").value(POLICY, "CertTemplateName", template).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_an_old_entry() {
        machine().event("Schannel", 36870, 200).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_number_of_another_provider() {
        machine().event("Another", 36870, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_key_was_used_all_the_same() {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        up.event("Schannel", 36870, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present() {
        let sketch = all(&RESET).tls(TlsOffer::TOLERANT, RESET);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn without_the_third_stack_it_is_only_possible() {
        all(&RESET).without_openssl().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
    }

    #[test]
    fn alert_80_everywhere_is_the_same() {
        let alert = Handshake::Alert(Alert { level: 2, description: 80 });
        let sketch = all(&alert).tls(TlsOffer::TOLERANT, alert);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_one_hello_of_four_passes() {
        let old = |suite| Handshake::Accepted { version: Some(TlsVersion::Tls10), suite, finished: false };
        all(&RESET).tls(TlsOffer::OLD, old(0xC014)).check(&CAUSE, Expect::Absent);
        // with RSA key exchange the key has not been used yet: neither shown nor ruled out
        all(&RESET).tls(TlsOffer::OLD, old(0x2F)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_one_refusal_names_the_version() {
        let version = Handshake::Alert(Alert { level: 2, description: 70 });
        all(&RESET).tls(TlsOffer::TOLERANT, version).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_bytes_came_before_the_close() {
        all(&RESET)
            .tls(TlsOffer::TOLERANT, Handshake::Closed { end: End::Rst, bytes: 9 })
            .check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").nla().tls(TlsOffer::MODERN, RESET).check(&CAUSE, Expect::Unknown);
    }
}
