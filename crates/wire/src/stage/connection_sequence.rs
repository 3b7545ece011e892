//! The connection sequence as far as anybody may go in it: Connect Initial, and the server's settings in answer
//! ([MS-RDPBCGR] 1.3.1.1, Basic Settings Exchange).

use std::fmt;
use std::time::Duration;

use super::interface::{Begun, Expect, Redact, Stage, kept};
use super::{tls, x224};
use crate::foreign::ForeignService;
use crate::machine::answer::{ConnectionSequenceAnswer, Ended, Withdrawal};
use crate::machine::event::TlsFailure;
use crate::machine::event::{Action, Event};
use crate::machine::outcome::{Outcome, Timed};
use crate::machine::plan::ConversationPlan;
use crate::mcs::{self, ConnectInitial, ConnectResponse, SequenceAnswer};
use crate::redaction::Names;
use crate::redaction::copy::{Copy, Part, head};
use crate::x224::{Framing, SecurityProtocols};

pub(super) const STAGE: Stage = Stage {
    name: "connection-sequence",
    share: 3,
    limit: |limits| &mut limits.connection_sequence,
    begin,
    write,
    read,
    remark,
    ..Stage::BARE
};

/// The static channels that we ask for: drives, sound, clipboard, and the one that carries all others. None is joined.
const CHANNELS: [&str; 4] = ["rdpdr", "rdpsnd", "cliprdr", "drdynvc"];
/// TPKT and X.224 Data: nothing in the first seven bytes can name anybody.
const FRAME: usize = 7;

/// Behind the security that lets anyone so far: TLS alone, or Standard RDP Security.
fn begin(plan: &ConversationPlan, outcome: &Outcome, left: &mut Vec<u8>) -> Option<Begun> {
    let selected = x224::selected(outcome).filter(|_| plan.connection_sequence)?;
    let ready = selected == SecurityProtocols::RDP || selected == SecurityProtocols::SSL && tls::established(outcome);
    let initial = ConnectInitial { selected, channels: CHANNELS.map(str::to_owned).to_vec() };
    ready.then(|| Begun {
        actions: vec![Action::Send(initial.encode())],
        state: Box::new(ExpectConnectResponse { received: std::mem::take(left), ..ExpectConnectResponse::default() }),
    })
}

/// How long we listen whether a server takes back its settings: half as long as they took, for they tell how soon it
/// does anything, and a quarter where that would be too long. It may hold back its next words until it knows that these
/// came (RFC 9293 section 3.7.4). Bounds of that time.
const LINGER: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// Returns how long we listen behind settings that took this long.
fn linger(told: Duration) -> Duration {
    let part = if told > LINGER.1 { 4 } else { 2 };
    told.checked_div(part).unwrap_or_default().clamp(LINGER.0, LINGER.1)
}

#[derive(Debug, Default)]
struct ExpectConnectResponse {
    received: Vec<u8>,
    /// The settings, how many bytes they had, and when they came.
    told: Option<(ConnectResponse, usize, Duration)>,
    /// How long it has been waited.
    elapsed: Duration,
}

impl ExpectConnectResponse {
    /// Looks at what stands behind the settings, once they are there.
    fn behind(&self) -> Option<ConnectionSequenceAnswer> {
        let (settings, length, _) = self.told.as_ref()?;
        let behind = self.received.get(*length..).unwrap_or_default();
        let Framing::Complete(length) = mcs::framing(behind) else { return None };
        match SequenceAnswer::decode(behind.get(..length).unwrap_or_default()) {
            Ok(SequenceAnswer::Ultimatum(reason)) => {
                let by = Withdrawal::Ultimatum(reason);
                Some(ConnectionSequenceAnswer::Withdrawn { settings: settings.clone(), by })
            }
            // whatever else it says, it went on
            _ => Some(ConnectionSequenceAnswer::Settings(settings.clone())),
        }
    }

    /// Takes what happens behind the settings.
    fn after_settings(&mut self, event: Event) -> Option<ConnectionSequenceAnswer> {
        let (settings, ..) = self.told.as_ref()?;
        let ended = match event {
            Event::Bytes(bytes) => {
                self.received.extend(bytes.into_iter().take(mcs::LIMIT));
                return self.behind();
            }
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => Ended::Closed(end),
            Event::TlsFailed(TlsFailure::Alert(alert)) => Ended::Alert(alert),
            Event::Time => return Some(ConnectionSequenceAnswer::Settings(settings.clone())),
            _ => return None,
        };
        let by = Withdrawal::Ended(ended);
        Some(ConnectionSequenceAnswer::Withdrawn { settings: settings.clone(), by })
    }
}

impl Expect for ExpectConnectResponse {
    type Answer = ConnectionSequenceAnswer;

    const REDACT: Option<Redact> = Some(redact);

    fn keep(answer: Timed<ConnectionSequenceAnswer>, outcome: &mut Outcome) {
        // the settings took as long as they took, however long we listened behind them
        let (took, at) =
            outcome.connection_sequence.as_ref().map_or((answer.took, answer.at), |told| (told.took, told.at));
        outcome.connection_sequence = Some(Timed { value: answer.value, took, at });
    }

    fn limit(&self, plan: &ConversationPlan) -> Duration {
        let limit = plan.limits.connection_sequence;
        self.told.as_ref().map_or(limit, |(_, _, told)| told.saturating_add(linger(*told)).min(limit))
    }

    fn passed(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    fn keep_so_far(&self, now: Duration, outcome: &mut Outcome) {
        if let Some((settings, _, took)) = &self.told {
            let value = ConnectionSequenceAnswer::Settings(settings.clone());
            outcome.connection_sequence = Some(Timed { value, took: *took, at: now });
        }
    }

    fn handle(&mut self, event: Event) -> Option<ConnectionSequenceAnswer> {
        use ConnectionSequenceAnswer::{Alert, Closed, Malformed, Settings, Silent};
        if self.told.is_some() {
            return self.after_settings(event);
        }
        Some(match event {
            Event::Bytes(bytes) => {
                self.received.extend(bytes.into_iter().take(mcs::LIMIT));
                match mcs::framing(&self.received) {
                    // a TPKT has fewer bytes than the limit: this one cannot stay incomplete beyond it
                    Framing::Incomplete => return None,
                    Framing::NotTpkt => foreign(&self.received),
                    Framing::Complete(length) => match settings_of(self.received.get(..length).unwrap_or_default()) {
                        Settings(settings) => {
                            self.told = Some((settings, length, self.elapsed));
                            return self.behind();
                        }
                        answer => answer,
                    },
                }
            }
            Event::Closed(end) | Event::TlsFailed(TlsFailure::Closed { end, .. }) => Closed(end),
            Event::TlsFailed(TlsFailure::Alert(alert)) => Alert(alert),
            Event::TlsFailed(TlsFailure::Peer(words) | TlsFailure::Own(words)) => Malformed(words),
            Event::Time => Silent,
            _ => return None,
        })
    }
}

/// Names the service whose first bytes these are.
fn foreign(received: &[u8]) -> ConnectionSequenceAnswer {
    let bytes = kept(received);
    match ForeignService::recognise(received) {
        Some(service) => ConnectionSequenceAnswer::Foreign { service, bytes },
        // a TPKT of a length that cannot be is broken, and none of another service
        None if received.starts_with(&[3, 0]) => {
            ConnectionSequenceAnswer::Malformed(format!("no TPKT has this length: {}", crate::hex::encode(&bytes)))
        }
        None => ConnectionSequenceAnswer::NotTpkt(bytes),
    }
}

fn settings_of(frame: &[u8]) -> ConnectionSequenceAnswer {
    match SequenceAnswer::decode(frame) {
        Ok(SequenceAnswer::Response(response)) if response.result == 0 => ConnectionSequenceAnswer::Settings(response),
        Ok(SequenceAnswer::Response(response)) => ConnectionSequenceAnswer::Refused(response.result),
        Ok(SequenceAnswer::Ultimatum(reason)) => ConnectionSequenceAnswer::Ultimatum(reason),
        Err(error) => ConnectionSequenceAnswer::Malformed(error.to_string()),
    }
}

fn write(plan: &ConversationPlan, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if plan.connection_sequence { out.write_str("connection-sequence=initial ") } else { Ok(()) }
}

fn read(plan: &mut ConversationPlan, key: &str, value: &str) -> Option<Result<(), &'static str>> {
    (key == "connection-sequence").then(|| {
        plan.connection_sequence = true;
        if value == "initial" { Ok(()) } else { Err("connection-sequence") }
    })
}

fn remark(bytes: &[u8]) -> Option<String> {
    if ConnectInitial::decode(bytes).is_ok() {
        return Some("MCS Connect Initial".to_owned());
    }
    match SequenceAnswer::decode(bytes).ok()? {
        SequenceAnswer::Response(response) => Some(format!("MCS Connect Response, result {}", response.result)),
        SequenceAnswer::Ultimatum(_) => None,
    }
}

/// Keeps the settings; of the block that holds the server's random and certificate only the method and level of
/// encryption.
fn redact<'a>(stream: &'a [u8], _: &mut Names) -> (Vec<u8>, &'a [u8]) {
    match mcs::framing(stream) {
        Framing::Incomplete => (head(stream, FRAME), &[]),
        // the length of a TPKT that cannot be has to stay
        Framing::NotTpkt if stream.first() == Some(&3) => (head(stream, 4), &[]),
        Framing::NotTpkt => (x224::greeting(stream), &[]),
        Framing::Complete(length) => {
            let (frame, behind) = stream.split_at(length.min(stream.len()));
            // the end of the connection may stand behind it
            let end = match mcs::framing(behind) {
                Framing::Complete(length) => behind.get(..length).filter(|frame| is_ultimatum(frame)),
                _ => None,
            };
            ([redacted_frame(frame), end.unwrap_or_default().to_vec()].concat(), &[])
        }
    }
}

fn is_ultimatum(frame: &[u8]) -> bool {
    matches!(SequenceAnswer::decode(frame), Ok(SequenceAnswer::Ultimatum(_)))
}

fn redacted_frame(frame: &[u8]) -> Vec<u8> {
    if is_ultimatum(frame) {
        return frame.to_vec();
    }
    let Ok(parts) = mcs::Parts::read(frame) else { return head(frame, FRAME) };
    let secret = parts.blocks.into_iter().map(|(kind, at, body)| {
        let kept = mcs::kept_of(kind).min(body.len());
        at.saturating_add(kept)..at.saturating_add(body.len())
    });
    let whole = Part::whole(frame);
    let mut copy = Copy::of(frame);
    secret.chain(parts.unread).filter_map(|range| whole.get(range)).for_each(|part| copy.blank(part));
    copy.changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::End;
    use crate::machine::{Conversation, Limits};
    use crate::mcs::ConnectResponse;
    use crate::tls::{TlsOffer, TlsVersion};
    use crate::x224::{ConnectionRequest, ServerAnswer};

    fn plan() -> ConversationPlan {
        ConversationPlan {
            request: Some(ConnectionRequest { protocols: Some(SecurityProtocols(1)), ..ConnectionRequest::default() }),
            tls: Some(TlsOffer::MODERN),
            credssp: Some(6),
            connection_sequence: true,
            limits: Limits::each(Duration::from_secs(1)),
            ..ConversationPlan::default()
        }
    }

    fn response() -> ConnectResponse {
        ConnectResponse { version: Some(0x0008_0004), io_channel: Some(1003), ..ConnectResponse::default() }
    }

    fn selected(protocol: SecurityProtocols) -> Event {
        Event::Bytes(ServerAnswer::Selected { protocol, flags: 0 }.encode())
    }

    fn tls_up() -> Event {
        Event::TlsUp { version: TlsVersion::Tls13, suite: 0x1302, chain: vec![vec![1]] }
    }

    /// Runs the machine over `events`; the answer, and what was sent last.
    fn answer(events: Vec<Event>) -> (Option<ConnectionSequenceAnswer>, Vec<Action>) {
        let mut machine = Conversation::new(plan());
        let mut last = Vec::new();
        for event in events {
            last = machine.handle(Duration::ZERO, event);
        }
        (machine.outcome().connection_sequence.clone().map(|timed| timed.value), last)
    }

    #[test]
    fn settings_are_asked_for_behind_tls_and_in_clear() {
        let settings = Event::Bytes(response().encode());
        let tls = vec![Event::Connected, selected(SecurityProtocols::SSL), tls_up(), settings.clone()];
        let standard = vec![Event::Connected, selected(SecurityProtocols::RDP), settings.clone()];
        let old = vec![Event::Connected, Event::Bytes(ServerAnswer::NoNegotiation.encode()), settings];
        for events in [tls, standard, old] {
            let (_, sent) = answer(events[..events.len() - 1].to_vec());
            let [Action::Send(initial)] = &sent[..] else { panic!("{sent:?}") };
            assert_eq!(ConnectInitial::decode(initial).unwrap().channels, CHANNELS);
            // it listens for a moment whether they are taken back
            assert_eq!(answer(events.clone()), (Some(ConnectionSequenceAnswer::Settings(response())), Vec::new()));
            let silent = [events, vec![Event::Time]].concat();
            assert_eq!(answer(silent), (Some(ConnectionSequenceAnswer::Settings(response())), vec![Action::Close]));
        }
    }

    #[test]
    fn nobody_is_asked_behind_credssp_or_without_the_plan() {
        for protocol in [SecurityProtocols::HYBRID, SecurityProtocols::RDSTLS, SecurityProtocols::RDSAAD] {
            let (_, sent) = answer(vec![Event::Connected, selected(protocol), tls_up()]);
            let initial = sent.iter().any(|action| matches!(action, Action::Send(bytes) if bytes.first() == Some(&3)));
            assert!(!initial, "{protocol}");
        }
        let mut machine = Conversation::new(ConversationPlan { connection_sequence: false, ..plan() });
        machine.handle(Duration::ZERO, Event::Connected);
        assert_eq!(machine.handle(Duration::ZERO, selected(SecurityProtocols::RDP)), [Action::Close]);
    }

    #[test]
    fn every_end_is_an_answer() {
        let refused = ConnectResponse { result: 14, ..ConnectResponse::default() };
        for (event, expected) in [
            (Event::Bytes(refused.encode()), "Refused(14)"),
            (Event::Bytes(ServerAnswer::DisconnectProviderUltimatum.encode()), "Ultimatum(3)"),
            (Event::Bytes(b"HTTP/1.1 400 Bad Request".to_vec()), "Foreign { service: Http"),
            (Event::Bytes(vec![7; 9]), "NotTpkt([7, 7, "),
            (Event::Bytes(vec![3, 0, 0, 4]), "Malformed(\"no TPKT has this length"),
            (Event::TlsFailed(TlsFailure::Alert(crate::tls::Alert { level: 2, description: 80 })), "Alert(Alert"),
            (Event::Bytes(vec![3, 0, 0, 7, 2, 0xF0, 0x80]), "Malformed(\"read MCS message: "),
            (Event::Closed(End::Rst), "Closed(Rst)"),
            (Event::TlsFailed(TlsFailure::Closed { end: End::Fin, bytes: 9 }), "Closed(Fin)"),
            (Event::Time, "Silent"),
        ] {
            let (found, _) = answer(vec![Event::Connected, selected(SecurityProtocols::RDP), event]);
            let found = format!("{:?}", found.unwrap());
            assert!(found.starts_with(expected), "{found} is not {expected}");
        }
    }

    #[test]
    fn settings_that_are_taken_back_are_told_from_those_that_stand() {
        let ultimatum = ServerAnswer::DisconnectProviderUltimatum.encode();
        let settings = response().encode();
        let ends = |events: &[Event]| {
            let begun = [Event::Connected, selected(SecurityProtocols::RDP)];
            answer([&begun[..], events].concat()).0.unwrap()
        };
        let withdrawn = |by| ConnectionSequenceAnswer::Withdrawn { settings: response(), by };
        let told = Event::Bytes(settings.clone());
        assert_eq!(ends(&[Event::Bytes([settings, ultimatum.clone()].concat())]), withdrawn(Withdrawal::Ultimatum(3)));
        assert_eq!(ends(&[told.clone(), Event::Bytes(ultimatum)]), withdrawn(Withdrawal::Ultimatum(3)));
        let reset = Withdrawal::Ended(Ended::Closed(End::Rst));
        assert_eq!(ends(&[told.clone(), Event::Closed(End::Rst)]), withdrawn(reset));
        let alert = crate::tls::Alert { level: 2, description: 80 };
        let alerted = Event::TlsFailed(TlsFailure::Alert(alert));
        assert_eq!(ends(&[told.clone(), alerted]), withdrawn(Withdrawal::Ended(Ended::Alert(alert))));
        // another message takes nothing back, nor does silence
        let more = Event::Bytes(vec![3, 0, 0, 9, 2, 0xF0, 0x80, 0x2E, 0]);
        for quiet in [more, Event::Time] {
            assert_eq!(ends(&[told.clone(), quiet]), ConnectionSequenceAnswer::Settings(response()));
        }
    }

    #[test]
    fn the_end_behind_settings_survives_the_redaction() {
        let ultimatum = ServerAnswer::DisconnectProviderUltimatum.encode();
        let stream = [response().encode(), ultimatum.clone(), b"SERVER01".to_vec()].concat();
        let (redacted, behind) = redact(&stream, &mut Names::default());
        assert!(redacted.ends_with(&ultimatum) && behind.is_empty(), "{redacted:?}");
        let (redacted, _) = redact(&stream[..response().encode().len()], &mut Names::default());
        assert_eq!(redacted.len(), response().encode().len());
    }

    #[test]
    fn settings_may_arrive_behind_the_confirm_or_byte_by_byte() {
        let confirm = ServerAnswer::Selected { protocol: SecurityProtocols::RDP, flags: 0 }.encode();
        let settings = response().encode();
        let (first, rest) = settings.split_at(9);
        let mut events = vec![Event::Connected, Event::Bytes([&confirm, first].concat())];
        events.extend(rest.iter().map(|byte| Event::Bytes(vec![*byte])));
        assert_eq!(answer(events).0, Some(ConnectionSequenceAnswer::Settings(response())));
    }

    #[test]
    fn the_random_and_the_certificate_of_a_server_go() {
        let encryption = Some((2, 3));
        let mut frame = ConnectResponse { encryption, message_channel: Some(1007), ..response() }.encode();
        // the last block is that of the message channel: it becomes one whose body is a secret
        let at = frame.windows(4).position(|four| four == [0x04, 0x0C, 6, 0]).unwrap();
        frame[at + 1] = 0x77;
        let settings = frame.windows(4).position(|four| four == [0x01, 0x0C, 8, 0]).unwrap();
        let redacted = redacted_frame(&frame);
        assert_eq!(redacted[settings..at + 4], frame[settings..at + 4]);
        assert_eq!(redacted[at + 4..], [0, 0], "a block that nobody knows");
        let secret = frame.windows(4).position(|four| four == [0x02, 0x0C, 12, 0]).unwrap();
        frame[secret + 2] = 18;
        let redacted = redacted_frame(&frame);
        assert_eq!(redacted[secret..secret + 12], frame[secret..secret + 12], "method and level stay");
        assert_eq!(redacted[secret + 12..], [0; 6], "random and certificate");
        assert_eq!(settings_of(&redacted), settings_of(&frame));
    }

    #[test]
    fn nothing_that_is_not_read_survives() {
        let refused = ConnectResponse { result: 14, ..response() };
        for response in [response(), refused] {
            let frame = response.encode();
            let redacted = redacted_frame(&frame);
            assert_eq!(settings_of(&redacted), settings_of(&frame));
            assert_eq!(redacted_frame(&redacted), redacted);
            assert!(!redacted.windows(3).any(|three| three == [2, 1, 34]), "the parameters of the domain");
            assert_eq!(redacted.windows(4).any(|four| four == b"McDn"), response.result == 0);
        }
    }
}
