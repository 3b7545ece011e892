//! One host, asked again and again: when it broke, what was different then, and what came back. Pure: the rounds and
//! their times come in; what is kept does not grow with their number.

mod spread;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use evidence::Stage;
use evidence::moment::rfc3339;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::cause::Severity;
use crate::compare::{Difference, Side, compare, slower};
use crate::report::{Diagnosis, Outcome, Verdict};

pub use spread::{Spread, StageTimes};

/// Name and version of the schema of the lines of a watch.
pub const SCHEMA: &str = "rdpdoctor-watch/1";
/// Most rounds whose times are kept for the live line.
const RECENT: usize = 20;
/// Most changes that are kept; of more, the newest.
const CHANGES: usize = 100;
/// Causes by which some connections of a round come through and others do not.
const AT_TIMES: [&str; 3] = ["handshakes-fail-at-times", "listener-overloaded", "setup-fails-at-times"];
/// Difference of the two clocks' progress between two rounds above which the wall clock has jumped.
const JUMP: Duration = Duration::from_secs(2);
/// Seconds from which a stage that went well is slow: a SYN that was lost is sent again after one (RFC 6298).
const SLOW: f64 = 0.9;

/// One line of a watch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum WatchLine {
    /// The host was asked once more.
    Round(WatchRound),
    /// It broke, came back, or fails in another way.
    Change(WatchChange),
    /// The end, and everything in short.
    Summary(WatchSummary),
}

/// State of the host in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WatchState {
    /// True if a client gets in, as far as was asked, each time: no fault, or none that prevents the connection.
    pub up: bool,
    /// True if some connections come through and others do not: neither up nor down.
    pub at_times: bool,
    /// Verdict.
    pub verdict: Verdict,
    /// Stage that failed first at the address that got furthest.
    pub failed: Option<Stage>,
    /// Causes of the faults, the most likely root first.
    pub causes: Vec<String>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchRound {
    /// `rdpdoctor-watch/1`; fields are only ever added within a version.
    pub schema: String,
    /// Number, from 1.
    pub round: u64,
    /// Time of the wall clock, for people: it may jump.
    pub at: String,
    /// Seconds since the watch began, by a clock that never jumps.
    pub since: f64,
    /// State of the host.
    pub state: WatchState,
    /// Last stage that it passed.
    pub reached: Option<Stage>,
    /// Seconds of all stages together; null where none was passed.
    pub seconds: Option<f64>,
    /// Seconds of each stage at the address that got furthest.
    pub stages: BTreeMap<String, f64>,
    /// Seconds by which the wall clock has jumped since the round before (sleep, or somebody set it).
    pub jumped: Option<f64>,
}

/// Change from one round to the next.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchChange {
    /// `rdpdoctor-watch/1`.
    pub schema: String,
    /// Number of the round that shows it.
    pub round: u64,
    /// Time of that round by the wall clock.
    pub at: String,
    /// Seconds since the watch began, of the round before: it happened after this …
    pub after: f64,
    /// … and before this, when the round that shows it ended.
    pub before: f64,
    /// Event.
    pub event: WatchEvent,
    /// State before.
    pub from: WatchState,
    /// State now.
    pub to: WatchState,
    /// Seconds that the state before lasted, as far as was seen.
    pub lasted: f64,
    /// True if it was up in a round before, with which the differences compare.
    pub compared: bool,
    /// Differences from the last round in which it was up: what was different when it broke, and what is not as before
    /// since it came back.
    pub differences: Vec<Difference>,
}

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WatchEvent {
    /// It was up and no longer is, or only at times.
    Broke,
    /// It is up again.
    Back,
    /// It is as up or down as before, for another reason.
    Changed,
    /// It is up, and a stage took far longer than in the round before: a packet was lost or held up, or it was busy.
    Slow,
}

/// Summary of a watch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchSummary {
    /// `rdpdoctor-watch/1`.
    pub schema: String,
    /// Rounds.
    pub rounds: u64,
    /// Rounds in which it was up.
    pub up: u64,
    /// Rounds in which some connections came through and others did not.
    pub at_times: u64,
    /// Rounds of which neither can be told.
    pub undetermined: u64,
    /// Seconds of the whole watch.
    pub seconds: f64,
    /// Seconds between the beginnings of two rounds.
    pub interval: f64,
    /// TCP connections made or tried.
    pub connections: u64,
    /// Reason of the end.
    pub ended: WatchEnd,
    /// Number of times that it broke.
    pub broke: u64,
    /// Longest time that it may have been down, in seconds: from the beginning of a round in which it was up to the end
    /// of the next one.
    pub longest_down: f64,
    /// State at the end; null without a round.
    pub state: Option<WatchState>,
    /// Times of all stages together, and of each stage.
    pub times: StageTimes,
    /// Changes, of more than 100 the newest.
    pub changes: Vec<WatchChange>,
    /// Number of jumps of the wall clock.
    pub jumps: u64,
}

/// Reason of the end of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WatchEnd {
    /// The time was over.
    Time,
    /// It was down for so long that it counts as broken for good.
    Broken,
    /// Somebody stopped it.
    Stopped,
}

impl WatchSummary {
    /// Returns the rounds in which no connection came through.
    pub fn down(&self) -> u64 {
        self.rounds - self.up - self.at_times - self.undetermined
    }

    /// Returns the exit status: 0 always up, 1 not up at least once, 2 could not tell.
    pub fn status(&self) -> u8 {
        match (self.down() + self.at_times, self.undetermined, self.rounds) {
            (0, 0, 1..) => 0,
            (1.., ..) => 1,
            _ => 2,
        }
    }
}

/// A watch as it goes on.
#[derive(Debug)]
pub struct Watch {
    interval: Duration,
    /// Time in one state without a break after which it is broken for good.
    give_up: Duration,
    rounds: u64,
    up: u64,
    at_times: u64,
    undetermined: u64,
    connections: u64,
    broke: u64,
    jumps: u64,
    longest_down: Duration,
    now: Option<Now>,
    /// Report of the last round in which it was up.
    last_up: Option<Side>,
    times: StageTimes,
    recent: VecDeque<f64>,
    changes: VecDeque<WatchChange>,
}

/// The newest round, and since when it is so.
#[derive(Debug)]
struct Now {
    state: WatchState,
    /// Beginning of this state.
    since: Duration,
    /// Beginning of the time down, whatever the reasons.
    down: Option<Down>,
    last: Duration,
    wall: OffsetDateTime,
}

/// Time down.
#[derive(Debug, Clone, Copy)]
struct Down {
    /// Beginning of the last round before it.
    after: Duration,
    /// Beginning of the first round in it.
    since: Duration,
}

/// Time of a round.
#[derive(Debug, Clone, Copy)]
pub struct RoundTime {
    /// Its beginning, since the watch began, by a clock that never jumps.
    pub since: Duration,
    /// Its end, by the same clock.
    pub until: Duration,
    /// Its beginning by the wall clock.
    pub wall: OffsetDateTime,
}

impl Watch {
    /// Begins a watch with this time between the beginnings of two rounds.
    pub fn new(interval: Duration, give_up: Duration) -> Self {
        Self {
            interval,
            give_up,
            rounds: 0,
            up: 0,
            at_times: 0,
            undetermined: 0,
            connections: 0,
            broke: 0,
            jumps: 0,
            longest_down: Duration::ZERO,
            now: None,
            last_up: None,
            times: StageTimes::default(),
            recent: VecDeque::with_capacity(RECENT),
            changes: VecDeque::new(),
        }
    }

    /// Adds a round. Returns it, and what changed.
    pub fn add(&mut self, diagnosis: &Diagnosis, time: RoundTime) -> (WatchRound, Option<WatchChange>) {
        let RoundTime { since, wall, .. } = time;
        self.rounds += 1;
        self.connections += diagnosis.connections as u64;
        let state = WatchState::of(diagnosis);
        self.up += u64::from(state.up);
        self.at_times += u64::from(state.at_times);
        self.undetermined += u64::from(state.verdict == Verdict::Undetermined);
        let jumped = self.now.as_ref().and_then(|now| jump(now, since, wall));
        self.jumps += u64::from(jumped.is_some());
        let stages = of_stages(diagnosis);
        let seconds = (!stages.is_empty()).then(|| stages.values().sum());
        if let Some(seconds) = seconds.filter(|_| state.up) {
            self.times.add(seconds, &stages);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(seconds.filter(|_| state.up).unwrap_or(f64::NAN));
        let change = self.change(diagnosis, &state, time);
        let round = WatchRound {
            schema: SCHEMA.to_owned(),
            round: self.rounds,
            at: rfc3339(wall),
            since: in_seconds(since),
            reached: diagnosis.reached,
            state,
            seconds,
            stages,
            jumped,
        };
        (round, change)
    }

    /// Compares the state with the one before, and keeps it as the newest.
    fn change(&mut self, diagnosis: &Diagnosis, state: &WatchState, time: RoundTime) -> Option<WatchChange> {
        let RoundTime { since, until, wall } = time;
        let side = Side::of(diagnosis);
        let before = self.now.take();
        let change = before.as_ref().and_then(|before| {
            if before.state == *state {
                return self.slower(before, state, &side, time);
            }
            Some(self.told(before, state, &side, time))
        });
        let was = before.as_ref().and_then(|before| before.down);
        let begins = || Down { after: before.as_ref().map_or(since, |before| before.last), since };
        let down = (!state.up && !state.at_times).then(|| was.unwrap_or_else(begins));
        if let Some(down) = down.or(was) {
            self.longest_down = self.longest_down.max(until.saturating_sub(down.after));
        }
        if state.up {
            self.last_up = Some(side);
        }
        let began = before.filter(|before| before.state == *state).map_or(since, |before| before.since);
        self.now = Some(Now { state: state.clone(), since: began, down, last: since, wall });
        if let Some(change) = &change {
            self.broke += u64::from(change.event == WatchEvent::Broke);
            if self.changes.len() == CHANGES {
                self.changes.pop_front();
            }
            self.changes.push_back(change.clone());
        }
        change
    }

    fn told(&self, before: &Now, state: &WatchState, side: &Side, time: RoundTime) -> WatchChange {
        let event = match (before.state.up, state.up) {
            (true, false) => WatchEvent::Broke,
            (false, true) => WatchEvent::Back,
            _ => WatchEvent::Changed,
        };
        WatchChange {
            schema: SCHEMA.to_owned(),
            round: self.rounds,
            at: rfc3339(time.wall),
            after: in_seconds(before.last),
            before: in_seconds(time.until),
            event,
            from: before.state.clone(),
            to: state.clone(),
            lasted: in_seconds(time.since.saturating_sub(before.since)),
            compared: self.last_up.is_some(),
            differences: self.last_up.as_ref().map_or_else(Vec::new, |good| compare(good, side).differences),
        }
    }

    /// Tells of a round that went well and took far longer than the one before.
    fn slower(&self, before: &Now, state: &WatchState, side: &Side, time: RoundTime) -> Option<WatchChange> {
        let differences: Vec<_> = slower(self.last_up.as_ref().filter(|_| state.up)?, side, SLOW).collect();
        let told = self.told(before, state, side, time);
        (!differences.is_empty()).then_some(WatchChange { event: WatchEvent::Slow, differences, ..told })
    }

    /// True if it has been down for so long that it is broken for good.
    pub fn broken_for_good(&self) -> bool {
        let down = |now: &Now| now.down.is_some_and(|down| now.last.saturating_sub(down.since) >= self.give_up);
        self.now.as_ref().is_some_and(down)
    }

    /// Returns the times of the newest rounds in seconds, old to new; no number for one that was not up.
    pub fn recent(&self) -> impl Iterator<Item = Option<f64>> {
        self.recent.iter().map(|seconds| Some(*seconds).filter(|seconds| !seconds.is_nan()))
    }

    /// Returns the times of all rounds in which it was up.
    pub fn times(&self) -> &StageTimes {
        &self.times
    }

    /// Returns how often it broke.
    pub fn broke(&self) -> u64 {
        self.broke
    }

    /// Sums it up after so long a time.
    pub fn summary(&self, whole: Duration, ended: WatchEnd) -> WatchSummary {
        WatchSummary {
            schema: SCHEMA.to_owned(),
            rounds: self.rounds,
            up: self.up,
            at_times: self.at_times,
            undetermined: self.undetermined,
            seconds: in_seconds(whole),
            interval: in_seconds(self.interval),
            connections: self.connections,
            ended,
            broke: self.broke,
            longest_down: in_seconds(self.longest_down),
            state: self.now.as_ref().map(|now| now.state.clone()),
            times: self.times.clone(),
            changes: self.changes.iter().cloned().collect(),
            jumps: self.jumps,
        }
    }
}

/// Converts to seconds with three decimals.
fn in_seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Returns the seconds that the wall clock has gone more (or less) than time since the round before, if it jumped.
fn jump(now: &Now, since: Duration, wall: OffsetDateTime) -> Option<f64> {
    let by = (wall - now.wall).as_seconds_f64() - since.saturating_sub(now.last).as_secs_f64();
    (by.abs() >= JUMP.as_secs_f64()).then_some((by * 1000.0).round() / 1000.0)
}

impl WatchState {
    fn of(diagnosis: &Diagnosis) -> Self {
        let faults = diagnosis.findings.iter().filter(|found| found.severity < Severity::Advisory);
        let mut causes: Vec<String> = faults.clone().map(|found| found.cause.clone()).collect();
        let mut seen = std::collections::BTreeSet::new();
        causes.retain(|cause| seen.insert(cause.clone()));
        let blocked = faults.clone().any(|found| found.severity == Severity::Blocking);
        let wrong = diagnosis.verdict == Verdict::Faulty;
        let at_times = wrong && !blocked && causes.iter().any(|cause| AT_TIMES.contains(&cause.as_str()));
        let up = diagnosis.verdict == Verdict::Healthy || wrong && !blocked && !at_times;
        Self { up, at_times, verdict: diagnosis.verdict, failed: if up { None } else { failed(diagnosis) }, causes }
    }
}

/// Returns the stage at which the address that got furthest fails.
fn failed(diagnosis: &Diagnosis) -> Option<Stage> {
    let failed = diagnosis.stages.iter().filter(|stage| stage.outcome == Outcome::Failed);
    failed.filter(|stage| !diagnosis.is_gateway(stage.subject)).map(|stage| stage.stage).max()
}

/// Returns the seconds of the stages at the address that got furthest, the first of several.
fn of_stages(diagnosis: &Diagnosis) -> BTreeMap<String, f64> {
    let passed = |outcome| matches!(outcome, Outcome::Passed | Outcome::Degraded);
    let good = diagnosis.stages.iter().filter(|stage| passed(stage.outcome) && stage.stage <= Stage::Sequence);
    let mut count: BTreeMap<usize, usize> = BTreeMap::new();
    for stage in good.clone().filter(|stage| stage.stage > Stage::Name) {
        *count.entry(stage.subject).or_default() += 1;
    }
    let most = count.values().max().copied();
    let best = count.iter().find(|(_, passed)| Some(**passed) == most).map(|(subject, _)| *subject);
    let of_best = good.filter(|stage| stage.stage == Stage::Name || Some(stage.subject) == best);
    of_best.filter_map(|stage| Some((stage.stage.word().to_owned(), stage.seconds?))).collect()
}
