//! Bytes for hosts that mean no good, written down as a recipe in a scenario.
//!
//! | recipe | bytes |
//! |---|---|
//! | `16 0303` | these, in hexadecimal |
//! | `'text'`, `w'text'` | UTF-8, UTF-16 little endian |
//! | `u8(…)`, `u16(…)`, `u24(…)`, `l16(…)` | the length of what is inside, big endian (`l16` little), and that |
//! | `30{…}` | a DER element: tag, length, value |
//! | `100^30{…}` | the same, a hundred of them in one another |
//! | `1000*(…)` | a thousand times |
//! | `tls(…)` | handshake messages in TLS records as long as they may be |
//! | `challenge(…)` | an NTLM CHALLENGE with these AV pairs |
//! | `random`, `retry` | the random of a ServerHello, of a HelloRetryRequest |
//! | `hello`, `done` | a ServerHello of TLS 1.2, a ServerHelloDone |
//! | `hold` | nothing more, until the client closes; at the end |
//!
//! A length that lies is written in hexadecimal.

use std::io::{self, Write};

use serde::Deserialize;
use wire::der;

/// The most bytes that one step has in memory.
const LIMIT: usize = 4 * 1024 * 1024;
/// RFC 8446 section 5.1: 2^14 bytes.
const RECORD: usize = 16_384;
/// RFC 8446 section 4.1.3.
const RETRY_RANDOM: &str = "CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C";

/// Bytes that a host sends, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Script {
    /// How often, and what.
    steps: Vec<(usize, Vec<u8>)>,
    /// It then waits until the client closes.
    pub(crate) hold: bool,
}

impl Script {
    /// Sends it.
    pub(crate) fn play(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        for (times, bytes) in &self.steps {
            // in pieces, lest every record be a system call
            let at_once = (64 * 1024 / bytes.len().max(1)).clamp(1, (*times).max(1));
            let piece = bytes.repeat(at_once);
            for _ in 0..times / at_once {
                out.write_all(&piece)?;
            }
            out.write_all(&bytes.repeat(times % at_once))?;
        }
        out.flush()
    }
}

impl TryFrom<String> for Script {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut recipe = Recipe { rest: text.trim_end() };
        let mut script = Self { steps: Vec::new(), hold: false };
        if let Some(before) = recipe.rest.strip_suffix("hold") {
            recipe.rest = before.trim_end();
            script.hold = true;
        }
        while !recipe.rest.is_empty() {
            script.steps.push(recipe.step()?);
        }
        Ok(script)
    }
}

/// Rest of a recipe that has not been read.
struct Recipe<'a> {
    rest: &'a str,
}

impl Recipe<'_> {
    /// One item, not yet repeated.
    fn step(&mut self) -> Result<(usize, Vec<u8>), String> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        self.rest = behind;
        let number = || word.parse::<usize>().map_err(|_| format!("{word:?} is no number"));
        match behind.bytes().next() {
            Some(b'*') => {
                self.skip("*(")?;
                Ok((number()?, self.until(')')?))
            }
            Some(b'^') => {
                let (tag, _) = behind[1..].split_once('{').ok_or("an element has braces")?;
                self.skip(&behind[..tag.len() + 2])?;
                let (tag, inside) = (tag_of(tag)?, self.until('}')?);
                Ok((1, nested(number()?, tag, inside)))
            }
            Some(b'{') => {
                self.skip("{")?;
                Ok((1, der::encode(tag_of(word)?, &self.until('}')?)))
            }
            Some(b'(') => {
                self.skip("(")?;
                Ok((1, prefixed(word, &self.until(')')?)?))
            }
            Some(b'\'') => Ok((1, self.text(word)?)),
            _ => Ok((1, named(word)?)),
        }
    }

    /// Everything up to the bracket that closes.
    fn until(&mut self, close: char) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(behind) = self.rest.strip_prefix(close) {
                self.rest = behind;
                return Ok(bytes);
            }
            let (times, step) = self.step()?;
            if times.saturating_mul(step.len()).saturating_add(bytes.len()) > LIMIT {
                return Err(format!("more than {LIMIT} bytes inside brackets"));
            }
            bytes.extend(step.repeat(times));
        }
    }

    fn text(&mut self, kind: &str) -> Result<Vec<u8>, String> {
        let mut parts = self.rest.splitn(3, '\'').skip(1);
        let (Some(text), Some(behind)) = (parts.next(), parts.next()) else {
            return Err("a text is not closed".to_owned());
        };
        self.rest = behind;
        match kind {
            "" => Ok(text.as_bytes().to_vec()),
            "w" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            _ => Err(format!("{kind:?} is no kind of text")),
        }
    }

    fn skip(&mut self, what: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(what).ok_or(format!("{what:?} is missing"))?;
        Ok(())
    }
}

fn tag_of(word: &str) -> Result<u8, String> {
    u8::from_str_radix(word, 16).map_err(|_| format!("{word:?} is no tag"))
}

fn nested(levels: usize, tag: u8, inside: Vec<u8>) -> Vec<u8> {
    // headers from the inside out; each is as small as it can be
    let mut headers = Vec::new();
    let mut size = inside.len();
    for _ in 0..levels {
        let mut header = der::header(tag, size);
        size += header.len();
        header.reverse();
        headers.extend(header);
    }
    headers.reverse();
    headers.extend(inside);
    headers
}

fn prefixed(kind: &str, inside: &[u8]) -> Result<Vec<u8>, String> {
    let size = u32::try_from(inside.len()).unwrap_or(u32::MAX).to_be_bytes();
    let (skipped, prefix): (&[u8], _) = match kind {
        "u8" => (&size[..3], vec![size[3]]),
        "u16" => (&size[..2], size[2..].to_vec()),
        "l16" => (&size[..2], vec![size[3], size[2]]),
        "u24" => (&size[..1], size[1..].to_vec()),
        "challenge" => (&[], challenge(size)),
        "tls" => return Ok(inside.chunks(RECORD).flat_map(record).collect()),
        _ => return Err(format!("{kind:?} takes no brackets")),
    };
    if skipped.iter().any(|byte| *byte != 0) {
        return Err(format!("{} bytes are too many for {kind}", inside.len()));
    }
    Ok([&prefix, inside].concat())
}

fn record(fragment: &[u8]) -> Vec<u8> {
    let [.., high, low] = fragment.len().to_be_bytes();
    [&[22, 3, 3, high, low], fragment].concat()
}

/// The 56 bytes before the AV pairs ([MS-NLMP] 2.2.1.2); a length that does not fit is written as the longest.
fn challenge(size: [u8; 4]) -> Vec<u8> {
    let [low, high] = if size[..2] == [0, 0] { [size[3], size[2]] } else { [0xFF; 2] };
    let mut message = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x38\0\0\0\x15\x82\x8A\xE2lab only\0\0\0\0\0\0\0\0".to_vec();
    message.extend([low, high, low, high, 0x38, 0, 0, 0, 10, 0, 0x7C, 0x4F, 0, 0, 0, 15]);
    message
}

fn named(word: &str) -> Result<Vec<u8>, String> {
    let random = || [9; 32].to_vec();
    match word {
        "random" => Ok(random()),
        "retry" => named(RETRY_RANDOM),
        "hello" => Ok([&[2, 0, 0, 38, 3, 3][..], &random(), &[0, 0xC0, 0x30, 0]].concat()),
        "done" => Ok(vec![14, 0, 0, 0]),
        "" => Err("a bracket too many, or a character that means nothing".to_owned()),
        _ => wire::hex::decode(word).ok_or(format!("{word:?} is no bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Script::try_from(text.to_owned()).unwrap().play(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_recipe_says_what_it_means() {
        for (text, hex) in [
            ("16 0303", "160303"),
            ("u16( 01 u8( 02 ) )", "0003010102"),
            ("l16('A') w'A'", "0100414100"),
            ("30{ A0{ 020106 } }", "3005a003020106"),
            ("3^30{ 01 }", "30053003300101"),
            ("3*( 16 2*( 00 ) )", "160000160000160000"),
            ("u24( done )", "0000040e000000"),
            ("tls( done )", "16030300040e000000"),
            ("15 hold", "15"),
        ] {
            assert_eq!(wire::hex::encode(&played(text)), hex, "{text}");
        }
        assert_eq!(played("100000*(01)").len(), 100_000);
        assert!(Script::try_from("01 hold".to_owned()).unwrap().hold);
    }

    #[test]
    fn a_deep_element_is_right_at_every_level() {
        let deep = played("300^30{ 05 00 }");
        let mut reader = wire::bytes::Reader::new(&deep);
        for _ in 0..300 {
            reader = der::expect(&mut reader, der::SEQUENCE, "level").unwrap();
        }
        assert_eq!(reader.rest(), [5, 0]);
    }

    #[test]
    fn a_challenge_is_one() {
        let challenge = played("challenge( 0100 l16(w'PC') 0000 0000 )");
        let read = wire::ntlm::Challenge::decode(&challenge).unwrap();
        assert_eq!((read.netbios_computer.as_deref(), read.version.map(|v| v.build)), (Some("PC"), Some(20348)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["1", "zz", "u16( 01", "u32( 01 )", "u8( 256*(00) )", "x'a'", "'a", ")", "9999999*(00) u16(9999999*(00))"]
        {
            assert!(Script::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
