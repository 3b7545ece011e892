//! `inspect` and `collect` of the same files.

use std::fs;
use std::path::{Path, PathBuf};

use evidence::moment::moment;
use serde_json::Value;
use time::OffsetDateTime;

use crate::program::Program;

/// Kinds of evidence files, as the folders of their seeds are called.
const KINDS: [&str; 13] = [
    "event_log",
    "evidence",
    "exported_events",
    "firewall_log",
    "firewall_profiles",
    "firewall_rules",
    "journal",
    "policy_report",
    "process_monitor_log",
    "registry_export",
    "registry_hive",
    "transcript",
    "xrdp_log",
];

/// Folder of one test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rdpdoctor-windows-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Puts the seeds of a kind here, and returns their names.
    pub fn seeds(&self, kind: &str) -> Vec<String> {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(kind);
        let mut names = Vec::new();
        for seed in fs::read_dir(seeds).unwrap().map(|entry| entry.unwrap().path()) {
            let name = format!("{kind}-{}", seed.file_name().unwrap().to_str().unwrap());
            fs::copy(&seed, self.0.join(&name)).unwrap();
            names.push(name);
        }
        names.sort();
        assert!(!names.is_empty(), "{kind} has no seeds");
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes the moments since `start` as one word: two programs do not read a file at the same moment.
fn without_now(text: &str, start: OffsetDateTime) -> String {
    let now = |part: &str| moment(part).is_some_and(|at| at >= start);
    text.split('"').map(|part| if now(part) { "NOW" } else { part }).collect::<Vec<_>>().join("\"")
}

/// Says where two reports part; nothing if they do not.
fn difference(one: &str, other: &str) -> Option<String> {
    let mut lines = one.lines().zip(other.lines());
    let parted = lines.find(|(one, other)| one != other).map(|(one, other)| format!("{one} / {other}"));
    parted.or_else(|| (one != other).then(|| "one of them goes on".to_owned()))
}

#[test]
fn the_same_files_give_the_same_json() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("json");
    let (windows, here) = (windows.within(&folder.0), Program::here().within(&folder.0));
    for kind in KINDS {
        let names = folder.seeds(kind);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let words = [&["inspect", "--format", "json"], &names[..]].concat();
        let start = OffsetDateTime::now_utc();
        let (here, there) = (here.run(&words), windows.run(&words));
        let parted = difference(&without_now(&there.stdout, start), &without_now(&here.stdout, start));
        assert_eq!(parted, None, "{kind}: {}", there.stderr);
        assert_eq!((there.status, &there.stderr), (here.status, &here.stderr), "{kind}");
        let report: Value = serde_json::from_str(&here.stdout).unwrap();
        assert!(report["observations"].as_array().is_some_and(|seen| !seen.is_empty()), "{kind}: nothing was seen");
    }
}

/// Names in any script get in as arguments, are found in folders and come out again; paths are written as on Windows.
#[test]
fn paths_are_those_of_windows() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("paths");
    let inner = folder.0.join("Ordner/Журналы 日志");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("System.evtx"), "no log").unwrap();
    let windows = windows.within(&folder.0);
    for named in ["Ordner", "Ordner/Журналы 日志", "Ordner\\Журналы 日志/System.evtx"] {
        let said = windows.run(&["inspect", named, "--format", "json"]);
        assert!(said.stdout.contains(r#""Ordner\\Журналы 日志\\System.evtx""#), "{named}: {said:?}");
        assert_eq!(said.status, Some(2), "{named}");
    }
}

#[test]
fn a_bundle_is_read_here_to_the_same_diagnosis() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("bundle");
    let (windows, here) = (windows.within(&folder.0), Program::here().within(&folder.0));
    let names: Vec<String> = ["evidence", "event_log"].into_iter().flat_map(|kind| folder.seeds(kind)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let collected = windows.run(&[&["collect", "-o", "bundle.zip"], &names[..]].concat());
    assert!(collected.status.is_some_and(|status| status == 0 || status == 2), "{collected:?}");
    let judged = |program: &Program, paths: &[&str]| {
        let said = program.run(&[&["inspect", "--format", "json"], paths].concat());
        let report: Value = serde_json::from_str(&said.stdout).unwrap();
        let told = |finding: &Value| ["cause", "severity", "confidence"].map(|field| finding[field].clone());
        let findings: Vec<_> = report["findings"].as_array().unwrap().iter().map(told).collect();
        (report["verdict"].clone(), findings)
    };
    let files = judged(&here, &names);
    assert!(!files.1.is_empty(), "the files tell of no fault");
    assert_eq!(judged(&here, &["bundle.zip"]), files);
    assert_eq!(judged(&windows, &["bundle.zip"]), files);
    // another file is not replaced, and a second bundle is
    assert_eq!(windows.run(&["collect", names[0], "-o", "bundle.zip"]).status, Some(3));
    assert_ne!(windows.run(&["collect", names[0], "-o", "bundle.zip", "--force"]).status, Some(3));
}
