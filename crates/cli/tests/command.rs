//! The program as people use it: exit statuses, words for wrong input, files, pipes.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::process::{Command, Output, Stdio};

use lab::{Lab, Scenario};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs the program; checks its exit status and that its output (or its complaint, for status 3) holds some words.
#[track_caller]
fn cli(arguments: &[&str], status: i32, words: &str) -> String {
    let output = run(arguments);
    let (text, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{text}\n{complaint}");
    let told = if status == 3 { &complaint } else { &text };
    // paragraphs may break anywhere
    let flowing = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = told.contains(words) || flowing.contains(words);
    assert!(found, "{arguments:?} does not say {words:?}:\n{text}\n{complaint}");
    text
}

fn lab(scenario: &str) -> (Lab, String) {
    let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    (lab, address)
}

/// File in a folder of its own, removed at its end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rdpdoctor-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_healthy_host_is_0() {
    let (_lab, address) = lab("healthy-server-2022");
    let text = cli(&["diagnose", &address], 0, "Healthy up to the logon prompt.");
    assert!(text.contains("2 connections,") && text.contains("No logon was attempted."), "{text}");
}

#[test]
fn a_fault_is_1_and_says_what_to_do() {
    let (_lab, address) = lab("certificate-expired");
    let text = cli(&["diagnose", &address], 1, "certificate-expired (degrading, proven)");
    for words in ["Seen:", "How sure:", "Do now: look on the host", "prove-certificate-expired.ps1", "Look for:"] {
        assert!(text.contains(words), "{words} is missing:\n{text}");
    }
    let text = cli(&["diagnose", &address, "--full"], 1, "certificate-expired (degrading, proven)");
    for words in ["seen:", "why:", "do:", "fix:", "fixed when:", "Get-ChildItem"] {
        assert!(text.contains(words), "{words} is missing:\n{text}");
    }
}

#[test]
fn a_code_that_a_healthy_host_does_not_explain_is_2() {
    let (_lab, address) = lab("healthy-server-2022");
    let code = ["diagnose", &address, "--code", "0x904", "--extended", "0x7"];
    let text = cli(&code, 2, "it does not explain 0x904/0x7").replace('\n', " ");
    assert!(text.contains("Do now, on the computer that shows 0x904/0x7:"), "{text}");
    let text = cli(&[&code[..], &["--full"]].concat(), 2, "does not explain 0x904/0x7");
    assert!(text.contains("Ruled out:") && text.contains("private-key-unusable") && text.contains("Next:"), "{text}");
    cli(&["diagnose", &address, "--code", "2308", "--extended", "7"], 2, "0x904/0x7");
}

#[test]
fn json_is_the_published_form() {
    let (_lab, address) = lab("certificate-expired");
    let text = cli(&["diagnose", &address, "--format", "json"], 1, "\"schema\": \"rdpdoctor/1\"");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["verdict"], "faulty");
    assert_eq!(report["findings"][0]["cause"], "certificate-expired");
    let cited = report["findings"][0]["because"][0]["observation"].as_u64().unwrap();
    let observations = report["observations"].as_array().unwrap();
    let observation = observations.iter().find(|observation| observation["id"] == cited).unwrap();
    assert_eq!(observation["fact"], "certificate.not_after");
}

#[test]
fn wrong_use_is_3_in_words() {
    for (target, words) in [
        ("http://server", "URL"),
        ("my server", "white space"),
        ("server:0", "port"),
        ("server:65536", "port"),
        ("", "empty"),
        ("[::1", "brackets"),
    ] {
        cli(&["diagnose", target], 3, words);
    }
    cli(&["diagnose", &"a".repeat(64)], 3, "63");
    cli(&["diagnose"], 3, "TARGET");
    cli(&["diagnose", "server.rdp"], 3, "--rdp server.rdp");
    cli(&["diagnose", "server", "--watch", "1s"], 3, "--watch=1s");
    cli(&["diagnose", "server", "3389"], 3, "HOST:PORT");
    cli(&["diagnose", "server", "--port", "3389"], 3, "HOST:PORT");
    cli(&["inspect", "no-such-file"], 3, "no-such-file: there is no such file");
    cli(&["diagnose", "server", "--code", "zebra"], 3, "zebra");
    cli(&["diagnose", "server", "--extended", "7"], 3, "--code");
    cli(&["diagnose", "server", "--timeout", "0s"], 3, "100ms");
    cli(&["diagnose", "server", "--client", "mstsc-12"], 3, "mstsc-11");
    cli(&["diagnose", "server", "--client", "no-such-file.toml"], 3, "no-such-file.toml");
    cli(&["diagnose", "--replay", "no-such-transcript.txt"], 3, "no-such-transcript.txt");
    cli(&["demo", "no-such-scenario"], 3, "no-such-scenario");
    // no address is shown for the first one, which does not run on
    let shown = cli(&["lab", "healthy-ca-issued", "no-such-scenario"], 3, "no-such-scenario");
    assert_eq!(shown, "");
    cli(&["cure"], 3, "cure");
    cli(&["explain", "0x904", "--json"], 0, "\"id\": \"disconnect/0x904\"");
    cli(&["explain", "no such word", "--", "--json"], 2, "");
    cli(&["diagnose", "-x"], 3, "unexpected argument '-x'");
    cli(&["--help"], 0, "Remote Desktop");
    cli(&["--version"], 0, "rdpdoctor 0.");
}

#[test]
fn the_demonstration_finds_its_fault() {
    let text = cli(&["demo"], 0, "The scenario's fault is private-key-unusable: found.");
    assert!(text.contains("ok name, tcp, x224 · FAIL tls: reset"), "{text}");
    let json = cli(&["demo", "--json"], 0, "");
    assert!(
        serde_json::from_str::<serde_json::Value>(&json).is_ok_and(|report| report["verdict"] == "faulty"),
        "{json}"
    );
    let text = cli(&["demo", "--full"], 0, "The scenario's fault is private-key-unusable: found.");
    for rung in ["ok   tcp", "ok   x224", "FAIL tls"] {
        assert!(text.contains(rung), "{text}");
    }
}

#[test]
fn a_misspelt_scenario_has_a_suggestion() {
    for command in ["demo", "lab"] {
        let output = run(&[command, "certificate-expird"]);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(3) && complaint.contains("did you mean certificate-expired?"),
            "{complaint}"
        );
    }
}

#[test]
fn a_demonstration_of_what_is_no_fault_says_so() {
    let text = cli(&["demo", "name-points-elsewhere"], 0, "which is worth knowing and no fault by itself: found.");
    assert!(!text.contains("no fault that a probe can name"), "{text}");
}

#[test]
fn the_lab_lists_what_it_can_play() {
    let all = Scenario::all().len();
    let short = cli(&["lab"], 0, "private-key-unusable");
    assert!(short.lines().count() <= 24 && short.contains(&format!("All {all} scenarios")), "{short}");
    assert!(short.lines().all(|line| line.len() <= 100) && !short.contains("near-miss"), "{short}");
    let text = cli(&["lab", "--all"], 0, "private-key-unusable");
    assert_eq!(text.lines().filter(|line| line.starts_with("  ")).count(), all);
    assert!(text.contains(&format!("\n{all} scenarios.")) && text.contains("\ntls ("), "{text}");
}

#[test]
fn a_transcript_replays_to_the_same_report() {
    let scratch = Scratch::new("transcript");
    let file = scratch.file("probe.txt");
    let (lab, address) = lab("certificate-expired");
    let live = cli(&["diagnose", &address, "--format", "json", "--transcript", &file], 1, "certificate-expired");
    drop(lab);
    let replayed = cli(&["diagnose", "--replay", &file, "--format", "json"], 1, "certificate-expired");
    let parts = |text: &str| {
        let mut report: serde_json::Value = serde_json::from_str(text).unwrap();
        report.as_object_mut().unwrap().remove("seconds");
        report
    };
    assert_eq!(parts(&live), parts(&replayed));
}

/// A transcript without names was made to be sent; one with names has no business in its place.
#[test]
fn a_transcript_replaces_nothing_of_value() {
    let scratch = Scratch::new("replaces");
    let file = scratch.file("probe.txt");
    let (_lab, address) = lab("healthy-server-2022");
    let write = |more: &[&str], status| {
        let named: &[&str] = if more.contains(&"--transcript") { &[] } else { &["--transcript", &file] };
        let output = run(&[&["diagnose", &address], more, named].concat());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{complaint}");
        // whatever becomes of the transcript, the diagnosis is told
        assert!(String::from_utf8(output.stdout).unwrap().contains("Healthy"), "{complaint}");
        complaint
    };
    assert!(write(&["--transcript", &scratch.file("none/probe.txt")], 3).contains("write transcript"));
    std::fs::write(&file, "my notes").unwrap();
    assert!(write(&[], 3).contains("it exists and is no transcript"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "my notes");
    std::fs::remove_file(&file).unwrap();
    assert!(write(&[], 0).contains("with names"));
    assert!(write(&["--redact"], 0).contains("without names"));
    let nameless = std::fs::read_to_string(&file).unwrap();
    assert!(write(&[], 3).contains("without names"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), nameless);
    // a transcript that is read as evidence, itself or through a link
    let link = scratch.file("link.txt");
    assert!(write(&["--redact", "--with", &file], 3).contains("itself among"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(write(&["--redact", "--transcript", &link], 3).contains("is a link"));
        assert!(write(&["--redact", "--transcript", &link, "--with", &file], 3).contains("itself among"));
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), nameless);
}

#[test]
fn what_failed_in_rehearsal_is_not_held_against_the_host() {
    let scratch = Scratch::new("rehearsal");
    let file = scratch.file("probe.txt");
    let (_lab, address) = lab("closed-on-negotiation");
    run(&["diagnose", &address, "--transcript", &file]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("rehearsal-failed"), "{text}");
    // a rehearsal that failed is noted in every record of the same words
    let marked = format!("{text}  9.000000 rehearsal-failed\n");
    let mut marked = marked.replace("\nconnection ", "\n  9.000000 rehearsal-failed\nconnection ");
    // nothing was begun before the first one
    marked = marked.replacen("  9.000000 rehearsal-failed\n", "", 1);
    std::fs::write(&file, marked).unwrap();
    cli(&["diagnose", "--replay", &file], 2, "the fault lies in this program or this computer");
}

#[test]
fn a_redacted_transcript_names_nobody_and_still_tells_the_fault() {
    let scratch = Scratch::new("redacted");
    let file = scratch.file("probe.txt");
    let (_lab, address) = lab("certificate-expired");
    cli(&["diagnose", &address, "--transcript", &file, "--redact"], 1, "certificate-expired");
    let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
    for name in ["SERVER01", "server01"] {
        let wide: Vec<u8> = name.bytes().flat_map(|byte| [byte, 0]).collect();
        for spelling in [wire::hex::encode(name.as_bytes()), wire::hex::encode(&wide), name.to_lowercase()] {
            assert!(!text.contains(&spelling), "{name} is still in the transcript");
        }
    }
    cli(&["diagnose", "--replay", &file], 1, "certificate-expired");
}

#[test]
fn a_client_profile_may_be_a_file() {
    let scratch = Scratch::new("profile");
    let file = scratch.file("client.toml");
    let shipped = include_str!("../../evidence/profiles/mstsc-7.toml");
    let text = shipped.replace("[\"SSL\", \"HYBRID\"]", "[\"SSL\"]").replace("max = \"1.0\"", "max = \"1.2\"");
    assert_ne!(text, shipped);
    std::fs::write(&file, text).unwrap();
    let (_lab, address) = lab("nla-required");
    cli(&["diagnose", &address, "--client", &file], 1, "nla-required (blocking, proven)");
    for shipped in ["mstsc-7", "mstsc-11"] {
        let text = String::from_utf8(run(&["diagnose", &address, "--client", shipped]).stdout).unwrap();
        assert!(!text.contains("nla-required"), "{shipped}:\n{text}");
    }
}

#[test]
fn a_pipe_that_closes_is_no_error() {
    let (_lab, address) = lab("certificate-expired");
    let mut child = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
        .args(["diagnose", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(complaint, "");
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_is_known() {
    let (lab, address) = lab("hostile-silent-negotiation");
    let child = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
        .args(["diagnose", &address, "--timeout", "60s", "--format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // the host counts the connection as soon as the probe waits for its answer
    while lab.connections(0) == 0 {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["interrupted"]), (Some(2), &serde_json::Value::Bool(true)));
}

#[test]
fn no_colour_without_a_terminal() {
    let (_lab, address) = lab("healthy-server-2022");
    assert!(!cli(&["diagnose", &address], 0, "Healthy").contains('\u{1b}'));
}

#[test]
fn a_thorough_look_tells_all_that_a_host_takes() {
    let (_lab, address) = lab("healthy-server-2022");
    let text = cli(&["diagnose", &address, "--thorough", "--format", "json"], 0, "\"surveys\"");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let survey = &report["surveys"][0];
    assert_eq!(survey["complete"], true, "{survey:#}");
    assert_eq!(survey["negotiation"].as_array().unwrap().len(), 32);
    let tls = |version: &str| {
        let all = survey["tls"].as_array().unwrap();
        all.iter().find(|known| known["version"] == version).unwrap().clone()
    };
    assert_eq!(tls("1.3")["suites"].as_array().unwrap().len(), 3);
    assert_eq!(tls("1.2")["groups"], serde_json::json!(["x25519", "secp256r1", "secp384r1"]));
    assert_eq!(tls("1.2")["signatures"].as_array().unwrap().len(), 6, "{:#}", tls("1.2"));
    assert_eq!((&tls("1.1")["accepted"], &tls("1.0")["accepted"]), (&false.into(), &false.into()));
    let words = cli(&["diagnose", &address, "--thorough"], 0, "Healthy up to the logon prompt.");
    assert!(words.contains("TLS_AES_256_GCM_SHA384") && words.contains("Remote Credential Guard"), "{words}");
    let plain = cli(&["diagnose", &address, "--format", "json"], 0, "\"surveys\": []");
    assert!(plain.contains("\"connections\": 2"), "{plain}");
}

#[test]
fn a_survey_replays_from_its_transcript() {
    let (_lab, address) = lab("healthy-server-2022");
    let scratch = Scratch::new("survey");
    let file = scratch.file("transcript");
    let live = cli(&["diagnose", &address, "--thorough", "--format", "json", "--transcript", &file], 0, "surveys");
    let again = cli(&["diagnose", "--replay", &file, "--format", "json"], 0, "surveys");
    let surveys = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["surveys"].clone();
    assert_eq!(surveys(&again), surveys(&live));
}
