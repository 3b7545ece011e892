//! Findings and absences from log entries: a finding where they record it, an absence where a complete log is silent.
//!
//! An entry from before the attempt tells how things were. Near the attempt it is as good as seen; within the last day,
//! for settings and states that persist, it makes a cause likely; an older one makes no finding.

use evidence::events;
use evidence::moment::whole_second;
use evidence::printable::printable;
use evidence::state::{LogEvent, LogSpan};
use time::Duration;

use crate::case::{Case, NEAR};
use crate::cause::{Confidence, Ground};

/// Age up to which an entry about a persistent state still counts.
pub const DAY: Duration = Duration::hours(24);

/// Makes a finding from the newest of these entries that `fits`, at most `window` old: likely at most, if it is not
/// near the attempt.
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
    let text =
        format!("{source} {} in the log {log} at {}: {known}{more}", event.id, printable(&whole_second(&event.at)));
    let near = (case.context.at - case.time_of(newest.id)).abs() <= NEAR;
    let ground = Ground::on(vec![newest.because(text)]);
    Some(if near { ground } else { ground.confidence(Confidence::Likely) })
}

/// Makes an absence: a log covers the attempt and all of the `window` before it, and has none of these entries.
pub fn not_told(
    case: Case<'_>,
    channel: &str,
    (provider, ids): (&'static str, &'static [u32]),
    window: Duration,
) -> Option<Ground> {
    let since = case.context.at.saturating_sub(window);
    let whole = |log: &LogSpan| log.whole_since(since) && log.channel.eq_ignore_ascii_case(channel);
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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use crate::sketch::{Expect, machine};
    use evidence::events::RCM_ADMIN;
    use evidence::fact::Fact;
    use evidence::state::LogSpan;

    fn span(left_out_until: Option<&str>) -> LogSpan {
        LogSpan {
            channel: RCM_ADMIN.to_owned(),
            from: "2026-11-01T00:00:00Z".to_owned(),
            until: "2026-11-30T00:00:00Z".to_owned(),
            records: 768,
            damaged: false,
            left_out: 268,
            left_out_until: left_out_until.map(str::to_owned),
        }
    }

    /// Entries that were left out may be the very ones looked for, unless all of them are older.
    #[test]
    fn a_log_of_which_entries_were_left_out_is_silent_only_behind_them() {
        let cause = crate::causes::find("outstanding-connections-limit").unwrap();
        for (left_out_until, expect) in [
            (None, Expect::Unknown),
            (Some("2026-11-21T11:00:00Z"), Expect::Unknown),
            (Some("2026-11-21T08:55:00Z"), Expect::Unknown),
            (Some("2026-11-21T08:45:00Z"), Expect::Absent),
        ] {
            machine().recorded(Fact::LogSpan(span(left_out_until))).check(cause, expect);
        }
    }

    #[test]
    fn a_span_is_whole_from_its_beginning_on_and_without_damage() {
        let whole = LogSpan { left_out: 0, ..span(None) };
        assert!(whole.whole_since(datetime!(2026-11-01 00:00 UTC)));
        assert!(!whole.whole_since(datetime!(2026-10-31 23:59 UTC)));
        assert!(!LogSpan { damaged: true, ..whole }.whole_since(datetime!(2026-11-02 00:00 UTC)));
    }
}
