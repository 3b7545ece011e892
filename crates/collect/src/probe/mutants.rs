//! "Is it us?": probers that say something wrong, each against a healthy host over real sockets. None of them may find
//! a fault of that host.
//!
//! Words are spoiled between record and socket, the worst place: the transcript says that all is well.

#![allow(clippy::needless_pass_by_value)] // every change has one signature

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::{Context, Diagnosis};
use evidence::observe::observe;
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, ProfileSource, Target};
use lab::{Lab, Scenario};
use time::OffsetDateTime;
use wire::machine::Event;
use wire::transcript::{Entry, Transcript};

use super::outlet::{Layer, Outlet, Step};
use super::{Probe, capabilities};

/// Short, because many mutants wait for an answer that cannot come; ample on loopback.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// Longer than a stage may take.
const TOO_LONG: Duration = Duration::from_millis(700);
const THREADS: usize = 6;

/// Mutants that a probe cannot tell from a fault of the host, each with the reason. None.
const INDISTINGUISHABLE: &[(&str, &str)] = &[];

/// Words that are spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing yet: as soon as the connection is established.
    Start,
    /// The Connection Request.
    Request,
    /// The ClientHello, by any stack.
    Hello,
    /// A TLS stack's output after its hello.
    Later,
    /// The `TSRequest`, before it is encrypted.
    Introduction,
}

type Steps = fn(Vec<u8>) -> Vec<Step>;

struct Mutant {
    name: &'static str,
    part: Part,
    steps: Steps,
}

impl Outlet for Mutant {
    fn pass(&self, layer: Layer, bytes: Vec<u8>) -> Vec<Step> {
        let part = match (layer, bytes.first()) {
            (Layer::Connected, _) => Part::Start,
            (_, None) => return Vec::new(),
            (Layer::Plain, _) => Part::Introduction,
            (Layer::Bare, Some(3)) => Part::Request,
            (Layer::Bare, _) => Part::Hello,
            (Layer::Tunnel, Some(22)) if bytes.get(5) == Some(&1) => Part::Hello,
            (Layer::Tunnel, _) => Part::Later,
        };
        match part {
            part if part == self.part => (self.steps)(bytes),
            Part::Start => Vec::new(),
            _ => vec![Step::Write(bytes)],
        }
    }
}

fn write(bytes: &[u8]) -> Vec<Step> {
    vec![Step::Write(bytes.to_vec())]
}

/// Returns the bytes with some of them changed.
fn set<const N: usize>(mut bytes: Vec<u8>, changes: [(usize, u8); N]) -> Vec<Step> {
    for (at, value) in changes {
        // a hello may arrive in pieces
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
    vec![Step::Write(bytes)]
}

fn add(bytes: Vec<u8>, at: usize, change: u8) -> Vec<Step> {
    let value = bytes.get(at).map_or(0, |byte| byte.wrapping_add(change));
    set(bytes, [(at, value)])
}

fn clip(mut bytes: Vec<u8>, from_end: usize) -> Vec<Step> {
    bytes.truncate(bytes.len().saturating_sub(from_end));
    vec![Step::Write(bytes)]
}

fn half(bytes: Vec<u8>) -> Vec<Step> {
    let length = bytes.len() / 2;
    clip(bytes, length)
}

fn twice(bytes: Vec<u8>) -> Vec<Step> {
    write(&[&bytes[..], &bytes].concat())
}

fn reversed(mut bytes: Vec<u8>) -> Vec<Step> {
    bytes.reverse();
    write(&bytes)
}

fn pairs_swapped(mut bytes: Vec<u8>) -> Vec<Step> {
    bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    write(&bytes)
}

fn halves_swapped(mut bytes: Vec<u8>) -> Vec<Step> {
    let middle = bytes.len() / 2;
    bytes.rotate_left(middle);
    write(&bytes)
}

fn inverted(bytes: Vec<u8>) -> Vec<Step> {
    write(&bytes.into_iter().map(|byte| !byte).collect::<Vec<_>>())
}

fn one_more(mut bytes: Vec<u8>) -> Vec<Step> {
    bytes.push(0);
    vec![Step::Write(bytes)]
}

fn nothing(_: Vec<u8>) -> Vec<Step> {
    Vec::new()
}

fn then_close(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Write(bytes), Step::Close]
}

fn close_first(_: Vec<u8>) -> Vec<Step> {
    vec![Step::Close]
}

fn late(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Wait(TOO_LONG), Step::Write(bytes)]
}

fn a_little_late(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Wait(Duration::from_millis(50)), Step::Write(bytes)]
}

fn byte_by_byte(bytes: Vec<u8>) -> Vec<Step> {
    bytes.into_iter().map(|byte| Step::Write(vec![byte])).collect()
}

fn with_a_gap(bytes: Vec<u8>) -> Vec<Step> {
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    vec![Step::Write(first.to_vec()), Step::Wait(TOO_LONG), Step::Write(rest.to_vec())]
}

fn middle_flipped(bytes: Vec<u8>) -> Vec<Step> {
    let at = bytes.len() / 2;
    add(bytes, at, 1)
}

fn end_flipped(bytes: Vec<u8>) -> Vec<Step> {
    let at = bytes.len() - 1;
    add(bytes, at, 1)
}

/// Faults that any words may have.
const ANYWHERE: &[(&str, Steps)] = &[
    ("half", half),
    ("one byte less", |bytes| clip(bytes, 1)),
    ("one byte more", one_more),
    ("twice", twice),
    ("reversed", reversed),
    ("pairs of bytes swapped", pairs_swapped),
    ("halves swapped", halves_swapped),
    ("inverted", inverted),
    ("zeros", |bytes| write(&vec![0; bytes.len()])),
    ("nothing", nothing),
    ("closed afterwards", then_close),
    ("closed instead", close_first),
    ("too late", late),
    ("a little late", a_little_late),
    ("byte by byte", byte_by_byte),
    ("a gap", with_a_gap),
    ("a bit in the middle", middle_flipped),
    ("a bit at the end", end_flipped),
];

/// Faults of requests. Offsets are those of TPKT, X.224 and RDP_NEG_REQ.
const REQUESTS: &[(&str, Steps)] = &[
    ("TPKT version 0", |bytes| set(bytes, [(0, 0)])),
    ("TPKT version 2", |bytes| set(bytes, [(0, 2)])),
    ("TPKT version 4", |bytes| set(bytes, [(0, 4)])),
    ("TPKT reserved byte", |bytes| set(bytes, [(1, 0xFF)])),
    ("TPKT length 0", |bytes| set(bytes, [(2, 0), (3, 0)])),
    ("TPKT length short", |bytes| add(bytes, 3, 0xFF)),
    ("TPKT length long", |bytes| add(bytes, 3, 1)),
    ("TPKT length huge", |bytes| set(bytes, [(2, 0xFF), (3, 0xFF)])),
    ("TPKT length in the wrong order", |bytes| set(bytes, [(2, 19), (3, 0)])),
    ("X.224 length 0", |bytes| set(bytes, [(4, 0)])),
    ("X.224 length short", |bytes| add(bytes, 4, 0xFF)),
    ("X.224 length long", |bytes| add(bytes, 4, 1)),
    ("X.224 length 255", |bytes| set(bytes, [(4, 255)])),
    ("X.224 confirm", |bytes| set(bytes, [(5, 0xD0)])),
    ("X.224 data", |bytes| set(bytes, [(5, 0xF0)])),
    ("X.224 disconnect", |bytes| set(bytes, [(5, 0x80)])),
    ("X.224 code 0", |bytes| set(bytes, [(5, 0)])),
    ("X.224 reference", |bytes| set(bytes, [(6, 0xAB), (8, 0xCD)])),
    ("X.224 class 4", |bytes| set(bytes, [(10, 0x40)])),
    ("negotiation type 0", |bytes| set(bytes, [(11, 0)])),
    ("negotiation type 2", |bytes| set(bytes, [(11, 2)])),
    ("negotiation flags", |bytes| set(bytes, [(12, 0xFF)])),
    ("negotiation length 0", |bytes| set(bytes, [(13, 0)])),
    ("negotiation length 7", |bytes| set(bytes, [(13, 7)])),
    ("negotiation length in the wrong order", |bytes| set(bytes, [(13, 0), (14, 8)])),
    ("protocols none", |bytes| set(bytes, [(15, 0)])),
    ("protocols in the wrong order", |bytes| set(bytes, [(15, 0), (18, 0x0B)])),
    ("protocols all", |bytes| set(bytes, [(15, 0xFF), (16, 0xFF), (17, 0xFF), (18, 0xFF)])),
    ("protocols TLS alone", |bytes| set(bytes, [(15, 1)])),
    ("protocols RDSTLS alone", |bytes| set(bytes, [(15, 4)])),
    ("without negotiation", |_| write(&[3, 0, 0, 11, 6, 0xE0, 0, 0, 0, 0, 0])),
    ("in HTTP", |_| write(b"GET / HTTP/1.0\r\n\r\n")),
];

/// Faults of hellos. Offsets are those of the record, the handshake message and a ClientHello with an empty session
/// identifier.
const HELLOS: &[(&str, Steps)] = &[
    ("record of data", |bytes| set(bytes, [(0, 23)])),
    ("record of an alert", |bytes| set(bytes, [(0, 21)])),
    ("record version 2.0", |bytes| set(bytes, [(1, 2), (2, 0)])),
    ("record version 5.0", |bytes| set(bytes, [(1, 5), (2, 0)])),
    ("record length 0", |bytes| set(bytes, [(3, 0), (4, 0)])),
    ("record length short", |bytes| add(bytes, 4, 0xFF)),
    ("record length long", |bytes| add(bytes, 4, 1)),
    ("record length huge", |bytes| set(bytes, [(3, 0xFF)])),
    ("message of a server", |bytes| set(bytes, [(5, 2)])),
    ("message length short", |bytes| add(bytes, 8, 0xFF)),
    ("message length long", |bytes| add(bytes, 8, 1)),
    ("version 2.0", |bytes| set(bytes, [(9, 2), (10, 0)])),
    ("version 0.0", |bytes| set(bytes, [(9, 0), (10, 0)])),
    ("session identifier too long", |bytes| set(bytes, [(43, 0xFF)])),
    ("an alert instead", |_| write(&[21, 3, 1, 0, 2, 2, 80])),
    ("no suites", |bytes| {
        let at = 44 + usize::from(bytes.get(43).copied().unwrap_or(0));
        set(bytes, [(at, 0), (at + 1, 0)])
    }),
    ("an odd length of suites", |bytes| {
        let at = 45 + usize::from(bytes.get(43).copied().unwrap_or(0));
        add(bytes, at, 1)
    }),
    ("suites that nobody knows", |bytes| {
        let at = 44 + usize::from(bytes.get(43).copied().unwrap_or(0));
        let length = bytes.get(at..at + 2).map_or(0, |size| usize::from(u16::from_be_bytes([size[0], size[1]])));
        let mut bytes = bytes;
        bytes.iter_mut().skip(at + 2).take(length).for_each(|byte| *byte = 0x0A);
        write(&bytes)
    }),
    ("no compression method", |bytes| {
        let suites = 44 + usize::from(bytes.get(43).copied().unwrap_or(0));
        let length =
            bytes.get(suites..suites + 2).map_or(0, |size| usize::from(u16::from_be_bytes([size[0], size[1]])));
        set(bytes, [(suites + 2 + length, 0)])
    }),
    ("length of all extensions", |bytes| {
        let suites = 44 + usize::from(bytes.get(43).copied().unwrap_or(0));
        let length =
            bytes.get(suites..suites + 2).map_or(0, |size| usize::from(u16::from_be_bytes([size[0], size[1]])));
        add(bytes, suites + 2 + length + 3, 1)
    }),
    ("length of the first extension", |bytes| {
        let suites = 44 + usize::from(bytes.get(43).copied().unwrap_or(0));
        let length =
            bytes.get(suites..suites + 2).map_or(0, |size| usize::from(u16::from_be_bytes([size[0], size[1]])));
        add(bytes, suites + 2 + length + 7, 1)
    }),
];

/// Faults of introductions. Offsets are those of a `TSRequest` with a NEGOTIATE.
const INTRODUCTIONS: &[(&str, Steps)] = &[
    ("version 0", |bytes| set(bytes, [(6, 0)])),
    ("version 1", |bytes| set(bytes, [(6, 1)])),
    ("version 2", |bytes| set(bytes, [(6, 2)])),
    ("version 99", |bytes| set(bytes, [(6, 99)])),
    ("version below zero", |bytes| set(bytes, [(6, 0x80)])),
    ("another tag", |bytes| set(bytes, [(0, 0x31)])),
    ("length short", |bytes| add(bytes, 1, 0xFF)),
    ("length long", |bytes| add(bytes, 1, 1)),
    ("length of the token", |bytes| add(bytes, 16, 1)),
    ("NTLM signature", |bytes| set(bytes, [(17, b'X')])),
    ("NTLM AUTHENTICATE", |bytes| set(bytes, [(25, 3)])),
    ("NTLM flags", |bytes| set(bytes, [(29, 0), (30, 0), (31, 0), (32, 0)])),
    ("NTLM clipped", |bytes| clip(bytes, 20)),
];

/// Faults before anything is said.
const STARTS: &[(&str, Steps)] = &[
    ("closed", close_first),
    ("a byte", |_| write(&[3])),
    ("a hello before the request", |_| write(&[22, 3, 1, 0, 4, 1, 0, 0, 0])),
    ("a line end", |_| write(b"\r\n")),
    ("a pause", |_| vec![Step::Wait(TOO_LONG)]),
];

fn mutants() -> Vec<Mutant> {
    let whole = |part| ANYWHERE.iter().map(move |(name, steps)| (part, *name, *steps));
    let own =
        |part, list: &'static [(&'static str, Steps)]| list.iter().map(move |(name, steps)| (part, *name, *steps));
    let all = [Part::Request, Part::Hello, Part::Later, Part::Introduction].into_iter().flat_map(whole);
    let all = all.chain(own(Part::Request, REQUESTS)).chain(own(Part::Hello, HELLOS));
    let all = all.chain(own(Part::Introduction, INTRODUCTIONS)).chain(own(Part::Start, STARTS));
    all.map(|(part, name, steps)| Mutant { name, part, steps }).collect()
}

/// Returns such a prober's diagnosis of a host, and the one without the rehearsal.
fn diagnose(outlet: Arc<dyn Outlet>, target: &Target) -> (Diagnosis, Diagnosis) {
    let context = Context {
        target: Some(target.clone()),
        profile: ClientProfile::find(evidence::profile::DEFAULT).unwrap(),
        profile_source: ProfileSource::Default,
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        at: OffsetDateTime::now_utc(),
        symptom: None,
        capabilities: capabilities(),
    };
    let mut probe = Probe::new(context, target.clone());
    probe.outlet = outlet;
    probe.budget.timeout = TIMEOUT;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transcript = runtime.block_on(probe.run());
    let judge = |transcript: &Transcript| diagnosis::diagnose(&observe(transcript), &probe.context, Run::default());
    let mut bare = transcript.clone();
    for record in bare.connections_mut() {
        record.entries.retain(|(_, entry)| *entry != Entry::Event(Event::RehearsalFailed));
    }
    (judge(&transcript), judge(&bare))
}

fn accusations(diagnosis: &Diagnosis) -> Vec<String> {
    let counted = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    counted.map(|finding| finding.cause.clone()).collect()
}

#[test]
#[allow(clippy::print_stdout)] // what the rehearsal is good for is a figure that people want to see
fn a_prober_that_says_something_wrong_blames_no_healthy_host() {
    let lab = Lab::start(&Scenario::find("healthy-server-2022").unwrap()).unwrap();
    let target = Target::parse(&lab.addresses()[0].to_string()).unwrap();
    let all = mutants();
    assert!(all.len() >= 50, "only {} mutants", all.len());
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = format!("{:?}, {}", mutant.part, mutant.name);
                    let outlet = Mutant { name: mutant.name, part: mutant.part, steps: mutant.steps };
                    let (diagnosis, bare) = diagnose(Arc::new(outlet), &target);
                    told.lock().unwrap().push((name, diagnosis, bare));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), all.len());
    let mut without = Vec::new();
    for (name, diagnosis, bare) in &told {
        let excused = INDISTINGUISHABLE.iter().any(|(known, _)| known == name);
        assert!(
            excused || accusations(diagnosis).is_empty(),
            "{name}: {:?}\n{:#?}",
            accusations(diagnosis),
            diagnosis.stages
        );
        if !accusations(bare).is_empty() {
            without.push(format!("{name}: {}", accusations(bare).join(", ")));
        }
    }
    assert!(!without.is_empty(), "the rehearsal is good for nothing");
    without.sort_unstable();
    println!("{} mutants; without the rehearsal {} would blame the host:", told.len(), without.len());
    println!("{}", without.join("\n"));
}
