//! `rdpdoctor collect`: from files to a bundle, and from a bundle to the same diagnosis.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use collect::evidence::{gather, script, stored};

/// Folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rdpdoctor-collect-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, contents: &str) -> String {
        fs::write(self.0.join(name), contents).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).output().unwrap()
}

/// Output of the program, if it ends with this status.
fn said(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
    text
}

/// Host whose key cannot be used, with names of somebody in every place.
fn host() -> String {
    let event = |second: u32, id: u32, data: &str| {
        format!(
            r#"{{"at": "2026-11-21T08:59:{second:02}Z", "channel": "System", "provider": "Schannel", "id": {id}, "record": {id},
                "data": {{"Type": "server", {data}}}}}"#
        )
    };
    let events = [event(10, 36870, r#""Reason": "SECRETHOST""#), event(20, 36870, r#""Reason": "alice@corp.example""#)];
    format!(
        r#"{{"schema": "rdpdoctor-state/1", "part": "host", "computer": "SECRETHOST", "taken_at": "2026-11-21T09:00:00Z",
            "services": [{{"name": "TermService", "exists": true, "start": 4, "running": false}}],
            "logs": [{{"channel": "System", "from": "2026-01-01T00:00:00Z", "until": "2026-11-21T09:00:00Z", "records": 9}}],
            "events": [{}]}}"#,
        events.join(", ")
    )
}

fn findings(arguments: &[&str]) -> serde_json::Value {
    let output = run(&[arguments, &["--format", "json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["cause"].clone(), found["confidence"].clone()));
    serde_json::json!([report["verdict"], found.collect::<Vec<_>>()])
}

#[test]
fn a_bundle_gives_the_diagnosis_of_what_went_into_it() {
    let folder = Folder::new("same");
    let (state, bundle) = (folder.file("state.json", &host()), folder.path("bundle.zip"));
    let text = said(&["collect", &state, "-o", &bundle, "--keep-names"], 0);
    assert!(text.contains("with all names") && text.contains("state/1.json  recorded state,"), "{text}");
    let of_file = findings(&["inspect", &state]);
    assert_eq!(findings(&["inspect", &bundle]), of_file);
    assert!(of_file.to_string().contains("service-stopped"), "{of_file}");
    let named = said(&["inspect", &bundle, "--format", "json"], 1);
    assert!(named.contains("bundle.zip: state/1.json") && named.contains("SECRETHOST"), "{named}");
}

#[test]
fn names_are_not_in_it_and_again_it_is_the_same() {
    let folder = Folder::new("redacted");
    let (state, bundle, again) =
        (folder.file("SECRETHOST.json", &host()), folder.path("bundle.zip"), folder.path("again.zip"));
    let broken = folder.file("alice-SECRETHOST.evtx", "ElfFile\0");
    let text = said(&["collect", &state, &broken, "-o", &bundle], 2);
    assert!(text.contains("names and addresses replaced") && text.contains("Left out:"), "{text}");
    // on their own terminal people see which of their files it was
    assert!(text.contains("alice-SECRETHOST.evtx: event log"), "{text}");
    let gathered = gather(&[PathBuf::from(&bundle)]);
    let pieces: String =
        gathered.pieces.iter().map(|(_, _, piece)| String::from_utf8(stored(piece).1).unwrap()).collect();
    let all = pieces + &gathered.bundles[0].1.to_json();
    assert!(all.contains("36870"), "{all}");
    for name in ["SECRETHOST", "alice", "corp.example"] {
        assert!(!all.contains(name), "{name}: {all}");
    }
    said(&["collect", &bundle, "-o", &again], 2);
    assert_eq!(fs::read(&bundle).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn what_could_not_be_read_is_told_now_and_by_the_bundle() {
    let folder = Folder::new("partly");
    let (state, broken) = (folder.file("state.json", &host()), folder.file("System.evtx", "ElfFile\0"));
    let bundle = folder.path("bundle.zip");
    let text = said(&["collect", &state, &broken, "-o", &bundle, "--keep-names", "--format", "json"], 2);
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["schema"], "rdpdoctor-bundle/1");
    assert_eq!(manifest["left_out"][0]["what"], "System.evtx");
    assert!(manifest["left_out"][0]["why"].as_str().unwrap().contains("cut off"), "{manifest}");
    let report = said(&["inspect", &bundle], 1);
    assert!(report.contains("System.evtx") && report.contains("left out of the bundle"), "{report}");
    let nothing = said(&["collect", &broken, "-o", &folder.path("none.zip")], 3);
    assert!(nothing.contains("nothing to collect") && nothing.contains("cut off"), "{nothing}");
    assert!(!Path::new(&folder.path("none.zip")).exists());
}

#[test]
fn nothing_is_written_over_that_is_evidence() {
    let folder = Folder::new("force");
    let (state, bundle) = (folder.file("state.json", &host()), folder.path("bundle.zip"));
    let other = folder.file("notes.zip", "precious");
    assert!(said(&["collect", &state, "-o", &other], 3).contains("--force"));
    assert!(said(&["collect", &state, "-o", &other, "--force"], 3).contains("no bundle of this program"));
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    fs::remove_file(&other).unwrap();
    said(&["collect", &state, "-o", &bundle], 0);
    assert!(said(&["collect", &state, "-o", &bundle], 3).contains("--force"));
    said(&["collect", &state, "-o", &bundle, "--force"], 0);
    assert!(fs::read(&bundle).unwrap().starts_with(b"PK"));
    // an input is never replaced, under any name, nor a file of a folder that is collected
    let inside = folder.0.join(".").join("state.json");
    for output in [state.as_str(), inside.to_str().unwrap()] {
        assert!(said(&["collect", &state, "-o", output, "--force"], 3).contains("itself among"));
    }
    assert!(said(&["collect", &folder.path(""), "-o", &bundle, "--force"], 3).contains("itself among"));
    assert!(said(&["collect", &state, "-o", &folder.path("none/bundle.zip")], 3).contains("write bundle"));
    assert!(said(&["collect", &bundle, "-o", &folder.path("")], 3).contains("folder"));
    assert_eq!(fs::read_to_string(&state).unwrap(), host());
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_or_over_a_link() {
    let folder = Folder::new("link");
    let (state, other) = (folder.file("state.json", &host()), folder.file("other.txt", "precious"));
    let link = folder.path("bundle.zip");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    for force in [&[][..], &["--force"]] {
        assert!(said(&[&["collect", &state, "-o", &link], force].concat(), 3).contains("is a link"));
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
    let to_input = folder.path("again.zip");
    std::os::unix::fs::symlink(&state, &to_input).unwrap();
    assert!(said(&["collect", &state, "-o", &to_input, "--force"], 3).contains("itself among"));
    // a link that leads nowhere is a file that exists
    let nowhere = folder.path("nowhere.zip");
    std::os::unix::fs::symlink(folder.path("gone"), &nowhere).unwrap();
    said(&["collect", &state, "-o", &nowhere], 3);
    assert!(!Path::new(&folder.path("gone")).exists());
}

/// Files that are read beside a hive are named by nobody, and are evidence all the same.
#[test]
fn what_is_evidence_is_never_replaced() {
    let folder = Folder::new("replaced");
    let (state, log) = (folder.file("state.json", &host()), folder.file("SYSTEM.LOG1", "regf and more"));
    let text = said(&["collect", &state, "-o", &log, "--force"], 3);
    assert!(text.contains("is evidence itself"), "{text}");
    assert_eq!(fs::read(&log).unwrap(), b"regf and more");
    let bundle = folder.path("bundle.zip");
    said(&["collect", &state, "-o", &bundle], 0);
    said(&["collect", &state, "-o", &bundle, "--force"], 0);
}

/// A pipe or a socket would be gone once the bundle is renamed into its place.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let folder = Folder::new("special");
    let (state, socket, link) = (folder.file("state.json", &host()), folder.path("socket"), folder.path("link"));
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    for output in [&socket, &link] {
        for force in [&[][..], &["--force"]] {
            let text = said(&[&["collect", &state, "-o", output], force].concat(), 3);
            assert!(text.contains("neither a file nor a folder") && !text.contains("--force"), "{text}");
        }
    }
    assert!(fs::metadata(&link).unwrap().file_type().is_socket());
    assert!(said(&["collect", &state, "-o", "-", "--force"], 3).contains("name a file"));
}

/// A pipe that nobody writes to would keep us waiting for ever.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused_in_words() {
    let folder = Folder::new("pipe");
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for option in ["--rdp", "--replay", "--client"] {
        let target: &[&str] = if option == "--client" { &["diagnose", "127.0.0.1:1"] } else { &["diagnose"] };
        let text = said(&[target, &[option, pipe.as_str()]].concat(), 3);
        assert!(option == "--client" || text.contains("neither a file nor a folder"), "{text}");
    }
    let text = said(&["diagnose", "--rdp", &folder.path("nosuch.rdp")], 3);
    assert_eq!(text.matches("No such file").count(), 1, "{text}");
}

/// A partly read file makes an incomplete bundle, and that is said; the terminal has the real names, the bundle others.
#[test]
fn what_was_read_in_part_is_said_and_counts() {
    let folder = Folder::new("part");
    let unread = r#", "unread": [{"what": "event log System", "why": "cut off after SECRETHOST"}]}"#;
    let state = folder.file("secrethost.json", &format!("{}{unread}", host().trim_end().trim_end_matches('}')));
    let text = String::from_utf8(run(&["inspect", &state]).stdout).unwrap();
    assert!(text.contains("cut off after SECRETHOST"), "{text}");
    let bundle = folder.path("bundle.zip");
    let text = said(&["collect", &state, &folder.file("secrethost.evtx", "no log"), "-o", &bundle], 2);
    assert!(text.contains("Read in part:") && text.contains("cut off after SECRETHOST"), "{text}");
    assert!(text.contains("secrethost.evtx: of no kind that this program knows"), "{text}");
    let manifest = said(&["collect", &bundle, "-o", &folder.path("b.zip"), "--format", "json"], 2);
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["left_out"][0]["why"], "of no kind that this program knows", "{manifest}");
    assert!(!manifest.to_string().contains("secrethost"), "{manifest}");
}

/// Names may be kept; passwords never are.
#[test]
fn secrets_stay_here() {
    let folder = Folder::new("secrets");
    let registry = r#""registry": [{"path": "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp",
        "exists": true, "values": {"Password": {"text": "hunter2"}, "PortNumber": {"dword": 3389}}}], "services": [{"name": "agent",
        "exists": true, "start": 2, "image": "C:\\agent.exe --password hunter2"}, "#;
    let state = folder.file("state.json", &host().replacen(r#""services": ["#, registry, 1));
    let bundle = folder.path("bundle.zip");
    said(&["collect", &state, "-o", &bundle, "--keep-names"], 0);
    for (_, _, piece) in gather(&[PathBuf::from(&bundle)]).pieces {
        let text = String::from_utf8(stored(&piece).1).unwrap();
        assert!(text.contains("SECRETHOST") && text.contains("3389") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn without_files_it_says_what_can_be_done() {
    assert!(said(&["collect"], 3).contains("rdpdoctor collect --as powershell"));
    let folder = Folder::new("without");
    let state = folder.file("state.json", &host());
    assert!(said(&["collect", &state], 3).contains("-o bundle.zip"));
    assert_eq!(said(&["collect", "--as", "powershell"], 0), script::powershell());
    said(&["collect", "--as", "powershell", &state], 3);
    assert!(said(&["collect", "--help"], 0).contains("never run on a real Windows machine"));
}

/// From PowerShell: UTF-16 with a byte order mark, and the lines of a console around it.
#[test]
fn a_state_of_powershell_is_read() {
    let folder = Folder::new("wide");
    let wide: Vec<u8> = "\u{FEFF}"
        .encode_utf16()
        .chain(host().replace('\n', "\r\n").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let file = folder.path("state.txt");
    fs::write(&file, wide).unwrap();
    assert_eq!(findings(&["inspect", &file]), findings(&["inspect", &folder.file("state.json", &host())]));
}
