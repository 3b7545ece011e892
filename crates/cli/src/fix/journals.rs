//! `rdpdoctor undo` and `rdpdoctor history`, and where the journals are.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
#[cfg(not(target_os = "linux"))]
use anyhow::bail;
use evidence::moment::rfc3339;
use evidence::printable::{counted, printable};
use repair::hand::Hand;
use repair::journal::{Ended, Entry, Journal, JournalError, Store};
use repair::place::sha256;
use repair::run::{self, Third};
use time::OffsetDateTime;

use crate::arguments::UndoOptions;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

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
fn is_administrator() -> bool {
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
    let number = std::fs::read_to_string(root.join("etc/machine-id")).unwrap_or_default();
    sha256(format!("{} {}", number.trim(), root.display()).as_bytes())
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

/// Finds the run with this number, which may have zeros before it, or else the last one whose changes are there.
fn meant(store: Option<&Store>, run: Option<&str>) -> anyhow::Result<Option<Journal>> {
    let unread = |folder: &Path, why: &JournalError| anyhow!("read the journal {}: {why}", folder.display());
    let Some(run) = run else {
        let last = store.map_or(Ok(None), Store::last_applied);
        return last.map_err(|(folder, why)| unread(&folder, &why));
    };
    let digits = run.bytes().all(|digit| digit.is_ascii_digit());
    let number = run.parse::<u32>().ok().filter(|_| digits);
    let runs = store.map_or(Ok(Vec::new()), Store::runs)?;
    let found = runs.into_iter().find(|(known, _)| Some(*known) == number);
    let (_, folder) = found.ok_or_else(|| anyhow!("there is no run {run}: `rdpdoctor history` lists them"))?;
    Journal::open(&folder).map(Some).map_err(|why| unread(&folder, &why))
}

/// Lists the files that a run has changed, each once; of other places what they are.
fn changed(journal: &Journal) -> String {
    let mut names: Vec<String> = Vec::new();
    for place in journal.begin.steps.iter().map(|step| &step.place) {
        let files = place.files();
        let files = files.iter().map(|file| file.display().to_string());
        let other = place.files().is_empty().then(|| place.to_string());
        for name in files.chain(other) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.join(", ")
}

/// Runs `undo` and returns the exit status.
pub fn undo(options: &UndoOptions) -> anyhow::Result<u8> {
    let store = existing()?;
    // nobody else changes anything from here on
    let lock = store.as_ref().map(Store::lock).transpose()?;
    if let (Some(store), Some(lock)) = (&store, &lock) {
        super::guarded::sweep(store, lock)?;
    }
    let Some(mut journal) = meant(store.as_ref(), options.run.as_deref())? else {
        terminal::print("There is nothing to undo.\n")?;
        return Ok(HEALTHY);
    };
    let number = number(&journal);
    if matches!(journal.ended(), Some(Ended::Undone | Ended::RolledBack | Ended::Reverted)) {
        terminal::print(&format!("Run {number} was {} already.\n", journal.ended().map_or("", Ended::words)))?;
        return Ok(HEALTHY);
    }
    let begun = (0..journal.begin.steps.len()).filter(|step| journal.begun(*step)).count();
    terminal::print(&format!("Run {number}: {} to take back.\n", counted(begun, "change", "changes")))?;
    for step in journal.begin.steps.iter().rev() {
        let (now, then) = (step.after.words(), step.before.words());
        terminal::print(&format!("  {}\n    - {now}\n    + {then}\n", printable(&step.place.to_string())))?;
    }
    if !options.yes && !super::agreed("Take these changes back?")? {
        terminal::print("Nothing was changed.\n")?;
        return Ok(UNDETERMINED);
    }
    let third = if options.force {
        Third::Force
    } else if journal.ended().is_none() {
        // what was being written when the run was cut off is ours
        Third::Ours
    } else {
        Third::Leave
    };
    let mut hand = hand(journal.begin.elsewhere)?;
    let left = run::back(&mut journal, &mut *hand, Ended::Undone, third, &now);
    if left.is_empty() {
        terminal::print("Undone: everything is as it was before that run.\n")?;
        return Ok(HEALTHY);
    }
    let lines: Vec<String> = left.iter().map(|line| format!("  {}\n", printable(line))).collect();
    let lines = lines.concat();
    let more = "`rdpdoctor undo --force` puts back what was there before, whatever is there now.";
    terminal::print(&format!("Not everything was taken back:\n{lines}{more}\n"))?;
    Ok(if left.len() < begun { UNDETERMINED } else { FAILED })
}

/// Runs `history` and returns the exit status.
pub fn history() -> anyhow::Result<u8> {
    let runs = existing()?.map_or(Ok(Vec::new()), |store| store.runs())?;
    if runs.is_empty() {
        terminal::print("Nothing was ever changed by rdpdoctor here.\n")?;
    }
    let mut status = HEALTHY;
    for (number, folder) in runs {
        let line = match Journal::open(&folder) {
            Ok(journal) => {
                let began = journal.entries.first().map_or("", |(at, _)| at.as_str());
                let ended =
                    journal.ended().map_or("cut off: `rdpdoctor undo` or `rdpdoctor fix --finish`", Ended::words);
                let told = journal.entries.iter().rev().find_map(|(_, entry)| match entry {
                    Entry::Verified { told } => Some(format!("; {told}")),
                    _ => None,
                });
                let fixes = journal.begin.fixes.join(", ");
                let (told, changed) = (told.unwrap_or_default(), changed(&journal));
                format!("{number:04}  {began}  {fixes}: {ended}{told} ({changed})")
            }
            Err(why) => {
                status = UNDETERMINED;
                format!("{number:04}  {}: {why}", folder.display())
            }
        };
        terminal::print(&format!("{}\n", printable(&line)))?;
    }
    Ok(status)
}
