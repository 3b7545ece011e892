//! The connections of a capture, in bounded memory however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::connection::{Carries, Connection};
pub use super::connection::{Side, Watched};
use super::packet::{Carried, Packet, Segment};
use crate::rdpeudp::Syn;

/// The port that Remote Desktop has unless somebody chose another.
const PORT: u16 = 3389;
/// The most connections that are watched at a time.
const OPEN: usize = 16 * 1024;
/// The most connections that are kept in the end.
const KEPT: usize = 1024;
/// The most bytes that all connections together hold.
const MEMORY: usize = 24 * 1024 * 1024;

/// A UDP transport that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpWatched {
    /// Who asked.
    pub client: SocketAddr,
    /// Who was asked.
    pub host: SocketAddr,
    /// When, since 1970.
    pub began: Duration,
    /// What was asked.
    pub asked: Syn,
    /// What was answered, and after how long.
    pub answer: Option<(Syn, Duration)>,
}

/// What a capture shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connections that carry Remote Desktop, or were meant to, in the order of their beginning.
    pub connections: Vec<Watched>,
    /// The UDP transports.
    pub transports: Vec<UdpWatched>,
    /// Connections with Remote Desktop beyond those that are kept.
    pub left_out: u64,
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
    open: BTreeMap<(SocketAddr, SocketAddr), Connection>,
    weight: usize,
    hosts: BTreeSet<SocketAddr>,
    transports: BTreeMap<(SocketAddr, SocketAddr), UdpWatched>,
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
        }
    }

    fn segment(&mut self, at: Duration, packet: &Packet<'_>, segment: &Segment<'_>) {
        let (from, to) = (packet.from, packet.to);
        let key = (from.min(to), from.max(to));
        if self.open.get(&key).is_some_and(|known| known.superseded_by(from, segment))
            && let Some(old) = self.open.remove(&key)
        {
            self.weight = self.weight.saturating_sub(old.weight());
            self.close(old, at);
        }
        if self.open.len() >= OPEN && !self.open.contains_key(&key) {
            self.make_room(at);
        }
        let connection = self.open.entry(key).or_insert_with(|| Connection::new(at, from, to, segment));
        let before = connection.weight();
        connection.take(at, from, segment);
        if connection.carries == Carries::RemoteDesktop {
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
        } else if self.transports.len() < KEPT {
            let (client, host) = (packet.from, packet.to);
            let asked = UdpWatched { client, host, began: at, asked: syn, answer: None };
            self.transports.entry((client, host)).or_insert(asked);
        }
    }

    /// Closes what is over or of no interest; if that is not enough, everything.
    fn make_room(&mut self, at: Duration) {
        for all in [false, true] {
            let open = std::mem::take(&mut self.open);
            for (key, connection) in open {
                if all || connection.over() || connection.carries == Carries::Other {
                    self.close(connection, at);
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

    /// Lets go of bytes: first of those that nothing more can be learnt from, then of all.
    fn shed(&mut self) {
        self.open.values_mut().for_each(Connection::settle);
        self.weigh();
        if self.weight > MEMORY / 2 {
            self.open.values_mut().for_each(Connection::give_up);
            self.weigh();
        }
    }

    fn weigh(&mut self) {
        self.weight = self.open.values().map(Connection::weight).fold(0, usize::saturating_add);
    }

    fn close(&mut self, connection: Connection, until: Duration) {
        let remote_desktop = connection.carries == Carries::RemoteDesktop;
        let meant = connection.host.port() == PORT || self.hosts.contains(&connection.host);
        if !(remote_desktop || meant && connection.carries == Carries::Unknown) {
            self.seen.foreign = self.seen.foreign.saturating_add(u64::from(connection.host.port() == PORT));
            return;
        }
        if self.seen.connections.len() >= KEPT {
            self.seen.left_out = self.seen.left_out.saturating_add(1);
            return;
        }
        self.seen.connections.push(connection.finish(until));
    }

    /// The end of the capture.
    pub fn finish(mut self) -> Seen {
        let until = self.seen.until.unwrap_or_default();
        for connection in std::mem::take(&mut self.open).into_values() {
            self.close(connection, until);
        }
        self.seen.transports = self.transports.into_values().collect();
        self.seen.transports.sort_by_key(|transport| transport.began);
        self.seen.connections.sort_by_key(|connection| connection.began);
        self.seen
    }
}
