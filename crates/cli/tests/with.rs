//! `diagnose --with`: a probe's evidence and the host's own log, judged together.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use lab::{Lab, Scenario};

const SPAN: &str = r#"{"channel": "System", "from": "2020-01-01T00:00:00Z", "until": "UNTIL", "records": 1000}"#;

/// Recorded state of the host, whose System log says that its key could not be used.
fn state(folder: &Path, when: time::OffsetDateTime) -> PathBuf {
    let format = time::format_description::well_known::Rfc3339;
    let at = |seconds| (when + time::Duration::seconds(seconds)).format(&format).unwrap();
    let event = |seconds, provider: &str, id: u32, channel: &str, data: &str| {
        format!(
            r#"{{"at": "{}", "channel": "{channel}", "provider": "{provider}", "id": {id}, "record": {id}, "data": {{{data}}}}}"#,
            at(seconds)
        )
    };
    let core = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
    let events = [
        event(-61, core, 131, "core", r#""ClientIP": "198.51.100.4:50270", "ConnType": "TCP""#),
        event(-60, "Schannel", 36870, "System", r#""Type": "server""#),
        event(-30, "Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1058, "System", ""),
    ];
    let text = format!(
        r#"{{"schema": "rdpdoctor-state/1", "part": "host", "computer": "SERVER01", "logs": [{}], "events": [{}]}}"#,
        SPAN.replace("UNTIL", &at(-20)),
        events.join(", ")
    );
    let file = folder.join("state.json");
    std::fs::write(&file, text).unwrap();
    file
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_log_of_the_host_proves_what_the_probe_could_only_suspect() {
    let lab = Lab::start(&Scenario::find("private-key-unusable-reset").unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    let folder = std::env::temp_dir().join(format!("rdpdoctor-with-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = state(&folder, time::OffsetDateTime::now_utc());
    let report = |more: &[&str]| -> serde_json::Value {
        let arguments = [&["diagnose", &address, "--format", "json"], more].concat();
        serde_json::from_str(&run(&arguments)).unwrap()
    };
    let confidence = |report: &serde_json::Value| {
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["cause"] == "private-key-unusable");
        found.map(|finding| finding["confidence"].as_str().unwrap().to_owned())
    };
    let alone = report(&[]);
    // likely with OpenSSL as a third opinion, otherwise possible
    let suspected = if cfg!(feature = "legacy-tls") { "likely" } else { "possible" };
    assert_eq!(confidence(&alone).as_deref(), Some(suspected), "{alone:#}");
    assert_eq!(alone["timeline"], serde_json::json!([]));
    let both = report(&["--with", file.to_str().unwrap()]);
    assert_eq!(confidence(&both).as_deref(), Some("proven"), "{both:#}");
    // a bundle of it says the same
    let bundle = folder.join("bundle.zip").to_str().unwrap().to_owned();
    let arguments = ["collect", file.to_str().unwrap(), "-o", &bundle, "--keep-names"];
    assert!(Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).output().unwrap().status.success());
    assert_eq!(confidence(&report(&["--with", &bundle])).as_deref(), Some("proven"));
    let kinds: Vec<_> = both["timeline"].as_array().unwrap().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds[..3], ["attempt", "entry", "probe"], "{both:#}");
    let words = run(&["diagnose", "--full", &address, "--with", file.to_str().unwrap()]);
    let told = words.split_once("What happened (UTC):").unwrap().1.split("\n\n").next().unwrap();
    assert!(
        told.contains("198.51.100.4:50270: arrived; the private key") && told.contains("probe 1: accepted"),
        "{words}"
    );
    // twelve entries in two lines each, the end of the heading, and how many there are besides
    assert!(told.lines().count() <= 26, "{words}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Recording of Process Monitor: lsass.exe is granted something elsewhere, and then gets these results at the key file.
fn recording(folder: &Path, results: &[&str]) -> PathBuf {
    let key = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_11111111-2222";
    let detail = "Desired Access: Generic Read, Disposition: Open, Options: Non-Directory File";
    let line = |path: &str, result: &str| {
        format!("\"9:00:00.1234567 AM\",\"lsass.exe\",\"700\",\"CreateFile\",\"{path}\",\"{result}\",\"{detail}\"\r\n")
    };
    let header = "\u{feff}\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n";
    let lines: String = results.iter().map(|result| line(key, result)).collect();
    let file = folder.join("recording.csv");
    std::fs::write(&file, format!("{header}{}{lines}", line(r"C:\Windows\System32\rsaenh.dll", "SUCCESS"))).unwrap();
    file
}

#[test]
fn a_recording_shows_who_was_not_let_read_the_key() {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-recording-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let inspected = |results: &[&str]| {
        let file = recording(&folder, results);
        let output =
            Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(["inspect", "--full"]).arg(file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, words) = inspected(&["ACCESS DENIED", "ACCESS DENIED"]);
    let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(status, Some(1), "{words}");
    for part in [
        "read: 3 recorded accesses",
        "private-key-unusable (blocking, likely)",
        "seen: lsass.exe was refused to read the key file",
        "ACCESS DENIED on CreateFile, 2 times at 9:00:00.1234567 AM, in a recording without a date",
    ] {
        assert!(one_line.contains(part), "{part} is missing:\n{words}");
    }
    let (status, words) = inspected(&["ACCESS DENIED", "SUCCESS"]);
    assert!(status == Some(2) && !words.contains("private-key-unusable ("), "{words}");
    std::fs::remove_dir_all(&folder).unwrap();
}
