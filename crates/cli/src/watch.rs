//! `rdpdoctor diagnose --watch`: one probe a round, by a clock that never jumps.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use collect::probe::Probe;
use diagnosis::watch::{RoundTime, Watch, WatchEnd, WatchLine, WatchSummary};
use diagnosis::{Context, Diagnosis};
use evidence::observe::observe;
use report::watch as words;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::arguments::DiagnoseOptions;
use crate::{diagnose, reading, terminal};

/// Time down after which a host is broken for good, where none is named: longer than most take to start again.
const GIVE_UP: Duration = Duration::from_mins(10);

/// Form in which a watch is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Changes and the summary in words.
    Human,
    /// The summary alone.
    Json,
    /// Every round, every change, and the summary.
    Jsonl,
}

/// Limits of a watch.
#[derive(Debug, Clone, Copy)]
struct Limits {
    interval: Duration,
    whole: Option<Duration>,
    give_up: Duration,
}

/// Runs a watch and returns the exit status.
pub fn run(options: &DiagnoseOptions, interval: Duration) -> anyhow::Result<u8> {
    let form = match options.format.id {
        "human" => Form::Human,
        "json" => Form::Json,
        "jsonl" => Form::Jsonl,
        other => bail!("--watch is told as human, json or jsonl, not as {other}"),
    };
    let context = diagnose::to_watch(options)?;
    let limits =
        Limits { interval, whole: options.watching.watch_for, give_up: options.watching.give_up.unwrap_or(GIVE_UP) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let summary = runtime.block_on(watch(&context, options.timeout, limits, form));
    // a resolver that still waits for an answer must not keep the summary waiting
    runtime.shutdown_background();
    terminal::clear_progress();
    let summary = summary?;
    let status = summary.status();
    match form {
        Form::Human => terminal::hand_out(&words::summary(&summary, terminal::style(true)))?,
        Form::Json | Form::Jsonl => terminal::hand_out(&words::json(&WatchLine::Summary(summary)))?,
    }
    Ok(status)
}

/// Asks again and again. The wall clock is only shown; a round that takes longer than the interval is followed by the
/// next that is due, and none is made up for.
async fn watch(context: &Context, timeout: Duration, limits: Limits, form: Form) -> anyhow::Result<WatchSummary> {
    let progress = terminal::progress();
    let began = Instant::now();
    let mut watch = Watch::new(limits.interval, limits.give_up);
    let mut stopped = pin!(reading::stopped());
    let ended = loop {
        let (since, wall) = (began.elapsed(), diagnose::truncated(OffsetDateTime::now_utc()));
        let diagnosis = tokio::select! {
            biased;
            () = &mut stopped => break WatchEnd::Stopped,
            diagnosis = round(context, timeout, wall) => diagnosis,
        };
        let (round, change) = watch.add(&diagnosis, RoundTime { since, until: began.elapsed(), wall });
        progress(&words::live(&watch, &round, limits.interval));
        let mut lines = Vec::new();
        match form {
            Form::Jsonl => lines.push(words::json(&WatchLine::Round(round))),
            Form::Human if round.round == 1 => {
                terminal::clear_progress();
                lines.push(words::beginning(&round, terminal::style(true)));
            }
            _ => {}
        }
        match change {
            Some(change) if form == Form::Human => {
                terminal::clear_progress();
                lines.push(words::change(&change, terminal::style(true)));
            }
            Some(change) if form == Form::Jsonl => lines.push(words::json(&WatchLine::Change(change))),
            _ => {}
        }
        for line in lines {
            if !terminal::handed_out(&line)? {
                return Ok(watch.summary(began.elapsed(), WatchEnd::Stopped));
            }
        }
        if watch.broken_for_good() {
            break WatchEnd::Broken;
        }
        let next = due(since, began.elapsed(), limits.interval);
        let until = limits.whole.map_or(next, |whole| whole.min(next));
        tokio::select! {
            biased;
            () = &mut stopped => break WatchEnd::Stopped,
            () = tokio::time::sleep_until(began + until) => {}
        }
        if until < next {
            break WatchEnd::Time;
        }
    };
    Ok(watch.summary(began.elapsed(), ended))
}

/// Returns when the next round is due: a whole number of intervals after the last one, and not in the past.
fn due(last: Duration, now: Duration, interval: Duration) -> Duration {
    let gone = now.saturating_sub(last).as_nanos() / interval.as_nanos().max(1);
    let intervals = u32::try_from(gone).unwrap_or(u32::MAX - 1) + 1;
    last.saturating_add(interval.saturating_mul(intervals))
}

async fn round(context: &Context, timeout: Duration, wall: OffsetDateTime) -> Diagnosis {
    let context = Context { at: wall, ..context.clone() };
    let target = context.target.clone().expect("a watch has a target");
    let mut probe = Probe::new(context, target);
    probe.budget.timeout = timeout;
    let seen = probe.run().await;
    diagnosis::diagnose(&observe(&seen), &probe.context, diagnosis::diagnose::Run::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_is_followed_by_the_next_that_is_due() {
        let due =
            |last, now| due(Duration::from_secs(last), Duration::from_secs(now), Duration::from_secs(5)).as_secs();
        assert_eq!([due(0, 0), due(0, 4), due(5, 11), due(5, 10), due(5, 27)], [5, 5, 15, 15, 30]);
    }
}
