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
        let part = super::file::part(path);
        let _ = fs::remove_file(&part);
        // shadow-utils writes its number with a zero behind it; whoever finds the lock finds a number in it
        let numbered = OpenOptions::new().write(true).create_new(true).open(&part);
        let numbered = numbered.and_then(|mut file| file.write_all(format!("{}\0", std::process::id()).as_bytes()));
        let taken = numbered.map_err(|why| failed(path, &why.to_string())).and_then(|()| linked(&part, path));
        let _ = fs::remove_file(&part);
        taken.map(|()| Self(path.to_owned()))
    }
}

/// Gives the file its name, which only one can do.
fn linked(part: &Path, path: &Path) -> Result<(), Failed> {
    for _ in 0..2 {
        match fs::hard_link(part, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && abandoned(path) => drop(fs::remove_file(path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => break,
            linked => return linked.map_err(|why| failed(path, &why.to_string())),
        }
    }
    Err(failed(path, "another program is changing the groups"))
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
