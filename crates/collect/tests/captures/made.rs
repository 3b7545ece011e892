//! Captures of the test's own making.

use diagnosis::report::Verdict;
use proptest::prelude::*;
use wire::capture::{Exchange, Watched};
use wire::certificate::Certificate;
use wire::machine::{TcpAnswer, TlsAnswer, X224Answer};
use wire::tls::{TlsOffer, TlsVersion};
use wire::transcript::Transcript;
use wire::x224::{NegotiationFailure, ServerAnswer};

use super::writer::{ACK, BEGAN, CLIENT, Container, FIN, Frame, HOST, RST, SYN, Talk, file, record};
use super::{capture, check};

const ETHERNET: u16 = 1;
const WHOLE: usize = 1 << 16;

pub fn read(frames: &[Frame]) -> collect::evidence::capture::Capture {
    capture(&file(frames, Container::Little, ETHERNET, WHOLE))
}

fn talk() -> Talk {
    Talk::new(50_001, 7_000)
}

/// Certificate that the lab once showed.
pub fn certificate() -> Vec<u8> {
    let transcript: Transcript = include_str!("../../../wire/tests/transcripts/own-flight.txt").parse().unwrap();
    let mut chains = transcript.connections().map(|record| record.outcome().presented.chain);
    chains.find(|chain| !chain.is_empty()).unwrap().remove(0)
}

/// Healthy connection, as far as a capture shows one.
pub fn sound(sequence: u32) -> Talk {
    sound_open(sequence).closed()
}

/// Healthy connection of which the capture misses the end.
fn sound_open(sequence: u32) -> Talk {
    Talk::new(50_001, sequence).opened().asks(0x0B).selects(8).handshake(&certificate())
}

#[test]
fn the_certificate_is_judged_by_the_clock_of_the_capture() {
    let until = Certificate::read(&certificate()).unwrap().not_after;
    let late = u64::try_from(until.unix_timestamp()).unwrap() + 86_400 - BEGAN;
    let talk = talk().after(late * 1000).opened().asks(0x0B).selects(8).handshake(&certificate());
    check(&read(&talk.frames), Verdict::Faulty, &["certificate-expired"]);
}

/// Words of the connection, without times.
fn said(connection: &Watched) -> (Option<TcpAnswer>, Vec<String>) {
    let Exchange { request, answer, hello, handshake, presented, .. } = &connection.exchange;
    let tcp = connection.tcp.as_ref().map(|tcp| tcp.value.clone());
    let words = [
        format!("{:?}", request.as_ref().map(|told| &told.value)),
        format!("{:?}", answer.as_ref().map(|told| &told.value)),
        format!("{:?}", hello.as_ref().map(|told| &told.value)),
        format!("{:?}", handshake.as_ref().map(|told| (&told.value, presented))),
    ];
    (tcp, words.into())
}

#[test]
fn every_container_says_the_same() {
    let frames = sound(7_000).frames;
    let expected = read(&frames).seen;
    assert!(matches!(
        expected.connections[0].exchange.handshake.as_ref().unwrap().value,
        TlsAnswer::Accepted { finished: true, .. }
    ));
    for container in [Container::Little, Container::BigNanoseconds, Container::NextGeneration] {
        let capture = capture(&file(&frames, container, ETHERNET, WHOLE));
        assert_eq!((&capture.seen, capture.notes.len()), (&expected, 0), "{container:?}");
    }
    check(&read(&frames), Verdict::Healthy, &[]);
}

/// Replacement for Ethernet's frame.
type Dress<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn the_link_below_does_not_matter() {
    let expected = read(&sound(7_000).frames).seen;
    let tagged = |frame: &[u8]| [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat();
    let cooked = |frame: &[u8]| [&[0; 14][..], &frame[12..]].concat();
    let cooked_2 = |frame: &[u8]| [&frame[12..14], &[0; 18][..], &frame[14..]].concat();
    let raw = |frame: &[u8]| frame[14..].to_vec();
    let loopback = |frame: &[u8]| [&[2, 0, 0, 0][..], &frame[14..]].concat();
    let links: [(u16, Dress<'_>); 5] = [(1, &tagged), (113, &cooked), (276, &cooked_2), (101, &raw), (0, &loopback)];
    for (link, dressed) in links {
        let frames: Vec<Frame> = sound(7_000).frames.iter().map(|(at, frame)| (*at, dressed(frame))).collect();
        assert_eq!(capture(&file(&frames, Container::Little, link, WHOLE)).seen, expected, "link type {link}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let frames = sound(7_000).frames;
    let whole = file(&frames, Container::Little, ETHERNET, WHOLE);
    let cut = capture(&whole[..whole.len() - 20]);
    assert!(cut.cut.as_ref().unwrap().contains("ends inside a packet"), "{cut:?}");
    assert_eq!(cut.seen.connections.len(), 1);
    let snapped = capture(&file(&frames, Container::Little, ETHERNET, 96));
    assert!(snapped.notes[0].contains("cut at 96 bytes"), "{:?}", snapped.notes);
    assert_eq!(snapped.seen.connections[0].exchange.handshake, None);
    let strange = capture(&file(&frames, Container::Little, 147, WHOLE));
    assert!(strange.notes[0].contains("link type 147"), "{:?}", strange.notes);
    assert!(collect::evidence::capture::read_from(&whole[..10]).is_err());
    assert!(capture(&whole[..24]).notes[0].contains("no Remote Desktop"));
}

#[test]
fn a_refused_port_is_closed_and_a_silent_one_filtered() {
    let refused = talk().packet(CLIENT, SYN, &[]).packet(HOST, RST | ACK, &[]);
    check(&read(&refused.frames), Verdict::Faulty, &["port-closed"]);
    let syn = |talk: Talk| {
        let mut again = talk.clone().packet(CLIENT, SYN, &[]);
        let (at, frame) = talk.frames.first().cloned().unwrap_or_else(|| again.frames.pop().unwrap());
        again.frames = talk.frames;
        again.frames.push((at + again.frames.len() as u64 * 2_000, frame));
        again
    };
    check(&read(&syn(syn(syn(talk()))).frames), Verdict::Faulty, &["port-filtered"]);
    // the capture ends before an answer can be missed
    check(&read(&talk().packet(CLIENT, SYN, &[]).frames), Verdict::Undetermined, &[]);
}

#[test]
fn faults_of_the_negotiation() {
    let failure = |code| ServerAnswer::Failure(NegotiationFailure(code));
    let nla = talk().opened().asks(1).answers(&failure(5)).packet(HOST, FIN | ACK, &[]);
    check(&read(&nla.frames), Verdict::Faulty, &["nla-required"]);
    let no_certificate = talk().opened().asks(3).answers(&failure(3));
    check(&read(&no_certificate.frames), Verdict::Faulty, &["certificate-missing"]);
    check(&read(&talk().opened().asks(0x0B).selects(0).frames), Verdict::Faulty, &["standard-security-only"]);
    check(&read(&talk().opened().asks(0).selects(0).frames), Verdict::Healthy, &[]);
    check(&read(&talk().opened().packet(HOST, RST, &[]).frames), Verdict::Faulty, &["dropped-after-accept"]);
    let silent = talk().opened().asks(0x0B).after(9_000).packet(CLIENT, FIN | ACK, &[]);
    check(&read(&silent.frames), Verdict::Faulty, &["listener-silent"]);
    let hasty = talk().opened().asks(0x0B).packet(CLIENT, FIN | ACK, &[]);
    check(&read(&hasty.frames), Verdict::Undetermined, &[]);
}

#[test]
fn faults_of_the_handshake() {
    let hello = |description: u8| {
        let talk = talk().opened().asks(3).selects(2).hello(TlsOffer::OLD);
        talk.says(HOST, &record(21, &[2, description]), 1400).packet(HOST, FIN | ACK, &[])
    };
    check(&read(&hello(70).frames), Verdict::Faulty, &["tls-version-mismatch"]);
    check(&read(&hello(40).frames), Verdict::Faulty, &["tls-cipher-mismatch"]);
    check(&read(&hello(80).frames), Verdict::Undetermined, &[]);
    let closed = talk().opened().asks(3).selects(2).hello(TlsOffer::PLAIN_12).packet(HOST, RST, &[]);
    let capture = read(&closed.frames);
    let answer = &capture.seen.connections[0].exchange.handshake.as_ref().unwrap().value;
    assert!(matches!(answer, TlsAnswer::Closed { bytes: 0, .. }));
    check(&capture, Verdict::Undetermined, &[]);
}

#[test]
fn one_direction_is_no_silence() {
    let frames = sound(7_000).frames;
    let from = |port: [u8; 2]| frames.iter().filter(|(_, f)| f[34..36] == port).cloned().collect::<Vec<_>>();
    let client = read(&from(50_001_u16.to_be_bytes()));
    let watched = &client.seen.connections[0];
    assert_eq!((&watched.exchange.answer, watched.one_sided.is_some()), (&None, true));
    check(&client, Verdict::Undetermined, &[]);
    let host = read(&from(3389_u16.to_be_bytes()));
    assert!(host.seen.connections[0].one_sided.is_some());
    check(&host, Verdict::Undetermined, &[]);
}

#[test]
fn a_capture_that_begins_late_says_so() {
    let frames = &sound(7_000).frames[3..];
    let watched = &read(frames).seen.connections[0];
    assert!(watched.midway && watched.exchange.handshake.is_some());
    assert!(read(&sound(7_000).frames[6..]).notes[0].contains("begins with no Connection Request"));
}

#[test]
fn a_long_session_is_not_kept_and_misses_nothing() {
    let long = sound_open(7_000).says(HOST, &vec![0x17; 1_200_000], 1400).closed();
    let capture = read(&long.frames);
    let watched = &capture.seen.connections[0];
    assert_eq!(said(watched), said(&read(&sound(7_000).frames).seen.connections[0]));
    assert_eq!((watched.gaps, watched.midway, watched.received > 1_200_000), (false, false, true));
    check(&capture, Verdict::Healthy, &[]);
}

#[test]
fn other_bytes_in_a_retransmission_do_not_count() {
    let mut frames = sound(7_000).frames;
    let expected = said(&read(&frames).seen.connections[0]);
    let mut forged = frames[4].clone();
    *forged.1.last_mut().unwrap() ^= 0xFF;
    frames.insert(5, forged);
    let watched = &read(&frames).seen.connections[0];
    assert_eq!((said(watched), watched.altered), (expected, true));
}

#[test]
fn each_host_and_attempt_is_judged() {
    let mut frames = sound(7_000).frames;
    let failed = ServerAnswer::Failure(NegotiationFailure(5));
    frames.extend(Talk::new(50_002, 9).after(60_000).opened().asks(1).answers(&failed).frames);
    let capture = read(&frames);
    assert_eq!(capture.seen.connections.len(), 2);
    check(&capture, Verdict::Faulty, &["nla-required"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn order_doubles_and_numbers_do_not_matter(sequence: u32, seed in proptest::collection::vec(0_usize..64, 60)) {
        let frames = sound(sequence).frames;
        let expected = said(&read(&sound(7_000).frames).seen.connections[0]);
        // the handshake of TCP stays first, so that it is known where both sides begin
        let mut mixed = frames[3..].to_vec();
        for (at, other) in seed.iter().enumerate() {
            let (at, other) = (at % mixed.len(), other % mixed.len());
            mixed.swap(at, other);
            let doubled = mixed[other].clone();
            if seed[at] % 3 == 0 {
                mixed.push(doubled);
            }
        }
        let all = [&frames[..3], &mixed].concat();
        let capture = read(&all);
        prop_assert_eq!(said(&capture.seen.connections[0]), expected);
        prop_assert!(!capture.seen.connections[0].altered);
    }

    #[test]
    fn a_lost_packet_changes_no_answer(lost in 3_usize..30) {
        let mut frames = sound(7_000).frames;
        let expected = said(&read(&frames).seen.connections[0]).1;
        frames.remove(lost.min(frames.len() - 1));
        let told = said(&read(&frames).seen.connections[0]).1;
        // the rest says the same or less; a handshake may be seen to begin and not to end
        for (told, expected) in told.iter().zip(&expected).take(3) {
            prop_assert!(told == "None" || told == expected, "{} {}", told, expected);
        }
        prop_assert!(told[3] == "None" || told[3].starts_with("Some((Accepted"), "{}", told[3]);
    }

    #[test]
    fn damage_is_no_panic(at in 0_usize..6000, value: u8, cut in 0_usize..6000) {
        for container in [Container::Little, Container::BigNanoseconds, Container::NextGeneration] {
            let mut bytes = file(&sound(7_000).frames, container, ETHERNET, WHOLE);
            bytes.truncate(bytes.len().max(cut) - cut.min(bytes.len() / 2));
            if let Some(byte) = bytes.get_mut(at) { *byte = value; }
            if let Ok(capture) = collect::evidence::capture::read_from(&bytes[..]) {
                super::judged(&capture);
            }
        }
    }
}

#[test]
fn versions_and_answers_are_those_of_the_packets() {
    let watched = &read(&sound(7_000).frames).seen.connections[0];
    let exchange = &watched.exchange;
    assert!(matches!(exchange.answer.as_ref().unwrap().value, X224Answer::Server(_)));
    let accepted = TlsAnswer::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: true };
    assert_eq!(exchange.handshake.as_ref().unwrap().value, accepted);
    assert_eq!(exchange.presented.chain.len(), 1);
    assert_eq!(watched.ends.len(), 2);
}
