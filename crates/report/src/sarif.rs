//! SARIF 2.1.0 (OASIS), for code scanning and other tools that gather findings.
//!
//! A finding is a result, its cause a rule. Only causes with a result are rules: a rule for every cause would make
//! every report large, and would say that all were judged. A cause that is ruled out is no result, because some tools
//! show a result of the kind `pass` as an alert. A report that could not tell has one result of the kind `open`,
//! because tools would take a report without results for green. Fixes are in the help of a rule: what SARIF calls a fix
//! replaces lines of a file.

use std::fmt::Write;

use diagnosis::cause::Severity;
use diagnosis::fixes::{Fix, Given, powershell};
use diagnosis::report::{Diagnosis, Finding, Verdict};
use diagnosis::{causes, fixes};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::door::Door;
use super::format::Format;
use super::words::{self, capital, sentence};

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "sarif",
    about: "SARIF 2.1.0 for code scanning: a result per finding, a rule per cause",
    render: |diagnosis, _| render(diagnosis),
    door: Door::Json,
    status: None,
    failure: None,
};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Rule of a report that could not tell; no cause has this name.
const COULD_NOT_TELL: &str = "could-not-tell";

fn render(diagnosis: &Diagnosis) -> String {
    let log = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run(diagnosis)]});
    serde_json::to_string_pretty(&log).expect("a log has only string keys") + "\n"
}

fn run(diagnosis: &Diagnosis) -> Value {
    let rules = rule_ids(diagnosis);
    let results: Vec<Value> = diagnosis
        .findings
        .iter()
        .map(|finding| result(diagnosis, finding, &rules))
        .chain((diagnosis.verdict == Verdict::Undetermined).then(|| open(diagnosis, &rules)))
        .collect();
    let artifacts: Vec<Value> = diagnosis.paths.iter().map(|file| json!({"location": {"uri": uri(file)}})).collect();
    json!({
        "tool": {"driver": {
            "name": "rdpdoctor",
            "version": diagnosis.tool,
            "semanticVersion": diagnosis.tool,
            "rules": rules.iter().map(|id| rule(id)).collect::<Vec<_>>(),
        }},
        // reports about two hosts do not replace each other
        "automationDetails": {"id": format!("rdpdoctor/{}/", printed_target(diagnosis))},
        "invocations": [invocation(diagnosis)],
        "artifacts": artifacts,
        "results": results,
        "columnKind": "utf16CodeUnits",
        "properties": {
            "verdict": diagnosis.verdict,
            "reached": diagnosis.reached,
            "client": diagnosis.client.profile,
            "unknown": diagnosis.unknown.iter().map(|open| &open.cause).collect::<Vec<_>>(),
            "ruledOut": diagnosis.ruled_out,
        },
    })
}

fn printed_target(diagnosis: &Diagnosis) -> String {
    diagnosis.target.as_ref().map_or("evidence".to_owned(), |target| format!("{}:{}", target.host, target.port))
}

/// Lists the causes with a result, each once, in the order of the results.
fn rule_ids(diagnosis: &Diagnosis) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    for finding in &diagnosis.findings {
        if !ids.contains(&finding.cause.as_str()) {
            ids.push(&finding.cause);
        }
    }
    ids.extend((diagnosis.verdict == Verdict::Undetermined).then_some(COULD_NOT_TELL));
    ids
}

fn rule(id: &str) -> Value {
    let Some(cause) = causes::find(id) else {
        let text = "Neither a fault nor health was shown.";
        return json!({"id": id, "shortDescription": {"text": text}, "help": {"text": text}});
    };
    let fixes: Vec<String> = cause.fixes.iter().filter_map(|id| fixes::find(id)).map(help_of_fix).collect();
    let page = &cause.page;
    let help = format!(
        "Why: {}\n\nConfirm: {}\n\nProve it {}:\n{}\n\nWhat to do: {}\n\n{}",
        page.why,
        page.confirm,
        words::prove_place(cause),
        Given::NOTHING.fill(page.command),
        page.how_to_fix,
        fixes.join("\n\n")
    );
    json!({
        "id": id,
        "shortDescription": {"text": sentence(cause.title)},
        "fullDescription": {"text": page.what_happens},
        "help": {"text": help},
        "defaultConfiguration": {"level": level(cause.severity)},
        "properties": {"tags": ["remote-desktop", cause.stage.word()]},
    })
}

fn help_of_fix(fix: &Fix) -> String {
    format!(
        "Fix: {} ({})\n{}; {}:\n{}\nFixed when: {}\nTo go back: {}",
        sentence(fix.title),
        words::safety(fix),
        capital(&fix.place.words()),
        words::STEPS,
        powershell::lines(fix, &Given::NOTHING).join("\n"),
        sentence(&Given::NOTHING.fill(fix.verify)),
        sentence(&Given::NOTHING.fill(fix.undo))
    )
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "error",
        Severity::Degrading => "warning",
        Severity::Advisory => "note",
    }
}

fn result(diagnosis: &Diagnosis, finding: &Finding, rules: &[&str]) -> Value {
    let seen: Vec<&str> = finding.because.iter().map(|because| because.text.as_str()).collect();
    let message = format!("{}\nSeen: {}", sentence(&finding.title), seen.join("\nSeen: "));
    json!({
        "ruleId": finding.cause,
        "ruleIndex": rules.iter().position(|id| *id == finding.cause),
        "kind": "fail",
        "level": level(finding.severity),
        "message": {"text": message},
        "locations": locations(diagnosis, finding),
        "partialFingerprints": fingerprint(&finding.cause, &whose(diagnosis, finding.subject)),
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "stage": finding.stage,
            "explainsSymptom": finding.explains_symptom,
            "rootOf": finding.root_of,
            "fixes": finding.fixes,
            "claims": finding.claims,
        },
    })
}

/// Builds the one result of a report that could not tell.
fn open(diagnosis: &Diagnosis, rules: &[&str]) -> Value {
    let who = printed_target(diagnosis);
    json!({
        "ruleId": COULD_NOT_TELL,
        "ruleIndex": rules.iter().position(|id| *id == COULD_NOT_TELL),
        "kind": "open",
        "level": "none",
        "message": {"text": words::verdict(diagnosis)},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": who, "kind": "resource"}]}],
        "partialFingerprints": fingerprint(COULD_NOT_TELL, &who),
    })
}

/// Names the subject of a finding, in words that stay the same from run to run.
fn whose(diagnosis: &Diagnosis, subject: usize) -> String {
    let Some(who) = diagnosis.subjects.get(subject) else { return printed_target(diagnosis) };
    let port = who.port.map_or(String::new(), |port| format!(" port {port}"));
    let name = who.address.as_ref().or(who.name.as_ref()).map_or("a machine without a name", String::as_str);
    format!("{} {name}{port}", who.role.word())
}

/// Lists the machine, and the evidence files in which it was seen.
fn locations(diagnosis: &Diagnosis, finding: &Finding) -> Vec<Value> {
    let whose = whose(diagnosis, finding.subject);
    let logical = json!([{"fullyQualifiedName": whose, "kind": "resource"}]);
    let mut files: Vec<usize> = finding.because.iter().filter_map(|b| file(diagnosis, b.observation)).collect();
    files.sort_unstable();
    files.dedup();
    if files.is_empty() {
        return vec![json!({"logicalLocations": logical})];
    }
    let at = |index: &usize| json!({"artifactLocation": {"uri": uri(&diagnosis.paths[*index]), "index": index}});
    files.iter().map(|index| json!({"physicalLocation": at(index), "logicalLocations": logical})).collect()
}

/// Returns the file, counted from 0, that an observation comes from.
fn file(diagnosis: &Diagnosis, observation: usize) -> Option<usize> {
    let seen = diagnosis.observations.iter().find(|seen| seen.id == observation)?;
    seen.file?.checked_sub(1).filter(|index| *index < diagnosis.paths.len())
}

/// Builds a fingerprint that stays the same from run to run, so that tools recognise a finding.
fn fingerprint(cause: &str, whose: &str) -> Value {
    let hash = digest(&SHA256, format!("{cause}\0{whose}").as_bytes());
    let hexadecimal = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    });
    json!({"rdpdoctorFinding/v1": hexadecimal})
}

fn invocation(diagnosis: &Diagnosis) -> Value {
    let note = |level: &str, text: String| json!({"level": level, "message": {"text": text}});
    let mut notes: Vec<Value> = words::unread(diagnosis).into_iter().map(|text| note("warning", text)).collect();
    notes.extend(words::notices(diagnosis).into_iter().map(|text| note("note", text)));
    if diagnosis.verdict == Verdict::Undetermined {
        notes.push(note("warning", words::verdict(diagnosis)));
    }
    json!({
        "executionSuccessful": !diagnosis.interrupted,
        "startTimeUtc": diagnosis.at,
        "exitCode": diagnosis.verdict.status(),
        "exitCodeDescription": words::status(diagnosis.verdict),
        "toolExecutionNotifications": notes,
    })
}

/// Writes a path as a URI (RFC 3986): an absolute one with the scheme `file`, any other relative.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    let escaped: String = path.bytes().map(escaped_byte).collect();
    if drive {
        // the colon of a drive is not that of a scheme
        format!("file:///{}", escaped.replacen("%3A", ":", 1))
    } else if let Some(share) = escaped.strip_prefix("//") {
        format!("file://{share}")
    } else if path.starts_with('/') {
        format!("file://{escaped}")
    } else {
        escaped
    }
}

fn escaped_byte(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests;
