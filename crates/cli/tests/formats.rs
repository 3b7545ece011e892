//! Formats for machines, over real sockets: each is read by the tools that read it elsewhere, and has its own exit
//! status.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use lab::{Lab, Scenario};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdpdoctor")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Diagnoses the first host of a scenario; returns the exit status and the output.
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

/// The lab's certificate is sound for less than 10,000 days, and for more than none.
#[test]
fn nagios_counts_the_days_of_the_certificate_where_they_are_named() {
    let lab = Lab::start(&Scenario::find("healthy-server-2022").unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    for (limit, status, start) in [("0", 0, "RDP OK - "), ("10000", 1, "RDP WARNING - ")] {
        let output = run(&["diagnose", &address, "--format", "nagios", "--warning", limit]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.starts_with(start) && text.trim_end().ends_with(&format!(";{limit}:")), "{text}");
    }
    let critical = run(&["diagnose", &address, "--format", "nagios", "--warning", "10000", "--critical", "9999"]);
    assert_eq!(critical.status.code(), Some(2));
    assert_eq!(run(&["diagnose", &address, "--warning", "30"]).status.code(), Some(3));
}

/// A transcript that cannot be written is told on standard error; line and status still agree about the host.
#[test]
fn nagios_keeps_its_status_where_a_transcript_cannot_be_written() {
    let lab = Lab::start(&Scenario::find("port-closed").unwrap()).unwrap();
    let address = lab.addresses()[0].to_string();
    let output = |format: &str| run(&["diagnose", &address, "--transcript", "/proc/no-such/a.txt", "--format", format]);
    let (nagios, human) = (output("nagios"), output("human"));
    let line = String::from_utf8(nagios.stdout).unwrap();
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    let told = words.iter().position(|word| line.starts_with(&format!("RDP {word} - ")));
    assert_eq!(nagios.status.code(), told.map(|status| i32::try_from(status).unwrap()), "{line}");
    assert!(!nagios.stderr.is_empty());
    assert_eq!(human.status.code(), Some(3));
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

/// Runs a program in Python on a text; `None` where there is no Python.
fn asked_of_python(program: &str, text: &str) -> Option<String> {
    let python = Command::new("python3").args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none(), "python3 is missing");
        eprintln!("skipped: python3 is missing, so its parsers were not asked");
        return None;
    };
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Python does not take it:\n{text}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Reads JUnit XML with Python's parser; `tests failures errors skipped`, or `None` where there is no Python.
fn parsed_elsewhere(xml: &str) -> Option<String> {
    let program = "import sys, xml.etree.ElementTree as tree\n\
                   suite = tree.fromstring(sys.stdin.buffer.read()).find('testsuite')\n\
                   counted = [len(suite.findall(path)) for path in ('testcase', './/failure', './/error', './/skipped')]\n\
                   assert counted == [int(suite.get(name)) for name in ('tests', 'failures', 'errors', 'skipped')]\n\
                   print(*counted)";
    asked_of_python(program, xml)
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
        if let Some(found) = parsed_elsewhere(&xml) {
            assert_eq!(found, counts, "{scenario}:\n{xml}");
        }
    }
}

/// Reads a page with two parsers of Python's, for HTML and XML: every tag is closed, nothing is loaded, every link
/// leads to a place on the page. Prints the verdict's word and the number of findings.
const PAGE: &str = r"
import sys, xml.etree.ElementTree as tree
from html.parser import HTMLParser
text = sys.stdin.buffer.read().decode()
class Page(HTMLParser):
    void, open, ids, links, seen = {'meta'}, [], [], [], []
    def handle_startendtag(self, tag, attrs): self.handle_starttag(tag, attrs)
    def handle_starttag(self, tag, attrs):
        known = {'html','head','meta','title','style','body','header','main','footer','section','article','div','h1','h2','h3','h4','p',
                 'ul','ol','li','dl','dt','dd','pre','code','span','a','table','thead','tbody','tr','th','td','details','summary'}
        assert tag in known, tag
        if tag not in self.void: self.open.append(tag)
        for name, value in attrs:
            assert name in {'lang','charset','http-equiv','content','name','class','id','href','scope','colspan','role','tabindex','aria-label'}, name
            if name == 'href': self.links.append(value)
            if name == 'id': self.ids.append(value)
            if name == 'class' and tag in ('section', 'article'): self.seen.append(value)
    def handle_endtag(self, tag): assert self.open.pop() == tag, tag
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
assert len(set(page.ids)) == len(page.ids)
assert all(link.startswith('#') and link[1:] in page.ids for link in page.links), page.links
root = tree.fromstring(text)
assert root.get('lang') == 'en' and len(root.findall('.//h1')) == 1
rows = [row for row in root.iter('tr')]
assert rows and all(len(table.findall('./thead/tr/th')) for table in root.iter('table'))
print(page.seen[0].split()[1], sum(1 for seen in page.seen if seen.startswith('card finding')))
";

#[test]
fn a_page_is_read_by_parsers_of_others() {
    for (scenario, status, expected) in [
        ("healthy-server-2022", 0, "healthy 0"),
        ("healthy-two-addresses", 0, "healthy 0"),
        ("port-closed", 1, "faulty 1"),
        ("certificate-expired", 1, "faulty 1"),
        ("private-key-unusable-reset", 1, "faulty 1"),
        ("not-an-rdp-service-http", 1, "faulty 1"),
        ("pair-certificate-expired-and-credssp-unpatched", 1, "faulty 2"),
        ("hostile-garbage-tls", 2, "undetermined 0"),
        ("hostile-names-in-certificate", 0, "healthy 0"),
        ("hostile-challenge-names-of-64-kib", 0, "healthy 0"),
    ] {
        let (code, page) = diagnose(scenario, "html");
        assert_eq!(code, Some(status), "{scenario}:\n{page}");
        if let Some(found) = asked_of_python(PAGE, &page) {
            assert_eq!(found, expected, "{scenario}:\n{page}");
        }
    }
}

/// Evidence files deserve as little trust as the words of a host.
#[test]
fn what_stands_in_evidence_never_becomes_a_tag() {
    let planted = "</script><img src=x onerror=alert(1)> & \"quoted\" 'so' ]]> <!-- \u{202e}";
    let state = serde_json::json!({
        "schema": "rdpdoctor-state/1", "computer": planted, "taken_at": "2026-11-21T09:00:00Z",
        "logs": [{"channel": "System", "from": "2026-11-20T00:00:00Z", "until": "2026-11-21T09:00:00Z", "records": 9}],
        "events": [{"at": "2026-11-21T08:59:00Z", "channel": planted, "provider": "Schannel", "id": 36870,
                    "data": {planted: planted}}],
        "certificates": [{"store": planted, "sha1": "00", "subject": planted, "issuer": planted,
                          "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}],
        "unread": [{"what": planted, "why": planted}],
    });
    let file = std::env::temp_dir().join(format!("rdpdoctor-<b>&-{}.json", std::process::id()));
    std::fs::write(&file, state.to_string()).unwrap();
    let page = String::from_utf8(run(&["inspect", file.to_str().unwrap(), "--format", "html"]).stdout).unwrap();
    let sarif = run(&["inspect", file.to_str().unwrap(), "--format", "sarif"]).stdout;
    std::fs::remove_file(&file).unwrap();
    assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains("<!--") && !page.contains('\u{202e}'));
    assert!(page.matches("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp; ").count() >= 5, "{page}");
    if let Some(found) = asked_of_python(PAGE, &page) {
        assert_eq!(found, "faulty 1", "{page}");
    }
    let log: serde_json::Value = serde_json::from_slice(&sarif).unwrap();
    let location = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert!(
        location.as_str().is_some_and(|uri| uri.starts_with("file:///") && uri.contains("-%3Cb%3E%26-")),
        "{location}"
    );
}

/// Report as SARIF and as JSON, from the same transcript.
fn both(path: &str) -> (serde_json::Value, serde_json::Value) {
    let read = |format| run(&["diagnose", "--replay", path, "--format", format]).stdout;
    let (first, second) = (read("sarif"), read("sarif"));
    assert_eq!(first, second, "the same evidence gives the same log");
    (serde_json::from_slice(&first).unwrap(), serde_json::from_slice(&read("json")).unwrap())
}

#[test]
fn sarif_says_what_the_report_says() {
    let file = std::env::temp_dir().join(format!("rdpdoctor-sarif-{}.txt", std::process::id()));
    let path = file.to_str().unwrap();
    let mut levels = std::collections::BTreeSet::new();
    for scenario in [
        "healthy-server-2022",
        "healthy-two-addresses",
        "port-closed",
        "certificate-expired",
        "certificate-not-yet-valid",
        "private-key-unusable-reset",
        "not-an-rdp-service-http",
        "pair-certificate-expired-and-credssp-unpatched",
        "hostile-garbage-tls",
        "hostile-names-in-challenge",
    ] {
        let lab = Lab::start(&Scenario::find(scenario).unwrap()).unwrap();
        run(&["diagnose", &lab.addresses()[0].to_string(), "--timeout", "2s", "--transcript", path, "--force"]);
        let (log, report) = both(path);
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        let findings = report["findings"].as_array().unwrap();
        let open = usize::from(report["verdict"] == "undetermined");
        assert_eq!(results.len(), findings.len() + open, "{scenario}: {log:#}");
        for (result, finding) in results.iter().zip(findings) {
            assert_eq!((&result["ruleId"], &result["kind"]), (&finding["cause"], &"fail".into()));
            levels.insert((finding["severity"].to_string(), result["level"].to_string()));
        }
        let mut prints = std::collections::BTreeSet::new();
        for result in results {
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
            assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
            assert!(!result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].is_null());
            prints.insert(result["partialFingerprints"].to_string());
        }
        assert_eq!(prints.len(), results.len(), "{scenario}: fingerprints tell findings apart");
        let invocation = &run["invocations"][0];
        assert_eq!((&invocation["executionSuccessful"], &invocation["startTimeUtc"]), (&true.into(), &report["at"]));
    }
    std::fs::remove_file(&file).unwrap();
    let pairs = [("advisory", "note"), ("blocking", "error"), ("degrading", "warning")];
    let expected = pairs.map(|(severity, level)| (format!("{severity:?}"), format!("{level:?}")));
    assert!(levels.into_iter().eq(expected));
}

#[test]
fn every_format_that_is_listed_can_be_asked_for() {
    for format in report::formats::ALL {
        let (code, text) = diagnose("healthy-server-2022", format.id);
        assert_eq!(code, Some(0), "{}", format.id);
        assert!(!text.is_empty(), "{}", format.id);
    }
    assert_eq!(run(&["diagnose", "server", "--format", "yaml"]).status.code(), Some(3));
}

/// Characters that would move the cursor, set colours, break lines or reverse text.
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
            let live =
                run(&[&["diagnose", &target, "--timeout", "2s", "--transcript", path, "--force"], redact].concat());
            let transcript = std::fs::read_to_string(&file).unwrap();
            let written = Output { stdout: transcript.into(), ..live.clone() };
            let mut texts = vec![("live", live), ("transcript", written)];
            for format in report::formats::ALL {
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
