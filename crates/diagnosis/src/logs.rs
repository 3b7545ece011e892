//! What entries of logs show about an attempt: a finding where they tell of it, an absence where a whole log is silent.
//!
//! An entry from before the attempt says how things were. Near the attempt it is as good as seen; within the last day, for
//! settings and states that stay as they are, it makes a cause likely; older, it makes no finding.

use time::Duration;

use crate::case::{Case, NEAR};
use crate::cause::{Confidence, Ground};
use crate::events;
use crate::printable::printable;
use crate::state::{LogEvent, moment};

/// So far back an entry about something that stays as it is still counts.
pub const DAY: Duration = Duration::hours(24);

/// A finding from the newest of these entries that `fits`, at most `window` old: likely at most, if it is not near the
/// attempt.
pub fn told(
    case: Case<'_>,
    (provider, ids): (&'static str, &'static [u32]),
    window: Duration,
    fits: impl Fn(&LogEvent) -> bool,
) -> Option<Ground> {
    let recent = || case.recent(provider, ids, window).filter(|seen| fits(seen.value));
    let (newest, count) = (recent().last()?, recent().count());
    let event = newest.value;
    let known = events::find(&event.provider, event.id).map_or("", |known| known.meaning());
    let source = provider.rsplit('-').next().unwrap_or(provider);
    let more =
        if count > 1 { format!(", the last of {count} such entries in {}", words(window)) } else { String::new() };
    let log = printable(&event.channel);
    let text = format!("{source} {} in the log {log} at {}: {known}{more}", event.id, printable(&event.at));
    let near = (case.context.at - case.time_of(newest.id)).abs() <= NEAR;
    let ground = Ground::on(vec![newest.because(text)]);
    Some(if near { ground } else { ground.confidence(Confidence::Likely) })
}

/// An absence: a log without damage that tells of the attempt and of all the `window` before it, and holds none of these.
pub fn not_told(
    case: Case<'_>,
    channel: &str,
    (provider, ids): (&'static str, &'static [u32]),
    window: Duration,
) -> Option<Ground> {
    let early = |from: &str| moment(from).is_some_and(|from| from <= case.context.at - window);
    let whole =
        |log: &crate::state::LogSpan| early(&log.from) && !log.damaged && log.channel.eq_ignore_ascii_case(channel);
    let log = case.logs_near(case.context.at).find(|seen| whole(seen.value))?;
    if case.recent(provider, ids, window).next().is_some() {
        return None;
    }
    let numbers: Vec<_> = ids.iter().map(u32::to_string).collect();
    let text = format!("the log {channel} holds no {} of the {} before the attempt", numbers.join(", "), words(window));
    Some(Ground::on(vec![log.because(text)]))
}

fn words(window: Duration) -> String {
    match window.whole_hours() {
        0 => format!("{} minutes", window.whole_minutes()),
        hours => format!("{hours} hours"),
    }
}
