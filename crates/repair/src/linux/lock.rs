//! The lock that programs which change groups put beside their file (`group.lock`): it names the process that has it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::hand::Failed;

/// Lock that is held until this value goes.
pub(super) struct Lock(PathBuf);

impl Lock {
    /// Takes the lock; one that was left behind by a process that is gone is taken over.
    pub(super) fn take(path: &Path) -> Result<Self, Failed> {
        for _ in 0..2 {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    let lock = Self(path.to_owned());
                    // programs of shadow-utils write their number with a zero behind it
                    let written = file.write_all(format!("{}\0", std::process::id()).as_bytes());
                    return written.map(|()| lock).map_err(|why| failed(path, &why.to_string()));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && abandoned(path) => {
                    let _ = fs::remove_file(path);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return Err(failed(path, "another program is changing the groups"));
                }
                Err(error) => return Err(failed(path, &error.to_string())),
            }
        }
        Err(failed(path, "another program is changing the groups"))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn failed(path: &Path, why: &str) -> Failed {
    Failed(format!("lock {}: {why}", path.display()))
}

/// True if the process that is named in the lock does not run any more.
fn abandoned(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let Ok(process) = text.trim_end_matches(['\0', '\n']).parse::<u32>() else { return false };
    !Path::new("/proc").join(process.to_string()).exists()
}
