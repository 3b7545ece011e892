//! Every crash that fuzzing ever found (`crashes/TARGET/`) and every seed (`fuzz/seeds/TARGET/`), as plain tests.

#![allow(clippy::disallowed_methods, reason = "crash files are files")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};

#[path = "../../../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "the targets are a crate of their own"
)]
mod targets;

/// Targets of other crates, whose tests replay their files.
const ELSEWHERE: &[&str] = &[
    "event_log",
    "registry_hive",
    "rdp_file",
    "evidence",
    "exported_events",
    "firewall_log",
    "firewall_rules",
    "firewall_profiles",
    "policy_report",
    "journal",
    "process_monitor_log",
    "registry_export",
    "xrdp_log",
    "client_log",
    "report",
    "inspect",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let known = ELSEWHERE.contains(&&*name) || targets::TARGETS.iter().any(|(target, _)| *target == name);
        assert!(known, "{name} is no target");
    }
    targets::TARGETS
        .iter()
        .map(|(target, run)| {
            let files = files(&folder.join(target));
            for file in &files {
                // the name is what a failing test shows
                println!("{}", file.display());
                run(&std::fs::read(file).unwrap());
            }
            files.len()
        })
        .sum()
}

#[test]
fn crashes_of_the_past_do_not_return() {
    replay("tests/crashes");
}

#[test]
fn every_seed_passes_and_every_target_has_one() {
    assert!(replay("../../fuzz/seeds") >= targets::TARGETS.len());
    for (target, _) in targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        assert!(!files(&folder).is_empty(), "{target} has no seed");
    }
}

#[test]
fn seeds_are_those_of_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in files(&folder.join("tests/transcripts")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (number, (target, bytes)) in targets::seeds(&text).into_iter().enumerate() {
            let seed = folder.join("../../fuzz/seeds").join(target).join(format!("{stem}-{number}"));
            // not assert_eq: nobody reads kilobytes of numbers
            assert!(std::fs::read(&seed).ok() == Some(bytes), "{}: run the command of fuzz/README.md", seed.display());
        }
    }
}
