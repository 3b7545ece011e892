//! TLS: a ClientHello of ours and the flight that answers it, or a handshake of a TLS stack.

mod tunnel;

use std::fmt::{self, Write};
use std::time::Duration;

use super::interface::{Begun, Expect, Redact, Stage, kept};
use super::{tcp, x224};
use crate::bytes::Reader;
use crate::foreign::ForeignService;
use crate::hex;
use crate::machine::answer::{Presented, TlsAnswer};
use crate::machine::event::TlsFailure;
use crate::machine::event::{Action, Event};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::ConversationPlan;
use crate::redaction::Names;
use crate::redaction::certificate::renamed_certificate;
use crate::redaction::copy::{Copy, Part, PartReader, masked};
use crate::tls::flight::{self, FlightProgress, ServerFlight};
use crate::tls::registry::{Codes, Registry};
use crate::tls::{
    Alert, ClientHello, Groups, HelloStyle, NameSent, Segments, Signatures, Suites, TlsOffer, TlsStack, TlsVersion,
    host_name,
};
use crate::transcript::line::{Line, Words, end_name, read_end};
use crate::x224::{Framing, SecurityProtocols, ServerAnswer, framing};
use tunnel::ExpectTunnel;

pub(super) const STAGE: Stage =
    Stage { name: "tls", share: 4, limit: |limits| &mut limits.tls, begin, write, read, rename, ..Stage::BARE };

impl TlsAnswer {
    /// Takes out what names somebody.
    pub(crate) fn rename(&mut self, names: &mut Names) {
        if let Self::NotTls(bytes) = self {
            *bytes = not_tls(bytes);
        }
        if let Some(words) = self.words_mut() {
            *words = names.prose(words);
        }
    }

    /// Tells how a hello was refused, behind "was"; `None` if it was not, or if we failed.
    pub fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::Accepted { .. } | Self::OwnFailure(_) => return None,
            Self::WrongKey => "answered with a signature that is not by the certificate's key".to_owned(),
            Self::Alert(alert) => format!("refused with {alert}"),
            Self::Closed { end, bytes: 0 } => format!("{} without an answer", end.verb()),
            Self::Closed { end, bytes } => format!("{} after {bytes} bytes", end.verb()),
            Self::Silent { bytes: 0 } => "left without an answer".to_owned(),
            Self::Silent { bytes } => format!("not answered in full ({bytes} bytes came)"),
            Self::NotTls(bytes) => format!("answered with {}", instead_of_tls(bytes)),
            Self::Malformed(words) => format!("answered with broken TLS ({words})"),
        })
    }

    /// Returns the words in it that may be anybody's.
    pub fn words_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Malformed(words) | Self::OwnFailure(words) => Some(words),
            Self::Accepted { .. }
            | Self::WrongKey
            | Self::Alert(_)
            | Self::Closed { .. }
            | Self::Silent { .. }
            | Self::NotTls(_) => None,
        }
    }
}

/// Says what came instead of TLS.
pub fn instead_of_tls(bytes: &[u8]) -> String {
    match ForeignService::recognise(bytes) {
        Some(service) => format!("{} instead of TLS", service.name()),
        None if ServerAnswer::decode(bytes).is_ok() => "an unencrypted message of Remote Desktop".to_owned(),
        None => "bytes that are no TLS record".to_owned(),
    }
}

impl Presented {
    /// Takes out what names somebody.
    pub(crate) fn rename(&mut self, names: &mut Names) {
        rename_chain(&mut self.chain, names);
    }
}

/// Parts an accepting flight into the answer and what the server showed of itself.
pub(crate) fn accepted(flight: ServerFlight, finished: bool) -> (TlsAnswer, Presented) {
    let ServerFlight { version, suite, chain, wants_client_certificate, retry, group, signature, prime_bits } = flight;
    let presented = if finished {
        Presented { chain, ..Presented::default() }
    } else {
        Presented { chain, wants_client_certificate, retry, group, signature, prime_bits }
    };
    (TlsAnswer::Accepted { version, suite, finished }, presented)
}

impl TlsFailure {
    /// Its words in a transcript.
    pub(crate) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(out, "alert {} {} # {alert}", alert.level, alert.description),
            Self::Closed { end, bytes } => write!(out, "closed {} {bytes}", end_name(*end)),
            Self::WrongKey => out.write_str("wrong-key"),
            Self::NotTls(bytes) => write!(out, "not-tls {}", hex::encode(bytes)),
            Self::Peer(words) => write!(out, "peer {}{}", hex::encode(words.as_bytes()), Words(words)),
            Self::Own(words) => write!(out, "own {}{}", hex::encode(words.as_bytes()), Words(words)),
        }
    }

    /// Reads these words.
    pub(crate) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        Ok(match words.next("tls-failed")? {
            "alert" => Self::Alert(Alert { level: words.parse("level")?, description: words.parse("description")? }),
            "closed" => Self::Closed { end: read_end(words)?, bytes: words.parse("bytes")? },
            "wrong-key" => Self::WrongKey,
            "not-tls" => Self::NotTls(hex::decode(words.next("not-tls")?).ok_or("not-tls")?),
            "peer" => Self::Peer(words.text("tls-failed")?),
            "own" => Self::Own(words.text("tls-failed")?),
            _ => return Err("tls-failed"),
        })
    }

    /// Renames whom the stack's words name.
    pub(crate) fn rename(&mut self, names: &mut Names) {
        match self {
            Self::Peer(words) | Self::Own(words) => *words = names.prose(words),
            Self::NotTls(bytes) => *bytes = not_tls(bytes),
            Self::Alert(_) | Self::Closed { .. } | Self::WrongKey => {}
        }
    }
}

/// Bytes that came instead of TLS, without names: which service it is stays.
fn not_tls(bytes: &[u8]) -> Vec<u8> {
    // xrdp hangs up like this where its TLS cannot be set up; it names nobody
    if ServerAnswer::decode(bytes) == Ok(ServerAnswer::DisconnectProviderUltimatum) {
        return bytes.to_vec();
    }
    x224::greeting(bytes)
}

/// True for the first byte of a TLS record (RFC 8446 section 5.1, and heartbeat).
pub fn begins_record(first: u8) -> bool {
    (20..=24).contains(&first)
}

/// The end of a handshake as a transcript writes it.
pub(crate) fn write_up(
    version: TlsVersion,
    suite: u16,
    chain: &[Vec<u8>],
    out: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(out, "{} {suite:04x}", version.number())?;
    for certificate in chain {
        out.write_char(' ')?;
        if certificate.is_empty() { out.write_char('-')? } else { out.write_str(&hex::encode(certificate))? }
    }
    Ok(())
}

/// Reads what [`write_up`] writes.
pub(crate) fn read_up(words: &mut Line<'_>) -> Result<Event, &'static str> {
    let version = TlsVersion::parse(words.next("version")?).ok_or("version")?;
    let suite = hex::decode(words.next("suite")?).and_then(|bytes| bytes.try_into().ok()).ok_or("suite")?;
    let read = |word: &str| if word == "-" { Some(Vec::new()) } else { hex::decode(word) };
    let chain: Option<Vec<_>> = words.rest().map(read).collect();
    Ok(Event::TlsUp { version, suite: u16::from_be_bytes(suite), chain: chain.ok_or("certificate")? })
}

/// Renames every certificate of a chain.
pub(crate) fn rename_chain(chain: &mut [Vec<u8>], names: &mut Names) {
    for der in chain {
        *der = renamed_certificate(der, names);
    }
}

fn keep(answer: Timed<(TlsAnswer, Presented)>, outcome: &mut Outcome) {
    let (answer, presented) = answer.split();
    (outcome.tls, outcome.presented) = (Some(answer), presented);
}

/// True if a handshake was finished.
pub(super) fn established(outcome: &Outcome) -> bool {
    matches!(outcome.tls, Some(Timed { value: TlsAnswer::Accepted { finished: true, .. }, .. }))
}

/// Behind a negotiation that selected a protocol with TLS which was offered, or at once where the plan has no request.
fn begin(plan: &ConversationPlan, outcome: &Outcome, left: &mut Vec<u8>) -> Option<Begun> {
    let led_here = match &plan.request {
        Some(request) => {
            let offered = request.protocols.unwrap_or(SecurityProtocols::RDP);
            x224::selected(outcome).is_some_and(|protocol| protocol.tls() && offered.contains(protocol))
        }
        None => tcp::accepted(outcome),
    };
    let offer = plan.tls.filter(|_| led_here)?;
    Some(if offer.stack == TlsStack::Own {
        // the head of a record has five bytes
        let pad_to = usize::from(plan.path.hello).saturating_sub(5);
        let hello = ClientHello { pad_to, ..ClientHello::shaped(offer, plan.random, &plan.shape) };
        let actions = hello.encode(offer.segments).into_iter().map(Action::Send).collect();
        let received = std::mem::take(left);
        Begun { actions, state: Box::new(ExpectFlight { received, wanted: 0, max: offer.max, suites: hello.suites }) }
    } else {
        // behind CredSSP the peer says for itself what it misses
        let credssp = plan.credssp.is_some() && x224::selected(outcome).is_some_and(SecurityProtocols::credssp);
        let last = !credssp && !plan.connection_sequence;
        Begun { actions: vec![Action::UpgradeTls(offer)], state: Box::new(ExpectTunnel::new(last)) }
    })
}

/// Waits for the answer to our own hello.
#[derive(Debug)]
struct ExpectFlight {
    received: Vec<u8>,
    /// Bytes of the flight that are needed before it is looked at again.
    wanted: usize,
    /// The newest version that was offered.
    max: TlsVersion,
    /// The suites that were offered.
    suites: Vec<u16>,
}

impl Expect for ExpectFlight {
    type Answer = (TlsAnswer, Presented);

    const REDACT: Option<Redact> = Some(|stream, names| (redacted_flight(stream, names), &[]));

    fn keep(answer: Timed<Self::Answer>, outcome: &mut Outcome) {
        keep(answer, outcome);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        plan.limits.tls
    }

    fn handle(&mut self, event: Event) -> Option<Self::Answer> {
        let answer = match event {
            Event::Bytes(bytes) => {
                let room = flight::FLIGHT_LIMIT.saturating_sub(self.received.len());
                self.received.extend(bytes.into_iter().take(room));
                return if self.received.len() < self.wanted { None } else { self.look() };
            }
            Event::Closed(end) => TlsAnswer::Closed { end, bytes: self.received.len() },
            Event::Time => TlsAnswer::Silent { bytes: self.received.len() },
            _ => return None,
        };
        Some((answer, Presented::default()))
    }
}

impl ExpectFlight {
    fn look(&mut self) -> Option<(TlsAnswer, Presented)> {
        let full = self.received.len() >= flight::FLIGHT_LIMIT;
        let answer = match flight::read(&self.received) {
            FlightProgress::Incomplete if full => TlsAnswer::Malformed("more bytes than any handshake has".to_owned()),
            FlightProgress::Incomplete => {
                // never beyond what is kept, so that a record that does not fit is noticed
                self.wanted = flight::wanted(&self.received).min(flight::FLIGHT_LIMIT);
                return None;
            }
            FlightProgress::Complete(flight) => match self.not_offered(&flight) {
                Some(words) => TlsAnswer::Malformed(words),
                None => return Some(accepted(flight, false)),
            },
            FlightProgress::Alert(alert) => TlsAnswer::Alert(alert),
            // a server that hangs up in the clear says so in a whole frame, which may come in pieces
            FlightProgress::NotTls if framing(&self.received) == Framing::Incomplete => {
                self.wanted = self.received.len().saturating_add(1);
                return None;
            }
            FlightProgress::NotTls => TlsAnswer::NotTls(kept(&self.received)),
            FlightProgress::Malformed(error) => TlsAnswer::Malformed(error.to_string()),
        };
        Some((answer, Presented::default()))
    }

    /// Names the choice of a server that our hello did not offer. An older version is a refusal in the words of TLS
    /// 1.0.
    fn not_offered(&self, flight: &ServerFlight) -> Option<String> {
        if let Some(version) = flight.version.filter(|version| *version > self.max) {
            return Some(format!("the server chose {version}, which was not offered"));
        }
        let offered = self.suites.contains(&flight.suite);
        (!offered).then(|| format!("the server chose the suite {:#06x}, which was not offered", flight.suite))
    }
}

fn write(plan: &ConversationPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(offer) = plan.tls {
        write_offer(offer, out)?;
    }
    if plan.shape.style != HelloStyle::Plain {
        write!(out, "style={} ", plan.shape.style.name())?;
    }
    plan.shape.server_name.iter().try_for_each(|name| write!(out, "server-name={name} "))?;
    if plan.random == [0; 32] { Ok(()) } else { write!(out, "random={} ", hex::encode(&plan.random)) }
}

fn write_offer(offer: TlsOffer, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let cut = if offer.segments == Segments::Whole { "whole" } else { "split" };
    write!(out, "tls={},{},{},{cut}", offer.stack.name(), offer.min.number(), offer.max.number())?;
    let exchange = (offer.groups, offer.signatures) != (Groups::USUAL, Signatures::USUAL);
    if exchange || offer.suites != Suites::USUAL {
        write!(out, ",{}", list(offer.suites))?;
    }
    if exchange {
        write!(out, ",{},{}", list(offer.groups), list(offer.signatures))?;
    }
    out.write_str(match offer.name {
        NameSent::Typed => " ",
        NameSent::None => " name-sent=none ",
        NameSent::Invented => " name-sent=invented ",
    })
}

/// Renames whom the hello asks for.
fn rename(plan: &mut ConversationPlan, names: &mut Names) {
    if let Some(name) = &mut plan.shape.server_name {
        *name = names.text(name);
    }
}

fn read_name_sent(plan: &mut ConversationPlan, value: &str) -> Option<()> {
    plan.tls.as_mut()?.name = match value {
        "none" => NameSent::None,
        "invented" => NameSent::Invented,
        _ => return None,
    };
    Some(())
}

fn list<R: Registry>(codes: Codes<R>) -> String {
    let codes: Vec<_> = codes.codes().map(|code| format!("{code:04x}")).collect();
    codes.join("+")
}

fn read(plan: &mut ConversationPlan, key: &str, value: &str) -> Option<Result<(), &'static str>> {
    Some(match key {
        "tls" => read_offer(value).ok_or("tls").map(|offer| plan.tls = Some(offer)),
        "name-sent" => read_name_sent(plan, value).ok_or("name-sent"),
        "style" => HelloStyle::parse(value).ok_or("style").map(|style| plan.shape.style = style),
        "server-name" => {
            let name = host_name(value.as_bytes()).map(str::to_owned);
            name.ok_or("server-name").map(|name| plan.shape.server_name = Some(name))
        }
        "random" => {
            let random = hex::decode(value).and_then(|bytes| bytes.try_into().ok());
            random.ok_or("random").map(|random| plan.random = random)
        }
        _ => return None,
    })
}

fn read_offer(value: &str) -> Option<TlsOffer> {
    let mut parts = value.split(',');
    let name = parts.next()?;
    let stack = TlsStack::ALL.into_iter().find(|stack| stack.name() == name)?;
    let min = TlsVersion::parse(parts.next()?)?;
    let max = TlsVersion::parse(parts.next()?)?;
    let segments = match parts.next()? {
        "whole" => Segments::Whole,
        "split" => Segments::FirstByteAlone,
        _ => return None,
    };
    let suites = parts.next().map_or(Some(Suites::USUAL), read_list)?;
    let groups = parts.next().map_or(Some(Groups::USUAL), read_list)?;
    let signatures = parts.next().map_or(Some(Signatures::USUAL), read_list)?;
    parts.next().is_none().then_some(TlsOffer {
        stack,
        min,
        max,
        segments,
        suites,
        groups,
        signatures,
        name: NameSent::Typed,
    })
}

fn read_list<R: Registry>(text: &str) -> Option<Codes<R>> {
    if text.is_empty() {
        return Some(Codes::NONE);
    }
    let codes: Option<Vec<_>> = text.split('+').map(|code| u16::from_str_radix(code, 16).ok()).collect();
    Codes::of(codes?)
}

/// Number of an extension that stands for any that nobody reads: reserved for private use (RFC 8446 section 4.2).
const UNREAD_EXTENSION: u16 = 0xFF00;

/// TLS records: headers, alerts, what is read of a ServerHello and the structure of certificates stay.
fn redacted_flight(bytes: &[u8], names: &mut Names) -> Vec<u8> {
    if bytes.first().is_some_and(|first| !begins_record(*first)) {
        return not_tls(bytes);
    }
    let mut copy = Copy::zeros(bytes);
    let mut fragments = Vec::new();
    let mut reader = PartReader::new(Part::whole(bytes));
    while let Some(header) = reader.take(5) {
        let &[kind, 3, _, high, low] = header.bytes else {
            copy.put(header, &masked(header.bytes));
            break;
        };
        copy.keep(header);
        let size = usize::from(u16::from_be_bytes([high, low])).min(reader.rest().bytes.len());
        let Some(fragment) = reader.take(size) else { break };
        match kind {
            flight::ALERT => copy.keep(fragment.first(2)),
            flight::HANDSHAKE => fragments.push(fragment),
            _ => {}
        }
    }
    let rest = reader.rest();
    copy.put(rest, &masked(rest.bytes));
    let handshake: Vec<u8> = fragments.iter().flat_map(|fragment| fragment.bytes).copied().collect();
    let mut handshake = redacted_messages(&handshake, names).into_iter();
    for fragment in fragments {
        let new: Vec<u8> = handshake.by_ref().take(fragment.bytes.len()).collect();
        copy.put(fragment, &new);
    }
    copy.changed
}

fn redacted_messages(handshake: &[u8], names: &mut Names) -> Vec<u8> {
    let mut copy = Copy::zeros(handshake);
    let mut reader = PartReader::new(Part::whole(handshake));
    while let Some(header) = reader.take(4) {
        copy.keep(header);
        let size = Reader::new(header.bytes.get(1..).unwrap_or_default()).u24_be("size").unwrap_or(0);
        let Some(body) = reader.take(size) else { break };
        match header.bytes.first() {
            Some(2) => copy.put(body, &redacted_hello(body.bytes)),
            Some(11) => copy.put(body, &redacted_chain(body.bytes, names)),
            _ => {}
        }
    }
    copy.changed
}

/// Keeps of a ServerHello what is read: version, suite, the mark of a HelloRetryRequest, the version and the group
/// that were chosen. Its random bytes, session id, cookie and all else that a host may fill as it likes become zeros.
fn redacted_hello(body: &[u8]) -> Vec<u8> {
    let mut copy = Copy::zeros(body);
    let mut reader = PartReader::new(Part::whole(body));
    let mut fields = || {
        copy.keep(reader.take(2)?);
        let random = reader.take(32)?;
        if flight::is_retry(random.bytes) {
            copy.keep(random);
        }
        let session = reader.take(1)?;
        copy.keep(session);
        reader.take(usize::from(*session.bytes.first()?))?;
        // suite and compression; the length of the extensions
        copy.keep(reader.take(3)?);
        copy.keep(reader.take(2)?);
        while let Some(header) = reader.take(4) {
            let &[high, low, long, short] = header.bytes else { break };
            let kind = u16::from_be_bytes([high, low]);
            let size = usize::from(u16::from_be_bytes([long, short]));
            copy.keep(header);
            let value = reader.take(size)?;
            if flight::EXTENSIONS_READ.contains(&kind) {
                copy.keep(value.first(2));
            } else {
                copy.put(header, &[&UNREAD_EXTENSION.to_be_bytes()[..], &[long, short]].concat());
            }
        }
        Some(())
    };
    // a body that is cut off or damaged stays as far as it goes
    let _ = fields();
    copy.changed
}

fn redacted_chain(body: &[u8], names: &mut Names) -> Vec<u8> {
    let mut copy = Copy::zeros(body);
    let mut reader = PartReader::new(Part::whole(body));
    if let Some(size) = reader.take(3) {
        copy.keep(size);
    }
    while let Some(header) = reader.take(3) {
        copy.keep(header);
        let size = Reader::new(header.bytes).u24_be("size").unwrap_or(0);
        let Some(der) = reader.take(size) else { break };
        copy.put(der, &renamed_certificate(der.bytes, names));
    }
    copy.changed
}
