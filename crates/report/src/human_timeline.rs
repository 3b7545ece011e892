//! The timeline in words: at most a screenful.

use diagnosis::moment::moment;
use diagnosis::printable::counted;
use diagnosis::report::Diagnosis;
use diagnosis::timeline::{TimelineEntry, shown};
use time::Duration;

/// Most entries; a narrow terminal breaks each into two lines.
pub(super) const LINES: usize = 12;

/// Returns at most this many lines, each as prefix and text. Empty where there is no timeline.
pub(super) fn lines(diagnosis: &Diagnosis, most: usize) -> Vec<(String, String)> {
    let newest = diagnosis.timeline.last().and_then(|line| moment(&line.until));
    let Some(at) = moment(&diagnosis.at).or(newest) else { return Vec::new() };
    let (chosen, left_out) = shown(&diagnosis.timeline, at, most);
    let mut lines: Vec<_> = chosen.iter().map(told).collect();
    if left_out > 0 {
        let further = counted(left_out, "further line", "further lines");
        lines.push(("  ".to_owned(), format!("and {further}, which --format json shows")));
    }
    lines
}

/// Returns all lines.
pub(super) fn all(diagnosis: &Diagnosis) -> Vec<(String, String)> {
    diagnosis.timeline.iter().map(told).collect()
}

fn told(line: &TimelineEntry) -> (String, String) {
    (format!("  {}  ", second(&line.at)), words(line))
}

fn words(line: &TimelineEntry) -> String {
    let peer = line.peer.as_ref().map_or(String::new(), |peer| format!("{peer}: "));
    let times = if line.count > 1 { format!(" ({})", times(line)) } else { String::new() };
    format!("{peer}{}{times}", line.text)
}

/// Says how often, how long, and how fast where that says something.
fn times(line: &TimelineEntry) -> String {
    const SHORT: Duration = Duration::hours(2);
    const SEVERAL: usize = 5;
    let span = moment(&line.at).zip(moment(&line.until)).map(|(from, until)| until - from);
    let Some(span) = span.filter(|span| *span <= SHORT && !span.is_negative()) else {
        return format!("{} times, until {}", line.count, second(&line.until));
    };
    let seconds = span.whole_seconds();
    let long = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", span.whole_minutes()) };
    let told = line.count >= SEVERAL && seconds >= 60;
    let rate = told.then(|| u64::try_from(seconds).ok()).flatten();
    let rate = rate.map_or(String::new(), |seconds| {
        // in tenths, so that a low rate is not rounded to zero
        let tenths = (line.count as u64).saturating_mul(600) / seconds;
        format!(", {}.{} a minute", tenths / 10, tenths % 10)
    });
    format!("{} times in {long}{rate}", line.count)
}

/// Shortens RFC 3339 to `2026-11-21 09:00:00`.
pub(super) fn second(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}
