//! The first screen on a terminal: at most 24 rows of 100 columns, whatever was found.

use diagnosis::report::{Diagnosis, Outcome};

use super::format::Style;
use super::human::{Paper, clipped};
use super::screen::{self, Part, Tone};
use super::scripts::Script;
use super::words;

/// Most rows.
pub(super) const ROWS: usize = 24;
/// Most columns of everything but commands.
const COLUMNS: usize = 100;

/// How tightly it is set.
#[derive(Clone, Copy)]
struct Setting {
    /// Most rows of one part.
    text: usize,
    /// Most rows of a command: a longer one stands as the name of its script.
    command: usize,
    /// True for empty rows between groups.
    airy: bool,
}

/// Settings to try, from airy to tight.
const SETTINGS: [Setting; 6] = [
    Setting { text: 4, command: 4, airy: true },
    Setting { text: 3, command: 3, airy: true },
    Setting { text: 2, command: 2, airy: true },
    Setting { text: 2, command: 4, airy: false },
    Setting { text: 2, command: 2, airy: false },
    Setting { text: 2, command: 1, airy: false },
];

/// Row of the screen.
struct Row {
    text: String,
    tone: Tone,
}

/// Writes the screen.
pub(super) fn render(diagnosis: &Diagnosis, style: Style) -> String {
    let width = style.width.clamp(40, COLUMNS);
    let mut parts = screen::parts(diagnosis);
    let fits = |rows: &[Row]| height(rows, width) <= ROWS;
    let rows = loop {
        let set = SETTINGS.iter().map(|setting| set(diagnosis, &parts, *setting, width, style.saved));
        let mut tried: Vec<Vec<Row>> = Vec::new();
        let mut found = None;
        for rows in set {
            if fits(&rows) {
                found = Some(rows);
                break;
            }
            tried.push(rows);
        }
        if let Some(rows) = found {
            break rows;
        }
        let most = parts.iter().map(|part| part.spare).max().unwrap_or(0);
        if most == 0 {
            break tried.pop().unwrap_or_default();
        }
        parts.retain(|part| part.spare < most);
    };
    let mut page = Paper::new(style);
    for row in rows {
        page.row(&row.text, row.tone);
    }
    page.text()
}

/// Counts the rows on a terminal, commands that run over its edge included.
fn height(rows: &[Row], width: usize) -> usize {
    rows.iter().map(|row| row.text.chars().count().div_ceil(width).max(1)).sum()
}

fn set(diagnosis: &Diagnosis, parts: &[Part], setting: Setting, width: usize, saved: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut named = false;
    let blank = || Row { text: String::new(), tone: Tone::Plain };
    for (number, part) in parts.iter().enumerate() {
        if setting.airy && (part.apart || number == 1) {
            rows.push(blank());
        }
        let label = if part.label.is_empty() { String::new() } else { format!("{}: ", part.label) };
        let most = part.rows.min(if part.spare <= 1 && part.rows > 2 { 3.max(setting.text) } else { setting.text });
        for text in clipped(&format!("{label}{}", part.text), width, most) {
            rows.push(Row { text, tone: part.tone });
        }
        if let Some(script) = &part.script {
            let (command, by_name) = command(script, setting, width, saved);
            named |= by_name;
            let how = if by_name && !saved { "  (--save-commands DIR writes it)" } else { "" };
            rows.push(Row { text: format!("  {command}{how}"), tone: Tone::Plain });
        }
    }
    if setting.airy {
        rows.push(blank());
    }
    for line in foot(diagnosis, named && saved) {
        rows.extend(clipped(&line, width, 2).into_iter().map(|text| Row { text, tone: Tone::Plain }));
    }
    rows
}

/// Returns the command itself, or the name of its script; true if it is the name.
fn command(script: &Script, setting: Setting, width: usize, saved: bool) -> (String, bool) {
    let room = if saved { width } else { width * setting.command };
    match script.only_line() {
        Some(line) if line.chars().count() + 2 <= room => (line.to_owned(), false),
        _ if script.is_words() => {
            let id = script.name.trim_start_matches("fix-").split('.').next().unwrap_or_default();
            (format!("rdpdoctor explain {id} --full"), false)
        }
        _ => (script.name.clone(), true),
    }
}

fn foot(diagnosis: &Diagnosis, saved: bool) -> Vec<String> {
    let scripts = if saved { " The scripts are in the folder that you named." } else { "" };
    vec![format!("--full prints the whole report.{scripts}"), words::cost(diagnosis)]
}

impl Paper {
    /// Adds a row in its colour.
    fn row(&mut self, text: &str, tone: Tone) {
        let painted = self.toned(text, tone);
        let marked = [Outcome::Failed, Outcome::Degraded].into_iter().fold(painted, |text, outcome| {
            let mark = format!("{} ", words::mark(outcome));
            let begins = text.trim_start().starts_with(&mark) || text.contains(&format!(" · {mark}"));
            if tone == Tone::Plain && text.starts_with("  ") && begins {
                text.replacen(&mark, &format!("{} ", self.mark(outcome).trim_end()), 1)
            } else {
                text
            }
        });
        self.line(&marked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use diagnosis::cause::{Confidence, Severity};
    use diagnosis::report::{Finding, Next, ReportSubject};
    use diagnosis::{Because, causes};

    fn style(width: usize) -> Style {
        Style { width, ..Style::default() }
    }

    /// Checks the law of the first screen.
    fn law(text: &str, width: usize) {
        let rows: usize = text.lines().map(|line| line.chars().count().div_ceil(width).max(1)).sum();
        assert!(rows <= ROWS, "{rows} rows:\n{text}");
    }

    #[test]
    fn every_cause_fits_at_every_confidence() {
        for cause in causes::ALL {
            for confidence in [Confidence::Proven, Confidence::Likely, Confidence::Possible] {
                let mut report = sample::diagnosis("server01.corp.example");
                let finding = &mut report.findings[0];
                (finding.cause, finding.confidence) = (cause.id.to_owned(), confidence);
                (finding.title, finding.severity) = (cause.title.to_owned(), cause.severity.min(Severity::Degrading));
                finding.fixes = cause.fixes.iter().map(|id| (*id).to_owned()).collect();
                for width in [40, 80, 100, 120] {
                    let text = render(&report, style(width));
                    law(&text, width.min(100));
                    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    assert!(flat.contains(cause.id), "{text}");
                    let unproven = confidence != Confidence::Proven;
                    assert_eq!(flat.contains("Do now: prove it on"), unproven, "{text}");
                    let title = cause.title.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
                    let verdict = text.lines().take(5).collect::<Vec<_>>().join(" ");
                    assert!(width < 80 || verdict.contains(&title), "{text}");
                }
            }
        }
    }

    /// Whatever machines, logs and files say, and however much of it.
    #[test]
    fn the_longest_texts_fit() {
        for words in ["long words ".repeat(300), "X".repeat(5000), "words".to_owned()] {
            for machines in [1, 4, 200] {
                let mut report = sample::diagnosis(&words);
                let who = report.subjects[0].clone();
                report.subjects = (0..machines).map(|id| ReportSubject { id, ..who.clone() }).collect();
                let (finding, stage) = (report.findings[0].clone(), report.stages[0].clone());
                for (id, cause) in (0..machines).zip(causes::ALL.iter().cycle()) {
                    report.findings.push(Finding { subject: id, cause: cause.id.to_owned(), ..finding.clone() });
                    report.stages.push(diagnosis::report::StageResult { subject: id, ..stage.clone() });
                }
                report.notices = vec![Because { text: words.clone(), observation: 1 }; 9];
                let next = Next { command: words.clone(), splits: Vec::new(), why: words.clone() };
                report.next = vec![next; 4];
                for width in [40, 80, 100] {
                    law(&render(&report, style(width)), width);
                }
                report.findings.clear();
                report.verdict = diagnosis::report::Verdict::Undetermined;
                law(&render(&report, style(100)), 100);
            }
        }
    }

    #[test]
    fn colours_take_no_room_and_mark_what_is_broken() {
        let report = sample::diagnosis("words");
        let (plain, painted) = (render(&report, style(100)), render(&report, Style { colour: true, ..style(100) }));
        assert_eq!(plain.lines().count(), painted.lines().count());
        let let_out = crate::human::FORMAT.print(&report, Style { colour: true, ..style(100) });
        assert!(let_out.as_str().contains("\u{1b}[31mFAIL\u{1b}[0m tls"), "{painted}");
    }

    /// With the scripts saved, a command that would run over the edge is a file that can be run.
    #[test]
    fn a_long_command_is_the_name_of_its_script() {
        let report = sample::diagnosis("words");
        let text = render(&report, Style { saved: true, ..style(100) });
        assert!(text.contains("\n  prove-private-key-unusable.ps1\n"), "{text}");
        assert!(text.contains("\n  fix-repair-machine-keys-access.ps1\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let text = render(&report, style(80));
        assert!(!text.contains(".ps1\n") && !text.contains(".sh\n"), "how to get a script stands beside it: {text}");
    }
}
