//! The path: what the operating system counted of a connection, and what came of one that was made for its sake.

use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use wire::figures::TcpFigures;
use wire::hops::{HopAnswer, HopTry};
use wire::machine::{Event, Outcome, TcpAnswer, TlsAnswer, X224Answer};
use wire::transcript::{ConnectionRecord, DatagramRecord, Entry, HopsRecord};

use crate::evidence::{Evidence, Source};
use crate::fact::Fact;
use crate::observe::seen::{Seen, later};
use crate::path::{Burst, Came, HelloFate, HelloTry, Pace, PathTry};

/// Name of the answer to a SYN over UDP in the report.
pub(crate) const DATAGRAM: &str = "udp.answer";
/// Name of the fact in the report.
pub(crate) const CONNECTION: &str = "path.connection";
/// Name of the answers to SYNs that may pass only so many routers.
pub(crate) const HOPS: &str = "path.hops";
/// Name of what came of a hello that may.
pub(crate) const HELLO: &str = "path.hello";

/// Reads what the path showed; `None` where the system counted nothing and nothing was measured.
pub(super) fn read(record: &ConnectionRecord, outcome: &Outcome) -> Option<PathTry> {
    let (plan, figures) = (record.plan.path, record.figures().copied());
    let told = plan.measures() || figures.is_some();
    told.then(|| PathTry { plan, figures, came: came(outcome), burst: burst(record) })
}

/// Adds what came of a SYN over UDP.
pub(crate) fn observe_datagram(
    record: &DatagramRecord,
    at: OffsetDateTime,
    name: Option<&str>,
    evidence: &mut Evidence,
) {
    let host = evidence.asked_at(record.address, name.map(str::to_owned));
    let at = later(later(at, record.start), record.took);
    evidence.observe(host, Source::Datagram, at, Some(record.took), Fact::UdpAnswer(record.answer));
}

/// Adds what came of SYNs that may pass only so many routers. One that was accepted is a connection like any other.
pub fn observe_hops(record: &HopsRecord, at: OffsetDateTime, name: Option<&str>, evidence: &mut Evidence) {
    let host = evidence.asked_at(record.address, name.map(str::to_owned));
    evidence.connections += record.accepted();
    let at = later(later(at, record.start), record.took);
    evidence.observe(host, Source::Hops, at, Some(record.took), Fact::Hops(record.tries.clone()));
}

/// Reads what came of the hello, if it was to pass only so many routers and was sent.
fn hello(record: &ConnectionRecord, outcome: &Outcome) -> Option<HelloTry> {
    let hops = record.plan.path.hops;
    let answer = &outcome.tls.as_ref().filter(|_| hops > 0)?.value;
    let expired = record.entries.iter().any(|(_, entry)| *entry == Entry::Expired);
    let fate = match answer {
        TlsAnswer::OwnFailure(_) => return None,
        TlsAnswer::Silent { bytes: 0 } if expired => HelloFate::Expired,
        TlsAnswer::Silent { bytes: 0 } => HelloFate::Silent,
        TlsAnswer::Closed { end, bytes: 0 } => HelloFate::Ended(*end),
        _ => HelloFate::Answered,
    };
    Some(HelloTry { hops, fate })
}

/// Adds what the path showed.
pub(super) fn observe(record: &ConnectionRecord, outcome: &Outcome, path: Option<PathTry>, seen: &mut Seen<'_>) {
    let at = record.entries.last().map_or(Duration::ZERO, |(at, _)| *at);
    let facts = [path.map(Fact::Path), hello(record, outcome).map(Fact::HelloByHops)];
    for fact in facts.into_iter().flatten() {
        seen.add(seen.moment(at), None, fact);
    }
}

fn came(outcome: &Outcome) -> Came {
    let tls = outcome.tls.as_ref().is_some_and(|seen| match seen.value {
        TlsAnswer::Silent { .. } | TlsAnswer::Closed { .. } | TlsAnswer::OwnFailure(_) => false,
        TlsAnswer::Accepted { .. }
        | TlsAnswer::WrongKey
        | TlsAnswer::Alert(_)
        | TlsAnswer::NotTls(_)
        | TlsAnswer::Malformed(_) => true,
    });
    let x224 = outcome.x224.as_ref().is_some_and(|seen| matches!(seen.value, X224Answer::Server(_)));
    let tcp = outcome.tcp.as_ref().is_some_and(|seen| seen.value == TcpAnswer::Accepted);
    match (tls, x224, tcp) {
        (true, ..) => Came::Tls,
        (_, true, _) => Came::X224,
        (.., true) => Came::Tcp,
        _ => Came::Nothing,
    }
}

/// Length of the record by which a client of TLS 1.3 says for old boxes what means nothing (RFC 8446 appendix D.4): the
/// host waits for none.
const CHANGE_CIPHER_SPEC: usize = 6;

/// Finds the largest burst. What comes out of a tunnel came into it just before, and is not counted again.
fn burst(record: &ConnectionRecord) -> Option<Burst> {
    let tunnelled = record.entries.iter().any(|(_, entry)| matches!(entry, Entry::TunnelReceived(_)));
    let mut bursts: Vec<Vec<(Duration, u64)>> = vec![Vec::new()];
    for (at, entry) in &record.entries {
        match entry {
            Entry::TunnelSent(bytes) if bytes.len() <= CHANGE_CIPHER_SPEC => {}
            Entry::Sent(_) | Entry::TunnelSent(_) => bursts.push(Vec::new()),
            Entry::TunnelReceived(bytes) => part(&mut bursts, *at, bytes),
            Entry::Event(Event::Bytes(bytes)) if !tunnelled => part(&mut bursts, *at, bytes),
            Entry::Event(_) | Entry::Figures(_) | Entry::Expired => {}
        }
    }
    let bursts = bursts.iter().map(|parts| Burst::of(parts)).filter(|burst| burst.whole.bytes > 0);
    bursts.max_by_key(|burst| burst.whole.bytes)
}

fn part(bursts: &mut [Vec<(Duration, u64)>], at: Duration, bytes: &[u8]) {
    if let Some(parts) = bursts.last_mut() {
        parts.push((at, u64::try_from(bytes.len()).unwrap_or(u64::MAX >> 16)));
    }
}

/// Converts it for the report.
pub(crate) fn value(path: &PathTry) -> Value {
    let figures: Map<String, Value> = path
        .figures
        .iter()
        .flat_map(TcpFigures::words)
        .map(|(name, value)| (name.replace('-', "_"), value.into()))
        .collect();
    let burst = path.burst.map(|burst| json!({"whole": pace(burst.whole), "rest": pace(burst.rest)}));
    json!({
        "came": path.came.word(),
        "segment": path.plan.segment,
        "request_in_pieces": path.plan.pieces,
        "hello": path.plan.hello,
        "hops": path.plan.hops,
        "figures": if path.figures.is_some() { Value::Object(figures) } else { Value::Null },
        "burst": burst,
    })
}

/// Converts the answers to SYNs for the report, in the order in which they were sent.
pub(crate) fn hops_value(tries: &[HopTry]) -> Value {
    let value = |seen: &HopTry| {
        let icmp = match seen.answer {
            HopAnswer::Unreachable { kind, code, .. } => json!([kind, code]),
            _ => Value::Null,
        };
        let from = seen.answer.sender().map(|from| from.to_string());
        json!({"hops": seen.hops, "answer": seen.answer.word(), "from": from, "icmp": icmp})
    };
    tries.iter().map(value).collect()
}

fn pace(pace: Pace) -> Value {
    json!({"bytes": pace.bytes, "seconds": pace.time.as_secs_f64(), "kilobits_per_second": pace.rate()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(entries: Vec<(u64, Entry)>) -> ConnectionRecord {
        let entries = entries.into_iter().map(|(at, entry)| (Duration::from_millis(at), entry)).collect();
        let plan = wire::machine::ConversationPlan::default();
        let address = std::net::SocketAddr::from(([192, 0, 2, 7], 3389));
        ConnectionRecord { address, start: Duration::ZERO, survey: false, plan, entries }
    }

    #[test]
    fn a_burst_is_what_came_without_a_word_of_ours() {
        let came = |bytes: usize| Entry::TunnelReceived(vec![0; bytes]);
        let answers = vec![(0, came(100)), (9, came(50)), (10, Entry::TunnelSent(vec![1; 7])), (60, came(500))];
        let more = vec![(80, came(500)), (81, Entry::Event(Event::Bytes(vec![0; 900]))), (100, came(700))];
        let old = vec![(65, Entry::TunnelSent(vec![20, 3, 3, 0, 1, 1]))];
        let found = burst(&record([answers, old, more].concat())).unwrap();
        let pace = |bytes, time| Pace { bytes, time: Duration::from_millis(time) };
        assert_eq!(found, Burst { whole: pace(1200, 40), rest: pace(700, 20) });
        assert_eq!((found.whole.rate(), found.rest.rate()), (Some(240), Some(280)));
        assert_eq!(burst(&record(vec![(0, came(100)), (1, Entry::Sent(vec![1])), (2, came(9))])), None);
        assert_eq!(pace(1, 0).rate(), None);
    }
}
