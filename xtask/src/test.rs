//! `cargo xtask test`: the whole judgement, one step after the other, with the seconds of each.
//!
//! The order follows what the steps share: clippy and docs use the same check artefacts, the plain build serves the
//! generators, and the tests come last because they take longest.

mod skips;

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::skips::Skips;
use crate::packages::Part;
use crate::{generate, licences, packages, python, release, shell, tidy, windows};

/// Feature that needs OpenSSL on the system.
const LEGACY: &str = "rdpdoctor/legacy-tls";

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Row {
    step: &'static str,
    time: Duration,
    outcome: Outcome,
}

/// Results of the steps so far.
struct Report {
    rows: Vec<Row>,
    skips: Skips,
}

/// Runs all steps; true if none failed.
pub fn run() -> Result<bool> {
    let root = shell::root()?;
    println!("On a quiet machine this takes about five minutes, and an hour where all is built anew.");
    let mut report = Report { rows: Vec::new(), skips: Skips::default() };
    report.packages();
    let features: &[&str] = if packages::missing().iter().any(|package| package.part == Part::Legacy) {
        &[]
    } else {
        &["--features", LEGACY]
    };
    report.step("fmt", || cargo(&root, &["fmt", "--all", "--check"], &[]));
    report.step("licences", || verdict(licences::run(&root)));
    report.step("tidy", || verdict(tidy::run(&root)));
    report.step("clippy", || clippy(&root, features));
    report.step("docs", || docs(&root, features));
    report.step("fuzz targets", || {
        cargo(&root.join("fuzz"), &["check", "--quiet", "--bins", "--target-dir", "../target/fuzz"], &[])
    });
    let built = report.step("build", || build(&root));
    if built {
        report.step("generated files", || verdict(generate::check(&root)));
    } else {
        report.skip("generated files", "the build failed, and a generator is part of it");
    }
    let readers = report.readers(&root);
    let windows = report.windows(&root);
    let mut skips = Skips::default();
    report.step("tests", || {
        let arguments = [&["test", "--workspace", "--no-fail-fast"], features, &["--", "--show-output"]].concat();
        let mut tests = shell::cargo(&root, &arguments);
        tests.envs(readers.map(|python| ("RDPDOCTOR_TEST_PYTHON", python)));
        tests.envs(windows.iter().flat_map(windows::Program::variables));
        shell::watch(tests, |line| {
            if skips.shown(line) {
                println!("{line}");
            }
        })
    });
    report.skips = skips;
    Ok(report.close())
}

impl Report {
    /// Runs one step and notes its result; true if it passed.
    fn step(&mut self, step: &'static str, work: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {step}");
        let start = Instant::now();
        let result = work();
        let time = start.elapsed();
        let passed = result.is_ok();
        let outcome = result.map_or_else(|error| Outcome::Failed(format!("{error:#}")), |()| Outcome::Passed);
        self.rows.push(Row { step, time, outcome });
        self.last();
        passed
    }

    fn skip(&mut self, step: &'static str, reason: &str) {
        println!("\n== {step}");
        self.rows.push(Row { step, time: Duration::ZERO, outcome: Outcome::Skipped(reason.to_owned()) });
        self.last();
    }

    fn last(&self) {
        if let Some(row) = self.rows.last() {
            println!("{}", row.line());
        }
    }

    /// Installs missing packages, or says what is missing and which steps go without it.
    fn packages(&mut self) {
        let missing = packages::missing();
        if missing.is_empty() || packages::can_install() {
            self.step("packages", || if missing.is_empty() { Ok(()) } else { packages::install(&missing) });
            return;
        }
        let named = format!("not installed (that needs root and apt-get):\n{}", packages::reasons(&missing));
        if shell::full() {
            self.step("packages", || bail!(named));
            return;
        }
        self.skip("packages", &named);
        let lacks = |part| missing.iter().any(|package| package.part == part);
        if lacks(Part::Legacy) {
            self.skip("legacy TLS", "clippy, docs and tests go without OpenSSL: its packages are missing");
        }
        if lacks(Part::Tests) {
            self.skip("real hosts", "tests that need a missing program say so and skip themselves");
        }
    }

    /// Puts independent readers of evidence where the tests find them, or says why the tests go without.
    fn readers(&mut self, root: &Path) -> Option<PathBuf> {
        let mut place = None;
        let mut make = || {
            place = Some(python::environment(root, "readers", python::READERS)?.join("python3"));
            Ok(())
        };
        if shell::full() {
            self.step("readers", make);
        } else if let Err(error) = make() {
            self.skip("readers", &format!("tests beside python-evtx and regipy skip themselves: {error:#}"));
        }
        place
    }

    /// Builds the program for Windows and prepares Wine for it, or says why the tests go without.
    fn windows(&mut self, root: &Path) -> Option<windows::Program> {
        if packages::missing().iter().any(|package| package.part == Part::Windows) && !shell::full() {
            self.skip("Windows", "no program for Windows is made and tested: its packages are missing");
            return None;
        }
        let mut made = None;
        self.step("Windows", || {
            made = Some(windows::make(root, windows::Profile::Dev)?);
            Ok(())
        });
        made
    }

    /// Prints the table and the count; true if nothing failed.
    fn close(&self) -> bool {
        println!("\n== all steps");
        for row in &self.rows {
            println!("{}", row.line());
        }
        let count = |is: fn(&Outcome) -> bool| self.rows.iter().filter(|row| is(&row.outcome)).count();
        let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let total: Duration = self.rows.iter().map(|row| row.time).sum();
        println!("{:>8.1} s in all\n", total.as_secs_f64());
        self.skips.lines().iter().for_each(|line| println!("{line}"));
        let tail = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        let tests = match self.skips.count() {
            0 => String::new(),
            count => format!("; {count} tests passed without testing anything, see above"),
        };
        println!("{} passed, {failed} failed{tail}{tests}", self.rows.len() - failed - skipped);
        failed == 0
    }
}

impl Row {
    fn line(&self) -> String {
        let outcome = match &self.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        };
        format!("{:>8.1} s  {:16}{}", self.time.as_secs_f64(), self.step, outcome.trim_end())
    }
}

fn verdict(result: Result<bool>) -> Result<()> {
    if !result? {
        bail!("see above");
    }
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str], features: &[&str]) -> Result<()> {
    shell::stream(shell::cargo(root, &[arguments, features].concat()))
}

fn clippy(root: &Path, features: &[&str]) -> Result<()> {
    let arguments = [&["clippy", "--workspace", "--all-targets"], features, &["--", "-D", "warnings"]].concat();
    cargo(root, &arguments, &[])
}

fn docs(root: &Path, features: &[&str]) -> Result<()> {
    let mut command = shell::cargo(root, &[&["doc", "--workspace", "--no-deps"], features].concat());
    let flags = env::var("RUSTDOCFLAGS").unwrap_or_default();
    command.env("RUSTDOCFLAGS", format!("{flags} -D warnings"));
    shell::stream(command)
}

/// Builds the binary as people get it, which must not need OpenSSL to start.
fn build(root: &Path) -> Result<()> {
    let text = shell::capture(shell::cargo(
        root,
        &["build", "-p", "rdpdoctor", "--message-format", "json-render-diagnostics"],
    ))?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let binaries: Vec<String> =
        messages.filter_map(|message| message["executable"].as_str().map(str::to_owned)).collect();
    let binary = binaries.last().context("cargo built no program")?;
    let bytes = std::fs::read(binary).context("read the program that was built")?;
    if bytes.windows(9).any(|window| window == b"libssl.so") {
        bail!("the binary without extra features is linked with OpenSSL");
    }
    release::without_keys(&bytes)?;
    if cfg!(target_os = "linux") { release::hardened(Path::new(binary)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_stop_later_steps_and_is_counted() {
        let mut report = Report { rows: Vec::new(), skips: Skips::default() };
        assert!(!report.step("first", || bail!("broken")));
        assert!(report.step("second", || Ok(())));
        assert_eq!(report.rows.len(), 2);
        assert!(!report.close());
    }

    #[test]
    fn a_skip_is_no_failure_and_keeps_its_reason() {
        let mut report = Report { rows: Vec::new(), skips: Skips::default() };
        report.skip("third", "no screen");
        assert_eq!(report.rows[0].line(), "     0.0 s  third           skipped: no screen");
        assert!(report.close());
    }
}
