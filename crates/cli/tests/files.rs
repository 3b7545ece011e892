//! Evidence files that people reported, in a folder of cases (`RDPDOCTOR_TEST_CASES`): each is inspected, and judged by
//! what is expected of it here, typed anew from what stands beside the files.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Expectation of one file or folder.
struct Case {
    name: &'static str,
    /// Time of the attempt, where it is known.
    at: Option<&'static str>,
    /// Findings: cause and severity, in this order.
    findings: &'static [(&'static str, &'static str)],
    /// Words that the lines of the timeline have to have, one line each.
    lines: &'static [&'static str],
    /// Words that no line may have.
    never: &'static [&'static str],
    /// Number of machines.
    machines: usize,
}

const QUIET: Case = Case { name: "", at: None, findings: &[], lines: &[], never: &["fail"], machines: 1 };

const CASES: [Case; 9] = [
    Case {
        name: "01-4625-no-right-to-log-on.evtx",
        at: Some("2020-08-01T22:48:30Z"),
        findings: &[("logon-right-missing", "blocking"), ("logon-failure", "blocking")],
        lines: &["user.alpha, through Remote Desktop, 0xC000015B", "0xC0000064, there is no such user"],
        never: &[],
        ..QUIET
    },
    Case { name: "02-lsm-32-34-healthy.evtx", lines: &["logged on at the console"], ..QUIET },
    Case {
        name: "03-phantom-machine",
        findings: &[("private-key-unusable", "blocking")],
        lines: &["36870"],
        never: &[],
        ..QUIET
    },
    Case {
        name: "04-security-4825-denied.evtx",
        findings: &[("logon-right-missing", "blocking")],
        lines: &["4825: a user was denied the access to Remote Desktop"],
        ..QUIET
    },
    Case {
        name: "05-clock-skew-kerberos-5-gp-1126.evtx",
        at: Some("2020-08-04T17:45:00Z"),
        findings: &[("clock-skew", "degrading")],
        lines: &["Kerberos 5: a ticket is not valid yet", "GroupPolicy 1126"],
        never: &[],
        ..QUIET
    },
    Case {
        name: "06-rcm-1149-eleven-hosts.evtx",
        lines: &["] passed the network authentication"],
        machines: 11,
        ..QUIET
    },
    Case { name: "09-lsm-local-in-turkish.json", lines: &["logged on at the console"], never: &["YEREL"], ..QUIET },
    Case { name: "10-two-machines", lines: &["[SERVER-A] arrived", "[SERVER-B] arrived"], machines: 2, ..QUIET },
    Case { name: "11-udp-131-brackets.json", lines: &["10.0.2.16"], never: &["addresses"], ..QUIET },
];

/// Files that are judged by the tests of captures.
const CAPTURES: [&str; 2] = ["07-last-packet-cut.pcap", "08-rdp-in-socks5.pcap"];

/// Lists what is not as it is expected.
fn wrong(root: &Path, case: &Case) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    command.arg("inspect").arg(root.join(case.name)).args(["--format", "json"]);
    command.args(case.at.iter().flat_map(|at| ["--at", at]));
    let report: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let list = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let findings: Vec<_> = list("findings").iter().map(|one| (text(one, "cause"), text(one, "severity"))).collect();
    let expected: Vec<_> = case.findings.iter().map(|(id, how)| ((*id).to_owned(), (*how).to_owned())).collect();
    let timeline = list("timeline");
    let lines: Vec<_> = timeline.iter().map(|line| format!("{}: {}", text(line, "peer"), text(line, "text"))).collect();
    let names: std::collections::BTreeSet<_> = timeline.iter().map(|line| line["subject"].to_string()).collect();
    eprintln!("{}: {} {findings:?} {names:?} {lines:#?}", case.name, report["verdict"]);
    let mut wrong = Vec::new();
    if findings != expected {
        wrong.push(format!("{}: {findings:?} instead of {expected:?}", case.name));
    }
    let missing = case.lines.iter().filter(|words| !lines.iter().any(|line| line.contains(**words)));
    wrong.extend(missing.map(|words| format!("{}: {words:?} is not told", case.name)));
    let said = case.never.iter().filter(|words| lines.iter().any(|line| line.contains(**words)));
    wrong.extend(said.map(|words| format!("{}: {words:?} is told", case.name)));
    if names.len() != case.machines {
        wrong.push(format!("{}: {} machines instead of {}", case.name, names.len(), case.machines));
    }
    wrong
}

#[test]
fn every_reported_file_is_told_right() {
    let Some(root) = std::env::var_os("RDPDOCTOR_TEST_CASES").map(|folder| PathBuf::from(folder).join("files")) else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "no folder of cases");
        return eprintln!("skipped: RDPDOCTOR_TEST_CASES is not set");
    };
    for entry in std::fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = CASES.iter().any(|case| case.name == name) || CAPTURES.contains(&name.as_str());
        assert!(known || name == "README.md", "nothing is expected of {name}");
    }
    let wrong: Vec<_> = CASES.iter().flat_map(|case| wrong(&root, case)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A connection through a proxy leads to another host than its packets do: the first screen says which.
#[test]
fn the_way_through_a_proxy_is_told() {
    let Some(root) = std::env::var_os("RDPDOCTOR_TEST_CASES").map(|folder| PathBuf::from(folder).join("files")) else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "no folder of cases");
        return eprintln!("skipped: RDPDOCTOR_TEST_CASES is not set");
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    let output = command.arg("inspect").arg(root.join(CAPTURES[1])).env("COLUMNS", "100").output().unwrap();
    let screen = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains("went through the SOCKS 5 proxy 10.0.0.2:42356 to 10.0.0.1:3389"), "{screen}");
}
