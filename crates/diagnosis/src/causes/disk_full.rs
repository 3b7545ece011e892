//! `disk-full`: the disk of the system has no space left.

use evidence::printable::printable;
use evidence::state::{Volume, WINDOWS};
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Free bytes below which nothing can be written any more.
const NOTHING: u64 = 16 * 1024 * 1024;
/// Free bytes below which some of what Remote Desktop writes most likely fails: profiles, logs, sockets.
const LITTLE: u64 = 128 * 1024 * 1024;
/// Largest disk that counts as the system's: a smaller one is a partition for recovery, which is full by design.
const SMALLEST: u64 = 2 * 1024 * 1024 * 1024;

pub const CAUSE: Cause = Cause {
    id: "disk-full",
    title: "the disk of the system has no space left",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::VOLUMES], holds: nothing_left },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::VOLUMES], holds: little_left },
        Proof { shows: Shows::Absence, needs: &[Need::VOLUMES], holds: enough },
    ],
    explains: &[Explains { cause: "certificate-renewal-failing", when: |case| nothing_left(case).is_some() }],
    page: Page {
        what_happens: "Connections still come through, and then fail in many ways: Windows cannot write a new \
                       certificate or its key, a profile cannot be created, a session ends right after the logon. On \
                       Linux xrdp cannot make the sockets of a session.",
        why: "Logs, updates, profiles or a database have filled the disk.",
        confirm: "The disk with the system needs a few hundred megabytes at least.",
        command: "Get-CimInstance Win32_LogicalDisk -Filter 'DriveType=3' | Select-Object DeviceID,FreeSpace,Size",
        how_to_fix: "Free space on it: remove what Disk Cleanup finds, move large files elsewhere, or enlarge the disk. \
                     Then restart the services, or the machine.",
        references: &["Microsoft Learn: GetDiskFreeSpaceExW", "statvfs(3)"],
    },
    fixes: &[],
};

/// Returns the disks on which the system lies.
fn of_system(case: Case<'_>) -> Vec<Seen<&Volume>> {
    let all = || case.volumes().filter(|seen| seen.value.size >= SMALLEST);
    if case.is_linux() {
        return all().collect();
    }
    let Some(root) = case.text(WINDOWS, "SystemRoot").and_then(|seen| seen.value) else { return Vec::new() };
    let letter = |name: &str| name.get(..2).filter(|drive| drive.ends_with(':')).map(str::to_ascii_uppercase);
    // without a letter it is that of a mounted disk, which was read because Windows lies on it
    let own = |volume: &Volume| letter(&volume.name).is_none_or(|drive| letter(root) == Some(drive));
    all().filter(|seen| own(seen.value)).collect()
}

fn below(case: Case<'_>, least: u64) -> Option<Ground> {
    let full = of_system(case).into_iter().filter(|seen| seen.value.free < least);
    let because = full.map(|seen| {
        let mega = |bytes: u64| bytes / 1024 / 1024;
        let Volume { name, free, size } = seen.value;
        seen.because(format!("{} has {} MB free of {} MB", printable(name), mega(*free), mega(*size)))
    });
    let because: Vec<_> = because.collect();
    (!because.is_empty()).then(|| Ground::on(because))
}

fn nothing_left(case: Case<'_>) -> Option<Ground> {
    below(case, NOTHING)
}

fn little_left(case: Case<'_>) -> Option<Ground> {
    below(case, LITTLE)
}

fn enough(case: Case<'_>) -> Option<Ground> {
    let disks = of_system(case);
    (!disks.is_empty() && little_left(case).is_none()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::fact::Fact;
    use evidence::state::RegistryData;

    const GIGABYTE: u64 = 1024 * 1024 * 1024;

    fn volume(name: &str, free: u64, size: u64) -> Fact {
        Fact::Volume(Volume { name: name.to_owned(), free, size })
    }

    fn windows() -> Sketch {
        machine().value(WINDOWS, "SystemRoot", RegistryData::Text(r"C:\WINDOWS".to_owned()))
    }

    #[test]
    fn present() {
        let degrading = |confidence| Expect::Present(Severity::Degrading, confidence);
        windows().recorded(volume("C:", 0, 60 * GIGABYTE)).check(&CAUSE, degrading(Confidence::Proven));
        windows().recorded(volume("C:", LITTLE - 1, 60 * GIGABYTE)).check(&CAUSE, degrading(Confidence::Likely));
        // a mounted disk
        windows().recorded(volume("/mnt/server", 0, 60 * GIGABYTE)).check(&CAUSE, degrading(Confidence::Proven));
        let linux = machine().recorded(Fact::Xrdp(evidence::sketch::xrdp()));
        linux.recorded(volume("/", 0, 60 * GIGABYTE)).check(&CAUSE, degrading(Confidence::Proven));
    }

    #[test]
    fn near_miss_another_disk_is_full() {
        let sound = || windows().recorded(volume("C:", 30 * GIGABYTE, 60 * GIGABYTE));
        sound().check(&CAUSE, Expect::Absent);
        sound().recorded(volume("D:", 0, 60 * GIGABYTE)).check(&CAUSE, Expect::Absent);
        // a partition for recovery
        windows().recorded(volume("C:", 0, GIGABYTE)).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        windows().check(&CAUSE, Expect::Unknown);
        // nobody knows which disk is the system's
        machine().recorded(volume("C:", 0, 60 * GIGABYTE)).check(&CAUSE, Expect::Unknown);
    }
}
