//! Printing of a report, and saving of its commands (`--save-commands`).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use diagnosis::Diagnosis;
use report::format::{Format, Style};
use report::scripts::{self, MARK, Script};

use crate::terminal;

/// Bytes at the beginning of a file in which our mark stands.
const BEGINNING: usize = 256;

/// Prints a report, saves its commands if a folder is named for them, and returns the exit status.
pub fn print(diagnosis: &Diagnosis, format: &Format, full: bool, folder: Option<&Path>) -> anyhow::Result<u8> {
    let saved = folder.map(|folder| save(folder, &scripts::all(diagnosis))).transpose()?;
    let style = Style { saved: saved.is_some(), ..terminal::style(full) };
    terminal::print(&(format.render)(diagnosis, style))?;
    if let (Some(count), Some(folder)) = (saved, folder) {
        terminal::complain(&format!("{count} scripts were written to {}", folder.display()));
    }
    Ok(format.status.map_or_else(|| diagnosis.verdict.status(), |status| status(diagnosis)))
}

/// Writes scripts to a folder, which is made if it is not there, and returns how many. A file that somebody else wrote
/// is never replaced.
fn save(folder: &Path, scripts: &[Script]) -> anyhow::Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    for script in scripts {
        let path = folder.join(&script.name);
        let saved = replaceable(&path).and_then(|()| Ok(write(&path, &script.text())?));
        saved.with_context(|| format!("write the script {}", path.display()))?;
    }
    Ok(scripts.len())
}

/// Refuses a path at which something is that is no script of ours.
fn replaceable(path: &Path) -> anyhow::Result<()> {
    use std::io::Read as _;
    let Ok(kind) = fs::symlink_metadata(path).map(|about| about.file_type()) else { return Ok(()) };
    if !kind.is_file() {
        return Err(anyhow!("it exists and is no file"));
    }
    let mut beginning = Vec::new();
    fs::File::open(path)?.take(BEGINNING as u64).read_to_end(&mut beginning)?;
    let ours = String::from_utf8_lossy(&beginning).contains(MARK);
    if ours {
        fs::remove_file(path).map_err(Into::into)
    } else {
        Err(anyhow!("it exists, and another program wrote it"))
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
