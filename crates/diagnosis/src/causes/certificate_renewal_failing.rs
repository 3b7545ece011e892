//! `certificate-renewal-failing`: Windows cannot make or renew the certificate of Remote Desktop.

use evidence::access::{ACCESS_DENIED, Asked, DISK_FULL, Place, RefusedAccess, WRITE_PROTECTED};
use evidence::events::{RCM, SYSTEM};
use evidence::moment::{moment, rfc3339};
use evidence::state::{LISTENER, POLICY, StoredCertificate};
use evidence::{Because, Role, Stage};
use time::OffsetDateTime;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::causes::{machine_keys_unwritable, service_stopped};
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

/// Events: its own certificate could not be made or replaced.
const OWN_FAILED: &[u32] = &[1057, 1058];
/// Events: a certificate from the template could not be obtained or renewed.
const TEMPLATE_FAILED: &[u32] = &[1064, 1065];
const FAILED: &[u32] = &[1057, 1058, 1064, 1065];
/// Events: one was made, or obtained from a template.
const MADE: &[u32] = &[1056, 1063];

pub const CAUSE: Cause = Cause {
    id: "certificate-renewal-failing",
    title: "Windows cannot create or renew the Remote Desktop certificate",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HOST_LOG], holds: own_fails },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::HOST_LOG], holds: template_fails },
        // before the certificate expires
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::KEY_FOLDER, Need::key(LISTENER), Need::key(POLICY)],
            holds: |case| foreseen(case, machine_keys_unwritable::refused(case)?),
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[
                Need::service("SessionEnv"),
                Need::service("KeyIso"),
                Need::service("CryptSvc"),
                Need::key(LISTENER),
                Need::key(POLICY),
            ],
            holds: |case| foreseen(case, service_stopped::away(case, &["SessionEnv", "KeyIso", "CryptSvc"])?),
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::ACCESS_TRACE], holds: refused },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HOST_LOG],
            holds: |case| not_told(case, SYSTEM, (RCM, FAILED), DAY).filter(|_| !own_has_expired(case)),
        },
    ],
    explains: &[Explains { cause: "certificate-expired", when: |_| true }],
    page: Page {
        what_happens: "The host keeps its old certificate until that expires, or has none. Until then everything \
                       works; after that clients warn or refuse, and if the key is the problem, connections fail \
                       with 0x904.",
        why: "The service Remote Desktop Configuration (SessionEnv) creates the self-signed certificate and renews \
              one from a template. It fails if the key container TSSecKeySet1 belongs to another MachineGuid or \
              cannot be written, if the rights of MachineKeys were changed, if CryptSvc or KeyIso do not run, if the \
              disk is full, or if the policy names the template by its display name.",
        confirm: "Remote Connection Manager writes 1057 or 1058 for the self-signed certificate and 1064 or 1065 for \
                  one from a template. A later 1056 or 1063 says that it has succeeded since, and so does a \
                  certificate in the store that is newer. An entry counts for a day, as Windows tries about twice a \
                  day. It can also be seen in advance: SYSTEM may not write into MachineKeys, or one of SessionEnv, \
                  KeyIso and CryptSvc is disabled.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; \
                  Id=1056,1057,1058,1063,1064,1065} | Format-List TimeCreated,Id,Message",
        how_to_fix: "Repair the rights on the one key file, or move it to a backup if it belongs to another machine, \
                     and let SessionEnv create the certificate and key again. For a template, put its name, not its \
                     display name, into the policy, and let the computer enrol for it.",
        references: &[
            "Microsoft: Remote Connection Manager events 1057, 1058, 1065",
            "Microsoft: An internal error occurs when connecting to a remote machine (MachineKeys permissions)",
        ],
    },
    fixes: &["repair-machine-keys-access", "replace-rdp-key-container", "renew-rdp-certificate"],
};

/// The newest entry about the self-signed certificate is a failure, and none from a template was obtained since.
fn own_fails(case: Case<'_>) -> Option<Ground> {
    fails(case, OWN_FAILED, MADE)
}

/// Obtaining one from a template failed. That also happens where no domain controller is reachable while the machine
/// starts, and nothing is logged if the next try finds no renewal due. A certificate that Windows makes instead mends
/// nothing.
fn template_fails(case: Case<'_>) -> Option<Ground> {
    // the policy that named it may be gone by now
    if case.windows_own_certificate() == Some(true) {
        return None;
    }
    fails(case, TEMPLATE_FAILED, &[1063])
}

fn fails(case: Case<'_>, failed: &'static [u32], made: &'static [u32]) -> Option<Ground> {
    let last = |ids: &'static [u32]| case.recent(RCM, ids, DAY).last().map(|seen| case.time_of(seen.id));
    let newest = last(failed)?;
    if last(made).is_some_and(|made| made > newest) || replaced_since(case, failed, newest) {
        return None;
    }
    told(case, (RCM, failed), DAY, |_| true).map(|ground| eased(case, ground))
}

/// True if the store holds one newer than the failure: a later try succeeded, whatever the log left out.
fn replaced_since(case: Case<'_>, failed: &'static [u32], failure: OffsetDateTime) -> bool {
    let renewed = if failed == TEMPLATE_FAILED { of_template(case) } else { case.made_by_windows() };
    renewed.and_then(|seen| moment(&seen.value.not_before)).is_some_and(|from| from > failure)
}

/// True if Windows' own certificate had expired when it was recorded: no renewal succeeded, whatever the log omits.
fn own_has_expired(case: Case<'_>) -> bool {
    let expired = |seen: Seen<&StoredCertificate>| {
        moment(&seen.value.not_after).is_some_and(|until| until < case.recorded_at(seen.id))
    };
    case.windows_own_certificate() == Some(true) && case.made_by_windows().is_some_and(expired)
}

fn of_template(case: Case<'_>) -> Option<Seen<&StoredCertificate>> {
    case.stored(&case.template_thumbprint()?.value)
}

/// Lowers the severity while a bound or template certificate is valid: nobody notices until it expires.
fn eased(case: Case<'_>, ground: Ground) -> Ground {
    let configured = case.configured_thumbprint().and_then(|thumbprint| case.stored(&thumbprint));
    let until = configured.and_then(|seen| moment(&seen.value.not_after));
    if until.is_some_and(|until| until > case.context.at) { ground.severity(Severity::Advisory) } else { ground }
}

/// Foresees what will keep Windows from making its next certificate, where the listener uses that one, and, where
/// known, until when there is time.
fn foreseen(case: Case<'_>, mut ground: Ground) -> Option<Ground> {
    case.windows_own_certificate().filter(|own| *own)?;
    let recorded = || Some((case.recorded_certificate()?.id, moment(&case.recorded_certificate()?.value.not_after)?));
    let present = case.not_after().map(|seen| (seen.id, seen.value)).or_else(recorded);
    if let Some((observation, until)) = present {
        ground
            .because
            .push(Because { text: format!("the present certificate is valid until {}", rfc3339(until)), observation });
    }
    Some(ground)
}

/// A recording shows a service that could not write the certificate or its key, and no entry of the last day says that
/// one was made.
fn refused(case: Case<'_>) -> Option<Ground> {
    let keys = case.refused(Place::RdpKeyFile).filter(|seen| key_not_written(seen.value));
    let certificates = case.refused(Place::CertificateStore).filter(|seen| certificate_not_written(seen.value));
    let found = keys.chain(certificates).next()?;
    let made = case.recent(RCM, MADE, DAY).next().is_some();
    (!made).then(|| eased(case, Ground::on(vec![found.because(found.value.words())])))
}

fn key_not_written(access: &RefusedAccess) -> bool {
    let writes = matches!(access.asked, Some(Asked::Write | Asked::Create));
    writes && [ACCESS_DENIED, WRITE_PROTECTED, DISK_FULL].contains(&access.result.as_str())
}

/// True for the certificate itself: TermService is refused many other keys of the store, which it can do without.
fn certificate_not_written(access: &RefusedAccess) -> bool {
    let certificate = access.path.to_ascii_lowercase().contains(r"\remote desktop\certificates\");
    let writes = matches!(access.asked, Some(Asked::Write | Asked::Create | Asked::More));
    certificate && writes && access.result == ACCESS_DENIED
}

#[cfg(test)]
mod tests {
    use wire::tls::TlsVersion;

    use super::*;
    use crate::sketch::{self, Expect, NOW, Sketch, host, key_file, machine, stored};
    use evidence::fact::Fact;
    use evidence::state::{KeyFile, RegistryData, Service};

    const STORE: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop";

    fn denied() -> RefusedAccess {
        sketch::refused(&format!(r"{STORE}\Certificates\5D5D"), Asked::Create, ACCESS_DENIED)
    }

    fn key_denied(result: &str) -> RefusedAccess {
        let path = format!(r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\{}1", evidence::key_names::RDP_KEY);
        sketch::refused(&path, Asked::Write, result)
    }

    #[test]
    fn a_recording_without_a_date_makes_it_likely() {
        for access in [denied(), key_denied(ACCESS_DENIED), key_denied(WRITE_PROTECTED), key_denied(DISK_FULL)] {
            machine().traced(access).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        }
    }

    #[test]
    fn near_miss_refusals_that_a_healthy_windows_shows_as_well() {
        for healthy in [
            RefusedAccess { granted: true, ..denied() },
            RefusedAccess { comparable: false, ..denied() },
            RefusedAccess { asked: Some(Asked::Read), ..denied() },
            RefusedAccess { path: format!(r"{STORE}\CTLs"), ..denied() },
            RefusedAccess { asked: Some(Asked::Read), ..key_denied(ACCESS_DENIED) },
            key_denied("SHARING VIOLATION"),
        ] {
            machine().traced(healthy).check(&CAUSE, Expect::Unknown);
        }
        machine().traced_without_refusal().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_certificate_was_made_that_day() {
        machine().traced(denied()).event(RCM, 1056, 90).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present() {
        machine().event(RCM, 1058, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        machine().event(RCM, 1065, 600).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn it_stands_above_the_certificate_that_expired() {
        let expired =
            host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).certificate(-195, -12).event(RCM, 1058, 2).diagnose();
        let found: Vec<_> = expired.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found[..2], ["certificate-renewal-failing", "certificate-expired"]);
        assert_eq!(expired.findings[0].root_of, ["certificate-expired"]);
    }

    fn sound() -> Sketch {
        machine().absent(POLICY).dword(LISTENER, "PortNumber", 3389)
    }

    #[test]
    fn before_it_fails() {
        let likely = || Expect::Present(Severity::Degrading, Confidence::Likely);
        let folder = |sddl| Fact::KeyFile(KeyFile { name: ".".to_owned(), ..key_file(".", Some(sddl)) });
        sound().recorded(folder("O:BAD:PAI(A;;FR;;;SY)(A;;FR;;;BA)")).check(&CAUSE, likely());
        sound().recorded(folder("O:SYD:PAI(A;;FA;;;SY)")).check(&CAUSE, Expect::Unknown);
        let services = |start| {
            let all = [("SessionEnv", start), ("KeyIso", 3), ("CryptSvc", 2)];
            all.into_iter().fold(sound(), |sketch, (name, start)| {
                let (name, image, account) = (name.to_owned(), None, None);
                let service = Service { name, exists: true, start: Some(start), running: None, image, account };
                sketch.recorded(Fact::Service(service))
            })
        };
        services(4).check(&CAUSE, likely());
        services(3).check(&CAUSE, Expect::Unknown);
        // a bound certificate is not Windows' to renew
        let bound = RegistryData::Binary("ab".repeat(20));
        services(4).value(LISTENER, "SSLCertificateSHA1Hash", bound).check(&CAUSE, Expect::Unknown);
        let report = services(4).recorded(Fact::StoredCertificate(stored("Remote Desktop"))).diagnose();
        let root = report.findings.iter().find(|found| found.cause == "service-stopped").unwrap();
        assert_eq!(root.root_of, [CAUSE.id]);
    }

    #[test]
    fn near_miss_it_has_succeeded_since() {
        machine().event(RCM, 1058, 90).event(RCM, 1056, 30).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_store_holds_a_newer_one() {
        let made = |minutes: i64| {
            let from = rfc3339(NOW - time::Duration::minutes(minutes));
            Fact::StoredCertificate(StoredCertificate { not_before: from, ..stored("Remote Desktop") })
        };
        machine().event(RCM, 1058, 90).recorded(made(30)).check(&CAUSE, Expect::Unknown);
        let older = Expect::Present(Severity::Degrading, Confidence::Likely);
        machine().event(RCM, 1058, 90).recorded(made(120)).check(&CAUSE, older);
        // a certificate that Windows makes is not the one the policy asks for
        let template = machine().event(RCM, 1064, 90).recorded(made(30));
        template.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_the_listener_has_another_one_that_is_valid() {
        let advisory = |confidence| Expect::Present(Severity::Advisory, confidence);
        let hash = RegistryData::Binary("5d".repeat(20));
        let bound = || sound().value(LISTENER, "SSLCertificateSHA1Hash", hash.clone());
        let valid = bound().recorded(Fact::StoredCertificate(stored("My")));
        valid.event(RCM, 1058, 2).check(&CAUSE, advisory(Confidence::Proven));
        bound().event(RCM, 1058, 2).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        let named = RegistryData::Text("RemoteDesktopComputer".to_owned());
        let policy =
            sound().value(POLICY, "CertTemplateName", named).value(LISTENER, "TemplateCertificate", hash.clone());
        let enrolled = policy.recorded(Fact::StoredCertificate(stored("My")));
        enrolled.event(RCM, 1064, 2).check(&CAUSE, advisory(Confidence::Likely));
    }

    /// Without a domain controller at start-up there is no template certificate, but there may be one later.
    #[test]
    fn of_a_template_it_is_never_more_than_likely() {
        let likely = || Expect::Present(Severity::Degrading, Confidence::Likely);
        machine().event(RCM, 1065, 2).check(&CAUSE, likely());
        // a certificate that Windows makes instead was not the one wanted
        machine().event(RCM, 1064, 90).event(RCM, 1056, 30).check(&CAUSE, likely());
        machine().event(RCM, 1064, 90).event(RCM, 1063, 30).check(&CAUSE, Expect::Unknown);
        machine().event(RCM, 1058, 90).event(RCM, 1063, 30).check(&CAUSE, Expect::Unknown);
        // the policy is gone by now
        sound().event(RCM, 1064, 90).check(&CAUSE, Expect::Unknown);
    }

    /// A silent log beside a certificate that was not renewed does not prove that renewal works.
    #[test]
    fn near_miss_the_certificate_has_expired_all_the_same() {
        let own = |days: i64| {
            let not_after = rfc3339(NOW + time::Duration::days(days));
            sound().recorded(Fact::StoredCertificate(StoredCertificate { not_after, ..stored("Remote Desktop") }))
        };
        own(-1).log(SYSTEM, 48).check(&CAUSE, Expect::Unknown);
        own(1).log(SYSTEM, 48).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_an_entry_of_last_week() {
        machine().event(RCM, 1058, 7 * 24 * 60).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_certificate_was_made_normally() {
        machine().event(RCM, 1056, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        // a log of one hour does not cover the day
        machine().log(SYSTEM, 1).check(&CAUSE, Expect::Unknown);
    }
}
