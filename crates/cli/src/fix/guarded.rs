//! Changes that are taken back unless somebody confirms them, and weaker settings on a lease: the guard is this program
//! once more, on its own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use collect::evidence::{Piece, pieces_in};
use repair::guard::{self, Attempt, GuardError, Moment, Terms, Watched};
use repair::journal::{Lock, Store};
use repair::plan::Plan;

use super::journals;
use crate::arguments::FixOptions;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

/// Pause between two looks of the guard.
const PAUSE: Duration = Duration::from_millis(500);

/// Logs in which xrdp and its manager of sessions tell who has come how far, where their settings name no other.
const LOGS: [&str; 2] = ["/var/log/xrdp.log", "/var/log/xrdp-sesman.log"];
/// Most bytes of one that are looked at, from where it ended when the guard began.
const LOG_BYTES: u64 = 16 * 1024 * 1024;
/// Numbers of the lines that tell that TLS with a client is up, and that somebody has logged on, in the list of lines
/// that are known.
const SHOWN: [u32; 2] = [90_102, 90_202];

/// Guard of a run that is going to begin.
pub struct Guard {
    seconds: u64,
    elsewhere: bool,
    /// Code that keeps the changes; nothing keeps a lease.
    code: Option<String>,
    attempt: Option<Attempt>,
}

impl Guard {
    /// Guard that a plan and these options ask for; `None` where changes stay of themselves.
    pub fn of(options: &FixOptions, plan: &Plan, elsewhere: bool) -> anyhow::Result<Option<Self>> {
        if plan.lease {
            if elsewhere {
                bail!("a weaker setting needs somebody who takes it back in time, and that machine does not run here");
            }
            let seconds = checked(options.lease.map_or(guard::USUAL, |time| time.as_secs()))?;
            return Ok(Some(Self { seconds, elsewhere, code: None, attempt: None }));
        }
        let Some(within) = options.confirm_within else { return Ok(None) };
        let seconds = checked(within.as_secs())?;
        if options.confirm_from.is_some_and(|from| from.to_canonical().is_loopback()) {
            bail!("an attempt from this machine itself shows nothing: name the address that you come from");
        }
        let code = guard::code().map_err(|why| anyhow!("make a code: {why}"))?;
        let attempt = options.confirm_from.map(|from| Attempt { from, logs: logs() });
        Ok(Some(Self { seconds, elsewhere, code: Some(code), attempt }))
    }

    /// Lays down the terms beside the journal, and starts the process that keeps them.
    pub fn start(&mut self, run: &Path) -> Result<(), String> {
        let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
        let begun = moment().map_err(|why| failed("read the clock", &why))?;
        let terms = Terms { attempt: self.attempt.clone(), ..Terms::new(begun, self.seconds, self.code.as_deref()) };
        terms.lay(run).map_err(|why| failed("write down the terms", &why))?;
        let program = std::env::current_exe().map_err(|why| failed("find this program", &why))?;
        let guard = |mut command: Command| {
            command.arg("guard").arg(run).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if self.elsewhere {
                command.arg("--elsewhere");
            }
            command
        };
        // a unit of its own outlives the session of whoever starts it
        let unit =
            systemd(&program, run).is_some_and(|command| guard(command).status().is_ok_and(|status| status.success()));
        if unit {
            return Ok(());
        }
        guard(Command::new(program)).spawn().map(drop).map_err(|why| failed("start the guard", &why))
    }

    /// Says how the changes stay, or end.
    pub fn words(&self) -> String {
        let end = "The guard does not survive a restart of this machine: then the next `rdpdoctor fix`, `undo`, \
                   `confirm` or `history` takes it back.";
        let Some(code) = &self.code else {
            let time = if self.seconds < 120 {
                format!("{} s", self.seconds)
            } else {
                format!("{} min", self.seconds.div_ceil(60))
            };
            return format!(
                "This is weaker than before, so it is a lease: in {time} everything is taken back, and nothing \
                 keeps it. Earlier: rdpdoctor undo\n{end}\n"
            );
        };
        let from = self.attempt.as_ref().map_or(String::new(), |attempt| {
            format!(
                "Or connect from {}: when xrdp's logs show TLS with it or a logon, the changes stay.\n",
                attempt.from
            )
        });
        format!(
            "In {} s everything is taken back, unless you type, best in a new session:\n  rdpdoctor confirm {code}\n\
             {from}{end}\n",
            self.seconds
        )
    }
}

/// Checks a time that a guard is to wait.
fn checked(seconds: u64) -> anyhow::Result<u64> {
    if seconds == 0 || seconds > guard::LONGEST {
        bail!("a guard waits between a second and a day");
    }
    Ok(seconds)
}

/// Starts a unit of systemd for the guard of a run; `None` where that is not who starts things here, or not for us.
fn systemd(program: &Path, run: &Path) -> Option<Command> {
    if !journals::is_administrator() || !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let number = run.file_name()?.to_string_lossy().into_owned();
    let mut command = Command::new("systemd-run");
    // whoever kills it gets it again; where it ended by itself it has done what it could
    let again = "--property=Restart=on-abnormal";
    command.args(["--quiet", "--collect", again, &format!("--unit=rdpdoctor-guard-{number}"), "--"]).arg(program);
    Some(command)
}

/// Returns the logs of this machine's xrdp, with where they end now.
fn logs() -> Vec<(PathBuf, u64)> {
    let mut logs: Vec<PathBuf> = collect::evidence::xrdp_logs(Path::new("/"));
    // one that is not there yet may come
    logs.extend(LOGS.map(PathBuf::from).into_iter().filter(|usual| !usual.exists()));
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
    logs.into_iter().map(|path| (path.clone(), length(&path))).collect()
}

/// True if the logs show the attempt that was agreed, behind what stood in them before.
fn shown(attempt: &Attempt) -> bool {
    attempt.logs.iter().any(|(log, before)| {
        let Ok(bytes) = collect::evidence::bytes_from(log, *before, LOG_BYTES) else { return false };
        pieces_in(&bytes).iter().any(|piece| {
            let Piece::State(state) = piece else { return false };
            state.events.iter().any(|event| {
                let peer = event.data.get("ClientIP").and_then(|peer| {
                    let address = peer.parse::<std::net::SocketAddr>().map(|peer| peer.ip());
                    address.or_else(|_| peer.parse()).ok()
                });
                SHOWN.contains(&event.id)
                    && peer.map(|peer: IpAddr| peer.to_canonical()) == Some(attempt.from.to_canonical())
            })
        })
    })
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
    overdue()?;
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
            // it may have become late only now
            overdue()?;
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
    let mut pause = |terms: &Terms| {
        std::thread::sleep(PAUSE);
        terms.attempt.as_ref().is_some_and(shown)
    };
    Ok(match guard::watch(run, &store, &mut *hand, &journals::now, &now, &mut pause)? {
        Watched::Confirmed | Watched::Reverted | Watched::Ended => HEALTHY,
        Watched::Left(_) => UNDETERMINED,
    })
}

/// Takes back what is overdue before a command does anything else: its guard was killed, or the machine was restarted.
/// Where another command holds the lock, that one has looked.
pub fn overdue() -> anyhow::Result<()> {
    let Some(store) = journals::existing()? else { return Ok(()) };
    let Ok(lock) = store.lock() else { return Ok(()) };
    if let Err(why) = sweep(&store, &lock) {
        terminal::complain(&format!("what is overdue could not be taken back: {why:#}"));
    }
    Ok(())
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
