//! JUnit XML, for build servers: a target is a test suite; each stage and each finding is a test case.
//!
//! A stage that failed and a finding that blocks or degrades are failures; a stage that was not reached is skipped; a
//! report that could not tell has one error, because a check that did not run is never green. Sources: the schema that
//! Jenkins publishes for its `xunit` plug-in, which GitLab and Azure DevOps read as well.

use std::fmt::Write;

use diagnosis::cause::Severity;
use diagnosis::report::{Diagnosis, Finding, Outcome, StageResult, Verdict};

use super::door::Door;
use super::format::Format;
use super::words;
use super::xml::escaped;

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "junit",
    about: "JUnit XML for build servers: a test suite per target, a test case per stage and per finding",
    render: |diagnosis, _| render(diagnosis),
    door: Door::Text,
    status: None,
    failure: None,
};

/// Result of a test case.
enum Ending {
    Passed,
    Skipped(String),
    Failure { kind: String, message: String, text: String },
    Error { message: String },
}

struct TestCase {
    class: &'static str,
    name: String,
    seconds: f64,
    ending: Ending,
}

fn render(diagnosis: &Diagnosis) -> String {
    let cases: Vec<TestCase> = diagnosis
        .stages
        .iter()
        .map(|stage| of_stage(diagnosis, stage))
        .chain(diagnosis.findings.iter().map(|finding| of_finding(diagnosis, finding)))
        .chain((diagnosis.verdict == Verdict::Undetermined).then(could_not_tell))
        .collect();
    let count = |pick: fn(&Ending) -> bool| cases.iter().filter(|case| pick(&case.ending)).count();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|ending| matches!(ending, Ending::Failure { .. })),
        count(|ending| matches!(ending, Ending::Error { .. })),
        count(|ending| matches!(ending, Ending::Skipped(_))),
        diagnosis.seconds
    );
    let suite = words::target(diagnosis);
    let stamp = diagnosis.at.split(['.', 'Z']).next().unwrap_or_default();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rdpdoctor\" {totals}>\n  <testsuite name=\"{}\" \
         timestamp=\"{}\" {totals}>\n",
        escaped(&suite),
        escaped(stamp)
    );
    for case in &cases {
        write_case(&mut xml, case).expect("writing to a String cannot fail");
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn write_case(xml: &mut String, case: &TestCase) -> std::fmt::Result {
    let (class, name) = (case.class, escaped(&case.name));
    write!(xml, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{:.6}\"", case.seconds)?;
    match &case.ending {
        Ending::Passed => return writeln!(xml, "/>"),
        Ending::Skipped(message) => write!(xml, "><skipped message=\"{}\"/>", escaped(message))?,
        Ending::Error { message } => {
            write!(xml, "><error type=\"undetermined\" message=\"{}\"/>", escaped(message))?;
        }
        Ending::Failure { kind, message, text } => {
            let (kind, message, text) = (escaped(kind), escaped(message), escaped(text));
            write!(xml, "><failure type=\"{kind}\" message=\"{message}\">{text}</failure>")?;
        }
    }
    writeln!(xml, "</testcase>")
}

/// Names a case by its stage or cause, and by the address where there are several.
fn named(diagnosis: &Diagnosis, what: &str, subject: usize) -> String {
    let subject = diagnosis.subjects.get(subject);
    match subject.and_then(|subject| subject.address.as_deref().or(subject.name.as_deref())) {
        Some(whose) => format!("{what} ({whose})"),
        None => what.to_owned(),
    }
}

fn of_stage(diagnosis: &Diagnosis, stage: &StageResult) -> TestCase {
    let word = stage.stage.word();
    let ending = match stage.outcome {
        Outcome::Passed | Outcome::Degraded => Ending::Passed,
        Outcome::Skipped => Ending::Skipped(stage.text.clone()),
        Outcome::Failed => {
            // records that were read do not tell what is wrong with it
            let mut here = diagnosis.findings.iter().filter(|f| (f.stage, f.subject) == (stage.stage, stage.subject));
            let (message, text) = match here.find(|finding| finding.severity == Severity::Blocking) {
                Some(finding) => (finding.title.clone(), format!("seen: {}", stage.text)),
                None => (stage.text.clone(), String::new()),
            };
            Ending::Failure { kind: word.to_owned(), message, text }
        }
    };
    let name = named(diagnosis, word, stage.subject);
    TestCase { class: "rdpdoctor.stage", name, seconds: stage.seconds.unwrap_or(0.0), ending }
}

fn of_finding(diagnosis: &Diagnosis, finding: &Finding) -> TestCase {
    let sure = words::confidence_word(finding.confidence);
    let reasons: Vec<&str> = finding.because.iter().map(|because| because.text.as_str()).collect();
    let ending = match finding.severity {
        Severity::Advisory => Ending::Passed,
        Severity::Blocking | Severity::Degrading => Ending::Failure {
            kind: finding.cause.clone(),
            message: format!("{} ({sure})", finding.title),
            text: format!("seen: {}\nfixes: {}", reasons.join("\nseen: "), finding.fixes.join(", ")),
        },
    };
    let name = named(diagnosis, &finding.cause, finding.subject);
    TestCase { class: "rdpdoctor.finding", name, seconds: 0.0, ending }
}

fn could_not_tell() -> TestCase {
    let message = "could not tell: neither a fault nor health was shown".to_owned();
    TestCase { class: "rdpdoctor", name: "verdict".to_owned(), seconds: 0.0, ending: Ending::Error { message } }
}

#[cfg(test)]
mod tests {
    use super::super::sample::diagnosis;
    use super::super::xml::well_formed;
    use super::*;

    #[test]
    fn whatever_a_host_says_the_document_stays_well_formed() {
        for words in ["", "plain", "<b>&amp;\"'</testcase>", "]]>\u{0}\u{1b}[31m\u{ffff}\n\t", "名前 🖥"] {
            let xml = render(&diagnosis(words));
            assert!(well_formed(&xml), "{xml}");
            assert!(xml.chars().all(|c| c >= ' ' || c == '\n'), "{xml:?}");
        }
    }

    /// `read: 1 registry key` is a rung's description, not a reason to fail.
    #[test]
    fn a_stage_fails_for_what_is_wrong_with_it() {
        let mut report = diagnosis("off");
        report.stages[1].text = "read: 1 registry key".to_owned();
        let xml = render(&report);
        assert!(xml.contains("<failure type=\"tls\" message=\"off\">seen: read: 1 registry key</failure>"), "{xml}");
        report.findings.clear();
        assert!(render(&report).contains("<failure type=\"tls\" message=\"read: 1 registry key\">"), "{xml}");
    }

    #[test]
    fn counts_are_those_of_the_cases() {
        let xml = render(&diagnosis("x"));
        let count = |what: &str| xml.matches(what).count();
        assert!(xml.contains(&format!("tests=\"{}\"", count("<testcase "))), "{xml}");
        assert!(xml.contains(&format!("failures=\"{}\"", count("<failure "))), "{xml}");
        assert!(xml.contains(&format!("skipped=\"{}\"", count("<skipped "))), "{xml}");
    }
}
