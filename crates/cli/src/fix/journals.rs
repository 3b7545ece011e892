//! Where the journals are, and the hand on the machine that they are about.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
#[cfg(not(target_os = "linux"))]
use anyhow::bail;
use evidence::moment::rfc3339;
use repair::hand::Hand;
use repair::journal::{Journal, Store};
use repair::place::sha256;
use time::OffsetDateTime;

/// Returns the time of now for a journal.
pub fn now() -> String {
    rfc3339(OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// Opens the folder of the journals: of the person who runs this, or of the machine if that is the administrator.
pub fn store() -> anyhow::Result<Store> {
    Ok(Store::open(&folder()?)?)
}

/// Opens the folder of the journals where there is one: reading makes nothing.
pub fn existing() -> anyhow::Result<Option<Store>> {
    Ok(Store::existing(&folder()?)?)
}

fn folder() -> anyhow::Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(state) = named("XDG_STATE_HOME") {
        return Ok(state.join("rdpdoctor"));
    }
    if cfg!(windows) {
        return named("ProgramData")
            .map(|data| data.join("rdpdoctor"))
            .ok_or_else(|| anyhow!("%ProgramData% is not set"));
    }
    if is_administrator() {
        return Ok(PathBuf::from("/var/lib/rdpdoctor"));
    }
    let home =
        named("HOME").ok_or_else(|| anyhow!("neither XDG_STATE_HOME nor HOME says where to keep the journal"))?;
    Ok(home.join(".local/state/rdpdoctor"))
}

/// True if the administrator runs this: the files of his own processes belong to number 0.
pub fn is_administrator() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
    }
    #[cfg(not(unix))]
    false
}

/// Returns what tells one machine from another, without naming it: a digest of its number and its root.
pub fn origin(root: &Path) -> String {
    origin_of(root, &root.display().to_string())
}

/// Returns what tells one thing of a machine from others, and from the same on other machines.
pub fn origin_of(root: &Path, what: &str) -> String {
    let number = std::fs::read_to_string(root.join("etc/machine-id")).unwrap_or_default();
    sha256(format!("{} {what}", number.trim()).as_bytes())
}

/// Returns the hand on this machine, or on files of another one.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps)] // elsewhere there is none
pub fn hand(elsewhere: bool) -> anyhow::Result<Box<dyn Hand>> {
    Ok(Box::new(repair::linux::Linux { elsewhere, ..repair::linux::Linux::default() }))
}

/// Says that there is no hand on this system.
#[cfg(not(target_os = "linux"))]
pub fn hand(_: bool) -> anyhow::Result<Box<dyn Hand>> {
    bail!("this program changes no machine of this kind yet: `rdpdoctor inspect` lists the commands")
}

/// Returns the number of a run.
pub fn number(journal: &Journal) -> String {
    journal.folder.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

/// Finds a run that was cut off.
pub fn unfinished(store: &Store) -> anyhow::Result<Option<Journal>> {
    store.unfinished().map_err(|(folder, why)| anyhow!("read the journal {}: {why}", folder.display()))
}
