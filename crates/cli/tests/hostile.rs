//! Hostile hosts: each ends in a verdict, within its time and below its memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::{Lab, Scenario};

/// Time-out given; questions for a finding may take as long again, and half a second is for the rest.
const TIMEOUT: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_millis(500);
/// The promise of the README, in KiB.
const MEMORY: u64 = 64 * 1024;

/// Returns the highest resident size so far, in KiB; `None` once the process is gone.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Diagnoses the first host of a scenario; returns its exit status, time and peak memory.
fn measure(scenario: &Scenario) -> (i32, Duration, u64) {
    let lab = Lab::start(scenario).unwrap();
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
        .args(["diagnose", &lab.addresses()[0].to_string(), "--timeout", "2s"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    loop {
        most = most.max(peak(&child).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), began.elapsed(), most);
        }
        assert!(began.elapsed() < TIMEOUT * 4, "{} does not end", scenario.name);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Set RDPDOCTOR_TABLE to print time and memory of each.
#[test]
fn every_hostile_host_ends_in_time_and_in_little_memory() {
    let playable = |s: &Scenario| cfg!(feature = "legacy-tls") || !s.needs_legacy_tls();
    let scenarios = Scenario::all().into_iter().filter(|s| s.name.starts_with("hostile-")).filter(playable);
    let mut table = Vec::new();
    for scenario in scenarios {
        let (status, time, memory) = measure(&scenario);
        assert!((0..=2).contains(&status), "{}: exit status {status}", scenario.name);
        assert!(time < TIMEOUT * 2 + SLACK, "{}: {time:?}", scenario.name);
        assert!(memory < MEMORY, "{}: {memory} KiB", scenario.name);
        table.push(format!("{memory:>6} KiB {:>6.3} s  {}\n", time.as_secs_f64(), scenario.name));
    }
    assert!(table.len() >= 50, "only {} hostile hosts", table.len());
    if std::env::var_os("RDPDOCTOR_TABLE").is_some() {
        table.sort();
        rdpdoctor_cli::terminal::complain(&table.concat());
    }
}
