//! One TCP connection as a capture shows it.

use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::{self, Ending, Exchange, PATIENCE};
use super::packet::{Flags, Segment, Unreachable};
use super::socks;
use super::stream::Stream;
use crate::http::{self, Head};
use crate::machine::{ConnectFailure, End, TcpAnswer, Timed, TlsAnswer, X224Answer};
use crate::x224::ServerAnswer;

/// Bytes to buffer before the first parse; doubles each time.
const FIRST_LOOK: usize = 8 * 1024;
/// Bytes within which a connection that may lead to a gateway has said all that it tells.
const TUNNEL: usize = 128 * 1024;
/// A SYN without an answer is sent again after a second (RFC 6298).
const RETRANSMISSION: Duration = Duration::from_secs(1);

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who asked for the connection.
    Client,
    /// Who was asked.
    Host,
}

/// Protocol of a connection, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Not seen yet.
    Unknown,
    /// Remote Desktop.
    RemoteDesktop,
    /// Possible way to an RD Gateway or through a proxy: TLS at once, a request of HTTP or of SOCKS.
    Tunnel,
    /// Something else.
    Other,
}

/// How a connection went. The order is that in which connections are let go: what failed stays longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It came as far as a capture can show.
    Passed,
    /// The capture does not show how it ended.
    Unknown,
    /// It was refused, broken off or not answered.
    Failed,
}

/// A connection that is being watched.
#[derive(Debug)]
pub(super) struct Connection {
    pub client: SocketAddr,
    pub host: SocketAddr,
    pub carries: Carries,
    began: Duration,
    last: Duration,
    last_syn: Option<Duration>,
    accepted: Option<Duration>,
    refused: Option<Duration>,
    unreachable: Option<(Duration, Unreachable)>,
    client_seen: bool,
    host_seen: bool,
    up: Stream,
    down: Stream,
    ends: Vec<(Side, End, Duration)>,
    next_look: usize,
    settled: Option<Box<Exchange>>,
}

/// One connection, as far as a capture shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Who asked for the connection.
    pub client: SocketAddr,
    /// Who was asked.
    pub host: SocketAddr,
    /// Its first packet, since 1970.
    pub began: Duration,
    /// How the SYN was answered, as far as that can be told; times since `began`.
    pub tcp: Option<Timed<TcpAnswer>>,
    /// Exchange; times since 1970.
    pub exchange: Exchange,
    /// Who ended it, how, and when since `began`; nobody, where the capture ends first.
    pub ends: Vec<(Side, End, Duration)>,
    /// Bytes from the client.
    pub sent: u64,
    /// Bytes from the host.
    pub received: u64,
    /// Its beginning was not captured.
    pub midway: bool,
    /// Only the packets of this side were captured.
    pub one_sided: Option<Side>,
    /// Bytes are missing: lost on the way to whoever captured, or cut off.
    pub gaps: bool,
    /// A segment was sent again with other bytes; the first one counts.
    pub altered: bool,
}

impl Watched {
    /// The name or address by which the client asks for the server: in its ClientHello or in HTTP.
    pub fn server_name(&self) -> Option<&str> {
        let Exchange { web, hello, socks, .. } = &self.exchange;
        if let Some(socks) = socks {
            return Some(&socks.value.host);
        }
        let asked = web.as_ref().and_then(|web| web.request.value.host.as_deref());
        asked.or_else(|| hello.as_ref()?.value.server_name.as_deref())
    }

    /// How it went, as far as a capture can show: an answer that the capture lacks is neither success nor failure.
    pub fn outcome(&self) -> Outcome {
        let Exchange { request, answer, web, handshake, hello, socks, client_alert, server_alert, .. } = &self.exchange;
        let alerted = [client_alert, server_alert].into_iter().flatten().any(|alert| alert.level == 2);
        let tcp_failed = self.tcp.as_ref().is_some_and(|tcp| tcp.value != TcpAnswer::Accepted);
        let open = request.is_some() && answer.is_none() || hello.is_some() && handshake.is_none();
        let nothing = answer.is_none() && handshake.is_none() && web.is_none();
        if alerted || tcp_failed {
            Outcome::Failed
        } else if open || nothing && (socks.is_none() || self.came_through()) {
            // whatever passes behind a proxy shows itself, or was not captured
            Outcome::Unknown
        } else if self.came_through() {
            Outcome::Passed
        } else {
            Outcome::Failed
        }
    }

    /// True if it came as far as a capture can show.
    pub fn came_through(&self) -> bool {
        let Exchange { request, answer, web, handshake, .. } = &self.exchange;
        match (handshake, answer, web) {
            (Some(handshake), ..) => matches!(handshake.value, TlsAnswer::Accepted { .. }),
            (None, _, Some(web)) => web.passed(),
            (None, Some(answer), None) => {
                matches!(&answer.value, X224Answer::Server(ServerAnswer::Selected { .. } | ServerAnswer::NoNegotiation))
            }
            // nothing was asked
            (None, None, None) => {
                request.is_none() && self.tcp.as_ref().is_none_or(|tcp| tcp.value == TcpAnswer::Accepted)
            }
        }
    }
}

impl Connection {
    /// Begins with a segment from `from` to `to`.
    pub(super) fn new(at: Duration, from: SocketAddr, to: SocketAddr, segment: &Segment<'_>) -> Self {
        let syn = segment.flags.has(Flags::SYN);
        let from_client = if syn {
            !segment.flags.has(Flags::ACK)
        } else {
            // midway: whoever asks, or is not at the well-known port
            exchange::is_request(segment.payload) || !is_confirm(segment.payload) && to.port() < from.port()
        };
        let (client, host) = if from_client { (from, to) } else { (to, from) };
        Self {
            client,
            host,
            carries: Carries::Unknown,
            began: at,
            last: at,
            last_syn: None,
            accepted: None,
            refused: None,
            unreachable: None,
            client_seen: false,
            host_seen: false,
            up: Stream::default(),
            down: Stream::default(),
            ends: Vec::new(),
            next_look: FIRST_LOOK,
            settled: None,
        }
    }

    /// True if the segment begins another connection between the same two.
    pub(super) fn superseded_by(&self, from: SocketAddr, segment: &Segment<'_>) -> bool {
        let syn = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK);
        syn && (from != self.client || !self.up.begins_at(segment.sequence.wrapping_add(1)))
    }

    /// Bytes that it holds.
    pub(super) fn weight(&self) -> usize {
        self.up.weight().saturating_add(self.down.weight())
    }

    /// True if both sides have said that they are done, or one has broken off.
    pub(super) fn over(&self) -> bool {
        self.refused.is_some() || self.ends.len() >= 2 || self.ends.iter().any(|(_, end, _)| *end == End::Rst)
    }

    /// Takes in a segment.
    pub(super) fn take(&mut self, at: Duration, from: SocketAddr, segment: &Segment<'_>) {
        self.last = self.last.max(at);
        let side = if from == self.client { Side::Client } else { Side::Host };
        match side {
            Side::Client => self.client_seen = true,
            Side::Host => self.host_seen = true,
        }
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            return self.reset(at, side, segment);
        }
        if flags.has(Flags::SYN) {
            return self.opened(at, side, segment);
        }
        // whoever acknowledges or speaks has been accepted
        self.accepted.get_or_insert(at);
        let (own, other) = match side {
            Side::Client => (&mut self.up, &mut self.down),
            Side::Host => (&mut self.down, &mut self.up),
        };
        own.begin(segment.sequence);
        own.take(at, segment.sequence, segment.payload, segment.missing);
        if flags.has(Flags::ACK) {
            // the other side's beginning was not captured: its next byte is the one that is waited for, and what is
            // captured of it later may have a hole before it
            other.begin(segment.acknowledgement);
            other.acknowledged(segment.acknowledgement);
        }
        if flags.has(Flags::FIN) {
            self.ended(side, End::Fin, at);
        }
        self.look();
    }

    fn opened(&mut self, at: Duration, side: Side, segment: &Segment<'_>) {
        let first = segment.sequence.wrapping_add(1);
        match side {
            Side::Client => {
                self.last_syn = Some(at);
                self.up.begin(first);
            }
            Side::Host => {
                self.accepted.get_or_insert(at);
                self.down.begin(first);
                self.up.begin(segment.acknowledgement);
            }
        }
    }

    /// A RST whose numbers do not fit is ignored, as whoever gets it does (RFC 9293 section 3.10.7, RFC 5961).
    fn reset(&mut self, at: Duration, side: Side, segment: &Segment<'_>) {
        if side == Side::Host && self.accepted.is_none() && self.last_syn.is_some() {
            if segment.flags.has(Flags::ACK) && self.up.begins_at(segment.acknowledgement) {
                self.refused.get_or_insert(at);
            }
            return;
        }
        let own = if side == Side::Client { &self.up } else { &self.down };
        if own.may_continue_at(segment.sequence) {
            self.ended(side, End::Rst, at);
        }
    }

    /// ICMP says that a segment of `from` was not delivered. What counts is whether the first one was.
    pub(super) fn undelivered(&mut self, at: Duration, from: SocketAddr, sequence: u32, failure: Unreachable) {
        let first = self.last_syn.is_some() && self.accepted.is_none() && from == self.client;
        if first && self.up.begins_at(sequence.wrapping_add(1)) {
            self.unreachable.get_or_insert((at, failure));
        }
    }

    fn ended(&mut self, side: Side, end: End, at: Duration) {
        if self.ends.len() < 4 && !self.ends.iter().any(|(who, how, _)| (*who, *how) == (side, end)) {
            self.ends.push((side, end, at.saturating_sub(self.began)));
        }
    }

    /// Recognises what it carries, and forgets what is not needed.
    fn look(&mut self) {
        if self.carries == Carries::Unknown {
            self.carries = recognised(self.up.bytes(), self.down.bytes());
        }
        if self.carries == Carries::Other {
            self.shut();
        }
        if self.carries == Carries::Tunnel && self.weight() >= TUNNEL {
            self.give_up();
        } else if self.ends.len() >= 2 {
            self.settle();
        } else if self.weight() >= self.next_look {
            self.next_look = self.next_look.saturating_mul(2);
            self.settle();
        }
    }

    /// Forgets the bytes if nothing more can be learnt from others.
    pub(super) fn settle(&mut self) {
        if self.settled.is_none() && matches!(self.carries, Carries::RemoteDesktop | Carries::Tunnel) {
            let ending = Ending { by_host: None, watched_until: Duration::ZERO, host_seen: self.host_seen };
            let exchange = Exchange::read(&self.up, &self.down, ending);
            if exchange.settled() {
                self.settled = Some(Box::new(exchange));
                self.shut();
            }
        }
    }

    /// Reads what there is and forgets the bytes.
    pub(super) fn give_up(&mut self) {
        if self.settled.is_none() {
            let exchange = Exchange::read(&self.up, &self.down, self.ending(self.last));
            self.settled = Some(Box::new(exchange));
        }
        self.shut();
    }

    fn shut(&mut self) {
        self.up.shut();
        self.down.shut();
    }

    fn ending(&self, until: Duration) -> Ending {
        // packets of two captures that were put together need not stand in the order of time
        let first = self.ends.iter().min_by_key(|(_, _, at)| *at);
        let first = first.map(|(side, end, at)| (*side, *end, self.began.saturating_add(*at)));
        let by_host = first.filter(|(side, _, _)| *side == Side::Host).map(|(_, end, at)| (end, at));
        Ending { by_host, watched_until: first.map_or(until, |(_, _, at)| at), host_seen: self.host_seen }
    }

    /// The end: of the connection, or of the capture at `until`.
    pub(super) fn finish(mut self, until: Duration) -> Watched {
        let ending = self.ending(until);
        let mut exchange = match self.settled.take() {
            Some(exchange) => *exchange,
            None => Exchange::read(&self.up, &self.down, ending),
        };
        if let Some((end, at)) = self.dropped(ending) {
            let value = X224Answer::ClosedBeforeRequest(end);
            exchange.answer = Some(Timed { value, took: at.saturating_sub(self.began), at });
        }
        let kept = matches!(self.carries, Carries::RemoteDesktop | Carries::Tunnel);
        Watched {
            client: self.client,
            host: self.host,
            began: self.began,
            tcp: self.tcp(until),
            exchange,
            midway: self.last_syn.is_none() && !self.opened_by_host(),
            one_sided: match (self.client_seen, self.host_seen) {
                (true, false) if self.accepted.is_some() => Some(Side::Client),
                (false, true) => Some(Side::Host),
                _ => None,
            },
            gaps: kept && (self.up.gaps() || self.down.gaps()) && self.up.length() > 0,
            altered: self.up.altered() || self.down.altered(),
            sent: self.up.length(),
            received: self.down.length(),
            ends: {
                let mut ends = self.ends;
                ends.sort_by_key(|(_, _, at)| *at);
                ends
            },
        }
    }

    /// The SYN+ACK was seen though the SYN was not.
    fn opened_by_host(&self) -> bool {
        self.host_seen && self.accepted == Some(self.began) && self.up.length() == 0
    }

    /// The host ended it at once, before the client had said anything.
    fn dropped(&self, ending: Ending) -> Option<(End, Duration)> {
        let accepted = self.accepted.filter(|_| self.last_syn.is_some())?;
        let said = self.up.length() > 0 || self.down.length() > 0;
        ending.by_host.filter(|(_, at)| !said && at.saturating_sub(accepted) < PATIENCE)
    }

    fn tcp(&self, until: Duration) -> Option<Timed<TcpAnswer>> {
        let (value, at) = match (self.accepted, self.refused, self.last_syn) {
            (Some(at), _, _) => (TcpAnswer::Accepted, at),
            (None, Some(at), _) => (TcpAnswer::Failed(ConnectFailure::Refused), at),
            (None, None, Some(_)) if self.unreachable.is_some() => {
                let (at, failure) = self.unreachable?;
                (TcpAnswer::Failed(failure.into()), at)
            }
            (None, None, Some(last)) => {
                // the next one would come after twice the time: until then it still waits
                let waited = last.saturating_add(last.saturating_sub(self.began).max(RETRANSMISSION)).min(until);
                if waited.saturating_sub(self.began) < RETRANSMISSION {
                    return None;
                }
                (TcpAnswer::Silent, waited)
            }
            _ => return None,
        };
        let at = at.saturating_sub(self.began);
        Some(Timed { value, took: at, at })
    }
}

impl From<Unreachable> for ConnectFailure {
    fn from(unreachable: Unreachable) -> Self {
        match unreachable {
            Unreachable::Network => Self::NetworkUnreachable,
            Unreachable::Host => Self::HostUnreachable,
        }
    }
}

/// A TPKT with an X.224 Connection Confirm.
fn is_confirm(down: &[u8]) -> bool {
    matches!(down, [3, _, _, _, _, 0xD0, ..])
}

fn recognised(up: &[u8], down: &[u8]) -> Carries {
    if exchange::is_request(up) || up.is_empty() && is_confirm(down) {
        return Carries::RemoteDesktop;
    }
    let line = http::first_line(up);
    if exchange::is_hello(up) || matches!(line, Head::Complete { .. }) || socks::is(up, down) {
        return Carries::Tunnel;
    }
    let may_be_rdp = exchange::may_be_request(up) || exchange::may_be_hello(up);
    let other_up = !may_be_rdp && line == Head::Other && !socks::may_be(up, down);
    let other_down = up.is_empty() && down.len() >= 6;
    if other_up || other_down { Carries::Other } else { Carries::Unknown }
}
