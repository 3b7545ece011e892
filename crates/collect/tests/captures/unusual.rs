//! Packets as networks change them, and as other devices wrap them.

use std::collections::BTreeSet;

use diagnosis::report::Verdict;
use evidence::observe::observe_capture;
use evidence::{Evidence, Source};
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};

use super::made::{read, sound};
use super::writer::{ACK, BEGAN, CLIENT, Container, FIN, Frame, HOST, RST, SYN, Talk, block, file};
use super::{capture, check};

fn talk() -> Talk {
    Talk::new(50_001, 7_000)
}

/// Builds Ethernet, IPv4 and the contents.
fn packet(protocol: u8, from: [u8; 4], to: [u8; 4], contents: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + contents.len()).unwrap().to_be_bytes();
    let head = [&[0; 12][..], &[8, 0, 0x45, 0], &total, &[0, 0, 0, 0, 64, protocol, 0, 0], &from, &to].concat();
    [head, contents.to_vec()].concat()
}

/// Builds a router's report that the packet was not delivered, quoting it.
fn unreachable(code: u8, quoted: &[u8]) -> Vec<u8> {
    packet(1, [192, 0, 2, 254], [192, 0, 2, 101], &[&[3, code, 0, 0, 0, 0, 0, 0][..], &quoted[14..54]].concat())
}

#[test]
fn icmp_tells_why_nobody_answers() {
    let asked = talk().packet(CLIENT, SYN, &[]);
    for (code, failure) in [
        (0, ConnectFailure::NetworkUnreachable),
        (1, ConnectFailure::HostUnreachable),
        (13, ConnectFailure::HostUnreachable),
    ] {
        let (at, syn) = asked.frames[0].clone();
        let frames: Vec<Frame> = [0, 1_000, 3_000, 7_000]
            .into_iter()
            .flat_map(|wait| [(at + wait, syn.clone()), (at + wait + 2, unreachable(code, &syn))])
            .collect();
        let seen = read(&frames);
        let tcp = seen.seen.connections[0].tcp.as_ref().map(|tcp| tcp.value.clone());
        assert_eq!(tcp, Some(TcpAnswer::Failed(failure)), "{code}");
        check(&seen, Verdict::Faulty, &["host-unreachable"]);
    }
    // a segment of another connection, and one that was delivered after all
    let (at, syn) = asked.frames[0].clone();
    let mut other = syn.clone();
    other[41] ^= 1;
    let silent =
        vec![(at, syn.clone()), (at + 2, unreachable(1, &other)), (at + 3_000, syn.clone()), (at + 9_000, syn.clone())];
    check(&read(&silent), Verdict::Faulty, &["port-filtered"]);
    let mut sound = sound(9_000).frames;
    let quoted = unreachable(1, &sound[0].1);
    sound.insert(1, (sound[0].0 + 1, quoted));
    check(&read(&sound), Verdict::Healthy, &[]);
}

/// A reset with numbers that do not fit is ignored by its receiver, so it is no refusal.
#[test]
fn a_reset_with_other_numbers_does_not_count() {
    let mut frames = talk().packet(CLIENT, SYN, &[]).frames;
    let mut reset = talk().packet(CLIENT, SYN, &[]).packet(HOST, RST | ACK, &[]).frames.pop().unwrap();
    reset.1[45] ^= 0x40;
    frames.push(reset);
    let again = frames[0].1.clone();
    frames.extend([(4_000, again.clone()), (9_000, again)]);
    check(&read(&frames), Verdict::Faulty, &["port-filtered"]);
    // in the middle of a connection: the host was silent, and does not count as one that resets
    let asked = talk().opened().asks(0x0B);
    let mut blind = asked.clone().packet(HOST, RST, &[]).frames.pop().unwrap();
    blind.1[38] ^= 0x40;
    let mut frames = asked.frames.clone();
    frames.push(blind);
    let repeated = asked.frames.last().unwrap().1.clone();
    frames.extend([(3_000, repeated.clone()), (9_000, repeated)]);
    let answer = read(&frames).seen.connections[0].exchange.answer.clone().map(|answer| answer.value);
    assert_eq!(answer, Some(X224Answer::Silent));
}

/// Wraps a packet.
type Around<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// A mirror port, a provider or a tunnel has wrapped each packet.
#[test]
fn what_is_around_packets_is_taken_off() {
    let (from, to) = ([198, 51, 100, 1], [198, 51, 100, 2]);
    let udp = |port: u16, contents: &[u8]| {
        let size = u16::try_from(8 + contents.len()).unwrap().to_be_bytes();
        [&50_000_u16.to_be_bytes()[..], &port.to_be_bytes(), &size, &[0, 0], contents].concat()
    };
    let pppoe = |frame: &[u8]| [&[0; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21], &frame[14..]].concat();
    let mpls = |frame: &[u8]| [&[0; 12][..], &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], &frame[14..]].concat();
    let gre = |frame: &[u8]| packet(47, from, to, &[&[0x20, 0, 8, 0, 0, 0, 0, 7][..], &frame[14..]].concat());
    let bridged = |frame: &[u8]| packet(47, from, to, &[&[0, 0, 0x65, 0x58][..], frame].concat());
    let vxlan = |frame: &[u8]| packet(17, from, to, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 9, 0][..], frame].concat()));
    let within = |frame: &[u8]| packet(4, from, to, &frame[14..]);
    let around: [Around<'_>; 6] = [&pppoe, &mpls, &gre, &bridged, &vxlan, &within];
    let plain = read(&sound(9_000).frames).seen;
    for (number, around) in around.into_iter().enumerate() {
        let frames: Vec<Frame> = sound(9_000).frames.iter().map(|(at, frame)| (*at, around(frame))).collect();
        assert_eq!(read(&frames).seen, plain, "{number}");
    }
    // endlessly nested packets are left alone
    let deep = |frame: &[u8]| (0..20).fold(frame.to_vec(), |frame, _| within(&frame));
    let frames: Vec<Frame> = sound(9_000).frames.iter().map(|(at, frame)| (*at, deep(frame))).collect();
    assert!(read(&frames).seen.connections.is_empty());
}

#[test]
fn fragments_that_are_not_put_together_are_named() {
    let mut frames = sound(9_000).frames;
    let mut later = packet(6, [192, 0, 2, 101], [192, 0, 2, 7], &[0; 64]);
    later[21] = 8;
    frames.push((9_000, later));
    let seen = read(&frames);
    assert!(seen.notes[0].contains("1 packets are later fragments"), "{:?}", seen.notes);
}

/// The packets of two captures, one after the other: the times tell who ended the connection.
#[test]
fn the_first_end_is_the_first_by_time() {
    let closed = talk().opened().asks(0x0B).packet(HOST, FIN | ACK, &[]).packet(CLIENT, FIN | ACK, &[]);
    let mut frames = closed.frames.clone();
    let last = frames.len() - 1;
    frames.swap(last, last - 1);
    let sides = |frames: &[Frame]| read(frames).seen.connections[0].ends[0].0;
    assert_eq!(sides(&frames), sides(&closed.frames));
}

/// Interfaces that count in powers of two, or in units that nobody can count.
#[test]
fn times_are_those_of_the_interface() {
    let section = [&[0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0][..], &[0xFF; 8]].concat();
    let made = |option: u8, ticks: u64| {
        let interface = [&1_u16.to_le_bytes()[..], &[0; 6], &[9, 0, 1, 0, option, 0, 0, 0, 0, 0, 0, 0]].concat();
        let mut file = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
        for (number, (_, frame)) in (0..).zip(&sound(9_000).frames) {
            let (ticks, size) = (ticks + number, u32::try_from(frame.len()).unwrap());
            let head = [0, (ticks >> 32) as u32, (ticks & 0xFFFF_FFFF) as u32, size, size].map(u32::to_le_bytes);
            file.extend(block(6, &[head.as_flattened(), frame].concat()));
        }
        capture(&file)
    };
    let began = |option: u8, units: u64| made(option, BEGAN * units).seen.connections[0].began.as_secs();
    assert_eq!(began(0x80 | 0x14, 1 << 20), BEGAN);
    assert_eq!(began(3, 1000), BEGAN);
    let uncountable = made(0xFF, BEGAN);
    assert!(uncountable.seen.connections.is_empty() && uncountable.notes[0].contains("without a time"));
}

#[test]
fn transports_beyond_those_that_are_told_are_counted() {
    let syn = |port: u16| {
        let asked = [&[0xFF; 4][..], &[0, 0x40, 0, 1], &[0, 0, 0, 1], &[4, 0xD0, 4, 0xD0]].concat();
        let mut contents = asked;
        contents.resize(1232, 0);
        let size = u16::try_from(8 + contents.len()).unwrap().to_be_bytes();
        let datagram = [&port.to_be_bytes()[..], &3389_u16.to_be_bytes(), &size, &[0, 0], &contents].concat();
        packet(17, [192, 0, 2, 1], [192, 0, 2, 7], &datagram)
    };
    let frames: Vec<Frame> = (0..40).map(|number| (1_000 + u64::from(number), syn(50_000 + number))).collect();
    let seen = capture(&file(&frames, Container::Little, 1, 1 << 16));
    assert_eq!(seen.seen.transports.len(), 40);
    let mut evidence = Evidence::default();
    let more = observe_capture(&seen.seen, &BTreeSet::new(), Source::File(1), &mut evidence);
    assert!(more[0].contains("24 more"), "{more:?}");
}
