//! Reading that takes long: it shows how far it is where somebody looks, and ends with what is known.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "real/support/folder.rs"]
#[allow(dead_code, reason = "it is that of the tests on real servers")]
mod folder;

use std::fs::{File, read_to_string};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use folder::Folder;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rdpdoctor");
/// Size of a log without entries, which takes no room on the disk and long to read.
const SPARSE: u64 = 2 << 40;

/// Writes a setting that is read at once, and behind it in the order of names a log that takes long.
fn long_reading() -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.path().join("a.rdp"), "full address:s:server01.corp.example\r\n").unwrap();
    let mut head = vec![0; 4096];
    head[..8].copy_from_slice(b"ElfFile\0");
    head[40..42].copy_from_slice(&4096_u16.to_le_bytes());
    let log = folder.path().join("b.evtx");
    std::fs::write(&log, head).unwrap();
    File::options().write(true).open(&log).unwrap().set_len(SPARSE).unwrap();
    folder
}

/// Bytes that a process has read so far.
fn read_by(process: u32) -> u64 {
    let counts = read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let line = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap_or("0");
    line.parse().unwrap()
}

fn report(folder: &Path, signal: &str) -> (Option<i32>, serde_json::Value) {
    let mut command = Command::new(PROGRAM);
    command.args(["inspect", ".", "--format", "json"]).current_dir(folder).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let began = Instant::now();
    while read_by(child.id()) < 1 << 20 {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not begin to read");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_signal_ends_the_reading_with_what_is_known() {
    let folder = long_reading();
    for signal in ["-INT", "-TERM"] {
        let (status, report) = report(folder.path(), signal);
        assert_eq!((status, &report["interrupted"]), (Some(2), &true.into()), "{signal}");
        let text = report.to_string();
        assert!(text.contains("the reading was ended before its end"), "{text}");
        assert!(text.contains("server01.corp.example"), "what was read before counts: {text}");
    }
}

#[test]
fn a_terminal_shows_how_far_the_reading_is() {
    let folder = long_reading();
    // `script` gives the program a terminal, and `timeout` ends it as a service manager would
    let inner = format!("timeout --foreground -s TERM 3 {PROGRAM} inspect .");
    let mut command = Command::new("script");
    command.args(["-qec", &inner, "/dev/null"]).current_dir(folder.path()).env("TERM", "xterm");
    let output = command.stdin(Stdio::null()).output().expect("script, which is part of every Debian");
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.split('\r').find(|line| line.contains("reading: ")).unwrap_or_default();
    assert!(line.contains("MiB/s; Ctrl-C ends it with what is known"), "{said}");
    assert!(said.contains("Interrupted: this is what was seen up to then."), "{said}");
    // and where nobody looks there is no such line
    let mut command = Command::new("timeout");
    let output =
        command.args(["-s", "TERM", "3", PROGRAM, "inspect", "."]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
