//! Machines by turns against evidence in a few words, and against random connections.

use super::*;
use crate::cause::Confidence;
use crate::report::Verdict;
use crate::sketch::{Sketch, host};
use proptest::prelude::*;
use wire::machine::{End, TcpAnswer};
use wire::tls::TlsVersion;
use wire::x224::{SecurityProtocols, ServerAnswer};

const REFUSED: Handshake = Handshake::Alert(Alert { level: 2, description: Alert::HANDSHAKE_FAILURE });
const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xCCA8, finished: true };
const MODERN: TlsOffer = TlsOffer::MODERN;

fn own() -> TlsOffer {
    host("192.0.2.7").with_case(whole_client_offer)
}

/// Connections in their order, each with the hello that was sent and whether it was taken; `None` for none.
fn hellos(connections: &[Option<(TlsOffer, bool)>]) -> Sketch {
    (1..).zip(connections).fold(host("192.0.2.7").nla(), |sketch, (number, handshake)| {
        let sketch = sketch.on_connection(number, Fact::TcpAnswer(TcpAnswer::Accepted));
        handshake.iter().fold(sketch, |sketch, (offer, taken)| {
            let answer = if *taken { UP } else { REFUSED };
            sketch.on_connection(number, Fact::TlsAnswer { offer: *offer, direct: false, answer })
        })
    })
}

fn asked_after(connections: &[(TlsOffer, bool)]) -> Option<TlsOffer> {
    let all: Vec<_> = connections.iter().copied().map(Some).collect();
    hellos(&all).with_case(other_turn)
}

/// The first one fell to a machine that is well, the client's hello to others.
#[test]
fn the_client_s_hello_is_asked_until_no_cycle_is_left() {
    let mut connections = vec![(MODERN, true), (own(), false), (own(), false)];
    for _ in 0..4 {
        assert_eq!(asked_after(&connections), Some(own()), "{connections:?}");
        connections.push((own(), false));
    }
    assert_eq!(asked_after(&connections), None);
    // they took turns
    connections[5] = (own(), true);
    assert_eq!(asked_after(&connections), None);
}

/// It has TLS 1.3 alone, and another machine beside it nothing: what another name got, the client gets as well.
#[test]
fn the_client_s_hello_is_asked_where_others_were_sent_alone() {
    let refused = [MODERN, TlsOffer::PLAIN_12, TlsOffer::OLD, TlsOffer::WIDEST, TlsOffer::TOLERANT];
    let mut connections: Vec<_> = refused.into_iter().map(|offer| (offer, false)).collect();
    connections.extend([(TlsOffer::NAMED, true), (TlsOffer::PLAIN_12, false)]);
    assert_eq!(asked_after(&connections), Some(own()));
}

#[test]
fn what_was_taken_is_asked_again_where_that_tells_more() {
    let refused = [(own(), false); 3];
    let wider = (TlsOffer::WIDEST, true);
    let connections = [&refused[..], &[wider, (TlsOffer::OLD, false), (TlsOffer::OLD, false)]].concat();
    // the places of three and four are the client's, which was refused there; of five as well
    assert_eq!(asked_after(&connections), Some(wider.0));
}

#[test]
fn where_nothing_is_taken_each_place_is_asked() {
    assert_eq!(asked_after(&[(own(), false); 5]), Some(own()));
    assert_eq!(asked_after(&[(own(), false); 6]), None);
    // an old hello is refused by machines that are well
    let old = [(own(), false), (own(), false), (TlsOffer::OLD, false), (own(), false), (own(), false)];
    assert_eq!(asked_after(&old), Some(own()));
}

/// Connections without a handshake count for one balancer, and not for another.
#[test]
fn a_cycle_is_ruled_out_by_both_counts() {
    let own = Some((own(), false));
    let asked = |connections: &[_]| hellos(connections).with_case(other_turn);
    assert_eq!(asked(&[Some((MODERN, true)), own, own, own, own, own, own]), None);
    assert!(asked(&[Some((MODERN, true)), None, own, own, own, own, own]).is_some());
}

fn introduced(answers: &[Option<Introduction>]) -> Sketch {
    (1..).zip(answers).fold(host("192.0.2.7").nla().tls_up(TlsVersion::Tls13), |sketch, (number, answer)| {
        let sketch = sketch.on_connection(number, Fact::TcpAnswer(TcpAnswer::Accepted));
        answer.iter().fold(sketch, |sketch, answer| sketch.on_connection(number, Fact::CredsspAnswer(answer.clone())))
    })
}

#[test]
fn introductions_are_asked_for_at_each_place() {
    let closed = || Some(Introduction::Closed(End::Fin));
    let open = |answers: &[_]| introduced(answers).with_case(setups_by_turns);
    assert!(open(&[closed(), None, closed()]));
    assert!(open(&[closed(), closed(), closed(), closed(), closed()]));
    assert!(!open(&[closed(), closed(), closed(), closed(), closed(), closed()]));
    assert!(!open(&[closed(), Some(Introduction::Challenge(6))]));
    assert!(!open(&[]));
}

#[test]
fn requests_are_made_at_each_place() {
    let open = |requests: &[(SecurityProtocols, bool)]| {
        let sketch = (1..).zip(requests).fold(host("192.0.2.7"), |sketch, (number, (requested, answered))| {
            let answer = match answered {
                true => X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::SSL, flags: 0 }),
                false => X224Answer::Closed(End::Fin),
            };
            sketch.on_connection(number, Fact::X224Answer { requested: Some(*requested), answer })
        });
        sketch.with_case(requests_by_turns)
    };
    let shut = (EVERYTHING, false);
    assert!(open(&[shut; 5]));
    assert!(!open(&[shut; 6]));
    assert!(!open(&[shut, (EVERYTHING, true)]));
    // another kind of request was answered, by whoever was next
    let tls_alone = (SecurityProtocols::SSL, true);
    assert!(open(&[shut, tls_alone, shut, shut]));
    assert!(!open(&[shut, tls_alone, shut, shut, shut, shut, shut, shut]));
}

/// Without CredSSP it may be led past what was met with CredSSP.
#[test]
fn the_client_s_own_request_is_made_at_each_place() {
    let without = |sketch: Sketch| sketch.profile_with(|profile| profile.protocols = SecurityProtocols::SSL);
    let own = |number, answer| {
        let fact = Fact::X224Answer { requested: Some(SecurityProtocols::SSL), answer };
        without(host("192.0.2.7").nla()).on_connection(number, fact)
    };
    let open = |sketch: &Sketch| sketch.with_case(|case| own_way_unknown(case) && requests_by_turns(case));
    assert!(open(&own(2, X224Answer::Closed(End::Rst))));
    let answer = X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::RDP, flags: 0 });
    assert!(!open(&own(2, answer)));
    assert!(!open(&without(host("192.0.2.7").nla())));
}

#[test]
fn what_turns_explain_as_well_is_only_possible() {
    let confidence = |sketch: &Sketch, cause: &str| {
        let report = sketch.diagnose();
        report.findings.iter().find(|found| found.cause == cause).map(|found| found.confidence)
    };
    let refused = |times| {
        let connections = [vec![Some((MODERN, true))], vec![Some((own(), false)); times]].concat();
        confidence(&hellos(&connections), "tls-cipher-mismatch")
    };
    assert_eq!(refused(2), Some(Confidence::Possible));
    assert_eq!(refused(5), Some(Confidence::Possible));
    assert_eq!(refused(6), Some(Confidence::Proven));
    let closed = |times| confidence(&introduced(&vec![Some(Introduction::Closed(End::Fin)); times]), "credssp-broken");
    assert_eq!(closed(2), Some(Confidence::Possible));
    assert_eq!(closed(5), Some(Confidence::Possible));
    assert_eq!(closed(6), Some(Confidence::Likely));
}

/// Every second machine refuses what offers TLS 1.3: the first hello met it twice, and the client's the other one.
#[test]
fn the_client_s_hello_is_asked_again_where_one_like_it_was_refused() {
    let mut connections = vec![(MODERN, false), (TlsOffer::PLAIN_12, true), (MODERN, false), (own(), true)];
    assert_eq!(asked_after(&connections), Some(own()));
    let verdict = |connections: &[(TlsOffer, bool)]| {
        let all: Vec<_> = connections.iter().copied().map(Some).collect();
        hellos(&all).with(Fact::CredsspAnswer(Introduction::Challenge(6))).diagnose().verdict
    };
    assert_eq!(verdict(&connections), Verdict::Undetermined);
    let mut by_turns = connections.clone();
    by_turns.push((own(), false));
    assert_eq!(asked_after(&by_turns), None, "counted by another question");
    assert_ne!(verdict(&by_turns), Verdict::Healthy);
    // what refuses the first hello alone takes the client's at each place
    while asked_after(&connections).is_some() {
        connections.push((own(), true));
    }
    assert_eq!(connections.len(), 7);
    assert_eq!(verdict(&connections), Verdict::Healthy);
    // an older version is no hello of its kind, and one without what was agreed on is refused for that
    assert_eq!(asked_after(&[(TlsOffer::PLAIN_12, false), (own(), true)]), None);
    let new_alone = TlsOffer { min: TlsVersion::Tls13, ..TlsOffer::PLAIN_13 };
    assert_eq!(asked_after(&[(new_alone, false), (own(), true)]), None);
}

/// One of four machines breaks off behind TLS, and the first connection met it.
#[test]
fn a_service_that_was_starting_is_told_from_machines_by_turns() {
    let (closed, up) = (Some(Introduction::Closed(End::Fin)), Some(Introduction::Challenge(6)));
    let told = |well: usize| introduced(&[vec![closed.clone()], vec![up.clone(); well]].concat());
    for (well, open) in [(2, false), (3, true), (5, true), (6, false)] {
        assert_eq!(told(well).with_case(started_by_turns), open, "{well}");
    }
    assert_eq!(told(5).diagnose().verdict, Verdict::Undetermined);
    assert_eq!(told(6).diagnose().verdict, Verdict::Healthy);
}

/// A connection of a random run: which hello was sent, whether it was taken, and whether what followed was answered.
#[derive(Debug, Clone, Copy)]
struct Made {
    offer: TlsOffer,
    taken: bool,
    answered: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let tunnel = TlsOffer { stack: TlsStack::OpenSsl, ..own() };
    let offers = [own(), tunnel, MODERN, TlsOffer::MODERN_12, TlsOffer::PLAIN_12, TlsOffer::PLAIN_13];
    (proptest::sample::select(offers.to_vec()), proptest::bool::weighted(0.7), proptest::bool::weighted(0.9))
        .prop_map(|(offer, taken, answered)| Made { offer, taken, answered })
}

/// True if some cycle of up to six machines has these connections at places of their own.
fn apart(some: &[usize], others: &[usize]) -> bool {
    let places = |numbers: &[usize], length| numbers.iter().map(|number| number % length).collect::<Vec<_>>();
    (2..=6).any(|length| places(some, length).iter().all(|place| !places(others, length).contains(place)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever came in whichever order: who was refused what a client sends, and got it as well, is not well.
    #[test]
    fn mixed_answers_are_never_healthy(run in proptest::collection::vec(made(), 1..14)) {
        let own = own();
        let finishes = |made: &Made| made.taken && made.offer.stack != TlsStack::Own;
        let sketch = (1..).zip(&run).fold(host("192.0.2.7").nla(), |sketch, (number, made)| {
            let answer = if made.taken { UP } else { REFUSED };
            let sketch = sketch
                .on_connection(number, Fact::TcpAnswer(TcpAnswer::Accepted))
                .on_connection(number, Fact::TlsAnswer { offer: made.offer, direct: false, answer });
            let said = if made.answered { Introduction::Challenge(6) } else { Introduction::Closed(End::Rst) };
            if finishes(made) { sketch.on_connection(number, Fact::CredsspAnswer(said)) } else { sketch }
        });
        let numbers = |of: &dyn Fn(&Made) -> bool| -> Vec<usize> {
            (0..).zip(&run).filter(|(_, made)| of(made)).map(|(number, _)| number).collect()
        };
        let as_client = |made: &Made| TlsOffer { stack: TlsStack::Own, ..made.offer } == own;
        let newest = |made: &Made| made.offer.max == TlsVersion::Tls13;
        let mixed = |kind: &dyn Fn(&Made) -> bool| {
            run.iter().any(|made| kind(made) && made.taken) && run.iter().any(|made| kind(made) && !made.taken)
        };
        let (well, ill) = (numbers(&|made| newest(made) && made.taken), numbers(&|made| newest(made) && !made.taken));
        let by_turns = run.iter().any(|made| as_client(made) && made.taken) && !ill.is_empty() && apart(&well, &ill);
        let (said, unsaid) = (numbers(&|m| finishes(m) && m.answered), numbers(&|m| finishes(m) && !m.answered));
        let setups = !said.is_empty() && !unsaid.is_empty() && apart(&said, &unsaid);
        if mixed(&as_client) || mixed(&|made| made.offer == MODERN) || by_turns || setups {
            prop_assert_ne!(sketch.diagnose().verdict, Verdict::Healthy);
        }
    }
}
