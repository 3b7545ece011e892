//! Files of our own forms, alone, in folders and in bundles. The unit is a number of things.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::measured::inside;
use super::{Kind, one, words};

pub const KINDS: &[Kind] = &[
    Kind { name: "state: keys of the registry", make: |f, n| section(f, "registry", 200 * n, key) },
    Kind { name: "state: log entries", make: |f, n| section(f, "events", 200 * n, event) },
    Kind {
        name: "state: kinds of log entries",
        make: |f, n| {
            section(
                f,
                "events",
                200 * n,
                |i| json!({"at": "2026-11-20T08:01:02Z", "channel": format!("c{i}"), "provider": "p", "id": i}),
            )
        },
    },
    Kind {
        name: "state: channels",
        make: |f, n| {
            section(
                f,
                "logs",
                100 * n,
                |i| json!({"channel": format!("c{i}"), "from": "2026-11-01T00:00:00Z", "until": "2026-11-20T00:00:00Z", "records": 9}),
            )
        },
    },
    Kind {
        name: "state: services",
        make: |f, n| section(f, "services", 200 * n, |i| json!({"name": format!("s{i}"), "exists": true})),
    },
    Kind {
        name: "state: files",
        make: |f, n| {
            section(
                f,
                "files",
                200 * n,
                |i| json!({"name": format!("f{i}.dll"), "version": "10.0.1.2", "exists": true}),
            )
        },
    },
    Kind {
        name: "state: key files",
        make: |f, n| {
            section(
                f,
                "key_files",
                200 * n,
                |i| json!({"name": format!("{i:032x}_a"), "folder": "MachineKeys", "size": 9}),
            )
        },
    },
    Kind {
        name: "state: items not read",
        make: |f, n| section(f, "unread", 200 * n, |i| json!({"what": format!("w{i}"), "why": "x"})),
    },
    Kind {
        name: "state: .rdp files",
        make: |f, n| {
            section(
                f,
                "rdp_files",
                100 * n,
                |i| json!({"name": format!("{i}.rdp"), "settings": [{"name": "full address", "kind": "s", "value": format!("h{i}")}], "signature": {"state": "unsigned"}}),
            )
        },
    },
    Kind { name: "state: small objects in no section", make: |f, n| section(f, "zzz", 4000 * n, |_| json!({"a": 0})) },
    Kind { name: "states in a folder", make: |f, n| inspect(f, states(f, 100 * n)) },
    Kind {
        name: "states of one machine in a folder",
        make: |f, n| inspect(f, filled(f, 40 * n, "json", |_| state(1))),
    },
    Kind { name: "states in a bundle", make: |f, n| bundled(f, &states(f, 100 * n)) },
    Kind { name: "collect: states in a folder", make: |f, n| collect(&states(f, 40 * n)) },
    Kind { name: ".rdp files in a folder", make: |f, n| inspect(f, rdp_files(f, 200 * n)) },
    Kind { name: ".rdp files in a bundle", make: |f, n| bundled(f, &rdp_files(f, 40 * n)) },
    Kind {
        name: "files of no kind in a folder",
        make: |f, n| inspect(f, filled(f, 100 * n, "bin", |i| if i == 0 { state(0) } else { format!("\0{i}") })),
    },
    Kind { name: "transcript: connections", make: |f, n| one(f, "a.txt", transcript(20 * n, 1).as_bytes()) },
    Kind { name: "transcript: one long line", make: |f, n| one(f, "a.txt", transcript(1, 30_000 * n).as_bytes()) },
    Kind { name: "replay: connections", make: replay },
    Kind {
        name: "collect: transcript",
        make: |f, n| {
            std::fs::write(f.join("a.txt"), transcript(20 * n, 1)).unwrap();
            collect("a.txt")
        },
    },
    Kind { name: "transcripts in a folder", make: |f, n| inspect(f, transcripts(f, 20 * n)) },
    Kind { name: "transcripts in a bundle", make: |f, n| bundled(f, &transcripts(f, 20 * n)) },
];

fn key(number: usize) -> Value {
    let path = format!(r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\a{number}");
    json!({"path": path, "exists": true, "values": {"PortNumber": {"dword": 3389}}})
}

fn event(number: usize) -> Value {
    let at = format!("2026-11-20T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60);
    let provider = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
    json!({"at": at, "channel": format!("{provider}/Operational"), "provider": provider, "id": 131, "record": number,
           "data": {"ClientIP": format!("10.0.{}.{}:50123", number / 250 % 250, number % 250)}})
}

/// Writes a state with this many things in a section.
fn section(folder: &Path, name: &str, count: usize, thing: impl Fn(usize) -> Value) -> Vec<String> {
    let mut text = "{\"schema\":\"rdpdoctor-state/1\",\"computer\":\"SRV01\",".to_owned();
    // something that a report tells, beside what grows
    if name != "registry" {
        let _ = write!(text, "\"registry\":[{}],", key(0));
    }
    let _ = write!(text, "\"{name}\":[");
    for number in 0..count {
        let _ = write!(text, "{}{}", if number == 0 { "" } else { "," }, thing(number));
    }
    one(folder, "a.json", (text + "]}").as_bytes())
}

/// Writes the state of a machine with a fault of its own, as another program keeps it: on one line.
fn state(number: usize) -> String {
    let path = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";
    json!({"schema": "rdpdoctor-state/1", "computer": format!("SRV{number:05}"), "taken_at": "2026-11-21T08:59:30Z",
           "registry": [{"path": path, "exists": true, "values": {"fDenyTSConnections": {"dword": 1}}}]})
    .to_string()
}

/// Fills a folder with numbered files; returns its name.
fn filled(folder: &Path, count: usize, ending: &str, contents: impl Fn(usize) -> String) -> String {
    let inside = folder.join("files");
    std::fs::create_dir(&inside).unwrap();
    for number in 0..count {
        std::fs::write(inside.join(format!("{number:05}.{ending}")), contents(number)).unwrap();
    }
    "files".to_owned()
}

fn states(folder: &Path, count: usize) -> String {
    filled(folder, count, "json", state)
}

fn rdp_files(folder: &Path, count: usize) -> String {
    filled(folder, count, "rdp", |number| format!("full address:s:h{number}\r\nauthentication level:i:0\r\n"))
}

fn transcripts(folder: &Path, count: usize) -> String {
    filled(folder, count, "txt", |_| transcript(1, 1))
}

fn inspect(_: &Path, name: String) -> Vec<String> {
    vec!["inspect".to_owned(), name]
}

fn collect(name: &str) -> Vec<String> {
    words(&["collect", name, "-o", "made.zip"])
}

/// Makes a bundle of the folder, which is not measured.
fn bundled(folder: &Path, name: &str) -> Vec<String> {
    let mut command = inside(folder, &collect(name), None);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(matches!(status.code(), Some(0..=2)), "{status}");
    inspect(folder, "made.zip".to_owned())
}

/// Writes a transcript of a host that ends every handshake; its last words are this many bytes long.
fn transcript(connections: usize, bytes: usize) -> String {
    let mut text =
        "rdpdoctor transcript 1\nat 2026-11-21T09:00:00Z\ntool rdpdoctor/0.1.0\ntarget 192.0.2.7 3389\n".to_owned();
    let words = "5a".repeat(bytes);
    for number in 0..connections {
        let _ = write!(
            text,
            "connection 192.0.2.7:3389 {number}.000000 request=SSL+HYBRID+HYBRID_EX tls=rustls,1.2,1.3,whole credssp=6 limits=1.200000,0.900000,1.200000,0.900000 random=e532bae66bfd5bb4f1b511d74e728b327c7040b64014d85de7df96007e027db8\n  \
             0.000138 connected\n  0.000168 > 030000130ee00000000000010008000b000000\n  0.000557 < {words}\n  0.001000 closed fin\n"
        );
    }
    text
}

fn replay(folder: &Path, size: usize) -> Vec<String> {
    std::fs::write(folder.join("a.txt"), transcript(20 * size, 1)).unwrap();
    words(&["diagnose", "--replay", "a.txt"])
}
