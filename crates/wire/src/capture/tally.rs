//! Counts over all connections of a capture, also those that are not kept: how many clients each host had, and which of
//! them never came through.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::connection::{Outcome, Watched};

/// Most pairs of a client and a host that are counted. Beyond that nothing is said about clients: a count that may be
/// wrong is none.
const PAIRS: usize = 65_536;
/// Most hosts whose counts are kept in the end, those with failing clients first.
const HOSTS: usize = 64;
/// Most failing clients of one host that are named.
const NAMED: usize = 4;

/// Counts of one host of Remote Desktop that more than one client was seen to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The host.
    pub host: SocketAddr,
    /// Connections to it whose outcome the capture shows.
    pub connections: u64,
    /// Clients whose connections these are, by address.
    pub clients: u64,
    /// Clients that failed at least once and never came through.
    pub failing: u64,
    /// When the newest of these connections began, since 1970.
    pub until: Duration,
    /// The failing clients that failed last, at most four, the newest first.
    pub named: Vec<FailingClient>,
}

/// A client that failed at least once and never came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingClient {
    /// Its address.
    pub client: IpAddr,
    /// How often it failed.
    pub attempts: u64,
    /// When the last of these connections began, since 1970.
    pub last: Duration,
    /// Other clients with a connection that began later and came through.
    pub passed_since: u64,
}

/// Connections between one client and one host.
#[derive(Debug, Default)]
struct Pair {
    passed: u32,
    failed: u32,
    last_failed: Duration,
    /// When the newest that came through began.
    last_passed: Duration,
}

/// Counts while a capture is read.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pairs: BTreeMap<(SocketAddr, IpAddr), Pair>,
    full: bool,
}

impl Tallies {
    /// Counts a connection that is over. One through a proxy, or one that began with TLS, says nothing about its host.
    pub(super) fn count(&mut self, watched: &Watched) {
        let outcome = watched.outcome();
        let other = watched.exchange.beyond_proxy().is_some() || watched.exchange.begins_with_tls();
        if self.full || other || outcome == Outcome::Unknown {
            return;
        }
        let key = (watched.host, watched.client.ip());
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&key) {
            (self.full, self.pairs) = (true, BTreeMap::new());
            return;
        }
        let pair = self.pairs.entry(key).or_default();
        let (count, last) = match outcome {
            Outcome::Failed => (&mut pair.failed, &mut pair.last_failed),
            Outcome::Passed | Outcome::Unknown => (&mut pair.passed, &mut pair.last_passed),
        };
        *count = count.saturating_add(1);
        *last = watched.began.max(*last);
    }

    /// The counts of hosts with several clients, those with failing ones first.
    pub(super) fn finish(self) -> Vec<Tally> {
        let mut of_host: BTreeMap<SocketAddr, Vec<(IpAddr, Pair)>> = BTreeMap::new();
        for ((host, client), pair) in self.pairs {
            of_host.entry(host).or_default().push((client, pair));
        }
        of_host.retain(|_, pairs| pairs.len() > 1);
        let mut tallies: Vec<Tally> = of_host.into_iter().map(|(host, pairs)| tally(host, &pairs)).collect();
        tallies.sort_by_key(|tally| (tally.failing == 0, std::cmp::Reverse(tally.clients)));
        tallies.truncate(HOSTS);
        tallies
    }
}

fn tally(host: SocketAddr, pairs: &[(IpAddr, Pair)]) -> Tally {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut failing: Vec<_> = pairs.iter().filter(|(_, pair)| pair.passed == 0).collect();
    failing.sort_by_key(|(_, pair)| std::cmp::Reverse(pair.last_failed));
    let named = failing.iter().take(NAMED).map(|(client, pair)| FailingClient {
        client: *client,
        attempts: pair.failed.into(),
        last: pair.last_failed,
        passed_since: count(
            pairs.iter().filter(|(_, other)| other.passed > 0 && other.last_passed > pair.last_failed).count(),
        ),
    });
    Tally {
        host,
        connections: pairs.iter().map(|(_, pair)| u64::from(pair.passed).saturating_add(pair.failed.into())).sum(),
        clients: count(pairs.len()),
        failing: count(failing.len()),
        until: pairs.iter().map(|(_, pair)| pair.last_failed.max(pair.last_passed)).max().unwrap_or_default(),
        named: named.collect(),
    }
}
