//! The fixtures, built by hand.

use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;
use wire::certificate::Certificate;
use wire::credssp::TsRequest;
use wire::figures::TcpFigures;
use wire::foreign::ForeignService;
use wire::machine::{
    Action, ConnectFailure, Conversation, ConversationPlan, CredsspAnswer, End, Event, Limits, Outcome, PathPlan,
    TlsAnswer, TlsFailure, X224Answer,
};
use wire::mcs::ConnectResponse;
use wire::ntlm::{Challenge, WindowsVersion, to_filetime};
use wire::tls::{Alert, TlsOffer, TlsVersion};
use wire::transcript::{ConnectionRecord, Entry, NameAnswer, NameLookup, Record, Transcript};
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

pub(crate) const AT: OffsetDateTime = datetime!(2026-11-21 09:00:00 UTC);
pub(crate) const HOST: &str = "SERVER01.corp.example";
/// Made once with `openssl req -x509 -newkey rsa:2048 -days 180 -subj /CN=SERVER01.corp.example`, with `SERVER01` and
/// 10.20.30.40 among its alternative names.
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("../certificates/server01.der");

pub(crate) fn plan() -> ConversationPlan {
    let second = Duration::from_secs(1);
    ConversationPlan {
        request: Some(ConnectionRequest { protocols: Some(SecurityProtocols(0x0B)), ..ConnectionRequest::default() }),
        tls: Some(TlsOffer::MODERN),
        credssp: Some(6),
        random: std::array::from_fn(|at| u8::try_from(at).unwrap()),
        limits: Limits { tcp: 2 * second, x224: 3 * second, tls: 3 * second, credssp: 2 * second, ..Limits::default() },
        ..ConversationPlan::default()
    }
}

/// Runs the machine over `events`, half a millisecond apart, and keeps what it sends.
pub(crate) fn record(plan: ConversationPlan, events: Vec<Entry>) -> ConnectionRecord {
    let mut machine = Conversation::new(plan.clone());
    let mut entries = Vec::new();
    for (tick, entry) in (1..).zip(events) {
        let now = Duration::from_micros(500 * tick);
        let actions = match &entry {
            Entry::Event(event) => machine.handle(now, event.clone()),
            _ => Vec::new(),
        };
        entries.push((now, entry));
        for action in actions {
            if let Action::Send(bytes) = action {
                entries.push((now, Entry::Sent(bytes)));
            }
        }
    }
    ConnectionRecord {
        address: "10.20.30.40:3389".parse().unwrap(),
        start: Duration::from_micros(1300),
        survey: false,
        plan,
        entries,
    }
}

pub(crate) fn transcript(record: ConnectionRecord) -> Transcript {
    let answer = NameAnswer::Addresses(vec![record.address]);
    Transcript {
        at: AT,
        tool: "rdpdoctor/0.1.0".to_owned(),
        host: HOST.to_owned(),
        port: 3389,
        records: vec![
            Record::Name(NameLookup { start: Duration::ZERO, took: Duration::from_micros(1200), answer }),
            Record::Connection(record),
        ],
    }
}

pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::Event(Event::Bytes(bytes.into()))
}

pub(crate) fn selected(protocol: SecurityProtocols) -> Entry {
    bytes(ServerAnswer::Selected { protocol, flags: 0x1F }.encode())
}

pub(crate) fn connected() -> Entry {
    Entry::Event(Event::Connected)
}

pub(crate) fn challenge() -> Challenge {
    Challenge {
        flaw: None,
        target: Some("CONTOSO".to_owned()),
        netbios_computer: Some("SERVER01".to_owned()),
        netbios_domain: Some("CONTOSO".to_owned()),
        dns_computer: Some("server01.corp.example".to_owned()),
        dns_domain: Some("corp.example".to_owned()),
        dns_tree: Some("contoso.example".to_owned()),
        timestamp: to_filetime(AT),
        version: Some(WindowsVersion { major: 10, minor: 0, build: 20348 }),
    }
}

pub(crate) fn nla(challenge: &Challenge, certificate: &[u8]) -> Transcript {
    let answer = TsRequest { version: 6, tokens: vec![challenge.encode([0xC4; 8])], error: None }.encode();
    let (first, second) = answer.split_at(answer.len() / 2);
    let hello = [&[22, 3, 1, 0, 30, 1, 0, 0, 26][..], b"xserver_name SERVER01.corp"].concat();
    let up = Event::TlsUp { version: TlsVersion::Tls13, suite: 0x1302, chain: vec![certificate.to_vec()] };
    transcript(record(
        ConversationPlan {
            request: Some(ConnectionRequest { cookie: Some("CONTOSO".to_owned()), ..plan().request.unwrap() }),
            ..plan()
        },
        vec![
            connected(),
            selected(SecurityProtocols::HYBRID_EX),
            Entry::TunnelSent(hello),
            Entry::TunnelReceived([&[22, 3, 3, 0, 8][..], b"SERVER01"].concat()),
            Entry::Event(up),
            bytes(first),
            bytes(second),
        ],
    ))
}

pub(crate) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

/// A flight of TLS 1.2 whose records cut the messages anywhere.
pub(crate) fn flight() -> Vec<u8> {
    let hello = [&[3, 3], &[9; 32][..], &[0], &[0xC0, 0x30], &[0]].concat();
    let one = [&u32::try_from(CERTIFICATE.len()).unwrap().to_be_bytes()[1..], CERTIFICATE].concat();
    let list = [&u32::try_from(one.len()).unwrap().to_be_bytes()[1..], &one].concat();
    let request = handshake(13, b"\x01\x40\x00\x08CN=CONTOSO CA");
    let messages = [handshake(2, &hello), handshake(11, &list), request, handshake(14, &[])].concat();
    let record = |part: &[u8]| [&[22, 3, 3][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
    messages.chunks(333).flat_map(record).collect()
}

pub(crate) fn own(events: Vec<Entry>) -> Transcript {
    let plan = ConversationPlan { tls: Some(TlsOffer::SPLIT_12), ..plan() };
    transcript(record(plan, [vec![connected(), selected(SecurityProtocols::SSL)], events].concat()))
}

pub(crate) fn fixtures() -> Vec<(&'static str, Transcript)> {
    let flight = flight();
    let (first, second) = flight.split_at(500);
    let closed = |end| Entry::Event(Event::Closed(end));
    let answered = |greeting: &[u8]| transcript(record(plan(), vec![connected(), bytes(greeting), closed(End::Fin)]));
    vec![
        ("nla-host", nla(&challenge(), CERTIFICATE)),
        ("ssh-banner", answered(b"SSH-2.0-OpenSSH_9.2p1 SERVER01\r\n")),
        ("smtp-banner", answered(b"220 server01.corp.example ESMTP Postfix at 10.20.30.40\r\n")),
        ("nla-required", answered(&[3, 0, 0, 0x13, 0x0E, 0xD0, 0, 0, 0, 0, 0, 3, 0, 8, 0, 5, 0, 0, 0])),
        ("reset-after-hello", own(vec![closed(End::Rst)])),
        ("own-flight", own(vec![bytes(first), bytes(second)])),
        ("own-flight-cut", own(vec![bytes(first), Entry::Event(Event::Time)])),
        ("connection-sequence", connection_sequence()),
        ("protocol-version", own(vec![bytes([21, 3, 1, 0, 2, 2, 70])])),
        ("every-form", every_form()),
        ("measured-path", measured_path()),
        (
            "name-not-found",
            Transcript {
                records: vec![Record::Name(NameLookup {
                    start: Duration::ZERO,
                    took: Duration::from_millis(7),
                    answer: NameAnswer::NotFound { code: -2 },
                })],
                ..own(Vec::new())
            },
        ),
    ]
}

/// A host that lets anyone as far as its settings, inside TLS and in clear.
pub(crate) fn connection_sequence() -> Transcript {
    let settings = ConnectResponse {
        version: Some(0x0008_0010),
        requested: Some(SecurityProtocols::SSL),
        io_channel: Some(1003),
        channels: vec![1004, 1005, 1006, 1007],
        ..ConnectResponse::default()
    };
    let plan = |request| ConversationPlan {
        request: Some(ConnectionRequest { protocols: Some(request), ..ConnectionRequest::default() }),
        connection_sequence: true,
        limits: Limits { connection_sequence: Duration::from_secs(3), ..plan().limits },
        ..plan()
    };
    let up = Event::TlsUp { version: TlsVersion::Tls12, suite: 0xC030, chain: vec![CERTIFICATE.to_vec()] };
    let tls = vec![connected(), selected(SecurityProtocols::SSL), Entry::Event(up), bytes(settings.encode())];
    let clear = ConnectResponse { requested: Some(SecurityProtocols::RDP), encryption: Some((2, 2)), ..settings };
    let refused = ConnectResponse { result: 14, ..ConnectResponse::default() };
    let in_clear =
        |answer: ConnectResponse| vec![connected(), selected(SecurityProtocols::RDP), bytes(answer.encode())];
    let mut transcript = transcript(record(plan(SecurityProtocols::SSL), tls));
    for answer in [clear, refused] {
        transcript.records.push(Record::Connection(record(plan(SecurityProtocols::RDP), in_clear(answer))));
    }
    transcript
}

/// The forms of a line that no other fixture has.
pub(crate) fn every_form() -> Transcript {
    let words = || "no route to \"server01.corp.example\" at 10.20.30.40, says CONTOSO\\admin".to_owned();
    let failed = |failure| vec![Entry::Event(Event::ConnectFailed(failure))];
    let alert = TlsFailure::Alert(Alert { level: 2, description: 70 });
    let tunnel = |failure| vec![connected(), selected(SecurityProtocols::SSL), Entry::Event(Event::TlsFailed(failure))];
    let answered = |bytes: Vec<u8>| vec![connected(), Entry::Event(Event::Bytes(bytes))];
    let mut connections: Vec<ConnectionRecord> = [
        failed(ConnectFailure::Refused),
        failed(ConnectFailure::TimedOut),
        failed(ConnectFailure::NetworkUnreachable),
        failed(ConnectFailure::HostUnreachable),
        failed(ConnectFailure::Other(words())),
        tunnel(alert),
        tunnel(TlsFailure::Closed { end: End::Rst, bytes: 7 }),
        tunnel(TlsFailure::Peer(words())),
        tunnel(TlsFailure::Own(words())),
        answered(ServerAnswer::NoNegotiation.encode()),
        answered(ServerAnswer::DisconnectProviderUltimatum.encode()),
        answered(b"RFB 003.008\n".to_vec()),
        answered(b"HTTP/1.1 400 Bad Request\r\nServer: server01\r\n".to_vec()),
        answered(b"\xFF\xFD\x18SERVER01 login: ".to_vec()),
        answered(vec![0x15, 3, 1, 0, 2, 2, 70]),
    ]
    .into_iter()
    .map(|events| record(plan(), events))
    .collect();
    let held = ConversationPlan { hold: Duration::from_millis(250), ..plan() };
    connections.push(record(held, vec![connected(), Entry::Event(Event::Time)]));
    let bare = ConversationPlan {
        request: Some(ConnectionRequest { protocols: None, ..ConnectionRequest::default() }),
        ..plan()
    };
    connections.push(record(bare, vec![connected()]));
    let direct = ConversationPlan { request: None, tls: Some(TlsOffer::OLD), ..plan() };
    let mut direct = record(direct, [connected()].into_iter().chain([bytes(flight())]).collect());
    direct.address = "[2001:db8:1::7]:3389".parse().unwrap();
    connections.push(direct);
    let answer = NameAnswer::TryAgain { code: -3 };
    let lookup = Record::Name(NameLookup { start: Duration::ZERO, took: Duration::from_secs(5), answer });
    let records = std::iter::once(lookup).chain(connections.into_iter().map(Record::Connection)).collect();
    Transcript { records, ..transcript(record(plan(), Vec::new())) }
}

/// A connection that was made for the sake of the path, with the figures of the operating system.
fn measured_path() -> Transcript {
    let path = PathPlan { segment: 536, pieces: true, hello: 1448, hops: 3 };
    let counted = TcpFigures { again: 3, needless: 1, sent: 19, ..TcpFigures::default() };
    let figures = TcpFigures { syn_rtt: 102, segment: 1448, path_mtu: 1500, ..counted };
    let measured = vec![connected(), Entry::Event(Event::Time), Entry::Figures(figures)];
    transcript(record(ConversationPlan { path, ..plan() }, measured))
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/transcripts/{name}.txt"))
}

#[test]
fn fixtures_are_what_the_code_builds_and_replay() {
    for (name, transcript) in fixtures() {
        if std::env::var_os("WRITE_FIXTURES").is_some() {
            std::fs::write(path(name), transcript.to_string()).unwrap();
        }
        let text = std::fs::read_to_string(path(name)).unwrap();
        assert_eq!(text.parse(), Ok(transcript.clone()), "{name}");
        assert_eq!(text, transcript.to_string(), "{name}");
        assert!(transcript.connections().all(ConnectionRecord::replays_faithfully), "{name}");
    }
}

#[test]
fn fixtures_of_version_1_are_still_read() {
    let held = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcript/version-1");
    let mut count = 0;
    for (name, transcript) in fixtures() {
        // what came later was never written in that version
        let Ok(text) = std::fs::read_to_string(held.join(format!("{name}.txt"))) else { continue };
        count += 1;
        assert!(text.starts_with("rdpdoctor transcript 1\n"), "{name}");
        assert_eq!(text.parse(), Ok(transcript), "{name}");
    }
    assert_eq!(count, std::fs::read_dir(held).unwrap().count());
}

pub(crate) fn outcome(name: &str) -> Outcome {
    let (_, transcript) = fixtures().into_iter().find(|(known, _)| *known == name).unwrap();
    transcript.connections().next().unwrap().outcome()
}

#[test]
fn fixtures_have_their_outcomes() {
    let host = outcome("nla-host");
    let accepted = |version, suite, finished| TlsAnswer::Accepted { version: Some(version), suite, finished };
    assert_eq!(host.tls.unwrap().value, accepted(TlsVersion::Tls13, 0x1302, true));
    assert_eq!(Certificate::read(&host.presented.chain[0]).unwrap().common_name.as_deref(), Some(HOST));
    assert_eq!((host.credssp.unwrap().value, host.challenge), (CredsspAnswer::Challenge(6), Some(challenge())));
    let Some(X224Answer::Foreign { service, .. }) = outcome("ssh-banner").x224.map(|x| x.value) else {
        panic!("foreign")
    };
    assert_eq!(service, ForeignService::Ssh);
    let reset = outcome("reset-after-hello").tls.unwrap();
    assert_eq!(reset.value, TlsAnswer::Closed { end: End::Rst, bytes: 0 });
    let flight = outcome("own-flight");
    assert!(matches!(flight.tls.unwrap().value, TlsAnswer::Accepted { finished: false, .. }));
    assert_eq!(flight.presented.chain, [CERTIFICATE]);
}
