//! `fix --confirm-within`: what nobody confirms is taken back by the guard, and a code keeps it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const INI: &str = "; xrdp.ini\n[Globals]\nport=3389\nsecurity_layer=rdp\n";
/// Longest wait for the guard, in pauses.
const PAUSES: usize = 1200;

/// Folder like the root of another machine with xrdp, with the journals beside it.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-confirm-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("root/etc/xrdp")).unwrap();
        let machine = Self(folder);
        fs::write(machine.ini(), INI).unwrap();
        machine
    }

    fn ini(&self) -> PathBuf {
        self.0.join("root/etc/xrdp/xrdp.ini")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.ini()).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        command.args(arguments).env("XDG_STATE_HOME", self.0.join("state")).output().unwrap()
    }

    /// Repairs the machine, and returns the code.
    fn fix(&self, within: &str) -> String {
        let root = self.0.join("root");
        let fixed = self.run(&["fix", root.to_str().unwrap(), "--apply", "--yes", "--confirm-within", within]);
        let text = String::from_utf8(fixed.stdout).unwrap();
        assert!(text.contains("Applied"), "{text}{}", String::from_utf8_lossy(&fixed.stderr));
        text.lines().find_map(|line| line.trim().strip_prefix("rdpdoctor confirm ")).unwrap().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Counts the guards of the runs in this folder.
fn guards(folder: &Path) -> usize {
    processes(folder).len()
}

/// Returns the numbers of their processes.
fn processes(folder: &Path) -> Vec<String> {
    let is_guard = |process: &PathBuf| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(" guard ") && line.contains(folder.to_str().unwrap())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).filter(is_guard);
    processes.map(|process| process.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let came = (0..PAUSES).any(|_| {
        holds() || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    });
    assert!(came, "{what}");
}

#[test]
fn a_change_that_nobody_confirms_is_taken_back() {
    let machine = Machine::new("late");
    let code = machine.fix("1s");
    until("it is taken back", || machine.text() == INI);
    until("its guard ends", || guards(&machine.0) == 0);
    let late = machine.run(&["confirm", &code]);
    assert_eq!(late.status.code(), Some(3), "{late:?}");
    assert_eq!(machine.text(), INI);
}

#[test]
fn a_code_keeps_a_change_and_undo_takes_it_back_all_the_same() {
    let machine = Machine::new("kept");
    let code = machine.fix("10m");
    assert_eq!(machine.run(&["confirm", "0000-000"]).status.code(), Some(3));
    let kept = machine.run(&["confirm", &code]);
    assert_eq!(kept.status.code(), Some(0), "{kept:?}");
    assert!(machine.text().contains("security_layer=negotiate"), "{}", machine.text());
    until("its guard ends", || guards(&machine.0) == 0);
    assert_eq!(machine.run(&["undo", "--yes"]).status.code(), Some(0));
    assert_eq!(machine.text(), INI);
}

/// The next command, whichever it is, takes back what a killed guard owed.
#[test]
fn the_next_command_takes_back_what_a_killed_guard_left() {
    let commands: [&[&str]; 4] = [&["history"], &["confirm", "0000-0000"], &["fix"], &["undo", "--yes"]];
    let machines = commands.map(|command| {
        let machine = Machine::new(&format!("killed-{}", command[0]));
        machine.fix("8s");
        let guards = processes(&machine.0);
        assert_eq!(guards.len(), 1, "{guards:?}");
        assert!(Command::new("kill").args(["-9", &guards[0]]).status().unwrap().success());
        until("its guard is gone", || processes(&machine.0).is_empty());
        assert_ne!(machine.text(), INI);
        machine
    });
    for (machine, command) in machines.iter().zip(commands) {
        // `undo` takes back at once, also before the time is over
        let root = machine.0.join("root");
        let named = (command[0] == "fix").then_some(root.to_str().unwrap());
        let command: Vec<&str> = command.iter().copied().chain(named).collect();
        until("it is taken back", || {
            machine.run(&command);
            machine.text() == INI
        });
    }
}

/// Nobody is left behind to watch over a run whose journal is gone.
#[test]
fn a_guard_ends_with_its_journal() {
    let machine = Machine::new("gone");
    machine.fix("10m");
    let folder = machine.0.clone();
    until("a guard waits", || guards(&folder) == 1);
    drop(machine);
    until("it ends with its journal", || guards(&folder) == 0);
}

/// A weaker setting is refused with the reason; where nobody could take it back in time, also as a lease.
#[test]
fn a_weaker_setting_is_refused() {
    let machine = Machine::new("weaker");
    let (root, plan) = (machine.0.join("root"), machine.0.join("plan.json"));
    let (root, plan) = (root.to_str().unwrap(), plan.to_str().unwrap());
    assert_eq!(machine.run(&["fix", root, "--save", plan]).status.code(), Some(1));
    let weaker = fs::read_to_string(plan).unwrap().replace("\"negotiate\"", "\"none-of-it\"");
    let weaker = weaker.replace("\"text\": \"rdp\"", "\"text\": \"tls\"");
    fs::write(plan, weaker).unwrap();
    fs::write(machine.ini(), INI.replace("=rdp", "=tls")).unwrap();
    let refused = machine.run(&["fix", root, "--from", plan, "--apply", "--yes"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && told.contains("would be weaker") && told.contains("--lease"), "{told}");
    let refused = machine.run(&["fix", root, "--from", plan, "--apply", "--yes", "--lease"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && told.contains("does not run here"), "{told}");
    assert_eq!(machine.text(), INI.replace("=rdp", "=tls"));
}
