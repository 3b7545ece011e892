//! One line for monitoring: Nagios, Icinga, Checkmk, Zabbix and Centreon read it.
//!
//! Source: the Monitoring Plugins Development Guidelines: one line of text, `|`, performance data; the exit status is
//! the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A blocking fault is critical, a degrading one a warning, and
//! anything that could not be told is unknown, never OK.

use diagnosis::cause::{Confidence, Severity};
use diagnosis::moment::moment;
use diagnosis::report::{Diagnosis, Told, Verdict};

use super::door::Door;
use super::format::Format;

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "nagios",
    about: "one line with performance data for monitoring; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
    render: |diagnosis, _| line(diagnosis),
    door: Door::Text,
    status: Some(|diagnosis| state(diagnosis) as u8),
    failure: Some(|words| (format!("RDP UNKNOWN - {}\n", one_line(words)), State::Unknown as u8)),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

fn state(diagnosis: &Diagnosis) -> State {
    let has = |severity| diagnosis.findings.iter().any(|finding| finding.severity == severity);
    match diagnosis.verdict {
        Verdict::Healthy => State::Ok,
        Verdict::Faulty if has(Severity::Blocking) => State::Critical,
        Verdict::Faulty => State::Warning,
        Verdict::Undetermined => State::Unknown,
    }
}

fn line(diagnosis: &Diagnosis) -> String {
    let state = match state(diagnosis) {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    };
    format!("RDP {state} - {} | {}\n", one_line(&words(diagnosis)), performance(diagnosis))
}

fn words(diagnosis: &Diagnosis) -> String {
    let target = diagnosis.target.as_ref().map_or("the evidence".to_owned(), |t| format!("{}:{}", t.host, t.port));
    let counted: Vec<_> = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory).collect();
    let Some(first) = counted.first() else {
        let reached = diagnosis.reached.map_or("nothing", |stage| stage.word());
        let verdict = if diagnosis.verdict == Verdict::Healthy { "healthy" } else { "could not tell" };
        return format!("{target}: {verdict}, reached {reached}");
    };
    let sure = match first.confidence {
        Confidence::Proven => "",
        Confidence::Likely => "likely ",
        Confidence::Possible => "possibly ",
    };
    let others = if counted.len() > 1 { format!(" (and {} more)", counted.len() - 1) } else { String::new() };
    format!("{target}: {sure}{}: {}{others}", first.cause, first.title)
}

/// Replaces `|`, which would begin the performance data, and line breaks, which would begin the long output.
fn one_line(text: &str) -> String {
    let safe: String = text.chars().map(|c| if c == '|' { '/' } else { c }).collect();
    safe.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn performance(diagnosis: &Diagnosis) -> String {
    let days = certificate_days(diagnosis).map(|days| format!(" certificate_days={days}")).unwrap_or_default();
    format!("time={:.3}s;;;0 connections={};;;0{days}", diagnosis.seconds, diagnosis.connections)
}

/// Counts whole days until the first certificate expires, by this computer's clock, as reports count them; negative
/// from a day after that.
fn certificate_days(diagnosis: &Diagnosis) -> Option<i64> {
    let now = moment(&diagnosis.at)?;
    let days = diagnosis.observations.iter().filter_map(|seen| match seen.told {
        Some(Told::CertificateUntil(until)) => Some((until - now).whole_days()),
        _ => None,
    });
    days.min()
}

#[cfg(test)]
mod tests {
    use super::super::sample::diagnosis;
    use super::*;

    #[test]
    fn the_state_follows_what_a_finding_does() {
        let mut report = diagnosis("host");
        assert_eq!(state(&report), State::Critical);
        report.findings[0].severity = Severity::Degrading;
        assert_eq!(state(&report), State::Warning);
        report.findings.clear();
        report.verdict = Verdict::Undetermined;
        assert_eq!(state(&report), State::Unknown);
        report.verdict = Verdict::Healthy;
        assert_eq!(state(&report), State::Ok);
    }

    #[test]
    fn it_is_one_line_with_one_bar() {
        let text = line(&diagnosis("a|b\nc"));
        assert_eq!((text.lines().count(), text.matches('|').count()), (1, 1), "{text}");
        assert!(text.starts_with("RDP CRITICAL - a/b c:3389: ") && text.contains("certificate_days=-12"), "{text}");
        let (text, status) = FORMAT.failure.unwrap()("no such\nfile | x");
        assert_eq!((text.as_str(), status), ("RDP UNKNOWN - no such file / x\n", 3));
    }
}
