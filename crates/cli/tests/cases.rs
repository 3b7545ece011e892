//! Hosts that people reported, recreated in a folder of cases (`RDPDOCTOR_TEST_CASES`): each is started and asked as
//! its file `how` says, and judged by what is expected of it here, typed anew from its file `expect`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::unnecessary_debug_formatting, clippy::assigning_clones)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[cfg(feature = "legacy-tls")]
#[allow(dead_code, reason = "the witness judges for further clients")]
#[path = "witness/client.rs"]
mod client;

/// Expectation of one case: its verdicts, a finding of which one must be there, and one that must not, so surely.
struct Case {
    name: &'static str,
    verdicts: &'static [&'static str],
    one_of: &'static [&'static str],
    never: &'static [(&'static str, &'static str)],
    /// Words that the report must have.
    words: &'static str,
}

const HEALTHY: Case = Case { name: "", verdicts: &["healthy"], one_of: &[], never: &[], words: "" };
const FAULTY: Case = Case { verdicts: &["faulty"], ..HEALTHY };

static CASES: [Case; 18] = [
    Case { name: "01-tls13-intolerant", one_of: &["tls13-refused"], ..FAULTY },
    Case { name: "03-wrong-key", one_of: &["certificate-key-mismatch"], ..FAULTY },
    Case { name: "04-client-certificate-tls12", one_of: &["client-certificate-required"], ..FAULTY },
    Case { name: "06-name-needed-reset", ..HEALTHY },
    Case { name: "07-name-default-certificate", ..HEALTHY },
    Case { name: "08-strict-renegotiation-2012r2", ..HEALTHY },
    Case { name: "09-record-version", ..HEALTHY },
    Case { name: "10-ed25519", one_of: &["tls-cipher-mismatch"], words: "signature algorithm", ..FAULTY },
    Case { name: "12-credssp-error-status", one_of: &["credssp-error-status"], words: "0x80090304", ..FAULTY },
    Case { name: "14-routing-cookie-needed", ..HEALTHY },
    Case { name: "15-haproxy-dead-target", one_of: &["closed-on-negotiation"], words: "target is gone", ..FAULTY },
    Case { name: "17-slow-credssp", ..HEALTHY },
    Case { name: "18-vbox-no-certificate", one_of: &["certificate-missing", "standard-security-only"], ..FAULTY },
    Case {
        name: "20-pyrdp-in-front",
        never: &[("machine-renamed", "proven")],
        verdicts: &["healthy", "faulty"],
        ..HEALTHY
    },
    Case { name: "21-memcached", one_of: &["not-an-rdp-service"], ..FAULTY },
    Case {
        name: "22-hyperv-2179",
        one_of: &["closed-on-negotiation"],
        never: &[("closed-on-negotiation", "proven")],
        words: "preconnection blob",
        ..FAULTY
    },
    Case { name: "23-modern-hello-silent-tls10", one_of: &["tls-version-mismatch"], ..FAULTY },
    Case { name: "24-big-hello", one_of: &["tls-blocked-on-path"], ..FAULTY },
];

/// The Python that has what the hosts import: the one that the test command prepared, or the machine's.
fn python() -> PathBuf {
    std::env::var_os("RDPDOCTOR_TEST_PYTHON").map_or_else(|| "python3".into(), Into::into)
}

/// Says why the cases do not run; fails where skips are forbidden.
fn skip(reason: &str) {
    assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
    eprintln!("skipped: {reason}");
}

/// A running host; it ends with this value.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The words behind this key of a file `how`, with the port in them.
fn how(folder: &Path, key: &str, port: u16) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("how")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{key} in {folder:?}"));
    line.split_whitespace().map(|word| word.replace("PORT", &port.to_string())).collect()
}

fn start(folder: &Path, port: u16) -> Host {
    let mut words = how(folder, "start:", port);
    // the host of this case knows the key by its whole name; by the shorter one it makes an ordinary one
    if let Some(word) = words.iter_mut().find(|word| *word == "ed") {
        *word = "ed25519".to_owned();
    }
    assert_eq!(words[0], "python3", "{folder:?}");
    let mut command = Command::new(python());
    command.args(&words[1..]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let mut host = Host(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(host.0.try_wait().unwrap().is_none() && Instant::now() < end, "{folder:?} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    host
}

/// Free ports below those that a kernel gives to connections: one of these is nobody else's in the meantime. All are
/// looked for before the first host starts: a process that is being started holds what was open here at that moment,
/// so that a port which is only tried beside it would take a connection, and nobody would answer behind it.
fn ports() -> Vec<u16> {
    let start = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (start..32_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(CASES.len()).collect()
}

fn check(root: &Path, case: &Case, port: u16) {
    let folder = root.join(case.name);
    let _host = start(&folder, port);
    let asked = how(&folder, "ask:", port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    let output = command.args(&asked[1..]).args(["--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["cause"].as_str().unwrap(), finding["confidence"].as_str().unwrap()))
        .collect();
    let told = format!("{}: {} {findings:?} in {}", case.name, report["verdict"], report["connections"]);
    eprintln!("{told}");
    assert!(case.verdicts.contains(&report["verdict"].as_str().unwrap()), "{told}");
    let first = findings.first().map(|(cause, _)| *cause);
    assert!(case.one_of.is_empty() || first.is_some_and(|cause| case.one_of.contains(&cause)), "{told}");
    assert!(!findings.iter().any(|finding| case.never.contains(finding)), "{told}");
    #[cfg(feature = "legacy-tls")]
    witness(case, &asked, &report, port);
    let mut words = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    let screen =
        Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(&asked[1..]).env("COLUMNS", "100").output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    let rows: usize = screen.lines().map(|line| line.chars().count().div_ceil(100).max(1)).sum();
    assert!(rows <= 24 && rows > 3, "{}: {rows} rows\n{screen}", case.name);
    if !case.words.is_empty() {
        let output = words.args(&asked[1..]).arg("--full").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.to_lowercase().contains(&case.words.to_lowercase()), "{:?} is not said: {text}", case.words);
    }
}

/// The case in which both differ: the hello of FreeRDP with OpenSSL 3.5 has a share of ML-KEM and is long, which that
/// of the witness with OpenSSL 3.0 is not.
#[cfg(feature = "legacy-tls")]
const LONG_HELLO: &str = "24-big-hello";

/// Holds the law of the witness (witness/main.rs) for a case, whose host may count: so it is tried more than once.
#[cfg(feature = "legacy-tls")]
fn witness(case: &Case, asked: &[String], report: &Value, port: u16) {
    let behind = |option: &str| asked.iter().skip_while(|word| *word != option).nth(1).map(String::as_str);
    let profile = behind("--client").unwrap_or("mstsc-11");
    let offers = client::CLIENTS.iter().find(|client| client.profile == profile).unwrap();
    let name = asked.iter().any(|word| word.starts_with("localhost:")).then_some("localhost");
    let tries: Vec<_> = (0..2).map(|_| client::reach_the_prompt(port, name, offers)).collect();
    eprintln!("{}: the witness {tries:?}", case.name);
    let blocked = report["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "blocking");
    let healthy = report["verdict"] == "healthy";
    assert!(!healthy || tries.iter().any(Result::is_ok), "{} is falsely healthy", case.name);
    let blamed = blocked && tries.iter().all(Result::is_ok);
    assert_eq!(blamed, case.name == LONG_HELLO, "{} is falsely blamed", case.name);
}

/// All at the same time: some wait for what does not come.
#[test]
fn every_reported_host_is_told_right() {
    let Some(root) = std::env::var_os("RDPDOCTOR_TEST_CASES").map(|folder| PathBuf::from(folder).join("hosts")) else {
        return skip("RDPDOCTOR_TEST_CASES is not set");
    };
    let imports = Command::new(python()).args(["-c", "import cryptography, tlslite"]).stderr(Stdio::null()).status();
    if !imports.is_ok_and(|status| status.success()) {
        return skip("no Python with cryptography and tlslite-ng");
    }
    let there: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for name in &there {
        assert!(CASES.iter().any(|case| *case.name == **name), "nothing is expected of {name:?}");
    }
    let failed: Vec<_> = std::thread::scope(|scope| {
        let root = &root;
        let hosts = CASES.iter().zip(ports());
        let begin = |(case, port): (&'static Case, u16)| (case.name, scope.spawn(move || check(root, case, port)));
        let threads: Vec<_> = hosts.map(begin).collect();
        threads.into_iter().filter_map(|(name, thread)| thread.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "told wrong: {failed:?}");
}
