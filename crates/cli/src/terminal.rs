//! Prints: a closed pipe is no error, colour appears only where it is wanted, progress only where somebody looks.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use evidence::printable::printable;
use report::door::{self, Outward};
use report::format::Style;

/// Columns where the terminal does not tell.
const USUAL_WIDTH: usize = 100;
/// Columns above which lines get hard to read.
const WIDEST: usize = 120;

/// Writes words of our own to standard output, see [`hand_out`].
pub fn print(text: &str) -> anyhow::Result<()> {
    hand_out(&door::text(text))
}

/// Writes text that went through the door to standard output; stops silently if the reader is gone.
pub fn hand_out(text: &Outward) -> anyhow::Result<()> {
    handed_out(text).map(drop)
}

/// Writes text as [`hand_out`] does; false if the reader is gone.
pub fn handed_out(text: &Outward) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_str().as_bytes()).and_then(|()| out.flush()) {
        Err(error) if is_gone(&error) => Ok(false),
        other => other.map(|()| true).context("write standard output"),
    }
}

/// True if nobody reads any more.
fn is_gone(error: &io::Error) -> bool {
    /// `ERROR_PIPE_NOT_CONNECTED` (winerror.h), which std takes for another kind.
    const NOT_CONNECTED: i32 = 233;
    error.kind() == io::ErrorKind::BrokenPipe || cfg!(windows) && error.raw_os_error() == Some(NOT_CONNECTED)
}

/// Writes one line to standard error.
pub fn complain(text: &str) {
    // if standard error is closed, there is nobody left to tell
    let _ = writeln!(io::stderr(), "{}", door::text(text).as_str());
}

/// Returns the style of standard output; `full` for everything.
pub fn style(full: bool) -> Style {
    let wanted = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let colour = wanted && (!io::stdout().is_terminal() || obeys());
    Style { colour, width: columns().unwrap_or(USUAL_WIDTH).min(WIDEST), full, ..Style::default() }
}

/// True unless this is a console of Windows that prints a terminal's commands as they are (before Windows 10), or one
/// of whose streams goes elsewhere. Asking switches a console to obeying.
fn obeys() -> bool {
    anstyle_query::windows::enable_ansi_colors() != Some(false)
}

/// Returns the columns of the terminal. A size without rows, as of pseudo terminals that nobody set up, counts as none,
/// and then the environment decides.
fn columns() -> Option<usize> {
    let told = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    told.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).filter(|columns| *columns > 0)
}

/// Cuts text to one line, because a line that wraps cannot be overwritten. The last column stays free: some terminals
/// wrap there already.
fn one_line(text: &str, columns: usize) -> String {
    printable(text).chars().take(columns.saturating_sub(1)).collect()
}

/// Returns a progress line on standard error that overwrites itself, if that is a terminal.
pub fn progress() -> Arc<dyn Fn(&str) + Send + Sync> {
    if !shows_progress() {
        return Arc::new(|_| {});
    }
    Arc::new(|text| {
        let short = one_line(text, columns().unwrap_or(USUAL_WIDTH));
        let _ = write!(io::stderr(), "\r\x1b[K{short}");
    })
}

/// Erases the progress line.
pub fn clear_progress() {
    if shows_progress() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}

/// True if somebody looks at standard error, and a line there can be erased.
pub fn shows_progress() -> bool {
    io::stderr().is_terminal() && obeys()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_stays_on_one_line() {
        assert_eq!(one_line("asking 192.0.2.7:3389: the answer to a Connection Request", 44).len(), 43);
        assert_eq!(one_line("asking", 44), "asking");
        assert_eq!(one_line("asking", 0), "");
    }
}
