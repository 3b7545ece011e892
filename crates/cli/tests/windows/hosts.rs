//! `diagnose` of hosts on loopback, and the demonstration.

use std::net::TcpListener;

use lab::{Lab, Scenario};
use serde_json::Value;

use crate::program::Program;

/// Hosts whose diagnosis takes every kind of connection: in the clear, up to TLS, and up to the logon prompt.
const HOSTS: [&str; 5] = [
    "healthy-server-2022",
    "certificate-expired",
    "standard-security-only",
    "private-key-unusable-close",
    "clock-skew",
];

/// Verdict and findings of a report, for the same client on both machines.
fn judged(program: &Program, words: &[&str]) -> (Value, Value, Vec<Value>) {
    let said = program.run(&[words, &["--without-own-settings"]].concat());
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let findings = report["findings"].as_array().unwrap();
    (report["verdict"].clone(), report["reached"].clone(), findings.iter().map(|one| one["cause"].clone()).collect())
}

#[test]
fn a_port_at_which_nobody_listens_is_closed() {
    let Some(windows) = Program::for_windows() else { return };
    // nobody else is given a port of the kernel's choice so soon
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (verdict, reached, causes) = judged(&windows, &["diagnose", &address, "--format", "json"]);
    assert_eq!((verdict, reached), ("faulty".into(), Value::Null));
    assert!(causes.contains(&"port-closed".into()), "{causes:?}");
}

#[test]
fn hosts_are_judged_alike() {
    let Some(windows) = Program::for_windows() else { return };
    for name in HOSTS {
        let scenario = Scenario::find(name).unwrap();
        let lab = Lab::start(&scenario).unwrap();
        let address = lab.addresses()[0].to_string();
        let client = scenario.ask.profile.clone();
        let client: Vec<&str> = client.iter().flat_map(|client| ["--client", client]).collect();
        let words = [&["diagnose", &address, "--format", "json"], &client[..]].concat();
        let (here, there) = (judged(&Program::here(), &words), judged(&windows, &words));
        assert_eq!(there, here, "{name}");
        let expected = scenario.expect.findings.first().map(String::as_str);
        assert!(expected.is_none_or(|cause| there.2.iter().any(|found| found == cause)), "{name}: {there:?}");
    }
}

/// Windows has codes of its own for what a resolver says.
#[test]
fn a_name_that_does_not_exist_is_told_as_one() {
    let Some(windows) = Program::for_windows() else { return };
    let said = windows.run(&["diagnose", "no-such-host.invalid", "--format", "json", "--timeout", "5s"]);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    let causes: Vec<&str> =
        report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["cause"].as_str()).collect();
    // where this machine has no name server, nobody can tell
    let honest = ["name-not-found", "name-server-unreachable"].iter().any(|cause| causes.contains(cause));
    assert!(honest || report["verdict"] == "undetermined", "{said:?}");
    assert!(!said.stdout.contains("EAI_"), "a code of Linux stands in a report of Windows: {said:?}");
}

#[test]
fn the_demonstration_finds_its_fault() {
    let Some(windows) = Program::for_windows() else { return };
    let said = windows.run(&["demo"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.stdout.contains(": found."), "{said:?}");
}
