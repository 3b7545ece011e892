//! Writes the script from the lists that the other readers use, so that nothing of them can be forgotten in it.

use std::fmt::Write;

use evidence::events;
use evidence::events::CHANNELS;
use evidence::key_names::RDP_KEY;
use evidence::state::{FILTERS, IN_PART, KEYS, PROGRAMS, SERVICES, STORE_MY, STORE_REMOTE_DESKTOP};

const TEMPLATE: &str = include_str!("collect.ps1");
/// Most entries of a kind that means a fault, and of one that belongs to connections that work.
const LIMITS: (usize, usize) = (40, 20);
/// Most files of a folder of keys that are named, besides those of Remote Desktop.
const KEY_FILES: usize = 500;

/// Returns a script for Windows PowerShell that reads a machine's state and prints it, and changes nothing. Always the
/// same.
pub fn powershell() -> String {
    // the most telling keys come first in the list, and last in the output
    let keys: Vec<&str> = KEYS.iter().rev().copied().collect();
    let places = [
        ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ("KEYS", lines(&keys)),
        ("PART", in_part()),
        ("STORES", lines(&[STORE_MY, STORE_REMOTE_DESKTOP])),
        ("FILTERS", quoted(FILTERS)),
        ("SERVICES", lines(SERVICES)),
        ("PROGRAMS", lines(PROGRAMS)),
        ("QUERIES", queries()),
        ("RARE", LIMITS.0.to_string()),
        ("USUAL", LIMITS.1.to_string()),
        ("RDPKEY", RDP_KEY.to_owned()),
        ("KEYFILES", KEY_FILES.to_string()),
    ];
    places.iter().fold(TEMPLATE.to_owned(), |script, (place, text)| script.replace(&format!("@{place}@"), text))
}

/// Writes texts, one a line.
fn lines(texts: &[&str]) -> String {
    let lines: Vec<String> = texts.iter().map(|text| format!("    {}", quoted(text))).collect();
    lines.join("\n")
}

/// Writes the keys of which only some values are read.
fn in_part() -> String {
    let line = |(key, values): &(&str, &[&str])| {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        format!("    {} = @({})", quoted(key), values.join(", "))
    };
    IN_PART.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Quotes text so that PowerShell takes it literally.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes a line for each provider in each of its logs.
fn queries() -> String {
    let mut text = String::new();
    for (provider, names, logs) in CHANNELS {
        let ids = |normal: bool| {
            let known = events::all().filter(|known| known.provider == *provider && known.normal == normal);
            known.map(|known| known.id.to_string()).collect::<Vec<_>>().join(", ")
        };
        let providers = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        for log in *logs {
            let (log, usual, rare) = (quoted(log), ids(true), ids(false));
            let line = format!("    @{{ log = {log}; providers = {providers}; usual = @({usual}); rare = @({rare}) }}");
            writeln!(text, "{line}").expect("writing to a String cannot fail");
        }
    }
    text.trim_end().to_owned()
}
