//! Changes that do not stay of themselves: those that may cut off whoever makes them, until somebody confirms from a
//! new session; and weaker settings on a lease, which always ends.
//!
//! The terms lie beside the journal before the first change, so a run that is killed in between is taken back as well.
//! A process of its own waits ([`watch`]); if that one dies, or the machine restarts, the next run of this program does
//! it ([`sweep`]). Nothing listens on the network.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hand::Hand;
use crate::journal::{Ended, Journal, JournalError, Lock, Store, StoreError};
use crate::place::sha256;
use crate::run::{Clock, Third, back};

/// File with the terms, beside the journal.
const TERMS: &str = "guard.json";
/// File with the code that somebody confirmed with.
const CONFIRMED: &str = "confirmed";
/// File that says that the host's own logs showed what was agreed.
const SEEN: &str = "seen";
/// Time of a lease unless another is named, seconds: half an hour.
pub const USUAL: u64 = 30 * 60;
/// Longest lease, seconds: a day.
pub const LONGEST: u64 = 24 * 60 * 60;
/// Most bytes of these files.
const LIMIT: usize = 64 * 1024;

/// Makes a code that nobody guesses in the time that a change waits: eight digits.
pub fn code() -> Result<String, String> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
    let number = u64::from_le_bytes(bytes) % 100_000_000;
    Ok(format!("{:04}-{:04}", number / 10_000, number % 10_000))
}

/// A moment, as clocks tell that nobody sets and one that somebody may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Name of the machine's run since it was started.
    pub boot: String,
    /// Seconds since then, those of sleep among them.
    pub uptime: u64,
    /// Seconds since 1970 by the clock that people set.
    pub unix: u64,
}

/// Terms under which the changes of a run stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Moment at which they began.
    pub begun: Moment,
    /// Seconds after which everything is taken back.
    pub seconds: u64,
    /// SHA-256 of the code that keeps the changes; null for a lease, which nothing keeps.
    pub code: Option<String>,
    /// Attempt that keeps the changes once the host's own logs show it; null where only the code does.
    #[serde(default)]
    pub attempt: Option<Attempt>,
}

/// Attempt to connect that shows that one can still get in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Address that it comes from.
    pub from: IpAddr,
    /// Logs that show it, each with its length when the terms began: what stands before that is of another time.
    pub logs: Vec<(PathBuf, u64)>,
}

impl Terms {
    /// Terms from now on: until `code` is typed, or for good where there is none.
    pub fn new(begun: Moment, seconds: u64, code: Option<&str>) -> Self {
        let code = code.map(|code| sha256(code.as_bytes()));
        Self { begun, seconds: seconds.min(LONGEST), code, attempt: None }
    }

    /// True if the time is over. After a restart only the clock that people set is left: one that was set back before
    /// the beginning counts as over.
    pub fn due(&self, now: &Moment) -> bool {
        if now.boot == self.begun.boot {
            return now.uptime >= self.begun.uptime.saturating_add(self.seconds);
        }
        now.unix < self.begun.unix || now.unix >= self.begun.unix.saturating_add(self.seconds)
    }

    /// Lays the terms beside a journal.
    pub fn lay(&self, run: &Path) -> Result<(), JournalError> {
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        Ok(crate::file::create(&run.join(TERMS), text.as_bytes())?)
    }

    /// Reads the terms beside a journal; `None` if its changes stay of themselves.
    pub fn of(run: &Path) -> Result<Option<Self>, JournalError> {
        let path = run.join(TERMS);
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let bytes = crate::file::read(&path, LIMIT)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| JournalError::NotOurs)
    }

    fn keeps(&self, code: &str) -> bool {
        self.code.as_ref().is_some_and(|own| *own == sha256(code.as_bytes()))
    }

    /// True if somebody has confirmed the run with its code, or the host's own logs have.
    fn confirmed(&self, run: &Path) -> bool {
        if self.code.is_some() && self.attempt.is_some() && run.join(SEEN).is_file() {
            return true;
        }
        let told = crate::file::read(&run.join(CONFIRMED), LIMIT).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        told.is_some_and(|code| self.keeps(&code))
    }
}

/// End of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Somebody confirmed: the changes stay.
    Confirmed,
    /// Everything is as before.
    Reverted,
    /// Not all could be taken back: what is not as before, one line each.
    Left(Vec<String>),
    /// The run was taken back by somebody else meanwhile.
    Ended,
}

/// Reason why a run was not confirmed, or cannot be watched.
#[derive(Debug, Error)]
pub enum GuardError {
    /// No run waits for this code.
    #[error("no change waits for this code")]
    Unknown,
    /// The time is over.
    #[error("too late: the time is over, and the change is taken back")]
    Late,
    /// The folder of the journals.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal or its terms.
    #[error("read {}: {}", .0.display(), .1)]
    Journal(PathBuf, JournalError),
}

/// Writes down that the host's own logs showed the attempt that was agreed.
fn seen(run: &Path) -> Result<(), JournalError> {
    match crate::file::create(&run.join(SEEN), b"") {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits until a run is confirmed or its time is over, and takes it back then. `pause` waits a moment between looks and
/// says whether the attempt that was agreed was seen meanwhile. A run whose folder is gone is watched no longer.
pub fn watch(
    run: &Path,
    store: &Store,
    hand: &mut dyn Hand,
    clock: Clock<'_>,
    now: &dyn Fn() -> Moment,
    pause: &mut dyn FnMut(&Terms) -> bool,
) -> Result<Watched, GuardError> {
    let failed = |why| GuardError::Journal(run.to_owned(), why);
    let terms = Terms::of(run).map_err(failed)?.ok_or(GuardError::Unknown)?;
    while !terms.confirmed(run) && !terms.due(&now()) {
        if !run.is_dir() {
            return Ok(Watched::Ended);
        }
        if pause(&terms) {
            seen(run).map_err(failed)?;
        }
    }
    // whoever changes the machine now comes to an end: each step of a run is bounded
    let lock = loop {
        match store.lock() {
            Err(StoreError::Busy) => drop(pause(&terms)),
            taken => break taken?,
        }
    };
    taken_back(run, &terms, &lock, hand, clock).map_err(failed)
}

fn taken_back(
    run: &Path,
    terms: &Terms,
    _lock: &Lock,
    hand: &mut dyn Hand,
    clock: Clock<'_>,
) -> Result<Watched, JournalError> {
    if terms.confirmed(run) {
        return Ok(Watched::Confirmed);
    }
    let mut journal = Journal::open(run)?;
    if !matches!(journal.ended(), None | Some(Ended::Applied)) {
        return Ok(Watched::Ended);
    }
    let left = back(&mut journal, hand, Ended::Reverted, Third::Ours, clock);
    Ok(if left.is_empty() { Watched::Reverted } else { Watched::Left(left) })
}

/// Confirms the run that waits for this code: its changes stay. Returns its folder.
pub fn confirm(store: &Store, code: &str, now: &Moment) -> Result<PathBuf, GuardError> {
    // a guard that takes back at this moment has the lock
    let _lock = store.lock()?;
    for (_, run) in store.runs()?.into_iter().rev() {
        let terms = Terms::of(&run).map_err(|why| GuardError::Journal(run.clone(), why))?;
        let Some(terms) = terms.filter(|terms| terms.keeps(code)) else { continue };
        if terms.confirmed(&run) {
            return Ok(run);
        }
        if terms.due(now) {
            return Err(GuardError::Late);
        }
        let written = crate::file::create(&run.join(CONFIRMED), code.as_bytes());
        return written.map(|()| run.clone()).map_err(|error| GuardError::Journal(run, error.into()));
    }
    Err(GuardError::Unknown)
}

/// Takes back every run whose time is over, where no guard did: it was killed, or the machine was restarted; those
/// whose files are another machine's, or the others. Returns each with how it ended.
pub fn sweep(
    store: &Store,
    lock: &Lock,
    hand: &mut dyn Hand,
    clock: Clock<'_>,
    now: &Moment,
    elsewhere: bool,
) -> Result<Vec<(PathBuf, Watched)>, GuardError> {
    let mut swept = Vec::new();
    for (_, run) in store.runs()?.into_iter().rev() {
        let failed = |why| GuardError::Journal(run.clone(), why);
        let Some(terms) = Terms::of(&run).map_err(failed)?.filter(|terms| terms.due(now)) else { continue };
        if terms.confirmed(&run) || Journal::open(&run).map_err(failed)?.begin.elsewhere != elsewhere {
            continue;
        }
        let how = taken_back(&run, &terms, lock, hand, clock).map_err(failed)?;
        if !matches!(how, Watched::Confirmed | Watched::Ended) {
            swept.push((run, how));
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, uptime: u64, unix: u64) -> Moment {
        Moment { boot: boot.to_owned(), uptime, unix }
    }

    #[test]
    fn no_clock_that_is_set_makes_a_lease_longer() {
        let terms = Terms::new(at("a", 100, 1_000_000), 30, None);
        // in one run of the machine the clock that people set does not matter
        for (uptime, unix, due) in [(129, 9_000_000, false), (130, 0, true), (100, 0, false), (200, 1_000_000, true)] {
            assert_eq!(terms.due(&at("a", uptime, unix)), due, "{uptime} {unix}");
        }
        for (unix, due) in [(1_000_029, false), (1_000_030, true), (999_999, true), (u64::MAX, true)] {
            assert_eq!(terms.due(&at("b", 1, unix)), due, "{unix}");
        }
        assert!(!terms.keeps("") && !terms.keeps("1234"), "nothing keeps a lease");
        assert_eq!(Terms::new(at("a", 0, 0), u64::MAX, None).seconds, LONGEST);
    }
}
