//! One line for monitoring: Nagios, Icinga, Checkmk, Zabbix and Centreon read it.
//!
//! Source: the Monitoring Plugins Development Guidelines: one line of text, `|`, performance data; the exit status is
//! the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A blocking fault is critical, a degrading one a warning, and
//! anything that could not be told is unknown, never OK. Where days are named, a certificate that expires sooner makes
//! the state worse, and one that was not seen is unknown; the performance data repeat them as ranges (`30:`, alert
//! below 30).

use diagnosis::cause::{Confidence, Severity};
use diagnosis::moment::moment;
use diagnosis::report::{Diagnosis, Told, Verdict};

use super::door::Door;
use super::format::{Expiry, Format, Style};

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "nagios",
    about: "one line with performance data for monitoring; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
    render: |diagnosis, style| line(diagnosis, style.expiry),
    door: Door::Text,
    status: Some(|diagnosis, style: Style| state(diagnosis, style.expiry) as u8),
    failure: Some(|words| (format!("RDP UNKNOWN - {}\n", one_line(words)), State::Unknown as u8)),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl State {
    /// How bad it is, which is not the order of the statuses.
    fn weight(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unknown => 1,
            Self::Warning => 2,
            Self::Critical => 3,
        }
    }
}

/// The worse of what the verdict says and what the certificate's days say.
fn state(diagnosis: &Diagnosis, expiry: Expiry) -> State {
    let (verdict, expiring) = (of_verdict(diagnosis), of_days(certificate_days(diagnosis), expiry));
    if expiring.weight() > verdict.weight() { expiring } else { verdict }
}

fn of_days(days: Option<i64>, expiry: Expiry) -> State {
    if expiry == Expiry::default() {
        return State::Ok;
    }
    let Some(days) = days else { return State::Unknown };
    let below = |limit: Option<u32>| limit.is_some_and(|limit| days < i64::from(limit));
    match (below(expiry.critical), below(expiry.warning)) {
        (true, _) => State::Critical,
        (_, true) => State::Warning,
        _ => State::Ok,
    }
}

fn of_verdict(diagnosis: &Diagnosis) -> State {
    let has = |severity| diagnosis.findings.iter().any(|finding| finding.severity == severity);
    match diagnosis.verdict {
        Verdict::Healthy => State::Ok,
        Verdict::Faulty if has(Severity::Blocking) => State::Critical,
        Verdict::Faulty => State::Warning,
        Verdict::Undetermined => State::Unknown,
    }
}

fn line(diagnosis: &Diagnosis, expiry: Expiry) -> String {
    let state = match state(diagnosis, expiry) {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    };
    let words = format!("{}{}", words(diagnosis), expires(certificate_days(diagnosis), expiry));
    format!("RDP {state} - {} | {}\n", one_line(&words), performance(diagnosis, expiry))
}

/// Says what the certificate adds to the state.
fn expires(days: Option<i64>, expiry: Expiry) -> String {
    match (of_days(days, expiry), days) {
        (State::Ok, _) => String::new(),
        (_, Some(days @ 0..)) => format!("; its certificate expires in {days} day{}", if days == 1 { "" } else { "s" }),
        (_, Some(_)) => "; its certificate has expired".to_owned(),
        (_, None) => "; no certificate was seen".to_owned(),
    }
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

fn performance(diagnosis: &Diagnosis, expiry: Expiry) -> String {
    let limit = |limit: Option<u32>| limit.map(|limit| format!("{limit}:")).unwrap_or_default();
    let limits = format!(";{};{}", limit(expiry.warning), limit(expiry.critical));
    let days =
        certificate_days(diagnosis).map(|days| format!(" certificate_days={days}{}", limits.trim_end_matches(';')));
    let days = days.unwrap_or_default();
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

    const NONE: Expiry = Expiry { warning: None, critical: None };

    #[test]
    fn the_state_follows_what_a_finding_does() {
        let mut report = diagnosis("host");
        assert_eq!(state(&report, NONE), State::Critical);
        report.findings[0].severity = Severity::Degrading;
        assert_eq!(state(&report, NONE), State::Warning);
        report.findings.clear();
        report.verdict = Verdict::Undetermined;
        assert_eq!(state(&report, NONE), State::Unknown);
        report.verdict = Verdict::Healthy;
        assert_eq!(state(&report, NONE), State::Ok);
    }

    #[test]
    fn the_days_of_the_certificate_make_the_state_worse_and_never_better() {
        let expiry = Expiry { warning: Some(30), critical: Some(7) };
        let of = |days| of_days(days, expiry);
        let states = [Some(30), Some(29), Some(7), Some(6), Some(-1), None].map(of);
        let expected = [State::Ok, State::Warning, State::Warning, State::Critical, State::Critical, State::Unknown];
        assert_eq!(states, expected);
        assert_eq!(of_days(None, NONE), State::Ok);
        let mut report = diagnosis("host");
        report.findings.clear();
        report.verdict = Verdict::Undetermined;
        assert_eq!(state(&report, expiry), State::Critical, "the sample's certificate has expired");
        let text = line(&report, expiry);
        assert!(text.contains("its certificate has expired") && text.contains("certificate_days=-12;30:;7:"), "{text}");
        report.observations.clear();
        assert_eq!(state(&report, expiry), State::Unknown);
        report.verdict = Verdict::Healthy;
        assert_eq!(state(&report, expiry), State::Unknown, "a certificate that nobody saw is not sound");
        assert!(line(&report, expiry).contains("no certificate was seen"));
    }

    #[test]
    fn it_is_one_line_with_one_bar() {
        let text = line(&diagnosis("a|b\nc"), NONE);
        assert_eq!((text.lines().count(), text.matches('|').count()), (1, 1), "{text}");
        assert!(text.starts_with("RDP CRITICAL - a/b c:3389: ") && text.ends_with("certificate_days=-12\n"), "{text}");
        let (text, status) = FORMAT.failure.unwrap()("no such\nfile | x");
        assert_eq!((text.as_str(), status), ("RDP UNKNOWN - no such file / x\n", 3));
    }
}
