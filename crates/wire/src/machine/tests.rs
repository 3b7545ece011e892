//! The machine, driven by hand.

use super::*;
use crate::credssp::TsRequest;
use crate::ntlm::Challenge;
use crate::tls::{Segments, TlsOffer, TlsVersion};
use crate::x224::{ConnectionRequest, NegotiationFailure, SecurityProtocols, ServerAnswer};

const SECOND: Duration = Duration::from_secs(1);

fn plan() -> ConversationPlan {
    ConversationPlan {
        request: Some(ConnectionRequest { protocols: Some(SecurityProtocols(0x0B)), ..ConnectionRequest::default() }),
        tls: Some(TlsOffer::MODERN),
        credssp: Some(6),
        random: [1; 32],
        limits: Limits::each(SECOND),
        ..ConversationPlan::default()
    }
}

/// Hands in events a tenth of a second apart and returns the outcome and all actions.
fn drive(plan: ConversationPlan, events: Vec<Event>) -> (Outcome, Vec<Action>) {
    let mut machine = Conversation::new(plan);
    let mut actions = Vec::new();
    for (tick, event) in (1..).zip(events) {
        actions.extend(machine.handle(Duration::from_millis(100 * tick), event));
    }
    assert_eq!(machine.ended(), machine.deadline().is_none());
    (machine.outcome().clone(), actions)
}

fn selected(protocol: SecurityProtocols) -> Event {
    Event::Bytes(ServerAnswer::Selected { protocol, flags: 0x1F }.encode())
}

fn tls_up() -> Event {
    Event::TlsUp { version: TlsVersion::Tls13, suite: 0x1302, chain: vec![vec![1]] }
}

#[test]
fn a_host_with_nla_is_followed_to_its_challenge() {
    let name = || Some("SERVER01".to_owned());
    let challenge = Challenge { netbios_computer: name(), netbios_domain: name(), ..Challenge::default() };
    let answer = TsRequest { version: 6, tokens: vec![challenge.encode([0; 8])], error: None };
    let events =
        vec![Event::Connected, selected(SecurityProtocols::HYBRID_EX), tls_up(), Event::Bytes(answer.encode())];
    let (outcome, actions) = drive(plan(), events);
    assert!(matches!(actions[..], [Action::Send(_), Action::UpgradeTls(_), Action::Send(_), Action::Close]));
    let credssp = outcome.credssp.unwrap();
    assert_eq!((&credssp.value, outcome.challenge), (&CredsspAnswer::Challenge(6), Some(challenge)));
    assert_eq!((credssp.at, credssp.took), (Duration::from_millis(400), Duration::from_millis(100)));
}

#[test]
fn a_host_without_credssp_is_left_after_tls() {
    let begun = || vec![Event::Connected, selected(SecurityProtocols::SSL), tls_up()];
    let (outcome, actions) = drive(plan(), begun().into_iter().chain([Event::Time]).collect());
    assert_eq!(actions.last(), Some(&Action::Close));
    assert!(outcome.tls.is_some() && outcome.credssp.is_none() && outcome.ended_behind_tls.is_none());
    // a transcript of before ends with the handshake
    let (old, _) = drive(plan(), begun());
    assert_eq!(old, outcome);
}

/// The target of a proxy may be gone: a client would get no further.
#[test]
fn a_host_that_ends_behind_its_handshake_is_heard() {
    let alert = crate::tls::Alert { level: 2, description: 80 };
    let ends = [
        (Event::Closed(End::Rst), Some(Ended::Closed(End::Rst))),
        (Event::TlsFailed(TlsFailure::Closed { end: End::Fin, bytes: 0 }), Some(Ended::Closed(End::Fin))),
        (Event::TlsFailed(TlsFailure::Alert(alert)), Some(Ended::Alert(alert))),
        (Event::Bytes(vec![3]), None),
    ];
    for (event, ended) in ends {
        let events = vec![Event::Connected, selected(SecurityProtocols::SSL), tls_up(), event];
        let (outcome, actions) = drive(plan(), events);
        assert_eq!((outcome.ended_behind_tls, actions.last()), (ended, Some(&Action::Close)));
        let tls = outcome.tls.unwrap();
        assert!(matches!(tls.value, TlsAnswer::Accepted { finished: true, .. }));
        assert_eq!((tls.took, tls.at), (Duration::from_millis(100), Duration::from_millis(300)));
    }
}

#[test]
fn a_failure_ends_the_connection() {
    let failure = ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
    let (outcome, actions) = drive(plan(), vec![Event::Connected, Event::Bytes(failure.encode())]);
    assert_eq!(outcome.x224.unwrap().value, X224Answer::Server(failure));
    assert_eq!(actions.len(), 2);
}

#[test]
fn every_state_ends_by_its_deadline() {
    let up_to = [Event::Connected, selected(SecurityProtocols::HYBRID), tls_up()];
    for count in 0..=up_to.len() {
        let mut events = up_to[..count].to_vec();
        events.push(Event::Time);
        let (_, actions) = drive(plan(), events);
        assert_eq!(actions.last(), Some(&Action::Close), "after {count} events");
    }
}

#[test]
fn a_confirm_may_arrive_byte_by_byte() {
    let bytes = ServerAnswer::Selected { protocol: SecurityProtocols::SSL, flags: 0 }.encode();
    let mut events = vec![Event::Connected];
    events.extend(bytes.into_iter().map(|byte| Event::Bytes(vec![byte])));
    let (outcome, actions) = drive(plan(), events);
    assert_eq!(actions.last(), Some(&Action::UpgradeTls(TlsOffer::MODERN)));
    assert!(matches!(outcome.x224.unwrap().value, X224Answer::Server(_)));
}

#[test]
fn banners_and_closes_are_answers() {
    let cases = [
        (vec![Event::Bytes(b"SSH-2.0-x".to_vec())], "Foreign"),
        (vec![Event::Bytes(vec![7; 9])], "NotTpkt"),
        (vec![Event::Bytes(vec![3]), Event::Closed(End::Fin)], "NotTpkt"),
        (vec![Event::Closed(End::Rst)], "Closed(Rst)"),
        (vec![Event::Bytes(vec![3, 0, 0, 8, 1, 2, 3, 4])], "Malformed"),
        (vec![Event::Bytes(vec![3, 0]), Event::Time], "Incomplete([3, 0])"),
        (vec![Event::Time], "Silent"),
    ];
    for (events, expected) in cases {
        let (outcome, _) = drive(plan(), [vec![Event::Connected], events].concat());
        let found = format!("{:?}", outcome.x224.unwrap().value);
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
}

#[test]
fn a_held_request_tells_who_closed_first() {
    let held = ConversationPlan { hold: Duration::from_millis(250), ..plan() };
    let (outcome, _) = drive(held.clone(), vec![Event::Connected, Event::Closed(End::Fin)]);
    assert_eq!(outcome.x224.unwrap().value, X224Answer::ClosedBeforeRequest(End::Fin));
    let (outcome, actions) = drive(held, vec![Event::Connected, Event::Time]);
    assert_eq!(outcome.x224.unwrap().value, X224Answer::HeldOpen);
    assert_eq!(actions, [Action::Close]);
}

#[test]
fn our_own_hello_is_sent_in_its_segments() {
    let split = ConversationPlan { tls: Some(TlsOffer::SPLIT_12), ..plan() };
    let (outcome, actions) =
        drive(split, vec![Event::Connected, selected(SecurityProtocols::SSL), Event::Closed(End::Rst)]);
    assert_eq!(actions.len(), 1 + 4 + 1);
    assert_eq!(outcome.tls.unwrap().value, TlsAnswer::Closed { end: End::Rst, bytes: 0 });
    assert_eq!(TlsOffer::SPLIT_12.segments, Segments::FirstByteAlone);
}

#[test]
fn a_flood_is_cut() {
    let own = ConversationPlan { tls: Some(TlsOffer::PLAIN_12), ..plan() };
    let mut events = vec![Event::Connected, selected(SecurityProtocols::SSL)];
    // one endless handshake message, below the limit that its header may announce
    events.push(Event::Bytes(vec![22, 3, 3, 0x40, 0, 99, 1, 0xFF, 0xFF]));
    events.extend(std::iter::repeat_n(Event::Bytes([&[0; 0x3FFC][..], &[22, 3, 3, 0x3F, 0xFC]].concat()), 40));
    let (outcome, _) = drive(own, events);
    assert!(matches!(outcome.tls.unwrap().value, TlsAnswer::Malformed(_)));
}

#[test]
fn a_failed_rehearsal_takes_back_what_was_heard() {
    let heard = vec![Event::Connected, Event::Closed(End::Fin)];
    let (outcome, _) = drive(plan(), [heard, vec![Event::RehearsalFailed]].concat());
    assert_eq!(outcome.tcp.unwrap().value, TcpAnswer::Accepted);
    assert_eq!((outcome.x224, outcome.rehearsal_failed), (None, Some(Duration::from_millis(300))));
    let (outcome, actions) = drive(plan(), vec![Event::Connected, Event::RehearsalFailed]);
    assert_eq!((actions.last(), outcome.rehearsal_failed.is_some()), (Some(&Action::Close), true));
}

#[test]
fn an_answer_that_breaks_off_is_no_foreign_service() {
    let (outcome, _) =
        drive(plan(), vec![Event::Connected, Event::Bytes(vec![3, 0, 0, 19, 14]), Event::Closed(End::Rst)]);
    assert!(matches!(outcome.x224.unwrap().value, X224Answer::Malformed { .. }));
}

#[test]
fn an_ultimatum_in_the_clear_is_whole_however_it_is_cut() {
    let ultimatum = ServerAnswer::DisconnectProviderUltimatum.encode();
    let own = || ConversationPlan { tls: Some(TlsOffer::PLAIN_12), ..plan() };
    for at in 1..ultimatum.len() {
        let (first, rest) = ultimatum.split_at(at);
        let pieces = [first, rest].map(|piece| Event::Bytes(piece.to_vec()));
        let events = [Event::Connected, selected(SecurityProtocols::SSL)].into_iter().chain(pieces).collect();
        let (outcome, _) = drive(own(), events);
        assert_eq!(outcome.tls.map(|seen| seen.value), Some(TlsAnswer::NotTls(ultimatum.clone())), "cut at {at}");
    }
    let events = vec![Event::Connected, selected(SecurityProtocols::SSL), Event::Bytes(vec![3, 0])];
    let (outcome, _) = drive(own(), events.into_iter().chain([Event::Closed(End::Fin)]).collect());
    assert_eq!(outcome.tls.map(|seen| seen.value), Some(TlsAnswer::Closed { end: End::Fin, bytes: 2 }));
}

/// In TLS 1.3 a client hears only behind its handshake that its certificate is missed (RFC 8446 section 4.4.2.4).
#[test]
fn a_host_that_asked_for_a_certificate_is_heard_out() {
    let missed = || Event::TlsFailed(TlsFailure::Alert(crate::tls::Alert { level: 2, description: 116 }));
    let begun = || vec![Event::Connected, selected(SecurityProtocols::SSL), Event::CertificateRequested, tls_up()];
    let (outcome, _) = drive(plan(), begun().into_iter().chain([missed()]).collect());
    assert!(outcome.certificate_requested);
    assert!(matches!(outcome.tls.map(|seen| seen.value), Some(TlsAnswer::Alert(alert)) if alert.description == 116));
    let (outcome, _) = drive(plan(), begun().into_iter().chain([Event::Time]).collect());
    assert!(matches!(outcome.tls.map(|seen| seen.value), Some(TlsAnswer::Accepted { finished: true, .. })));
    let with_credssp = begun().into_iter().map(|event| match event {
        Event::Bytes(_) => selected(SecurityProtocols::HYBRID),
        event => event,
    });
    let (outcome, _) = drive(plan(), with_credssp.chain([missed()]).collect());
    assert!(matches!(outcome.credssp.map(|seen| seen.value), Some(CredsspAnswer::Alert(_))));
}

#[test]
fn a_wrong_key_ends_the_handshake() {
    let events = vec![Event::Connected, selected(SecurityProtocols::SSL), Event::TlsFailed(TlsFailure::WrongKey)];
    let (outcome, _) = drive(plan(), events);
    assert_eq!(outcome.tls.map(|seen| seen.value), Some(TlsAnswer::WrongKey));
}
