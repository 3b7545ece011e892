//! JSON Lines, for log pipelines: one line is one whole report.
//!
//! A pipeline ships, filters and counts lines. A finding on a line of its own would be separated from its host; so a
//! line is a whole report of the schema `rdpdoctor/1`, the same object as `--format json` without line breaks.

use diagnosis::report::Diagnosis;

use super::door::Door;
use super::format::Format;

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "jsonl",
    about: "the same JSON on one line: for logs, one line is one whole report",
    render: |diagnosis, _| line(diagnosis),
    door: Door::Json,
    status: None,
    failure: None,
};

fn line(diagnosis: &Diagnosis) -> String {
    serde_json::to_string(diagnosis).expect("a report has only string keys") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::sample::diagnosis;
    use super::*;

    #[test]
    fn a_report_is_one_line_and_the_same_object() {
        let report = diagnosis("line\nbreak \u{2028} \u{1b}");
        let text = line(&report);
        assert_eq!(text.lines().count(), 1);
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&text), parsed(&report.to_json()));
    }
}
