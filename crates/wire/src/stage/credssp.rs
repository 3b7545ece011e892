//! CredSSP: our first `TSRequest`, and how the server introduces itself in answer.

use std::fmt;
use std::time::Duration;

use super::interface::{Begun, Expect, Redact, Stage};
use super::{tls, x224};
use crate::bytes::Reader;
use crate::credssp::{self, Framing, NegotiationState, TsRequest};
use crate::der;
use crate::machine::answer::CredsspAnswer;
use crate::machine::event::TlsFailure;
use crate::machine::event::{Action, End, Event};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::ConversationPlan;
use crate::ntlm::{self, Challenge, ChallengeFlaw};
use crate::redaction::Names;
use crate::redaction::copy::{Copy, Part, PartReader, masked, utf16};
use crate::x224::SecurityProtocols;

pub(super) const STAGE: Stage =
    Stage { name: "credssp", share: 3, limit: |limits| &mut limits.credssp, begin, write, read, ..Stage::BARE };

impl CredsspAnswer {
    /// Returns the words in it that may be anybody's.
    pub fn words_mut(&mut self) -> Option<&mut String> {
        if let Self::Malformed(words) = self { Some(words) } else { None }
    }
}

/// Behind TLS, if the server selected CredSSP.
fn begin(plan: &ConversationPlan, outcome: &Outcome, _: &mut Vec<u8>) -> Option<Begun> {
    let selected = x224::selected(outcome).is_some_and(SecurityProtocols::credssp);
    let version = plan.credssp.filter(|_| selected && tls::established(outcome))?;
    let request = TsRequest { version, tokens: vec![ntlm::negotiate()], error: None };
    Some(Begun { actions: vec![Action::Send(request.encode())], state: Box::new(ExpectChallenge::default()) })
}

#[derive(Debug, Default)]
struct ExpectChallenge {
    received: Vec<u8>,
}

impl Expect for ExpectChallenge {
    type Answer = (CredsspAnswer, Option<Challenge>);

    const REDACT: Option<Redact> = Some(redact);

    fn keep(answer: Timed<Self::Answer>, outcome: &mut Outcome) {
        let (answer, challenge) = answer.split();
        (outcome.credssp, outcome.challenge) = (Some(answer), challenge);
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        plan.limits.credssp
    }

    fn handle(&mut self, event: Event) -> Option<Self::Answer> {
        let answer = match event {
            Event::Bytes(bytes) => {
                self.received.extend(bytes.into_iter().take(credssp::LIMIT));
                match credssp::framing(&self.received) {
                    Framing::Incomplete if self.received.len() <= credssp::LIMIT => return None,
                    Framing::Incomplete => CredsspAnswer::Malformed("more bytes than a TSRequest has".to_owned()),
                    Framing::NotTsRequest => CredsspAnswer::Malformed("the answer is no TSRequest".to_owned()),
                    Framing::Complete(length) => {
                        return Some(introduction(self.received.get(..length).unwrap_or_default()));
                    }
                }
            }
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => CredsspAnswer::Closed(end),
            Event::TlsFailed(TlsFailure::Alert(alert)) => CredsspAnswer::Alert(alert),
            Event::TlsFailed(TlsFailure::WrongKey) => CredsspAnswer::Closed(End::Fin),
            Event::TlsFailed(TlsFailure::Peer(words) | TlsFailure::Own(words)) => CredsspAnswer::Malformed(words),
            Event::Time => CredsspAnswer::Silent,
            _ => return None,
        };
        Some((answer, None))
    }
}

fn introduction(bytes: &[u8]) -> (CredsspAnswer, Option<Challenge>) {
    let request = match TsRequest::decode(bytes) {
        Ok(request) => request,
        Err(error) => return (CredsspAnswer::Malformed(error.to_string()), None),
    };
    let version = request.version;
    // `STATUS_SUCCESS` is no error, whoever says it
    let error = request.error.filter(|status| *status != 0);
    let state = request.tokens.first().and_then(|token| NegotiationState::of(token));
    match (request.tokens.first().map(|token| Challenge::find(token)), error) {
        // whatever comes with it
        (Some(_), None) if state == Some(NegotiationState::REJECT) => (CredsspAnswer::Rejected(version), None),
        (Some(Ok(mut challenge)), None) => {
            if state == Some(NegotiationState::ACCEPT_COMPLETED) {
                challenge.flaw = Some(ChallengeFlaw::Completed);
            }
            (CredsspAnswer::Challenge(version), Some(challenge))
        }
        // NTLM it is, and no CHALLENGE: nonsense rather than another mechanism
        (Some(Err(error)), None) if request.tokens.first().is_some_and(|token| ntlm::begins(token).is_some()) => {
            (CredsspAnswer::Malformed(error.to_string()), None)
        }
        (_, status) => (CredsspAnswer::Refused { version, status }, None),
    }
}

fn write(plan: &ConversationPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    plan.credssp.map_or(Ok(()), |version| write!(out, "credssp={version} "))
}

fn read(plan: &mut ConversationPlan, key: &str, value: &str) -> Option<Result<(), &'static str>> {
    (key == "credssp").then(|| value.parse().map_err(|_| "credssp").map(|version| plan.credssp = Some(version)))
}

/// The server's `TSRequest`, with other names.
fn redact<'a>(stream: &'a [u8], names: &mut Names) -> (Vec<u8>, &'a [u8]) {
    match credssp::framing(stream) {
        Framing::Complete(length) => {
            let (request, behind) = stream.split_at(length.min(stream.len()));
            (ts_request(request, names).unwrap_or_else(|| broken(request)), behind)
        }
        Framing::Incomplete => (broken(stream), &[]),
        // `x` begins no `TSRequest` either, but a length that cannot be has to stay
        Framing::NotTsRequest if stream.first() == Some(&der::SEQUENCE) => (broken(stream), &[]),
        Framing::NotTsRequest => (masked(stream), &[]),
    }
}

/// Keeps the outer tag and length; the rest becomes bytes that are no field.
fn broken(bytes: &[u8]) -> Vec<u8> {
    let header = match bytes.get(1) {
        Some(first) if first & 0x80 != 0 => 2_usize.saturating_add(usize::from(first & 0x7F).min(4)),
        _ => 2,
    };
    bytes.iter().enumerate().map(|(at, byte)| if at < header { *byte } else { 0xFF }).collect()
}

fn ts_request(bytes: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    TsRequest::decode(bytes).ok()?;
    let mut copy = Copy::zeros(bytes);
    let fields = copy.open(Part::whole(bytes)).first()?.1;
    for (tag, value) in copy.open(fields) {
        match tag {
            0xA0 | 0xA4 => numbers(value, &mut copy),
            0xA1 => tokens(value, &mut copy, names),
            _ => {}
        }
    }
    TsRequest::decode(&copy.changed).ok()?;
    Some(copy.changed)
}

fn numbers(value: Part<'_>, copy: &mut Copy<'_>) {
    for (tag, number) in copy.open(value) {
        if tag == der::INTEGER && number.bytes.len() <= 8 {
            copy.keep(number);
        }
    }
}

/// Every token of `negoTokens`; anything beside them goes.
fn tokens(value: Part<'_>, copy: &mut Copy<'_>, names: &mut Names) {
    for (_, list) in copy.open(value) {
        for (_, entry) in copy.open(list) {
            for (_, token) in copy.open(entry) {
                for (_, message) in copy.open(token) {
                    copy.put(message, &nego_token(message.bytes, names));
                }
            }
        }
    }
}

/// Renames a CHALLENGE; keeps only the signature of a malformed one, and the state of SPNEGO; zeroes anything else: the
/// rest of its wrapper, the server's random bytes, and bytes between the fields.
fn nego_token(token: &[u8], names: &mut Names) -> Vec<u8> {
    let start = ntlm::begins(token).unwrap_or(token.len());
    let (wrapper, message) = token.split_at(start);
    let challenge = renamed_challenge(message, names).filter(|new| Challenge::decode(new).is_ok());
    let state = NegotiationState::read(token).map_or(0, |(_, size)| size);
    let wrapper = wrapper.iter().enumerate().map(|(at, byte)| if at < state { *byte } else { 0 });
    wrapper.chain(challenge.unwrap_or_else(|| broken_challenge(message))).collect()
}

/// A message of a type that does not exist.
fn broken_challenge(message: &[u8]) -> Vec<u8> {
    message.iter().enumerate().map(|(at, byte)| if at < 8 { *byte } else { 0xFF }).collect()
}

fn renamed_challenge(message: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    Challenge::decode(message).ok()?;
    let whole = Part::whole(message);
    let mut copy = Copy::zeros(message);
    let target = ntlm_field(whole, 12)?;
    copy.put(target, &utf16(target.bytes, names));
    let mut pairs = PartReader::new(ntlm_field(whole, 40)?);
    while let Some(header) = pairs.take(4) {
        copy.keep(header);
        let &[id, _, low, high] = header.bytes else { break };
        let Some(value) = pairs.take(u16::from_le_bytes([low, high]).into()) else { break };
        match id {
            1..=5 => copy.put(value, &utf16(value.bytes, names)),
            7 => copy.keep(value.first(8)),
            _ => {}
        }
    }
    // signature, type, TargetName, flags; TargetInfo; version
    copy.keep(whole.get(0..24)?);
    copy.keep(whole.get(40..48)?);
    if message.get(23)? & 0x02 != 0 {
        // major, minor and build; nobody reads the reserved bytes and the revision
        whole.get(48..52).into_iter().for_each(|version| copy.keep(version));
    }
    Some(copy.changed)
}

/// The bytes that a length and an offset at `at` point to.
fn ntlm_field(message: Part<'_>, at: usize) -> Option<Part<'_>> {
    let mut reader = Reader::new(message.bytes.get(at..)?);
    let size = usize::from(reader.u16_le("size").ok()?);
    reader.u16_le("room").ok()?;
    let start = usize::try_from(reader.u32_le("start").ok()?).ok()?;
    if size == 0 {
        return message.get(0..0);
    }
    message.get(start..start.checked_add(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Challenge {
        let name = || Some("SERVER01".to_owned());
        Challenge { netbios_computer: name(), netbios_domain: name(), ..Challenge::default() }
    }

    /// A `NegTokenResp` with this state and a CHALLENGE, in a `TSRequest`.
    fn wrapped(state: u8) -> Vec<u8> {
        let fields = [
            der::encode(der::context(0), &der::encode(10, &[state])),
            der::encode(der::context(2), &der::encode(der::OCTET_STRING, &names().encode([7; 8]))),
        ];
        let token = der::encode(der::context(1), &der::encode(der::SEQUENCE, &fields.concat()));
        TsRequest { version: 6, tokens: vec![token], error: None }.encode()
    }

    #[test]
    fn the_state_of_spnego_decides_what_a_challenge_is_worth() {
        assert_eq!(introduction(&wrapped(1)), (CredsspAnswer::Challenge(6), Some(names())));
        assert_eq!(introduction(&wrapped(2)), (CredsspAnswer::Rejected(6), None));
        let completed = Challenge { flaw: Some(ChallengeFlaw::Completed), ..names() };
        assert_eq!(introduction(&wrapped(0)), (CredsspAnswer::Challenge(6), Some(completed)));
    }

    #[test]
    fn the_state_survives_the_redaction() {
        for state in 0..4 {
            let (redacted, _) = redact(&wrapped(state), &mut Names::default());
            assert_eq!(introduction(&redacted).0, introduction(&wrapped(state)).0, "state {state}");
            assert!(!redacted.windows(4).any(|four| four == [7; 4]), "the server's random");
        }
    }
}
