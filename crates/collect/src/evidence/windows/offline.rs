//! Hives of a mounted Windows disk as files to be changed, and what has to be looked at before.

use std::path::{Path, PathBuf};

use super::{Disk, descend};
use crate::evidence::hive::files_beside;

/// Hive of a Windows that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineHive {
    /// Path under which a running Windows has it, such as `HKLM\\SYSTEM`.
    pub root: &'static str,
    /// Its file.
    pub file: PathBuf,
    /// Transaction logs beside it.
    pub logs: Vec<PathBuf>,
    /// File that tells whether this Windows hibernates (`hiberfil.sys`), where there is one.
    pub hibernation: Option<PathBuf>,
}

/// Lists the machine's hives on the Windows disk that is mounted here; empty where none is.
pub fn offline_hives(root: &Path) -> Vec<OfflineHive> {
    let Some(disk) = Disk::at(root) else { return Vec::new() };
    let hibernation = descend(root, "hiberfil.sys");
    let hive = |(root, name): (&'static str, &str)| {
        let file = descend(&disk.system32, name).filter(|path| path.is_file())?;
        let logs = files_beside(&file);
        Some(OfflineHive { root, file, logs, hibernation: hibernation.clone() })
    };
    [(r"HKLM\SYSTEM", "config/SYSTEM"), (r"HKLM\SOFTWARE", "config/SOFTWARE")].into_iter().filter_map(hive).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_hives_of_a_disk_are_found_whatever_the_case_of_their_names() {
        let root = std::env::temp_dir().join(format!("rdpdoctor-offline-disk-{}", std::process::id()));
        let config = root.join("windows/system32/Config");
        fs::create_dir_all(&config).unwrap();
        assert_eq!(offline_hives(&root), []);
        for name in ["system", "SYSTEM.LOG1", "system.log2", "SYSTEM.SAV", "SOFTWARE"] {
            fs::write(config.join(name), b"regf").unwrap();
        }
        fs::write(root.join("Hiberfil.sys"), b"").unwrap();
        let hives = offline_hives(&root);
        let [system, software] = hives.as_slice() else { panic!("{hives:?}") };
        assert_eq!((system.root, system.logs.len(), software.logs.len()), (r"HKLM\SYSTEM", 2, 0));
        assert_eq!((software.root, system.hibernation.is_some()), (r"HKLM\SOFTWARE", true));
        fs::remove_dir_all(root).unwrap();
    }
}
