//! The report in words, for a terminal.
//!
//! First the ladder with the broken rung, then each finding: what was seen, what follows, what to do, how safe that is;
//! then what was not seen, and the next measurement. Every text of a foreign machine was made printable before.

use diagnosis::cause::{Confidence, Severity};
use diagnosis::fixes;
use diagnosis::fixes::powershell;
use diagnosis::report::{Diagnosis, Finding, Outcome, StageResult};

use super::door::Door;
use super::door::colour::{BOLD, GREEN, RED, RESET, YELLOW};
use super::format::{Format, Style};
use super::screen::{self, Tone};
use super::words::{self, capital};
use super::{human_screen, subject_words, survey_words};

/// Entry in the list of formats.
pub(super) const FORMAT: Format =
    Format { id: "human", about: "words for a terminal", render, door: Door::Painted, status: None, failure: None };

/// Writes the report: its first screen, or all of it.
pub fn render(diagnosis: &Diagnosis, style: Style) -> String {
    if style.full { whole(diagnosis, style) } else { human_screen::render(diagnosis, style) }
}

/// Writes the complete report.
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
    page.order(diagnosis);
    page.foot(diagnosis);
    // after so many lines the first ones are off the screen
    page.blank();
    page.verdict(diagnosis);
    page.text
}

/// Text under construction, within its width.
pub(crate) struct Paper {
    text: String,
    style: Style,
}

impl Paper {
    /// Starts an empty text.
    pub(crate) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    /// Returns the finished text.
    pub(crate) fn text(self) -> String {
        self.text
    }

    /// Adds one line, whatever its length.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Adds an empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Columns of a line; at least 40.
    pub(crate) fn width(&self) -> usize {
        self.style.width.max(40)
    }

    /// Marks text as bold.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    pub(super) fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }

    /// Adds a wrapped paragraph, its first line after `first`, the others indented to match.
    pub(crate) fn wrapped(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let room = self.width().saturating_sub(indent);
        for (number, line) in wrap(text, room).into_iter().enumerate() {
            let lead = if number == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{lead}{line}"));
        }
    }

    fn head(&mut self, diagnosis: &Diagnosis) {
        for line in wrap(&words::title(diagnosis), self.width()) {
            let line = self.paint(BOLD, &line);
            self.line(&line);
        }
        if let Some(time) = words::judged_for(diagnosis) {
            self.wrapped("", &time);
        }
        self.blank();
    }

    fn ladder(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.stages.is_empty() {
            return;
        }
        let mut subject = None;
        for stage in &diagnosis.stages {
            if let Some(whose) = words::above_rung(diagnosis, stage, subject) {
                self.line(&format!("  {whose}"));
            }
            subject = Some(stage.subject);
            self.rung(stage);
        }
        for server in words::servers(diagnosis) {
            self.wrapped("  server: ", &server);
        }
        for path in words::paths(diagnosis) {
            self.wrapped("  path: ", &path);
        }
        for way in words::ways(diagnosis) {
            self.wrapped("  hops: ", &way);
        }
        self.blank();
    }

    fn rung(&mut self, stage: &StageResult) {
        let mark = self.mark(stage.outcome);
        let took = words::took(stage);
        // the mark may hold colours, so it takes no part in the wrapping
        let start = self.text.len();
        self.wrapped(&format!("  #### {:<11} {took:>10}  ", stage.stage.word()), &stage.text);
        let line = self.text.split_off(start).replacen("####", &mark, 1);
        self.text.push_str(&line);
    }

    /// Returns the mark of a rung, four columns wide.
    pub(super) fn mark(&self, outcome: Outcome) -> String {
        let mark = format!("{:<4}", words::mark(outcome));
        match outcome {
            Outcome::Passed => self.paint(GREEN, &mark),
            Outcome::Degraded => self.paint(YELLOW, &mark),
            Outcome::Failed => self.paint(RED, &mark),
            Outcome::Skipped => mark,
        }
    }

    fn verdict(&mut self, diagnosis: &Diagnosis) {
        for line in wrap(&words::verdict(diagnosis), self.width()) {
            let line = self.toned(&line, screen::tone(diagnosis.verdict));
            self.line(&line);
        }
    }

    /// Gives a line the colour of its tone.
    pub(super) fn toned(&self, line: &str, tone: Tone) -> String {
        match tone {
            Tone::Plain => line.to_owned(),
            Tone::Strong => self.paint(BOLD, line),
            Tone::Good => self.paint(GREEN, line),
            Tone::Doubtful => self.paint(YELLOW, line),
            Tone::Bad => self.paint(RED, line),
        }
    }

    fn control(&mut self, diagnosis: &Diagnosis) {
        let Some(text) = words::control(diagnosis) else { return };
        self.blank();
        self.wrapped("Control: ", &text);
    }

    fn finding(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        self.finding_head(diagnosis, finding);
        for because in &finding.because {
            self.wrapped("  seen: ", &because.text);
        }
        for consequence in words::consequences(diagnosis, finding) {
            self.wrapped("  ", &consequence);
        }
        let Some(cause) = finding.cause_here() else { return };
        self.wrapped("  why:  ", cause.page.why);
        self.wrapped("  do:   ", cause.page.how_to_fix);
        self.beware(finding);
        let given = words::given(diagnosis, finding, &cause);
        self.command(&format!("prove it {}:", words::prove_place(&cause)), &given.fill(cause.page.command));
        if let Some(fix) = finding.fixes.first().and_then(|id| fixes::find(id)) {
            let sure = if finding.confidence == Confidence::Proven { "" } else { "only if the proof agrees: " };
            let lead = format!("{sure}{} ({}) {}:", fix.title, words::safety(fix), fix.place.words());
            self.wrapped("  fix:  ", &lead);
            for line in powershell::lines(fix, &given) {
                self.line(&format!("          {line}"));
            }
            if let Some(words) = given.missing(powershell::texts(fix).iter().map(String::as_str)) {
                self.wrapped("        replace ", &words);
            }
            self.wrapped("        fixed when: ", &given.fill(fix.verify));
        }
    }

    /// Adds a finding's title and confidence; the verdict already gave the title of the first one.
    fn finding_head(&mut self, diagnosis: &Diagnosis, finding: &Finding) {
        self.blank();
        let whose = subject_words::whose(diagnosis, finding.subject).map_or(String::new(), |name| format!(", {name}"));
        let colour = if finding.severity == Severity::Blocking { RED } else { YELLOW };
        let title = self.paint(colour, &finding.cause);
        self.line(&format!("{title} ({}){whose}", words::rank(finding)));
        if diagnosis.findings.first() != Some(finding) {
            self.wrapped("  ", &format!("{}.", capital(&finding.title)));
        }
    }

    fn beware(&mut self, finding: &Finding) {
        if let Some(warning) = words::beware(finding) {
            self.wrapped("  beware: ", &warning);
        }
    }

    /// Adds each advisory finding in a line or two; its page says the rest.
    fn advice(&mut self, findings: &[&Finding]) {
        if findings.is_empty() {
            return;
        }
        self.blank();
        self.line(&format!("{}:", words::ADVICE));
        for finding in findings {
            self.wrapped(&format!("  {}: ", finding.cause), words::first_reason(finding));
        }
    }

    fn notices(&mut self, diagnosis: &Diagnosis) {
        for notice in words::notices(diagnosis) {
            self.blank();
            self.wrapped("Note: ", &notice);
        }
    }

    fn timeline(&mut self, diagnosis: &Diagnosis) {
        let lines = super::human_timeline::lines(diagnosis, super::human_timeline::LINES);
        if lines.is_empty() {
            return;
        }
        self.blank();
        self.line(&format!("{}:", words::TIMELINE));
        for (lead, text) in lines {
            self.wrapped(&lead, &text);
        }
    }

    fn surveys(&mut self, diagnosis: &Diagnosis) {
        for survey in &diagnosis.surveys {
            self.blank();
            self.line(&format!("{}:", words::survey(diagnosis, survey)));
            for (label, text) in survey_words::lines(survey) {
                self.wrapped(&format!("  {label:<21}  "), &text);
            }
        }
    }

    /// Adds a command on one line whatever the width, so that it can be copied.
    fn command(&mut self, lead: &str, command: &str) {
        self.wrapped("  ", lead);
        self.line(&format!("          {command}"));
    }

    fn not_seen(&mut self, diagnosis: &Diagnosis) {
        if let Some(text) = words::ruled_out(diagnosis) {
            self.blank();
            self.wrapped("Ruled out: ", &text);
        }
        if let Some((what, text)) = words::not_seen(diagnosis) {
            self.blank();
            self.wrapped("", &format!("{what}: {text}"));
        }
    }

    fn next(&mut self, diagnosis: &Diagnosis) {
        let printed: Vec<String> = diagnosis
            .findings
            .iter()
            .filter(|finding| finding.severity < Severity::Advisory)
            .filter_map(|finding| Some((finding, finding.cause_here()?)))
            .map(|(finding, cause)| words::given(diagnosis, finding, &cause).fill(cause.page.command))
            .collect();
        for (number, next) in (1..).zip(&diagnosis.next) {
            self.blank();
            let lead = if number == 1 { "Next: ".to_owned() } else { "Then: ".to_owned() };
            let (place, command) = words::place_and_command(&next.command);
            let above = printed.iter().any(|line| line == command);
            let place = place.map_or(String::new(), |place| format!("{} ", capital(place)));
            let told = if above { " The command is the one above that proves it." } else { "" };
            self.wrapped(&lead, &format!("{}{told}", words::sentence(&next.why)));
            if !above {
                if !place.is_empty() {
                    self.line(&format!("      {}:", place.trim_end()));
                }
                self.line(&format!("      {command}"));
            }
        }
    }

    /// Tells in which order to try what helps, where several causes are in question.
    fn order(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.order.is_empty() {
            return;
        }
        self.blank();
        self.wrapped("", "In this order, with a new diagnosis after each step:");
        for (number, step) in (1..).zip(&diagnosis.order) {
            let measured = || step.measure.as_deref().map(|command| words::place_and_command(command).1);
            let what = step.fix.as_deref().or_else(measured).unwrap_or_default();
            self.wrapped(&format!("  {number}. "), &format!("{what}: {}", step.why));
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
        for line in words::unread(diagnosis) {
            self.wrapped("not read: ", &line);
        }
        self.line(&words::cost(diagnosis));
    }
}

/// Breaks at spaces; a word longer than the room gets a line of its own.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
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

/// Breaks a text into at most so many rows; what does not fit is left out at the end of a word, and `…` says so.
pub(crate) fn clipped(text: &str, width: usize, most: usize) -> Vec<String> {
    let lead = text.len() - text.trim_start().len();
    let mut rows: Vec<String> = Vec::new();
    for line in wrap(text, width.saturating_sub(lead)) {
        let mut rest = line.as_str();
        // a word that is longer than the row, such as a path or a name that somebody made up
        while let Some((cut, _)) = rest.char_indices().nth(width.saturating_sub(lead)) {
            rows.push(rest[..cut].to_owned());
            rest = &rest[cut..];
        }
        rows.push(rest.to_owned());
    }
    let more = rows.len() > most;
    rows.truncate(most);
    if let Some(last) = rows.last_mut().filter(|_| more) {
        while last.chars().count() + 2 + lead > width {
            match last.rfind(' ') {
                Some(end) => last.truncate(end),
                None => {
                    last.pop();
                }
            }
        }
        let kept = last.trim_end_matches([',', ';', ':', '(', ' ']).to_owned();
        *last = format!("{kept} …");
    }
    rows.into_iter().map(|row| format!("{}{row}", " ".repeat(lead))).collect()
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
    fn what_is_left_out_ends_at_a_word() {
        assert_eq!(clipped("one two three four", 9, 1), ["one two …"]);
        assert_eq!(clipped("one two, three four", 10, 1), ["one two …"]);
        assert_eq!(clipped("one two", 9, 1), ["one two"]);
        assert_eq!(clipped("  one two three", 9, 2), ["  one two", "  three"]);
        assert_eq!(clipped(&"x".repeat(30), 10, 2), ["xxxxxxxxxx", "xxxxxxxx …"]);
    }

    /// Commands are about the host that was asked for, whatever its port.
    #[test]
    fn commands_name_the_port_and_the_name_that_were_asked_for() {
        let mut diagnosis = super::super::sample::diagnosis("server01.corp.example");
        diagnosis.findings[0].cause = "port-closed".to_owned();
        diagnosis.findings[0].fixes = vec!["flush-dns".to_owned()];
        diagnosis.subjects[0].port = Some(3399);
        let style = Style { width: 80, full: true, ..Style::default() };
        let text = render(&diagnosis, style);
        assert!(
            text.contains("LocalPort -eq 3399;") && text.contains("Resolve-DnsName server01.corp.example\n"),
            "{text}"
        );
        // text that is no name is not pasted into a command
        diagnosis.target.as_mut().unwrap().host = "x; Stop-Computer".to_owned();
        let text = render(&diagnosis, style);
        assert!(text.contains("Resolve-DnsName HOST\n"), "{text}");
    }

    #[test]
    fn a_finding_warns_of_the_most_harmful_advice_on_one_line() {
        let diagnosis = super::super::sample::diagnosis("words");
        let text = render(&diagnosis, Style { width: 80, full: true, ..Style::default() });
        let warnings: Vec<_> = text.lines().filter(|line| line.starts_with("  beware: ")).collect();
        assert_eq!(warnings, ["  beware: do not rename the MachineKeys folder (rdpdoctor explain c15)"]);
    }
}
