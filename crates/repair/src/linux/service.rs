//! Services of Linux: by systemd where it runs, else by the scripts of sysvinit. Its process tells whether one runs:
//! no file does. One that was started by hand is not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::program::{reached, run};
use crate::hand::{Failed, Unread};

/// Longest times that a service is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a command of the service manager has ended.
    pub command: Duration,
    /// Until a service runs, or does not run any more.
    pub change: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { command: Duration::from_mins(1), change: Duration::from_secs(15) }
    }
}

/// Whoever starts and stops services here.
enum Manager {
    Systemd,
    /// The service's script.
    Script(PathBuf),
    /// Nobody: the service was started by hand.
    None,
}

impl Manager {
    fn of(service: &str) -> Self {
        let script = Path::new("/etc/init.d").join(service);
        if Path::new("/run/systemd/system").is_dir() {
            Self::Systemd
        } else if script.is_file() {
            Self::Script(script)
        } else {
            Self::None
        }
    }

    fn command(&self, word: &str, service: &str) -> Option<Command> {
        match self {
            Self::Systemd => {
                let mut command = Command::new("systemctl");
                command.args(["--no-ask-password", word, service]);
                Some(command)
            }
            Self::Script(script) => {
                let mut command = Command::new(script);
                command.arg(word);
                Some(command)
            }
            Self::None => None,
        }
    }
}

/// A name of a service is no path and no option.
fn named(service: &str) -> Result<(), String> {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    let sound = service.starts_with(|first: char| first.is_ascii_alphanumeric()) && service.chars().all(letter);
    if sound { Ok(()) } else { Err("this is no name of a service".to_owned()) }
}

/// True if the service runs.
pub(super) fn running(service: &str) -> Result<bool, Unread> {
    named(service).map_err(Unread)?;
    Ok(process(service).is_some())
}

/// Returns the number of its process: the one that it wrote down, else the one that is called so.
fn process(service: &str) -> Option<u32> {
    written(service).or_else(|| called(service))
}

/// Returns the number and the command line of its process, if it runs and no manager would find it.
pub(super) fn by_hand(service: &str, patience: Patience) -> Option<(u32, String)> {
    named(service).ok()?;
    let number = process(service)?;
    let managed = match Manager::of(service) {
        manager @ Manager::Systemd => {
            let asked = manager.command("is-active", service).map(|mut command| run(&mut command, patience.command));
            // where it cannot be asked, its restart tells
            asked.is_none_or(|active| active.unwrap_or(true))
        }
        // its script goes by that file
        Manager::Script(_) => written(service).is_some(),
        Manager::None => false,
    };
    let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy);
    (!managed).then(|| (number, words.collect::<Vec<_>>().join(" ")))
}

/// Returns the number of a process with the name of a service that listens, and that is of this machine and of no
/// container on it. One that serves a client may outlive the service, and does not listen.
fn called(service: &str) -> Option<u32> {
    let own = |number: u32| {
        let place = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
        let here = place("self");
        here.is_some() && place(&number.to_string()) == here
    };
    // the system cuts names at 15 bytes
    let name = service.get(..15).unwrap_or(service);
    let is_called =
        |number: u32| fs::read_to_string(format!("/proc/{number}/comm")).is_ok_and(|known| known.trim() == name);
    let all = fs::read_dir("/proc").ok()?.flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|number| is_called(*number) && own(*number) && listens(*number)).min()
}

/// True if the process waits for connections over TCP or at a socket in a folder (proc(5), `/proc/net`).
fn listens(number: u32) -> bool {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{number}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|end| Some(end.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    // the table, and where in its lines the state and the number of a socket stand
    [("tcp", 3, "0A", 9), ("tcp6", 3, "0A", 9), ("unix", 3, "00010000", 6)].iter().any(
        |(table, state, waits, inode)| {
            let text = fs::read_to_string(format!("/proc/{number}/net/{table}")).unwrap_or_default();
            text.lines().skip(1).any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let own = |at: &usize| words.get(*at).is_some_and(|word| sockets.iter().any(|socket| socket == word));
                words.get(*state) == Some(waits) && own(inode)
            })
        },
    )
}

/// Returns the number of its process, by the file in which it writes it down.
fn written(service: &str) -> Option<u32> {
    // a part of a program has its file beside those of the program: xrdp-sesman in /run/xrdp
    let whole = service.split('-').next().unwrap_or(service);
    let folders = [service, whole].map(|folder| format!("/run/{folder}/{service}.pid"));
    let mut files = folders.into_iter().chain([format!("/run/{service}.pid")]);
    files.find_map(|file| {
        let number = fs::read_to_string(file).ok()?.trim().parse::<u32>().ok()?;
        let name = fs::read_to_string(format!("/proc/{number}/comm")).ok()?;
        // the system cuts names at 15 bytes
        (!name.trim().is_empty() && service.starts_with(name.trim())).then_some(number)
    })
}

/// Starts or stops a service.
pub(super) fn set(service: &str, run: bool, patience: Patience) -> Result<(), Failed> {
    named(service).map_err(Failed)?;
    if process(service).is_some() == run {
        return Ok(());
    }
    order(if run { "start" } else { "stop" }, service, patience)?;
    let words = if run { "it did not start" } else { "it did not stop" };
    reached(patience.change, || process(service).is_some() == run).then_some(()).ok_or_else(|| failed(service, words))
}

/// Restarts a service that runs; behind that another process runs.
pub(super) fn restart(service: &str, patience: Patience) -> Result<(), Failed> {
    named(service).map_err(Failed)?;
    let Some(before) = process(service) else { return Ok(()) };
    if let Some((number, line)) = by_hand(service, patience) {
        return Err(failed(
            service,
            &format!("it was started by hand: `kill {number}`, then start it again: `{line}`"),
        ));
    }
    order("restart", service, patience)?;
    let renewed = || process(service).is_some_and(|now| now != before);
    reached(patience.change, renewed)
        .then_some(())
        .ok_or_else(|| failed(service, "it did not come back with a new process"))
}

fn failed(service: &str, why: &str) -> Failed {
    Failed(format!("service {service}: {why}"))
}

fn order(word: &str, service: &str, patience: Patience) -> Result<(), Failed> {
    let by_hand = || failed(service, "it was started by hand: end its process and start it again as it was started");
    let mut command = Manager::of(service).command(word, service).ok_or_else(by_hand)?;
    let ended = run(&mut command, patience.command).map_err(|why| failed(service, &why))?;
    if ended { Ok(()) } else { Err(failed(service, &format!("the system refused to {word} it"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths_and_no_options() {
        assert!(running("../x").is_err() && running("-x").is_err() && running("").is_err());
        assert_eq!(running("no-such-service-of-ours"), Ok(false));
        assert_eq!(restart("no-such-service-of-ours", Patience::default()), Ok(()));
    }
}
