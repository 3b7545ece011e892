//! `fix --confirm-within`: what nobody confirms is taken back by the guard, and a code keeps it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
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

#[test]
fn a_change_that_nobody_confirms_is_taken_back() {
    let machine = Machine::new("late");
    let code = machine.fix("1s");
    let back = (0..PAUSES).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        machine.text() == INI
    });
    assert!(back, "{}", machine.text());
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
    assert_eq!(machine.run(&["undo", "--yes"]).status.code(), Some(0));
    assert_eq!(machine.text(), INI);
}
