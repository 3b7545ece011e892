//! The text form of what a capture shows, and what redaction leaves of it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wire::capture::{Exchange, FailingClient, Seen, Side, Socks, Tally, UdpWatched, Watched, Web, WebAnswer};
use wire::foreign::ForeignService;
use wire::http::{Method, Request, Response, SCHEMES};
use wire::machine::{ConnectFailure, End, Presented, TcpAnswer, Timed, TlsAnswer, X224Answer};
use wire::rdpeudp::Syn;
use wire::tls::{Alert, ClientHello, HelloStyle, TlsVersion};
use wire::x224::{ConnectionRequest, NegotiationFailure, SecurityProtocols, ServerAnswer};

const CERTIFICATE: &[u8] = include_bytes!("certificates/server01.der");

fn time() -> impl Strategy<Value = Duration> {
    (0_u64..2_000_000_000, 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn timed<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<Timed<T>>> {
    option::of((value, time(), time()).prop_map(|(value, took, at)| Timed { value, took, at }))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Fin), Just(End::Rst)]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Host)]
}

fn version() -> impl Strategy<Value = TlsVersion> {
    proptest::sample::select(TlsVersion::ALL.to_vec())
}

fn alert() -> impl Strategy<Value = Alert> {
    (any::<u8>(), any::<u8>()).prop_map(|(level, description)| Alert { level, description })
}

fn tcp() -> impl Strategy<Value = TcpAnswer> {
    prop_oneof![
        Just(TcpAnswer::Accepted),
        Just(TcpAnswer::Silent),
        Just(TcpAnswer::Failed(ConnectFailure::Refused)),
        ".{0,9}".prop_map(|words| TcpAnswer::Failed(ConnectFailure::Other(words))),
    ]
}

fn request() -> impl Strategy<Value = Result<ConnectionRequest, String>> {
    prop_oneof![
        (option::of(".{0,12}"), option::of(any::<u32>())).prop_map(|(cookie, protocols)| {
            Ok(ConnectionRequest { cookie, token: None, protocols: protocols.map(SecurityProtocols) })
        }),
        ".{0,12}".prop_map(Err),
    ]
}

fn answer() -> impl Strategy<Value = X224Answer> {
    let services = ["SSH-2.0", "HTTP/1.1", "RFB 003", "220 ESMTP", "220 x", "* OK", "\u{16}\u{3}\u{1}"];
    let service = proptest::sample::select(services.to_vec());
    prop_oneof![
        (any::<u32>(), any::<u8>()).prop_map(|(protocol, flags)| {
            X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols(protocol), flags })
        }),
        any::<u32>().prop_map(|code| X224Answer::Server(ServerAnswer::Failure(NegotiationFailure(code)))),
        Just(X224Answer::Server(ServerAnswer::NoNegotiation)),
        Just(X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum)),
        (service, bytes()).prop_map(|(text, bytes)| {
            let bytes = [text.as_bytes(), &bytes].concat();
            X224Answer::Foreign { service: ForeignService::recognise(&bytes).unwrap(), bytes }
        }),
        bytes().prop_map(X224Answer::NotTpkt),
        (bytes(), ".{0,12}").prop_map(|(bytes, error)| X224Answer::Malformed { bytes, error }),
        end().prop_map(X224Answer::Closed),
        end().prop_map(X224Answer::ClosedBeforeRequest),
        Just(X224Answer::HeldOpen),
        bytes().prop_map(X224Answer::Incomplete),
        Just(X224Answer::Silent),
    ]
}

fn hello() -> impl Strategy<Value = ClientHello> {
    let codes = || vec(any::<u16>(), 0..5);
    let name = option::of("[a-z0-9_][a-z0-9._-]{0,20}");
    (version(), version(), codes(), codes(), codes(), any::<[u8; 32]>(), 0_usize..600, name).prop_map(
        |(min, max, suites, groups, signatures, random, pad_to, server_name)| ClientHello {
            min,
            max,
            suites,
            groups,
            signatures,
            random,
            pad_to,
            server_name,
            style: HelloStyle::Plain,
        },
    )
}

fn chain() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(prop_oneof![Just(CERTIFICATE.to_vec()), bytes()], 0..3)
}

fn handshake() -> impl Strategy<Value = (TlsAnswer, Presented)> {
    let flight = (
        (option::of(version()), any::<u16>(), chain(), any::<bool>(), any::<bool>()),
        (option::of(any::<u16>()), option::of(any::<u16>()), option::of(0_usize..9000)),
    );
    prop_oneof![
        (option::of(version()), any::<u16>(), chain()).prop_map(|(version, suite, chain)| {
            let answer = TlsAnswer::Accepted { version, suite, finished: true };
            (answer, Presented { chain, ..Presented::default() })
        }),
        flight.prop_map(
            |((version, suite, chain, wants_client_certificate, retry), (group, signature, prime_bits))| {
                let answer = TlsAnswer::Accepted { version, suite, finished: false };
                (answer, Presented { chain, wants_client_certificate, retry, group, signature, prime_bits })
            }
        ),
        refusal().prop_map(|answer| (answer, Presented::default())),
    ]
}

fn refusal() -> impl Strategy<Value = TlsAnswer> {
    prop_oneof![
        alert().prop_map(TlsAnswer::Alert),
        (end(), 0_usize..9000).prop_map(|(end, bytes)| TlsAnswer::Closed { end, bytes }),
        (0_usize..9000).prop_map(|bytes| TlsAnswer::Silent { bytes }),
        bytes().prop_map(TlsAnswer::NotTls),
        ".{0,12}".prop_map(TlsAnswer::Malformed),
        ".{0,12}".prop_map(TlsAnswer::OwnFailure),
    ]
}

fn web() -> impl Strategy<Value = Option<Web>> {
    let hosts = ["gw.corp.example", "203.0.113.5", "2001:db8::5", "10.0.0.5", "fe80::5", "-", "x1"];
    let host = option::of(proptest::sample::select(hosts.to_vec()));
    let method = proptest::sample::select(Method::ALL.to_vec());
    let request =
        (method, host, option::of(any::<u16>()), time(), time()).prop_map(|(method, host, port, took, at)| {
            let host = host.filter(|host| *host != "-").map(str::to_owned);
            Timed { value: Request { method, host, port }, took, at }
        });
    let schemes = || vec(proptest::sample::select(SCHEMES.to_vec()), 0..3);
    let response = (any::<u16>(), schemes(), schemes(), any::<bool>()).prop_map(
        |(status, authenticate, proxy_authenticate, websocket)| {
            WebAnswer::Response(Response { status, authenticate, proxy_authenticate, websocket })
        },
    );
    let answer =
        prop_oneof![response, Just(WebAnswer::Foreign), end().prop_map(WebAnswer::Closed), Just(WebAnswer::Silent)];
    let answers = vec((answer, time(), time()).prop_map(|(value, took, at)| Timed { value, took, at }), 0..3);
    option::of((request, answers).prop_map(|(request, answers)| Web { request, answers }))
}

fn socks() -> impl Strategy<Value = Socks> {
    let host = proptest::sample::select(vec!["ts.corp.example", "203.0.113.5", "2001:db8::5"]);
    (4_u8..6, host, any::<u16>(), option::of(any::<u8>())).prop_map(|(version, host, port, reply)| Socks {
        version,
        host: host.to_owned(),
        port,
        reply,
    })
}

fn tally() -> impl Strategy<Value = Tally> {
    let named =
        (any::<[u8; 4]>(), any::<u64>(), time(), any::<u64>()).prop_map(|(client, attempts, last, passed_since)| {
            FailingClient { client: client.into(), attempts, last, passed_since }
        });
    (socket(), any::<u64>(), any::<u64>(), any::<u64>(), time(), vec(named, 0..3)).prop_map(
        |(host, connections, clients, failing, until, named)| Tally {
            host,
            connections,
            clients,
            failing,
            until,
            named,
        },
    )
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let alerts = (option::of(alert()), option::of(alert()), any::<bool>());
    (timed(request()), timed(answer()), web(), timed(socks()), timed(hello()), timed(handshake()), alerts).prop_map(
        |(request, answer, web, socks, hello, handshake, (client_alert, server_alert, hidden))| {
            let (handshake, presented) = handshake.map(Timed::split).unzip();
            let presented = presented.unwrap_or_default();
            Exchange { request, answer, web, socks, hello, handshake, presented, client_alert, server_alert, hidden }
        },
    )
}

fn socket() -> impl Strategy<Value = std::net::SocketAddr> {
    let four = (any::<[u8; 4]>(), any::<u16>()).prop_map(|(octets, port)| (octets, port).into());
    let six = (any::<[u8; 16]>(), any::<u16>()).prop_map(|(octets, port)| (octets, port).into());
    prop_oneof![four, six]
}

fn watched() -> impl Strategy<Value = Watched> {
    let flags = (any::<bool>(), option::of(side()), any::<bool>(), any::<bool>());
    let counts = (any::<u64>(), any::<u64>());
    (socket(), socket(), time(), timed(tcp()), exchange(), vec((side(), end(), time()), 0..4), counts, flags).prop_map(
        |(client, host, began, tcp, exchange, ends, (sent, received), (midway, one_sided, gaps, altered))| Watched {
            client,
            host,
            began,
            tcp,
            exchange,
            ends,
            sent,
            received,
            midway,
            one_sided,
            gaps,
            altered,
        },
    )
}

fn syn() -> impl Strategy<Value = Syn> {
    (any::<bool>(), any::<bool>(), option::of(any::<u16>())).prop_map(|(acknowledges, lossy, version)| Syn {
        acknowledges,
        lossy,
        version,
    })
}

fn transport() -> impl Strategy<Value = UdpWatched> {
    (socket(), socket(), time(), syn(), option::of((syn(), time())))
        .prop_map(|(client, host, began, asked, answer)| UdpWatched { client, host, began, asked, answer })
}

fn seen() -> impl Strategy<Value = Seen> {
    let ends = (option::of(time()), option::of(time()), any::<u64>(), any::<u64>(), any::<u64>());
    (vec(watched(), 0..4), vec(watched(), 0..3), vec(transport(), 0..3), vec(tally(), 0..3), ends).prop_map(
        |(connections, tunnels, transports, tallies, (from, until, left_out, passed_over, foreign))| Seen {
            connections,
            tunnels,
            tallies,
            passed_over,
            transports,
            left_out,
            foreign,
            from,
            until,
        },
    )
}

proptest! {
    #[test]
    fn reading_undoes_writing(seen in seen()) {
        prop_assert_eq!(seen.to_string().parse::<Seen>().unwrap(), seen);
    }

    #[test]
    fn reading_never_panics(text in "(connection |tunnel |udp |tally |  failing |  socks |  tcp |  web |  web-answer |  answer |  hello |from |[0-9a-z.:+ -]|\n){0,40}") {
        drop(text.parse::<Seen>());
    }

    #[test]
    fn redacted_twice_is_redacted_once(seen in seen()) {
        let once = seen.redacted();
        prop_assert_eq!(once.redacted(), once.clone());
        prop_assert_eq!(once.connections.len(), seen.connections.len());
        let lines = |seen: &Seen| seen.to_string().lines().count();
        prop_assert_eq!(lines(&once), lines(&seen));
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, words) in [
        ("connexion", "line 1: first word is not valid"),
        ("\n  tcp 0.000000000 0.000000000 accepted", "line 2: place of the line is not valid"),
        ("from 1.5", "line 1: from is not valid"),
        ("foreign 1 2", "line 1: end of the line is not valid"),
    ] {
        assert_eq!(text.parse::<Seen>().unwrap_err().to_string(), format!("read recorded capture, {words}"));
    }
}
