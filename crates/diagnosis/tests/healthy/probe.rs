//! The probe without sockets: the planner's questions, the machines of `wire`, and a host's answers.

use std::net::SocketAddr;
use std::time::Duration;

use diagnosis::need::Question;
use diagnosis::planner::Planner;
use diagnosis::{Capabilities, Context};
use evidence::observe::observe;
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, ProfileSource, Role, Subject, Target};
use wire::machine::{Action, Conversation, ConversationPlan, End, Event, Limits, TlsFailure};
use wire::mcs::{ConnectInitial, ConnectResponse};
use wire::tls::{Alert, ClientHello, TlsVersion};
use wire::transcript::{ConnectionRecord, Entry, NameAnswer, NameLookup, Record, Transcript};
use wire::x224::{ConnectionRequest, SecurityProtocols};

use crate::host::{Host, NOW};
use crate::turns::Bad;

/// Pause between connections, as in `collect`.
const PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE: Duration = Duration::from_millis(300);
const CONNECTIONS: usize = 16;
/// Time that a host that serves one client at a time needs to recover.
const RECOVERY: Duration = Duration::from_millis(100);

/// Asks a host everything that the planner wants to know.
pub fn ask(host: &Host) -> (Transcript, Context) {
    let target = Target::parse(&host.typed).unwrap();
    let context = Context {
        target: Some(target.clone()),
        profile: ClientProfile::find(host.profile).unwrap(),
        profile_source: ProfileSource::Option,
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        at: NOW,
        symptom: None,
        capabilities: Capabilities { openssl: true },
    };
    let address: SocketAddr = "192.0.2.7:3389".parse().unwrap();
    let answer = NameAnswer::Addresses(vec![address]);
    let lookup = NameLookup { start: Duration::ZERO, took: Duration::from_millis(3), answer };
    let records = target.name().is_some().then_some(Record::Name(lookup)).into_iter().collect();
    let mut transcript =
        Transcript { at: NOW, tool: "test".to_owned(), host: target.host.to_string(), port: 3389, records };
    let (mut planner, mut pause, mut last, mut clock) = (Planner::default(), PAUSE, None, Duration::from_millis(3));
    let mut closed: Option<Duration> = None;
    while transcript.connections().count() < CONNECTIONS {
        let mut evidence = observe(&transcript);
        let named = transcript.name().is_some().then(|| transcript.host.clone());
        let subject = evidence.subject(Subject::new(Role::Host, named, Some(address)));
        let Some(question) = planner.next(&evidence, &context, subject) else { break };
        if last.is_some() {
            clock += if last == Some(question) { pause.max(RETRY_PAUSE) } else { pause };
        }
        last = Some(question);
        let number = transcript.connections().count() + 1;
        let busy = host.one_client && closed.is_some_and(|at| clock < at + RECOVERY);
        let reset = busy || host.resets_from.is_some_and(|first| number >= first);
        let bad = host.turns.as_ref().filter(|turns| turns.is_bad(number)).map(|turns| turns.answer);
        let record = converse(host, address, plan(question), clock, reset, bad);
        assert!(record.replays_faithfully());
        clock += record.entries.last().map_or(Duration::ZERO, |(at, _)| *at);
        closed = Some(clock);
        if reset {
            pause *= 2;
        }
        transcript.records.push(Record::Connection(record));
    }
    (transcript, context)
}

fn plan(question: Question) -> ConversationPlan {
    let limit = Duration::from_secs(3);
    ConversationPlan {
        preconnection: None,
        request: question
            .request
            .map(|protocols| ConnectionRequest { protocols: Some(protocols), ..ConnectionRequest::default() }),
        hold: question.hold,
        tls: question.tls,
        credssp: question.credssp,
        connection_sequence: question.settings,
        random: [7; 32],
        shape: wire::tls::HelloShape::default(),
        path: question.path,
        limits: Limits::each(limit),
    }
}

/// Plays one connection: every action is answered, and where there is nothing to answer, time passes.
fn converse(
    host: &Host,
    address: SocketAddr,
    plan: ConversationPlan,
    start: Duration,
    reset: bool,
    bad: Option<Bad>,
) -> ConnectionRecord {
    let mut machine = Conversation::new(plan.clone());
    let mut talk = Talk { host, heard: Vec::new(), confirmed: false, up: false };
    let mut entries = Vec::new();
    let mut now = Duration::from_millis(host.latency);
    let (mut events, mut refused) = (vec![Event::Connected], false);
    if reset {
        events.push(Event::Closed(End::Rst));
    }
    while !machine.ended() {
        let event = if events.is_empty() {
            now = machine.deadline().unwrap();
            Event::Time
        } else {
            events.remove(0)
        };
        entries.push((now, Entry::Event(event.clone())));
        let actions = machine.handle(now, event);
        now += Duration::from_millis(host.latency) + Duration::from_micros(100);
        for action in actions {
            if let Action::Send(bytes) = &action {
                entries.push((now, Entry::Sent(bytes.clone())));
            }
            if let Some(bad) = bad.filter(|bad| bad.ends(&action, talk.up)) {
                events.extend(bad.event(matches!(action, Action::UpgradeTls(_))));
                refused = true;
            } else if !reset && !refused {
                // a hello in pieces goes on behind its first one
                events.extend(talk.answer(&action, NOW + start + now));
            }
        }
    }
    ConnectionRecord { address, start, survey: false, plan, entries }
}

/// The host's side of a connection.
struct Talk<'a> {
    host: &'a Host,
    heard: Vec<u8>,
    confirmed: bool,
    up: bool,
}

impl Talk<'_> {
    fn answer(&mut self, action: &Action, at: time::OffsetDateTime) -> Option<Event> {
        match action {
            Action::Close => None,
            Action::UpgradeTls(offer) => Some(match self.host.tls(offer.min, offer.max) {
                Some(version) => {
                    self.up = true;
                    Event::TlsUp { version, suite: suite(version), chain: self.host.chain.clone() }
                }
                None => Event::TlsFailed(TlsFailure::Alert(Alert { level: 2, description: Alert::PROTOCOL_VERSION })),
            }),
            // a host without CredSSP tells its settings to anyone who comes so far
            Action::Send(bytes) if ConnectInitial::decode(bytes).is_ok() => {
                let asked = ConnectInitial::decode(bytes).map_or(0, |initial| initial.channels.len());
                let settings = ConnectResponse {
                    version: Some(0x0008_0010),
                    io_channel: Some(1003),
                    channels: (1004..).take(asked).collect(),
                    ..ConnectResponse::default()
                };
                Some(Event::Bytes(settings.encode()))
            }
            Action::Send(_) if self.up => Some(Event::Bytes(self.host.introduction(at))),
            Action::Send(bytes) if self.heard.is_empty() && bytes.first() == Some(&3) => {
                let request = ConnectionRequest::decode(bytes).unwrap();
                assert_ne!(request.protocols, Some(SecurityProtocols(0xFFFF_FFFF)));
                self.confirmed = true;
                Some(Event::Bytes(self.host.confirm(&request).encode()))
            }
            // no host answers TLS without a request
            Action::Send(_) if !self.confirmed => Some(Event::Closed(End::Fin)),
            Action::Send(bytes) => {
                self.heard.extend_from_slice(bytes);
                let length =
                    self.heard.get(3..5).map_or(usize::MAX, |l| 5 + usize::from(u16::from_be_bytes([l[0], l[1]])));
                (self.heard.len() >= length).then(|| Event::Bytes(self.flight()))
            }
        }
    }

    /// Answers a hello of our own: a ServerHello and, up to TLS 1.2, the certificate.
    fn flight(&self) -> Vec<u8> {
        let hello = ClientHello::decode(&self.heard[9..]).unwrap();
        // a hello without supported_versions offers every older version
        let Some(version) = self.host.tls(TlsVersion::Tls10, hello.max) else {
            return vec![21, 3, 1, 0, 2, 2, Alert::PROTOCOL_VERSION];
        };
        let mut body = version.min(TlsVersion::Tls12).code().to_be_bytes().to_vec();
        body.extend([5; 32]);
        body.push(0);
        body.extend(suite(version).to_be_bytes());
        body.push(0);
        if version == TlsVersion::Tls13 {
            body.extend([0, 6, 0, 43, 0, 2, 3, 4]);
            return record(&message(2, &body));
        }
        let certificates: Vec<u8> = self.host.chain.iter().flat_map(|der| sized(der)).collect();
        record(&[message(2, &body), message(11, &sized(&certificates)), message(14, &[])].concat())
    }
}

fn suite(version: TlsVersion) -> u16 {
    match version {
        TlsVersion::Tls13 => 0x1302,
        TlsVersion::Tls12 => 0xC030,
        _ => 0xC014,
    }
}

/// Prefixes a length of three bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&size[1..], bytes].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &sized(body)].concat()
}

fn record(messages: &[u8]) -> Vec<u8> {
    let size = u16::try_from(messages.len()).unwrap().to_be_bytes();
    [&[22, 3, 3][..], &size, messages].concat()
}
