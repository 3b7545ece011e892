//! The formats for machines, over real sockets: each is read by what reads it elsewhere, and ends with its own status.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use lab::{Lab, Scenario};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Diagnoses the first host of a scenario; the exit status and what was printed.
fn diagnose(scenario: &str, format: &str) -> (Option<i32>, String) {
    let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    let output = run(&["diagnose", &address, "--format", format, "--timeout", "2s"]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn nagios_prints_one_line_and_ends_as_plug_ins_do() {
    for (scenario, status, start) in [
        ("healthy-server-2022", 0, "RDP OK - "),
        ("certificate-expired", 1, "RDP WARNING - "),
        ("port-closed", 2, "RDP CRITICAL - "),
        ("hostile-garbage-tls", 3, "RDP UNKNOWN - "),
    ] {
        let (code, text) = diagnose(scenario, "nagios");
        assert_eq!((code, text.lines().count()), (Some(status), 1), "{scenario}: {text}");
        let (words, data) = text.trim_end().split_once(" | ").unwrap();
        assert!(words.starts_with(start), "{text}");
        let labels: Vec<_> = data.split(' ').filter_map(|item| item.split_once('=')).map(|(label, _)| label).collect();
        let expected: &[&str] =
            if status < 2 { &["time", "connections", "certificate_days"] } else { &["time", "connections"] };
        assert_eq!(labels, expected, "{text}");
    }
}

#[test]
fn nagios_says_unknown_where_nothing_could_be_tried() {
    let output = run(&["diagnose", "server", "--client", "no-such.toml", "--format", "nagios"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text.starts_with("RDP UNKNOWN - ") && text.contains("no-such.toml"), "{text}");
}

#[test]
fn json_lines_are_whole_reports() {
    let (code, text) = diagnose("certificate-expired", "jsonl");
    assert_eq!((code, text.lines().count()), (Some(1), 1));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&report["schema"], &report["verdict"]), (&"rdpdoctor/1".into(), &"faulty".into()));
}

/// Reads JUnit XML with Python's parser; `tests failures errors skipped`, or `None` where there is no Python.
fn parsed_elsewhere(xml: &str) -> Option<String> {
    let program = "import sys, xml.etree.ElementTree as tree\n\
                   suite = tree.fromstring(sys.stdin.buffer.read()).find('testsuite')\n\
                   counted = [len(suite.findall(path)) for path in ('testcase', './/failure', './/error', './/skipped')]\n\
                   assert counted == [int(suite.get(name)) for name in ('tests', 'failures', 'errors', 'skipped')]\n\
                   print(*counted)";
    let python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.ok()?;
    python.stdin.take()?.write_all(xml.as_bytes()).ok()?;
    let output = python.wait_with_output().ok()?;
    assert!(output.status.success(), "Python cannot read it:\n{xml}");
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[test]
fn junit_is_read_by_a_parser_of_others() {
    for (scenario, status, counts) in [
        ("healthy-server-2022", 0, "7 0 0 0"),
        ("port-closed", 1, "6 2 0 4"),
        ("not-an-rdp-service-http", 1, "6 2 0 3"),
        ("hostile-garbage-tls", 2, "6 1 1 2"),
    ] {
        let (code, xml) = diagnose(scenario, "junit");
        assert_eq!(code, Some(status), "{xml}");
        match parsed_elsewhere(&xml) {
            Some(found) => assert_eq!(found, counts, "{scenario}:\n{xml}"),
            None if std::env::var_os("RDPDOCTOR_TEST_FULL").is_some() => panic!("python3 is missing"),
            None => rdpdoctor_cli::terminal::complain("skipped: python3 is missing, so its XML parser was not asked"),
        }
    }
}

#[test]
fn every_format_that_is_listed_can_be_asked_for() {
    for format in diagnosis::report::format::ALL {
        let (code, text) = diagnose("healthy-server-2022", format.id);
        assert_eq!(code, Some(0), "{}", format.id);
        assert!(!text.is_empty(), "{}", format.id);
    }
    assert_eq!(run(&["diagnose", "server", "--format", "yaml"]).status.code(), Some(3));
}

/// Characters that would move the cursor, set colours, break lines or turn text round.
fn dangerous(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(
            c,
            '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[test]
fn what_a_host_calls_itself_never_paints_the_terminal() {
    let file = std::env::temp_dir().join(format!("rdpdoctor-names-{}.txt", std::process::id()));
    let path = file.to_str().unwrap();
    let mut shown = 0;
    for scenario in ["hostile-names-in-certificate", "hostile-names-in-challenge", "hostile-challenge-names-of-64-kib"]
    {
        let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
        let target = format!("localhost:{}", lab.port);
        for redact in [&[][..], &["--redact"]] {
            let live = run(&[&["diagnose", &target, "--timeout", "2s", "--transcript", path], redact].concat());
            let transcript = std::fs::read_to_string(&file).unwrap();
            let written = Output { stdout: transcript.into(), ..live.clone() };
            let mut texts = vec![("live", live), ("transcript", written)];
            for format in diagnosis::report::format::ALL {
                texts.push((format.id, run(&["diagnose", "--replay", path, "--format", format.id])));
            }
            for (format, output) in texts {
                for bytes in [output.stdout, output.stderr] {
                    let text = String::from_utf8(bytes).unwrap();
                    let found: Vec<_> = text.chars().filter(|c| dangerous(*c)).collect();
                    assert!(found.is_empty(), "{scenario} {redact:?} {format}: {found:x?}\n{text}");
                    shown += usize::from(text.contains("{U+001B}"));
                }
            }
        }
    }
    std::fs::remove_file(&file).unwrap();
    // names that are not shown at all would prove nothing
    assert!(shown >= 9, "only {shown} outputs show a name");
}

#[test]
fn completions_and_the_man_page_know_every_option() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        assert!(text.contains("diagnose") && text.contains("transcript"), "{shell}");
    }
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    for words in [".TH rdpdoctor 1", "COMMAND DIAGNOSE", "\\-\\-timeout", "nagios", "COMMAND LAB", "Exit status"] {
        assert!(page.contains(words), "{words} is missing:\n{page}");
    }
}
