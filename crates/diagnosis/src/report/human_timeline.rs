//! The timeline in words: at most a screenful.

use super::Diagnosis;
use crate::state::moment;
use crate::timeline::{TimelineEntry, shown};

/// The most entries of it; a narrow terminal breaks each into two lines.
const LINES: usize = 12;

/// Its lines: what stands before the text, and the text. Empty where there is none.
pub(super) fn lines(diagnosis: &Diagnosis) -> Vec<(String, String)> {
    let newest = diagnosis.timeline.last().and_then(|line| moment(&line.until));
    let Some(at) = moment(&diagnosis.at).or(newest) else { return Vec::new() };
    let (chosen, left_out) = shown(&diagnosis.timeline, at, LINES);
    let mut lines: Vec<_> = chosen.iter().map(told).collect();
    if left_out > 0 {
        lines.push(("  ".to_owned(), format!("and {left_out} further lines, which --format json shows")));
    }
    lines
}

/// All of it.
pub(super) fn all(diagnosis: &Diagnosis) -> Vec<(String, String)> {
    diagnosis.timeline.iter().map(told).collect()
}

fn told(line: &TimelineEntry) -> (String, String) {
    (format!("  {}  ", second(&line.at)), words(line))
}

fn words(line: &TimelineEntry) -> String {
    let peer = line.peer.as_ref().map_or(String::new(), |peer| format!("{peer}: "));
    let times =
        if line.count > 1 { format!(" ({} times, until {})", line.count, second(&line.until)) } else { String::new() };
    format!("{peer}{}{times}", line.text)
}

/// `2026-11-21 09:00:00`, of RFC 3339.
pub(super) fn second(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}
