//! A format in which a report is printed, as its file declares it.

use diagnosis::report::Diagnosis;

/// Appearance of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// True for ANSI colours.
    pub colour: bool,
    /// Columns; at least 40.
    pub width: usize,
    /// True for everything, however much it is; otherwise a report on many files is cut to a screen or two.
    pub full: bool,
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
