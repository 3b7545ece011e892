//! The text form of a transcript.
//!
//! ```text
//! rdpdoctor transcript 3
//! at 2026-11-21T09:00:00Z
//! tool rdpdoctor/0.1.0
//! target host.example 3389
//! name 0.000000 system 0.001200 addresses 192.0.2.7:3389
//! connection 0.001300 192.0.2.7:3389 request=SSL+HYBRID tls=rustls,1.2,1.3,whole credssp=6 …
//!   0.000400 connected
//!   0.000410 > 030000130ee00000000000010008000b000000
//!   0.000900 < 030000130ed000001234000200080002000000
//!   0.000950 figures syn-rtt=390 segment=1448 …
//! ```
//!
//! Behind the first four lines stand records: the kind, the seconds since the beginning of the transcript, and the
//! kind's own words; lines that are indented belong to the record above them and begin with the seconds since its
//! beginning. Times have six digits. A kind or a word that is not known is refused: half of a record is worse than
//! none.
//!
//! `name` is a look-up of the name that was typed: who was asked (`system` is this computer's own resolver), how long
//! it took, and the answer. `settings` and `dns` are what that resolver is set up to ask, and what name servers said
//! themselves ([`super::naming`]). `datagram` is a SYN over UDP ([`super::datagram`]), and `hops` are SYNs
//! that may pass only so many routers ([`super::hops`]).
//!
//! `connection` is a TCP connection: the address, `survey` if it was made for the sake of completeness (`--thorough`),
//! and the plan, of which each stage has words of its own. Behind the cut of a hello stand, where they are not the
//! usual ones, its suites, and its groups and signature algorithms. `>` and `<` are raw bytes before `tls-up` and
//! plaintext after it; `tls>` and `tls<` are the raw bytes of the TLS stack. `figures` are what the operating system
//! counted of the connection ([`crate::figures::TcpFigures`]); a figure that is not there is 0. `expired`: a router
//! said that a hello could not go further (`hops=` in the plan).
//!
//! In a host and a tool, spaces, `#`, `%` and control characters are written as `%` and two hexadecimal digits for each
//! byte of UTF-8, and `%` alone is an empty word; `-` is a certificate without bytes.
//!
//! Versions 1 and 2 are still read. Version 2 had no `figures`, `expired`, `settings`, `dns`, `datagram` and `hops`,
//! and no plan that measures the path. Version 1 had `name` without time and resolver, the address of a `connection`
//! before its time, and limits without the names of their stages.

mod plan;

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use plan::{PlanText, read_plan};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::line::{Line, Word, end_name, read_end, read_seconds, seconds};
use super::{
    ConnectionRecord, DatagramRecord, DnsLookup, Entry, HopsRecord, NameAnswer, NameLookup, NameSettings, Record,
    Transcript,
};
use crate::figures::TcpFigures;
use crate::hex;
use crate::machine::event::Event;
use crate::machine::event::{ConnectFailure, TlsFailure};
use crate::stage::{self, STAGES};

/// The most bytes of a transcript that we read.
const LIMIT: usize = 64 * 1024 * 1024;
/// The most records, and the most addresses of a name, that we read: a probe makes sixteen, a thorough one 200, and one
/// that asks name servers 48 more.
const MANY: usize = 384;
/// This computer's own resolver, as a record names it.
const SYSTEM: &str = "system";
const FIRST_LINE: &str = "rdpdoctor transcript 3";
/// The beginning of the first line, in every version.
const TITLE: &str = "rdpdoctor transcript ";

/// A version of the form that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    /// Two and three: what three adds is no word of two.
    Newer,
}

/// Why text is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The first line is not that of a transcript.
    #[error("read transcript: the first line is not {FIRST_LINE:?}")]
    NotATranscript,
    /// A version that did not exist when this program was made.
    #[error("read transcript: {FIRST_LINE:?} is the newest form that this program knows, and it is {0:?}")]
    NewerVersion(String),
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
        self.records.iter().try_for_each(|record| match record {
            Record::Name(NameLookup { start, took, answer }) => {
                writeln!(out, "name {} {SYSTEM} {} {}", seconds(*start), seconds(*took), NameText(answer))
            }
            Record::Settings(settings) => settings.write(out),
            Record::Dns(lookup) => lookup.write(out),
            Record::Connection(connection) => write_connection(connection, out),
            Record::Datagram(datagram) => datagram.write(out),
            Record::Hops(hops) => hops.write(out),
        })
    }
}

fn write_connection(record: &ConnectionRecord, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let survey = if record.survey { "survey " } else { "" };
    let plan = PlanText(&record.plan);
    writeln!(out, "connection {} {} {survey}{plan}", seconds(record.start), record.address)?;
    record.entries.iter().try_for_each(|(at, entry)| {
        write!(out, "  {} ", seconds(*at))?;
        write_entry(out, entry)
    })
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
            NameAnswer::NoNetwork => out.write_str("no-network"),
        }
    }
}

fn write_entry(out: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    match entry {
        Entry::Sent(bytes) => write!(out, "> {}{}", hex::encode(bytes), Comment(bytes)),
        Entry::TunnelSent(bytes) => write!(out, "tls> {}", hex::encode(bytes)),
        Entry::TunnelReceived(bytes) => write!(out, "tls< {}", hex::encode(bytes)),
        Entry::Figures(figures) => figures.write(out),
        Entry::Expired => write!(out, "expired"),
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

/// Names, behind a `#`, the message that bytes are.
struct Comment<'a>(&'a [u8]);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remark = STAGES.iter().find_map(|stage| (stage.remark)(self.0));
        remark.map_or(Ok(()), |remark| write!(out, " # {remark}"))
    }
}

impl FromStr for Transcript {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LIMIT {
            return Err(ParseError::TooLarge);
        }
        let mut lines = text.lines();
        let version = read_version(lines.next().unwrap_or_default())?;
        let mut reading = Reading { version, at: None, tool: None, host: None, port: None, records: Vec::new() };
        for (line, text) in (2..).zip(lines) {
            let words = text.split('#').next().unwrap_or_default();
            reading.line(words).map_err(|what| ParseError::Line { line, what })?;
        }
        Ok(Self {
            at: reading.at.ok_or(ParseError::Missing("at"))?,
            tool: reading.tool.ok_or(ParseError::Missing("tool"))?,
            host: reading.host.ok_or(ParseError::Missing("target"))?,
            port: reading.port.ok_or(ParseError::Missing("target"))?,
            records: reading.records,
        })
    }
}

fn read_version(first_line: &str) -> Result<Version, ParseError> {
    match first_line.trim_end().strip_prefix(TITLE) {
        Some("1") => Ok(Version::One),
        Some("2" | "3") => Ok(Version::Newer),
        Some(number) if number.parse::<u32>().is_ok_and(|number| number > 3) => {
            Err(ParseError::NewerVersion(first_line.trim_end().to_owned()))
        }
        _ => Err(ParseError::NotATranscript),
    }
}

struct Reading {
    version: Version,
    at: Option<OffsetDateTime>,
    tool: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    records: Vec<Record>,
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
            Some(_) if self.records.len() >= MANY => return Err("number of records"),
            Some("name") => self.name(&mut words)?,
            Some("settings") => self.records.push(Record::Settings(NameSettings::read(&mut words)?)),
            Some("dns") => self.records.push(Record::Dns(DnsLookup::read(&mut words)?)),
            Some("hops") => self.records.push(Record::Hops(HopsRecord::read(&mut words)?)),
            Some("datagram") => self.records.push(Record::Datagram(DatagramRecord::read(&mut words)?)),
            Some("connection") => {
                let connection = self.connection(&mut words)?;
                self.records.push(Record::Connection(connection));
            }
            Some(_) => return Err("first word"),
        }
        words.end()
    }

    fn name(&mut self, words: &mut Line<'_>) -> Result<(), &'static str> {
        let mut start = Duration::ZERO;
        if self.version == Version::Newer {
            start = words.seconds("start")?;
            if words.next("resolver")? != SYSTEM {
                return Err("resolver");
            }
        } else {
            // the last one counted, wherever it stood
            self.records.retain(|record| !matches!(record, Record::Name(_)));
        }
        let took = words.seconds("time")?;
        let lookup = NameLookup { start, took, answer: read_name_answer(words)? };
        let place = if self.version == Version::One { 0 } else { self.records.len() };
        self.records.insert(place, Record::Name(lookup));
        Ok(())
    }

    fn connection(&self, words: &mut Line<'_>) -> Result<ConnectionRecord, &'static str> {
        let (start, address) = match self.version {
            Version::One => {
                let address = words.parse("address")?;
                (words.seconds("start")?, address)
            }
            Version::Newer => (words.seconds("start")?, words.parse("address")?),
        };
        let survey = words.0.clone().next() == Some("survey");
        if survey {
            words.0.next();
        }
        let plan = read_plan(words, self.version)?;
        Ok(ConnectionRecord { address, start, survey, plan, entries: Vec::new() })
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
            "expired" => Entry::Expired,
            "figures" => Entry::Figures(TcpFigures::read(words)?),
            _ => return Err("entry"),
        };
        words.end()?;
        let Some(Record::Connection(record)) = self.records.last_mut() else {
            return Err("entry before any connection");
        };
        record.entries.push((at, entry));
        Ok(())
    }
}

fn read_name_answer(words: &mut Line<'_>) -> Result<NameAnswer, &'static str> {
    Ok(match words.next("name answer")? {
        "addresses" => {
            let addresses: Result<Vec<SocketAddr>, _> = words.rest().take(MANY).map(str::parse).collect();
            NameAnswer::Addresses(addresses.map_err(|_| "address")?)
        }
        "not-found" => NameAnswer::NotFound { code: words.parse("code")? },
        "try-again" => NameAnswer::TryAgain { code: words.parse("code")? },
        "failed" => NameAnswer::Failed { code: words.parse("code")? },
        "silent" => NameAnswer::Silent,
        "no-network" => NameAnswer::NoNetwork,
        _ => return Err("name answer"),
    })
}
