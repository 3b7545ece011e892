//! Laws of transcripts: text and back, replay, redaction. The fixtures in `transcripts/` are what [`fixtures`] builds;
//! `cargo test -p wire --test transcript -- --ignored` writes them anew.

#![allow(clippy::disallowed_methods, reason = "fixtures are files")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use time::OffsetDateTime;
use time::macros::datetime;
use wire::certificate::Certificate;
use wire::credssp::TsRequest;
use wire::foreign::ForeignService;
use wire::machine::{
    Action, ConnectFailure, Conversation, ConversationPlan, CredsspAnswer, End, Event, Limits, Outcome, TcpAnswer,
    TlsAnswer, TlsFailure, X224Answer,
};
use wire::ntlm::{Challenge, WindowsVersion, to_filetime};
use wire::tls::{Alert, Segments, TlsOffer, TlsStack, TlsVersion};
use wire::transcript::{Entry, NameAnswer, NameLookup, ParseError, Record, Transcript};
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

const AT: OffsetDateTime = datetime!(2026-11-21 09:00:00 UTC);
const HOST: &str = "SERVER01.corp.example";
/// Made once with `openssl req -x509 -newkey rsa:2048 -days 180 -subj /CN=SERVER01.corp.example`, with `SERVER01` and
/// 10.20.30.40 among its alternative names.
const CERTIFICATE: &[u8] = include_bytes!("certificates/server01.der");

// ---- fixtures

fn plan() -> ConversationPlan {
    let second = Duration::from_secs(1);
    ConversationPlan {
        request: Some(ConnectionRequest { cookie: None, protocols: Some(SecurityProtocols(0x0B)) }),
        hold: Duration::ZERO,
        tls: Some(TlsOffer::MODERN),
        credssp: Some(6),
        random: std::array::from_fn(|at| u8::try_from(at).unwrap()),
        limits: Limits { tcp: 2 * second, x224: 3 * second, tls: 3 * second, credssp: 2 * second },
    }
}

/// Runs the machine over `events`, half a millisecond apart, and keeps what it sends.
fn record(plan: ConversationPlan, events: Vec<Entry>) -> Record {
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
    Record { address: "10.20.30.40:3389".parse().unwrap(), start: Duration::from_micros(1300), plan, entries }
}

fn transcript(record: Record) -> Transcript {
    let answer = NameAnswer::Addresses(vec![record.address]);
    Transcript {
        at: AT,
        tool: "rdpdoctor/0.1.0".to_owned(),
        host: HOST.to_owned(),
        port: 3389,
        name: Some(NameLookup { took: Duration::from_micros(1200), answer }),
        conversations: vec![record],
    }
}

fn bytes(bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::Event(Event::Bytes(bytes.into()))
}

fn selected(protocol: SecurityProtocols) -> Entry {
    bytes(ServerAnswer::Selected { protocol, flags: 0x1F }.encode())
}

fn connected() -> Entry {
    Entry::Event(Event::Connected)
}

fn challenge() -> Challenge {
    Challenge {
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

fn nla(challenge: &Challenge, certificate: &[u8]) -> Transcript {
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

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

/// A flight of TLS 1.2 whose records cut the messages anywhere.
fn flight() -> Vec<u8> {
    let hello = [&[3, 3], &[9; 32][..], &[0], &[0xC0, 0x30], &[0]].concat();
    let one = [&u32::try_from(CERTIFICATE.len()).unwrap().to_be_bytes()[1..], CERTIFICATE].concat();
    let list = [&u32::try_from(one.len()).unwrap().to_be_bytes()[1..], &one].concat();
    let request = handshake(13, b"\x01\x40\x00\x08CN=CONTOSO CA");
    let messages = [handshake(2, &hello), handshake(11, &list), request, handshake(14, &[])].concat();
    let record = |part: &[u8]| [&[22, 3, 3][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
    messages.chunks(333).flat_map(record).collect()
}

fn own(events: Vec<Entry>) -> Transcript {
    let plan = ConversationPlan { tls: Some(TlsOffer::SPLIT_12), ..plan() };
    transcript(record(plan, [vec![connected(), selected(SecurityProtocols::SSL)], events].concat()))
}

fn fixtures() -> Vec<(&'static str, Transcript)> {
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
        ("protocol-version", own(vec![bytes([21, 3, 1, 0, 2, 2, 70])])),
        ("every-form", every_form()),
        (
            "name-not-found",
            Transcript {
                name: Some(NameLookup { took: Duration::from_millis(7), answer: NameAnswer::NotFound { code: -2 } }),
                conversations: Vec::new(),
                ..own(Vec::new())
            },
        ),
    ]
}

/// The forms of a line that no other fixture has.
fn every_form() -> Transcript {
    let words = || "no route to \"server01.corp.example\" at 10.20.30.40, says CONTOSO\\admin".to_owned();
    let failed = |failure| vec![Entry::Event(Event::ConnectFailed(failure))];
    let alert = TlsFailure::Alert(Alert { level: 2, description: 70 });
    let tunnel = |failure| vec![connected(), selected(SecurityProtocols::SSL), Entry::Event(Event::TlsFailed(failure))];
    let answered = |bytes: Vec<u8>| vec![connected(), Entry::Event(Event::Bytes(bytes))];
    let mut conversations: Vec<Record> = [
        failed(ConnectFailure::Refused),
        failed(ConnectFailure::TimedOut),
        failed(ConnectFailure::NetworkUnreachable),
        failed(ConnectFailure::HostUnreachable),
        failed(ConnectFailure::Other(words())),
        tunnel(alert),
        tunnel(TlsFailure::Closed(End::Rst)),
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
    conversations.push(record(held, vec![connected(), Entry::Event(Event::Time)]));
    let bare = ConversationPlan { request: Some(ConnectionRequest { cookie: None, protocols: None }), ..plan() };
    conversations.push(record(bare, vec![connected()]));
    let direct = ConversationPlan { request: None, tls: Some(TlsOffer::OLD), ..plan() };
    let mut direct = record(direct, [connected()].into_iter().chain([bytes(flight())]).collect());
    direct.address = "[2001:db8:1::7]:3389".parse().unwrap();
    conversations.push(direct);
    let answer = NameAnswer::TryAgain { code: -3 };
    let name = Some(NameLookup { took: Duration::from_secs(5), answer });
    Transcript { name, conversations, ..transcript(record(plan(), Vec::new())) }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/transcripts/{name}.txt"))
}

#[test]
#[ignore = "writes the fixtures"]
fn write_fixtures() {
    for (name, transcript) in fixtures() {
        std::fs::write(path(name), transcript.to_string()).unwrap();
    }
}

#[test]
fn fixtures_are_what_the_code_builds_and_replay() {
    for (name, transcript) in fixtures() {
        let text = std::fs::read_to_string(path(name)).unwrap();
        assert_eq!(text.parse(), Ok(transcript.clone()), "{name}");
        assert_eq!(text, transcript.to_string(), "{name}");
        assert!(transcript.conversations.iter().all(Record::replays_faithfully), "{name}");
    }
}

fn outcome(name: &str) -> Outcome {
    let (_, transcript) = fixtures().into_iter().find(|(known, _)| *known == name).unwrap();
    transcript.conversations[0].outcome()
}

#[test]
fn fixtures_have_their_outcomes() {
    let host = outcome("nla-host");
    let Some(TlsAnswer::Established { version: TlsVersion::Tls13, chain, .. }) = host.tls.map(|t| t.value) else {
        panic!("established")
    };
    assert_eq!(Certificate::read(&chain[0]).unwrap().common_name.as_deref(), Some(HOST));
    assert_eq!(host.credssp.unwrap().value, CredsspAnswer::Challenge { version: 6, challenge: challenge() });
    let Some(X224Answer::Foreign { service, .. }) = outcome("ssh-banner").x224.map(|x| x.value) else {
        panic!("foreign")
    };
    assert_eq!(service, ForeignService::Ssh);
    let reset = outcome("reset-after-hello").tls.unwrap();
    assert_eq!(reset.value, TlsAnswer::Closed { end: End::Rst, bytes: 0 });
    let Some(TlsAnswer::Flight(flight)) = outcome("own-flight").tls.map(|t| t.value) else { panic!("flight") };
    assert_eq!(flight.chain, [CERTIFICATE]);
}

// ---- text and back

fn micros() -> impl Strategy<Value = Duration> {
    prop_oneof![any::<u64>().prop_map(Duration::from_micros), (0..=u64::MAX).prop_map(Duration::from_secs)]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z0-9.-]{0,20}", "\\PC{0,9}#%\n\\PC{0,9}"]
}

fn address() -> impl Strategy<Value = SocketAddr> {
    // flow information is not kept: no resolver fills it in
    let v6 = any::<SocketAddrV6>().prop_map(|a| SocketAddrV6::new(*a.ip(), a.port(), 0, a.scope_id()).into());
    prop_oneof![any::<SocketAddrV4>().prop_map(SocketAddr::V4), v6]
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let answers = prop_oneof![
        (any::<u32>(), any::<u8>())
            .prop_map(|(p, flags)| ServerAnswer::Selected { protocol: SecurityProtocols(p), flags }),
        Just(ServerAnswer::NoNegotiation),
        Just(ServerAnswer::DisconnectProviderUltimatum),
    ];
    prop_oneof![vec(any::<u8>(), 0..60), answers.prop_map(|answer| answer.encode())]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Fin), Just(End::Rst)]
}

fn version() -> impl Strategy<Value = TlsVersion> {
    proptest::sample::select(&TlsVersion::ALL[..])
}

fn connect_failure() -> impl Strategy<Value = ConnectFailure> {
    prop_oneof![
        Just(ConnectFailure::Refused),
        Just(ConnectFailure::TimedOut),
        Just(ConnectFailure::NetworkUnreachable),
        Just(ConnectFailure::HostUnreachable),
        words().prop_map(ConnectFailure::Other),
    ]
}

fn tls_failure() -> impl Strategy<Value = TlsFailure> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(level, description)| TlsFailure::Alert(Alert { level, description })),
        end().prop_map(TlsFailure::Closed),
        words().prop_map(TlsFailure::Peer),
        words().prop_map(TlsFailure::Own),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        Just(Entry::Event(Event::Connected)),
        Just(Entry::Event(Event::Time)),
        some_bytes().prop_map(Entry::Sent),
        some_bytes().prop_map(Entry::TunnelSent),
        some_bytes().prop_map(Entry::TunnelReceived),
        some_bytes().prop_map(bytes),
        end().prop_map(|end| Entry::Event(Event::Closed(end))),
        connect_failure().prop_map(|failure| Entry::Event(Event::ConnectFailed(failure))),
        tls_failure().prop_map(|failure| Entry::Event(Event::TlsFailed(failure))),
        (version(), any::<u16>(), vec(some_bytes(), 0..3))
            .prop_map(|(version, suite, chain)| Entry::Event(Event::TlsUp { version, suite, chain })),
    ]
}

fn any_plan() -> impl Strategy<Value = ConversationPlan> {
    let request = (option::of(words()), option::of(any::<u32>().prop_map(SecurityProtocols)))
        .prop_map(|(cookie, protocols)| ConnectionRequest { cookie, protocols });
    let segments = prop_oneof![Just(Segments::Whole), Just(Segments::FirstByteAlone)];
    let offer = (proptest::sample::select(&TlsStack::ALL[..]), version(), version(), segments)
        .prop_map(|(stack, min, max, segments)| TlsOffer { stack, min, max, segments });
    let limits = (micros(), micros(), micros(), micros()).prop_map(|(tcp, x224, tls, credssp)| Limits {
        tcp,
        x224,
        tls,
        credssp,
    });
    (option::of(request), micros(), option::of(offer), option::of(any::<u32>()), any::<[u8; 32]>(), limits).prop_map(
        |(request, hold, tls, credssp, random, limits)| ConversationPlan {
            request,
            hold,
            tls,
            credssp,
            random,
            limits,
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    (address(), micros(), any_plan(), vec((micros(), entry()), 0..12))
        .prop_map(|(address, start, plan, entries)| Record { address, start, plan, entries })
}

fn any_name() -> impl Strategy<Value = NameLookup> {
    let answer = prop_oneof![
        vec(address(), 0..4).prop_map(NameAnswer::Addresses),
        any::<i32>().prop_map(|code| NameAnswer::NotFound { code }),
        any::<i32>().prop_map(|code| NameAnswer::TryAgain { code }),
        any::<i32>().prop_map(|code| NameAnswer::Failed { code }),
        Just(NameAnswer::Silent),
    ];
    (micros(), answer).prop_map(|(took, answer)| NameLookup { took, answer })
}

fn any_transcript() -> impl Strategy<Value = Transcript> {
    // the years that RFC 3339 can write
    let at = (-62_167_219_200_i64..253_402_300_799, 0_u32..1_000_000_000)
        .prop_map(|(s, n)| OffsetDateTime::from_unix_timestamp(s).unwrap().replace_nanosecond(n).unwrap());
    (at, words(), words(), any::<u16>(), option::of(any_name()), vec(any_record(), 0..3)).prop_map(
        |(at, tool, host, port, name, conversations)| Transcript { at, tool, host, port, name, conversations },
    )
}

proptest! {
    #[test]
    fn transcripts_survive_their_text(transcript in any_transcript()) {
        prop_assert_eq!(transcript.to_string().parse(), Ok(transcript));
    }

    #[test]
    fn times_are_cut_to_microseconds(nanoseconds: u64) {
        let time = Duration::from_nanos(nanoseconds);
        let record = |at| Record { entries: vec![(at, connected())], ..record(plan(), Vec::new()) };
        let read: Transcript = transcript(record(time)).to_string().parse().unwrap();
        prop_assert_eq!(&read.conversations[0].entries[0].0, &Duration::from_micros(nanoseconds / 1000));
    }

    #[test]
    fn parsing_never_panics(text: String) {
        let _ = text.parse::<Transcript>();
        let _ = format!("rdpdoctor transcript 1\n{text}").parse::<Transcript>();
    }

    #[test]
    fn damaged_text_is_refused_by_line_or_read(which in 0..10_usize, at: prop::sample::Index, with in "\\PC|\n| |") {
        let text = fixtures()[which].1.to_string();
        let at = at.index(text.len());
        let damaged = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        match damaged.parse::<Transcript>() {
            Ok(read) => {
                prop_assert_eq!(read.to_string().parse(), Ok(read.clone()));
                let _ = read.redacted();
            }
            Err(ParseError::Line { line, .. }) => {
                let before = text[..at].matches('\n').count() + 1;
                prop_assert!((before..=before + 1).contains(&line), "line {} for a fault in {}", line, before);
            }
            Err(ParseError::NotATranscript) => prop_assert!(at < 23),
            Err(ParseError::Missing(_)) => {}
            Err(ParseError::TooLarge) => prop_assert!(false),
        }
    }

    #[test]
    fn redaction_keeps_faithful_records_faithful(transcript in any_transcript()) {
        let redacted = transcript.redacted();
        prop_assert_eq!(redacted.to_string().parse(), Ok(redacted.clone()));
        for (before, after) in transcript.conversations.iter().zip(&redacted.conversations) {
            prop_assert!(!before.replays_faithfully() || after.replays_faithfully());
        }
    }
}

#[test]
fn errors_name_the_line_and_the_fault() {
    let text = fixtures()[0].1.to_string();
    for (from, to, error) in [
        ("connected", "conected", "read transcript, line 7: entry is not valid"),
        ("0.000500 connected", "0.5 connected", "read transcript, line 7: time is not valid"),
        (" 3389\n", " 70000\n", "read transcript, line 4: target port is not valid"),
        ("connected", "connected twice", "read transcript, line 7: end of the line is not valid"),
        ("at 2026", "at then 2026", "read transcript, line 2: at is not valid"),
        ("tool rdpdoctor/0.1.0\n", "", "read transcript: the line \"tool\" is missing"),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_eq!(damaged.parse::<Transcript>().unwrap_err().to_string(), error);
    }
}

// ---- redaction

fn certificates(outcome: &Outcome) -> Vec<Certificate> {
    let chain = match outcome.tls.as_ref().map(|tls| &tls.value) {
        Some(TlsAnswer::Established { chain, .. }) => chain,
        Some(TlsAnswer::Flight(flight)) => &flight.chain,
        _ => return Vec::new(),
    };
    chain.iter().filter_map(|der| Certificate::read(der)).collect()
}

fn told(outcome: &Outcome) -> Option<Challenge> {
    match outcome.credssp.as_ref().map(|credssp| &credssp.value) {
        Some(CredsspAnswer::Challenge { challenge, .. }) => Some(challenge.clone()),
        _ => None,
    }
}

/// Everything of an outcome that does not name anybody.
fn shape(outcome: &Outcome) -> String {
    let kind = |debug: String| debug.split([' ', '(']).next().unwrap_or_default().to_owned();
    let x224 = outcome.x224.as_ref().map(|x224| match &x224.value {
        X224Answer::Foreign { service, bytes } => format!("{service:?} {}", bytes.len()),
        X224Answer::Server(answer) => format!("{answer:?}"),
        other => kind(format!("{other:?}")),
    });
    let tls = outcome.tls.as_ref().map(|tls| match &tls.value {
        TlsAnswer::Established { version, suite, .. } => format!("{version} {suite}"),
        TlsAnswer::Flight(f) => format!("{:?} {} {} {}", f.version, f.suite, f.wants_client_certificate, f.retry),
        TlsAnswer::Malformed(_) | TlsAnswer::NotTls(_) | TlsAnswer::OwnFailure(_) => kind(format!("{:?}", tls.value)),
        other => format!("{other:?}"),
    });
    let facts: Vec<_> = certificates(outcome)
        .into_iter()
        .map(|c| {
            (
                c.not_before,
                c.not_after,
                c.key_algorithm,
                c.key_bits,
                c.signature_algorithm,
                c.usages,
                c.self_issued,
                c.names.len(),
            )
        })
        .collect();
    let host = told(outcome).map(|c| (c.timestamp, c.version, c.target.is_some(), c.dns_tree.is_some()));
    let credssp = outcome.credssp.as_ref().map(|credssp| match &credssp.value {
        CredsspAnswer::Challenge { version, .. } => format!("challenge {version}"),
        CredsspAnswer::Malformed(_) => "malformed".to_owned(),
        other => format!("{other:?}"),
    });
    let times = (
        outcome.x224.as_ref().map(|stage| (stage.at, stage.took)),
        outcome.tls.as_ref().map(|stage| (stage.at, stage.took)),
        outcome.credssp.as_ref().map(|stage| (stage.at, stage.took)),
    );
    // the operating system's words may name somebody
    let tcp = outcome.tcp.as_ref().map(|tcp| match &tcp.value {
        TcpAnswer::Failed(ConnectFailure::Other(_)) => "failed".to_owned(),
        other => format!("{other:?}"),
    });
    format!("{tcp:?} {x224:?} {tls:?} {facts:?} {credssp:?} {host:?} {times:?}")
}

/// Every name in a transcript in a fixed order.
fn names(transcript: &Transcript) -> Vec<String> {
    let mut all = vec![transcript.host.clone()];
    for record in &transcript.conversations {
        all.extend(record.plan.request.as_ref().and_then(|request| request.cookie.clone()));
        let outcome = record.outcome();
        for c in certificates(&outcome) {
            all.extend(c.common_name.into_iter().chain(c.names));
        }
        if let Some(c) = told(&outcome) {
            let six = [c.target, c.netbios_computer, c.netbios_domain, c.dns_computer, c.dns_domain, c.dns_tree];
            all.extend(six.into_iter().flatten());
        }
        all.push(record.address.ip().to_string());
    }
    all.iter().map(|name| name.to_lowercase()).collect()
}

/// Which names are equal to which.
fn equalities(names: &[String]) -> Vec<usize> {
    names.iter().map(|name| names.iter().position(|other| other == name).unwrap()).collect()
}

/// The spellings in which `planted` may hide in a transcript's text.
fn spellings(planted: &str) -> Vec<String> {
    let (lower, upper) = (planted.to_lowercase(), planted.to_uppercase());
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| {
        wire::hex::encode(&text.encode_utf16().flat_map(order).collect::<Vec<_>>())
    };
    let mut all = vec![lower.clone()];
    for text in [planted, &lower, &upper] {
        all.extend([wire::hex::encode(text.as_bytes()), wide(text, u16::to_le_bytes), wide(text, u16::to_be_bytes)]);
    }
    if let Ok(IpAddr::V4(address)) = planted.parse() {
        all.push(wire::hex::encode(&address.octets()));
    }
    all
}

fn assert_redacted(transcript: &Transcript, planted: &[&str]) {
    let redacted = transcript.redacted();
    let text = redacted.to_string().to_lowercase();
    for spelling in planted.iter().flat_map(|name| spellings(name)) {
        assert!(!text.contains(&spelling), "{spelling} is still in\n{text}");
    }
    assert_same_shape(transcript, &redacted);
    assert_same_shape(transcript, &redacted.redacted());
}

fn assert_same_shape(before: &Transcript, after: &Transcript) {
    for (before, after) in before.conversations.iter().zip(&after.conversations) {
        assert_eq!(shape(&before.outcome()), shape(&after.outcome()));
        assert!(after.replays_faithfully());
    }
    assert_eq!(equalities(&names(before)), equalities(&names(after)));
    assert_eq!(before.to_string().lines().count(), after.to_string().lines().count());
}

#[test]
fn fixtures_are_redacted_and_keep_their_shape() {
    for (_, transcript) in fixtures() {
        assert_redacted(&transcript, &["server01", "contoso", "10.20.30.40"]);
    }
}

#[test]
fn labels_that_are_words_of_the_protocol_break_nothing() {
    for label in [
        "cookie", "mstshash", "ntlmssp", "ssh", "esmtp", "postfix", "x", "0", "ab", "srv", "srv01", "cn", "server",
        "xx0",
    ] {
        for (_, mut transcript) in fixtures() {
            transcript.host = label.to_owned();
            assert_same_shape(&transcript, &transcript.redacted());
        }
        let mut host = nla(&Challenge { netbios_computer: Some(label.to_owned()), ..challenge() }, CERTIFICATE);
        host.host = format!("{label}.corp.example");
        assert_same_shape(&host, &host.redacted());
        assert_ne!(host.redacted().host, host.host);
    }
}

#[test]
fn hosts_of_every_form_are_redacted() {
    for (host, expected) in [
        ("10.20.30.40", "192.0.2.1"),
        ("[fe80::abcd]", "[2001:db8::1]"),
        ("fe80::abcd%eth0", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("", ""),
    ] {
        let typed =
            Transcript { host: host.to_owned(), name: None, conversations: Vec::new(), ..fixtures()[0].1.clone() };
        assert_eq!(typed.redacted().host, expected);
    }
}

#[test]
fn words_of_a_stack_are_redacted() {
    let words =
        "not valid for name \"server01.corp.example\", only for DnsName(\"SERVER02\") at 10.20.30.40:3389".to_owned();
    for failure in [TlsFailure::Own(words.clone()), TlsFailure::Peer(words.clone())] {
        let events = vec![connected(), selected(SecurityProtocols::SSL), Entry::Event(Event::TlsFailed(failure))];
        assert_redacted(&transcript(record(plan(), events)), &["server01", "server02", "10.20.30.40"]);
    }
    let failed = Entry::Event(Event::ConnectFailed(ConnectFailure::Other(words)));
    let redacted = transcript(record(plan(), vec![failed])).redacted();
    assert!(!redacted.to_string().contains(&wire::hex::encode(b"SERVER02")));
}

#[test]
fn a_certificate_that_names_the_challenge_still_does() {
    let text = fixtures()[0].1.redacted();
    let outcome = text.conversations[0].outcome();
    let certificate = &certificates(&outcome)[0];
    assert_eq!(certificate.common_name.as_ref().map(|name| name.to_lowercase()), told(&outcome).unwrap().dns_computer);
    assert!(certificate.names.contains(&text.conversations[0].address.ip().to_string()));
}

proptest! {
    #[test]
    fn no_name_of_a_challenge_survives(
        // beginning with letters that no pseudonym and nothing else in a transcript has
        names in proptest::array::uniform6(option::of("(?i)q[qzöw東]{3}[a-z0-9-]{0,12}(\\.corp\\.example)?")),
        cut in 1_usize..400,
    ) {
        let planted: Vec<String> =
            names.iter().flatten().map(|name| name.split('.').next().unwrap().to_owned()).collect();
        let [target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree] = names;
        let told = Challenge { target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree, ..challenge() };
        let mut host = nla(&told, CERTIFICATE);
        if let Some(name) = planted.first() { host.host.clone_from(name); }
        let answer = TsRequest { version: 6, tokens: vec![told.encode([0xC4; 8])], error: None }.encode();
        let (first, second) = answer.split_at(cut.min(answer.len()));
        let entries = &mut host.conversations[0].entries;
        let count = entries.len();
        entries[count - 2].1 = bytes(first);
        entries[count - 1].1 = bytes(second);
        let planted: Vec<&str> = planted.iter().map(String::as_str).collect();
        assert_redacted(&host, &planted);
    }
}
