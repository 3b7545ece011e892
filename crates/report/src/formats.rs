//! The list of formats: one file each.
//!
//! A new format is a new file beside this one, with its line in [`ALL`] and its `mod`; `--format` derives from the
//! list.

use super::format::Format;
use super::{html, human, json, jsonl, junit, nagios, sarif};

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
