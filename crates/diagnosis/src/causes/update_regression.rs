//! `update-regression`: the host's Windows carries an update that is known to break Remote Desktop.

use evidence::state::Part;
use evidence::state::WINDOWS;
use evidence::{Role, Stage};

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::regressions::{carried, cured};

pub const CAUSE: Cause = Cause {
    id: "update-regression",
    title: "a Windows update on the host is known to break Remote Desktop",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(WINDOWS)],
            holds: |case| carried(case, Part::Host),
        },
        Proof { shows: Shows::Absence, needs: &[Need::key(WINDOWS)], holds: |case| cured(case, Part::Host) },
    ],
    explains: &[],
    page: Page {
        what_happens: "Remote Desktop misbehaves on every host with this update, and on none without it. The one \
                       known today: from 11 February to 8 April 2025 sessions to Windows Server 2025 froze soon \
                       after they started.",
        why: "A cumulative update broke it, and a later one fixed it. This host has the first but not the second.",
        confirm: "CurrentBuildNumber and UBR, compared with the table of regressions. That the update is installed \
                  is certain; that it is the reason here is not, so the finding is never more than likely. None of \
                  these updates is known to cause 0x904 by itself.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | \
                  Select-Object ProductName,CurrentBuildNumber,UBR",
        how_to_fix: "Install the current cumulative update. Removing the update would also remove its security \
                     fixes.",
        references: &["Microsoft: Windows release health"],
    },
    fixes: &["install-update"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::state::RegistryData;

    fn windows(edition: &str, build: &str, revision: u32) -> Sketch {
        let text = |text: &str| RegistryData::Text(text.to_owned());
        machine()
            .value(WINDOWS, "EditionID", text(edition))
            .value(WINDOWS, "CurrentBuildNumber", text(build))
            .dword(WINDOWS, "UBR", revision)
    }

    #[test]
    fn present() {
        for revision in [3194, 3476, 3774] {
            let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
            windows("ServerStandard", "26100", revision).check(&CAUSE, likely);
        }
    }

    /// The updates of September 2026; of Server 2025 the revisions are worked out.
    #[test]
    fn present_in_september_2026() {
        for (build, revision) in [("20348", 5622), ("17763", 9245), ("17763", 9246)] {
            let found = windows("ServerStandard", build, revision).diagnose();
            assert!(found.findings.iter().any(|finding| finding.cause == CAUSE.id), "{build}.{revision}");
        }
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        windows("ServerStandard", "26100", 33_438).check(&CAUSE, likely);
    }

    #[test]
    fn near_miss_cured_or_not_yet_there() {
        windows("ServerStandard", "26100", 3775).check(&CAUSE, Expect::Absent);
        windows("ServerStandard", "26100", 33_451).check(&CAUSE, Expect::Absent);
        windows("ServerStandard", "20348", 5631).check(&CAUSE, Expect::Absent);
        windows("ServerStandard", "26100", 3193).check(&CAUSE, Expect::Unknown);
    }

    /// A hotpatch has a revision between the two and another origin; Windows 11 may have the same build number.
    #[test]
    fn near_miss_of_another_kind() {
        windows("ServerDatacenter", "26100", 3403).check(&CAUSE, Expect::Unknown);
        windows("Professional", "26100", 3476).check(&CAUSE, Expect::Unknown);
        windows("ServerStandard", "20348", 3476).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        let build = RegistryData::Text("26100".to_owned());
        machine().value(WINDOWS, "CurrentBuildNumber", build).check(&CAUSE, Expect::Unknown);
    }
}
