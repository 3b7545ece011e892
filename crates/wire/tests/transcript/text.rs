//! Text and back.

use crate::fixtures::{bytes, connected, fixtures, plan, record, transcript};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use time::OffsetDateTime;
use wire::dns::{DnsAnswer, DnsQuestion, RecordKind};
use wire::figures::TcpFigures;
use wire::hops::{HopAnswer, HopTry};
use wire::machine::{ConnectFailure, ConversationPlan, End, Event, Limits, PathPlan, TlsFailure};
use wire::rdpeudp::DatagramAnswer;
use wire::tls::registry::{Codes, Registry};
use wire::tls::{
    Alert, Groups, HelloShape, HelloStyle, NameSent, Segments, Signatures, Suites, TlsOffer, TlsStack, TlsVersion,
};
use wire::transcript::{
    ConnectionRecord, DatagramRecord, DnsLookup, Entry, HopsRecord, NameAnswer, NameLookup, NameSettings, Neighbours,
    ParseError, Record, Transcript,
};
use wire::x224::{ConnectionRequest, Preconnection, RoutingToken, SecurityProtocols, ServerAnswer};

pub(crate) fn micros() -> impl Strategy<Value = Duration> {
    prop_oneof![any::<u64>().prop_map(Duration::from_micros), (0..=u64::MAX).prop_map(Duration::from_secs)]
}

pub(crate) fn words() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z0-9.-]{0,20}", "\\PC{0,9}#%\n\\PC{0,9}"]
}

pub(crate) fn address() -> impl Strategy<Value = SocketAddr> {
    // flow information is not kept: no resolver fills it in
    let v6 = any::<SocketAddrV6>().prop_map(|a| SocketAddrV6::new(*a.ip(), a.port(), 0, a.scope_id()).into());
    prop_oneof![any::<SocketAddrV4>().prop_map(SocketAddr::V4), v6]
}

pub(crate) fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let answers = prop_oneof![
        (any::<u32>(), any::<u8>())
            .prop_map(|(p, flags)| ServerAnswer::Selected { protocol: SecurityProtocols(p), flags }),
        Just(ServerAnswer::NoNegotiation),
        Just(ServerAnswer::DisconnectProviderUltimatum),
    ];
    prop_oneof![vec(any::<u8>(), 0..60), answers.prop_map(|answer| answer.encode())]
}

pub(crate) fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Fin), Just(End::Rst)]
}

pub(crate) fn version() -> impl Strategy<Value = TlsVersion> {
    proptest::sample::select(&TlsVersion::ALL[..])
}

pub(crate) fn connect_failure() -> impl Strategy<Value = ConnectFailure> {
    prop_oneof![
        Just(ConnectFailure::Refused),
        Just(ConnectFailure::TimedOut),
        Just(ConnectFailure::NetworkUnreachable),
        Just(ConnectFailure::HostUnreachable),
        words().prop_map(ConnectFailure::Other),
    ]
}

pub(crate) fn tls_failure() -> impl Strategy<Value = TlsFailure> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(level, description)| TlsFailure::Alert(Alert { level, description })),
        (end(), 0_usize..100_000).prop_map(|(end, bytes)| TlsFailure::Closed { end, bytes }),
        vec(any::<u8>(), 1..9).prop_map(TlsFailure::NotTls),
        words().prop_map(TlsFailure::Peer),
        words().prop_map(TlsFailure::Own),
    ]
}

pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        Just(Entry::Event(Event::Connected)),
        Just(Entry::Event(Event::Time)),
        Just(Entry::Event(Event::RehearsalFailed)),
        Just(Entry::Event(Event::CertificateRequested)),
        Just(Entry::Expired),
        some_bytes().prop_map(Entry::Sent),
        some_bytes().prop_map(Entry::TunnelSent),
        some_bytes().prop_map(Entry::TunnelReceived),
        figures().prop_map(Entry::Figures),
        some_bytes().prop_map(bytes),
        end().prop_map(|end| Entry::Event(Event::Closed(end))),
        connect_failure().prop_map(|failure| Entry::Event(Event::ConnectFailed(failure))),
        tls_failure().prop_map(|failure| Entry::Event(Event::TlsFailed(failure))),
        (version(), any::<u16>(), vec(some_bytes(), 0..3))
            .prop_map(|(version, suite, chain)| Entry::Event(Event::TlsUp { version, suite, chain })),
    ]
}

/// Some of a registry, or what a usual hello offers of it.
fn some<R: Registry + std::fmt::Debug>(all: Codes<R>) -> impl Strategy<Value = Codes<R>> {
    let codes: Vec<u16> = all.codes().collect();
    let count = codes.len();
    let few = proptest::sample::subsequence(codes, 0..=count).prop_map(|codes| Codes::of(codes).unwrap());
    prop_oneof![Just(Codes::USUAL), few]
}

fn figures() -> impl Strategy<Value = TcpFigures> {
    (vec(any::<u8>(), 232), any::<u64>(), any::<u64>()).prop_map(|(info, syn_again, syn_rtt)| TcpFigures {
        syn_again,
        syn_rtt,
        ..TcpFigures::of_linux(&info).unwrap()
    })
}

pub(crate) fn any_plan() -> impl Strategy<Value = ConversationPlan> {
    let token = option::of("[ -~]{1,20}".prop_map(|text| RoutingToken::parse(&text)));
    let request = (option::of(words()), token, option::of(any::<u32>().prop_map(SecurityProtocols)))
        .prop_map(|(cookie, token, protocols)| ConnectionRequest { cookie, token: token.flatten(), protocols });
    let segments = prop_oneof![Just(Segments::Whole), Just(Segments::FirstByteAlone)];
    let stack = proptest::sample::select(&TlsStack::ALL[..]);
    let lists = (some(Suites::ALL), some(Groups::ALL), some(Signatures::ALL));
    let name = proptest::sample::select(&[NameSent::Typed, NameSent::None, NameSent::Invented][..]);
    let offer = (stack, version(), version(), segments, lists, name).prop_map(
        |(stack, min, max, segments, (suites, groups, signatures), name)| TlsOffer {
            stack,
            min,
            max,
            segments,
            suites,
            groups,
            signatures,
            name,
        },
    );
    let style = proptest::sample::select(&HelloStyle::ALL[..]);
    let shape = (style, option::of("[a-z0-9_][a-z0-9._-]{0,20}"));
    let shape = shape.prop_map(|(style, server_name)| HelloShape { style, server_name });
    let limits = (micros(), micros(), micros(), micros(), micros()).prop_map(
        |(tcp, x224, tls, credssp, connection_sequence)| Limits { tcp, x224, tls, credssp, connection_sequence },
    );
    let behind = (option::of(any::<u32>()), any::<bool>());
    let before = option::of("[ -~]{1,20}".prop_map(|text| Preconnection::parse(&text)));
    let request = (option::of(request), before);
    let path = (any::<u16>(), any::<bool>(), any::<u16>(), any::<u8>());
    let path = path.prop_map(|(segment, pieces, hello, hops)| PathPlan { segment, pieces, hello, hops });
    (request, micros(), option::of((offer, shape)), behind, any::<[u8; 32]>(), (path, limits)).prop_map(
        |((request, before), hold, hello, (credssp, connection_sequence), random, (path, limits))| ConversationPlan {
            preconnection: before.flatten(),
            request,
            hold,
            tls: hello.as_ref().map(|(offer, _)| *offer),
            credssp,
            connection_sequence,
            random,
            shape: hello.map(|(_, shape)| shape).unwrap_or_default(),
            path,
            limits,
        },
    )
}

pub(crate) fn any_connection() -> impl Strategy<Value = ConnectionRecord> {
    (address(), micros(), any::<bool>(), any_plan(), vec((micros(), entry()), 0..12))
        .prop_map(|(address, start, survey, plan, entries)| ConnectionRecord { address, start, survey, plan, entries })
}

pub(crate) fn any_name() -> impl Strategy<Value = NameLookup> {
    let answer = prop_oneof![
        vec(address(), 0..4).prop_map(NameAnswer::Addresses),
        any::<i32>().prop_map(|code| NameAnswer::NotFound { code }),
        any::<i32>().prop_map(|code| NameAnswer::TryAgain { code }),
        any::<i32>().prop_map(|code| NameAnswer::Failed { code }),
        Just(NameAnswer::Silent),
        Just(NameAnswer::NoNetwork),
    ];
    (micros(), micros(), answer).prop_map(|(start, took, answer)| NameLookup { start, took, answer })
}

pub(crate) fn any_settings() -> impl Strategy<Value = NameSettings> {
    let lists = (vec(any::<IpAddr>(), 0..3), vec(address(), 0..3), vec(words(), 0..3));
    let neighbours = vec(proptest::sample::select(&Neighbours::ALL[..]), 0..3);
    (micros(), lists, any::<u8>(), neighbours).prop_map(|(start, (hosts, servers, search), dots, neighbours)| {
        NameSettings { start, hosts, servers, search, dots, neighbours }
    })
}

pub(crate) fn any_dns() -> impl Strategy<Value = DnsLookup> {
    let answer = prop_oneof![
        (vec(words(), 0..3), vec(any::<IpAddr>(), 0..3))
            .prop_map(|(aliases, addresses)| DnsAnswer::Addresses { aliases, addresses }),
        vec(words(), 0..3).prop_map(DnsAnswer::Names),
        any::<u8>().prop_map(DnsAnswer::Failed),
        proptest::sample::select(vec![
            DnsAnswer::NoSuchName,
            DnsAnswer::NoRecord,
            DnsAnswer::Unreadable,
            DnsAnswer::Silent,
            DnsAnswer::Unreachable,
        ]),
    ];
    let kind = proptest::sample::select(&RecordKind::ALL[..]);
    let named = prop_oneof![words(), any::<IpAddr>().prop_map(|address| DnsQuestion::name_of(address).name)];
    let question = (named, kind).prop_map(|(name, kind)| DnsQuestion { name, kind });
    (micros(), micros(), address(), question, answer).prop_map(|(start, took, server, question, answer)| DnsLookup {
        start,
        took,
        server,
        question,
        answer,
    })
}

fn any_datagram() -> impl Strategy<Value = DatagramRecord> {
    let answer = proptest::sample::select(&DatagramAnswer::ALL[..]);
    (micros(), micros(), address(), answer).prop_map(|(start, took, address, answer)| DatagramRecord {
        start,
        took,
        address,
        answer,
    })
}

fn any_hops() -> impl Strategy<Value = HopsRecord> {
    let answer = prop_oneof![
        any::<IpAddr>().prop_map(HopAnswer::Expired),
        (any::<IpAddr>(), any::<u8>(), any::<u8>()).prop_map(|(from, kind, code)| HopAnswer::Unreachable {
            from,
            kind,
            code
        }),
        proptest::sample::select(&[HopAnswer::Accepted, HopAnswer::Refused, HopAnswer::Silent][..]),
    ];
    let tries = vec((any::<u8>(), answer).prop_map(|(hops, answer)| HopTry { hops, answer }), 0..5);
    (micros(), micros(), address(), tries).prop_map(|(start, took, address, tries)| HopsRecord {
        start,
        took,
        address,
        tries,
    })
}

pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        any_name().prop_map(Record::Name),
        any_settings().prop_map(Record::Settings),
        any_dns().prop_map(Record::Dns),
        any_connection().prop_map(Record::Connection),
        any_datagram().prop_map(Record::Datagram),
        any_hops().prop_map(Record::Hops),
    ]
}

pub(crate) fn any_transcript() -> impl Strategy<Value = Transcript> {
    // the years that RFC 3339 can write
    let at = (-62_167_219_200_i64..253_402_300_799, 0_u32..1_000_000_000)
        .prop_map(|(s, n)| OffsetDateTime::from_unix_timestamp(s).unwrap().replace_nanosecond(n).unwrap());
    (at, words(), words(), any::<u16>(), vec(any_record(), 0..4))
        .prop_map(|(at, tool, host, port, records)| Transcript { at, tool, host, port, records })
}

proptest! {
    #[test]
    fn transcripts_survive_their_text(transcript in any_transcript()) {
        prop_assert_eq!(transcript.to_string().parse(), Ok(transcript));
    }

    #[test]
    fn times_are_cut_to_microseconds(nanoseconds: u64) {
        let time = Duration::from_nanos(nanoseconds);
        let record = |at| ConnectionRecord { entries: vec![(at, connected())], ..record(plan(), Vec::new()) };
        let read: Transcript = transcript(record(time)).to_string().parse().unwrap();
        prop_assert_eq!(&read.connections().next().unwrap().entries[0].0, &Duration::from_micros(nanoseconds / 1000));
    }

    #[test]
    fn parsing_never_panics(text: String) {
        let _ = text.parse::<Transcript>();
        for version in 1..=2 {
            let _ = format!("rdpdoctor transcript {version}\n{text}").parse::<Transcript>();
        }
    }

    #[test]
    fn damaged_text_is_refused_by_line_or_read(which in 0..11_usize, at: prop::sample::Index, with in "\\PC|\n| |") {
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
            Err(ParseError::NotATranscript | ParseError::NewerVersion(_)) => prop_assert!(at < 23),
            Err(ParseError::Missing(_)) => {}
            Err(ParseError::TooLarge) => prop_assert!(false),
        }
    }

    #[test]
    fn redaction_keeps_faithful_records_faithful(transcript in any_transcript()) {
        let redacted = transcript.redacted();
        prop_assert_eq!(redacted.to_string().parse(), Ok(redacted.clone()));
        for (before, after) in transcript.connections().zip(redacted.connections()) {
            prop_assert!(!before.replays_faithfully() || after.replays_faithfully());
        }
    }
}

#[test]
fn version_2_is_read_as_it_was() {
    for (name, transcript) in fixtures() {
        let old = transcript.to_string().replacen("transcript 3", "transcript 2", 1);
        assert_eq!(old.parse(), Ok(transcript), "{name}");
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
        (
            "transcript 3",
            "transcript 4",
            "read transcript: \"rdpdoctor transcript 3\" is the newest form that this program knows, and it is \"rdpdoctor transcript 4\"",
        ),
        ("name 0.000000 system", "name 0.000000 other", "read transcript, line 5: resolver is not valid"),
        ("limits=tcp:", "limits=", "read transcript, line 6: limits is not valid"),
        ("connection 0.001300 10", "connections 0.001300 10", "read transcript, line 6: first word is not valid"),
        ("tool rdpdoctor/0.1.0\n", "", "read transcript: the line \"tool\" is missing"),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_eq!(damaged.parse::<Transcript>().unwrap_err().to_string(), error);
    }
}
