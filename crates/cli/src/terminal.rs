//! Printing: a closed pipe is no error, colour only where it is wanted, progress only for eyes.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use diagnosis::report::human::Style;

/// Columns where the terminal does not say.
const USUAL_WIDTH: usize = 100;
/// Columns above which lines get hard to read.
const WIDEST: usize = 120;

/// Writes text to standard output; a reader that has gone away ends the writing in silence.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write standard output"),
    }
}

/// Writes one line to standard error.
pub fn complain(text: &str) {
    // nobody is left to tell if standard error is closed
    let _ = writeln!(io::stderr(), "{text}");
}

/// The style of standard output.
pub fn style() -> Style {
    let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let width = terminal_size::terminal_size().map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0));
    Style { colour, width: width.min(WIDEST) }
}

/// One line on standard error that is written over, if that is a terminal.
pub fn progress() -> Arc<dyn Fn(&str) + Send + Sync> {
    if !io::stderr().is_terminal() {
        return Arc::new(|_| {});
    }
    Arc::new(|text| {
        let short: String = text.chars().take(USUAL_WIDTH).collect();
        let _ = write!(io::stderr(), "\r\x1b[K{short}");
    })
}

/// Takes the line of progress away.
pub fn clear_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}
