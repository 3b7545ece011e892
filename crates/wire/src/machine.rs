//! One connection to one address, as a machine without I/O: events and the time go in, actions come out.
//!
//! The states are named for what they wait for. The driver (`collect`) owns sockets, TLS stacks and the clock; it hands
//! in what happened with the time since the start of the connection, and does what it is told. Whatever the peer does,
//! the machine ends: every state has a deadline, every buffer a bound.

mod outcome;

use std::time::Duration;

pub use outcome::{CredsspAnswer, Outcome, TcpAnswer, Timed, TlsAnswer, X224Answer};

use crate::credssp::{self, TsRequest};
use crate::foreign::ForeignService;
use crate::ntlm::{self, Challenge};
use crate::tls::flight::{self, FlightProgress};
use crate::tls::{Alert, ClientHello, HelloShape, ServerFlight, TlsOffer, TlsStack, TlsVersion};
use crate::x224::{self, ConnectionRequest, Framing, ServerAnswer};

/// How long a finished handshake is watched for a remark of a peer that asked for a certificate.
const REMARK: Duration = Duration::from_millis(600);
/// Bytes of a foreign answer that are kept as evidence.
const KEPT: usize = 64;

/// What one connection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationPlan {
    /// The Connection Request; `None` starts with TLS at once.
    pub request: Option<ConnectionRequest>,
    /// How long the request is held back, to see whether the peer closes or speaks first.
    pub hold: Duration,
    /// The handshake to begin if the server selects a protocol that has one; `None` stops after the answer.
    pub tls: Option<TlsOffer>,
    /// The `TSRequest` version to introduce ourselves with, if the server selects CredSSP; `None` stops after TLS.
    pub credssp: Option<u32>,
    /// The chance in our own ClientHello.
    pub random: [u8; 32],
    /// Whose manner our hellos follow, by whatever stack, and whom they ask for.
    pub shape: HelloShape,
    /// How long each stage may take.
    pub limits: Limits,
}

/// How long each stage may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the SYN to the answer.
    pub tcp: Duration,
    /// From the Connection Request to the whole answer.
    pub x224: Duration,
    /// From the ClientHello to the finished handshake (or the whole flight).
    pub tls: Duration,
    /// From our `TSRequest` to the whole answer.
    pub credssp: Duration,
}

/// How a peer ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// In order, with FIN.
    Fin,
    /// With RST.
    Rst,
}

impl End {
    /// `closed` or `reset`, for sentences.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Fin => "closed",
            Self::Rst => "reset",
        }
    }
}

/// Why a TCP connection did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectFailure {
    /// RST to our SYN.
    Refused,
    /// No answer to any SYN until the operating system gave up by itself.
    TimedOut,
    /// No route to the network: this computer's own routing table, or an ICMP message.
    NetworkUnreachable,
    /// ICMP host unreachable or prohibited, or no neighbour answered.
    HostUnreachable,
    /// Anything else, in the operating system's words: our side.
    Other(String),
}

/// Why a TLS stack gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFailure {
    /// The peer sent an alert.
    Alert(Alert),
    /// The peer ended the connection.
    Closed {
        /// How.
        end: End,
        /// Raw bytes that had been received since the stack's first flight.
        bytes: usize,
    },
    /// The peer signed the handshake with another key than that of its certificate.
    WrongKey,
    /// The stack says that the peer broke the protocol.
    Peer(String),
    /// The stack could not go on for a reason of its own.
    Own(String),
}

/// What happened, as the driver saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The TCP connection is established.
    Connected,
    /// It could not be established.
    ConnectFailed(ConnectFailure),
    /// Bytes from the peer: raw before TLS is up, plaintext afterwards.
    Bytes(Vec<u8>),
    /// The handshake that we asked for is finished.
    TlsUp {
        /// The version agreed on.
        version: TlsVersion,
        /// The suite agreed on.
        suite: u16,
        /// The peer's certificates as DER, leaf first.
        chain: Vec<Vec<u8>>,
    },
    /// The peer asked for a certificate of ours inside the handshake; it got none.
    CertificateRequested,
    /// It failed.
    TlsFailed(TlsFailure),
    /// The peer ended the connection.
    Closed(End),
    /// The deadline of the present state has passed.
    Time,
    /// The same exchange failed with a host of our own making: whatever the peer said to it, the fault is ours.
    RehearsalFailed,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes, in a segment of their own: raw before TLS is up, through the tunnel afterwards.
    Send(Vec<u8>),
    /// Begin a handshake with this offer.
    UpgradeTls(TlsOffer),
    /// Close the connection; the machine has ended.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    ExpectConnection,
    ExpectHoldToEnd,
    ExpectConfirm,
    ExpectFlight,
    ExpectTunnel,
    ExpectRemark,
    ExpectChallenge,
    Ended,
}

/// The machine.
#[derive(Debug)]
pub struct Conversation {
    plan: ConversationPlan,
    state: State,
    stage_began: Duration,
    received: Vec<u8>,
    /// Bytes of the flight that are needed before it is looked at again.
    wanted: usize,
    selected_credssp: bool,
    outcome: Outcome,
}

impl Conversation {
    /// Waits for the connection that the driver opens.
    pub fn new(plan: ConversationPlan) -> Self {
        Self {
            plan,
            state: State::ExpectConnection,
            stage_began: Duration::ZERO,
            received: Vec::new(),
            wanted: 0,
            selected_credssp: false,
            outcome: Outcome::default(),
        }
    }

    /// True when nothing more will happen.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// When the driver must hand in [`Event::Time`], since the start of the connection; `None` when ended.
    pub fn deadline(&self) -> Option<Duration> {
        let limits = self.plan.limits;
        let limit = match self.state {
            State::ExpectConnection => limits.tcp,
            State::ExpectHoldToEnd => self.plan.hold,
            State::ExpectConfirm => limits.x224,
            State::ExpectFlight | State::ExpectTunnel => limits.tls,
            State::ExpectRemark => REMARK.min(limits.tls),
            State::ExpectChallenge => limits.credssp,
            State::Ended => return None,
        };
        Some(self.stage_began.saturating_add(limit))
    }

    /// What has been found out so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Hands in what happened at `now`, the time since the start of the connection.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if event == Event::RehearsalFailed {
            // only that the peer accepted the connection does not depend on what we said
            let tcp = self.outcome.tcp.take();
            self.outcome = Outcome { tcp, rehearsal_failed: Some(now), ..Outcome::default() };
            return if self.ended() { Vec::new() } else { self.end() };
        }
        if event == Event::CertificateRequested && self.state == State::ExpectTunnel {
            self.outcome.certificate_requested = true;
            return Vec::new();
        }
        match self.state {
            State::ExpectConnection => self.on_connection(now, event),
            State::ExpectHoldToEnd => self.on_hold(now, event),
            State::ExpectConfirm => self.on_confirm(now, event),
            State::ExpectFlight => self.on_flight(now, event),
            State::ExpectTunnel => self.on_tunnel(now, event),
            State::ExpectRemark => self.on_remark(now, event),
            State::ExpectChallenge => self.on_challenge(now, event),
            State::Ended => Vec::new(),
        }
    }

    fn on_connection(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let answer = match event {
            Event::Connected => TcpAnswer::Accepted,
            Event::ConnectFailed(failure) => TcpAnswer::Failed(failure),
            Event::Time => TcpAnswer::Silent,
            _ => return Vec::new(),
        };
        let accepted = answer == TcpAnswer::Accepted;
        self.outcome.tcp = Some(self.timed(now, answer));
        self.stage_began = now;
        if !accepted {
            return self.end();
        }
        match (&self.plan.request, self.plan.tls) {
            (Some(_), _) if !self.plan.hold.is_zero() => {
                self.state = State::ExpectHoldToEnd;
                Vec::new()
            }
            (Some(_), _) => self.send_request(now),
            (None, Some(offer)) => self.begin_tls(now, offer),
            (None, None) => self.end(),
        }
    }

    fn on_hold(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Closed(end) => self.end_x224(now, X224Answer::ClosedBeforeRequest(end)),
            Event::Bytes(bytes) => {
                self.received = bytes;
                let answer = self.foreign_answer();
                self.end_x224(now, answer)
            }
            Event::Time => self.end_x224(now, X224Answer::HeldOpen),
            _ => Vec::new(),
        }
    }

    fn send_request(&mut self, now: Duration) -> Vec<Action> {
        self.stage_began = now;
        self.state = State::ExpectConfirm;
        let request = self.plan.request.as_ref().map(ConnectionRequest::encode);
        request.into_iter().map(Action::Send).collect()
    }

    fn on_confirm(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Bytes(bytes) => self.received.extend(bytes),
            // a short greeting (telnet, a clipped banner) followed by a close is still an answer
            Event::Closed(end) if self.received.len() >= 4 && x224::framing(&self.received) == Framing::Incomplete => {
                let error = format!("{} inside the answer", end.verb());
                return self.end_x224(now, X224Answer::Malformed { bytes: kept(&self.received), error });
            }
            Event::Closed(_) if !self.received.is_empty() => {
                let answer = self.foreign_answer();
                return self.end_x224(now, answer);
            }
            Event::Closed(end) => return self.end_x224(now, X224Answer::Closed(end)),
            Event::Time if !self.received.is_empty() => {
                let answer = X224Answer::Incomplete(kept(&self.received));
                return self.end_x224(now, answer);
            }
            Event::Time => return self.end_x224(now, X224Answer::Silent),
            _ => return Vec::new(),
        }
        match x224::framing(&self.received) {
            Framing::Incomplete => Vec::new(),
            Framing::NotTpkt => {
                let answer = self.foreign_answer();
                self.end_x224(now, answer)
            }
            Framing::Complete(length) => {
                let frame: Vec<u8> = self.received.drain(..length).collect();
                match ServerAnswer::decode(&frame) {
                    Ok(answer) => self.on_server_answer(now, answer),
                    Err(error) => {
                        let answer = X224Answer::Malformed { bytes: kept(&frame), error: error.to_string() };
                        self.end_x224(now, answer)
                    }
                }
            }
        }
    }

    fn on_server_answer(&mut self, now: Duration, answer: ServerAnswer) -> Vec<Action> {
        let offer = match (&answer, self.plan.tls) {
            (ServerAnswer::Selected { protocol, .. }, Some(offer)) if protocol.tls() => {
                self.selected_credssp = protocol.credssp();
                Some(offer)
            }
            _ => None,
        };
        self.outcome.x224 = Some(self.timed(now, X224Answer::Server(answer)));
        match offer {
            Some(offer) => self.begin_tls(now, offer),
            None => self.end(),
        }
    }

    fn foreign_answer(&self) -> X224Answer {
        let bytes = kept(&self.received);
        match ForeignService::recognise(&self.received) {
            Some(service) => X224Answer::Foreign { service, bytes },
            None => X224Answer::NotTpkt(bytes),
        }
    }

    fn begin_tls(&mut self, now: Duration, offer: TlsOffer) -> Vec<Action> {
        self.stage_began = now;
        if offer.stack == TlsStack::Own {
            self.state = State::ExpectFlight;
            let hello = ClientHello::shaped(offer, self.plan.random, &self.plan.shape);
            return hello.encode(offer.segments).into_iter().map(Action::Send).collect();
        }
        self.state = State::ExpectTunnel;
        vec![Action::UpgradeTls(offer)]
    }

    fn on_flight(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Bytes(bytes) => {
                let room = flight::FLIGHT_LIMIT.saturating_sub(self.received.len());
                self.received.extend(bytes.into_iter().take(room));
                if self.received.len() < self.wanted {
                    return Vec::new();
                }
            }
            Event::Closed(end) => return self.end_tls(now, TlsAnswer::Closed { end, bytes: self.received.len() }),
            Event::Time => return self.end_tls(now, TlsAnswer::Silent { bytes: self.received.len() }),
            _ => return Vec::new(),
        }
        let full = self.received.len() >= flight::FLIGHT_LIMIT;
        let answer = match flight::read(&self.received) {
            FlightProgress::Incomplete if full => TlsAnswer::Malformed("more bytes than any handshake has".to_owned()),
            FlightProgress::Incomplete => {
                // never beyond what is kept, so that a record that does not fit is noticed
                self.wanted = flight::wanted(&self.received).min(flight::FLIGHT_LIMIT);
                return Vec::new();
            }
            FlightProgress::Complete(flight) => match self.not_offered(&flight) {
                Some(words) => TlsAnswer::Malformed(words),
                None => TlsAnswer::Flight(flight),
            },
            FlightProgress::Alert(alert) => TlsAnswer::Alert(alert),
            FlightProgress::NotTls => TlsAnswer::NotTls(kept(&self.received)),
            FlightProgress::Malformed(error) => TlsAnswer::Malformed(error.to_string()),
        };
        self.end_tls(now, answer)
    }

    /// What the server chose although our hello did not offer it. An older version is a refusal in the words of TLS 1.0.
    fn not_offered(&self, flight: &ServerFlight) -> Option<String> {
        let offer = self.plan.tls?;
        if let Some(version) = flight.version.filter(|version| *version > offer.max) {
            return Some(format!("the server chose {version}, which was not offered"));
        }
        let offered = ClientHello::of(offer, self.plan.random).suites.contains(&flight.suite);
        (!offered).then(|| format!("the server chose the suite {:#06x}, which was not offered", flight.suite))
    }

    fn on_tunnel(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let answer = match event {
            Event::TlsUp { version, suite, chain } => TlsAnswer::Established { version, suite, chain },
            Event::TlsFailed(TlsFailure::Alert(alert)) => TlsAnswer::Alert(alert),
            Event::TlsFailed(TlsFailure::Closed { end, bytes }) => TlsAnswer::Closed { end, bytes },
            Event::Closed(end) => TlsAnswer::Closed { end, bytes: 0 },
            Event::TlsFailed(TlsFailure::WrongKey) => TlsAnswer::WrongKey,
            Event::TlsFailed(TlsFailure::Peer(words)) => TlsAnswer::Malformed(words),
            Event::TlsFailed(TlsFailure::Own(words)) => TlsAnswer::OwnFailure(words),
            Event::Time => TlsAnswer::Silent { bytes: 0 },
            _ => return Vec::new(),
        };
        let up = matches!(answer, TlsAnswer::Established { .. });
        match self.plan.credssp {
            Some(version) if up && self.selected_credssp => {
                self.outcome.tls = Some(self.timed(now, answer));
                self.stage_began = now;
                self.received.clear();
                self.state = State::ExpectChallenge;
                let request = TsRequest { version, tokens: vec![ntlm::negotiate()], error: None };
                vec![Action::Send(request.encode())]
            }
            // whoever wants a certificate in TLS 1.3 says only after the handshake that it misses one
            _ if up && self.outcome.certificate_requested => {
                self.outcome.tls = Some(self.timed(now, answer));
                self.stage_began = now;
                self.state = State::ExpectRemark;
                Vec::new()
            }
            _ => self.end_tls(now, answer),
        }
    }

    /// A handshake that is finished for us may be none for the peer: it asked for a certificate and got none.
    fn on_remark(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::TlsFailed(TlsFailure::Alert(alert)) => self.end_tls(now, TlsAnswer::Alert(alert)),
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => {
                self.end_tls(now, TlsAnswer::Closed { end, bytes: 0 })
            }
            Event::Time | Event::Bytes(_) => self.end(),
            _ => Vec::new(),
        }
    }

    fn on_challenge(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let answer = match event {
            Event::Bytes(bytes) => {
                self.received.extend(bytes.into_iter().take(credssp::LIMIT));
                match credssp::framing(&self.received) {
                    credssp::Framing::Incomplete if self.received.len() <= credssp::LIMIT => return Vec::new(),
                    credssp::Framing::Incomplete => {
                        CredsspAnswer::Malformed("more bytes than a TSRequest has".to_owned())
                    }
                    credssp::Framing::NotTsRequest => CredsspAnswer::Malformed("the answer is no TSRequest".to_owned()),
                    credssp::Framing::Complete(length) => challenge(self.received.get(..length).unwrap_or_default()),
                }
            }
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => CredsspAnswer::Closed(end),
            Event::TlsFailed(TlsFailure::Alert(alert)) if self.outcome.certificate_requested => {
                self.outcome.tls = Some(self.timed(now, TlsAnswer::Alert(alert)));
                return self.end();
            }
            Event::TlsFailed(TlsFailure::Alert(alert)) => CredsspAnswer::Alert(alert),
            Event::TlsFailed(TlsFailure::WrongKey) => CredsspAnswer::Closed(End::Fin),
            Event::TlsFailed(TlsFailure::Peer(words) | TlsFailure::Own(words)) => CredsspAnswer::Malformed(words),
            Event::Time => CredsspAnswer::Silent,
            _ => return Vec::new(),
        };
        self.outcome.credssp = Some(self.timed(now, answer));
        self.end()
    }

    fn end_x224(&mut self, now: Duration, answer: X224Answer) -> Vec<Action> {
        self.outcome.x224 = Some(self.timed(now, answer));
        self.end()
    }

    fn end_tls(&mut self, now: Duration, answer: TlsAnswer) -> Vec<Action> {
        self.outcome.tls = Some(self.timed(now, answer));
        self.end()
    }

    fn end(&mut self) -> Vec<Action> {
        self.state = State::Ended;
        self.received = Vec::new();
        vec![Action::Close]
    }

    fn timed<T>(&self, now: Duration, value: T) -> Timed<T> {
        Timed { value, took: now.saturating_sub(self.stage_began), at: now }
    }
}

pub(crate) fn kept(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take(KEPT).collect()
}

fn challenge(bytes: &[u8]) -> CredsspAnswer {
    let request = match TsRequest::decode(bytes) {
        Ok(request) => request,
        Err(error) => return CredsspAnswer::Malformed(error.to_string()),
    };
    let version = request.version;
    match (request.tokens.first().map(|token| Challenge::find(token)), request.error) {
        (Some(Ok(challenge)), None) => CredsspAnswer::Challenge { version, challenge },
        // NTLM it is, and no CHALLENGE: nonsense rather than another mechanism
        (Some(Err(error)), None) if request.tokens.first().is_some_and(|token| ntlm::begins(token).is_some()) => {
            CredsspAnswer::Malformed(error.to_string())
        }
        (_, status) => CredsspAnswer::Refused { version, status },
    }
}

#[cfg(test)]
mod tests;
