//! Finds records of a machine that would decide, and were not read.

use evidence::fact::Fact;
use evidence::moment::rfc3339;
use evidence::state::POLICY;
use evidence::{Evidence, Role, TimeSource};
use time::OffsetDateTime;

use crate::case::{Case, Context};
use crate::cause::{Cause, Confidence, Shows};
use crate::need::Need;
use crate::report::{Finding, Next};

/// Open end of a finding.
pub(super) enum Open {
    /// Needs, with the files in which their answers are.
    Files(Vec<(Need, &'static str)>),
    /// No record of this machine could tell more.
    Nothing,
    /// It was not found in records, which are still on the machine.
    Host,
}

/// Finds what would make a finding surer, or refute it.
pub(super) fn open(case: Case<'_>, found: &Cause, finding: &Finding) -> Open {
    let observations = || finding.because.iter().map(|because| &case.evidence.observations[because.observation - 1]);
    if observations().any(|seen| case.evidence.subjects[seen.subject].address.is_some()) {
        return Open::Host;
    }
    // the files that are named below are those of Windows
    if case.is_linux() {
        return Open::Nothing;
    }
    let surer = |shows: Shows| match shows {
        Shows::Presence(confidence) => confidence < finding.confidence,
        Shows::Absence => finding.confidence > Confidence::Proven,
    };
    let proofs = found.proofs.iter().filter(|proof| surer(proof.shows));
    let mut needs: Vec<Need> = Vec::new();
    for need in proofs.flat_map(|proof| proof.needs.iter().copied()) {
        if !need.answered(case) && !needs.contains(&need) {
            needs.push(need);
        }
    }
    // a machine's own setting counts only as far as no policy overrides it
    let settings = observations().any(|seen| matches!(seen.fact, Fact::RegistryKey(_)));
    if needs.is_empty() && settings && case.key(POLICY).is_none() {
        needs.push(Need::key(POLICY));
    }
    let files: Vec<_> = needs.iter().filter_map(|need| Some((*need, file(*need)?))).collect();
    match (needs.is_empty(), files.is_empty()) {
        (true, _) => Open::Nothing,
        (false, true) => Open::Host,
        (false, false) => Open::Files(files),
    }
}

/// Names the file of a Windows machine that answers this; `None` where no single file does.
fn file(need: Need) -> Option<&'static str> {
    if let Some(path) = need.as_key() {
        let hives = [(r"HKLM\SYSTEM\", "SYSTEM"), (r"HKLM\SOFTWARE\", "SOFTWARE")];
        return hives.into_iter().find(|(start, _)| path.starts_with(start)).map(|(_, file)| file);
    }
    if need.as_service().is_some() {
        return Some("SYSTEM");
    }
    (need == Need::HOST_LOG).then_some("System.evtx")
}

/// Names the same files together with those that are missing.
pub(super) fn with(case: Case<'_>, found: &Cause, open: &[(Need, &'static str)]) -> Next {
    let mut files: Vec<&str> = open.iter().map(|(_, file)| *file).collect();
    files.sort_unstable();
    files.dedup();
    let (option, whose) = if found.role == Role::Client { ("--from-client ", "client") } else { ("", "host") };
    let needs: Vec<String> = open.iter().map(|(need, _)| need.words()).collect();
    let again = again(case.evidence, case.context, None);
    Next {
        command: format!("{again} {option}{}", files.join(" ")),
        splits: vec![found.id.to_owned(), "something else".to_owned()],
        why: format!(
            r"read {} of the {whose} too (Windows\System32\config and Windows\System32\winevt\Logs): not known yet are {}",
            files.join(", "),
            needs.join(", ")
        ),
    }
}

/// Returns the command that reads the same files again; `at` is the time to judge for, where it is another one.
pub(super) fn again(evidence: &Evidence, context: &Context, at: Option<OffsetDateTime>) -> String {
    let symptom = context.symptom.map_or(String::new(), |symptom| format!(" {}", super::options(symptom)));
    let files = files(evidence);
    if context.at_source == TimeSource::Attempt {
        return format!("rdpdoctor diagnose {}{symptom} --with {files}", super::target(evidence, context));
    }
    let named = (context.at_source == TimeSource::Option).then_some(context.at);
    let at = at.or(named).map_or(String::new(), |at| format!(" --at {}", rfc3339(at)));
    format!("rdpdoctor inspect {files}{at}{symptom}")
}

/// Names the only file, quoted for a shell, or a placeholder for several, or for one inside another.
fn files(evidence: &Evidence) -> String {
    let plain =
        |path: &&String| path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/\\.:_-+=@".contains(letter));
    match evidence.files.as_slice() {
        [only] => Some(only).filter(plain).map_or("PATH…".to_owned(), String::clone),
        _ => "PATH…".to_owned(),
    }
}
