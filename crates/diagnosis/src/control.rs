//! Control: the same probe against a host that is known to work. A failure that both share is less likely the fault of
//! the host that was asked about.

use evidence::{Evidence, Stage};

use crate::case::Context;
use crate::cause::{Confidence, Severity};
use crate::diagnose::{Run, diagnose};
use crate::ladder::Outcome;
use crate::report::{Control, Diagnosis, Next, ReportTarget, Verdict};

/// Stage that went wrong, and how: by its causes, or in words where no cause is known.
#[derive(Debug, PartialEq, Eq)]
struct Trouble {
    stage: Stage,
    causes: Vec<String>,
    text: String,
}

/// Diagnoses the evidence beside that of a control. Pure, as [`diagnose`] is.
pub fn diagnose_beside(evidence: &Evidence, context: &Context, run: Run, control: (&Evidence, &Context)) -> Diagnosis {
    // the client's code is about the host that was asked about
    let other = Context { symptom: None, ..control.1.clone() };
    let other = diagnose(control.0, &other, Run::default());
    weigh(diagnose(evidence, context, run), &other)
}

/// Adds what the control shows. A shared failure makes every finding that it shares one step less sure.
fn weigh(mut diagnosis: Diagnosis, control: &Diagnosis) -> Diagnosis {
    let there = troubles(control);
    let shared: Vec<Trouble> = troubles(&diagnosis).into_iter().filter(|here| there.contains(here)).collect();
    for finding in &mut diagnosis.findings {
        if shared.iter().any(|trouble| trouble.stage == finding.stage && trouble.causes.contains(&finding.cause)) {
            finding.confidence = match finding.confidence {
                Confidence::Proven => Confidence::Likely,
                Confidence::Likely | Confidence::Possible => Confidence::Possible,
            };
        }
    }
    let same_failure = !shared.is_empty();
    let target = control.target.clone().unwrap_or(ReportTarget { host: String::new(), port: 0 });
    if same_failure {
        diagnosis.next.insert(0, elsewhere(&diagnosis));
    }
    diagnosis.control = Some(Control {
        meaning: meaning(&diagnosis, control, same_failure).to_owned(),
        target,
        verdict: control.verdict,
        reached: control.reached,
        same_failure,
        connections: control.connections,
    });
    diagnosis
}

/// Lists what went wrong, stage by stage. Advisory findings do not count.
fn troubles(diagnosis: &Diagnosis) -> Vec<Trouble> {
    let to_hosts = diagnosis.stages.iter().filter(|stage| !diagnosis.is_gateway(stage.subject));
    let wrong = to_hosts.filter(|stage| {
        matches!(stage.outcome, Outcome::Failed | Outcome::Degraded)
            || stage.stage == Stage::Tcp && diagnosis.not_tried(stage.subject).is_some()
    });
    wrong
        .map(|stage| {
            let here = diagnosis.findings.iter().filter(|found| found.stage == stage.stage);
            let here = here.filter(|found| found.subject == stage.subject && found.severity < Severity::Advisory);
            let mut causes: Vec<String> = here.map(|found| found.cause.clone()).collect();
            causes.sort_unstable();
            // where a cause is known, the values may differ from host to host
            let text = if causes.is_empty() { stage.text.clone() } else { String::new() };
            Trouble { stage: stage.stage, causes, text }
        })
        .collect()
}

fn meaning(diagnosis: &Diagnosis, control: &Diagnosis, same_failure: bool) -> &'static str {
    let troubled = !troubles(diagnosis).is_empty();
    match (same_failure, control.verdict, troubled) {
        (true, ..) => {
            "it fails at the same step in the same way: the fault may lie with this computer or its network, not \
             with the host"
        }
        (false, Verdict::Healthy, true) => {
            "it is healthy from here: the fault does not lie with this computer or its network as a whole"
        }
        (false, Verdict::Healthy, false) => "it is healthy as well",
        (false, ..) => "the control host fails too, but differently, so the comparison does not help",
    }
}

fn elsewhere(diagnosis: &Diagnosis) -> Next {
    let target = diagnosis.target.as_ref().map_or(String::new(), |target| {
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        format!("{host}:{}", target.port)
    });
    Next {
        command: format!("on another computer, in another network: rdpdoctor diagnose {target}"),
        splits: vec!["this computer or its network".to_owned(), "host".to_owned()],
        why: "the control host fails in the same way from here: a test from another computer shows whether it is \
              this one"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
    use wire::x224::SecurityProtocols;

    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Sketch, host};
    use evidence::fact::Fact;

    fn beside(here: &Sketch, there: &Sketch) -> Diagnosis {
        diagnose_beside(here.evidence(), here.context(), Run::default(), (there.evidence(), there.context()))
    }

    fn refused(name: &str) -> Sketch {
        host(name).with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused)))
    }

    fn healthy(name: &str) -> Sketch {
        host(name).accepted().selects(EVERYTHING, SecurityProtocols::SSL)
    }

    #[test]
    fn a_shared_failure_is_one_step_less_sure() {
        let report = beside(&refused("server"), &refused("control"));
        let control = report.control.as_ref().unwrap();
        assert!(control.same_failure && control.meaning.contains("this computer or its network"), "{control:?}");
        assert_eq!((control.target.host.as_str(), control.verdict), ("control", Verdict::Faulty));
        assert_eq!(report.findings[0].confidence, Confidence::Likely);
        assert_eq!(report.verdict, Verdict::Faulty);
        assert!(report.next[0].command.contains("another computer"));
    }

    #[test]
    fn what_this_computer_refuses_for_both_is_a_shared_failure() {
        let own = |name| {
            let error = ConnectFailure::Other("Permission denied (os error 13)".to_owned());
            host(name).with(Fact::TcpAnswer(TcpAnswer::Failed(error)))
        };
        assert!(beside(&own("server"), &own("control")).control.unwrap().same_failure);
    }

    #[test]
    fn a_healthy_control_leaves_the_findings_as_they_are() {
        let report = beside(&refused("server"), &healthy("control"));
        let control = report.control.as_ref().unwrap();
        assert_eq!((control.same_failure, control.verdict), (false, Verdict::Healthy));
        assert_eq!(control.reached, Some(Stage::X224));
        assert_eq!(report.findings[0].confidence, Confidence::Proven);
    }

    #[test]
    fn another_failure_of_the_control_tells_nothing() {
        let silent = host("control").with(Fact::TcpAnswer(TcpAnswer::Silent));
        let report = beside(&refused("server"), &silent);
        assert!(!report.control.as_ref().unwrap().same_failure);
        assert_eq!(report.findings[0].confidence, Confidence::Proven);
    }

    #[test]
    fn a_failure_without_a_cause_is_compared_by_what_was_seen() {
        let silent = |name| host(name).accepted().x224(EVERYTHING, X224Answer::Silent);
        let malformed = || {
            let answer = X224Answer::Malformed { bytes: vec![3], error: "no TPDU".to_owned() };
            host("control").accepted().x224(EVERYTHING, answer)
        };
        assert!(beside(&silent("server"), &silent("control")).control.unwrap().same_failure);
        assert!(!beside(&silent("server"), &malformed()).control.unwrap().same_failure);
    }
}
