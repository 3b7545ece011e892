//! Changes that are taken back unless somebody confirms them: the guard is this program once more, on its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use repair::guard::{self, GuardError, Moment, Terms, Watched};
use repair::journal::{Lock, Store};

use super::journals;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

/// Pause between two looks of the guard.
const PAUSE: Duration = Duration::from_millis(500);

/// Guard of a run that is going to begin.
pub struct Guard {
    seconds: u64,
    elsewhere: bool,
    code: String,
}

impl Guard {
    /// Guard that takes the run back after this time, at most a day.
    pub fn new(within: Duration, elsewhere: bool) -> anyhow::Result<Self> {
        let seconds = within.as_secs();
        if seconds == 0 || seconds > guard::LONGEST {
            bail!("the time to confirm lies between a second and a day");
        }
        let code = guard::code().map_err(|why| anyhow!("make a code: {why}"))?;
        Ok(Self { seconds, elsewhere, code })
    }

    /// Lays down the terms beside the journal, and starts the process that keeps them.
    pub fn start(&mut self, run: &Path) -> Result<(), String> {
        let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
        let begun = moment().map_err(|why| failed("read the clock", &why))?;
        let terms = Terms::new(begun, self.seconds, Some(&self.code));
        terms.lay(run).map_err(|why| failed("write down the terms", &why))?;
        let program = std::env::current_exe().map_err(|why| failed("find this program", &why))?;
        let mut command = Command::new(program);
        command.arg("guard").arg(run).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if self.elsewhere {
            command.arg("--elsewhere");
        }
        command.spawn().map(drop).map_err(|why| failed("start the guard", &why))
    }

    /// Says how the changes stay.
    pub fn words(&self) -> String {
        format!(
            "In {} s everything is taken back, unless you type, best in a new session:\n  rdpdoctor confirm {}\nThe \
             guard does not survive a restart of this machine: then the next `rdpdoctor fix`, `undo` or `confirm` \
             takes it back.\n",
            self.seconds, self.code
        )
    }
}

#[cfg(target_os = "linux")]
fn moment() -> std::io::Result<Moment> {
    repair::linux::moment()
}

#[cfg(not(target_os = "linux"))]
fn moment() -> std::io::Result<Moment> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "there is no guard on this system yet"))
}

/// Keeps the changes of the run that waits for this code, and returns the exit status.
pub fn confirm(code: &str) -> anyhow::Result<u8> {
    // reading makes nothing
    let store = journals::existing()?.ok_or_else(|| anyhow!("{}", GuardError::Unknown))?;
    let now = moment().context("read the clock")?;
    match guard::confirm(&store, code, &now) {
        Ok(run) => {
            let run = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
            terminal::print(&format!("Confirmed: the changes of run {run} stay. To go back: rdpdoctor undo\n"))?;
            Ok(HEALTHY)
        }
        Err(GuardError::Late) => {
            let lock = store.lock()?;
            sweep(&store, &lock)?;
            terminal::print("Too late: the time is over, and the change is taken back.\n")?;
            Ok(FAILED)
        }
        Err(why) => Err(anyhow!("{why}")),
    }
}

/// Waits for the code of a run, in a session of its own, and returns the exit status.
pub fn guard(run: &Path, elsewhere: bool) -> anyhow::Result<u8> {
    #[cfg(target_os = "linux")]
    repair::linux::detach();
    let folder = run.parent().ok_or_else(|| anyhow!("this is no folder of a run"))?;
    let store = Store::open(folder)?;
    let mut hand = journals::hand(elsewhere)?;
    let began = moment().context("read the clock")?;
    // a clock that cannot be read any more stands still, and the next run takes back
    let now = || moment().unwrap_or_else(|_| began.clone());
    let mut pause = || std::thread::sleep(PAUSE);
    Ok(match guard::watch(run, &store, &mut *hand, &journals::now, &now, &mut pause)? {
        Watched::Confirmed | Watched::Reverted | Watched::Ended => HEALTHY,
        Watched::Left(_) => UNDETERMINED,
    })
}

/// Takes back the runs whose time is over where no guard did, and tells them.
pub fn sweep(store: &Store, lock: &Lock) -> anyhow::Result<()> {
    let Ok(now) = moment() else { return Ok(()) };
    for elsewhere in [false, true] {
        let Ok(mut hand) = journals::hand(elsewhere) else { return Ok(()) };
        let swept = guard::sweep(store, lock, &mut *hand, &journals::now, &now, elsewhere)?;
        for (run, how) in swept {
            let run = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let left = match &how {
                Watched::Left(left) => format!("; not all of it: {}", left.join("; ")),
                _ => String::new(),
            };
            terminal::complain(&format!("run {run} was not confirmed in time: it is taken back{left}"));
        }
    }
    Ok(())
}
