//! X.224: the Connection Request, and the security negotiation in its answer.

use std::fmt;
use std::time::Duration;

use super::interface::{Begun, Expect, Redact, Stage, kept};
use super::tcp;
use crate::foreign::ForeignService;
use crate::hex;
use crate::machine::answer::X224Answer;
use crate::machine::event::{Action, Event};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::ConversationPlan;
use crate::redaction::Names;
use crate::redaction::copy::{Copy, Part, head, masked};
use crate::transcript::line::{read_seconds, seconds};
use crate::x224::{self, ConnectionRequest, Framing, Preconnection, RoutingToken, SecurityProtocols, ServerAnswer};

pub(super) const STAGE: Stage =
    // longer than the three seconds after which proxies give their own target up
    Stage { name: "x224", share: 4, limit: |limits| &mut limits.x224, begin, write, read, rename, remark };

/// Bytes up to the end of TPKT, of the X.224 code, of the references, which nobody reads, and of the negotiation.
const TPKT: usize = 4;
const X224: usize = 6;
const REFERENCES: usize = 10;
const CONFIRM: usize = 19;

impl X224Answer {
    /// Takes out what names somebody.
    pub(crate) fn rename(&mut self, names: &mut Names) {
        match self {
            Self::Foreign { bytes, .. } | Self::NotTpkt(bytes) => *bytes = greeting(bytes),
            Self::Incomplete(bytes) => *bytes = head(bytes, TPKT),
            Self::Malformed { bytes, error } => {
                *bytes = redacted_answer(bytes);
                *error = names.prose(error);
            }
            Self::Server(_) | Self::Closed(_) | Self::ClosedBeforeRequest(_) | Self::HeldOpen | Self::Silent => {}
        }
    }
}

/// The protocol that the server selected, Standard RDP Security where it knows no negotiation.
pub(super) fn selected(outcome: &Outcome) -> Option<SecurityProtocols> {
    match outcome.x224.as_ref()?.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => Some(protocol),
        X224Answer::Server(ServerAnswer::NoNegotiation) => Some(SecurityProtocols::RDP),
        _ => None,
    }
}

fn begin(plan: &ConversationPlan, outcome: &Outcome, _: &mut Vec<u8>) -> Option<Begun> {
    let request = plan.request.as_ref().filter(|_| tcp::accepted(outcome))?;
    Some(if plan.hold.is_zero() {
        let state = Box::new(ExpectConfirm::default());
        let before = plan.preconnection.iter().map(|blob| Action::Send(blob.encode()));
        Begun { actions: before.chain([Action::Send(request.encode())]).collect(), state }
    } else {
        Begun { actions: Vec::new(), state: Box::new(ExpectHoldToEnd) }
    })
}

/// Holds the request back, to see whether the peer closes or speaks first.
#[derive(Debug)]
struct ExpectHoldToEnd;

impl Expect for ExpectHoldToEnd {
    type Answer = X224Answer;

    const REDACT: Option<Redact> = Some(redact);

    fn keep(answer: Timed<X224Answer>, outcome: &mut Outcome) {
        outcome.x224 = Some(answer);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        plan.hold
    }

    fn handle(&mut self, event: Event) -> Option<X224Answer> {
        match event {
            Event::Closed(end) => Some(X224Answer::ClosedBeforeRequest(end)),
            Event::Bytes(bytes) => Some(foreign(&bytes)),
            Event::Time => Some(X224Answer::HeldOpen),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
struct ExpectConfirm {
    received: Vec<u8>,
}

impl Expect for ExpectConfirm {
    type Answer = X224Answer;

    const REDACT: Option<Redact> = Some(redact);

    fn keep(answer: Timed<X224Answer>, outcome: &mut Outcome) {
        outcome.x224 = Some(answer);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        plan.limits.x224
    }

    fn handle(&mut self, event: Event) -> Option<X224Answer> {
        match event {
            Event::Bytes(bytes) => self.received.extend(bytes),
            // a short greeting (telnet, a clipped banner) followed by a close is still an answer
            Event::Closed(end) if self.received.len() >= 4 && x224::framing(&self.received) == Framing::Incomplete => {
                let error = format!("{} inside the answer", end.verb());
                return Some(X224Answer::Malformed { bytes: kept(&self.received), error });
            }
            Event::Closed(_) if !self.received.is_empty() => return Some(foreign(&self.received)),
            Event::Closed(end) => return Some(X224Answer::Closed(end)),
            Event::Time if !self.received.is_empty() => return Some(X224Answer::Incomplete(kept(&self.received))),
            Event::Time => return Some(X224Answer::Silent),
            _ => return None,
        }
        match x224::framing(&self.received) {
            Framing::Incomplete => None,
            Framing::NotTpkt => Some(foreign(&self.received)),
            Framing::Complete(length) => {
                let frame: Vec<u8> = self.received.drain(..length).collect();
                Some(match ServerAnswer::decode(&frame) {
                    Ok(answer) if speaks_before_tls(&answer, &self.received) => {
                        let error = "bytes right behind the Connection Confirm, where TLS begins".to_owned();
                        X224Answer::Malformed { bytes: kept(&[frame, self.left()].concat()), error }
                    }
                    Ok(answer) => X224Answer::Server(answer),
                    Err(error) => X224Answer::Malformed { bytes: kept(&frame), error: error.to_string() },
                })
            }
        }
    }

    fn left(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }
}

/// True if a server that selected TLS goes on before the client has begun it: the client's TLS stack meets those bytes.
fn speaks_before_tls(answer: &ServerAnswer, behind: &[u8]) -> bool {
    matches!(answer, ServerAnswer::Selected { protocol, .. } if protocol.tls()) && !behind.is_empty()
}

fn foreign(received: &[u8]) -> X224Answer {
    let bytes = kept(received);
    match ForeignService::recognise(received) {
        Some(service) => X224Answer::Foreign { service, bytes },
        None => X224Answer::NotTpkt(bytes),
    }
}

fn write(plan: &ConversationPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(request) = &plan.request {
        match request.protocols {
            Some(protocols) => write!(out, "request={protocols} ")?,
            None => out.write_str("request=none ")?,
        }
        if let Some(cookie) = &request.cookie {
            write!(out, "cookie={} ", hex::encode(cookie.as_bytes()))?;
        }
        if let Some(token) = &request.token {
            write!(out, "token={} ", hex::encode(token.as_str().as_bytes()))?;
        }
    }
    if let Some(blob) = &plan.preconnection {
        write!(out, "preconnection={} ", hex::encode(blob.as_str().as_bytes()))?;
    }
    if !plan.hold.is_zero() {
        write!(out, "hold={} ", seconds(plan.hold))?;
    }
    Ok(())
}

fn read(plan: &mut ConversationPlan, key: &str, value: &str) -> Option<Result<(), &'static str>> {
    Some(match key {
        "request" => {
            let protocols = if value == "none" { Some(None) } else { SecurityProtocols::parse(value).map(Some) };
            protocols.ok_or("request").map(|protocols| {
                plan.request = Some(ConnectionRequest { protocols, ..ConnectionRequest::default() });
            })
        }
        "cookie" => match (plan.request.as_mut(), text(value)) {
            (Some(request), Some(cookie)) => {
                request.cookie = Some(cookie);
                Ok(())
            }
            _ => Err("cookie"),
        },
        "token" => match (plan.request.as_mut(), text(value).and_then(|text| RoutingToken::parse(&text))) {
            (Some(request), Some(token)) => {
                request.token = Some(token);
                Ok(())
            }
            _ => Err("token"),
        },
        "preconnection" => {
            let blob = text(value).and_then(|text| Preconnection::parse(&text));
            blob.ok_or("preconnection").map(|blob| plan.preconnection = Some(blob))
        }
        "hold" => read_seconds(value).ok_or("hold").map(|hold| plan.hold = hold),
        _ => return None,
    })
}

/// Text that a transcript has in hexadecimal.
fn text(value: &str) -> Option<String> {
    String::from_utf8(hex::decode(value)?).ok()
}

fn rename(plan: &mut ConversationPlan, names: &mut Names) {
    // both name machines, in ways of their own
    plan.preconnection = plan.preconnection.as_ref().map(Preconnection::masked);
    if let Some(request) = &mut plan.request {
        request.token = request.token.as_ref().map(RoutingToken::masked);
    }
    if let Some(cookie) = plan.request.as_mut().and_then(|request| request.cookie.as_mut()) {
        // as the request spells it, so that plan and bytes stay the same name
        let sent: String = cookie.chars().filter(char::is_ascii_graphic).take(64).collect();
        *cookie = names.text(&sent);
    }
}

fn remark(bytes: &[u8]) -> Option<String> {
    if let Ok(ConnectionRequest { protocols: Some(protocols), .. }) = ConnectionRequest::decode(bytes) {
        return Some(format!("Connection Request {protocols}"));
    }
    Some(match ServerAnswer::decode(bytes).ok()? {
        ServerAnswer::Selected { protocol, .. } => format!("Connection Confirm, selected {protocol}"),
        ServerAnswer::Failure(code) => format!("Connection Confirm, failure {code}"),
        ServerAnswer::NoNegotiation => "Connection Confirm without negotiation".to_owned(),
        ServerAnswer::DisconnectProviderUltimatum => "MCS Disconnect Provider Ultimatum".to_owned(),
    })
}

/// An answer to the Connection Request, or another service's greeting.
fn redact<'a>(stream: &'a [u8], _: &mut Names) -> (Vec<u8>, &'a [u8]) {
    match x224::framing(stream) {
        // as long as nobody knows what it will be, its length alone
        Framing::Incomplete => (head(stream, TPKT), &[]),
        Framing::NotTpkt => (greeting(stream), &[]),
        Framing::Complete(length) => {
            let (answer, behind) = stream.split_at(length.min(stream.len()));
            (redacted_answer(answer), behind)
        }
    }
}

/// Keeps as much of an answer as it takes to be read as the same answer, or as the same fault.
fn redacted_answer(answer: &[u8]) -> Vec<u8> {
    let whole = Part::whole(answer);
    let lengths = [TPKT, X224, REFERENCES, CONFIRM, answer.len()];
    let mut kept = lengths.into_iter().map(|length| {
        let mut copy = Copy::new(answer, head(answer, length));
        whole.get(X224..REFERENCES).into_iter().for_each(|references| copy.blank(references));
        copy.changed
    });
    let read = ServerAnswer::decode(answer);
    kept.find(|new| ServerAnswer::decode(new) == read).unwrap_or_else(|| head(answer, TPKT))
}

/// Keeps what names the service and masks the rest.
pub(super) fn greeting(bytes: &[u8]) -> Vec<u8> {
    // behind its own mark the numbers of its version and of an answer, and no more: words may be anybody's
    let numbers = |mark: usize, most: usize| {
        let number = |byte: &&u8| byte.is_ascii_digit() || b" .-".contains(*byte);
        mark.saturating_add(bytes.iter().skip(mark).take(most.saturating_sub(mark)).take_while(number).count())
    };
    let kept = match ForeignService::recognise(bytes) {
        Some(ForeignService::Ssh) => numbers(4, 8),
        Some(ForeignService::Vnc) => numbers(4, 12),
        Some(ForeignService::Http) => numbers(5, 12),
        Some(ForeignService::Tls) => 7,
        Some(ForeignService::Smtp | ForeignService::Ftp) => 4,
        Some(ForeignService::Mail) if bytes.starts_with(b"*") => 4,
        Some(ForeignService::Mail | ForeignService::Telnet) => 3,
        None => 0,
    };
    let html = [&b"<!DOCTYPE HTML"[..], b"<HTML"].into_iter();
    let html =
        html.filter(|tag| bytes.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))).map(<[u8]>::len);
    let kept = html.max().unwrap_or(kept);
    let whole = Part::whole(bytes);
    let mut copy = Copy::new(bytes, masked(bytes));
    copy.keep(whole.first(kept));
    let places = bytes.windows(4).enumerate().filter(|(_, word)| word.eq_ignore_ascii_case(b"SMTP"));
    places.filter_map(|(at, _)| whole.get(at..at.saturating_add(4))).for_each(|word| copy.keep(word));
    copy.changed
}
