//! A watch in words: the live line, changes as they happen, the summary; and its lines as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use diagnosis::Stage;
use diagnosis::printable::counted;
use diagnosis::report::Verdict;
use diagnosis::watch::{
    Spread, Watch, WatchChange, WatchEnd, WatchEvent, WatchLine, WatchRound, WatchState, WatchSummary,
};

use super::door::colour::{GREEN, RED, YELLOW};
use super::door::{Door, Outward};
use super::format::Style;
use super::human::Paper;
use super::human_timeline::second;

/// Most differences that are told of one change; JSON has them all.
const DIFFERENCES: usize = 4;
/// Bars of a sparkline, low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Mark of a round that was not up.
const DOWN: char = '×';

/// Writes a line as one line of JSON, schema `rdpdoctor-watch/1`.
pub fn json(line: &WatchLine) -> Outward {
    let text = serde_json::to_string(line).expect("a line has only string keys");
    Door::Json.out(&(text + "\n"), false)
}

/// Returns the published JSON Schema of the lines.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(WatchLine);
    serde_json::to_string_pretty(&schema).expect("a schema has only string keys") + "\n"
}

/// Writes the line that is shown while a watch goes on: the newest round, the jitter, the stages, and a bar a round.
pub fn live(watch: &Watch, round: &WatchRound, interval: Duration) -> String {
    let bars = sparkline(watch.recent());
    let every = seconds(interval.as_secs_f64());
    // the bars first: of a line that is too long the end is cut
    let mut line = format!("{} {bars} round {}, every {every}: {}", clock(&round.at), round.round, state(&round.state));
    if watch.broke() > 0 {
        write!(line, ", broke {}", counted_times(watch.broke())).expect("writing to a String cannot fail");
    }
    if let Some(whole) = round.seconds.filter(|_| round.state.up) {
        let jitter = seconds(watch.times().whole.jitter);
        write!(line, " in {} (jitter {jitter};{})", seconds(whole), stages(&round.stages))
            .expect("writing to a String cannot fail");
    }
    line
}

/// Writes how the host is when a watch begins; later only changes are told.
pub fn beginning(round: &WatchRound, style: Style) -> Outward {
    let mut page = Paper::new(style);
    page.line(&format!("{} UTC at the beginning: {}", second(&round.at), state(&round.state)));
    Door::Painted.out(&page.text(), style.colour)
}

/// Writes a change for a terminal.
pub fn change(change: &WatchChange, style: Style) -> Outward {
    let mut page = Paper::new(style);
    told(&mut page, change);
    Door::Painted.out(&page.text(), style.colour)
}

/// Writes the summary for a terminal. Changes stand above it already, each from the moment it was seen.
pub fn summary(summary: &WatchSummary, style: Style) -> Outward {
    let mut page = Paper::new(style);
    let rounds = format!("{} in {}", rounds(summary.rounds), seconds(summary.seconds));
    let mut counts = vec![format!("up in {}", summary.up), format!("down in {}", summary.down())];
    if summary.at_times > 0 {
        counts.push(format!("failed at times in {}", summary.at_times));
    }
    if summary.undetermined > 0 {
        counts.push(format!("could not tell in {}", summary.undetermined));
    }
    let ended = match summary.ended {
        WatchEnd::Time => "the time was over",
        WatchEnd::Broken => "it counts as broken for good",
        WatchEnd::Stopped => "stopped",
    };
    page.wrapped("", &format!("{rounds}, every {}: {} ({ended}).", seconds(summary.interval), counts.join(", ")));
    if summary.broke > 0 {
        let longest = seconds(summary.longest_down);
        page.wrapped(
            "",
            &format!(
                "It broke {}; it was down for {longest} at most, as far as was seen.",
                counted_times(summary.broke)
            ),
        );
    }
    if let Some(now) = &summary.state {
        page.wrapped("", &format!("At the end: {}.", state(now)));
    }
    if summary.times.whole.count > 0 {
        page.wrapped("", &format!("Times while it was up: {}.", spread(&summary.times.whole)));
        for (stage, times) in in_order(&summary.times.stages) {
            page.wrapped(&format!("  {stage:<12}"), &spread(times));
        }
    }
    if summary.jumps > 0 {
        let jumps = counted_times(summary.jumps);
        page.wrapped("", &format!("The clock of this computer jumped {jumps} (sleep, or it was set)."));
    }
    page.wrapped(
        "",
        &format!("{}. No logon was attempted.", counted_of(summary.connections, "connection", "connections")),
    );
    Door::Painted.out(&page.text(), style.colour)
}

fn told(page: &mut Paper, change: &WatchChange) {
    let (colour, event) = match change.event {
        WatchEvent::Broke => (RED, "BROKE"),
        WatchEvent::Back => (GREEN, "BACK"),
        WatchEvent::Changed => (YELLOW, "CHANGED"),
        WatchEvent::Slow => (YELLOW, "SLOW"),
    };
    let event = page.paint(colour, event);
    let before = match &change.from {
        WatchState { up: true, .. } => "up",
        WatchState { at_times: true, .. } => "failing at times",
        _ => "down",
    };
    let slow = change.differences.iter().filter(|_| change.event == WatchEvent::Slow);
    let slow = slow.map(|difference| format!(", but {} {}", difference.stage.word(), difference.broken));
    let state_now = state(&change.to) + &slow.collect::<String>();
    page.line(&format!("{} UTC {event}: {state_now}", second(&change.at)));
    let between = format!(
        "between {} and {} after the beginning (round {}); before that it was {before} for {}: {}.",
        seconds(change.after),
        seconds(change.before),
        change.round,
        seconds(change.lasted),
        state(&change.from),
    );
    page.wrapped("    ", &between);
    for difference in change.differences.iter().take(DIFFERENCES) {
        let name = difference.aspect.replace('-', " ");
        page.wrapped("    ", &format!("{name}: {} while it was up, now {}", difference.working, difference.broken));
    }
    if change.event == WatchEvent::Back && change.compared && change.differences.is_empty() {
        page.line("    everything is as it was before.");
    }
}

/// Says in a few words how the host is.
fn state(state: &WatchState) -> String {
    let causes = state.causes.join(", ");
    match (state.up, state.verdict, state.failed) {
        (true, _, _) if causes.is_empty() => "up".to_owned(),
        (true, ..) => format!("up, with {causes}"),
        (false, ..) if state.at_times => format!("fails at times: {causes}"),
        (false, Verdict::Undetermined, None) => "could not tell".to_owned(),
        (false, _, Some(at)) if causes.is_empty() => format!("down at {}", at.word()),
        (false, _, Some(at)) => format!("down at {}: {causes}", at.word()),
        (false, ..) => format!("down: {causes}"),
    }
}

fn stages(stages: &BTreeMap<String, f64>) -> String {
    in_order(stages).fold(String::new(), |all, (stage, took)| format!("{all} {stage} {}", seconds(*took)))
}

/// Iterates over stages in the order of the way.
fn in_order<T>(stages: &BTreeMap<String, T>) -> impl Iterator<Item = (&'static str, &T)> {
    Stage::ALL.into_iter().filter_map(|stage| Some((stage.word(), stages.get(stage.word())?)))
}

fn spread(spread: &Spread) -> String {
    let Spread { least, mean, most, jitter, .. } = *spread;
    format!("{} ({} to {}, jitter {})", seconds(mean), seconds(least), seconds(most), seconds(jitter))
}

/// Draws a bar for each time, the highest for the longest of them.
fn sparkline(times: impl Iterator<Item = Option<f64>>) -> String {
    let times: Vec<_> = times.collect();
    let most = times.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |time: f64| {
        let share = BARS.iter().zip(1..).find(|(_, eighth)| time * 8.0 <= most * f64::from(*eighth));
        share.map_or(BARS[BARS.len() - 1], |(bar, _): (&char, i32)| *bar)
    };
    times.iter().map(|time| time.map_or(DOWN, bar)).collect()
}

/// Writes seconds in the unit that fits.
fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1000.0),
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds if seconds < 7200.0 => format!("{:.1} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Returns the time of day of a moment (RFC 3339).
fn clock(at: &str) -> &str {
    at.get(11..19).unwrap_or(at)
}

fn rounds(count: u64) -> String {
    counted_of(count, "round", "rounds")
}

fn counted_times(count: u64) -> String {
    counted_of(count, "time", "times")
}

fn counted_of(count: u64, one: &str, several: &str) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), one, several)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share_of_the_longest() {
        assert_eq!(sparkline([Some(1.0), None, Some(8.0), Some(4.0)].into_iter()), "▁×█▄");
        assert_eq!(sparkline([None, Some(0.0)].into_iter()), "×▁");
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let written = [0.0031, 5.0, 90.0, 600.0, 86_400.0].map(seconds);
        assert_eq!(written, ["3.1 ms", "5.0 s", "90.0 s", "10.0 min", "24.0 h"]);
    }
}
