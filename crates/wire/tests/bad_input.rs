//! Lengths that lie, and structures that are too deep: whatever a host sends, there is an answer, and it claims
//! nothing.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use wire::certificate::Certificate;
use wire::credssp::TsRequest;
use wire::der;
use wire::machine::{Conversation, ConversationPlan, Event, Limits, TlsAnswer};
use wire::ntlm::Challenge;
use wire::tls::TlsOffer;
use wire::tls::flight::{self, FlightProgress, ServerFlight};

/// Bytes with the places and widths of the lengths in them.
#[derive(Default)]
struct Vectors {
    bytes: Vec<u8>,
    lengths: Vec<(&'static str, usize, usize)>,
}

impl Vectors {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A vector with a length of so many bytes.
    fn vector(&mut self, what: &'static str, width: usize, inside: impl FnOnce(&mut Self)) {
        let at = self.bytes.len();
        self.lengths.push((what, at, width));
        self.bytes.resize(at + width, 0);
        inside(self);
        let size = (self.bytes.len() - at - width).to_be_bytes();
        self.bytes[at..at + width].copy_from_slice(&size[8 - width..]);
    }

    /// Every length, wrong in every way: the name, the lie and the bytes.
    fn lies(&self) -> Vec<(&'static str, usize, Vec<u8>)> {
        let mut lies = Vec::new();
        for (what, at, width) in &self.lengths {
            let (place, most) = (*at..at + width, (1_usize << (8 * width)) - 1);
            let right = self.bytes[place.clone()].iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
            for lie in [0, 1, right.wrapping_sub(1), right + 1, right * 2 + 1, most - 1, most] {
                if lie == right || lie > most {
                    continue;
                }
                let mut bytes = self.bytes.clone();
                bytes[place.clone()].copy_from_slice(&lie.to_be_bytes()[8 - width..]);
                lies.push((*what, lie, bytes));
            }
        }
        lies
    }
}

/// A flight of TLS 1.2 with every vector that its messages can have.
fn flight_12() -> Vectors {
    let mut all = Vectors::default();
    all.put(&[22, 3, 3]);
    all.vector("record", 2, |record| {
        record.put(&[2]);
        record.vector("ServerHello", 3, |hello| {
            hello.put(&[3, 3]);
            hello.put(&[9; 32]);
            hello.vector("session_id", 1, |id| id.put(&[7; 4]));
            hello.put(&[0xC0, 0x30, 0]);
            hello.vector("extensions", 2, |extensions| {
                extensions.put(&[0xFF, 1]);
                extensions.vector("extension", 2, |value| value.put(&[0]));
            });
        });
        record.put(&[11]);
        record.vector("Certificate", 3, |message| {
            message.vector("certificate_list", 3, |list| {
                list.vector("certificate", 3, |der| der.put(&[0x30, 1, 0]));
            });
        });
        record.put(&[14, 0, 0, 0]);
    });
    all
}

#[test]
fn a_flight_whose_lengths_lie_is_never_taken_for_the_true_one() {
    let truth = flight_12();
    let FlightProgress::Complete(right) = flight::read(&truth.bytes) else { panic!("the truth is read") };
    assert_eq!(right.chain, [[0x30, 1, 0]]);
    let mut taken = Vec::new();
    for (what, lie, bytes) in truth.lies() {
        // a host that goes on for ever, so that nothing is merely cut off
        let endless = [&bytes[..], &vec![0; flight::FLIGHT_LIMIT]].concat();
        for bytes in [&bytes, &endless] {
            // a record that is too long has the whole truth in it, and HelloRequests behind
            let harmless = |flight: &ServerFlight| what == "record" && *flight == right;
            match flight::read(bytes) {
                FlightProgress::Complete(flight) if !harmless(&flight) => taken.push((what, lie, flight)),
                _ => {}
            }
        }
    }
    assert_eq!(taken, []);
}

/// Feeds a conversation these handshake messages behind a hello of ours, and returns its answer.
fn answer(offer: TlsOffer, messages: &[&[u8]]) -> TlsAnswer {
    let limits = Limits::each(Duration::from_secs(1));
    let plan = ConversationPlan { tls: Some(offer), random: [1; 32], limits, ..ConversationPlan::default() };
    let mut conversation = Conversation::new(plan);
    conversation.handle(Duration::ZERO, Event::Connected);
    let messages = messages.concat();
    let [.., high, low] = messages.len().to_be_bytes();
    conversation.handle(Duration::ZERO, Event::Bytes([&[22, 3, 3, high, low], &messages[..]].concat()));
    conversation.outcome().tls.clone().unwrap().value
}

#[test]
fn what_was_not_offered_is_no_answer() {
    let hello = |suite: [u8; 2]| [&[2, 0, 0, 38, 3, 3][..], &[9; 32], &[0], &suite, &[0]].concat();
    let hello_13 = [&[2, 0, 0, 46, 3, 3][..], &[9; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
    let (known, done, compressed) = (hello([0xC0, 0x30]), &[14, 0, 0, 0][..], &[25, 0, 0, 1, 0][..]);
    let (plain, old) = (TlsOffer::PLAIN_12, TlsOffer::OLD);
    assert!(matches!(answer(plain, &[&known, done]), TlsAnswer::Accepted { finished: false, .. }));
    assert!(
        matches!(answer(plain, &[&[0; 4], &known, done]), TlsAnswer::Accepted { finished: false, .. }),
        "a HelloRequest is passed over"
    );
    for (offer, messages, words) in [
        (plain, vec![&hello([0x12, 0x34])[..], done], "suite 0x1234"),
        (plain, vec![&hello([0x13, 1]), done], "suite 0x1301"),
        (plain, vec![&hello_13], "TLS 1.3"),
        (old, vec![&known, done], "TLS 1.2"),
        (plain, vec![&known, &known, done], "order"),
        (plain, vec![done], "order"),
        (plain, vec![&known, compressed, done], "order"),
    ] {
        let answer = answer(offer, &messages);
        assert!(matches!(&answer, TlsAnswer::Malformed(error) if error.contains(words)), "{words}: {answer:?}");
    }
}

/// A `TSRequest` with a CHALLENGE, whose lengths are all of one byte or of two.
fn ts_request() -> Vectors {
    let mut all = Vectors::default();
    all.put(&[0x30, 0x81]);
    all.vector("TSRequest", 1, |request| {
        request.put(&[0xA0]);
        request.vector("version", 1, |version| {
            version.put(&[2]);
            version.vector("number", 1, |number| number.put(&[6]));
        });
        request.put(&[0xA1]);
        request.vector("negoTokens", 1, |tokens| {
            tokens.put(&[0x30]);
            tokens.vector("list", 1, |list| {
                list.put(&[0x30]);
                list.vector("entry", 1, |entry| {
                    entry.put(&[0xA0]);
                    entry.vector("token", 1, |token| {
                        let challenge = Challenge { netbios_computer: Some("PC".into()), ..Challenge::default() };
                        token.put(&[4]);
                        token.vector("octets", 1, |octets| octets.put(&challenge.encode([1; 8])));
                    });
                });
            });
        });
    });
    all
}

#[test]
fn a_ts_request_whose_lengths_lie_names_no_computer() {
    let name = |bytes: &[u8]| {
        let token = TsRequest::decode(bytes).ok()?.tokens.into_iter().next()?;
        Challenge::find(&token).ok()?.netbios_computer
    };
    let truth = ts_request();
    assert_eq!(name(&truth.bytes).as_deref(), Some("PC"));
    for (what, lie, bytes) in truth.lies() {
        assert_eq!(name(&bytes), None, "{what} of {lie} bytes");
    }
}

#[test]
fn version_and_error_code_of_any_size_are_numbers_or_refused() {
    let request = |version: &[u8], error: &[u8]| {
        let version = der::encode(der::context(0), &der::encode(der::INTEGER, version));
        let error = der::encode(der::context(4), &der::encode(der::INTEGER, error));
        let read = TsRequest::decode(&der::encode(der::SEQUENCE, &[version, error].concat()));
        read.ok().map(|request| (request.version, request.error))
    };
    for (version, error, read) in [
        (&[0][..], &[0][..], Some((0, Some(0)))),
        (&[0, 255], &[0xC0, 0, 0, 0x22], Some((255, Some(0xC000_0022)))),
        (&[6], &[0, 0xC0, 0, 0, 0x22], Some((6, Some(0xC000_0022)))),
        (&[6], &[0x7F; 8], Some((6, Some(0x7F7F_7F7F)))),
        (&[0xFF], &[0], None),
        (&[1, 0, 0, 0, 0], &[0], None),
        (&[], &[0], None),
        (&[6], &[0x7F; 9], None),
        (&[6], &[], None),
    ] {
        assert_eq!(request(version, error), read, "{version:x?} {error:x?}");
    }
}

#[test]
fn pairs_that_cannot_be_are_refused_and_many_are_cut() {
    let read = |pairs: &[u8]| {
        let mut message = Challenge::default().encode([1; 8]);
        message.truncate(56);
        let size = u16::try_from(pairs.len()).unwrap().to_le_bytes();
        message[40..42].copy_from_slice(&size);
        message.extend_from_slice(pairs);
        Challenge::decode(&message).map(|challenge| challenge.netbios_computer)
    };
    let pc = [1, 0, 4, 0, b'P', 0, b'C', 0];
    let other = [1, 0, 2, 0, b'X', 0];
    let name = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(read(&pc), name("PC"), "no end of the list");
    assert_eq!(read(&[&pc[..], &other, &[0; 4]].concat()), name("X"), "an id that comes twice");
    assert_eq!(read(&[&pc[..], &[0; 4], &other].concat()), name("PC"), "pairs behind the end of the list");
    assert_eq!(read(&[&pc[..], &[9, 0, 0, 0].repeat(16_000)].concat()), name("PC"), "64 KiB of pairs");
    assert_eq!(read(&[1, 0, 2, 0, 0x3D, 0xD8]), name("\u{FFFD}"), "half of a pair of surrogates");
    let long = read(&[&[1, 0, 0xE8, 0xFD][..], &[b'A', 0].repeat(0x7EF4)].concat()).unwrap().unwrap();
    assert_eq!(long.len(), 256, "a name of 64 KiB");
    for broken in [&[1][..], &[1, 0, 4], &[1, 0, 4, 0, b'P'], &[1, 0, 0xFF, 0xFF, 0], &[7, 0, 4, 0, 1, 1, 1, 1]] {
        assert!(read(broken).is_err(), "{broken:x?}");
    }
}

/// Nests this many elements in one another.
fn deep(levels: usize, tag: u8) -> Vec<u8> {
    let mut headers = Vec::new();
    let mut size = 0;
    for _ in 0..levels {
        let header = der::header(tag, size);
        size += header.len();
        headers.push(header);
    }
    headers.reverse();
    headers.concat()
}

/// A certificate around a subject and an extension.
fn certificate(subject: &[u8], extension: &[u8]) -> Vec<u8> {
    let sequence = |parts: &[&[u8]]| der::encode(der::SEQUENCE, &parts.concat());
    let algorithm = sequence(&[&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 11], &[5, 0]]);
    let time = der::encode(0x17, b"260101000000Z");
    let key = sequence(&[&algorithm, &[3, 2, 0, 0]]);
    let name = |value: &[u8]| sequence(&[&der::encode(0x31, &sequence(&[&[6, 3, 0x55, 4, 3], value]))]);
    let extensions = der::encode(0xA3, &sequence(&[&sequence(&[&[6, 3, 0x55, 0x1D, 17], &der::encode(4, extension)])]));
    let signed = [
        &[0xA0, 3, 2, 1, 2, 2, 1, 1][..],
        &algorithm,
        &name(subject),
        &sequence(&[&time, &time]),
        &name(subject),
        &key,
    ];
    let signed = sequence(&[&signed.concat(), &extensions]);
    sequence(&[&signed, &algorithm, &[3, 2, 0, 0]])
}

#[test]
fn deep_certificates_are_read_or_refused() {
    let plain = certificate(&der::encode(0x0C, b"SERVER01"), &deep(1, der::SEQUENCE));
    assert_eq!(Certificate::read(&plain).unwrap().common_name.as_deref(), Some("SERVER01"));
    for levels in [100, 1_000, 12_000, 100_000] {
        for tag in [der::SEQUENCE, 0x31, 0xA0, 0xA4] {
            let _ = Certificate::read(&deep(levels, tag));
            let _ = Certificate::read(&certificate(&deep(levels, tag), &deep(1, der::SEQUENCE)));
            let _ = Certificate::read(&certificate(&der::encode(0x0C, b"A"), &deep(levels, tag)));
        }
    }
}

#[test]
fn names_in_odd_strings_are_read_or_refused() {
    for (tag, value, name) in [
        (0x0C, &b"A\xFFB"[..], None),
        (0x1E, &[0, b'A', 0xD8, 0x3D], Some("A")),
        (0x1E, &[0x20, 0x2E, 0, b'A'], Some("\u{202E}A")),
        (0x14, b"A\x1B[31m", Some("A\x1B[31m")),
        (0x0C, b"", Some("")),
    ] {
        let found = Certificate::read(&certificate(&der::encode(tag, value), &deep(1, der::SEQUENCE)));
        let found = found.and_then(|certificate| certificate.common_name);
        assert!(found.is_none() || found.as_deref() == name, "{tag:#x} {value:x?}: {found:?}");
    }
}
