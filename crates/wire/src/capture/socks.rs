//! The way through a SOCKS proxy, behind which Remote Desktop begins: versions 4, 4a and 5 of the protocol.
//!
//! Sources: RFC 1928 (version 5), RFC 1929 (its user name and password), the memo "SOCKS: A protocol for TCP proxy
//! across firewalls" (version 4) and its extension 4a.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::stream::Stream;
use crate::bytes::{DecodeError, Reader};
use crate::machine::Timed;
use crate::tls::host_name;

/// The command CONNECT of both versions.
const CONNECT: u8 = 1;
/// The method "user name and password" (RFC 1929).
const PASSWORD: u8 = 2;
/// The reply of version 4 that the request was granted.
const GRANTED: u8 = 90;
/// Most bytes of a user or a name that version 4 ends with a zero.
const WORD: usize = 256;

/// At which bytes of the client and of the host it begins what passes through a proxy.
type Beyond = (usize, usize);

/// A client's request to a SOCKS proxy, and the proxy's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socks {
    /// Version of the protocol: 4 or 5.
    pub version: u8,
    /// Name or address of the host that the client asks for, in lower case.
    pub host: String,
    /// Port there.
    pub port: u16,
    /// The reply's code (RFC 1928 section 6; version 4 has 90 to 93); `None` where the capture does not show it.
    pub reply: Option<u8>,
}

impl Socks {
    /// True if the proxy opened the way.
    pub fn opened(&self) -> bool {
        self.reply == Some(if self.version == 4 { GRANTED } else { 0 })
    }

    /// Reads the request and its reply. Where the way opened: at which bytes the rest begins on both sides.
    pub(super) fn read(up: &Stream, down: &Stream) -> Option<(Timed<Self>, Option<Beyond>)> {
        let (mut asks, mut answers) = (Reader::new(up.bytes()), Reader::new(down.bytes()));
        let mut socks = asked(&mut asks, &mut answers).ok()??;
        let at = up.time_of(asks.at())?;
        socks.reply = replied(socks.version, &mut answers).ok();
        let opened = socks.opened().then_some((asks.at(), answers.at()));
        let until = down.time_of(answers.at()).filter(|_| socks.reply.is_some());
        let took = until.map_or(Duration::ZERO, |until| until.saturating_sub(at));
        Some((Timed { value: socks, took, at }, opened))
    }
}

/// True if the first bytes of both sides are, or may become, the greeting of a SOCKS client and the proxy's answer.
pub(super) fn may_be(up: &[u8], down: &[u8]) -> bool {
    let answered = |first: u8| down.first().is_none_or(|byte| *byte == first);
    match up {
        [] => true,
        [5] => answered(5),
        [5, methods, ..] => (1..=16).contains(methods) && answered(5),
        [4] => answered(0),
        [4, command, ..] => *command == CONNECT && answered(0),
        _ => false,
    }
}

/// True if they are, as far as the proxy's first answer.
pub(super) fn is(up: &[u8], down: &[u8]) -> bool {
    if !may_be(up, down) {
        return false;
    }
    match (up, down) {
        ([5, methods, rest @ ..], [5, method, ..]) => rest.len() >= usize::from(*methods) && rest.contains(method),
        ([4, ..], [0, 90..=93, ..]) => up.len() >= 9,
        _ => false,
    }
}

/// The request; `None` if it is not for a connection to a name or an address.
fn asked(asks: &mut Reader<'_>, answers: &mut Reader<'_>) -> Result<Option<Socks>, DecodeError> {
    let version = asks.u8("SOCKS request")?;
    if version == 4 {
        return asked_4(asks);
    }
    let methods = asks.u8("SOCKS request")?;
    asks.take(methods.into(), "SOCKS request")?;
    answers.u8("SOCKS reply")?;
    if answers.u8("SOCKS reply")? == PASSWORD {
        asks.u8("SOCKS request")?;
        for _ in 0..2 {
            let length = asks.u8("SOCKS request")?;
            asks.take(length.into(), "SOCKS request")?;
        }
        answers.take(2, "SOCKS reply")?;
    }
    let (_, command, _) = (asks.u8("SOCKS request")?, asks.u8("SOCKS request")?, asks.u8("SOCKS request")?);
    let host = address(asks)?;
    let port = asks.u16_be("SOCKS port")?;
    Ok(host.filter(|_| command == CONNECT).map(|host| Socks { version: 5, host, port, reply: None }))
}

fn asked_4(asks: &mut Reader<'_>) -> Result<Option<Socks>, DecodeError> {
    let command = asks.u8("SOCKS request")?;
    let port = asks.u16_be("SOCKS port")?;
    let address = asks.take(4, "SOCKS request")?;
    word(asks)?;
    let host = match address {
        // version 4a: the name follows, and the address says so
        [0, 0, 0, last] if *last != 0 => host_name(word(asks)?).map(str::to_ascii_lowercase),
        [a, b, c, d] => Some(Ipv4Addr::new(*a, *b, *c, *d).to_string()),
        _ => None,
    };
    Ok(host.filter(|_| command == CONNECT).map(|host| Socks { version: 4, host, port, reply: None }))
}

/// The bytes up to a zero, which is taken too.
fn word<'a>(asks: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let mut ahead = asks.clone();
    let mut length = 0_usize;
    while ahead.u8("SOCKS request")? != 0 && length < WORD {
        length = length.saturating_add(1);
    }
    let word = asks.take(length, "SOCKS request")?;
    asks.u8("SOCKS request")?;
    Ok(word)
}

/// An address of version 5 (RFC 1928 section 5); `None` for a name that is none.
fn address(reader: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    Ok(match reader.u8("SOCKS address")? {
        1 => <[u8; 4]>::try_from(reader.take(4, "SOCKS address")?).ok().map(|bytes| Ipv4Addr::from(bytes).to_string()),
        4 => {
            <[u8; 16]>::try_from(reader.take(16, "SOCKS address")?).ok().map(|bytes| Ipv6Addr::from(bytes).to_string())
        }
        3 => {
            let length = reader.u8("SOCKS address")?;
            host_name(reader.take(length.into(), "SOCKS address")?).map(str::to_ascii_lowercase)
        }
        _ => None,
    })
}

fn replied(version: u8, answers: &mut Reader<'_>) -> Result<u8, DecodeError> {
    if version == 4 {
        answers.u8("SOCKS reply")?;
        let reply = answers.u8("SOCKS reply")?;
        answers.take(6, "SOCKS reply")?;
        return Ok(reply);
    }
    answers.u8("SOCKS reply")?;
    let reply = answers.u8("SOCKS reply")?;
    answers.u8("SOCKS reply")?;
    // a proxy that refuses need not say where it stood
    if reply == 0 {
        address(answers)?;
        answers.take(2, "SOCKS reply")?;
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8]) -> Stream {
        let mut stream = Stream::default();
        stream.begin(1);
        stream.take(Duration::from_secs(9), 1, bytes, 0);
        stream
    }

    fn read(up: &[u8], down: &[u8]) -> Option<(Socks, Option<(usize, usize)>)> {
        assert!(is(up, down));
        Socks::read(&stream(up), &stream(down)).map(|(socks, rest)| (socks.value, rest))
    }

    const ASKED: &[u8] = &[5, 1, 0, 1, 10, 0, 0, 1, 0x0D, 0x3D];
    const OPENED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

    fn socks(version: u8, host: &str, reply: Option<u8>) -> Socks {
        Socks { version, host: host.to_owned(), port: 3389, reply }
    }

    #[test]
    fn version_5_with_and_without_a_password() {
        let up = [&[5, 1, 0], ASKED, &[3, 0, 0]].concat();
        let down = [&[5, 0], OPENED, &[3]].concat();
        assert_eq!(read(&up, &down), Some((socks(5, "10.0.0.1", Some(0)), Some((13, 12)))));
        let up = [&[5, 2, 0, 2, 1, 1, b'u', 2, b'p', b'w'], ASKED].concat();
        let down = [&[5, 2, 1, 0], OPENED].concat();
        assert_eq!(read(&up, &down), Some((socks(5, "10.0.0.1", Some(0)), Some((20, 14)))));
    }

    #[test]
    fn names_in_versions_5_and_4a() {
        let up = [&[5, 1, 0, 5, 1, 0, 3, 4], b"Ts.a".as_slice(), &[0x0D, 0x3D]].concat();
        assert_eq!(read(&up, &[5, 0, 5, 5, 0]), Some((socks(5, "ts.a", Some(5)), None)));
        let up = [&[4, 1, 0x0D, 0x3D, 0, 0, 0, 1, b'u', 0], b"ts.a\0".as_slice()].concat();
        let down = [0, 90, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&up, &down), Some((socks(4, "ts.a", Some(90)), Some((15, 8)))));
        let up = [4, 1, 0x0D, 0x3D, 10, 0, 0, 1, 0];
        assert_eq!(read(&up, &[0, 91, 0, 0, 0, 0, 0, 0]), Some((socks(4, "10.0.0.1", Some(91)), None)));
    }

    #[test]
    fn near_misses() {
        // DCE/RPC begins with 5 too; a proxy that takes no method; a reply that was not captured; BIND
        assert!(!may_be(&[5, 0, 11, 3], &[]) && !may_be(b"GET", &[]) && !is(&[5, 1, 0], &[5, 0xFF]));
        let up = [&[5, 1, 0], ASKED].concat();
        assert_eq!(read(&up, &[5, 0]), Some((socks(5, "10.0.0.1", None), None)));
        assert_eq!(read(&[&[5, 1, 0, 5, 2], &ASKED[2..]].concat(), &[5, 0]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(up: Vec<u8>, down: Vec<u8>, version in 4_u8..6) {
            let up = [&[version, 1, 0], up.as_slice()].concat();
            let _ = (is(&up, &down), Socks::read(&stream(&up), &stream(&down)));
        }
    }
}
