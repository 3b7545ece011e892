//! `machine-keys-unwritable`: Windows cannot make new keys.

use evidence::access::{ACCESS_DENIED, Asked, Place, WRITE_PROTECTED};
use evidence::security::{ADD_FILE, SYSTEM, allows};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "machine-keys-unwritable",
    title: "Windows may not write to the folder of its private keys, so it cannot renew its certificate",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::KEY_FOLDER], holds: refused },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::ACCESS_TRACE], holds: watched },
        Proof { shows: Shows::Absence, needs: &[Need::KEY_FOLDER], holds: allowed },
    ],
    explains: &[
        Explains { cause: "certificate-renewal-failing", when: |_| true },
        Explains { cause: "certificate-expired", when: |_| true },
        Explains { cause: "certificate-missing", when: |_| true },
    ],
    page: Page {
        what_happens: "Nothing, until the Remote Desktop certificate expires (Windows creates it for half a year) or \
                       is removed. Then Remote Connection Manager logs 1057 or 1058 with \"access denied\", and no \
                       new one appears.",
        why: "A hardening script reduced the rights on MachineKeys, or somebody renamed the folder and created it \
              again by hand.",
        confirm: "Administrators need full control and Everyone the right to read and write, on the folder itself \
                  only; SYSTEM is covered by Administrators.",
        command: "icacls \"$env:ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\"",
        how_to_fix: "Give the folder back its default rights. Do not rename it, and do not change rights on the \
                     files in it.",
        references: &[
            "Microsoft: Default permissions for the MachineKeys folders (KB278381)",
            "Microsoft: An internal error occurs when connecting to a remote machine (MachineKeys permissions)",
        ],
    },
    fixes: &["repair-machine-keys-access"],
};

fn writable(case: Case<'_>, expected: bool, words: &str) -> Option<Ground> {
    let seen = case.key_folder()?;
    let security = seen.value.security.as_deref()?;
    let found = allows(security, SYSTEM, ADD_FILE)? == expected;
    found.then(|| Ground::on(vec![seen.because(format!("SYSTEM {words} into MachineKeys: {security}"))]))
}

pub(super) fn refused(case: Case<'_>) -> Option<Ground> {
    writable(case, false, "may not write")
}

fn allowed(case: Case<'_>) -> Option<Ground> {
    writable(case, true, "may write")
}

/// A recording shows a service that was refused a new file there, or a volume that takes no writes, and the rights that
/// were read do not contradict it.
fn watched(case: Case<'_>) -> Option<Ground> {
    let mut seen = case.refused(Place::KeyFolder).chain(case.refused(Place::RdpKeyFile));
    let found = seen.find(|seen| match (seen.value.asked, seen.value.result.as_str()) {
        (Some(Asked::Create), ACCESS_DENIED) => allowed(case).is_none(),
        (Some(Asked::Create | Asked::Write), WRITE_PROTECTED) => true,
        _ => false,
    })?;
    Some(Ground::on(vec![found.because(found.value.words())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{self, Expect, Sketch, key_file, machine};
    use evidence::access::RefusedAccess;
    use evidence::fact::Fact;

    fn folder(security: Option<&str>) -> Sketch {
        machine().recorded(Fact::KeyFile(key_file(".", security)))
    }

    #[test]
    fn present() {
        let unwritable = || Expect::Present(Severity::Degrading, Confidence::Proven);
        folder(Some("O:BAD:PAI(A;;FR;;;SY)(A;;FR;;;BA)")).check(&CAUSE, unwritable());
        folder(Some("O:BAD:PAI(D;;FW;;;WD)(A;;FA;;;BA)")).check(&CAUSE, unwritable());
    }

    #[test]
    fn near_miss_as_windows_sets_it_up() {
        folder(Some("O:SYD:PAI(A;;FA;;;BA)(A;;0x12019f;;;WD)")).check(&CAUSE, Expect::Absent);
    }

    fn denied() -> RefusedAccess {
        let path = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\0123_11111111";
        sketch::refused(path, Asked::Create, ACCESS_DENIED)
    }

    #[test]
    fn a_recording_without_a_date_makes_it_likely() {
        let likely = || Expect::Present(Severity::Degrading, Confidence::Likely);
        machine().traced(denied()).check(&CAUSE, likely());
        let protected = RefusedAccess { asked: Some(Asked::Write), result: WRITE_PROTECTED.to_owned(), ..denied() };
        machine().traced(protected).check(&CAUSE, likely());
    }

    #[test]
    fn near_miss_refusals_that_a_healthy_windows_shows_as_well() {
        for healthy in [
            RefusedAccess { granted: true, ..denied() },
            RefusedAccess { comparable: false, ..denied() },
            // a file of another service, whose own rights may keep this one out
            RefusedAccess { asked: Some(Asked::Write), ..denied() },
            RefusedAccess { asked: Some(Asked::Read), ..denied() },
            RefusedAccess { asked: Some(Asked::More), ..denied() },
        ] {
            machine().traced(healthy).check(&CAUSE, Expect::Unknown);
        }
        machine().traced_without_refusal().check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_rights_of_now_let_it_write() {
        folder(Some("O:SYD:PAI(A;;FA;;;BA)(A;;0x12019f;;;WD)")).traced(denied()).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        folder(None).check(&CAUSE, Expect::Unknown);
    }
}
