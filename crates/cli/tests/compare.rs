//! `compare`: hosts of the lab and reports beside each other.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::{Lab, Scenario};
use serde_json::Value;

/// Folder that is gone at the end of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-compare-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(scenario: &str) -> (Lab, String) {
    let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    (lab, address)
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).env("COLUMNS", "100").output().unwrap()
}

fn report_of(address: &str) -> Value {
    serde_json::from_slice(&program(&["diagnose", address, "--timeout", "4s", "--format", "json"]).stdout).unwrap()
}

fn compared(working: &str, broken: &str) -> (Option<i32>, Value) {
    let output = program(&["compare", working, broken, "--timeout", "4s", "--format", "json"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}")))
}

fn aspects(comparison: &Value) -> Vec<&str> {
    let differences = comparison["differences"].as_array().unwrap();
    differences.iter().map(|difference| difference["aspect"].as_str().unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[cfg(feature = "legacy-tls")]
#[test]
fn a_host_beside_one_that_only_speaks_tls_1_0() {
    let ((_here, working), (_there, broken)) = (start("healthy-server-2022"), start("tls-version-mismatch"));
    let (status, comparison) = compared(&working, &broken);
    let first = &comparison["differences"][0];
    assert_eq!((status, &comparison["result"]), (Some(1), &"different".into()), "{comparison:#}");
    assert_eq!((&first["aspect"], &first["severity"]), (&"tls-answer".into(), &"blocking".into()), "{comparison:#}");
    assert!(first["explains"].as_array().unwrap().contains(&"tls-version-mismatch".into()), "{comparison:#}");
}

#[test]
fn a_fault_stands_below_the_difference_that_it_comes_from() {
    let ((_here, working), (_there, broken)) = (start("healthy-server-2022"), start("standard-security-only"));
    let (status, comparison) = compared(&working, &broken);
    let first = &comparison["differences"][0];
    assert_eq!((status, &first["aspect"]), (Some(1), &"security-protocol".into()), "{comparison:#}");
    assert_eq!(first["explains"], serde_json::json!(["standard-security-only"]), "{comparison:#}");
    assert!(!aspects(&comparison).contains(&"finding"), "it is told once: {comparison:#}");
}

#[test]
fn two_healthy_hosts_of_one_kind_have_no_difference() {
    let ((_here, working), (_there, broken)) = (start("healthy-server-2022"), start("healthy-server-2022"));
    let (status, comparison) = compared(&working, &broken);
    assert_eq!((status, aspects(&comparison)), (Some(0), Vec::<&str>::new()), "{comparison:#}");
}

#[test]
fn of_two_reports_a_month_apart_the_renewed_certificate_and_nothing_else() {
    let (folder, (_lab, address)) = (Folder::new("month"), start("healthy-server-2022"));
    let before = report_of(&address);
    let mut now = before.clone();
    now["at"] = "2027-01-01T00:00:00Z".into();
    now["seconds"] = 9.5.into();
    for stage in now["stages"].as_array_mut().unwrap() {
        stage["seconds"] = 0.5.into();
        stage["text"] = stage["text"].as_str().unwrap().replace("until 20", "until 21").into();
    }
    for seen in now["observations"].as_array_mut().unwrap() {
        let value: Option<Value> = match seen["fact"].as_str().unwrap() {
            "certificate.sha1" => Some("ab".repeat(20).into()),
            "certificate.sha256" => Some("ab".repeat(32).into()),
            "certificate.not_before" => Some("2026-12-25T00:00:00Z".into()),
            "certificate.not_after" => Some("2027-06-25T00:00:00Z".into()),
            "clock.offset_seconds" => Some(1.25.into()),
            _ => None,
        };
        seen["value"] = value.unwrap_or_else(|| seen["value"].clone());
        seen["at"] = "2027-01-01T00:00:00Z".into();
    }
    let before = folder.file("before.json", before.to_string());
    // as Windows PowerShell writes the output of a program
    let utf_16: Vec<u8> = format!("\u{feff}{now:#}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let now = folder.file("now.json", utf_16);
    let (status, comparison) = compared(text(&before), text(&now));
    assert_eq!((status, aspects(&comparison)), (Some(1), vec!["certificate"]), "{comparison:#}");
    assert_eq!(comparison["same_host"], true);
    // and against the host itself, which has the certificate of the first report
    let (status, today) = compared(text(&before), &address);
    assert_eq!((status, aspects(&today)), (Some(0), vec![]), "{today:#}");
}

#[test]
fn a_transcript_is_as_good_as_a_report() {
    let (folder, (_lab, address)) = (Folder::new("transcript"), start("healthy-server-2022"));
    let transcript = folder.0.join("probe.txt");
    program(&["diagnose", &address, "--transcript", text(&transcript)]);
    let (status, comparison) = compared(text(&transcript), &address);
    assert_eq!((status, &comparison["same_host"]), (Some(0), &true.into()), "{comparison:#}");
}

#[test]
fn the_words_name_the_difference_and_what_it_explains() {
    let ((_here, working), (_there, broken)) = (start("healthy-server-2022"), start("port-closed"));
    let output = program(&["compare", &working, &broken, "--timeout", "4s"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{text}");
    for said in ["1 difference that matters:", "1. TCP answer (blocking)", "working: accepted", "broken: refused"] {
        assert!(flowing.contains(said), "{said}: {text}");
    }
    assert!(flowing.contains("It explains what was found there: port-closed"), "{text}");
    assert!(flowing.contains("not compared, because only one of them got there: x224, tls"), "{text}");
}

#[test]
fn what_is_no_report_is_an_error_and_what_is_hostile_paints_nothing() {
    let (folder, (_lab, address)) = (Folder::new("hostile"), start("healthy-server-2022"));
    let good = report_of(&address);
    let painted = good.to_string().replace("SERVER01", "\\u001b[2Jx\\u202e");
    let other = good.to_string().replace("rdpdoctor/1", "rdpdoctor/9");
    let deep = format!("{{\"schema\":{}", "[".repeat(100_000));
    let good = folder.file("good.json", good.to_string());
    let painted = folder.file("painted.json", painted);
    let output = program(&["compare", text(&good), text(&painted)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("{U+001B}[2Jx{U+202E}") && !said.contains(['\u{1b}', '\u{202e}']), "{said}");
    let wrong = [
        folder.file("other.json", other),
        folder.file("deep.json", deep),
        folder.file("empty.json", ""),
        folder.file("binary.json", [0, 255, 1, 254]),
        folder.0.join("missing.json"),
        folder.0.clone(),
    ];
    for path in &wrong {
        let output = program(&["compare", text(&good), text(path)]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{}: {told}", path.display());
        assert!(told.starts_with("error: ") && !told.contains("panicked"), "{told}");
    }
}
