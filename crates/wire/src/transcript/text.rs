//! The text form of a transcript.
//!
//! ```text
//! rdpdoctor transcript 1
//! at 2026-11-21T09:00:00Z
//! tool rdpdoctor/0.1.0
//! target host.example 3389
//! name 0.001200 addresses 192.0.2.7:3389
//! connection 192.0.2.7:3389 0.001300 request=SSL+HYBRID tls=rustls,1.2,1.3,whole credssp=6 …
//!   0.000400 connected
//!   0.000410 > 030000130ee00000000000010008000b000000
//!   0.000900 < 030000130ed000001234000200080002000000
//! ```
//!
//! A connection with `survey` was made for the sake of completeness (`--thorough`). Behind the cut of a hello stand, where they are not
//! the usual ones, its suites, and its groups and signature algorithms. Times are seconds with six digits: since the beginning of the transcript for a connection, since the beginning of
//! the connection for its lines. `>` and `<` are raw bytes before `tls-up` and plaintext after it; `tls>` and `tls<` are
//! the raw bytes of the TLS stack. In a host and a tool, spaces, `#`, `%` and control characters are written as `%` and two
//! hexadecimal digits for each byte of UTF-8, and `%` alone is an empty word; `-` is a certificate without bytes.

mod plan;

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use plan::{PlanText, read_plan};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Entry, NameAnswer, NameLookup, Record, Transcript};
use crate::hex;
use crate::machine::{End, Event};
use crate::stage::{self, ConnectFailure, STAGES, TlsFailure};

/// The most bytes of a transcript that we read.
const LIMIT: usize = 64 * 1024 * 1024;
/// The most connections, and the most addresses of a name, that we read: a probe makes sixteen, a thorough one 200.
const MANY: usize = 256;
const FIRST_LINE: &str = "rdpdoctor transcript 1";

/// Why text is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The first line is not that of a transcript.
    #[error("read transcript: the first line is not {FIRST_LINE:?}")]
    NotATranscript,
    /// More than 64 MiB.
    #[error("read transcript: more than {LIMIT} bytes")]
    TooLarge,
    /// A line that cannot be understood.
    #[error("read transcript, line {line}: {what} is not valid")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The part of it that is wrong.
        what: &'static str,
    },
    /// A line that has to be there is missing.
    #[error("read transcript: the line {0:?} is missing")]
    Missing(&'static str),
}

impl fmt::Display for Transcript {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{FIRST_LINE}")?;
        writeln!(out, "at {}", self.at.format(&Rfc3339).map_err(|_| fmt::Error)?)?;
        writeln!(out, "tool {}", Word(&self.tool))?;
        writeln!(out, "target {} {}", Word(&self.host), self.port)?;
        if let Some(name) = &self.name {
            writeln!(out, "name {} {}", seconds(name.took), NameText(&name.answer))?;
        }
        for record in &self.conversations {
            let survey = if record.survey { "survey " } else { "" };
            writeln!(
                out,
                "connection {} {} {survey}{}",
                record.address,
                seconds(record.start),
                PlanText(&record.plan)
            )?;
            for (at, entry) in &record.entries {
                write!(out, "  {} ", seconds(*at))?;
                write_entry(out, entry)?;
            }
        }
        Ok(())
    }
}

/// Text as one word of a line.
struct Word<'a>(&'a str);

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

fn read_word(word: &str) -> Option<String> {
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

pub(crate) fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

struct NameText<'a>(&'a NameAnswer);

impl fmt::Display for NameText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NameAnswer::Addresses(addresses) => {
                out.write_str("addresses")?;
                addresses.iter().try_for_each(|address| write!(out, " {address}"))
            }
            NameAnswer::NotFound { code } => write!(out, "not-found {code}"),
            NameAnswer::TryAgain { code } => write!(out, "try-again {code}"),
            NameAnswer::Failed { code } => write!(out, "failed {code}"),
            NameAnswer::Silent => out.write_str("silent"),
        }
    }
}

fn write_entry(out: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    match entry {
        Entry::Sent(bytes) => write!(out, "> {}{}", hex::encode(bytes), Comment(bytes)),
        Entry::TunnelSent(bytes) => write!(out, "tls> {}", hex::encode(bytes)),
        Entry::TunnelReceived(bytes) => write!(out, "tls< {}", hex::encode(bytes)),
        Entry::Event(Event::Bytes(bytes)) => write!(out, "< {}{}", hex::encode(bytes), Comment(bytes)),
        Entry::Event(Event::Connected) => write!(out, "connected"),
        Entry::Event(Event::ConnectFailed(failure)) => {
            out.write_str("connect-failed ")?;
            failure.write(out)
        }
        Entry::Event(Event::TlsUp { version, suite, chain }) => {
            out.write_str("tls-up ")?;
            stage::write_tls_up(*version, *suite, chain, out)
        }
        Entry::Event(Event::TlsFailed(failure)) => {
            out.write_str("tls-failed ")?;
            failure.write(out)
        }
        Entry::Event(Event::Closed(end)) => write!(out, "closed {}", end_name(*end)),
        Entry::Event(Event::CertificateRequested) => write!(out, "certificate-requested"),
        Entry::Event(Event::Time) => write!(out, "time"),
        Entry::Event(Event::RehearsalFailed) => write!(out, "rehearsal-failed"),
    }?;
    out.write_char('\n')
}

pub(crate) fn end_name(end: End) -> &'static str {
    match end {
        End::Fin => "fin",
        End::Rst => "rst",
    }
}

/// Names, behind a `#`, the message that bytes are.
struct Comment<'a>(&'a [u8]);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remark = STAGES.iter().find_map(|stage| (stage.remark)(self.0));
        remark.map_or(Ok(()), |remark| write!(out, " # {remark}"))
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

impl FromStr for Transcript {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LIMIT {
            return Err(ParseError::TooLarge);
        }
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some(FIRST_LINE) {
            return Err(ParseError::NotATranscript);
        }
        let mut reading = Reading::default();
        for (line, text) in (2..).zip(lines) {
            let words = text.split('#').next().unwrap_or_default();
            reading.line(words).map_err(|what| ParseError::Line { line, what })?;
        }
        Ok(Self {
            at: reading.at.ok_or(ParseError::Missing("at"))?,
            tool: reading.tool.ok_or(ParseError::Missing("tool"))?,
            host: reading.host.ok_or(ParseError::Missing("target"))?,
            port: reading.port.ok_or(ParseError::Missing("target"))?,
            name: reading.name,
            conversations: reading.conversations,
        })
    }
}

#[derive(Default)]
struct Reading {
    at: Option<OffsetDateTime>,
    tool: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    name: Option<NameLookup>,
    conversations: Vec<Record>,
}

/// Words of one line; each method takes the next and says what is wrong if it cannot be understood.
pub(crate) struct Line<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Line<'a> {
    pub(crate) fn next(&mut self, what: &'static str) -> Result<&'a str, &'static str> {
        self.0.next().ok_or(what)
    }

    pub(crate) fn parse<T: FromStr>(&mut self, what: &'static str) -> Result<T, &'static str> {
        self.next(what)?.parse().map_err(|_| what)
    }

    fn seconds(&mut self, what: &'static str) -> Result<Duration, &'static str> {
        read_seconds(self.next(what)?).ok_or(what)
    }

    fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, &'static str> {
        self.0.next().map_or(Ok(Vec::new()), |word| hex::decode(word).ok_or(what))
    }

    fn word(&mut self, what: &'static str) -> Result<String, &'static str> {
        read_word(self.next(what)?).ok_or(what)
    }

    /// Nothing may follow what was read: a gap inside hexadecimal text would cut it short.
    fn end(&mut self) -> Result<(), &'static str> {
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

impl Reading {
    fn line(&mut self, text: &str) -> Result<(), &'static str> {
        let inside = text.starts_with(' ');
        let mut words = Line(text.split_whitespace());
        if inside {
            return match words.0.next() {
                None => Ok(()),
                Some(at) => self.entry(read_seconds(at).ok_or("time")?, &mut words),
            };
        }
        match words.0.next() {
            None => {}
            Some("at") => {
                let at = OffsetDateTime::parse(words.next("at")?, &Rfc3339).map_err(|_| "at")?;
                // UTC, as every transcript of ours; at the ends of the calendar another zone has no such moment
                self.at = Some(at.checked_to_offset(time::UtcOffset::UTC).ok_or("at")?);
            }
            Some("tool") => self.tool = Some(words.word("tool")?),
            Some("target") => {
                self.host = Some(words.word("target")?);
                self.port = Some(words.parse("target port")?);
            }
            Some("name") => self.name = Some(read_name(&mut words)?),
            Some("connection") if self.conversations.len() >= MANY => return Err("number of connections"),
            Some("connection") => {
                let address = words.parse("address")?;
                let start = words.seconds("start")?;
                let survey = words.0.clone().next() == Some("survey");
                if survey {
                    words.0.next();
                }
                let plan = read_plan(&mut words)?;
                self.conversations.push(Record { address, start, survey, plan, entries: Vec::new() });
            }
            Some(_) => return Err("first word"),
        }
        words.end()
    }

    fn entry(&mut self, at: Duration, words: &mut Line<'_>) -> Result<(), &'static str> {
        let entry = match words.next("entry")? {
            ">" => Entry::Sent(words.bytes("bytes")?),
            "<" => Entry::Event(Event::Bytes(words.bytes("bytes")?)),
            "tls>" => Entry::TunnelSent(words.bytes("bytes")?),
            "tls<" => Entry::TunnelReceived(words.bytes("bytes")?),
            "connected" => Entry::Event(Event::Connected),
            "connect-failed" => Entry::Event(Event::ConnectFailed(ConnectFailure::read(words)?)),
            "tls-up" => Entry::Event(stage::read_tls_up(words)?),
            "tls-failed" => Entry::Event(Event::TlsFailed(TlsFailure::read(words)?)),
            "closed" => Entry::Event(Event::Closed(read_end(words)?)),
            "certificate-requested" => Entry::Event(Event::CertificateRequested),
            "time" => Entry::Event(Event::Time),
            "rehearsal-failed" => Entry::Event(Event::RehearsalFailed),
            _ => return Err("entry"),
        };
        words.end()?;
        let record = self.conversations.last_mut().ok_or("entry before any connection")?;
        record.entries.push((at, entry));
        Ok(())
    }
}

fn read_name(words: &mut Line<'_>) -> Result<NameLookup, &'static str> {
    let took = words.seconds("time")?;
    let answer = match words.next("name answer")? {
        "addresses" => {
            let addresses: Result<Vec<SocketAddr>, _> = words.0.by_ref().take(MANY).map(str::parse).collect();
            NameAnswer::Addresses(addresses.map_err(|_| "address")?)
        }
        "not-found" => NameAnswer::NotFound { code: words.parse("code")? },
        "try-again" => NameAnswer::TryAgain { code: words.parse("code")? },
        "failed" => NameAnswer::Failed { code: words.parse("code")? },
        "silent" => NameAnswer::Silent,
        _ => return Err("name answer"),
    };
    Ok(NameLookup { took, answer })
}

pub(crate) fn read_end(words: &mut Line<'_>) -> Result<End, &'static str> {
    match words.next("end")? {
        "fin" => Ok(End::Fin),
        "rst" => Ok(End::Rst),
        _ => Err("end"),
    }
}
