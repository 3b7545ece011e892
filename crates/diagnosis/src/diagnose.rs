//! Judges every cause for every subject and ranks what is found.

use std::cmp::Reverse;

use crate::case::{Case, Context};
use crate::cause::{Because, Cause, Confidence, Judgement, Severity, Stage};
use crate::evidence::{Evidence, SubjectId};
use crate::need::Need;
use crate::report::{self, Diagnosis, Finding, Ladder, Outcome, UnknownCause, Verdict};

/// What the caller measured about its own run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Run {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// It was stopped before it was done.
    pub interrupted: bool,
}

/// A cause that is there, before it is ranked.
struct Present<'a> {
    cause: &'static Cause,
    case: Case<'a>,
    severity: Severity,
    confidence: Confidence,
    because: Vec<Because>,
}

/// The diagnosis of the evidence. Pure: the same evidence and context give the same diagnosis.
pub fn diagnose(evidence: &Evidence, context: &Context, run: Run) -> Diagnosis {
    diagnose_with(crate::causes::ALL, evidence, context, run)
}

/// The same with another list of causes (the mutation table switches single detectors off).
pub fn diagnose_with(causes: &[&'static Cause], evidence: &Evidence, context: &Context, run: Run) -> Diagnosis {
    let evidence = &*evidence.in_order();
    let contexts = context.of_subjects(evidence);
    let (mut present, mut unknown, mut absent) = (Vec::new(), Vec::<UnknownCause>::new(), Vec::<String>::new());
    for cause in causes {
        for subject in subjects(evidence, cause) {
            let case = Case { evidence, subject, context: &contexts[subject] };
            match cause.judge(case) {
                Judgement::Present { severity, confidence, because } => {
                    present.push(Present { cause, case, severity, confidence, because });
                }
                Judgement::Absent(_) => absent.push(cause.id.to_owned()),
                Judgement::Unknown(needs) => {
                    let needs = needs.into_iter().map(Need::words).collect();
                    unknown.push(UnknownCause { cause: cause.id.to_owned(), needs });
                }
            }
        }
    }
    unknown.dedup_by(|second, first| second.cause == first.cause);
    unknown.retain(|open| !present.iter().any(|found| found.cause.id == open.cause));
    absent.dedup();
    absent.retain(|id| !present.iter().any(|p| p.cause.id == *id) && !unknown.iter().any(|open| open.cause == *id));
    let findings = rank(&present, context);
    let ladder = Ladder::of(evidence, context, &findings);
    let verdict = verdict(&findings, &ladder, context, run);
    let next = crate::next::measurements(evidence, context, verdict, &findings, &ladder);
    report::assemble(evidence, context, run, report::Judged { verdict, findings, unknown, absent, ladder, next })
}

/// Whom a cause is judged for. What lies in a machine's settings is its own; what lies on the way is judged at each
/// address, and of a machine without any only if there is none, for a proof at an address sees its machine as well.
fn subjects(evidence: &Evidence, cause: &Cause) -> Vec<SubjectId> {
    let of = |id: &SubjectId| evidence.subjects[*id].role == cause.role;
    let (addresses, machines): (Vec<_>, Vec<_>) =
        (0..evidence.subjects.len()).filter(of).partition(|id| evidence.subjects[*id].address.is_some());
    let inside = matches!(cause.stage, Stage::Host | Stage::Client);
    if inside || addresses.is_empty() { machines } else { addresses }
}

/// Sorts by: what explains stands above what it explains; then what it does, whether it fits the client's code, how sure
/// it is, and where on the way it lies.
fn rank(present: &[Present<'_>], context: &Context) -> Vec<Finding> {
    let mut ranked: Vec<(_, Finding)> = present
        .iter()
        .map(|found| {
            let explains = explains_symptom(found.cause, context);
            let key = (
                depth(found, present, 0),
                found.severity,
                Reverse(explains == Some(true)),
                found.confidence,
                found.cause.stage,
                found.case.subject,
            );
            (key, finding(found, present, explains))
        })
        .collect();
    ranked.sort_by_key(|(key, _)| *key);
    ranked.into_iter().map(|(_, finding)| finding).collect()
}

fn finding(found: &Present<'_>, present: &[Present<'_>], explains_symptom: Option<bool>) -> Finding {
    Finding {
        cause: found.cause.id.to_owned(),
        subject: found.case.subject,
        severity: found.severity,
        confidence: found.confidence,
        stage: found.cause.stage,
        title: found.cause.title.to_owned(),
        because: found.because.clone(),
        explains_symptom,
        root_of: present.iter().filter(|other| roots(found, other)).map(|other| other.cause.id.to_owned()).collect(),
        fixes: found.cause.fixes.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// True if `root` brings `symptom` about.
fn roots(root: &Present<'_>, symptom: &Present<'_>) -> bool {
    // what lies in a machine shows at each of its addresses
    let inside = root.case.machine().is_some_and(|machine| machine.subject == root.case.subject);
    let same = root.case.subject == symptom.case.subject || inside && root.cause.role == symptom.cause.role;
    same && root.cause.explains.iter().any(|link| link.cause == symptom.cause.id && (link.when)(root.case))
}

/// How many findings stand behind this one. The bound ends cycles, which a test forbids among the declared links.
fn depth(found: &Present<'_>, present: &[Present<'_>], level: usize) -> usize {
    if level > present.len() {
        return level;
    }
    let behind = present.iter().filter(|root| roots(root, found));
    behind.map(|root| depth(root, present, level + 1) + 1).max().unwrap_or(0)
}

fn explains_symptom(cause: &Cause, context: &Context) -> Option<bool> {
    let symptom = context.symptom?;
    (!cause.codes.is_empty()).then(|| cause.codes.contains(&symptom.code))
}

fn verdict(findings: &[Finding], ladder: &Ladder, context: &Context, run: Run) -> Verdict {
    let faulty = findings.iter().any(|finding| finding.severity < Severity::Advisory);
    let sound = !ladder.stages.iter().any(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Degraded));
    if faulty {
        Verdict::Faulty
    } else if sound && context.symptom.is_none() && !run.interrupted && ladder.reached() >= Some(Stage::X224) {
        Verdict::Healthy
    } else {
        Verdict::Undetermined
    }
}

#[cfg(test)]
mod tests {
    use crate::causes;

    #[test]
    fn no_cause_explains_itself_through_others() {
        fn reaches(from: &str, to: &str, left: usize) -> bool {
            let cause = causes::ALL.iter().find(|cause| cause.id == from);
            left > 0
                && cause.is_some_and(|c| {
                    c.explains.iter().any(|link| link.cause == to || reaches(link.cause, to, left - 1))
                })
        }
        for cause in causes::ALL {
            assert!(!reaches(cause.id, cause.id, causes::ALL.len()), "{} explains itself", cause.id);
        }
    }
}
