//! `certificate-renewal-failing`: Windows cannot make or renew the certificate of Remote Desktop.

use crate::access::{ACCESS_DENIED, Asked, DISK_FULL, Place, RefusedAccess, WRITE_PROTECTED};
use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::events::{RCM, SYSTEM};
use crate::evidence::Role;
use crate::logs::{DAY, not_told, told};
use crate::need::Need;

/// Not made, not replaced, not had from the template, not renewed.
const FAILED: &[u32] = &[1057, 1058, 1064, 1065];
/// Made, or had from the template.
const MADE: &[u32] = &[1056, 1063];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "certificate-renewal-failing",
    title: "Windows cannot make or renew the certificate of Remote Desktop",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::HostLog], holds: fails },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::AccessTrace], holds: refused },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::HostLog],
            holds: |case| not_told(case, SYSTEM, (RCM, FAILED), DAY),
        },
    ],
    explains: &[Explains { cause: "certificate-expired", when: |_| true }],
    page: Page {
        what_happens: "The host goes on with its old certificate until that expires, or has none. Until then everything works; \
                       after that clients warn or refuse, and where the key is the trouble, connections break off with 0x904.",
        why: "The service Remote Desktop Configuration (SessionEnv) makes the self-signed certificate and renews what comes \
              from a template. It fails if the key container TSSecKeySet1 belongs to another MachineGuid or cannot be written, \
              if the rights of MachineKeys were changed, if CryptSvc or KeyIso do not run, if the disk is full, or if the \
              template's name is given by its display name.",
        confirm: "Remote Connection Manager writes 1057 or 1058 for the self-signed certificate and 1064 or 1065 for one from a \
                  template. A later 1056 or 1063 says that it has succeeded since. An entry counts for a day, as Windows tries \
                  about twice a day.",
        command: "Get-WinEvent -MaxEvents 20 -FilterHashtable @{LogName='System'; \
                  ProviderName='Microsoft-Windows-TerminalServices-RemoteConnectionManager'; \
                  Id=1056,1057,1058,1063,1064,1065} | Format-List TimeCreated,Id,Message",
        how_to_fix: "Repair the rights of the one key file, or move that file to a backup if it is another machine's, and let \
                     SessionEnv make certificate and key anew. For a template, write its name, not its display name, into the \
                     policy, and let the computer enrol for it.",
        references: &[
            "Microsoft: Remote Connection Manager events 1057, 1058, 1065",
            "Microsoft: An internal error occurs when connecting to a remote machine (MachineKeys permissions)",
        ],
    },
    fixes: &["repair-machine-keys-access", "replace-rdp-key-container", "renew-rdp-certificate"],
};

/// The newest word about it is that it failed.
fn fails(case: Case<'_>) -> Option<Ground> {
    let last = |ids: &'static [u32]| case.recent(RCM, ids, DAY).last().map(|seen| case.time_of(seen.id));
    let failed = last(FAILED)?;
    if last(MADE).is_some_and(|made| made > failed) {
        return None;
    }
    told(case, (RCM, FAILED), DAY, |_| true)
}

/// A recording shows a service that could not write the certificate or its key; and no entry of the last day says that
/// one was made.
fn refused(case: Case<'_>) -> Option<Ground> {
    let keys = case.refused(Place::RdpKeyFile).filter(|seen| key_not_written(seen.value));
    let certificates = case.refused(Place::CertificateStore).filter(|seen| certificate_not_written(seen.value));
    let found = keys.chain(certificates).next()?;
    let made = case.recent(RCM, MADE, DAY).next().is_some();
    (!made).then(|| Ground::on(vec![found.because(found.value.words())]))
}

fn key_not_written(access: &RefusedAccess) -> bool {
    let writes = matches!(access.asked, Some(Asked::Write | Asked::Create));
    writes && [ACCESS_DENIED, WRITE_PROTECTED, DISK_FULL].contains(&access.result.as_str())
}

/// A certificate itself: of the store's other keys TermService is refused many, which it can do without.
fn certificate_not_written(access: &RefusedAccess) -> bool {
    let certificate = access.path.to_ascii_lowercase().contains(r"\remote desktop\certificates\");
    let writes = matches!(access.asked, Some(Asked::Write | Asked::Create | Asked::More));
    certificate && writes && access.result == ACCESS_DENIED
}

#[cfg(test)]
mod tests {
    use wire::tls::TlsVersion;

    use super::*;
    use crate::causes::sketch::{self, Expect, host, machine};

    const STORE: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop";

    fn denied() -> RefusedAccess {
        sketch::refused(&format!(r"{STORE}\Certificates\5D5D"), Asked::Create, ACCESS_DENIED)
    }

    fn key_denied(result: &str) -> RefusedAccess {
        let path = format!(r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\{}1", crate::keys::RDP_KEY);
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

    #[test]
    fn near_miss_it_has_succeeded_since() {
        machine().event(RCM, 1058, 90).event(RCM, 1056, 30).check(&CAUSE, Expect::Unknown);
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
        // a log of an hour says nothing about the day
        machine().log(SYSTEM, 1).check(&CAUSE, Expect::Unknown);
    }
}
