use evidence::fact::{Fact, Handshake};
use time::Duration as Span;
use wire::machine::{ConnectFailure, End, TcpAnswer};
use wire::tls::{TlsOffer, TlsVersion};
use wire::x224::SecurityProtocols;

use super::*;
use crate::case::EVERYTHING;
use crate::sketch::host;

const BEGAN: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn up() -> Diagnosis {
    let host = host("192.0.2.1").accepted().selects(EVERYTHING, SecurityProtocols::SSL).tls_up(TlsVersion::Tls13);
    host.with(Fact::CertificateSha256("ab".repeat(32))).certificate(-10, 300).diagnose()
}

fn refused() -> Diagnosis {
    host("192.0.2.1").with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused))).diagnose()
}

fn silent() -> Diagnosis {
    let silent = || Fact::TcpAnswer(TcpAnswer::Silent);
    host("192.0.2.1").on_connection(1, silent()).on_connection(2, silent()).diagnose()
}

/// Round that begins at this second on a clock that agrees with the wall's, and takes no time.
fn at(second: u64) -> RoundTime {
    let since = Duration::from_secs(second);
    RoundTime { since, until: since, wall: BEGAN + since }
}

/// Adds rounds a second apart, on two clocks that agree.
fn watched(rounds: &[Diagnosis]) -> (Watch, Vec<WatchChange>) {
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_mins(10));
    let mut changes = Vec::new();
    for (second, round) in (0..).zip(rounds) {
        let (_, change) = watch.add(round, at(second));
        changes.extend(change);
    }
    (watch, changes)
}

/// A round may wait for an answer for seconds: what it shows happened before its end, not before its beginning.
#[test]
fn bounds_hold_where_a_round_waited() {
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_mins(10));
    let long = |second: u64, takes: u64| RoundTime { until: Duration::from_secs(second + takes), ..at(second) };
    watch.add(&up(), long(0, 0));
    let (_, broke) = watch.add(&refused(), long(1, 6));
    let (_, back) = watch.add(&up(), long(8, 3));
    let (broke, back) = (broke.unwrap(), back.unwrap());
    assert_eq!((broke.after, broke.before, back.after, back.before), (0.0, 7.0, 1.0, 11.0));
    let summary = watch.summary(Duration::from_secs(12), WatchEnd::Stopped);
    assert_eq!((summary.broke, summary.longest_down), (1, 11.0));
}

#[test]
fn a_break_is_told_to_within_an_interval_with_its_stage_and_what_came_back() {
    assert_eq!(up().verdict, Verdict::Healthy, "{:?}", up().findings);
    let mut renewed = up();
    for seen in renewed.observations.iter_mut().filter(|seen| seen.fact == "certificate.sha256") {
        seen.value = "cd".repeat(32).into();
    }
    let (watch, changes) = watched(&[up(), up(), refused(), refused(), renewed]);
    let [broke, back] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(broke.compared && back.compared);
    assert_eq!((broke.event, broke.after, broke.before, broke.lasted), (WatchEvent::Broke, 1.0, 2.0, 2.0));
    assert_eq!(
        (broke.to.failed, broke.to.causes.as_slice()),
        (Some(Stage::Tcp), ["port-closed".to_owned()].as_slice())
    );
    assert_eq!((broke.at.as_str(), broke.differences[0].aspect.as_str()), ("1970-01-01T00:00:02Z", "tcp-answer"));
    assert_eq!((back.event, back.lasted, back.differences.len()), (WatchEvent::Back, 2.0, 1));
    assert_eq!(back.differences[0].aspect, "certificate");
    let summary = watch.summary(Duration::from_secs(5), WatchEnd::Stopped);
    assert_eq!((summary.rounds, summary.up, summary.broke, summary.longest_down), (5, 3, 1, 3.0));
    assert_eq!((summary.status(), summary.changes.len()), (1, 2));
}

#[test]
fn a_host_that_was_never_seen_up_is_not_said_to_be_as_before() {
    let (_, changes) = watched(&[refused(), up()]);
    let [back] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(back.event == WatchEvent::Back && !back.compared && back.differences.is_empty(), "{back:?}");
}

#[test]
fn another_fault_is_a_change_and_no_second_break() {
    let (watch, changes) = watched(&[up(), refused(), silent(), up()]);
    let events: Vec<_> = changes.iter().map(|change| change.event).collect();
    assert_eq!(events, [WatchEvent::Broke, WatchEvent::Changed, WatchEvent::Back]);
    assert_eq!((changes[2].lasted, watch.longest_down), (1.0, Duration::from_secs(3)));
}

#[test]
fn a_clock_that_jumps_changes_no_interval() {
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_mins(10));
    let at = |watch: &mut Watch, since, wall| {
        watch.add(&up(), RoundTime { wall: BEGAN + Span::seconds(wall), ..at(since) }).0
    };
    assert_eq!(at(&mut watch, 0, 0).jumped, None);
    assert_eq!(at(&mut watch, 1, 3601).jumped, Some(3600.0), "asleep, or set ahead");
    let back = at(&mut watch, 2, 2);
    assert_eq!((back.jumped, back.since, back.at.as_str()), (Some(-3600.0), 2.0, "1970-01-01T00:00:02Z"));
    assert_eq!(at(&mut watch, 3, 4).jumped, None, "a second more or less is none");
    let summary = watch.summary(Duration::from_secs(4), WatchEnd::Time);
    assert_eq!((summary.jumps, summary.broke, summary.status()), (2, 0, 0));
}

#[test]
fn it_is_broken_for_good_after_a_time_without_a_break() {
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_secs(3));
    let mut add = |round: &Diagnosis, second| {
        watch.add(round, at(second));
        watch.broken_for_good()
    };
    let ended = [add(&refused(), 0), add(&refused(), 2), add(&up(), 3), add(&refused(), 4), add(&silent(), 6)];
    assert_eq!(ended, [false; 5]);
    assert!(add(&silent(), 7), "three seconds, whatever the reasons");
}

#[test]
fn a_host_that_fails_at_times_is_neither_up_nor_given_up() {
    let taken = || Handshake::Accepted { version: Some(TlsVersion::Tls13), suite: 0x1302, finished: true };
    let reset = || Handshake::Closed { end: End::Rst, bytes: 0 };
    let falters = host("192.0.2.1").accepted().selects(EVERYTHING, SecurityProtocols::SSL).certificate(-10, 300);
    let answers = [taken(), reset(), taken(), taken(), reset(), taken()];
    let falters = answers.into_iter().fold(falters, |host, answer| host.tls(TlsOffer::MODERN, answer)).diagnose();
    assert!(falters.findings.iter().any(|found| AT_TIMES.contains(&found.cause.as_str())), "{:?}", falters.findings);
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_secs(1));
    let mut events = Vec::new();
    for (second, round) in (0..).zip([&up(), &falters, &falters, &falters, &up()]) {
        let (_, change) = watch.add(round, at(second));
        assert!(!watch.broken_for_good());
        events.extend(change.map(|change| change.event));
    }
    assert_eq!(events, [WatchEvent::Broke, WatchEvent::Back]);
    let summary = watch.summary(Duration::from_secs(5), WatchEnd::Time);
    assert_eq!((summary.up, summary.at_times, summary.down(), summary.status()), (2, 3, 0, 1));
    assert!(AT_TIMES.iter().all(|cause| crate::causes::find(cause).is_some()));
}

#[test]
fn what_could_not_be_told_is_neither_up_nor_a_fault() {
    let own = host("192.0.2.1").with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Other("no".to_owned()))));
    let (watch, _) = watched(&[own.diagnose()]);
    assert_eq!(watch.summary(Duration::ZERO, WatchEnd::Stopped).status(), 2);
    assert_eq!(Watch::new(Duration::ZERO, Duration::ZERO).summary(Duration::ZERO, WatchEnd::Stopped).status(), 2);
}

/// Ten thousand rounds, every tenth of them down, need no more memory than a thousand.
#[test]
fn memory_is_flat() {
    let (up, refused) = (up(), refused());
    let mut watch = Watch::new(Duration::from_secs(1), Duration::from_mins(10));
    let rounds = |watch: &mut Watch, numbers: std::ops::Range<u64>| {
        for number in numbers {
            let round = if number % 10 == 0 { &refused } else { &up };
            watch.add(round, at(number));
        }
    };
    rounds(&mut watch, 0..1_000);
    let grown = allocation_counter::measure(|| rounds(&mut watch, 1_000..10_000));
    assert!(grown.count_total > 9_000, "the counter counts");
    assert!(grown.bytes_current.abs() < 16 * 1024, "{} bytes more", grown.bytes_current);
    let summary = watch.summary(Duration::from_secs(10_000), WatchEnd::Time);
    assert_eq!((summary.rounds, summary.broke, summary.changes.len()), (10_000, 999, CHANGES));
}

/// A host that was cut off for less time than a client tries is up, and what that took is told once.
#[test]
fn a_round_that_took_far_longer_is_told() {
    let after = |millis| {
        let mut round = up();
        for stage in round.stages.iter_mut().filter(|stage| stage.stage == Stage::Tcp) {
            stage.seconds = Some(millis / 1000.0);
        }
        round
    };
    let (watch, changes) = watched(&[after(1.0), after(2030.0), after(2040.0), after(1.0), after(800.0)]);
    let [slow] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((slow.event, slow.after, slow.before, slow.to.up), (WatchEvent::Slow, 0.0, 1.0, true));
    assert_eq!((slow.differences[0].stage, slow.differences[0].broken.as_str()), (Stage::Tcp, "answers after 2.0 s"));
    let summary = watch.summary(Duration::from_secs(5), WatchEnd::Stopped);
    assert_eq!((summary.up, summary.broke, summary.changes.len(), summary.status()), (5, 0, 1, 0));
}
