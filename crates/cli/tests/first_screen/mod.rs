//! Law of the first screen: 24 rows of 100 columns, the answer in its first lines, and no command broken.

use diagnosis::Diagnosis;
use report::format::Style;
use report::{human, scripts};

const ROWS: usize = 24;
const COLUMNS: usize = 100;

/// Rows that a text takes on a terminal of a hundred columns.
pub fn rows(text: &str) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(COLUMNS).max(1)).sum()
}

/// Says what is wrong with the first screen of a report, or `None`.
pub fn objection(diagnosis: &Diagnosis) -> Option<String> {
    let style = |saved| Style { width: COLUMNS, saved, ..Style::default() };
    let text = human::render(diagnosis, style(false));
    let commands: Vec<String> = scripts::all(diagnosis).into_iter().flat_map(|script| script.lines).collect();
    let command = |line: &str| line.strip_prefix("  ").is_some_and(|line| commands.iter().any(|known| known == line));
    let whole = human::render(diagnosis, Style { full: true, ..style(false) });
    let verdict = whole.trim_end().rsplit("\n\n").next().unwrap_or_default().to_owned();
    let first: Vec<&str> = verdict.split_whitespace().take(8).collect();
    let top = text.lines().take(6).collect::<Vec<_>>().join(" ");
    let top = top.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = if rows(&text) > ROWS {
        format!("{} rows", rows(&text))
    } else if let Some(line) = text.lines().find(|line| line.chars().count() > COLUMNS && !command(line)) {
        format!("a line of {} columns that is no whole command: {line}", line.chars().count())
    } else if !top.contains(&first.join(" ")) {
        format!("the answer is not in the first lines: {first:?}")
    } else if let Some(broken) = commands.iter().find(|known| broken(&text, known)) {
        format!("a command is broken: {broken}")
    } else {
        return saved(&human::render(diagnosis, style(true)));
    };
    Some(format!("{wrong}\n{text}"))
}

/// True if the beginning of a command is there without its end.
fn broken(text: &str, command: &str) -> bool {
    let beginning: String = command.chars().take(40).collect();
    !command.starts_with('#') && text.lines().any(|line| line.trim_start().starts_with(&beginning))
        && !text.lines().any(|line| line.trim_start() == command)
        // another step of the same report may begin alike
        && text.lines().any(|line| line.trim_start().starts_with(&beginning) && command.starts_with(line.trim_start()))
}

/// With the scripts saved, nothing at all may run over the edge.
fn saved(text: &str) -> Option<String> {
    let wide = text.lines().find(|line| line.chars().count() > COLUMNS);
    let wrong = wide.map(|line| format!("saved, a line of {} columns", line.chars().count()));
    let wrong = wrong.or_else(|| (text.lines().count() > ROWS).then(|| "saved, too many rows".to_owned()));
    wrong.map(|wrong| format!("{wrong}\n{text}"))
}
