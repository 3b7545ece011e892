//! The report in words, for a terminal.
//!
//! First the ladder with the broken rung, then each finding: what was seen, what follows, what to do, how safe that is;
//! then what was not seen, and the next measurement. Every text of a foreign machine was made printable before.

use super::format::Format;
use super::human_verdict::{faulty_words, gateway_words, reached_words, symptom, undetermined_words};
use super::{Diagnosis, Finding, Outcome, StageResult, Verdict, human_brief, subject_words};
use crate::cause::{Confidence, Severity, Stage};
use crate::{causes, claims, fixes};

/// Its line in the list.
pub(super) const FORMAT: Format =
    Format { id: "human", about: "words for a terminal", render, status: None, failure: None };

/// What the words look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub colour: bool,
    /// Columns; at least 40.
    pub width: usize,
    /// Everything, however much it is; else what was read from many files is put on a screen or two.
    pub full: bool,
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// The report: whole, or where it was read from files and is long, a brief one.
pub fn render(diagnosis: &Diagnosis, style: Style) -> String {
    if !style.full && human_brief::may_be_abridged(diagnosis) {
        let plain = whole(diagnosis, Style { colour: false, ..style });
        if human_brief::rows(&plain, style.width) > human_brief::ROWS {
            return human_brief::render(diagnosis, style);
        }
    }
    whole(diagnosis, style)
}

/// The whole report.
fn whole(diagnosis: &Diagnosis, style: Style) -> String {
    let mut page = Paper::new(style);
    page.head(diagnosis);
    page.ladder(diagnosis);
    page.verdict(diagnosis);
    page.control(diagnosis);
    let (advice, faults): (Vec<&Finding>, Vec<&Finding>) =
        diagnosis.findings.iter().partition(|finding| finding.severity == Severity::Advisory);
    for finding in faults {
        page.finding(diagnosis, finding);
    }
    page.advice(&advice);
    page.notices(diagnosis);
    page.timeline(diagnosis);
    page.surveys(diagnosis);
    page.not_seen(diagnosis);
    page.next(diagnosis);
    page.foot(diagnosis);
    page.text
}

/// A text that grows, within its width.
pub(crate) struct Paper {
    text: String,
    style: Style,
}

impl Paper {
    /// An empty one.
    pub(crate) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    /// What was written.
    pub(crate) fn text(self) -> String {
        self.text
    }

    /// One line, whatever its length.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Text that stands out.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    pub(super) fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }

    /// A paragraph, wrapped, its first line behind `first`, the others behind as many spaces.
    pub(crate) fn wrapped(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let room = self.style.width.max(40).saturating_sub(indent);
        for (number, line) in wrap(text, room).into_iter().enumerate() {
            let lead = if number == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{lead}{line}"));
        }
    }

    pub(super) fn head(&mut self, diagnosis: &Diagnosis) {
        for line in wrap(&subject_words::head(diagnosis), self.style.width.max(40)) {
            let line = self.paint(BOLD, &line);
            self.line(&line);
        }
        self.blank();
    }

    fn ladder(&mut self, diagnosis: &Diagnosis) {
        let hosts = diagnosis.subjects.iter().filter(|s| s.address.is_some()).count();
        let mut subject = None;
        for stage in &diagnosis.stages {
            if hosts > 1 && stage.stage == Stage::Tcp && subject != Some(stage.subject) {
                let address = diagnosis.subjects.get(stage.subject).and_then(|s| s.address.clone()).unwrap_or_default();
                self.line(&format!("  {address}"));
            }
            if subject != Some(stage.subject)
                && let Some(name) = subject_words::machine(diagnosis, stage.subject)
            {
                self.line(&format!("  {name}"));
            }
            subject = Some(stage.subject);
            self.rung(stage);
        }
        self.blank();
    }

    fn rung(&mut self, stage: &StageResult) {
        let mark = self.mark(stage.outcome);
        let took = stage.seconds.map_or(String::new(), |seconds| format!("{:.1} ms", seconds * 1000.0));
        // the mark may hold colours, so it does not take part in the wrapping
        let start = self.text.len();
        self.wrapped(&format!("  #### {:<11} {took:>10}  ", stage.stage.word()), &stage.text);
        let line = self.text.split_off(start).replacen("####", &mark, 1);
        self.text.push_str(&line);
    }

    /// The mark of a rung, four columns wide.
    pub(super) fn mark(&self, outcome: Outcome) -> String {
        let (mark, colour) = match outcome {
            Outcome::Passed => ("ok  ", GREEN),
            Outcome::Degraded => ("warn", YELLOW),
            Outcome::Failed => ("FAIL", RED),
            Outcome::Skipped => ("-   ", ""),
        };
        if colour.is_empty() { mark.to_owned() } else { self.paint(colour, mark) }
    }

    pub(super) fn verdict(&mut self, diagnosis: &Diagnosis) {
        let reached = diagnosis.reached.map_or("", reached_words);
        let (colour, words) = match diagnosis.verdict {
            Verdict::Healthy => (GREEN, format!("Healthy {reached}.")),
            Verdict::Faulty => (RED, faulty_words(diagnosis)),
            Verdict::Undetermined if diagnosis.interrupted => {
                (YELLOW, "Interrupted: this is what was seen until then.".to_owned())
            }
            Verdict::Undetermined => (YELLOW, undetermined_words(diagnosis, reached)),
        };
        for line in wrap(&words, self.style.width.max(40)) {
            let line = self.paint(colour, &line);
            self.line(&line);
        }
    }

    pub(super) fn control(&mut self, diagnosis: &Diagnosis) {
        let Some(control) = &diagnosis.control else { return };
        let reached = control.reached.map_or("", reached_words);
        let verdict = match control.verdict {
            Verdict::Healthy => format!("healthy {reached}"),
            Verdict::Faulty => "faulty".to_owned(),
            Verdict::Undetermined => "undetermined".to_owned(),
        };
        let text = format!("{} port {} ({verdict}): {}.", control.target.host, control.target.port, control.meaning);
        self.blank();
        self.wrapped("Control: ", &text);
    }

    pub(super) fn finding(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        self.finding_head(diagnosis, finding);
        for because in &finding.because {
            self.wrapped("  seen: ", &because.text);
        }
        if let (Some(explains), Some(symptom)) = (finding.explains_symptom, symptom(diagnosis)) {
            let verb = if explains { "This produces" } else { "This does not by itself produce" };
            self.wrapped("  ", &format!("{verb} {symptom}."));
        }
        if !finding.root_of.is_empty() {
            self.wrapped("  ", &format!("It brings about: {}.", finding.root_of.join(", ")));
        }
        let Some(cause) = causes::find(&finding.cause) else { return };
        self.wrapped("  why:  ", cause.page.why);
        self.wrapped("  do:   ", cause.page.how_to_fix);
        self.beware(cause.id);
        self.command(
            "prove it on the machine concerned (PowerShell as administrator, only reads):",
            cause.page.command,
        );
        if let Some(fix) = finding.fixes.first().and_then(|id| fixes::find(id)) {
            let lead =
                format!("{} ({}: {}) {}:", fix.title, fix.safety.word(), fix.reason.trim_end_matches('.'), fix.place);
            self.wrapped("  fix:  ", &lead);
            for step in fix.steps {
                self.line(&format!("          {}", fixes::pasted(step)));
            }
            self.wrapped("        then: ", fix.verify);
        }
    }

    /// What it is and how sure; the verdict has said the title of the first one already.
    pub(super) fn finding_head(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        self.blank();
        let whose = subject_words::whose(diagnosis, finding.subject).map_or(String::new(), |name| format!(", {name}"));
        let colour = if finding.severity == Severity::Blocking { RED } else { YELLOW };
        let rank = format!("{}, {}", severity_word(finding.severity), confidence_word(finding.confidence));
        let title = self.paint(colour, &finding.cause);
        self.line(&format!("{title} ({rank}){whose}"));
        if diagnosis.findings.first() != Some(finding) {
            self.wrapped("  ", &format!("{}.", capital(&finding.title)));
        }
    }

    /// A paragraph whose first word, the name of a cause, has the colour of what it does.
    pub(super) fn wrapped_with(&mut self, text: &str, cause: &str, severity: Severity) {
        let start = self.text.len();
        self.wrapped("", text);
        let painted = self.paint(if severity == Severity::Blocking { RED } else { YELLOW }, cause);
        let lines = self.text.split_off(start).replacen(cause, &painted, 1);
        self.text.push_str(&lines);
    }

    /// The advice that does most harm where this cause is blamed: of several the first, the page has them all.
    pub(super) fn beware(&mut self, cause: &str) {
        let first = claims::about_cause(cause).find_map(|claim| Some((claim.beware.as_ref()?, &claim.id)));
        if let Some((text, id)) = first {
            self.wrapped("  beware: ", &format!("{text} (rdpdoctor explain {id})"));
        }
    }

    /// What changes no verdict takes a line or two; its page says the rest.
    fn advice(&mut self, findings: &[&Finding]) {
        if findings.is_empty() {
            return;
        }
        self.blank();
        self.line("Worth knowing, no fault by itself:");
        for finding in findings {
            let seen = finding.because.first().map_or(finding.title.as_str(), |because| because.text.as_str());
            self.wrapped(&format!("  {}: ", finding.cause), seen);
        }
    }

    fn notices(&mut self, diagnosis: &Diagnosis) {
        self.gateway(diagnosis);
        for notice in &diagnosis.notices {
            self.blank();
            self.wrapped("Note: ", &notice.text);
        }
    }

    /// Where nothing was found, the verdict has said it.
    pub(super) fn gateway(&mut self, diagnosis: &Diagnosis) {
        if let Some(gateway) = diagnosis.gateway.as_ref().filter(|_| diagnosis.verdict == Verdict::Faulty) {
            self.blank();
            self.wrapped("Note: ", &gateway_words(gateway));
        }
    }

    fn timeline(&mut self, diagnosis: &Diagnosis) {
        let lines = super::human_timeline::lines(diagnosis, super::human_timeline::LINES);
        if lines.is_empty() {
            return;
        }
        self.blank();
        self.line("What happened (UTC):");
        for (lead, text) in lines {
            self.wrapped(&lead, &text);
        }
    }

    pub(super) fn surveys(&mut self, diagnosis: &Diagnosis) {
        for survey in &diagnosis.surveys {
            let address = diagnosis.subjects.get(survey.subject).and_then(|s| s.address.clone()).unwrap_or_default();
            self.blank();
            let state = if survey.complete { "" } else { ", not complete: the host or the time gave out" };
            self.line(&format!("All that {address} takes{state}:"));
            for (label, text) in survey.lines() {
                self.wrapped(&format!("  {label:<21}  "), &text);
            }
        }
    }

    /// A command stands on one line whatever the width: it is there to be copied.
    fn command(&mut self, lead: &str, command: &str) {
        self.wrapped("  ", lead);
        self.line(&format!("          {command}"));
    }

    fn not_seen(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.verdict == Verdict::Undetermined && !diagnosis.ruled_out.is_empty() {
            self.blank();
            self.wrapped("Ruled out: ", &format!("{}.", diagnosis.ruled_out.join(", ")));
        }
        let addresses = diagnosis.subjects.iter().filter(|subject| subject.address.is_some()).count();
        if diagnosis.connections == 0 && addresses == 0 && !diagnosis.subjects.is_empty() {
            self.blank();
            let text = "the connection itself: no probe was made, and the files hold none.";
            return self.wrapped("Not seen: ", text);
        }
        if diagnosis.verdict != Verdict::Healthy && !diagnosis.unknown.is_empty() {
            self.blank();
            self.wrapped("Not seen: ", &unseen(diagnosis));
        }
    }

    pub(super) fn next(&mut self, diagnosis: &Diagnosis) {
        for (number, next) in (1..).zip(&diagnosis.next) {
            self.blank();
            let lead = if number == 1 { "Next: ".to_owned() } else { "Then: ".to_owned() };
            self.wrapped(&lead, &format!("{}.", capital(next.why.trim_end_matches('.'))));
            self.line(&format!("      {}", next.command));
        }
    }

    fn foot(&mut self, diagnosis: &Diagnosis) {
        self.blank();
        for (number, file) in (1..).zip(&diagnosis.files) {
            self.line(&format!("file/{number}: {file}"));
        }
        for line in super::captured::lines(diagnosis, super::captured::MOST) {
            self.wrapped("seen: ", &line);
        }
        for unread in diagnosis.observations.iter().filter(|seen| seen.fact == "unread") {
            let text = |name: &str| unread.value[name].as_str().unwrap_or_default().to_owned();
            self.wrapped("not read: ", &format!("{}: {}", text("what"), text("why")));
        }
        self.connections(diagnosis);
    }

    /// How gentle the run was.
    pub(super) fn connections(&mut self, diagnosis: &Diagnosis) {
        let made = counted(diagnosis.connections, "connection", "connections");
        self.line(&format!("{made}, {:.1} s. No logon was attempted.", diagnosis.seconds));
    }
}

/// The causes that are still open. Those behind the rung that broke are only counted: nobody gets there before it is mended.
fn unseen(diagnosis: &Diagnosis) -> String {
    let failed = diagnosis.stages.iter().filter(|stage| stage.outcome == Outcome::Failed).map(|stage| stage.stage);
    // the last, for one of several addresses may have got further
    let broken = failed.max();
    let behind = |id: &str| broken.is_some_and(|broken| causes::find(id).is_some_and(|cause| cause.stage > broken));
    let (later, here): (Vec<&str>, Vec<&str>) =
        diagnosis.unknown.iter().map(|open| open.cause.as_str()).partition(|id| behind(id));
    let (here, plural) = (here.join(", "), if later.len() == 1 { "" } else { "s" });
    let Some(stage) = broken.filter(|_| !later.is_empty()) else { return format!("{here}.") };
    let rest = format!("what lies behind {} ({} cause{plural}).", stage.word(), later.len());
    if here.is_empty() { rest } else { format!("{here}; and {rest}") }
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "blocking",
        Severity::Degrading => "degrading",
        Severity::Advisory => "advisory",
    }
}

pub(super) fn confidence_word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "proven",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    }
}

/// A sentence of its own: capital letter first.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Breaks at spaces; a word longer than the room stands on a line of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        let used = last.chars().count();
        if used > 0 && used + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
        } else {
            if used > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-word b", 4), ["a-very-long-word", "b"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn a_finding_warns_of_the_most_harmful_advice_on_one_line() {
        let diagnosis = super::super::sample::diagnosis("words");
        let text = render(&diagnosis, Style { colour: false, width: 80, full: false });
        let warnings: Vec<_> = text.lines().filter(|line| line.starts_with("  beware: ")).collect();
        assert_eq!(warnings, ["  beware: do not rename the MachineKeys folder (rdpdoctor explain c15)"]);
    }
}
