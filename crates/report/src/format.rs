//! The formats in which a report is printed: one file each, one explicit list.
//!
//! A new format is a new file beside this one, with its line in [`ALL`] and its `mod`; `--format` derives from the list.

use diagnosis::report::Diagnosis;

use super::human::{self, Style};
use super::{html, json, jsonl, junit, nagios, sarif};

/// A way to print a report.
#[derive(Debug)]
pub struct Format {
    /// What is typed after `--format`.
    pub id: &'static str,
    /// What it is for, for the help.
    pub about: &'static str,
    /// The text of a report.
    pub render: fn(&Diagnosis, Style) -> String,
    /// The exit status, where its readers have a convention of their own.
    pub status: Option<fn(&Diagnosis) -> u8>,
    /// What is printed, and the exit status, if there is no report; `None` where a complaint on standard error will do.
    pub failure: Option<Failure>,
}

/// From the words of an error to what is printed, and the exit status.
pub type Failure = fn(&str) -> (String, u8);

/// Every format, the usual one first.
pub const ALL: &[Format] =
    &[human::FORMAT, json::FORMAT, jsonl::FORMAT, html::FORMAT, sarif::FORMAT, junit::FORMAT, nagios::FORMAT];

/// The format of this id.
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
