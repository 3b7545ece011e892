//! `system-files-damaged`: a file of Remote Desktop is missing.

use evidence::state::FileVersion;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "system-files-damaged",
    title: "the library of Remote Desktop is missing from Windows",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::FILES, Need::service("TermService")],
            holds: missing,
        },
        Proof { shows: Shows::Absence, needs: &[Need::FILES], holds: works },
    ],
    explains: &[
        Explains { cause: "service-stopped", when: |_| true },
        Explains { cause: "service-crashing", when: |_| true },
    ],
    page: Page {
        what_happens: "Remote Desktop Services cannot start without termsrv.dll: nothing listens, and mstsc shows 0x204.",
        why: "Somebody replaced files of Windows by hand (a patch for several sessions, a recipe that copies files from \
              WinSxS), an antivirus took the file for a threat, or the disk is damaged.",
        confirm: "The file has to be there; sfc compares it and all others with the store of Windows.",
        command: "Get-Item $env:SystemRoot\\System32\\termsrv.dll | Select-Object FullName,Length,\
                  @{n='Version';e={$_.VersionInfo.FileVersion}}",
        how_to_fix: "Let Windows put back its own file: DISM /Online /Cleanup-Image /RestoreHealth, then sfc /scannow, \
                     then a restart. Look for what took it away, such as the quarantine of an antivirus.",
        references: &["Microsoft: Use the System File Checker tool to repair missing or corrupted system files"],
    },
    fixes: &["repair-system-files"],
};

fn library(case: Case<'_>) -> Option<Seen<&FileVersion>> {
    case.file_versions().filter(|seen| seen.value.name.eq_ignore_ascii_case("termsrv.dll")).last()
}

/// Windows has the service and not its library. Only of a machine that runs is that known: of a disk people often copy
/// but a part.
fn missing(case: Case<'_>) -> Option<Ground> {
    let file = library(case).filter(|seen| !seen.value.exists && !case.answered_since(seen.id))?;
    let service = case.service("TermService").filter(|seen| seen.value.exists && seen.value.running == Some(false))?;
    let text = "termsrv.dll is not in the folder System32 of Windows";
    Some(Ground::on(vec![file.because(text), service.because("the service TermService is installed and needs it")]))
}

/// The host speaks the protocol, so its service has what it needs.
fn works(case: Case<'_>) -> Option<Ground> {
    let file = library(case).filter(|seen| seen.value.exists)?;
    case.answered_since(file.id).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;
    use evidence::state::Service;

    fn with(sketch: Sketch, exists: bool, running: Option<bool>) -> Sketch {
        let name = "termsrv.dll".to_owned();
        let file = Fact::FileVersion(FileVersion { name, version: None, exists });
        let name = "TermService".to_owned();
        let service = Service { name, exists: true, start: Some(3), running, image: None, account: None };
        sketch.recorded(file).recorded(Fact::Service(service))
    }

    #[test]
    fn present() {
        let proven = || Expect::Present(Severity::Blocking, Confidence::Proven);
        with(machine(), false, Some(false)).check(&CAUSE, proven());
    }

    #[test]
    fn near_miss_a_part_of_a_disk_was_copied() {
        with(machine(), false, None).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_it_is_there_or_the_service_runs_with_it() {
        with(machine(), true, Some(false)).check(&CAUSE, Expect::Unknown);
        with(machine(), false, Some(true)).check(&CAUSE, Expect::Unknown);
        with(host("192.0.2.7").nla(), false, None).check(&CAUSE, Expect::Unknown);
        with(host("192.0.2.7").nla(), true, None).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
