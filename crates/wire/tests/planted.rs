//! Names in places that a host fills as it likes and of which little or nothing is read: after redaction none is left,
//! in letters, UTF-16, base64 or hexadecimal, and the transcript still tells the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::fmt::Write as _;

use wire::hex;
use wire::transcript::Transcript;

/// A name that is nothing else; its first eight letters are looked for too.
const NAME: &[u8; 16] = b"QZWALICEPCQZWBOB";

/// Makes 32 bytes of it.
fn random() -> Vec<u8> {
    NAME.repeat(2)
}

fn sized16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized16(value)].concat()
}

/// A record with a ServerHello of these random bytes, session id and extensions.
fn hello(random: &[u8], session: &[u8], extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 3], random, &[session.len() as u8], session, &[0x13, 2, 0], &sized16(extensions)].concat();
    let message = [&[2, 0][..], &sized16(&body)].concat();
    [&[22, 3, 3][..], &sized16(&message)].concat()
}

fn confirm() -> Vec<u8> {
    vec![3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0, 2, 0x1F, 8, 0, 2, 0, 0, 0]
}

/// Writes a transcript in which a host answers with these parts.
fn transcript(parts: &[&[u8]]) -> String {
    let mut text = "rdpdoctor transcript 1\nat 2026-11-21T09:00:00Z\ntool rdpdoctor/0.1.0\ntarget 192.0.2.7 3389\n\
                    connection 192.0.2.7:3389 0.000000 request=SSL+HYBRID tls=own,1.2,1.3,whole \
                    limits=1.000000,1.000000,1.000000,1.000000 random="
        .to_owned();
    text.push_str(&"07".repeat(32));
    text.push_str("\n  0.000100 connected\n  0.000200 > 030000130ee00000000000010008000300000000\n");
    for (number, part) in (3..).zip(parts) {
        let _ = writeln!(text, "  0.000{number}00 < {}", hex::encode(part));
    }
    text.push_str("  0.000900 closed fin\n");
    text
}

/// Finds the name in what is left, however it is spelt.
fn left(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let wide: Vec<u8> = NAME[..8].iter().flat_map(|letter| [*letter, 0]).collect();
    let spelt = [
        String::from_utf8(NAME[..8].to_vec()).unwrap(),
        hex::encode(&NAME[..8]),
        hex::encode(&NAME[8..]),
        hex::encode(&wide),
        // base64 of it at each of the three places
        "UVpXQUxJQ0".to_owned(),
        "FaV0FMSUNF".to_owned(),
        "RWkFMSUNFU".to_owned(),
    ];
    spelt.into_iter().find(|spelling| lower.contains(&spelling.to_lowercase()))
}

#[track_caller]
fn assert_gone(place: &str, parts: &[&[u8]]) {
    let before: Transcript = transcript(parts).parse().unwrap_or_else(|error| panic!("{place}: {error}"));
    assert!(left(&before.to_string()).is_some(), "{place}: nothing was planted");
    let after = before.redacted();
    assert_eq!(left(&after.to_string()), None, "{place}: {after}");
    assert_eq!(after.redacted(), after, "{place}: twice is once");
    let told = |transcript: &Transcript| {
        let connection = transcript.connections().next().unwrap();
        let outcome = connection.outcome();
        let handshake = outcome.tls.map(|seen| format!("{:?}", seen.value));
        // the bytes of another service are masked; what service it is stays
        let answer = outcome.x224.map(|seen| format!("{:?}", seen.value).chars().take(24).collect::<String>());
        (answer, handshake)
    };
    assert_eq!(told(&after), told(&before), "{place}: the same is told");
}

#[test]
fn a_hello_keeps_only_what_is_read_of_it() {
    let versions = extension(43, &[3, 4]);
    assert_gone("random", &[&confirm(), &hello(&random(), &[], &versions)]);
    assert_gone("session id", &[&confirm(), &hello(&[9; 32], &random(), &versions)]);
    let unread = [versions.clone(), extension(16, NAME), extension(0xFE0D, NAME)].concat();
    assert_gone("extensions", &[&confirm(), &hello(&[9; 32], &[], &unread)]);
    let share = [versions.clone(), extension(51, &[&[0, 29][..], &sized16(&random())].concat())].concat();
    assert_gone("key share", &[&confirm(), &hello(&[9; 32], &[], &share)]);
    let longer = extension(43, &[&[3, 4][..], NAME].concat());
    assert_gone("behind the version", &[&confirm(), &hello(&[9; 32], &[], &longer)]);
    let retry: Vec<u8> = hex::decode("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c").unwrap();
    let cookie = [versions, extension(44, &sized16(NAME)), extension(51, &[0, 23])].concat();
    assert_gone("cookie", &[&confirm(), &hello(&retry, &[], &cookie)]);
    // one that is cut off, and one with a length that cannot be
    let whole = hello(&random(), NAME, &[]);
    assert_gone("cut off", &[&confirm(), &whole[..60]]);
    let mut odd = hello(&random(), &[], &extension(43, &[3, 4]));
    odd[9 + 2 + 32] = 200;
    assert_gone("odd length", &[&confirm(), &odd]);
}

#[test]
fn an_answer_that_is_none_keeps_no_words() {
    let tpkt = |rest: &[u8]| [&[3, 0][..], &((rest.len() + 4) as u16).to_be_bytes(), rest].concat();
    assert_gone("behind a TPKT", &[&tpkt(NAME)]);
    assert_gone("behind a length", &[&tpkt(&[&[14, 0xD0][..], NAME].concat())]);
    assert_gone("of an odd type", &[&tpkt(&[&[14, 0xD0, 0, 0, 0, 0, 0, 9, 0, 8, 0][..], NAME].concat())]);
    assert_gone("cut off", &[&[&[3, 0, 1, 0][..], NAME].concat()]);
    for greeting in ["SSH-2.0-", "SSH-", "HTTP/", "RFB ", "220 ", "220-SMTP ", "* OK ", "+OK", "<html>", "* OK"] {
        assert_gone(greeting, &[&[greeting.as_bytes(), NAME, b"\r\n"].concat()]);
    }
}
