//! The exchange between client and host, read with the decoders of the probe.
//!
//! A capture shows what passed one place. What it lacks (a packet, a direction, the rest after its end) is not known,
//! and never an answer: the stage is then `None`.

use std::time::Duration;

use crate::bytes::Reader;
use crate::capture::socks::{self, Socks};
use crate::capture::stream::Stream;
use crate::capture::web::Web;
use crate::foreign::ForeignService;
use crate::http::{self, Head, Method};
use crate::machine::{End, Presented, Timed, TlsAnswer, X224Answer};
use crate::stage::accepted;
use crate::stage::interface::kept;
use crate::tls::flight::{self, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, FlightProgress, HANDSHAKE};
use crate::tls::{Alert, ClientHello, ServerFlight, TlsVersion};
use crate::x224::{self, ConnectionRequest, Framing, ServerAnswer};

/// A host that has said nothing for so long was silent; before that, the capture ended too soon to tell.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// The handshake message of a client.
const CLIENT_HELLO: u8 = 1;
/// An encrypted record of TLS 1.3 of this size in bytes holds more than an alert: the client's Finished.
const FINISHED: usize = 40;

/// Exchange between client and host, stage by stage; `None` where the capture does not show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The client's Connection Request; `Some(Err)` holds the words of the reader.
    pub request: Option<Timed<Result<ConnectionRequest, String>>>,
    /// The host's answer to it.
    pub answer: Option<Timed<X224Answer>>,
    /// Exchange in HTTP, with a gateway or a web proxy.
    pub web: Option<Web>,
    /// The client's request to a SOCKS proxy, and its reply.
    pub socks: Option<Timed<Socks>>,
    /// The client's ClientHello: behind X.224, behind the way through a proxy, or at once.
    pub hello: Option<Timed<ClientHello>>,
    /// The host's answer to it.
    pub handshake: Option<Timed<TlsAnswer>>,
    /// Certificates and key exchange that came with it.
    pub presented: Presented,
    /// An alert that the client sent in clear.
    pub client_alert: Option<Alert>,
    /// An alert that the host sent in clear after it had gone along.
    pub server_alert: Option<Alert>,
    /// True where TLS 1.3 hides the host's certificate.
    pub hidden: bool,
}

/// How the host's side of a connection came to its end, as far as the capture shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// How and when the host ended it, if the client had not done so before.
    pub by_host: Option<(End, Duration)>,
    /// Until when it was watched: the end of the connection or of the capture.
    pub watched_until: Duration,
    /// Packets of the host were captured.
    pub host_seen: bool,
}

/// True if a client's first bytes are, or may become, an X.224 Connection Request.
pub fn may_be_request(up: &[u8]) -> bool {
    let shape = [Some(3), None, None, None, None, Some(0xE0)];
    up.iter().zip(shape).all(|(byte, wanted)| wanted.is_none_or(|wanted| wanted == *byte))
}

/// True if they are one.
pub fn is_request(up: &[u8]) -> bool {
    up.len() >= 6 && may_be_request(up)
}

/// True if a client's first bytes are, or may become, a TLS record with a ClientHello.
pub fn may_be_hello(up: &[u8]) -> bool {
    let shape = [Some(HANDSHAKE), Some(3), None, None, None, Some(CLIENT_HELLO)];
    up.iter().zip(shape).all(|(byte, wanted)| wanted.is_none_or(|wanted| wanted == *byte))
}

/// True if they are one.
pub fn is_hello(up: &[u8]) -> bool {
    up.len() >= 6 && may_be_hello(up)
}

impl Exchange {
    /// Reads both directions of a connection.
    pub fn read(up: &Stream, down: &Stream, ending: Ending) -> Self {
        let mut exchange = Self::default();
        let begins = exchange.way(up, down, ending);
        let tls = begins.and_then(|(sent, answered)| {
            let said = up.bytes().get(sent..).unwrap_or_default();
            if is_hello(said) {
                return Some((sent, answered));
            }
            // behind a proxy there may be anything
            let asks = sent == 0 || is_request(said);
            if asks { exchange.negotiation(up, down, (sent, answered), ending) } else { None }
        });
        if let Some((sent, answered)) = tls {
            exchange.handshake(up, down, sent, answered, ending);
        }
        exchange
    }

    /// The way through a proxy, where there is one: at which bytes the rest begins on both sides.
    fn way(&mut self, up: &Stream, down: &Stream, ending: Ending) -> Option<(usize, usize)> {
        if let Head::Complete { .. } = http::first_line(up.bytes()) {
            let (web, opened) = Web::read(up, down, ending)?;
            self.web = Some(web);
            return opened;
        }
        if socks::is(up.bytes(), down.bytes()) {
            let (socks, opened) = Socks::read(up, down)?;
            self.socks = Some(socks);
            return opened;
        }
        Some((0, 0))
    }

    /// True if it began with TLS.
    pub fn begins_with_tls(&self) -> bool {
        self.hello.is_some() && self.request.is_none() && self.web.is_none() && self.socks.is_none()
    }

    /// The host that a proxy was asked for, and its port; `None` for a connection without a proxy.
    pub fn beyond_proxy(&self) -> Option<(&str, u16)> {
        if let Some(socks) = &self.socks {
            return Some((&socks.value.host, socks.value.port));
        }
        let request = &self.web.as_ref()?.request.value;
        let asked = (request.host.as_deref()?, request.port?);
        (request.method == Method::Connect).then_some(asked)
    }

    /// The request and its answer. Where TLS follows: at which bytes it begins on both sides.
    fn negotiation(
        &mut self,
        up: &Stream,
        down: &Stream,
        (sent, before): (usize, usize),
        ending: Ending,
    ) -> Option<(usize, usize)> {
        let said = up.bytes().get(sent..).unwrap_or_default();
        let Framing::Complete(length) = x224::framing(said) else { return None };
        let frame = said.get(..length).unwrap_or_default();
        let length = sent.saturating_add(length);
        let asked = up.time_of(length)?;
        let request = ConnectionRequest::decode(frame).map_err(|error| error.to_string());
        self.request = Some(Timed { value: request, took: Duration::ZERO, at: asked });
        let (answer, size, at) = answer(down, before, asked, ending)?;
        let answered = before.saturating_add(size);
        let tls = matches!(&answer, X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if protocol.tls());
        self.answer = Some(Timed { value: answer, took: at.saturating_sub(asked), at });
        tls.then_some((length, answered))
    }

    fn handshake(&mut self, up: &Stream, down: &Stream, sent: usize, answered: usize, ending: Ending) {
        let said = up.bytes().get(sent..).unwrap_or_default();
        let Some((hello, size)) = client_hello(said) else { return };
        let Some(asked) = up.time_of(sent.saturating_add(size)) else { return };
        let records = records(said);
        self.client_alert = clear_alert(&records);
        let heard = down.bytes().get(answered..).unwrap_or_default();
        if let Some((answer, at)) = tls_answer(heard, answered, down, asked, ending) {
            let (value, presented) = match answer {
                Ok(flight) => self.flight(flight, &hello, heard, &records),
                Err(refusal) => (refusal, Presented::default()),
            };
            self.handshake = Some(Timed { value, took: at.saturating_sub(asked), at });
            self.presented = presented;
        }
        self.hello = Some(Timed { value: hello, took: Duration::ZERO, at: asked });
    }

    fn flight(
        &mut self,
        flight: ServerFlight,
        hello: &ClientHello,
        heard: &[u8],
        sent: &[(u8, &[u8])],
    ) -> (TlsAnswer, Presented) {
        if let Some(words) = not_offered(&flight, hello) {
            return (TlsAnswer::Malformed(words), Presented::default());
        }
        let heard = records(heard);
        self.server_alert = clear_alert(&heard);
        self.hidden = flight.version == Some(TlsVersion::Tls13);
        let finished = if self.hidden {
            sent.iter().any(|(kind, body)| *kind == APPLICATION_DATA && body.len() >= FINISHED)
        } else {
            heard.iter().any(|(kind, _)| *kind == CHANGE_CIPHER_SPEC)
        };
        let finished = finished && flight.version.is_some();
        accepted(flight, finished)
    }

    /// True if nothing more can be learnt from further bytes.
    pub fn settled(&self) -> bool {
        match (&self.web, &self.answer, &self.handshake) {
            (.., Some(handshake)) => {
                matches!(handshake.value, TlsAnswer::Accepted { finished: true, .. } | TlsAnswer::Alert(_))
            }
            (_, Some(answer), _) => match &answer.value {
                X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => !protocol.tls(),
                _ => true,
            },
            (Some(web), ..) => web.settled() && web.request.value.method != Method::Connect,
            _ => false,
        }
    }
}

/// The answer to a Connection Request, how many bytes it has, and when it was there.
fn answer(down: &Stream, before: usize, asked: Duration, ending: Ending) -> Option<(X224Answer, usize, Duration)> {
    let bytes = down.bytes().get(before..).unwrap_or_default();
    let at = |count: usize| down.time_of(before.saturating_add(count)).unwrap_or(asked);
    match x224::framing(bytes) {
        Framing::Complete(length) => {
            let frame = bytes.get(..length).unwrap_or_default();
            let answer = match ServerAnswer::decode(frame) {
                Ok(answer) => X224Answer::Server(answer),
                Err(error) => X224Answer::Malformed { bytes: kept(frame), error: error.to_string() },
            };
            Some((answer, length, at(length)))
        }
        Framing::NotTpkt => {
            let answer = match ForeignService::recognise(bytes) {
                Some(service) => X224Answer::Foreign { service, bytes: kept(bytes) },
                None => X224Answer::NotTpkt(kept(bytes)),
            };
            Some((answer, bytes.len(), at(bytes.len())))
        }
        Framing::Incomplete if down.broken_off() || !ending.host_seen => None,
        Framing::Incomplete => match (ending.by_host, bytes) {
            (Some((end, at)), []) => Some((X224Answer::Closed(end), 0, at)),
            (Some((end, at)), _) => {
                let error = format!("{} inside the answer", end.verb());
                Some((X224Answer::Malformed { bytes: kept(bytes), error }, bytes.len(), at))
            }
            (None, _) if ending.watched_until.saturating_sub(asked) < PATIENCE => None,
            (None, []) => Some((X224Answer::Silent, 0, ending.watched_until)),
            (None, _) => Some((X224Answer::Incomplete(kept(bytes)), bytes.len(), ending.watched_until)),
        },
    }
}

/// The flight that answers a ClientHello, or how it was not accepted, and when that was there.
fn tls_answer(
    heard: &[u8],
    before: usize,
    down: &Stream,
    asked: Duration,
    ending: Ending,
) -> Option<(Result<ServerFlight, TlsAnswer>, Duration)> {
    let read = heard.get(..flight::FLIGHT_LIMIT).unwrap_or(heard);
    let whole = down.time_of(before.saturating_add(1)).unwrap_or(asked);
    let bytes = heard.len();
    let (refusal, at) = match flight::read(read) {
        FlightProgress::Complete(flight) => return Some((Ok(flight), whole)),
        FlightProgress::Alert(alert) => (TlsAnswer::Alert(alert), whole),
        FlightProgress::NotTls => (TlsAnswer::NotTls(kept(heard)), whole),
        FlightProgress::Malformed(error) => (TlsAnswer::Malformed(error.to_string()), whole),
        FlightProgress::Incomplete if down.broken_off() || !ending.host_seen => return None,
        FlightProgress::Incomplete => match ending.by_host {
            Some((end, at)) => (TlsAnswer::Closed { end, bytes }, at),
            None if ending.watched_until.saturating_sub(asked) < PATIENCE => return None,
            None => (TlsAnswer::Silent { bytes }, ending.watched_until),
        },
    };
    Some((Err(refusal), at))
}

/// Names the choice of a host that the client did not offer.
fn not_offered(flight: &ServerFlight, hello: &ClientHello) -> Option<String> {
    if let Some(version) = flight.version.filter(|version| *version > hello.max) {
        return Some(format!("the server chose {version}, which was not offered"));
    }
    let offered = hello.suites.contains(&flight.suite);
    (!offered).then(|| format!("the server chose the suite {:#06x}, which was not offered", flight.suite))
}

/// The whole TLS records from the beginning of `bytes`: kind and contents.
fn records(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut reader = Reader::new(bytes);
    let next = || flight::record(&mut reader).ok().flatten();
    // a handshake has a handful; behind it everything is encrypted
    std::iter::from_fn(next).take(64).collect()
}

/// The ClientHello that the records begin with, and how many bytes its records have.
fn client_hello(bytes: &[u8]) -> Option<(ClientHello, usize)> {
    let mut reader = Reader::new(bytes);
    let mut handshake = Vec::new();
    while let Some((HANDSHAKE, fragment)) = flight::record(&mut reader).ok()? {
        handshake.extend_from_slice(fragment);
        if let Some((kind, body)) = flight::message(&mut Reader::new(&handshake)).ok()? {
            let hello = (kind == CLIENT_HELLO).then(|| ClientHello::decode(body).ok()).flatten()?;
            return Some((hello, reader.at()));
        }
    }
    None
}

/// The first alert before the side begins to encrypt. A warning that only accompanies the answer is none.
fn clear_alert(records: &[(u8, &[u8])]) -> Option<Alert> {
    let clear = records.iter().take_while(|(kind, _)| !matches!(*kind, CHANGE_CIPHER_SPEC | APPLICATION_DATA));
    clear.filter(|(kind, _)| *kind == ALERT).find_map(|(_, body)| match body {
        [level, description] if *level != 1 || *description == 0 => {
            Some(Alert { level: *level, description: *description })
        }
        _ => None,
    })
}
