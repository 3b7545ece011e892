//! Python programs that others wrote, in an environment of their own below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Readers of event logs and registry hives with which the tests compare ours, and what hosts written in Python need.
pub const READERS: &[&str] = &[
    "python-evtx==0.8.1",
    "regipy==6.5.0",
    "python-registry==1.3.1",
    "libregf-python==20260526",
    "cryptography==48.0.0",
    "tlslite-ng==0.8.2",
];

/// Makes the environment of this name, with these packages in it, unless it is there; returns its folder of programs.
pub fn environment(root: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = root.join("target").join(name);
    let complete = folder.join("complete");
    if std::fs::read_to_string(&complete).ok().as_deref() != Some(&packages.join(" ")) {
        let mut create = Command::new("python3");
        create.args(["-m", "venv", "--clear"]).arg(&folder);
        shell::stream(create)?;
        let mut install = Command::new(folder.join("bin/pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages);
        shell::stream(install)?;
        std::fs::write(&complete, packages.join(" "))?;
    }
    Ok(folder.join("bin"))
}
