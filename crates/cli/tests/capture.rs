//! Captures as people use them: a client on its way to an RD Gateway, with its `.rdp` file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![allow(dead_code, reason = "the writer is that of the tests of the reader")]

#[path = "../../collect/tests/captures/writer.rs"]
mod writer;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use writer::{Container, Frame, HOST, Talk, file, record};

const CERTIFICATE: &[u8] = include_bytes!("../../wire/tests/certificates/server01.der");
const RDP: &str =
    "full address:s:server.corp.example\r\ngatewayusagemethod:i:1\r\ngatewayhostname:s:gw.corp.example\r\n";

/// Runs the program; checks its exit status, and returns its words as one line.
#[track_caller]
fn cli(arguments: &[&str], status: i32) -> String {
    let full: &[&str] = if arguments[0] == "inspect" { &["--full"] } else { &[] };
    let output =
        Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).args(full).stdin(Stdio::null()).output().unwrap();
    let (text, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{text}\n{complaint}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Folder that is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-{}-capture-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.0.join(name), bytes).unwrap();
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Frames of a gateway that ends the first handshake with an alert, another web server, and the gateway once more.
fn frames(second: impl Fn(Talk) -> Talk) -> Vec<Frame> {
    let talk = |port| Talk::new(port, 7_000).to(9, 443).opened();
    let refused = talk(50_001).asks_for("gw.corp.example").says(HOST, &record(21, &[2, 70]), 1400);
    let other = Talk::new(50_002, 9).to(10, 443).opened().asks_for("www.planted.example").goes_along(CERTIFICATE);
    let again = second(talk(50_003).after(60_000).asks_for("gw.corp.example"));
    [refused.frames, other.frames, again.frames].concat()
}

#[test]
fn the_file_makes_a_capture_of_https_tell_of_the_gateway() {
    let folder = Folder::new("gateway");
    let refuses = |talk: Talk| talk.says(HOST, &record(21, &[2, 70]), 1400);
    let capture = folder.write("client.pcap", &file(&frames(refuses), Container::Little, 1, 1 << 16));
    let rdp = folder.write("client.rdp", RDP.as_bytes());
    for arguments in [["inspect", &capture, &rdp], ["inspect", &rdp, &capture]] {
        let text = cli(&arguments, 2);
        for words in [
            "the client's connection to the gateway gw.corp.example at 192.0.2.9:443, as captured",
            "FAIL tls",
            "protocol_version",
            "It says nothing about the host behind it.",
            "Next: Without a logon, a gateway answers 401",
            "https://gw.corp.example/remoteDesktopGateway/",
            "rdpdoctor diagnose server.corp.example",
        ] {
            assert!(text.contains(words), "{words:?} is missing:\n{text}");
        }
        assert!(!text.contains("planted") && !text.contains("not read"), "{text}");
    }
    let json: Value = serde_json::from_str(&cli(&["inspect", &capture, &rdp, "--format", "json"], 2)).unwrap();
    assert_eq!((&json["verdict"], &json["reached"]), (&"undetermined".into(), &Value::Null));
    let gateway = json["subjects"].as_array().unwrap().iter().find(|who| who["role"] == "gateway").unwrap();
    assert_eq!((&gateway["name"], &gateway["port"]), (&"gw.corp.example".into(), &443.into()));
    let seen = json["observations"].as_array().unwrap().iter().filter(|seen| seen["subject"] == gateway["id"]);
    let facts: Vec<_> = seen.map(|seen| (seen["fact"].as_str().unwrap(), &seen["value"])).collect();
    let tls = facts.iter().find(|(fact, _)| *fact == "tls.answer").unwrap().1;
    assert_eq!((&tls["direct"], &tls["answer"]["alert"]), (&true.into(), &70.into()));
    let connection = facts.iter().find(|(fact, _)| *fact == "capture.connection").unwrap().1;
    assert_eq!(connection["server_name"], "gw.corp.example");
}

#[test]
fn a_gateway_that_goes_along_is_no_health_either() {
    let folder = Folder::new("along");
    let along = |talk: Talk| talk.goes_along(CERTIFICATE).closed();
    let capture = folder.write("client.pcapng", &file(&frames(along), Container::NextGeneration, 1, 1 << 16));
    let rdp = folder.write("client.rdp", RDP.as_bytes());
    let text = cli(&["inspect", &capture, &rdp], 2);
    assert!(text.contains("ok tls") && text.contains("certificate") && text.contains("encrypted"), "{text}");
    assert!(text.contains("TerminalServices-Gateway/Operational") || text.contains("curl.exe"), "{text}");
    // a bundle says the same, without the names
    let bundle = folder.0.join("bundle.zip").display().to_string();
    cli(&["collect", &capture, &rdp, "-o", &bundle], 0);
    let nameless = cli(&["inspect", &bundle], 2);
    assert!(
        nameless.contains("the client's connection to the gateway x0.corp.example") && nameless.contains("ok tls"),
        "{nameless}"
    );
    assert!(!nameless.contains("gw.corp") && !nameless.contains("planted"), "{nameless}");
}

#[test]
fn without_the_file_one_line_says_what_is_missing() {
    let folder = Folder::new("alone");
    let capture = folder.write("client.pcap", &file(&frames(|talk| talk), Container::Little, 1, 1 << 16));
    let text = cli(&["inspect", &capture], 2);
    let words = "no Remote Desktop in it; 3 connections carry TLS from the start: through an RD Gateway it looks like this, \
                 name the client's .rdp file with it";
    assert!(text.contains(words) && !text.contains("gw.corp"), "{text}");
}
