//! Asks `rdpdoctor diagnose`, and checks that its transcript says the same.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::{env, fs};

use serde_json::Value;
use wire::transcript::Transcript;

use super::command;
use super::folder::{Folder, number};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rdpdoctor");

/// Diagnosis as the program printed it.
pub struct Told {
    pub status: Option<i32>,
    pub report: Value,
    pub file: PathBuf,
    /// Text of the transcript, because the folder may be gone when it is wanted.
    text: String,
    options: Vec<String>,
}

/// Diagnoses `target` with these options from the machine's own network.
pub fn ask(folder: &Folder, target: &str, options: &[&str]) -> Told {
    ask_from(None, folder, target, options)
}

/// Diagnoses from inside a network namespace. The transcript must replay to the same report.
pub fn ask_from(inside: Option<&str>, folder: &Folder, target: &str, options: &[&str]) -> Told {
    let file = folder.file(&format!("probe-{}.txt", number()));
    let mut live = command(inside, PROGRAM);
    live.args(["diagnose", target, "--format", "json", "--transcript"]).arg(&file).args(options);
    let output = live.output().unwrap();
    let told = Told { options: options.iter().map(ToString::to_string).collect(), ..told(&output, &file) };
    let asked = [&[target], options].concat().join(" ");
    eprintln!("{asked}: {}\n  {}", told.summary(), told.rungs().join("\n  "));
    let again = replayed(None, &file, options);
    assert_eq!((told.status, told.essence()), (again.status, again.essence()), "the transcript replays differently");
    told
}

/// Diagnoses a transcript; options of a live run that a replay does not take are left out.
pub fn replayed(inside: Option<&str>, file: &Path, options: &[&str]) -> Told {
    let output = replay(inside, file, options).args(["--format", "json"]).output().unwrap();
    told(&output, file)
}

/// Diagnoses `target`, which must be healthy, and returns the transcript as `--redact` leaves it.
pub fn redacted(folder: &Folder, target: &str) -> PathBuf {
    let file = folder.file(&format!("redacted-{}.txt", number()));
    let mut live = command(None, PROGRAM);
    let output = live.args(["diagnose", target, "--redact", "--transcript"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    file
}

fn replay(inside: Option<&str>, file: &Path, options: &[&str]) -> std::process::Command {
    let mut again = command(inside, PROGRAM);
    again.args(["diagnose", "--replay"]).arg(file).args(options).env("COLUMNS", "100").env("NO_COLOR", "1");
    again
}

fn told(output: &Output, file: &Path) -> Told {
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr));
    });
    Told {
        status: output.status.code(),
        report,
        file: file.to_owned(),
        text: fs::read_to_string(file).unwrap(),
        options: Vec::new(),
    }
}

impl Told {
    pub fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap()
    }

    pub fn reached(&self) -> &str {
        self.report["reached"].as_str().unwrap_or("nothing")
    }

    pub fn connections(&self) -> u64 {
        self.report["connections"].as_u64().unwrap()
    }

    /// Returns the causes that change the verdict, in their order.
    pub fn causes(&self) -> Vec<&str> {
        let findings = self.report["findings"].as_array().unwrap();
        let counted = findings.iter().filter(|finding| finding["severity"] != "advisory");
        counted.map(|finding| finding["cause"].as_str().unwrap()).collect()
    }

    /// Returns the value of the first observation of this name.
    pub fn fact(&self, name: &str) -> Option<&Value> {
        let seen = self.report["observations"].as_array().unwrap();
        seen.iter().find(|observation| observation["fact"] == name).map(|observation| &observation["value"])
    }

    /// Returns the terminal's text with its lines joined, so that wrapping does not matter.
    pub fn words(&self) -> String {
        let options: Vec<_> = self.options.iter().map(String::as_str).collect();
        let output = replay(None, &self.file, &options).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns all that must not depend on when and how it was seen: verdict, reached, findings and stages.
    pub fn essence(&self) -> [&Value; 4] {
        ["verdict", "reached", "findings", "stages"].map(|field| &self.report[field])
    }

    /// Checks the verdict and the causes, and nothing else.
    pub fn expect(&self, status: i32, verdict: &str, causes: &[&str]) {
        let expected = (Some(status), verdict, causes.to_vec());
        assert_eq!((self.status, self.verdict(), self.causes()), expected, "{:#}", self.report["stages"]);
    }

    fn summary(&self) -> String {
        let (status, count) = (self.status.unwrap_or(-1), self.connections());
        let words = format!("exit {status}, {}, reached {}", self.verdict(), self.reached());
        format!("{words}, {:?}, {count} connections, {} s", self.causes(), self.report["seconds"])
    }

    /// Returns the rungs as a terminal shows them.
    pub fn rungs(&self) -> Vec<String> {
        let stages = self.report["stages"].as_array().unwrap();
        let word = |stage: &Value, field: &str| stage[field].as_str().unwrap_or_default().to_owned();
        let rung = |stage| format!("{} {}: {}", word(stage, "stage"), word(stage, "outcome"), word(stage, "text"));
        stages.iter().map(rung).collect()
    }

    /// Keeps the redacted transcript where `RDPDOCTOR_KEEP_TRANSCRIPTS` says.
    pub fn keep(&self, name: &str) {
        let Some(folder) = env::var_os("RDPDOCTOR_KEEP_TRANSCRIPTS") else { return };
        let transcript: Transcript = self.text.parse().unwrap();
        fs::write(Path::new(&folder).join(format!("{name}.txt")), transcript.redacted().to_string()).unwrap();
    }
}
