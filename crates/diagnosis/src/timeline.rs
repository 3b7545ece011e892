//! One timeline of event logs, captures and a probe: connection attempts as either end saw them, and single entries.

mod captured;
mod entries;

use std::collections::BTreeSet;

use evidence::fact::{Fact, Handshake};
use evidence::moment::{moment, rfc3339};
use evidence::{Evidence, Role, Source, SubjectId};
use schemars::JsonSchema;
use serde::Serialize;
use time::{Duration, OffsetDateTime};
use wire::machine::{TcpAnswer, X224Answer};
use wire::tls::TlsStack;
use wire::x224::ServerAnswer;

use self::entries::{entry, not_kept, short, words};
use crate::attempts::{self, Progress};
use crate::case::{Case, Context, NEAR};
use crate::stage::tls::refused_with;

/// Most lines of each kind: the newest.
const LINES: usize = 500;
/// Most observations that a line cites.
const CITED: usize = 50;

/// Kind of line in the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Happening {
    /// A connection attempt, joined from the entries of logs.
    Attempt,
    /// An entry of a log about no single attempt, or several alike in a row.
    Entry,
    /// A connection of the probe.
    Probe,
    /// A connection that was captured.
    Connection,
}

/// Line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimelineEntry {
    /// Beginning, RFC 3339, UTC.
    pub at: String,
    /// End, RFC 3339, UTC.
    pub until: String,
    /// Machine that it is about.
    pub subject: SubjectId,
    /// Kind of line.
    pub kind: Happening,
    /// For an attempt or a captured connection: the sender; for a client's own, the destination.
    pub peer: Option<String>,
    /// For an attempt: how far it got.
    pub reached: Option<Progress>,
    /// Description.
    pub text: String,
    /// True if it belongs to connections that work, or end normally.
    pub normal: bool,
    /// Number of equal ones in a row.
    pub count: usize,
    /// Observations behind it, at most 50.
    pub observations: Vec<usize>,
}

/// Builds the timeline; empty where the ladder tells all: of a probe alone, or of a single captured connection.
pub fn timeline(evidence: &Evidence, context: &Context) -> Vec<TimelineEntry> {
    let (mut lines, mut captured, mut probed) = (Vec::new(), Vec::new(), Vec::new());
    for subject in 0..evidence.subjects.len() {
        of_logs(Case { evidence, subject, context }, &mut lines);
    }
    captured::connections(evidence, &mut captured);
    of_probes(evidence, &mut probed);
    let several = captured.len() > 1 || !captured.is_empty() && !probed.is_empty();
    if lines.is_empty() && !several {
        return Vec::new();
    }
    say_whose(evidence, &mut lines);
    lines.extend(captured.into_iter().chain(probed));
    lines.sort_by_key(|(at, _)| *at);
    let mut kept: Vec<TimelineEntry> = Vec::new();
    for (_, line) in lines.into_iter().rev() {
        if kept.iter().filter(|other| other.kind == line.kind).count() < LINES {
            kept.push(line);
        }
    }
    kept.reverse();
    kept
}

type Lines = Vec<(OffsetDateTime, TimelineEntry)>;

/// Says in each line of a log which machine it is about, where the logs are of several; and which way a connection
/// went, where some come in and others go out.
fn say_whose(evidence: &Evidence, lines: &mut Lines) {
    let role = |line: &TimelineEntry| evidence.subjects[line.subject].role;
    let subjects: BTreeSet<SubjectId> = lines.iter().map(|(_, line)| line.subject).collect();
    let names: BTreeSet<_> = subjects.iter().map(|id| evidence.subjects[*id].name.as_deref()).collect();
    let mixed = [Role::Host, Role::Client].iter().all(|way| lines.iter().any(|(_, line)| role(line) == *way));
    for (_, line) in lines {
        let attempt = line.kind == Happening::Attempt;
        let way = match role(line) {
            _ if !mixed || !attempt => "",
            Role::Client => "outgoing, ",
            _ if line.peer.is_none() => "",
            _ => "incoming, ",
        };
        let name = evidence.subjects[line.subject].name.as_deref().filter(|_| names.len() > 1);
        let name = name.map_or(String::new(), |name| format!("[{}] ", short(name)));
        line.text = format!("{name}{way}{}", line.text);
    }
}

fn of_logs(case: Case<'_>, lines: &mut Lines) {
    let entries = case.seen(|fact| if let Fact::LogEvent(event) = fact { Some(event) } else { None });
    let (attempts, alone) = attempts::join(entries);
    for attempt in attempts {
        let text = attempt.words();
        let line = TimelineEntry {
            at: rfc3339(attempt.at),
            until: rfc3339(attempt.until),
            subject: case.subject,
            kind: Happening::Attempt,
            normal: attempt.normal(),
            reached: Some(attempt.reached),
            peer: attempt.peer,
            text,
            count: 1,
            observations: attempt.observations.into_iter().take(CITED).collect(),
        };
        lines.push((attempt.at, line));
    }
    let mut last: Option<(OffsetDateTime, TimelineEntry)> = None;
    for seen in alone {
        let Some(text) = words(seen.value) else { continue };
        if let Some((_, line)) = last.as_mut().filter(|(_, line)| line.text == text) {
            line.count += 1;
            line.until = rfc3339(case.time_of(seen.id));
            if line.observations.len() < CITED {
                line.observations.push(seen.id);
            }
        } else {
            lines.extend(last.replace((case.time_of(seen.id), entry(case, &seen, text))));
        }
    }
    lines.extend(last);
    lines.extend(case.seen(|fact| if let Fact::EntryCount(count) = fact { Some(count) } else { None }).filter_map(
        |count| {
            let line = not_kept(case, &count)?;
            Some((moment(&line.at)?, line))
        },
    ));
}

fn of_probes(evidence: &Evidence, lines: &mut Lines) {
    let probes: BTreeSet<usize> = evidence
        .observations
        .iter()
        .filter_map(|seen| if let Source::Probe(number) = seen.source { Some(number) } else { None })
        .collect();
    for number in probes {
        let of = || evidence.observations.iter().filter(|seen| seen.source == Source::Probe(number));
        let about = of().find(|seen| evidence.subjects[seen.subject].role == Role::Host);
        let Some((first, last)) = about.zip(of().next_back()) else { continue };
        let steps: Vec<String> = of().filter_map(|seen| step(&seen.fact)).collect();
        let failed = of().any(|seen| failed(&seen.fact));
        let line = TimelineEntry {
            at: rfc3339(first.at),
            until: rfc3339(last.at),
            subject: first.subject,
            kind: Happening::Probe,
            peer: evidence.subjects[first.subject].address.map(|address| address.to_string()),
            reached: None,
            text: format!("probe {number}: {}", steps.join("; ")),
            normal: !failed,
            count: 1,
            observations: of().map(|seen| seen.id).take(CITED).collect(),
        };
        lines.push((first.at, line));
    }
}

/// Summarises a step of a probe.
fn step(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::TcpAnswer(TcpAnswer::Accepted) => "accepted".to_owned(),
        Fact::TcpAnswer(_) => "no connection".to_owned(),
        Fact::X224Answer { answer: X224Answer::Server(ServerAnswer::Selected { protocol, .. }), .. } => {
            format!("{protocol} selected")
        }
        Fact::X224Answer { answer: X224Answer::Server(ServerAnswer::Failure(code)), .. } => format!("refused, {code}"),
        Fact::X224Answer { .. } => "no usable answer to the Connection Request".to_owned(),
        Fact::TlsAnswer { offer, answer, .. } => {
            // a captured client's offer is its own, always the same
            let offer = if offer.stack == TlsStack::Watched { String::new() } else { format!(" ({offer})") };
            match answer {
                Handshake::Accepted { .. } => format!("TLS accepted{offer}"),
                Handshake::Alert(alert) => format!("TLS {}{offer}", refused_with(*alert)),
                Handshake::Closed { end, .. } => format!("{} in the TLS handshake{offer}", end.verb()),
                _ => format!("TLS not answered{offer}"),
            }
        }
        _ => return None,
    })
}

fn failed(fact: &Fact) -> bool {
    match fact {
        Fact::TcpAnswer(answer) => *answer != TcpAnswer::Accepted,
        Fact::TlsAnswer { answer, .. } => !matches!(answer, Handshake::Accepted { .. }),
        _ => false,
    }
}

/// Returns at most this many lines to show, old to new: equal ones in a row become one, and of the others the first by
/// rank are shown. If there are more, equal ones near each other become one as well, whatever lies in between. Also
/// returns the number of lines left out.
pub fn shown(lines: &[TimelineEntry], at: OffsetDateTime, most: usize) -> (Vec<TimelineEntry>, usize) {
    let mut grouped = grouped(lines, false);
    if grouped.len() > most {
        grouped = self::grouped(lines, true);
    }
    let (mut kinds, mut probes) = (BTreeSet::new(), 0);
    let ranked = (0..grouped.len()).rev().map(|number| (rank(&grouped[number], at, &mut kinds, &mut probes), number));
    let mut order: Vec<_> = ranked.collect();
    order.sort();
    let mut chosen: Vec<usize> = order.into_iter().take(most).map(|(_, number)| number).collect();
    chosen.sort_unstable();
    let left_out = grouped.len() - chosen.len();
    (chosen.into_iter().map(|number| grouped[number].clone()).collect(), left_out)
}

/// Merges equal lines: those in a row, and with `closely` those that follow each other soon.
fn grouped(lines: &[TimelineEntry], closely: bool) -> Vec<TimelineEntry> {
    let mut groups: Vec<(TimelineEntry, BTreeSet<String>)> = Vec::new();
    for line in lines {
        let place = line.peer.as_deref().map(place);
        let same = |(last, _): &&mut (TimelineEntry, BTreeSet<String>)| alike(last, line);
        let group = if closely {
            groups.iter_mut().rev().filter(same).find(|(last, _)| follows(last, line))
        } else {
            groups.last_mut().filter(same)
        };
        if let Some((last, places)) = group {
            last.count += line.count;
            last.until.clone_from(&line.until);
            places.extend(place);
            last.peer = match places.len() {
                0 => None,
                1 => places.first().cloned(),
                several => Some(format!("{several} addresses")),
            };
        } else {
            groups.push((line.clone(), place.into_iter().collect()));
        }
    }
    groups.into_iter().map(|(line, _)| line).collect()
}

fn alike(one: &TimelineEntry, other: &TimelineEntry) -> bool {
    one.text == other.text && one.subject == other.subject && one.kind == other.kind && one.kind != Happening::Probe
}

/// True if `line` comes soon after the group.
fn follows(group: &TimelineEntry, line: &TimelineEntry) -> bool {
    let times = moment(&group.until).zip(moment(&line.at));
    times.is_some_and(|(until, at)| at - until <= NEAR)
}

/// Returns an address without its port, because a client takes another port each time.
fn place(peer: &str) -> String {
    let (address, _) = attempts::split(peer);
    address.parse::<std::net::IpAddr>().map_or(peer.to_owned(), |address| address.to_string())
}

/// Ranks a line: first the newest entry of each of a few kinds, then trouble near the attempt, then the rest near it,
/// then what is far from it. Lines come from new to old; `kinds` remembers which were there, and `probes` how many of
/// this program's own connections, of which a few are trouble enough.
fn rank<'a>(
    line: &'a TimelineEntry,
    at: OffsetDateTime,
    kinds: &mut BTreeSet<&'a str>,
    probes: &mut usize,
) -> (u8, Duration) {
    const KINDS: usize = 5;
    const PROBES: usize = 4;
    *probes += usize::from(line.kind == Happening::Probe);
    let one_more = line.kind == Happening::Probe && *probes > PROBES;
    let far = moment(&line.until).map_or(Duration::MAX, |until| (until - at).abs());
    let newest = line.kind == Happening::Entry && kinds.insert(line.text.split(':').next().unwrap_or_default());
    let rank = match (line.normal, far <= NEAR) {
        _ if newest && kinds.len() <= KINDS => 0,
        (false, true) if !one_more => 1,
        (_, true) => 2,
        _ => 3,
    };
    (rank, far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

    /// Attempt from this address, this many seconds after nine.
    fn attempt(seconds: i64, peer: &str, text: &str) -> TimelineEntry {
        let at = rfc3339(AT + Duration::seconds(seconds));
        TimelineEntry {
            until: at.clone(),
            at,
            subject: 0,
            kind: Happening::Attempt,
            peer: Some(peer.to_owned()),
            reached: None,
            text: text.to_owned(),
            normal: false,
            count: 1,
            observations: vec![1],
        }
    }

    /// Two kinds of attempts in turn, from three addresses and a new port each.
    fn in_turn() -> Vec<TimelineEntry> {
        let text = |number| if number % 2 == 0 { "arrived" } else { "came to the logon" };
        (0..40)
            .map(|number| attempt(number * 10, &format!("192.0.2.{}:{}", number % 3, 50_000 + number), text(number)))
            .collect()
    }

    #[test]
    fn what_takes_turns_is_told_once_where_there_is_much() {
        let (lines, left_out) = shown(&in_turn(), AT, 12);
        let told: Vec<_> = lines.iter().map(|line| (line.text.as_str(), line.count, line.peer.as_deref())).collect();
        let peer = Some("3 addresses");
        assert_eq!(told, [("arrived", 20, peer), ("came to the logon", 20, peer)]);
        assert_eq!((left_out, lines[0].until.as_str()), (0, "2026-11-21T09:06:20Z"));
    }

    #[test]
    fn a_little_keeps_its_order() {
        let lines = &in_turn()[..6];
        assert_eq!(shown(lines, AT, 12).0, lines);
    }

    #[test]
    fn what_lies_far_apart_is_told_apart() {
        let mut lines = in_turn();
        lines.push(attempt(3600, "192.0.2.1:1", "arrived"));
        let counts: Vec<_> = shown(&lines, AT, 12).0.iter().map(|line| line.count).collect();
        assert_eq!(counts, [20, 20, 1]);
    }
}
