//! Formats in which a report is printed: one file each, one explicit list.
//!
//! A new format is a new file beside this one, with its line in [`ALL`] and its `mod`; `--format` derives from the
//! list.

use diagnosis::report::Diagnosis;

use super::human::{self, Style};
use super::{html, json, jsonl, junit, nagios, sarif};

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

/// Every format, the usual one first.
pub const ALL: &[Format] =
    &[human::FORMAT, json::FORMAT, jsonl::FORMAT, html::FORMAT, sarif::FORMAT, junit::FORMAT, nagios::FORMAT];

/// Finds the format of this id.
pub fn find(id: &str) -> Option<&'static Format> {
    ALL.iter().find(|format| format.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_its_own() {
        for format in ALL {
            assert_eq!(ALL.iter().filter(|other| other.id == format.id).count(), 1, "{}", format.id);
            assert_eq!(find(format.id).map(|found| found.about), Some(format.about));
        }
    }
}
