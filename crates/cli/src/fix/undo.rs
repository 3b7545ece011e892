//! `rdpdoctor undo` and `rdpdoctor history`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use evidence::printable::{counted, printable};
use repair::journal::{Ended, Entry, Journal, JournalError, Store};
use repair::place::Place;
use repair::run::{self, Third};

use super::{agreed, guarded, journals, patient, words};
use crate::arguments::UndoOptions;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

/// Most bytes of a file with settings.
const FILE: u64 = 4 * 1024 * 1024;

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

/// Lists the files of which a part was taken back and that are not as they were: somebody has changed other parts.
fn changed_since(journal: &Journal) -> Vec<PathBuf> {
    let parts = journal.begin.steps.iter().map(|step| &step.place);
    let parts = parts.filter(|place| matches!(place, Place::Ini { .. } | Place::Member { .. }));
    let mut files: Vec<PathBuf> = parts.flat_map(Place::files).collect();
    files.sort();
    files.dedup();
    files.retain(|file| collect::evidence::bytes(file, FILE).is_ok_and(|bytes| !journal.has_kept(&bytes)));
    files
}

/// Runs `undo` and returns the exit status.
pub fn undo(options: &UndoOptions) -> anyhow::Result<u8> {
    let store = journals::existing()?;
    // nobody else changes anything from here on
    let lock = store.as_ref().map(Store::lock).transpose()?;
    if let (Some(store), Some(lock)) = (&store, &lock) {
        guarded::sweep(store, lock)?;
    }
    let Some(mut journal) = meant(store.as_ref(), options.run.as_deref())? else {
        terminal::print("There is nothing to undo.\n")?;
        return Ok(HEALTHY);
    };
    let number = journals::number(&journal);
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
    let mut restarts: Vec<String> = journal.restarted().map(str::to_owned).collect();
    restarts.sort();
    restarts.dedup();
    restarts.retain(|_| !journal.begin.elsewhere);
    for service in &restarts {
        terminal::print(&format!("{}\n", words::restart(service)))?;
    }
    if !options.yes && !agreed("Take these changes back?")? {
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
    let mut hand = journals::hand(journal.begin.elsewhere)?;
    let left = run::back(&mut journal, &mut *hand, Ended::Undone, third, &journals::now);
    if left.is_empty() {
        terminal::print("Undone: everything is as it was before that run.\n")?;
        for path in changed_since(&journal) {
            let path = printable(&path.display().to_string());
            terminal::print(&format!("What else was changed in {path} since that run was kept.\n"))?;
        }
        let waited = restarts.iter().any(|service| service == "xrdp").then(patient::listens_again).flatten();
        if let Some(listens) = waited {
            let told = if listens { "listens again" } else { "does not listen: its log says why" };
            terminal::print(&format!("xrdp was restarted, and {told}.\n"))?;
        }
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
    guarded::overdue()?;
    let runs = journals::existing()?.map_or(Ok(Vec::new()), |store| store.runs())?;
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
                // what was seen of the changes is over with them
                let gone = |ended: &Ended| matches!(ended, Ended::Undone | Ended::RolledBack | Ended::Reverted);
                let told = told.filter(|_| !journal.ended().as_ref().is_some_and(gone));
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
