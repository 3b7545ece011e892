//! Captures of many connections, of proxies, and such as break off.

use diagnosis::report::Verdict;
use wire::machine::{TlsAnswer, X224Answer};
use wire::x224::{NegotiationFailure, ServerAnswer};

use super::made::{certificate, read};
use super::writer::{ACK, CLIENT, Container, FIN, Frame, HOST, RST, Talk, file};
use super::{capture, check, counted, diagnosed};

/// Connection number `number` of a capture, a second after the one before, that comes through.
fn sound(number: u16) -> Talk {
    started(number).selects(8).handshake(&certificate()).closed()
}

fn started(number: u16) -> Talk {
    opened(number).asks(0x0B)
}

fn opened(number: u16) -> Talk {
    Talk::new(20_000 + number, 7).after(u64::from(number) * 1_000).opened()
}

/// Connection that the host refuses.
fn refused(number: u16) -> Talk {
    opened(number).asks(1).answers(&ServerAnswer::Failure(NegotiationFailure(5))).closed()
}

fn frames(talks: impl Iterator<Item = Talk>) -> Vec<Frame> {
    talks.flat_map(|talk| talk.frames).collect()
}

#[test]
fn the_last_of_many_fails_and_is_told_first() {
    let mut frames = frames((0..5000).map(sound));
    frames.extend(refused(5000).frames);
    let capture = read(&frames);
    assert_eq!((capture.seen.connections.len(), capture.seen.left_out), (1024, 3977));
    let last = capture.seen.connections.last().unwrap();
    assert!(matches!(&last.exchange.answer.as_ref().unwrap().value, X224Answer::Server(ServerAnswer::Failure(_))));
    let diagnosis = diagnosed(&capture);
    assert_eq!(counted(&diagnosis)[0], "nla-required");
    assert!(diagnosis.observations.len() < 120, "{}", diagnosis.observations.len());
    // an early failure stays as well: what came through goes first, and of that what is oldest
    let early: Vec<Frame> = refused(0).frames.into_iter().chain(self::frames((1..5000).map(sound))).collect();
    let kept = read(&early).seen.connections;
    assert!(matches!(&kept[0].exchange.answer.as_ref().unwrap().value, X224Answer::Server(ServerAnswer::Failure(_))));
    assert_eq!(kept[1].client.port(), 23_977);
}

fn reset(number: u16) -> Talk {
    started(number).selects(8).hello(wire::tls::TlsOffer::PLAIN_12).packet(HOST, RST | ACK, &[])
}

/// Returns why `one-client-fails` is found, and whether it is.
fn one_client(frames: &[Frame]) -> Option<String> {
    let diagnosis = diagnosed(&read(frames));
    let finding = diagnosis.findings.iter().find(|finding| finding.cause == "one-client-fails")?;
    Some(finding.because.iter().map(|because| because.text.clone()).collect::<Vec<_>>().join("; "))
}

/// Clients have the address 192.0.2.100 and above, by the last two digits of their ports.
#[test]
fn the_one_client_of_many_that_fails_is_named() {
    let all = |fails: fn(u16) -> bool| frames((0..600).map(|n| if fails(n) { reset(n) } else { sound(n) }));
    let told = one_client(&all(|n| n % 100 == 99)).unwrap();
    assert!(told.contains("192.0.2.199: each of its 6 connections to 192.0.2.7:3389 failed"), "{told}");
    assert!(told.contains("of 100 clients 99 came through (600 connections)"), "{told}");
    // near misses: it came through once; every second one fails; nobody does
    assert_eq!(one_client(&all(|n| n == 131)), None);
    assert_eq!(one_client(&all(|n| n % 2 == 1)), None);
    assert_eq!(one_client(&all(|_| false)), None);
}

#[test]
fn a_packet_cut_at_the_end_takes_no_verdict_away() {
    let frames = sound(0).frames;
    for container in [Container::Little, Container::NextGeneration] {
        let whole = file(&frames, container, 1, 1 << 16);
        check(&capture(&whole), Verdict::Healthy, &[]);
        let cut = capture(&whole[..whole.len() - 7]);
        assert!(cut.cut.as_ref().unwrap().starts_with("it ends inside a packet") && cut.notes.is_empty(), "{cut:?}");
        check(&cut, Verdict::Healthy, &[]);
    }
    // near miss: it breaks off within the handshake, which is then no health
    let whole = file(&started(0).selects(8).handshake(&certificate()).frames, Container::Little, 1, 1 << 16);
    let early = capture(&whole[..whole.len() / 2]);
    assert!(early.cut.is_some());
    check(&early, Verdict::Undetermined, &[]);
}

/// Begins a connection to a SOCKS proxy that opens the way to 10.0.0.1:3389.
fn through_socks(reply: u8) -> Talk {
    let talk = Talk::new(50_000, 7).to(10, 1080).opened().says(CLIENT, &[5, 1, 0], 9).says(HOST, &[5, 0], 9);
    let talk = talk.says(CLIENT, &[5, 1, 0, 1, 10, 0, 0, 1, 0x0D, 0x3D], 4);
    talk.says(HOST, &[5, reply, 0, 1, 0, 0, 0, 0, 0, 0], 90)
}

fn through_http(target: &str) -> Talk {
    let talk = Talk::new(50_000, 7).to(10, 8080).opened();
    let talk = talk.says(CLIENT, format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes(), 90);
    talk.says(HOST, b"HTTP/1.1 200 OK\r\n\r\n", 90)
}

#[test]
fn remote_desktop_behind_a_proxy_is_seen() {
    for (talk, label) in [
        (through_socks(0), "10.0.0.1"),
        (through_http("10.0.0.1:3389"), "10.0.0.1"),
        (through_http("ts.corp.example:3389"), "ts.corp.example"),
        (through_http("ts.corp.example:4000"), "ts.corp.example"),
    ] {
        let up = talk.clone().asks(0x0B).selects(8).handshake(&certificate()).closed();
        check(&read(&up.frames), Verdict::Healthy, &[]);
        let down = talk.asks(1).answers(&ServerAnswer::Failure(NegotiationFailure(5))).closed();
        assert!(!read(&down.frames).seen.connections[0].gaps);
        let diagnosis = diagnosed(&read(&down.frames));
        assert_eq!(diagnosis.findings[0].cause, "nla-required");
        let who = &diagnosis.subjects[diagnosis.findings[0].subject];
        assert!([who.name.clone(), who.address.clone()].into_iter().flatten().any(|it| it == label), "{who:?}");
        // the proxy accepted TCP; whether the host did is the proxy's word
        assert!(!diagnosis.observations.iter().any(|seen| seen.fact == "tcp.answer"));
    }
}

#[test]
fn a_proxy_that_does_not_open_the_way_is_told_and_judged_by_nothing() {
    let refused = read(&through_socks(5).packet(HOST, FIN | ACK, &[]).frames);
    let mut evidence = evidence::Evidence::default();
    let none = std::collections::BTreeSet::new();
    let notes = evidence::observe::observe_capture(&refused.seen, &none, evidence::Source::File(1), &mut evidence);
    assert_eq!(
        notes,
        ["the proxy 192.0.2.10:1080 was asked for 10.0.0.1:3389, and no Remote Desktop followed (reply 5 of SOCKS 5)"]
    );
    check(&refused, Verdict::Undetermined, &[]);
    // near miss: the web through the same proxy
    let web = through_http("www.example.com:443").asks_for("www.example.com").goes_along(&certificate());
    assert!(read(&web.frames).seen.connections.is_empty());
}

#[test]
fn tls_behind_a_proxy_is_read() {
    let talk = through_socks(0).asks(0x0B).selects(8).handshake(&certificate()).frames;
    let capture = read(&talk);
    let exchange = &capture.seen.connections[0].exchange;
    assert!(matches!(exchange.handshake.as_ref().unwrap().value, TlsAnswer::Accepted { finished: true, .. }));
    assert_eq!(exchange.presented.chain.len(), 1);
}
