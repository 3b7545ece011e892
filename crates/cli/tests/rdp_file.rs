//! `.rdp` files as people use them: `diagnose --rdp`, `--with`, `inspect`.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use lab::{Lab, Scenario};
use serde_json::Value;

/// Runs the program; checks its exit status and that its output holds some words.
#[track_caller]
fn cli(arguments: &[&str], status: i32, words: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).stdin(Stdio::null()).output().unwrap();
    let (text, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{text}\n{complaint}");
    let told = if status == 3 { &complaint } else { &text };
    let flowing = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(words), "{arguments:?} does not say {words:?}:\n{text}\n{complaint}");
    text
}

fn lab(scenario: &str) -> (Lab, String) {
    let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    (lab, address)
}

/// File that is removed at its end.
struct File(std::path::PathBuf);

impl File {
    /// Writes UTF-16LE with a byte order mark, as mstsc does.
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-{}-rdp-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let wide = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let bytes: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(folder.join("server.rdp"), bytes).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.join("server.rdp").display().to_string()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_file_names_target_and_port() {
    let (_lab, address) = lab("healthy-server-2022");
    let file = File::new("target", &format!("screen mode id:i:2\nfull address:s:{address}\nusername:s:planted\n"));
    let text = cli(&["diagnose", "--rdp", &file.path()], 0, "Healthy up to the logon prompt.");
    assert!(text.contains("2 connections,") && text.contains("Caution: Unknown"), "{text}");
    let json = cli(&["diagnose", "--rdp", &file.path(), "--format", "json"], 0, "");
    assert_eq!(report(&json)["client"]["source"], "rdp-file");
    assert!(!json.contains("planted"), "{json}");
}

#[test]
fn server_port_fills_in_and_a_named_target_comes_first() {
    let (_lab, address) = lab("healthy-server-2022");
    let (host, port) = address.rsplit_once(':').unwrap();
    let file = File::new("port", &format!("full address:s:{host}\nserver port:i:{port}\n"));
    cli(&["diagnose", "--rdp", &file.path()], 0, "Healthy");
    let elsewhere = File::new("elsewhere", "full address:s:no-such-host.invalid\n");
    cli(&["diagnose", &address, "--rdp", &elsewhere.path()], 0, "Healthy");
}

#[test]
fn a_file_without_credssp_explains_why_the_host_refuses() {
    let (_lab, address) = lab("nla-required");
    let file = File::new("nla", &format!("full address:s:{address}\nenablecredsspsupport:i:0\n"));
    let text = cli(&["diagnose", "--rdp", &file.path(), "--format", "json"], 1, "nla-required");
    let report = report(&text);
    assert_eq!(report["findings"][0]["cause"], "rdp-file-misconfigured", "{text}");
    assert_eq!(report["findings"][0]["root_of"][0], "nla-required");
    // the same file, and a host that does without; the same host, and a file that offers it
    let on = File::new("nla-on", &format!("full address:s:{address}\nenablecredsspsupport:i:1\n"));
    let text = cli(&["diagnose", "--rdp", &on.path()], 0, "Healthy");
    assert!(!text.contains("nla-required"), "{text}");
    let (_other, optional) = lab("nla-required-near-miss-optional");
    let text = cli(&["diagnose", &optional, "--rdp", &file.path(), "--format", "json"], 0, "healthy");
    assert!(self::report(&text)["findings"].as_array().unwrap().iter().all(|f| f["severity"] == "advisory"), "{text}");
}

/// Whoever is led elsewhere by the file was not asked, so the file is not shown to be in order.
#[test]
fn what_of_a_file_was_not_sent_for_sure_is_in_the_report() {
    let (_lab, address) = lab("healthy-server-2022");
    let long = format!("loadbalanceinfo:s:tsv://{}", "7".repeat(300));
    let file = File::new("long", &format!("full address:s:{address}\n{long}\n"));
    cli(&["diagnose", "--rdp", &file.path(), "--full"], 2, "loadbalanceinfo of the .rdp file was not sent");
    let twice = "loadbalanceinfo:s:tsv://one\nloadbalanceinfo:s:tsv://other";
    let file = File::new("twice", &format!("full address:s:{address}\n{twice}\n"));
    cli(&["diagnose", "--rdp", &file.path(), "--full"], 2, "the first one was sent");
    // the same line twice leads to one place
    let same = "loadbalanceinfo:s:tsv://one\nloadbalanceinfo:s:tsv://one";
    let file = File::new("same", &format!("full address:s:{address}\n{same}\n"));
    cli(&["diagnose", "--rdp", &file.path()], 0, "Healthy");
}

/// A balancer that knows its users by name lets the user of the file in, and no stranger.
#[test]
fn the_user_of_a_file_is_sent_and_leaves_no_trace() {
    let (_lab, address) = lab("closed-on-negotiation-user");
    let file = |name: &str, user: &str| File::new(name, &format!("full address:s:{address}\nusername:s:{user}\n"));
    let alice = file("user", "alice");
    let transcript = alice.0.join("seen.txt").display().to_string();
    let arguments = ["diagnose", "--rdp", &alice.path(), "--transcript", &transcript, "--redact", "--format", "json"];
    let json = cli(&arguments, 0, "healthy");
    let hex = wire::hex::encode(b"alice");
    let written = std::fs::read_to_string(&transcript).unwrap();
    assert!(!json.contains("alice") && !written.contains("alice") && !written.contains(&hex), "{json}\n{written}");
    cli(&["diagnose", "--rdp", &file("stranger", "bob").path()], 1, "closed without an answer to the client's request");
}

/// A second host does not take the place of what was seen of the first.
#[test]
fn a_transcript_of_another_host_is_not_replaced() {
    let (_one, first) = lab("healthy-server-2022");
    let (_other, second) = lab("healthy-server-2022");
    let folder = File::new("transcripts", "full address:s:a\n");
    let transcript = folder.0.join("seen.txt").display().to_string();
    let seen = |address: &str, more: &[&str], status| {
        cli(&[&["diagnose", address, "--transcript", &transcript], more].concat(), status, "");
        std::fs::read_to_string(&transcript).unwrap()
    };
    assert!(seen(&first, &[], 0).contains(&first));
    assert!(seen(&first, &[], 0).contains(&first), "its own is replaced");
    let kept = seen(&second, &[], 3);
    assert!(kept.contains(&first) && !kept.contains(&second));
    assert!(seen(&second, &["--force"], 0).contains(&second));
}

#[test]
fn authentication_level_1_requires_trust() {
    let (_lab, address) = lab("healthy-server-2022");
    let severity = |level: u8| {
        let file = File::new(
            &format!("level-{level}"),
            &format!("full address:s:{address}\nauthentication level:i:{level}\n"),
        );
        let output = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
            .args(["diagnose", "--rdp", &file.path(), "--format", "json"])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().find(|f| f["cause"] == "certificate-untrusted").map(|f| f["severity"].clone())
    };
    // by its address nothing else shows who it is: the client refuses it
    assert_eq!(severity(1), Some("blocking".into()));
    assert_eq!(severity(2), Some("advisory".into()));
}

/// Whoever inspects a file wants to know where it leads.
#[test]
fn a_file_that_is_in_order_says_where_it_leads() {
    let text = "full address:s:server01.corp.example\ngatewayhostname:s:gw.corp.example\ngatewayusagemethod:i:1\n";
    let file = File::new("leads", text);
    let words = "leads to server01.corp.example:3389, through the gateway gw.corp.example";
    cli(&["inspect", &file.path()], 2, words);
}

#[test]
fn what_was_seen_beside_a_gateway_is_never_held_against_the_host() {
    let (_lab, address) = lab("certificate-expired");
    let file = |usage: u8| {
        let text = format!(
            "full address:s:{address}\ngatewayusagemethod:i:{usage}\ngatewayprofileusagemethod:i:1\n\
             gatewayhostname:s:gateway.corp.example\n"
        );
        File::new(&format!("gateway-{usage}"), &text)
    };
    let always = file(1);
    let text = cli(&["diagnose", "--rdp", &always.path()], 2, "through the gateway gateway.corp.example");
    assert!(
        text.contains("test above was direct") && !text.contains("certificate-expired (") && text.contains("tcp"),
        "{text}"
    );
    // the direct way works, so the client takes it
    cli(&["diagnose", "--rdp", &file(2).path()], 1, "certificate-expired (degrading, proven)");
    cli(&["diagnose", "--rdp", &file(4).path()], 1, "certificate-expired (degrading, proven)");
    // a fault of the file itself counts, and the gateway is named all the same
    let wrong = std::fs::read(always.path()).unwrap();
    let line: Vec<u8> = "negotiate security layer:i:0\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let faulty = File::new("gateway-faulty", "");
    std::fs::write(faulty.path(), [wrong, line].concat()).unwrap();
    let text = cli(&["diagnose", "--rdp", &faulty.path()], 1, "through the gateway gateway.corp.example");
    // the file was read, so nobody is asked to read it again
    assert!(!text.contains("Next:") && !text.contains("certificate-expired ("), "{text}");
    let (_other, healthy) = lab("healthy-server-2022");
    cli(&["diagnose", &healthy, "--rdp", &always.path()], 2, "through the gateway");
    let (_closed, port) = lab("port-closed");
    cli(&["diagnose", &port, "--rdp", &file(2).path()], 2, "through the gateway");
}

#[test]
fn a_wrong_address_is_the_finding() {
    let file = File::new("address", "full address:s:server:99999\n");
    for arguments in [&["diagnose", "--rdp"] as &[&str], &["inspect"]] {
        let path = file.path();
        let arguments = [arguments, &[path.as_str()]].concat();
        let text = cli(&arguments, 1, "rdp-file-misconfigured (blocking, likely)");
        assert!(text.contains("99999") && text.contains("0 connections"), "{text}");
    }
}

#[test]
fn wrong_use_is_3_in_words() {
    let bare = File::new("bare", "screen mode id:i:2\n");
    cli(&["diagnose", "--rdp", &bare.path()], 3, "names no address");
    cli(&["diagnose", "--rdp", "no-such-file.rdp"], 3, "read .rdp file no-such-file.rdp");
    std::fs::write(bare.0.join("server.rdp"), "a note").unwrap();
    cli(&["diagnose", "server", "--rdp", &bare.path()], 3, "no line is a setting");
}

#[test]
fn a_file_is_evidence_like_any_other() {
    let file = File::new("with", "full address:s:other.example\nnegotiate security layer:i:0\n");
    cli(&["inspect", &file.path()], 1, "negotiate security layer is 0");
    let (_lab, address) = lab("healthy-server-2022");
    cli(&["diagnose", &address, "--with", &file.path()], 1, "rdp-file-misconfigured (degrading, likely)");
    let sound = File::new("sound", "full address:s:other.example\nenablecredsspsupport:i:0\n");
    cli(&["diagnose", &address, "--with", &sound.path()], 0, "Healthy");
}
