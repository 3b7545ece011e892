//! The law of the witness: "healthy" only where another client, with what the profile's client offers, gets to the
//! logon prompt; a blocking finding only where it does not.
//!
//! The hosts are Python's (host.py, in no code of ours), described at random. `RDPDOCTOR_WITNESS_HOSTS` sets their
//! number and `RDPDOCTOR_WITNESS_SEED` which they are; `cargo xtask soak witness` asks 2,000. What is allowed to
//! disagree stands with its reason in disagreements.toml.

#![cfg(all(target_os = "linux", feature = "legacy-tls"))]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod client;
mod freerdp;
mod hello;
mod hosts;
mod reported;
mod scenarios;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use client::{CLIENTS, Offers, WITHOUT_CREDSSP};
use hosts::{Description, Host};
use serde_json::Value;

/// Hosts that the ordinary tests ask.
const HOSTS: usize = 24;
const SEED: u64 = 20_261_128;
/// Hosts that are asked at the same time; `RDPDOCTOR_WITNESS_THREADS` sets another number.
const THREADS: u64 = 3;
/// Tries of the witness at a host that fails at times.
const TRIES: usize = 6;

/// Ways in which both may differ.
const KINDS: [&str; 4] =
    ["falsely-healthy", "falsely-blamed", "healthy-and-asked-too-often", "healthy-though-it-fails-at-times"];

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The verdict of the program, and its blocking findings.
fn verdict(host: &Host, name: Option<&str>, profile: &str) -> (String, Vec<String>, u64) {
    let target = format!("{}:{}", name.unwrap_or("127.0.0.1"), host.port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    command.args(["diagnose", &target, "--format", "json", "--timeout", "4s"]);
    if profile == WITHOUT_CREDSSP.profile {
        command.arg("--rdp").arg(file_without_credssp());
    } else {
        command.args(["--client", profile]);
    }
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let blocking = findings.filter(|finding| finding["severity"] == "blocking");
    let causes = blocking.map(|finding| finding["cause"].as_str().unwrap().to_owned()).collect();
    (report["verdict"].as_str().unwrap().to_owned(), causes, report["connections"].as_u64().unwrap())
}

/// Writes the `.rdp` file of a client without CredSSP, once.
fn file_without_credssp() -> &'static Path {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no-credssp-{}.rdp", std::process::id()));
        fs::write(&file, "enablecredsspsupport:i:0\r\n").unwrap();
        file
    });
    &FILE
}

/// Differences that are allowed, each with its reason.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    /// Kinds, at any generated host.
    kinds: BTreeMap<String, String>,
    /// Scenarios of the lab.
    scenarios: BTreeMap<String, String>,
}

fn allowed() -> Allowed {
    toml::from_str(include_str!("disagreements.toml")).unwrap()
}

/// How the program and the witness differ; `None` if they agree.
fn disagreement(description: &Description, offers: &Offers) -> (Option<String>, String, String) {
    let host = Host::start(description);
    let name = description.by_name.then_some("localhost");
    let (told, blocking, connections) = verdict(&host, name, offers.profile);
    let tries = if description.at_times() { TRIES } else { 1 };
    let witness: Vec<_> = (0..tries).map(|_| client::reach_the_prompt(host.port, name, offers)).collect();
    let (reached, failed) = (witness.iter().any(Result::is_ok), witness.iter().any(Result::is_err));
    let line =
        format!("{told} {blocking:?} in {connections}, witness {witness:?}: {} {}", offers.profile, description.text);
    assert!(connections <= 16, "{line}");
    let most = match offers.profile {
        _ if description.at_times() => 16,
        // neither of our stacks that finish handshakes can send its hello, so what they are refused is looked into, and
        // once more where it may be the name
        "freerdp3" if description.is_particular() => 16,
        "freerdp3" => 9,
        // what may have been refused to the client as well is put down to the hello once the client's own was taken in
        // each turn of six machines
        _ if description.is_particular() => 8,
        _ => 4,
    };
    // what a stage leaves unanswered in time is asked once more
    let most = most + u64::from(description.slow());
    let differs = if told == "healthy" && connections > most {
        Some("healthy-and-asked-too-often")
    } else if told == "healthy" && failed {
        Some(if reached { "healthy-though-it-fails-at-times" } else { "falsely-healthy" })
    } else if !blocking.is_empty() && reached {
        Some("falsely-blamed")
    } else {
        None
    };
    let at = match (reached, failed) {
        (true, true) => "at the prompt at times",
        (true, false) => "at the prompt",
        _ => "kept out",
    };
    (differs.map(str::to_owned), format!("{told}, witness {at}"), line)
}

/// The table of a run: what was told and where the witness got, for each profile; then the kinds that disagree.
fn table(figures: &BTreeMap<(String, &str), usize>, disagreements: &BTreeMap<String, usize>) -> String {
    let profiles = CLIENTS.map(|client| client.profile);
    let mut text = format!("{:46}{}\n", "told, and the witness", profiles.map(|id| format!("{id:>10}")).concat());
    let rows: BTreeSet<&String> = figures.keys().map(|(row, _)| row).collect();
    for row in rows {
        let of = |id| figures.get(&(row.clone(), id)).copied().unwrap_or(0);
        let _ = writeln!(text, "{row:46}{}", profiles.map(|id| format!("{:>10}", of(id))).concat());
    }
    for kind in KINDS {
        let _ = writeln!(text, "{kind}: {}", disagreements.get(kind).copied().unwrap_or(0));
    }
    text
}

/// Random hosts at which both once differed, each with the client.
const FOUND: [(&str, &str); 15] = [
    // its Ultimatum waits until we acknowledged the settings
    ("mstsc-10", r#"{"protocols": 1, "settings": "ultimatum"}"#),
    // loses every third hello
    (
        "freerdp3",
        r#"{"bad": [0], "bad_at": "hello", "ciphers": "ECDHE+AESGCM", "max": "1.2", "min": "1.2", "period": 3,
            "cookie": true, "refusal": "silent"}"#,
    ),
    // of machines that take turns, those that are well were met by other hellos than the client's
    ("freerdp3", r#"{"bad": [1, 2], "period": 5, "refusal": "40"}"#),
    ("mstsc-11", r#"{"bad": [0, 1, 2, 4], "period": 5, "refusal": "40"}"#),
    ("mstsc-10", r#"{"bad": [0, 2, 3, 4], "period": 5, "refusal": "40"}"#),
    ("freerdp3", r#"{"bad": [1, 2], "period": 4, "refusal": "rst"}"#),
    (
        "freerdp3",
        r#"{"bad": [0], "bad_at": "hello", "key": "p256", "max": "1.3", "min": "1.3", "period": 2, "protocols": 3,
            "refusal": "fin", "session_id": true}"#,
    ),
    ("freerdp3", r#"{"bad": [0], "bad_at": "setup", "period": 2, "protocols": 2}"#),
    ("mstsc-11", r#"{"bad": [0, 1], "bad_at": "setup", "period": 3, "protocols": 2}"#),
    // its own request, which leads it past TLS, was hung up on twice
    (
        "no-credssp",
        r#"{"bad": [1, 2], "bad_at": "accept", "name": true, "no_record_10": true, "period": 4, "protocols": 2,
            "refusal": "80", "standard": true, "ultimatum": true}"#,
    ),
    // small packets met the machine that answers, and large ones the two that do not
    (
        "freerdp3",
        r#"{"bad": [0, 2], "bad_at": "hello", "client_certificate": "optional", "period": 3, "refusal": "silent",
            "standard": true}"#,
    ),
    // the first hello met the machine twice that refuses TLS 1.3, and the client's own the other one
    ("freerdp3", r#"{"bad": [0], "bad_at": "newest", "period": 2, "refusal": "70"}"#),
    ("freerdp3", r#"{"bad": [0], "bad_at": "newest", "period": 2, "refusal": "40"}"#),
    // nothing that was sent had its kind of key and TLS 1.3, and the time was over
    (
        "freerdp3",
        r#"{"bad": [0], "bad_at": "accept", "key": "ed25519", "max": "1.3", "min": "1.3", "period": 2,
            "protocols": 2, "refusal": "80"}"#,
    ),
    // our hello of Windows 11 had no session id
    (
        "mstsc-11",
        r#"{"bad": [0, 2], "bad_at": "hello", "key": "p256", "no_record_10": true, "period": 5, "protocols": 1,
            "refusal": "fin", "session_id": true}"#,
    ),
];

#[test]
fn they_agree_where_they_once_differed() {
    if !hosts::playable() {
        return;
    }
    let allowed = allowed().kinds;
    let wrong = FOUND.iter().filter_map(|(profile, text)| {
        let offers = CLIENTS.iter().find(|client| client.profile == *profile).unwrap();
        let (differs, _, line) = disagreement(&Description { text: (*text).to_owned(), by_name: false }, offers);
        differs.filter(|kind| !allowed.contains_key(kind)).map(|kind| format!("{kind}: {line}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_program_and_the_witness_agree() {
    if !hosts::playable() {
        return;
    }
    let count = usize::try_from(number("RDPDOCTOR_WITNESS_HOSTS", HOSTS as u64)).unwrap();
    let seed = number("RDPDOCTOR_WITNESS_SEED", SEED);
    let allowed = allowed().kinds;
    let next = AtomicUsize::new(0);
    let figures = Mutex::new((BTreeMap::new(), BTreeMap::new()));
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..number("RDPDOCTOR_WITNESS_THREADS", THREADS) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let description = Description::of(seed.wrapping_add(number as u64));
                    let offers = &CLIENTS[number % CLIENTS.len()];
                    let (differs, row, line) = disagreement(&description, offers);
                    let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
                    *figures.0.entry((row, offers.profile)).or_default() += 1;
                    if let Some(kind) = &differs {
                        *figures.1.entry(kind.clone()).or_default() += 1;
                    }
                    drop(figures);
                    if differs.is_some_and(|kind| !allowed.contains_key(&kind)) {
                        eprintln!("host {number}: {line}");
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                    }
                }
            });
        }
    });
    let (figures, disagreements) = figures.into_inner().unwrap();
    eprintln!("{count} hosts\n{}", table(&figures, &disagreements));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} disagree:\n{}", wrong.len(), wrong.join("\n"));
}
