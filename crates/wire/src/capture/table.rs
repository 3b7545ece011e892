//! The connections of a capture, in bounded memory however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::connection::{Carries, Connection};
pub use super::connection::{Outcome, Side, Watched};
use super::packet::{Carried, Packet, Segment};
use super::tally::{Tallies, Tally};
use super::tunnels::{Tunnels, shorten};
use crate::rdpeudp::Syn;

/// The port that Remote Desktop has unless somebody chose another.
const PORT: u16 = 3389;
/// The port of RD Gateways ([MS-TSGU] 2.1.1).
const GATEWAY_PORT: u16 = 443;
/// The most connections that are watched at a time.
const OPEN: usize = 8 * 1024;
/// The most addresses that are known as those of hosts.
const HOSTS: usize = 65_536;
/// The most connections that are kept in the end.
const KEPT: usize = 1024;
/// The most bytes that all connections together hold.
const MEMORY: usize = 16 * 1024 * 1024;

/// A UDP transport that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpWatched {
    /// Who asked.
    pub client: SocketAddr,
    /// Who was asked.
    pub host: SocketAddr,
    /// When, since 1970.
    pub began: Duration,
    /// Question.
    pub asked: Syn,
    /// Answer, and the time that it took.
    pub answer: Option<(Syn, Duration)>,
}

/// Contents of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connections that carry Remote Desktop, or were meant to, in the order of their beginning. One to a host of
    /// Remote Desktop that begins with TLS is among them. Where there are too many, those that failed stay before those
    /// that came through, and newer before older ones.
    pub connections: Vec<Watched>,
    /// Some of those that begin with TLS or with a request of HTTP, and of those that port 443 refused or did not
    /// answer: an RD Gateway may be among them, which names alone tell. In the order of their beginning.
    pub tunnels: Vec<Watched>,
    /// The UDP transports.
    pub transports: Vec<UdpWatched>,
    /// Counts over all connections, also those that are not kept, of each host with several clients.
    pub tallies: Vec<Tally>,
    /// Connections with Remote Desktop beyond those that are kept.
    pub left_out: u64,
    /// Connections that begin with TLS or with a request of HTTP beyond those that are kept.
    pub passed_over: u64,
    /// Connections to port 3389 that begin with something else than a Connection Request.
    pub foreign: u64,
    /// The first packet, since 1970.
    pub from: Option<Duration>,
    /// The last one.
    pub until: Option<Duration>,
}

/// The connections of a capture that is being read.
#[derive(Debug, Default)]
pub struct Table {
    open: BTreeMap<(SocketAddr, SocketAddr), Box<Connection>>,
    weight: usize,
    /// Connections that are kept, those that go first at the beginning; numbered, for several may begin at one time.
    kept: BTreeMap<(Outcome, Duration, u64), Watched>,
    tallies: Tallies,
    hosts: BTreeSet<SocketAddr>,
    tunnels: Tunnels,
    transports: BTreeMap<(SocketAddr, SocketAddr), UdpWatched>,
    fragments: u64,
    seen: Seen,
}

impl Table {
    /// Takes in a packet that was captured at `at`, since 1970.
    pub fn take(&mut self, at: Duration, packet: &Packet<'_>) {
        self.seen.from = Some(self.seen.from.map_or(at, |first| first.min(at)));
        self.seen.until = Some(self.seen.until.map_or(at, |last| last.max(at)));
        match &packet.carried {
            Carried::Tcp(segment) => self.segment(at, packet, segment),
            Carried::Udp(bytes) => self.datagram(at, packet, bytes),
            Carried::Undelivered { sequence, failure } => {
                let key = (packet.from.min(packet.to), packet.from.max(packet.to));
                if let Some(connection) = self.open.get_mut(&key) {
                    connection.undelivered(at, packet.from, *sequence, *failure);
                }
            }
            Carried::Fragment => self.fragments = self.fragments.saturating_add(1),
        }
    }

    fn segment(&mut self, at: Duration, packet: &Packet<'_>, segment: &Segment<'_>) {
        let (from, to) = (packet.from, packet.to);
        let key = (from.min(to), from.max(to));
        if self.open.get(&key).is_some_and(|known| known.superseded_by(from, segment))
            && let Some(old) = self.open.remove(&key)
        {
            self.weight = self.weight.saturating_sub(old.weight());
            self.close(*old, at);
        }
        if self.open.len() >= OPEN && !self.open.contains_key(&key) {
            self.make_room(at);
        }
        let connection = self.open.entry(key).or_insert_with(|| Box::new(Connection::new(at, from, to, segment)));
        let before = connection.weight();
        connection.take(at, from, segment);
        if connection.carries == Carries::RemoteDesktop && self.hosts.len() < HOSTS {
            self.hosts.insert(connection.host);
        }
        self.weight = self.weight.saturating_sub(before).saturating_add(connection.weight());
        if self.weight > MEMORY {
            self.shed();
        }
    }

    fn datagram(&mut self, at: Duration, packet: &Packet<'_>, bytes: &[u8]) {
        let Ok(syn) = Syn::decode(bytes) else { return };
        if syn.acknowledges {
            if let Some(asked) = self.transports.get_mut(&(packet.to, packet.from)) {
                asked.answer.get_or_insert((syn, at.saturating_sub(asked.began)));
            }
        } else {
            let (client, host) = (packet.from, packet.to);
            let asked = UdpWatched { client, host, began: at, asked: syn, answer: None };
            self.transports.entry((client, host)).or_insert(asked);
            if self.transports.len() >= KEPT.saturating_mul(2) {
                self.forget_transports();
            }
        }
    }

    /// Keeps the transports that were not answered before those that were, and newer before older ones.
    fn forget_transports(&mut self) {
        let mut all: Vec<_> = std::mem::take(&mut self.transports).into_iter().collect();
        all.sort_by_key(|(_, transport)| (transport.answer.is_some(), std::cmp::Reverse(transport.began)));
        let more = u64::try_from(all.len().saturating_sub(KEPT)).unwrap_or(u64::MAX);
        self.seen.left_out = self.seen.left_out.saturating_add(more);
        self.transports = all.into_iter().take(KEPT).collect();
    }

    /// Closes what is over or of no interest; if that is not enough, what is not Remote Desktop, and then everything.
    fn make_room(&mut self, at: Duration) {
        let others: [fn(&Connection) -> bool; 3] = [
            |connection| connection.over() || connection.carries == Carries::Other,
            |connection| connection.carries == Carries::Tunnel,
            |_| true,
        ];
        for goes in others {
            let open = std::mem::take(&mut self.open);
            for (key, connection) in open {
                if goes(&connection) {
                    self.close(*connection, at);
                } else {
                    self.open.insert(key, connection);
                }
            }
            if self.open.len() < OPEN / 2 {
                break;
            }
        }
        self.weigh();
    }

    /// Lets go of bytes: first of those that nothing more can be learnt from, then of those that are not Remote
    /// Desktop, then of all.
    fn shed(&mut self) {
        self.open.values_mut().for_each(|connection| connection.settle());
        self.weigh();
        for of_remote_desktop in [false, true] {
            if self.weight <= MEMORY / 2 {
                return;
            }
            let goes = |connection: &&mut Box<Connection>| of_remote_desktop || connection.carries == Carries::Tunnel;
            self.open.values_mut().filter(goes).for_each(|connection| connection.give_up());
            self.weigh();
        }
    }

    fn weigh(&mut self) {
        self.weight = self.open.values().map(|connection| connection.weight()).fold(0, usize::saturating_add);
    }

    fn close(&mut self, connection: Connection, until: Duration) {
        let (host, carries) = (connection.host, connection.carries);
        match carries {
            Carries::RemoteDesktop => self.keep(connection.finish(until)),
            Carries::Unknown if self.meant(host) => self.keep(connection.finish(until)),
            Carries::Tunnel => {
                let watched = connection.finish(until);
                let beyond = watched.exchange.beyond_proxy();
                // behind a proxy there was Remote Desktop, or it was asked for
                if watched.exchange.request.is_some() || beyond.is_some_and(|(_, port)| port == PORT) {
                    self.keep(watched);
                } else {
                    let meant = beyond.is_none() && self.meant(host);
                    self.tunnels.take(watched, meant);
                }
            }
            Carries::Unknown if host.port() == GATEWAY_PORT => self.tunnels.take(connection.finish(until), false),
            Carries::Unknown | Carries::Other => {
                self.seen.foreign = self.seen.foreign.saturating_add(u64::from(host.port() == PORT));
            }
        }
    }

    /// True if Remote Desktop may be meant by whoever connects there.
    fn meant(&self, host: SocketAddr) -> bool {
        host.port() == PORT || self.hosts.contains(&host)
    }

    /// Keeps a connection. Whoever captures stops when the fault has appeared: what came through goes before what
    /// failed, and of each what is oldest.
    fn keep(&mut self, mut watched: Watched) {
        self.tallies.count(&watched);
        shorten(&mut watched);
        let number = self.seen.left_out.saturating_add(self.kept.len() as u64);
        self.kept.insert((watched.outcome(), watched.began, number), watched);
        if self.kept.len() > KEPT {
            self.kept.pop_first();
            self.seen.left_out = self.seen.left_out.saturating_add(1);
        }
    }

    /// Later fragments of packets of IP so far, which are not put together.
    pub fn fragments(&self) -> u64 {
        self.fragments
    }

    /// The end of the capture.
    pub fn finish(mut self) -> Seen {
        let until = self.seen.until.unwrap_or_default();
        for connection in std::mem::take(&mut self.open).into_values() {
            self.close(*connection, until);
        }
        let (tunnels, passed_over) = std::mem::take(&mut self.tunnels).finish();
        let direct = |watched: &Watched| watched.exchange.begins_with_tls() && self.meant(watched.host);
        let (direct, tunnels): (Vec<_>, Vec<_>) = tunnels.into_iter().partition(direct);
        for watched in direct {
            self.keep(watched);
        }
        (self.seen.tunnels, self.seen.passed_over) = (tunnels, passed_over);
        self.forget_transports();
        self.seen.connections = self.kept.into_values().collect();
        self.seen.tallies = self.tallies.finish();
        self.seen.transports = self.transports.into_values().collect();
        self.seen.transports.sort_by_key(|transport| transport.began);
        self.seen.connections.sort_by_key(|connection| connection.began);
        self.seen.tunnels.sort_by_key(|connection| connection.began);
        self.seen
    }
}
