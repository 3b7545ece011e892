//! Writes a file for the user, whole or not at all; every file that the program leaves behind goes through here.
//!
//! Nothing is written over what is read or what is evidence, nothing through a link, and nothing over what this program
//! did not make itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use repair::file;

/// Says why a file that exists may not be replaced; `None` if this program made it and it may.
pub type Kept<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// File that is going to be written.
pub struct OutputFile<'a> {
    /// Its place.
    pub path: &'a Path,
    /// Files and folders that are read in this run: it may neither be nor lie in one of them.
    pub inputs: &'a [&'a Path],
    /// Judges a file that exists at its place.
    pub kept: Kept<'a>,
}

impl OutputFile<'_> {
    /// Says whether the file may be written. That may change until it is, so [`OutputFile::write`] asks again.
    pub fn allowed(&self) -> anyhow::Result<()> {
        self.replaced().map(drop)
    }

    /// Writes the file in one step. If this fails, what was there is there still.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let write = if self.replaced()? { file::replace } else { file::create };
        Ok(write(self.path, bytes)?)
    }

    /// True if a file is there that will be replaced; an error where nothing may be written.
    fn replaced(&self) -> anyhow::Result<bool> {
        let shown = self.path.display();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).unwrap_or_default();
        if of_the_system(&folder) {
            bail!("{shown} is a place of the system itself: name a file elsewhere");
        }
        let Ok(about) = fs::symlink_metadata(self.path) else {
            return Ok(false);
        };
        // links are followed to see what would be hit, though nothing is written through them
        let kind = fs::metadata(self.path).map_or(about.file_type(), |about| about.file_type());
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            bail!("{shown} is neither a file nor a folder but a device, a pipe or the like: name a file");
        }
        let place =
            fs::canonicalize(self.path).unwrap_or_else(|_| folder.join(self.path.file_name().unwrap_or_default()));
        for input in self.inputs {
            let input = fs::canonicalize(input).unwrap_or_else(|_| PathBuf::from(input));
            if place.starts_with(&input) {
                bail!("{shown} is itself among what is read: name another file");
            }
        }
        if about.is_symlink() {
            bail!("{shown} is a link, and nothing is written through or over a link: name a file");
        }
        if about.is_dir() {
            bail!("{shown} is a folder: name a file");
        }
        match (self.kept)(self.path) {
            Some(why) => Err(anyhow!("{why}")),
            None => Ok(true),
        }
    }
}

/// True for a folder of devices and the like, also where a device stands for a file (`/dev/stdout`).
fn of_the_system(folder: &Path) -> bool {
    ["/dev", "/proc", "/sys"].iter().any(|system| folder.starts_with(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_where_devices_are() {
        assert!(of_the_system(Path::new("/dev")) && of_the_system(Path::new("/proc/self/fd")));
        assert!(!of_the_system(Path::new("/devices")) && !of_the_system(Path::new("/srv/dev")));
    }
}
