//! Causes on the machine that Wine plays: each row of a file planted by itself, read back, found, and gone again. The
//! book says of these causes that they were seen so.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::program::Program;
use crate::registry::Planted;

const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const ROWS: &str = include_str!("../../../report/data/under-wine.toml");

#[derive(Deserialize)]
struct Rows {
    planted: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    cause: String,
    part: String,
    values: Vec<Planting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Planting {
    key: String,
    name: String,
    number: Option<u32>,
    text: Option<String>,
}

/// Causes that are found on the machine in this part.
fn found(windows: &Program, part: &str) -> BTreeSet<String> {
    let said = windows.run(&["inspect", &format!("--as-{part}"), "--format", "json"]);
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["cause"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_cause_is_found_where_it_was_planted_and_only_then() {
    let Some(windows) = Program::for_windows() else { return };
    let rows: Rows = toml::from_str(ROWS).unwrap();
    // the registry is this test's alone from here on
    let mut planted = Planted::new(&windows);
    // Wine's machine has no listener, which is a fault of its own
    planted.number(LISTENER, "PortNumber", 3389);
    planted.number(LISTENER, "LanAdapter", 0);
    let sound = planted.count();
    let before = ["host", "client"].map(|part| found(&windows, part));
    let mut wrong = Vec::new();
    for Row { cause, part, values } in &rows.planted {
        let (before, after) = (&before[usize::from(part == "client")], {
            for Planting { key, name, number, text } in values {
                match (number, text) {
                    (Some(number), None) => planted.number(key, name, *number),
                    (None, Some(text)) => planted.text(key, name, text),
                    _ => panic!("{cause}: a number or a text"),
                }
            }
            found(&windows, part)
        });
        if before.contains(cause) || !after.contains(cause) {
            wrong.push(format!("{cause}: {before:?}, then {after:?}"));
        }
        planted.undo_to(sound);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(["host", "client"].map(|part| found(&windows, part)), before, "something was left behind");
}
