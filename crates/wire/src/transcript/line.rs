//! Words of a line of a transcript, for all that is written in one.

use std::fmt::{self, Write};
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use crate::hex;
use crate::machine::event::End;

pub(crate) fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

pub(crate) fn end_name(end: End) -> &'static str {
    match end {
        End::Fin => "fin",
        End::Rst => "rst",
    }
}

/// Text as one word of a line.
pub(super) struct Word<'a>(pub(super) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_char('%');
        }
        for c in self.0.chars() {
            if c.is_whitespace() || c.is_control() || matches!(c, '#' | '%') {
                c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(out, "%{byte:02x}"))?;
            } else {
                out.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Words of a TLS stack as a comment: printable ASCII only.
pub(crate) struct Words<'a>(pub(crate) &'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(" # ")?;
        self.0.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).try_for_each(|c| out.write_char(c))
    }
}

/// Words of one line; each method takes the next and says what is wrong if it cannot be understood.
pub(crate) struct Line<'a>(pub(super) SplitWhitespace<'a>);

impl<'a> Line<'a> {
    pub(crate) fn next(&mut self, what: &'static str) -> Result<&'a str, &'static str> {
        self.0.next().ok_or(what)
    }

    pub(crate) fn parse<T: FromStr>(&mut self, what: &'static str) -> Result<T, &'static str> {
        self.next(what)?.parse().map_err(|_| what)
    }

    pub(super) fn seconds(&mut self, what: &'static str) -> Result<Duration, &'static str> {
        read_seconds(self.next(what)?).ok_or(what)
    }

    pub(super) fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, &'static str> {
        self.0.next().map_or(Ok(Vec::new()), |word| hex::decode(word).ok_or(what))
    }

    pub(super) fn word(&mut self, what: &'static str) -> Result<String, &'static str> {
        read_word(self.next(what)?).ok_or(what)
    }

    /// Nothing may follow what was read: a gap inside hexadecimal text would cut it short.
    pub(super) fn end(&mut self) -> Result<(), &'static str> {
        self.0.next().map_or(Ok(()), |_| Err("end of the line"))
    }

    /// The words that are left.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = &'a str> {
        self.0.by_ref()
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<String, &'static str> {
        String::from_utf8(self.bytes(what)?).map_err(|_| what)
    }
}

pub(crate) fn read_seconds(word: &str) -> Option<Duration> {
    let (whole, micros) = word.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let micros: u32 = (micros.len() == 6 && digits(micros) && digits(whole)).then(|| micros.parse().ok())??;
    Duration::from_secs(whole.parse().ok()?).checked_add(Duration::from_micros(micros.into()))
}

pub(crate) fn read_end(words: &mut Line<'_>) -> Result<End, &'static str> {
    match words.next("end")? {
        "fin" => Ok(End::Fin),
        "rst" => Ok(End::Rst),
        _ => Err("end"),
    }
}

pub(super) fn read_word(word: &str) -> Option<String> {
    if word == "%" {
        return Some(String::new());
    }
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
