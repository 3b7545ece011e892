//! The report in words where much was read: a screen or two, the most telling first.
//!
//! Everything that is wrong, unread or to be done next appears, if only by name or number; each sound machine takes one
//! line. The parts shrink together until all fits. `--full` and the JSON have everything.

use std::collections::BTreeMap;

use diagnosis::cause::Severity;
use diagnosis::printable::counted;
use diagnosis::report::{Diagnosis, Finding, Outcome, ReportSubject, StageResult, Told, Verdict};
use diagnosis::{Role, Stage, causes, fixes};

use super::format::Style;
use super::human::Paper;
use super::subject_words::{label, whose};
use super::words;

/// Most rows of a terminal that it takes, wherever it can.
pub(super) const ROWS: usize = 60;

/// Amount of each part that is shown.
struct Room {
    /// Findings shown completely; of the first of the others, what was seen and what to do.
    whole: usize,
    /// Findings shown with what was seen and what to do.
    short: usize,
    machines: usize,
    happened: usize,
    others: usize,
}

/// Sizes to try, from wide to narrow.
const ROOMS: [Room; 8] = [
    Room { whole: 3, short: 9, machines: 16, happened: 12, others: 8 },
    Room { whole: 1, short: 4, machines: 14, happened: 10, others: 6 },
    Room { whole: 1, short: 2, machines: 12, happened: 8, others: 5 },
    Room { whole: 1, short: 1, machines: 10, happened: 6, others: 4 },
    Room { whole: 0, short: 2, machines: 9, happened: 6, others: 4 },
    Room { whole: 0, short: 1, machines: 8, happened: 5, others: 3 },
    Room { whole: 0, short: 1, machines: 5, happened: 3, others: 2 },
    Room { whole: 0, short: 1, machines: 2, happened: 2, others: 1 },
];

/// With more "not read" lines than this, the report is shortened even if nothing was read.
const UNREAD: usize = 8;

/// True for a report that may be abridged: one about files, not about a single probed host, of which everything is
/// wanted.
pub(super) fn may_be_abridged(diagnosis: &Diagnosis) -> bool {
    let hosts = diagnosis.subjects.iter().filter(|who| who.role == Role::Host).count();
    let unread = diagnosis.observations.iter().filter(|seen| matches!(seen.told, Some(Told::Unread { .. }))).count();
    (!diagnosis.files.is_empty() || unread > UNREAD) && (diagnosis.connections == 0 || hosts > 2)
}

/// Writes the report in the widest room that fits.
pub(super) fn render(diagnosis: &Diagnosis, style: Style) -> String {
    let plain = Style { colour: false, ..style };
    let fits = |room: &&Room| rows(&page(diagnosis, plain, room), style.width) <= ROWS;
    let narrowest = &ROOMS[ROOMS.len() - 1];
    page(diagnosis, style, ROOMS.iter().find(fits).unwrap_or(narrowest))
}

/// Counts the rows that text without colours takes on a terminal of this width.
pub(super) fn rows(text: &str, width: usize) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(width.max(40)).max(1)).sum()
}

fn page(diagnosis: &Diagnosis, style: Style, room: &Room) -> String {
    let mut page = Brief { paper: Paper::new(style), diagnosis, room, width: style.width.max(40) };
    page.paper.head(diagnosis);
    page.machines();
    page.paper.verdict(diagnosis);
    page.paper.control(diagnosis);
    page.findings();
    page.advice();
    page.gateway();
    page.notices();
    page.timeline();
    page.paper.surveys(diagnosis);
    page.open();
    page.paper.next(diagnosis);
    page.foot();
    page.paper.text()
}

struct Brief<'a> {
    paper: Paper,
    diagnosis: &'a Diagnosis,
    room: &'a Room,
    width: usize,
}

impl Brief<'_> {
    /// Adds one row, cut if necessary: the full report has all of it.
    fn row(&mut self, text: &str) {
        let line = fitted(text, self.width);
        self.paper.line(&line);
    }

    /// Adds rows of a list, and counts the rest.
    fn list(&mut self, rows: &[String], more: &str) {
        for row in rows.iter().take(self.room.others) {
            self.row(row);
        }
        let left = rows.len().saturating_sub(self.room.others);
        if left > 0 {
            self.row(&format!("{more}{left} more"));
        }
    }

    /// Adds one row for each machine or address, faulty ones first.
    fn machines(&mut self) {
        let mut machines: Vec<(Outcome, &ReportSubject, String)> =
            self.diagnosis.subjects.iter().filter_map(|who| machine(self.diagnosis, who)).collect();
        let blamed = |who: &ReportSubject| faults(self.diagnosis, who).next().is_some();
        machines.sort_by_key(|(outcome, who, _)| (severity(*outcome), !blamed(who)));
        let shown = machines.len().min(self.room.machines);
        let label_width = machines[..shown].iter().map(|(_, who, _)| name(who).chars().count()).max().unwrap_or(0);
        // a name may have any length, and a width above 65,535 ends the program
        let label_width = label_width.min(self.width);
        for (outcome, who, text) in &machines[..shown] {
            let rest = fitted(&format!("{:<label_width$}  {text}", name(who)), self.width.saturating_sub(7));
            let mark = self.paper.mark(*outcome);
            self.paper.line(&format!("  {mark} {rest}"));
        }
        let rest = &machines[shown..];
        if !rest.is_empty() {
            let wrong = rest.iter().filter(|(outcome, ..)| severity(*outcome) < 2).count();
            let wrong = if wrong > 0 { format!(", {wrong} of them with something wrong") } else { String::new() };
            self.row(&format!("       and {} more{wrong}", rest.len()));
        }
        self.paper.blank();
    }

    /// Adds each cause once: the first ones at length, the others by name, all with the machines that have them.
    fn findings(&mut self) {
        let groups = by_cause(self.diagnosis, |severity| severity < Severity::Advisory);
        for (number, group) in groups.iter().enumerate() {
            let [first, others @ ..] = group.as_slice() else { continue };
            if number >= self.room.short {
                if number == self.room.short {
                    self.paper.blank();
                }
                self.named(first, others);
            } else {
                if number < self.room.whole {
                    self.paper.finding(self.diagnosis, first);
                } else {
                    self.shortly(first);
                }
                self.also(others);
            }
        }
    }

    /// Adds what was seen, what to do, and where the commands are.
    fn shortly(&mut self, finding: &Finding) {
        self.paper.finding_head(self.diagnosis, finding);
        if let Some(because) = finding.because.first() {
            self.paper.wrapped("  seen: ", &because.text);
        }
        let Some(cause) = causes::find(&finding.cause) else { return };
        self.paper.wrapped("  do:   ", cause.page.how_to_fix);
        self.paper.beware(cause.id);
        if let Some(fix) = finding.fixes.first().and_then(|id| fixes::find(id)) {
            let text = format!("{} ({}), its commands: rdpdoctor explain {}", fix.title, fix.safety.word(), fix.id);
            self.paper.wrapped("  fix:  ", &text);
        }
    }

    fn also(&mut self, others: &[&Finding]) {
        if !others.is_empty() {
            self.paper.wrapped("  also: ", &self.places(others));
        }
    }

    fn named(&mut self, finding: &Finding, others: &[&Finding]) {
        let mut places = whose(self.diagnosis, finding.subject).into_iter().collect::<Vec<_>>();
        if !others.is_empty() {
            places.push(format!("{} more", others.len()));
        }
        let places = if places.is_empty() { String::new() } else { format!(", {}", places.join(" and ")) };
        let rank = words::rank(finding);
        // after wrapping, because colours take no room
        let text = format!("{} ({rank}){places}: {}", finding.cause, finding.title);
        self.paper.wrapped_with(&text, &finding.cause, finding.severity);
    }

    /// Names the machines that share a finding.
    fn places(&self, findings: &[&Finding]) -> String {
        const MOST: usize = 8;
        let mut names: Vec<String> =
            findings.iter().take(MOST).filter_map(|finding| whose(self.diagnosis, finding.subject)).collect();
        if findings.len() > MOST {
            names.push(format!("{} more", findings.len() - MOST));
        }
        names.join(", ")
    }

    fn advice(&mut self) {
        let groups = by_cause(self.diagnosis, |severity| severity == Severity::Advisory);
        if groups.is_empty() {
            return;
        }
        let rows: Vec<String> = groups
            .iter()
            .filter_map(|group| {
                let first = group.first()?;
                let seen = first.because.first().map_or(first.title.as_str(), |because| because.text.as_str());
                let times = if group.len() > 1 { format!(" ({} times)", group.len()) } else { String::new() };
                Some(format!("  {}{times}: {seen}", first.cause))
            })
            .collect();
        self.paper.blank();
        self.paper.line(&format!("{}:", words::ADVICE));
        self.list(&rows, "  ");
    }

    fn gateway(&mut self) {
        if let Some(text) = words::gateway(self.diagnosis) {
            self.paper.blank();
            self.paper.wrapped("Note: ", &text);
        }
    }

    fn notices(&mut self) {
        let notices: Vec<String> =
            self.diagnosis.notices.iter().map(|notice| format!("Note: {}", notice.text)).collect();
        if !notices.is_empty() {
            self.paper.blank();
            self.list(&notices, "Note: ");
        }
    }

    fn timeline(&mut self) {
        let lines = super::human_timeline::lines(self.diagnosis, self.room.happened);
        if lines.is_empty() {
            return;
        }
        self.paper.blank();
        self.paper.line(&format!("{}:", words::TIMELINE));
        for (lead, text) in lines {
            self.paper.wrapped(&lead, &text);
        }
    }

    /// Adds the number of causes neither shown nor ruled out.
    fn open(&mut self) {
        let (open, ruled_out) = (self.diagnosis.unknown.len(), self.diagnosis.ruled_out.len());
        if self.diagnosis.verdict == Verdict::Healthy || open == 0 {
            return;
        }
        self.paper.blank();
        let text = format!("{} ({ruled_out} are ruled out); --full names them.", counted(open, "cause", "causes"));
        self.paper.wrapped("", &format!("{}: {text}", words::OPEN));
    }

    /// Adds the first unread items with the reason, the rest by name.
    fn unread(&mut self) {
        const NAMES: usize = 4;
        let unread = unread(self.diagnosis);
        for (what, why) in unread.iter().take(self.room.others) {
            self.row(&format!("not read: {what}: {why}"));
        }
        let rest = unread.get(self.room.others..).unwrap_or_default();
        let mut names: Vec<String> = rest.iter().take(NAMES).map(|(what, _)| what.clone()).collect();
        names.dedup();
        if rest.len() > NAMES {
            names.push(format!("{} more", rest.len() - NAMES));
        }
        if !names.is_empty() {
            self.paper.wrapped("not read: ", &format!("also of {}", names.join(", ")));
        }
    }

    fn foot(&mut self) {
        self.paper.blank();
        let seen: Vec<String> = super::captured::lines(self.diagnosis, usize::MAX);
        let seen: Vec<String> = seen.into_iter().map(|line| format!("seen: {line}")).collect();
        self.list(&seen, "seen: ");
        self.unread();
        let files = counted(self.diagnosis.files.len(), "file was", "files were");
        self.paper.line(&format!("{files} read; this report is abridged, --full prints all of it."));
        self.paper.line(&words::cost(self.diagnosis));
    }
}

/// Ranks an outcome, for sorting.
fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Degraded => 1,
        Outcome::Passed => 2,
        Outcome::Skipped => 3,
    }
}

fn name(who: &ReportSubject) -> String {
    let part = match who.role {
        Role::Client => " (client)",
        Role::Gateway => " (gateway)",
        _ => "",
    };
    format!("{}{part}", label(who))
}

/// Describes a machine in one row; `None` for one of which nothing was seen.
fn machine<'a>(diagnosis: &Diagnosis, who: &'a ReportSubject) -> Option<(Outcome, &'a ReportSubject, String)> {
    let rungs: Vec<&StageResult> = diagnosis.stages.iter().filter(|stage| stage.subject == who.id).collect();
    let worst = rungs.iter().min_by_key(|rung| severity(rung.outcome))?;
    let wrong: Vec<&str> = faults(diagnosis, who).collect();
    let text = match worst.outcome {
        _ if !wrong.is_empty() => wrong.join(", "),
        Outcome::Failed | Outcome::Degraded => format!("{}: {}", worst.stage.word(), worst.text),
        Outcome::Skipped => worst.text.clone(),
        Outcome::Passed => sound(&rungs),
    };
    // a machine with a finding beside the rungs is not sound
    let blocked =
        diagnosis.findings.iter().any(|found| found.subject == who.id && found.severity == Severity::Blocking);
    let outcome = match worst.outcome {
        Outcome::Passed | Outcome::Skipped | Outcome::Degraded if blocked => Outcome::Failed,
        Outcome::Passed | Outcome::Skipped if !wrong.is_empty() => Outcome::Degraded,
        outcome => outcome,
    };
    Some((outcome, who, text))
}

/// Lists the causes found for it.
fn faults<'a>(diagnosis: &'a Diagnosis, who: &ReportSubject) -> impl Iterator<Item = &'a str> + use<'a> {
    let id = who.id;
    let own = diagnosis.findings.iter().filter(move |found| found.subject == id && found.severity < Severity::Advisory);
    own.map(|found| found.cause.as_str())
}

/// Says how far it got.
fn sound(rungs: &[&StageResult]) -> String {
    let Some(last) = rungs.iter().rev().find(|rung| rung.outcome == Outcome::Passed) else { return String::new() };
    if matches!(last.stage, Stage::Gateway | Stage::Host | Stage::Client) {
        return last.text.clone();
    }
    format!("up to {}: {}", last.stage.word(), last.text)
}

/// Groups the findings that `pick` takes by cause, in the order of the first of each.
fn by_cause(diagnosis: &Diagnosis, pick: fn(Severity) -> bool) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in diagnosis.findings.iter().filter(|finding| pick(finding.severity)) {
        match groups.iter_mut().find(|group| group[0].cause == finding.cause) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Lists what could not be read: the file, and the reason, with the number of its parts concerned.
fn unread(diagnosis: &Diagnosis) -> Vec<(String, String)> {
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
    let end = parts.join("/");
    let length = end.chars().count();
    if length <= MOST { end } else { format!("…{}", end.chars().skip(length - MOST + 1).collect::<String>()) }
}

/// Cuts a text to one row.
fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use diagnosis::report::ReportObservation;

    /// Report on this many machines, each with a finding of its own and another cause.
    fn many(machines: usize, words: &str) -> Diagnosis {
        let mut report = sample::diagnosis(words);
        (report.target, report.connections) = (None, 0);
        report.files = (0..machines).map(|number| format!("/evidence/{number}/SYSTEM")).collect();
        report.subjects = (0..machines).map(|id| ReportSubject { id, ..report.subjects[0].clone() }).collect();
        for (who, cause) in report.subjects.iter_mut().zip(causes::ALL.iter().cycle()) {
            who.name = Some(format!("SERVER{}", who.id));
            let finding = Finding { subject: who.id, cause: cause.id.to_owned(), ..report.findings[0].clone() };
            report.stages.push(StageResult { subject: who.id, stage: Stage::Host, ..report.stages[0].clone() });
            report.findings.push(Finding { title: cause.title.to_owned(), ..finding });
        }
        report.findings.remove(0);
        let told = Told::Unread { what: "the last changes".to_owned(), why: "no transaction log".to_owned() };
        let seen = ReportObservation { told: Some(told), ..report.observations[0].clone() };
        report.observations =
            (1..=machines).map(|file| ReportObservation { file: Some(file), ..seen.clone() }).collect();
        report
    }

    fn style() -> Style {
        Style { colour: false, width: 100, full: false }
    }

    #[test]
    fn what_is_wrong_is_named_however_much_it_is() {
        for machines in [10, 25, 200] {
            let report = many(machines, "words");
            let text = super::super::human::render(&report, style());
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            for finding in &report.findings {
                assert!(
                    flat.contains(&finding.cause) && flat.contains(&finding.title.to_lowercase()),
                    "{}\n{text}",
                    finding.cause
                );
            }
            assert!(machines > 20 || rows(&text, 100) <= ROWS, "{text}");
            assert!(flat.contains("0/system: no transaction log: the last changes"), "{text}");
        }
    }

    /// A width above 65,535 would end the program.
    #[test]
    fn a_name_may_be_of_any_length() {
        let mut report = many(30, "words");
        report.subjects[3].name = Some("X".repeat(70_000));
        let text = super::super::human::render(&report, style());
        assert!(text.contains("SERVER4") && text.lines().all(|line| line.len() < 80_000), "{}", text.len());
    }

    #[test]
    fn all_of_it_is_there_for_who_asks() {
        let (report, full) = (many(30, "words"), Style { full: true, ..style() });
        let text = super::super::human::render(&report, full);
        assert!(text.contains("file/30: /evidence/29/SYSTEM") && text.matches("not read: ").count() == 30, "{text}");
    }

    #[test]
    fn a_row_is_cut_and_says_so() {
        assert_eq!(fitted("one two", 7), "one two");
        assert_eq!(fitted("one two", 5), "one…");
        assert_eq!(fitted("", 0), "");
        assert_eq!(shortened("/evidence/SERVER01/SYSTEM"), "SERVER01/SYSTEM");
        assert_eq!(shortened(r"D:\Windows\SYSTEM"), "Windows/SYSTEM");
        assert_eq!(rows("a\n\nb\n", 100), 3);
        assert_eq!(rows(&"a".repeat(101), 100), 2);
    }

    #[test]
    fn colours_take_no_room() {
        let report = many(12, "words");
        let plain = super::super::human::render(&report, style());
        let painted = super::super::human::render(&report, Style { colour: true, ..style() });
        assert_eq!(plain.lines().count(), painted.lines().count());
    }
}
