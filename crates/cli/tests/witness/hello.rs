//! Our own hellos beside those that clients sent: of mstsc from captures (`RDPDOCTOR_TEST_DATA`), of FreeRDP from the
//! xfreerdp of this machine. Every difference that is left stands in the book with why it cannot matter.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use evidence::ClientProfile;
use wire::tls::{ClientHello, HelloShape, Segments, TlsOffer};

use super::freerdp::{Screen, installed};

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const SIGNATURES: u16 = 13;
const KEY_SHARE: u16 = 51;

/// Contents of a hello, as RFC 5246 section 7.4.1.2 and RFC 8446 section 4.1.2 lay them out; read here anew.
#[derive(Debug)]
struct Parts {
    record: u16,
    version: u16,
    session: usize,
    suites: Vec<u16>,
    compression: Vec<u8>,
    extensions: Vec<(u16, Vec<u8>)>,
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(number).collect()
}

/// Takes what has its length, in so many bytes, in front.
fn sized<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let length = rest.get(..bytes)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let value = rest.get(bytes..bytes + length)?;
    *rest = &rest[bytes + length..];
    Some(value)
}

/// Reads the hello that begins with this record; `None` if there is none.
fn parts(record: &[u8]) -> Option<Parts> {
    let mut rest = record.get(3..)?;
    let message = sized(&mut rest, 2)?;
    if record[0] != 22 || message.first() != Some(&1) {
        return None;
    }
    let mut rest = &message[1..];
    let body = sized(&mut rest, 3)?;
    let mut rest = body.get(34..)?;
    let session = sized(&mut rest, 1)?.len();
    let suites = numbers(sized(&mut rest, 2)?);
    let compression = sized(&mut rest, 1)?.to_vec();
    let mut list = sized(&mut rest, 2)?;
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let kind = number(list.get(..2)?);
        list = &list[2..];
        extensions.push((kind, sized(&mut list, 2)?.to_vec()));
    }
    Some(Parts { record: number(&record[1..]), version: number(body), session, suites, compression, extensions })
}

/// The own hello of a shipped profile, for a name or for none.
fn ours(profile: &str, name: Option<&str>) -> Parts {
    let client = ClientProfile::find(profile).unwrap();
    let (min, max) = (client.tls_min, client.tls_max);
    let (suites, groups, signatures) = (client.suites, client.groups, client.signatures);
    let offer = TlsOffer { min, max, suites, groups, signatures, ..TlsOffer::PLAIN_12 };
    let shape = HelloShape { style: client.hello, server_name: name.map(str::to_owned) };
    parts(&ClientHello::shaped(offer, [7; 32], &shape).encode(Segments::Whole).concat()).unwrap()
}

fn hex(codes: &[u16]) -> String {
    codes.iter().map(|code| format!("{code:04x}")).collect::<Vec<_>>().join(" ")
}

/// Adds what one list has and the other has not, and whether the rest stands in another order.
fn lists(field: &str, seen: &[u16], own: &[u16], found: &mut BTreeMap<String, String>) {
    let without = |list: &[u16], other: &[u16]| -> Vec<u16> {
        list.iter().copied().filter(|code| !other.contains(code)).collect()
    };
    let (missing, added) = (without(seen, own), without(own, seen));
    if !missing.is_empty() {
        found.insert(format!("{field}: not ours"), hex(&missing));
    }
    if !added.is_empty() {
        found.insert(format!("{field}: ours alone"), hex(&added));
    }
    let (one, other) = (without(seen, &missing), without(own, &added));
    if one != other {
        found.insert(format!("{field}: order"), format!("{} beside our {}", hex(&one), hex(&other)));
    }
}

/// How the hello that was seen differs from ours; chance and the bytes of a key are no difference.
fn differences(seen: &Parts, own: &Parts) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let one = |parts: &Parts| {
        [
            ("record version", format!("{:04x}", parts.record)),
            ("hello version", format!("{:04x}", parts.version)),
            ("session id", format!("{} bytes", parts.session)),
            ("compression", format!("{:?}", parts.compression)),
        ]
    };
    for ((field, seen), (_, own)) in one(seen).into_iter().zip(one(own)) {
        if seen != own {
            found.insert(field.to_owned(), format!("{seen} beside our {own}"));
        }
    }
    lists("suites", &seen.suites, &own.suites, &mut found);
    let kinds = |parts: &Parts| parts.extensions.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    lists("extensions", &kinds(seen), &kinds(own), &mut found);
    for (kind, value) in &seen.extensions {
        let Some((_, own)) = own.extensions.iter().find(|(own, _)| own == kind) else { continue };
        match *kind {
            GROUPS => lists("groups", &numbers(&value[2..]), &numbers(&own[2..]), &mut found),
            SIGNATURES => lists("signatures", &numbers(&value[2..]), &numbers(&own[2..]), &mut found),
            KEY_SHARE => lists("key shares", &shares(value), &shares(own), &mut found),
            _ if value != own => {
                found.insert(format!("extension {kind}"), format!("{value:02x?} beside our {own:02x?}"));
            }
            _ => {}
        }
    }
    found
}

/// The groups of which a share is sent.
fn shares(value: &[u8]) -> Vec<u16> {
    let mut groups = Vec::new();
    let mut rest = &value[2..];
    while rest.len() > 4 {
        groups.push(number(rest));
        rest = &rest[2..];
        sized(&mut rest, 2).unwrap();
    }
    groups
}

/// Page of the book that says of each difference why it cannot matter.
const PAGE: &str = include_str!("../../../../docs/book/our-hello.md");

/// The rows of the table under this heading of the page: difference, reason.
fn reasons(heading: &str) -> BTreeMap<String, &'static str> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(field, _)| *field != "difference").map(|(field, why)| (field.to_owned(), why)).collect()
}

/// Prints the differences, each of which has to be in the page under this heading, and all of those among them.
fn check(heading: &str, what: &str, found: &BTreeMap<String, String>) {
    let reasons = reasons(heading);
    for (field, values) in found {
        let why = reasons.get(field).copied().unwrap_or("NO REASON");
        eprintln!("| {heading} | {what} | {field} | {values} | {why} |");
    }
    let (found, known): (Vec<_>, Vec<_>) = (found.keys().collect(), reasons.keys().collect());
    assert_eq!(found, known, "{heading}: {what}");
}

/// The first hello in a capture: all of it lies in one packet.
fn captured(name: &str) -> Option<Parts> {
    let Some(folder) = std::env::var_os("RDPDOCTOR_TEST_DATA").map(|data| PathBuf::from(data).join("captures")) else {
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "RDPDOCTOR_TEST_DATA");
        eprintln!("skipped: RDPDOCTOR_TEST_DATA names no folder of real-world data");
        return None;
    };
    let file = std::fs::read(folder.join(name)).unwrap();
    let begins = |at: &usize| file[*at..].starts_with(&[22, 3]) && file.get(at + 5) == Some(&1);
    Some((0..file.len()).filter(begins).find_map(|at| parts(&file[at..])).expect("a hello"))
}

#[test]
fn our_hello_beside_that_of_mstsc() {
    for file in ["zeek-rdpeudp2-handshake-success.pcap", "zeek-rdp-no-cookie-mstshash.pcap"] {
        let Some(seen) = captured(file) else { return };
        for profile in ["mstsc-10", "mstsc-11"] {
            let found = differences(&seen, &ours(profile, None));
            check(&format!("{profile} beside mstsc on Windows 10"), file, &found);
        }
    }
}

/// The hello of the xfreerdp of this machine.
fn said_by_freerdp() -> Parts {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut request = [0; 256];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(&[3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0]).unwrap();
        let mut hello = Vec::new();
        while parts(&hello).is_none() {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "a hello in pieces");
            hello.extend_from_slice(&piece[..count]);
        }
        parts(&hello).unwrap()
    });
    let screen = Screen::open();
    let mut command = Command::new("xfreerdp");
    command.args([&format!("/v:127.0.0.1:{port}"), "/u:witness", "/p:witness", "/cert:ignore", "+auth-only"]);
    let mut child = screen.shown(&mut command).spawn().unwrap();
    let seen = host.join();
    let _ = child.kill();
    let _ = child.wait();
    seen.unwrap()
}

#[test]
fn our_hello_beside_that_of_freerdp() {
    if !installed(&["xfreerdp", "Xvfb"]) {
        return;
    }
    let seen = said_by_freerdp();
    let found = differences(&seen, &ours("freerdp3", Some("127.0.0.1")));
    check("freerdp3 beside xfreerdp", "xfreerdp", &found);
    assert!(seen.extensions.iter().any(|(kind, _)| *kind == SERVER_NAME), "an address as a server name");
}
