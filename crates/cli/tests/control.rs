//! `--control`: a second host of the lab tells whether only the first one has the fault.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use lab::{Lab, Scenario};

/// Reports on the first host of `scenario`, with the first host of `control` beside it; and returns the exit status.
fn diagnose(scenario: &str, control: &str, format: &str) -> (Option<i32>, String) {
    let [here, there] = [scenario, control].map(|name| Lab::start(&Scenario::find(name).unwrap()).unwrap());
    let [here, there] = [&here, &there].map(|lab| lab.addresses()[0].to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
        .args(["diagnose", &here, "--control", &there, "--timeout", "4s", "--format", format])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn report(scenario: &str, control: &str) -> serde_json::Value {
    serde_json::from_str(&diagnose(scenario, control, "json").1).unwrap()
}

#[test]
fn a_control_that_fails_in_the_same_way_makes_the_finding_less_sure() {
    let report = report("standard-security-only", "standard-security-only");
    assert_eq!(report["control"]["same_failure"], true, "{report:#}");
    // alone it is proven
    assert_eq!(report["findings"][0]["confidence"], "likely", "{report:#}");
    assert_eq!(report["control"]["verdict"], "faulty");
}

#[test]
fn a_healthy_control_leaves_it_and_is_told() {
    let report = report("certificate-expired", "healthy-server-2022");
    assert_eq!(report["findings"][0]["confidence"], "proven");
    let control = &report["control"];
    assert_eq!((&control["verdict"], &control["reached"]), (&"healthy".into(), &"credssp".into()), "{report:#}");
    assert_eq!((&control["same_failure"], &control["connections"]), (&false.into(), &2.into()));
}

#[test]
fn a_control_with_another_fault_tells_nothing() {
    let report = report("certificate-expired", "port-closed");
    assert_eq!(report["control"]["same_failure"], false, "{report:#}");
    assert_eq!(report["findings"][0]["confidence"], "proven");
}

#[test]
fn the_words_name_the_control() {
    let (code, text) = diagnose("port-closed", "port-closed", "human");
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, Some(1), "{text}");
    assert!(flowing.contains("Control: 127.0.0.1 port"), "{text}");
    assert!(flowing.contains("the fault may lie with this computer or its network"), "{text}");
    assert!(flowing.contains("port-closed (blocking, likely)"), "{text}");
}
