//! Long counts: the same code as in the tests, with larger numbers.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::shell;

/// Test that is run for long.
pub struct Soak {
    name: &'static str,
    run: fn(&Path) -> Result<bool>,
}

const ALL: [Soak; 4] = [
    Soak { name: "healthy", run: healthy },
    Soak { name: "witness", run: witness },
    Soak { name: "repair", run: repair },
    Soak { name: "fuzz", run: fuzz },
];

/// Invented hosts that must not be blamed.
const HEALTHY_HOSTS: &str = "10000";
/// Described hosts that another client judges as well.
const WITNESSED_HOSTS: &str = "2000";
/// Random plans on the simulated machine.
const PLANS: &str = "10000";
/// Executions of each fuzz target.
const EXECUTIONS: &str = "10000000";
/// Most bytes of an input: some records of a flight, a transcript with a connection or two.
const INPUT_BYTES: &str = "4096";

impl Soak {
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|soak| soak.name == name)
    }

    /// Runs it and prints the count and the seconds.
    pub fn run(&self, root: &Path) -> Result<bool> {
        (self.run)(root)
    }
}

fn healthy(root: &Path) -> Result<bool> {
    let test = ["test", "--quiet", "-p", "diagnosis", "--test", "healthy"];
    shell::stream(shell::cargo(root, &[&test[..], &["--no-run"]].concat()))?;
    let mut command = shell::cargo(root, &[&test[..], &["--", "--nocapture"]].concat());
    command.env("RDPDOCTOR_HEALTHY_HOSTS", HEALTHY_HOSTS);
    let began = Instant::now();
    shell::stream(command)?;
    println!("{HEALTHY_HOSTS} healthy hosts: {:.1} s", began.elapsed().as_secs_f64());
    Ok(true)
}

/// Other hosts every day, the day of the run being their seed.
fn witness(root: &Path) -> Result<bool> {
    let features = ["--features", "legacy-tls"];
    let test = [&["test", "--quiet", "-p", "rdpdoctor", "--test", "witness"], &features[..]].concat();
    shell::stream(shell::cargo(root, &[&test[..], &["--no-run"]].concat()))?;
    let mut command = shell::cargo(root, &[&test[..], &["--", "--nocapture", "witness_agree"]].concat());
    let day = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400);
    command.env("RDPDOCTOR_WITNESS_HOSTS", WITNESSED_HOSTS).env("RDPDOCTOR_WITNESS_SEED", (day << 20).to_string());
    let python = crate::python::environment(root, "readers", crate::python::READERS)?.join("python3");
    command.env("RDPDOCTOR_TEST_PYTHON", python);
    let began = Instant::now();
    shell::stream(command)?;
    println!("{WITNESSED_HOSTS} hosts of the witness: {:.1} s", began.elapsed().as_secs_f64());
    Ok(true)
}

/// Random plans with random faults, and a real process that strace kills at each call that changes something.
fn repair(root: &Path) -> Result<bool> {
    let test = ["test", "--quiet", "-p", "repair", "--test", "simulated", "--test", "killed"];
    let mut command = shell::cargo(root, &[&test[..], &["--", "--nocapture", "random_plans", "system_call"]].concat());
    command.env("RDPDOCTOR_REPAIR_PLANS", PLANS).env("RDPDOCTOR_REPAIR_STRACE", "1");
    shell::stream(command)?;
    Ok(true)
}

/// Runs every target in turn; a crash leaves its input in `fuzz/artifacts` and ends the run.
fn fuzz(root: &Path) -> Result<bool> {
    let folder = root.join("fuzz");
    let cargo = |arguments: &[&str]| {
        let mut command = shell::cargo(&folder, arguments);
        // the engine's instrumentation is unstable; the code that it instruments is not
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    shell::stream(cargo(&["fuzz", "build", "-s", "none"])).context("cargo install cargo-fuzz --locked")?;
    for target in targets(&folder)? {
        let corpus = folder.join("corpus").join(&target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("make {}", corpus.display()))?;
        let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
        let (runs, size) = (format!("-runs={EXECUTIONS}"), format!("-max_len={INPUT_BYTES}"));
        let began = Instant::now();
        let dictionary = dictionary(&target).map(|name| format!("-dict=dictionaries/{name}"));
        let mut options = vec!["--", &runs, &size, "-print_final_stats=1", "-verbosity=0"];
        options.extend(dictionary.as_deref());
        shell::stream(cargo(&[&["fuzz", "run", "-s", "none", &target, &corpus, &seeds], &options[..]].concat()))?;
        println!("{EXECUTIONS} executions of {target}: {:.0} s, no crash", began.elapsed().as_secs_f64());
    }
    Ok(true)
}

/// Names the words of a format that a target may put together.
fn dictionary(target: &str) -> Option<&'static str> {
    match target {
        "rdp_file" | "inspect" => Some("rdp_file.dict"),
        "evidence" | "report" => Some("script_output.dict"),
        "transcript" | "conversation" => Some("transcript.dict"),
        _ => None,
    }
}

/// Lists the targets by the folder of their programs.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("fuzz_targets")).context("list fuzz_targets")? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
