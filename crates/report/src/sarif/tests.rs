use diagnosis::Because;
use diagnosis::report::ReportObservation;

use super::super::sample::diagnosis;
use super::*;

fn parsed(diagnosis: &Diagnosis) -> Value {
    serde_json::from_str(&render(diagnosis)).unwrap()
}

#[test]
fn a_finding_is_a_result_of_the_rule_that_it_names() {
    let log = parsed(&diagnosis("server"));
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    assert_eq!((&result["kind"], &result["level"]), (&"fail".into(), &"error".into()));
    assert_eq!(result["properties"]["confidence"], "likely");
    let help = run["tool"]["driver"]["rules"][0]["help"]["text"].as_str().unwrap();
    assert!(help.contains("icacls") && help.contains("To go back: "), "{help}");
}

#[test]
fn levels_follow_what_a_finding_does() {
    let mut report = diagnosis("server");
    for (severity, word) in
        [(Severity::Blocking, "error"), (Severity::Degrading, "warning"), (Severity::Advisory, "note")]
    {
        report.findings[0].severity = severity;
        assert_eq!(parsed(&report)["runs"][0]["results"][0]["level"], word);
    }
}

#[test]
fn the_fingerprint_is_that_of_the_machine_and_the_cause() {
    let print = |report: &Diagnosis| parsed(report)["runs"][0]["results"][0]["partialFingerprints"].clone();
    let first = diagnosis("server");
    let mut later = diagnosis("server");
    later.at = "2027-01-01T00:00:00Z".to_owned();
    later.findings[0].because.clear();
    assert_eq!(print(&first), print(&later));
    assert_ne!(print(&first), print(&diagnosis("another")));
    later.findings[0].cause = "port-closed".to_owned();
    assert_ne!(print(&first), print(&later));
}

/// Without any result a tool would take the report for green, and close its earlier findings.
#[test]
fn what_could_not_be_told_is_one_open_result() {
    let mut report = diagnosis("server");
    report.findings.clear();
    report.verdict = Verdict::Undetermined;
    let log = parsed(&report);
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!((&results[0]["kind"], &results[0]["level"]), (&"open".into(), &"none".into()));
    report.verdict = Verdict::Healthy;
    assert_eq!(parsed(&report)["runs"][0]["results"], json!([]));
    assert!(causes::find(COULD_NOT_TELL).is_none());
}

#[test]
fn a_finding_from_a_file_says_which() {
    let mut report = diagnosis("server");
    // as it is, so that it can be found: a screen would spell it out, here it is escaped
    report.paths = vec!["/evidence/my\u{202e}log.evtx".to_owned(), "SYSTEM".to_owned()];
    report.files = report.paths.iter().map(|path| diagnosis::printable::printable(path)).collect();
    let from = |id, file| ReportObservation { id, file, ..report.observations[0].clone() };
    report.observations = vec![from(1, Some(2)), from(2, Some(1)), from(3, None), from(4, Some(0))];
    let because = |observation| Because { text: "seen".to_owned(), observation };
    report.findings[0].because = (1..=4).map(because).collect();
    let log = parsed(&report);
    let locations = &log["runs"][0]["results"][0]["locations"];
    let uris: Vec<_> = (0..2).map(|n| locations[n]["physicalLocation"]["artifactLocation"]["uri"].clone()).collect();
    assert_eq!(uris, ["file:///evidence/my%E2%80%AElog.evtx", "SYSTEM"]);
    assert_eq!(log["runs"][0]["artifacts"][0]["location"]["uri"], uris[0]);
}

#[test]
fn paths_become_uris() {
    for (path, expected) in [
        ("System.evtx", "System.evtx"),
        ("a b/ü?.evtx", "a%20b/%C3%BC%3F.evtx"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        (r"C:\Logs\a#b.evtx", "file:///C:/Logs/a%23b.evtx"),
        (r"\\server\share\a.evtx", "file://server/share/a.evtx"),
        ("/mnt/windows", "file:///mnt/windows"),
    ] {
        assert_eq!(uri(path), expected);
    }
}
