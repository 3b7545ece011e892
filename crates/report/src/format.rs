//! A format in which a report is printed, as its file declares it.

use diagnosis::report::Diagnosis;

/// Appearance of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// True for ANSI colours.
    pub colour: bool,
    /// Columns; at least 40.
    pub width: usize,
    /// True for the whole report, however much it is; otherwise words for a terminal are one screen.
    pub full: bool,
    /// True if the commands of the report are saved as scripts: a long one is then named and not printed.
    pub saved: bool,
}

/// Format in which a report is printed.
#[derive(Debug)]
pub struct Format {
    /// Name typed after `--format`.
    pub id: &'static str,
    /// Purpose, for the help.
    pub about: &'static str,
    /// Writes a report as text.
    pub render: fn(&Diagnosis, Style) -> String,
    /// Returns the exit status, where its readers have a convention of their own.
    pub status: Option<fn(&Diagnosis) -> u8>,
    /// Output and exit status if there is no report; `None` where a complaint on standard error will do.
    pub failure: Option<Failure>,
}

/// Turns the words of an error into output and an exit status.
pub type Failure = fn(&str) -> (String, u8);
