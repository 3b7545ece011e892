//! Machines and addresses of a report, each in a line, and what could not be read of them.

use std::collections::BTreeMap;

use diagnosis::cause::Severity;
use diagnosis::report::{Diagnosis, Finding, Outcome, ReportSubject, StageResult, Told};
use diagnosis::{Role, Stage};

use super::subject_words::label;

/// A machine or address, and how it fares.
pub(super) struct Machine<'a> {
    /// The worst that is known of it.
    pub(super) outcome: Outcome,
    /// The machine.
    pub(super) who: &'a ReportSubject,
    /// The causes found, or how far it got.
    pub(super) text: String,
    /// True if nothing but its name was looked up.
    pub(super) only_name: bool,
    faulty: bool,
}

/// Rungs and findings of one subject.
#[derive(Default)]
struct Own<'a> {
    rungs: Vec<&'a StageResult>,
    findings: Vec<&'a Finding>,
}

/// Lists the machines of which something was seen, faulty ones first.
pub(super) fn told(diagnosis: &Diagnosis) -> Vec<Machine<'_>> {
    let mut own: BTreeMap<usize, Own<'_>> = BTreeMap::new();
    diagnosis.stages.iter().for_each(|rung| own.entry(rung.subject).or_default().rungs.push(rung));
    diagnosis.findings.iter().for_each(|found| own.entry(found.subject).or_default().findings.push(found));
    let mut machines: Vec<Machine<'_>> =
        diagnosis.subjects.iter().filter_map(|who| machine(own.get(&who.id)?, who)).collect();
    machines.sort_by_key(|machine| (rank(machine.outcome), !machine.faulty));
    machines
}

/// Counts the machines for which there is no room; `None` where there are none.
pub(super) fn rest(machines: &[Machine<'_>]) -> Option<String> {
    let wrong = machines.iter().filter(|machine| rank(machine.outcome) < 2).count();
    let wrong = if wrong > 0 { format!(", {wrong} of them with something wrong") } else { String::new() };
    (!machines.is_empty()).then(|| format!("and {} more{wrong}", machines.len()))
}

/// Names a machine, with its part if it is not the host.
pub(super) fn name(who: &ReportSubject) -> String {
    if let (Role::Gateway, Some(name)) = (who.role, &who.name) {
        return format!("{name} (gateway) at {}", label(who));
    }
    let part = match who.role {
        Role::Client => " (client)",
        Role::Gateway => " (gateway)",
        _ => "",
    };
    format!("{}{part}", label(who))
}

/// Ranks an outcome, the worst first.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Degraded => 1,
        Outcome::Passed => 2,
        Outcome::Skipped => 3,
    }
}

/// Describes a machine; `None` for one of which nothing was seen.
fn machine<'a>(own: &Own<'a>, who: &'a ReportSubject) -> Option<Machine<'a>> {
    let Own { rungs, findings } = own;
    let worst = rungs.iter().min_by_key(|rung| rank(rung.outcome))?;
    let wrong: Vec<&str> =
        findings.iter().filter(|found| found.severity < Severity::Advisory).map(|found| found.cause.as_str()).collect();
    let text = match worst.outcome {
        _ if !wrong.is_empty() => wrong.join(", "),
        Outcome::Failed | Outcome::Degraded => format!("{}: {}", worst.stage.word(), worst.text),
        Outcome::Skipped => worst.text.clone(),
        Outcome::Passed => sound(rungs),
    };
    // a machine with a finding beside the rungs is not sound
    let blocked = findings.iter().any(|found| found.severity == Severity::Blocking);
    let outcome = match worst.outcome {
        Outcome::Passed | Outcome::Skipped | Outcome::Degraded if blocked => Outcome::Failed,
        Outcome::Passed | Outcome::Skipped if !wrong.is_empty() => Outcome::Degraded,
        outcome => outcome,
    };
    let only_name = rungs.iter().all(|rung| rung.stage == Stage::Name);
    Some(Machine { outcome, who, text, only_name, faulty: !wrong.is_empty() })
}

/// Says how far it got.
fn sound(rungs: &[&StageResult]) -> String {
    let Some(last) = rungs.iter().rev().find(|rung| rung.outcome == Outcome::Passed) else { return String::new() };
    if matches!(last.stage, Stage::Gateway | Stage::Host | Stage::Client) {
        return last.text.clone();
    }
    format!("up to {}: {}", last.stage.word(), last.text)
}

/// Lists what could not be read: the file, and the reason, with the number of its parts concerned.
pub(super) fn unread(diagnosis: &Diagnosis) -> Vec<(String, String)> {
    let mut of_file: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    let mut rows = Vec::new();
    for seen in &diagnosis.observations {
        let Some(Told::Unread { what, why }) = &seen.told else { continue };
        match seen.file.and_then(|number| diagnosis.files.get(number.checked_sub(1)?)) {
            Some(path) => of_file.entry(path).or_default().push((what.clone(), why.clone())),
            // a file that could not be read at all names itself
            None => rows.push((shortened(what), why.clone())),
        }
    }
    for (path, parts) in of_file {
        let (what, why) = &parts[0];
        let several = if parts.len() > 1 { format!(" (and {} more)", parts.len() - 1) } else { String::new() };
        // the reason first, because it must not be cut
        rows.push((shortened(path), format!("{why}{several}: {what}")));
    }
    rows
}

/// Returns the last two parts of a path, cut at their beginning.
fn shortened(path: &str) -> String {
    const MOST: usize = 48;
    let mut parts: Vec<&str> = path.rsplit(['/', '\\']).take(2).collect();
    parts.reverse();
    let end = parts.join(if path.contains('\\') { "\\" } else { "/" });
    let length = end.chars().count();
    if length <= MOST { end } else { format!("…{}", end.chars().skip(length - MOST + 1).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(shortened("/evidence/SERVER01/SYSTEM"), "SERVER01/SYSTEM");
        assert_eq!(shortened(r"D:\Windows\SYSTEM"), r"Windows\SYSTEM");
        let long = shortened(&"x".repeat(200));
        assert!(long.starts_with('…') && long.chars().count() == 48, "{long}");
    }
}
