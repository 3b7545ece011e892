//! `inspect` of a folder that holds everything: one diagnosis, one screen, and no fault left out of the whole
//! report. And `diagnose --with`, where the files tell who the client is.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::cast_possible_truncation)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::{Lab, Scenario};
use serde_json::{Value, json};
use wire::tls::TlsOffer;

#[allow(dead_code)] // what the captures' own tests need
#[path = "../../collect/tests/captures/writer.rs"]
mod writer;

use writer::{Container, Frame, HOST, RST, Talk};

const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const SCHANNEL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols";
const WINDOWS: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const CREDSSP: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters";
const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-folder-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
    let output = command.args(arguments).env("COLUMNS", "100").env("NO_COLOR", "1").output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=2)), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(&[arguments, &["--format", "json"]].concat())).unwrap()
}

fn key(path: &str, name: &str, number: u32) -> Value {
    json!({"path": path, "exists": true, "values": {name: {"dword": number}}})
}

fn event(minute: u32, provider: &str, id: u32, data: &Value) -> Value {
    json!({"at": format!("2026-11-21T08:{minute:02}:00Z"), "channel": "System", "provider": provider, "id": id,
           "record": id, "data": data})
}

fn state(part: &str, name: &str, registry: &[Value], events: &[Value]) -> Value {
    let span =
        json!({"channel": "System", "from": "2026-11-01T00:00:00Z", "until": "2026-11-21T08:59:00Z", "records": 900});
    json!({"schema": "rdpdoctor-state/1", "part": part, "computer": name, "taken_at": "2026-11-21T08:59:30Z",
           "registry": registry, "events": events, "logs": if events.is_empty() { json!([]) } else { json!([span]) }})
}

/// Faults that a machine may have.
fn fault(number: u32) -> (Vec<Value>, Vec<Value>) {
    let terminal = LISTENER.rsplit_once(r"\WinStations").unwrap().0;
    let settings = |keys: Vec<Value>| (keys, Vec::new());
    match number % 10 {
        0 => settings(vec![key(terminal, "fDenyTSConnections", 1)]),
        1 => settings(vec![key(LISTENER, "fEnableWinStation", 0)]),
        2 => settings(vec![key(LISTENER, "fLogonDisabled", 1)]),
        3 => {
            let build = json!({"path": WINDOWS, "exists": true, "values": {"CurrentBuildNumber": {"text": "17763"}}});
            settings(vec![key(&format!(r"{SCHANNEL}\TLS 1.2\Server"), "Enabled", 0), build])
        }
        4 => (Vec::new(), vec![event(55, "Schannel", 36870, &json!({"Type": "server"}))]),
        5 => (Vec::new(), vec![event(50, RCM, 1058, &json!({}))]),
        6 => (Vec::new(), vec![event(52, RCM, 1069, &json!({}))]),
        7 => (
            Vec::new(),
            vec![event(53, "Service Control Manager", 7031, &json!({"param1": "Remote Desktop Services"}))],
        ),
        8 => settings(vec![json!({"path": LISTENER, "exists": true,
                                  "values": {"SecurityLayer": {"dword": 0}, "UserAuthentication": {"dword": 1}}})]),
        _ => settings(vec![key(LISTENER, "PortNumber", 3389)]),
    }
}

/// Connections that guess passwords, from several addresses.
fn guesses() -> Vec<Value> {
    let guess = |number: u32| {
        let peer = json!({"ClientIP": format!("198.51.100.{}:{}", number % 9, 50_000 + number), "ConnType": "TCP"});
        [event(number % 60, CORE, 131, &peer), event(number % 60, CORE, 140, &json!({}))]
    };
    let mut guesses: Vec<Value> = (0..400).flat_map(guess).collect();
    guesses.sort_by_key(|guess| guess["at"].as_str().map(str::to_owned));
    guesses
}

fn moved(frames: &[Frame], address: [u8; 4], port: u16) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    for (_, frame) in &mut frames {
        for (place, number) in [(26, 34), (30, 36)] {
            if frame[place..place + 4] == [192, 0, 2, 7] {
                frame[place..place + 4].copy_from_slice(&address);
                frame[number..number + 2].copy_from_slice(&port.to_be_bytes());
            }
        }
    }
    frames
}

fn capture(frames: &[Frame]) -> Vec<u8> {
    writer::file(frames, Container::Little, 1, 65_535)
}

/// Client that asks for NLA, offers this and is refused.
fn refused(offer: TlsOffer) -> Talk {
    Talk::new(50_100, 1).opened().asks(0x0B).selects(8).hello(offer).packet(HOST, RST, &[])
}

/// Writes forty machines with nine kinds of faults, a flood of guesses, captured hosts, `.rdp` files, and unreadable
/// files.
fn everything(folder: &Path) {
    for number in 0..40 {
        let (registry, events) = fault(number);
        let text = state("host", &format!("SERVER{number:02}"), &registry, &events).to_string();
        fs::write(folder.join(format!("server{number:02}.json")), text).unwrap();
    }
    fs::write(folder.join("guessed.json"), state("host", "GUESSED", &[], &guesses()).to_string()).unwrap();
    for number in 0..12 {
        let captured = Talk::new(50_100 + u16::from(number), 9).opened().asks(0x0B).selects(8).handshake(&[]).closed();
        let frames = moved(&captured.frames, [192, 0, 2, 10 + number], 3389);
        fs::write(folder.join(format!("captured{number}.pcap")), capture(&frames)).unwrap();
        fs::write(folder.join(format!("client{number}.rdp")), format!("full address:s:server{number}\r\n")).unwrap();
        let mut cut = capture(&frames);
        cut.truncate(cut.len() - 20);
        fs::write(folder.join(format!("cut{number}.pcap")), cut).unwrap();
        fs::write(folder.join(format!("broken{number}.json")), r#"{"schema": "rdpdoctor-state/1", "part": 7}"#)
            .unwrap();
    }
}

/// Causes of its findings that are no mere advice, each with its title.
fn faults(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "advisory");
    let mut faults: Vec<_> = findings.map(|finding| (text(&finding["cause"]), text(&finding["title"]))).collect();
    faults.sort();
    faults.dedup();
    faults
}

/// Rows on a terminal of a hundred columns.
fn rows(text: &str) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(100).max(1)).sum()
}

/// Checks the first screen on a folder, and that the whole report has everything.
fn check_screen(folder: &str) -> (String, String) {
    let json = report(&["inspect", folder]);
    let words = run(&["inspect", folder]);
    assert!(rows(&words) <= 24, "{} rows:\n{words}", rows(&words));
    let first = &json["findings"][0];
    if first["severity"] == "blocking" {
        assert!(words.contains(first["cause"].as_str().unwrap()), "{words}");
    }
    let full = run(&["inspect", "--full", folder]);
    // a title may be broken into rows
    let flat = full.split_whitespace().collect::<Vec<_>>().join(" ");
    for (cause, title) in faults(&json) {
        let said = flat.to_lowercase().contains(&title.to_lowercase());
        assert!(said && flat.contains(&cause), "{cause}: {title}\n{full}");
    }
    let unread = json["observations"].as_array().unwrap().iter().any(|seen| seen["fact"] == "unread");
    assert_eq!(unread, words.contains("Not read, or in part: "), "{words}");
    assert_eq!(unread, full.contains("not read: "), "{full}");
    (words, full)
}

#[test]
fn a_folder_that_holds_everything_takes_one_screen() {
    let folder = folder("everything");
    everything(&folder);
    let (words, full) = check_screen(folder.to_str().unwrap());
    assert!(faults(&report(&["inspect", folder.to_str().unwrap()])).len() >= 8, "{words}");
    assert!(words.contains("12 addresses") && words.contains("of them with something wrong"), "{words}");
    assert!(words.contains("Also wrong: ") && words.contains("Not read, or in part: "), "{words}");
    assert!(full.contains("What happened (UTC):") && full.contains("broken0.json"), "{full}");
    assert!(full.contains("each for its own client"), "{full}");
    fs::remove_dir_all(&folder).unwrap();
}

/// The real logs, captures and hives in one folder, as they lie there.
#[test]
fn the_real_data_take_one_screen() {
    let Ok(folder) = std::env::var("RDPDOCTOR_TEST_DATA") else {
        assert!(std::env::var("RDPDOCTOR_TEST_FULL").is_err(), "RDPDOCTOR_TEST_DATA is not set");
        return eprintln!("skipped: RDPDOCTOR_TEST_DATA is not set");
    };
    let (_, full) = check_screen(&folder);
    assert!(full.contains("LsaSrv 6041") && full.contains("each for its own client"), "{full}");
}

/// Each file that people brought, by itself and all together.
#[test]
fn the_handed_files_take_one_screen() {
    let Some(root) = std::env::var_os("RDPDOCTOR_TEST_CASES").map(|root| PathBuf::from(root).join("files")) else {
        assert!(std::env::var("RDPDOCTOR_TEST_FULL").is_err(), "RDPDOCTOR_TEST_CASES is not set");
        return eprintln!("skipped: RDPDOCTOR_TEST_CASES is not set");
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.push(root);
    for path in &paths {
        let words = run(&["inspect", path.to_str().unwrap()]);
        assert!(rows(&words) <= 24, "{}: {} rows:\n{words}", path.display(), rows(&words));
    }
    assert!(paths.len() > 3, "{paths:?}");
}

/// Scripts that a report names are there and can be read; a file of somebody else stays as it is.
#[test]
fn commands_are_saved_as_scripts() {
    let folder = folder("scripts");
    let (registry, events) = fault(0);
    fs::write(folder.join("server.json"), state("host", "SERVER01", &registry, &events).to_string()).unwrap();
    let (path, scripts) = (folder.join("server.json"), folder.join("scripts"));
    let arguments = ["inspect", path.to_str().unwrap(), "--save-commands", scripts.to_str().unwrap()];
    let words = run(&arguments);
    assert!(words.lines().all(|line| line.chars().count() <= 100), "{words}");
    let fix = scripts.join("fix-enable-remote-desktop.ps1");
    let text = fs::read_to_string(&fix).unwrap();
    assert!(text.contains("fDenyTSConnections") && text.contains("# written by rdpdoctor"), "{text}");
    for name in words.lines().map(str::trim).filter(|line| line.starts_with("prove-") || line.starts_with("fix-")) {
        assert!(scripts.join(name).is_file(), "{name}\n{words}");
    }
    // again: our own files are written anew, another's is refused
    fs::write(&fix, format!("{text}\nmore")).unwrap();
    run(&arguments);
    assert_eq!(fs::read_to_string(&fix).unwrap(), text);
    fs::write(&fix, "mine").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).output().unwrap();
    assert_eq!((output.status.code(), fs::read_to_string(&fix).unwrap().as_str()), (Some(3), "mine"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another program wrote it"), "{output:?}");
    fs::remove_dir_all(&folder).unwrap();
}

/// Nobody said when the attempt was: a log that was written on records it all the same, and the report says how to ask.
#[test]
fn a_fault_of_another_time_is_found_by_the_command_that_the_report_names() {
    let folder = folder("earlier");
    let refused = [event(10, "LsaSrv", 6041, &json!({"0": "TERMSRV/server01 4"}))];
    fs::write(folder.join("client.json"), state("client", "CLIENT01", &[], &refused).to_string()).unwrap();
    let file = folder.join("client.json").to_str().unwrap().to_owned();
    let words = run(&["inspect", "--full", &file]);
    assert!(words.contains("judged for 2026-11-21 08:59:30 UTC, the newest time in the files (--at TIME"), "{words}");
    assert!(!words.contains("Ruled out: encryption-oracle-policy"), "{words}");
    let told = report(&["inspect", &file]);
    assert_eq!((&told["at_source"], faults(&told)), (&"evidence".into(), vec![]));
    let command = told["next"][0]["do"].as_str().unwrap();
    assert_eq!(command, format!("rdpdoctor inspect {file} --at 2026-11-21T08:10:00Z"));
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    let then = report(&arguments);
    assert_eq!((&then["at_source"], faults(&then)[0].0.as_str()), (&"option".into(), "encryption-oracle-policy"));
    assert!(run(&arguments).contains("Judged for 2026-11-21 08:10:00 UTC, as --at says"), "{}", run(&arguments));
    fs::remove_dir_all(&folder).unwrap();
}

/// A command that leaves out whose files they are, or which, tells something else when it is run.
#[test]
fn a_next_command_names_all_files_as_they_were_given() {
    let folder = folder("named");
    let refused = [event(10, "LsaSrv", 6041, &json!({"0": "TERMSRV/server01 4"}))];
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(path("logs.json"), state("host", "CLIENT01", &[], &refused).to_string()).unwrap();
    let (registry, _) = fault(9);
    fs::write(path("my server.json"), state("host", "SERVER01", &registry, &[]).to_string()).unwrap();
    let (log, server) = (path("logs.json"), path("my server.json"));
    let next = |arguments: &[&str]| report(arguments)["next"][0]["do"].as_str().unwrap().to_owned();
    let at = "--at 2026-11-21T08:10:00Z";
    assert_eq!(next(&["inspect", "--from-client", &log]), format!("rdpdoctor inspect --from-client {log} {at}"));
    let both = format!("rdpdoctor inspect '{server}' --from-client {log} {at}");
    assert_eq!(next(&["inspect", &server, "--from-client", &log]), both);
    fs::remove_dir_all(&folder).unwrap();
}

/// An unreadable file is not a host that was not reached.
/// A file that is no evidence has one sentence, and no list of causes that it does not rule out.
#[test]
fn a_file_of_no_kind_is_one_line() {
    let folder = folder("no-kind");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("x.docx"), b"PK-like words").unwrap();
    let text = run(&["inspect", folder.join("x.docx").to_str().unwrap()]);
    assert!(
        text.starts_with("Could not tell: nothing was read.") || text.contains("\nCould not tell: nothing was read."),
        "{text}"
    );
    assert!(!text.contains("Not ruled out"), "{text}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_has_no_rung() {
    let folder = folder("unreadable");
    fs::write(folder.join("empty.evtx"), "").unwrap();
    let words = run(&["inspect", folder.join("empty.evtx").to_str().unwrap()]);
    assert!(!words.contains("not reached") && words.contains("an empty file"), "{words}");
    fs::remove_dir_all(&folder).unwrap();
}

/// A host without the update: the client's own policy decides whether that is a fault, and the probe has to know it.
#[test]
fn the_recorded_client_is_the_one_that_is_judged() {
    let lab = Lab::start(&Scenario::find("credssp-unpatched").unwrap()).unwrap();
    let (address, folder) = (lab.addresses()[0].to_string(), folder("client"));
    let file = folder.join("client.json");
    fs::write(&file, state("client", "CLIENT01", &[key(CREDSSP, "AllowEncryptionOracle", 2)], &[]).to_string())
        .unwrap();
    let with = ["diagnose", address.as_str(), "--with", file.to_str().unwrap()];
    let unpatched = |report: &Value| faults(report).iter().any(|(cause, _)| cause == "credssp-unpatched");
    assert!(unpatched(&report(&with[..2])));
    let told = report(&with);
    assert!(!unpatched(&told), "{told:#}");
    assert_eq!(told["client"]["source"], "evidence");
    assert!(run(&with).starts_with(&format!("{} port", lab.addresses()[0].ip())), "{}", run(&with));
    assert!(run(&with).contains("for the client CLIENT01 as recorded"), "{}", run(&with));
    let named = report(&[&with[..], &["--client", "mstsc-11"]].concat());
    assert!(unpatched(&named), "{named:#}");
    assert_eq!(named["client"]["source"], "option");
    // registry and logs look alike on both ends, so what is said to be the client's is
    fs::write(&file, state("host", "CLIENT01", &[key(CREDSSP, "AllowEncryptionOracle", 2)], &[]).to_string()).unwrap();
    let from_client = ["diagnose", address.as_str(), "--from-client", file.to_str().unwrap()];
    assert!(!unpatched(&report(&from_client)), "{:#}", report(&from_client));
    assert!(unpatched(&report(&with)));
    // the host's own setting is not the client's
    fs::write(&file, state("host", "SERVER01", &[key(CREDSSP, "AllowEncryptionOracle", 2)], &[]).to_string()).unwrap();
    assert!(unpatched(&report(&with)));
    fs::remove_dir_all(&folder).unwrap();
}

/// A sound current host, and the capture of a client that knows only TLS 1.0.
#[test]
fn the_captured_client_is_the_one_that_is_judged() {
    let lab = Lab::start(&Scenario::find("healthy-server-2022").unwrap()).unwrap();
    let (host, folder) = (lab.addresses()[0], folder("captured"));
    let std::net::IpAddr::V4(ip) = host.ip() else { panic!("the lab listens on {host}") };
    let file = folder.join("client.pcap");
    let old = refused(TlsOffer::OLD).frames;
    fs::write(&file, capture(&moved(&old, ip.octets(), host.port()))).unwrap();
    let target = host.to_string();
    let with = ["diagnose", target.as_str(), "--with", file.to_str().unwrap()];
    assert_eq!(faults(&report(&with[..2])), []);
    let told = report(&with);
    assert!(faults(&told).iter().any(|(cause, _)| cause == "tls-version-mismatch"), "{told:#}");
    assert_eq!(told["client"]["source"], "evidence", "{told:#}");
    assert!(run(&with).contains("(what it offers is what the capture shows)"), "{}", run(&with));
    let hosts = told["subjects"].as_array().unwrap().iter().filter(|who| who["role"] == "host").count();
    assert_eq!(hosts, 1, "the host that was captured is the one that was probed: {told:#}");
    // a capture of another host says nothing about who connects to this one
    fs::write(&file, capture(&old)).unwrap();
    let told = report(&with);
    assert_eq!(told["client"]["source"], "default", "{told:#}");
    let own = |finding: &&Value| finding["severity"] != "advisory" && finding["subject"] == 0;
    assert_eq!(told["findings"].as_array().unwrap().iter().filter(own).count(), 0, "{told:#}");
    fs::remove_dir_all(&folder).unwrap();
}
