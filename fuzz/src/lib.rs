//! Fuzz targets: each decodes its bytes, then checks what must hold of everything that was decoded.
//!
//! `crates/wire/tests/crashes.rs` includes this file, so that every crash file and every seed is a plain test.

use std::time::Duration;

use wire::capture::{Link, Seen, Table, packet};
use wire::certificate::Certificate;
use wire::credssp::{self, TsRequest};
use wire::dns::{DnsAnswer, DnsQuestion, KEPT, RecordKind, Reply};
use wire::foreign::ForeignService;
use wire::machine::{Action, ConnectFailure, Conversation, ConversationPlan, End, Event, Limits, TlsFailure};
use wire::mcs::{self, ConnectInitial, SequenceAnswer};
use wire::ntlm::{self, Challenge};
use wire::signed_data::{PublicKey, SignedData};
use wire::tls::{Alert, ClientHello, Segments, TlsOffer, TlsStack, TlsVersion, flight};
use wire::transcript::{ConnectionRecord, Transcript};
use wire::x224::{self, ConnectionRequest, SecurityProtocols, ServerAnswer};

/// Name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("x224_answer", x224_answer),
    ("connection_request", connection_request),
    ("tls_flight", tls_flight),
    ("client_hello", client_hello),
    ("ts_request", ts_request),
    ("ntlm_challenge", ntlm_challenge),
    ("certificate", certificate),
    ("transcript", transcript),
    ("conversation", conversation),
    ("capture", capture),
    ("signed_data", signed_data),
    ("connect_response", connect_response),
    ("dns_answer", dns_answer),
];

/// Framing, [`ServerAnswer`] and [`ForeignService`]: the first bytes from a server.
pub fn x224_answer(bytes: &[u8]) {
    if let x224::Framing::Complete(length) = x224::framing(bytes) {
        assert!((7..=x224::ANSWER_LIMIT.min(bytes.len())).contains(&length));
    }
    if let Ok(answer) = ServerAnswer::decode(bytes) {
        assert_eq!(ServerAnswer::decode(&answer.encode()), Ok(answer));
    }
    let _ = ForeignService::recognise(bytes).map(ForeignService::name);
}

/// [`ConnectionRequest`]: a client's first words.
pub fn connection_request(bytes: &[u8]) {
    let Ok(request) = ConnectionRequest::decode(bytes) else { return };
    let again = ConnectionRequest::decode(&request.encode()).expect("what we write, we read");
    assert_eq!(again.protocols, request.protocols);
    if let Some(protocols) = request.protocols {
        assert_eq!(SecurityProtocols::parse(&protocols.to_string()), Some(protocols));
    }
}

/// [`flight::read`]: a server's answer to a ClientHello. More bytes never reverse a verdict.
pub fn tls_flight(bytes: &[u8]) {
    let whole = flight::read(bytes);
    let half = flight::read(bytes.get(..bytes.len() / 2).unwrap_or_default());
    assert!(half == flight::FlightProgress::Incomplete || half == whole, "{half:?} became {whole:?}");
    if let flight::FlightProgress::Complete(flight) = whole {
        assert!(flight.chain.len() <= flight::CHAIN_LIMIT);
        flight.chain.iter().for_each(|der| certificate(der));
    }
}

/// [`ClientHello`]: the body of the handshake message.
pub fn client_hello(bytes: &[u8]) {
    let Ok(hello) = ClientHello::decode(bytes) else { return };
    let written = hello.encode(Segments::Whole).concat();
    assert_eq!(hello.encode(Segments::FirstByteAlone).concat(), written);
}

/// [`TsRequest`] and its framing, and the CHALLENGE in it.
pub fn ts_request(bytes: &[u8]) {
    if let credssp::Framing::Complete(length) = credssp::framing(bytes) {
        assert!(length <= bytes.len());
    }
    let Ok(request) = TsRequest::decode(bytes) else { return };
    assert_eq!(TsRequest::decode(&request.encode()).as_ref(), Ok(&request));
    request.tokens.iter().for_each(|token| ntlm_challenge(token));
}

/// [`Challenge`], raw or wrapped.
pub fn ntlm_challenge(bytes: &[u8]) {
    let _ = Challenge::decode(bytes);
    let Ok(challenge) = Challenge::find(bytes) else { return };
    let _ = challenge.timestamp.and_then(ntlm::filetime).and_then(ntlm::to_filetime);
    let again = Challenge::decode(&challenge.encode([0; 8])).expect("what we write, we read");
    assert_eq!((&again.netbios_computer, again.timestamp), (&challenge.netbios_computer, challenge.timestamp));
}

/// [`Certificate`].
pub fn certificate(bytes: &[u8]) {
    let Some(certificate) = Certificate::read(bytes) else { return };
    assert!(certificate.names.len() <= 100 && certificate.sha256.len() == 64);
}

/// [`SignedData`], and the keys of its certificates.
pub fn signed_data(bytes: &[u8]) {
    let Ok(data) = SignedData::decode(bytes) else { return };
    data.signers.iter().for_each(|signer| drop(data.certificate_of(signer).and_then(PublicKey::of)));
}

/// [`SequenceAnswer`] and its framing, and [`ConnectInitial`], which the lab reads.
pub fn connect_response(bytes: &[u8]) {
    if let x224::Framing::Complete(length) = mcs::framing(bytes) {
        assert!((7..=bytes.len()).contains(&length));
    }
    if let Ok(initial) = ConnectInitial::decode(bytes) {
        assert!(initial.channels.len() <= mcs::CHANNELS_LIMIT);
        assert!(ConnectInitial::decode(&initial.encode()).is_ok(), "what we write, we read");
    }
    let Ok(SequenceAnswer::Response(response)) = SequenceAnswer::decode(bytes) else { return };
    let again = SequenceAnswer::decode(&response.encode());
    assert_eq!(again, Ok(SequenceAnswer::Response(response)));
}

/// [`DnsQuestion`]: what came behind its id and flags. The first byte chooses the kind of record, and whether a header
/// and the question are put in front, so that records are come to.
pub fn dns_answer(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte();
    let kind = RecordKind::ALL[usize::from(choice) % RecordKind::ALL.len()];
    let question = DnsQuestion { name: "srv.corp.example".to_owned(), kind };
    let mut message = Vec::new();
    if choice & 0x80 != 0 {
        message = question.encode(7).expect("a short name");
        message[2] |= 0x80;
        message[7] = choice & 0x7F;
    }
    message.extend(input.0);
    let Ok(Reply::Answer(answer)) = question.read(7, &message) else { return };
    match answer {
        DnsAnswer::Addresses { aliases, addresses } => assert!(aliases.len() <= 16 && addresses.len() <= KEPT),
        DnsAnswer::Names(names) => {
            assert!(names.len() <= KEPT && names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_graphic())));
        }
        _ => {}
    }
}

/// [`Transcript`]: parse, write, replay, redact.
pub fn transcript(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(transcript) = text.parse::<Transcript>() else { return };
    assert_eq!(transcript.to_string().parse().as_ref(), Ok(&transcript));
    let redacted = transcript.redacted();
    assert_eq!(redacted.redacted(), redacted, "redacting twice changed it again");
    assert_eq!(redacted.to_string().parse().as_ref(), Ok(&redacted));
    for (before, after) in transcript.connections().zip(redacted.connections()) {
        assert!(!before.replays_faithfully() || after.replays_faithfully(), "redaction broke a replay");
        assert_eq!(stages(before), stages(after), "redaction changed how far a connection came");
    }
    let _ = redacted.redacted();
}

fn stages(record: &ConnectionRecord) -> [bool; 5] {
    let outcome = record.outcome();
    [
        outcome.tcp.is_some(),
        outcome.x224.is_some(),
        outcome.tls.is_some(),
        outcome.credssp.is_some(),
        outcome.connection_sequence.is_some(),
    ]
}

/// [`Conversation`] with events made of bytes: it ends when its deadline has passed, and holds a bounded number of
/// bytes.
pub fn conversation(bytes: &[u8]) {
    let mut input = Input(bytes);
    let plan = input.plan();
    let mut machine = Conversation::new(plan);
    let mut now = Duration::ZERO;
    let mut sent = 0_usize;
    while let Some(event) = input.event() {
        now = now.saturating_add(Duration::from_millis(input.byte().into()));
        let closing = machine.ended() || event == Event::Time;
        let actions = machine.handle(now, event);
        assert!(!closing || machine.ended(), "alive after its deadline");
        sent = actions.iter().map(weight).fold(sent, usize::saturating_add);
        assert!(sent <= 64 * 1024, "{sent} bytes sent");
        assert_eq!(machine.ended(), machine.deadline().is_none());
    }
    assert!(format!("{machine:?}").len() <= 8 * 1024 * 1024, "a machine without bound");
    machine.handle(machine.deadline().unwrap_or(now), Event::Time);
    assert!(machine.ended(), "alive after its deadline");
}

/// [`packet::read`] and [`Table`] with packets made of bytes: a mirror port that shows each twice changes nothing.
pub fn capture(bytes: &[u8]) {
    let once = captured(bytes, 1);
    assert!(once.connections.windows(2).all(|pair| pair[0].began <= pair[1].began));
    assert_eq!(once, captured(bytes, 2));
    assert_eq!(once.to_string().parse().as_ref(), Ok(&once));
    let redacted = once.redacted();
    assert_eq!(redacted.redacted(), redacted, "redacting twice changed it again");
}

/// Makes packets: the first byte chooses the link; then, for each packet, the milliseconds since the one before, its
/// size and itself.
fn captured(bytes: &[u8], times: usize) -> Seen {
    let links = [Link::Raw, Link::Ethernet, Link::Cooked1, Link::Cooked2, Link::Loopback];
    let mut input = Input(bytes);
    let link = links[usize::from(input.byte()) % links.len()];
    let mut table = Table::default();
    let mut now = Duration::ZERO;
    while !input.0.is_empty() {
        now += Duration::from_millis(u64::from(input.byte()) * 16);
        let bytes = input.bytes();
        let Ok(Some(packet)) = packet::read(link, &bytes) else { continue };
        (0..times).for_each(|_| table.take(now, &packet));
    }
    table.finish()
}

fn weight(action: &Action) -> usize {
    match action {
        Action::Send(bytes) => bytes.len(),
        Action::UpgradeTls(_) | Action::Close => 1,
    }
}

/// Bytes as choices; zeros when they are used up.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> Vec<u8> {
        let size = usize::from(u16::from_be_bytes([self.byte(), self.byte()])).min(self.0.len());
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        taken.to_vec()
    }

    /// Makes a plan from the first byte; 0 is that of a normal probe.
    fn plan(&mut self) -> ConversationPlan {
        let choice = self.byte();
        let second = Duration::from_secs(1);
        let has = |bit: u8| choice & (1 << bit) != 0;
        let offers = [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::SPLIT_12, TlsOffer::OLD];
        ConversationPlan {
            preconnection: None,
            request: (!has(0)).then_some(ConnectionRequest {
                protocols: Some(SecurityProtocols(0x0B)),
                ..ConnectionRequest::default()
            }),
            hold: if has(1) { second } else { Duration::ZERO },
            tls: (!has(2)).then_some(offers[usize::from(choice >> 6)]),
            credssp: (!has(3)).then_some(6),
            connection_sequence: has(4),
            random: [7; 32],
            shape: wire::tls::HelloShape::default(),
            path: wire::machine::PathPlan::default(),
            limits: Limits::each(second),
        }
    }

    fn event(&mut self) -> Option<Event> {
        if self.0.is_empty() {
            return None;
        }
        let end = |byte: u8| if byte & 1 == 0 { End::Fin } else { End::Rst };
        Some(match self.byte() % 10 {
            0 => Event::Connected,
            1 => Event::ConnectFailed(ConnectFailure::Refused),
            // many events of one size, to fill the buffers of a machine
            2 => Event::Bytes(self.bytes().repeat(64)),
            3 | 4 => Event::Bytes(self.bytes()),
            5 => Event::TlsUp { version: TlsVersion::Tls13, suite: 0x1302, chain: vec![self.bytes()] },
            6 => Event::TlsFailed(TlsFailure::Alert(Alert { level: 2, description: self.byte() })),
            7 => Event::TlsFailed(TlsFailure::Closed { end: end(self.byte()), bytes: 0 }),
            8 => Event::Closed(end(self.byte())),
            _ => Event::Time,
        })
    }
}

/// Makes the seeds that a transcript yields: each a target and its bytes.
pub fn seeds(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![("transcript", text.as_bytes().to_vec())];
    if let Ok(transcript) = text.parse::<Transcript>() {
        seeds.push(("transcript", transcript.redacted().to_string().into_bytes()));
        transcript.connections().for_each(|record| record_seeds(record, &mut seeds));
        let captures = transcript.connections().map(capture_seed).filter(|bytes| bytes.len() > 200);
        seeds.extend(captures.map(|bytes| ("capture", bytes)));
    }
    seeds
}

/// Writes the connection as somebody on the path would have captured it: the reverse of [`captured`].
fn capture_seed(record: &ConnectionRecord) -> Vec<u8> {
    use wire::transcript::Entry;
    let mut seed = vec![0];
    let mut numbers = [1_u32, 1];
    let mut add = |side: usize, flags: u8, payload: &[u8]| {
        for payload in payload.chunks(1400).chain(payload.is_empty().then_some(payload)) {
            let packet = raw_packet(side, numbers, flags, payload);
            seed.push(1);
            seed.extend((packet.len() as u16).to_be_bytes());
            seed.extend(packet);
            numbers[side] += payload.len() as u32 + u32::from(flags & 3 != 0);
        }
    };
    for (_, entry) in &record.entries {
        match entry {
            Entry::Event(Event::Connected) => [(0, 2), (1, 18), (0, 16)].into_iter().for_each(|(s, f)| add(s, f, &[])),
            Entry::Event(Event::ConnectFailed(_)) => [(0, 2), (1, 20)].into_iter().for_each(|(s, f)| add(s, f, &[])),
            Entry::Event(Event::Closed(end)) => add(1, if *end == End::Rst { 4 } else { 17 }, &[]),
            Entry::Event(Event::Bytes(bytes)) | Entry::TunnelReceived(bytes) => add(1, 16, bytes),
            Entry::Sent(bytes) | Entry::TunnelSent(bytes) => add(0, 16, bytes),
            Entry::Event(_) | Entry::Figures(_) | Entry::Expired => {}
        }
    }
    seed
}

/// Builds IPv4 and TCP between a client and port 3389.
fn raw_packet(side: usize, numbers: [u32; 2], flags: u8, payload: &[u8]) -> Vec<u8> {
    let addresses = [[192, 0, 2, 1], [192, 0, 2, 7]];
    let ports = [50_000_u16, 3389];
    let mut packet = [&[0x45, 0][..], &(payload.len() as u16 + 40).to_be_bytes(), &[0, 0, 0, 0, 64, 6, 0, 0]].concat();
    packet.extend([addresses[side], addresses[1 - side]].concat());
    packet.extend([ports[side], ports[1 - side]].map(u16::to_be_bytes).concat());
    packet.extend([numbers[side], numbers[1 - side]].map(u32::to_be_bytes).concat());
    packet.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

fn record_seeds(record: &ConnectionRecord, seeds: &mut Vec<(&'static str, Vec<u8>)>) {
    use wire::transcript::Entry;
    let mut script = vec![script_plan(&record.plan)];
    let mut received = Vec::new();
    let mut up = false;
    for (_, entry) in &record.entries {
        match entry {
            Entry::Sent(bytes) if ConnectionRequest::decode(bytes).is_ok() => {
                seeds.push(("connection_request", bytes.clone()))
            }
            Entry::Sent(bytes) if bytes.first() == Some(&0x30) => seeds.push(("ts_request", bytes.clone())),
            Entry::Event(event) => {
                script_event(event, &mut script);
                match event {
                    Event::Bytes(bytes) => received.extend_from_slice(bytes),
                    Event::TlsUp { chain, .. } => {
                        up = true;
                        server_seeds(&std::mem::take(&mut received), seeds);
                        seeds.extend(chain.iter().map(|der| ("certificate", der.clone())));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if up {
        credssp_seeds(&received, seeds)
    } else {
        server_seeds(&received, seeds)
    }
    if let Some(offer) = record.plan.tls.filter(|offer| offer.stack == TlsStack::Own) {
        let hello = ClientHello::of(offer, record.plan.random).encode(Segments::Whole).concat();
        seeds.push(("client_hello", hello.get(9..).unwrap_or_default().to_vec()));
    }
    seeds.push(("conversation", script));
}

fn server_seeds(received: &[u8], seeds: &mut Vec<(&'static str, Vec<u8>)>) {
    let length = match x224::framing(received) {
        x224::Framing::Complete(length) => length,
        _ => received.len(),
    };
    let (answer, behind) = received.split_at(length);
    seeds.push(("x224_answer", answer.to_vec()));
    if let flight::FlightProgress::Complete(flight) = flight::read(behind) {
        seeds.extend(flight.chain.into_iter().map(|der| ("certificate", der)));
    }
    if !behind.is_empty() {
        seeds.push(("tls_flight", behind.to_vec()));
    }
}

fn credssp_seeds(received: &[u8], seeds: &mut Vec<(&'static str, Vec<u8>)>) {
    seeds.push(("ts_request", received.to_vec()));
    if let Ok(request) = TsRequest::decode(received) {
        seeds.extend(request.tokens.into_iter().map(|token| ("ntlm_challenge", token)));
    }
}

/// Reverses [`Input::plan`].
fn script_plan(plan: &ConversationPlan) -> u8 {
    let bit = |set: bool, bit: u8| u8::from(set) << bit;
    let offer = match plan.tls {
        Some(offer) if offer == TlsOffer::PLAIN_12 => 1,
        Some(offer) if offer == TlsOffer::SPLIT_12 => 2,
        Some(offer) if offer == TlsOffer::OLD => 3,
        _ => 0,
    };
    bit(plan.request.is_none(), 0)
        | bit(!plan.hold.is_zero(), 1)
        | bit(plan.tls.is_none(), 2)
        | bit(plan.connection_sequence, 4)
        | offer << 6
}

/// Reverses [`Input::event`], with the byte for its time.
fn script_event(event: &Event, script: &mut Vec<u8>) {
    let sized = |kind: u8, bytes: &[u8]| [&[kind][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let end = |end: &End| u8::from(*end == End::Rst);
    script.extend(match event {
        Event::Connected => vec![0],
        Event::ConnectFailed(_) => vec![1],
        Event::Bytes(bytes) => sized(3, bytes),
        Event::TlsUp { chain, .. } => sized(5, chain.first().map_or(&[], Vec::as_slice)),
        Event::TlsFailed(TlsFailure::Alert(alert)) => vec![6, alert.description],
        Event::TlsFailed(TlsFailure::Closed { end: how, .. }) => vec![7, end(how)],
        Event::TlsFailed(_) => vec![6, 80],
        Event::Closed(how) => vec![8, end(how)],
        Event::Time | Event::RehearsalFailed | Event::CertificateRequested => vec![9],
    });
    script.push(1);
}
