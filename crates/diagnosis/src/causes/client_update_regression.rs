//! `client-update-regression`: the client's Windows carries an update that is known to break Remote Desktop.

use evidence::state::Part;
use evidence::state::WINDOWS;
use evidence::{Role, Stage};

use crate::cause::{Cause, Confidence, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::regressions::{carried, cured};

pub const CAUSE: Cause = Cause {
    id: "client-update-regression",
    title: "a Windows update on the client is known to break Remote Desktop",
    stage: Stage::Client,
    severity: Severity::Degrading,
    role: Role::Client,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(WINDOWS)],
            holds: |case| carried(case, Part::Client),
        },
        Proof { shows: Shows::Absence, needs: &[Need::key(WINDOWS)], holds: |case| cured(case, Part::Client) },
    ],
    explains: &[],
    page: Page {
        what_happens: "This client fails at every host; clients without the update do not. The one known today: \
                       after the updates of 13 January 2026 Remote Desktop apps could not prompt for credentials \
                       (0x80080005).",
        why: "A cumulative update broke it, and one four days later fixed it. This client has the first but not the \
              second.",
        confirm: "CurrentBuildNumber and UBR, compared with the table of regressions. That the update is installed \
                  is certain; that it is the reason here is not, so the finding is never more than likely. None of \
                  these updates is known to cause 0x904 by itself.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | \
                  Select-Object ProductName,CurrentBuildNumber,UBR",
        how_to_fix: "Install the current cumulative update on the client. Removing the update would also remove its \
                     security fixes.",
        references: &["Microsoft: Windows release health"],
    },
    fixes: &["install-update"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client};
    use evidence::state::RegistryData;

    fn windows(build: &str, revision: u32) -> Sketch {
        let text = |text: &str| RegistryData::Text(text.to_owned());
        client("192.0.2.7")
            .value(WINDOWS, "EditionID", text("Professional"))
            .value(WINDOWS, "CurrentBuildNumber", text(build))
            .dword(WINDOWS, "UBR", revision)
    }

    #[test]
    fn present() {
        for (build, revision) in [("26100", 7623), ("26200", 7623), ("19045", 6810)] {
            let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
            windows(build, revision).check(&CAUSE, likely);
        }
    }

    #[test]
    fn near_miss_cured_or_not_yet_there() {
        windows("26100", 7627).check(&CAUSE, Expect::Absent);
        windows("26100", 7622).check(&CAUSE, Expect::Unknown);
    }

    /// The freeze of 2025 was a fault of hosts.
    #[test]
    fn near_miss_a_regression_of_hosts() {
        windows("26100", 3194).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        client("192.0.2.7").check(&CAUSE, Expect::Unknown);
    }
}
