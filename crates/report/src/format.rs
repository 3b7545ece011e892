//! A format in which a report is printed, as its file declares it.

use diagnosis::report::Diagnosis;

use super::door::{Door, Outward};

/// Appearance of the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// True for ANSI colours.
    pub colour: bool,
    /// Columns; at least 40.
    pub width: usize,
    /// True for the whole report, however much it is; otherwise words for a terminal are one screen.
    pub full: bool,
    /// True if the commands of the report are saved as scripts: a long one is then named and not printed.
    pub saved: bool,
    /// Days of the certificate below which a plug-in for monitoring warns.
    pub expiry: Expiry,
}

/// Days until a certificate expires below which a plug-in for monitoring says WARNING or CRITICAL; without a number it
/// says nothing of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// For WARNING.
    pub warning: Option<u32>,
    /// For CRITICAL.
    pub critical: Option<u32>,
}

/// Format in which a report is printed.
#[derive(Debug)]
pub struct Format {
    /// Name typed after `--format`.
    pub id: &'static str,
    /// Purpose, for the help.
    pub about: &'static str,
    /// Writes a report as text, before it goes through the door.
    pub(super) render: fn(&Diagnosis, Style) -> String,
    /// Door through which every output of this format leaves ([`crate::door`]).
    pub(super) door: Door,
    /// Returns the exit status, where its readers have a convention of their own.
    pub status: Option<fn(&Diagnosis, Style) -> u8>,
    /// Output and exit status if there is no report; `None` where a complaint on standard error will do.
    pub(super) failure: Option<Failure>,
}

impl Format {
    /// Writes a report as text, with nothing in it that a terminal or a viewer obeys.
    pub fn print(&self, diagnosis: &Diagnosis, style: Style) -> Outward {
        self.door.out(&(self.render)(diagnosis, style), style.colour)
    }

    /// Returns output and exit status for the words of an error, where the format has its own way to say it.
    pub fn fail(&self, words: &str) -> Option<(Outward, u8)> {
        self.failure.map(|failure| failure(words)).map(|(text, status)| (self.door.out(&text, false), status))
    }
}

/// Turns the words of an error into output and an exit status.
pub type Failure = fn(&str) -> (String, u8);
