//! Questions that tell whether a client is refused, or whether the machines behind an address take turns: its request,
//! its hello and its first words behind TLS, once more in the turn of whoever took something else.

use evidence::fact::{Fact, Handshake, Introduction};
use evidence::{Because, Evidence};
use wire::machine::X224Answer;
use wire::tls::{Alert, NameSent, Segments, TlsOffer, TlsStack};

use super::connection_sequence::{ask, client_request, outcomes};
use crate::as_client::client_offer;
use crate::case::{Case, EVERYTHING, Seen};
use crate::need::{Again, Asking, Kind, Need, Of, Question};
use crate::tries::outcome;
use crate::turns::Turns;

/// Most times that the same is asked to rule all cycles out.
pub const MOST: usize = 8;

static OTHER_REQUEST: Kind = Kind {
    name: "other-request",
    words: |_| "the answer to a Connection Request in another turn of the machines behind this address".to_owned(),
    answered: |case, _| !requests_by_turns(case),
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| requests_by_turns(case),
        // should another machine answer now, all is asked at once
        question: |case, _, all| ask(case, all),
    }),
};

static OTHER_TURN: Kind = Kind {
    name: "other-turn",
    words: |_| "the answer to a ClientHello in another turn of the machines behind this address".to_owned(),
    answered: |case, _| other_turn(case).is_none(),
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| other_turn(case).is_some(),
        question: |case, _, all| Question { tls: other_turn(case), ..all.bare() },
    }),
};

static OTHER_SETUP: Kind = Kind {
    name: "other-setup",
    words: |_| {
        "the answer to a client's first words behind TLS in another turn of the machines behind this address".to_owned()
    },
    answered: |case, _| !setups_by_turns(case),
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| setups_by_turns(case),
        question: |case, _, all| ask(case, all),
    }),
};

impl Need {
    /// Asks for everything, which was hung up on, again, to see whether it is each time, or whose turn it was.
    pub const OTHER_REQUEST: Self = Self::new(&OTHER_REQUEST, Of::Nothing);
    /// Sends a ClientHello again, to see whether it was the hello that made the difference, or whose turn it was.
    pub const OTHER_TURN: Self = Self::new(&OTHER_TURN, Of::Nothing);
    /// Asks what was broken off behind TLS again, to see whether it is each time, or whose turn it was.
    pub const OTHER_SETUP: Self = Self::new(&OTHER_SETUP, Of::Nothing);
}

/// The client's hello in one piece: what comes through in pieces alone is no hello of a client.
fn whole(case: Case<'_>) -> TlsOffer {
    TlsOffer { segments: Segments::Whole, ..client_offer(case) }
}

/// Returns the hello that tells next whether the machines behind one address take turns; `None` where that is known, or
/// the client's hello was taken.
pub fn other_turn(case: Case<'_>) -> Option<TlsOffer> {
    let own = whole(case);
    let as_client = |offer: TlsOffer| TlsOffer { stack: TlsStack::Own, ..offer } == own;
    let hellos = || case.tls().filter(|seen| seen.value.0.stack != TlsStack::Watched);
    let taken = || hellos().filter(|seen| outcome(case, seen) == Some(true)).map(|seen| seen.value.0);
    if taken().any(as_client) {
        return None;
    }
    // who takes the client's hello most likely takes another one of its newest version
    let nothing_taken = taken().next().is_none();
    let alike = |offer: TlsOffer| offer.name == NameSent::Typed && offer.max >= case.context.profile.tls_max;
    let told = hellos().map(|seen| {
        let counts = as_client(seen.value.0) || nothing_taken && alike(seen.value.0);
        Seen { value: outcome(case, &seen).filter(|up| *up || counts), id: seen.id }
    });
    let turns = Turns::of(case, told);
    let control = taken().last().filter(|_| turns.ruled_out_by(false) > turns.ruled_out_by(true));
    turns.explain().then(|| control.unwrap_or(own))
}

/// True if machines that take turns explain how a client's first words behind TLS were received, which nobody went on
/// with.
pub fn setups_by_turns(case: Case<'_>) -> bool {
    let introduced = case.seen(|fact| match fact {
        Fact::CredsspAnswer(Introduction::Silent) => None,
        Fact::CredsspAnswer(answer) => Some(Some(matches!(answer, Introduction::Challenge(_)))),
        Fact::CredsspVersionAnswer { answer, .. } => {
            Some(Some(true).filter(|_| matches!(answer, Introduction::Challenge(_))))
        }
        _ => None,
    });
    let told = outcomes(case).into_iter().map(|seen| Seen { value: Some(seen.value), id: seen.id });
    let mut all: Vec<_> = if case.context.profile.protocols.credssp() { introduced.collect() } else { Vec::new() };
    all.extend(told);
    all.sort_by_key(|seen| seen.id);
    let newest = |seen: &Seen<Option<bool>>| {
        !matches!(case.evidence.observations[seen.id - 1].fact, Fact::CredsspVersionAnswer { .. })
    };
    let went_on = all.iter().any(|seen| seen.value == Some(true) && newest(seen));
    !all.is_empty() && !went_on && Turns::of(case, all.into_iter()).explain()
}

/// True if machines that take turns explain that each request of the client was hung up on, whatever another one got.
pub fn requests_by_turns(case: Case<'_>) -> bool {
    let own = client_request(case);
    let mut asked = case.x224().filter(|seen| seen.value.0 == Some(own)).peekable();
    let told = case.x224().map(|seen| {
        let value = match seen.value {
            (_, X224Answer::Server(_)) => Some(true),
            (Some(request), answer) if request == own && hung_up(answer) => Some(false),
            _ => None,
        };
        Seen { value, id: seen.id }
    });
    asked.peek().is_some()
        && !asked.any(|seen| matches!(seen.value.1, X224Answer::Server(_)))
        && Turns::of(case, told).explain()
}

/// True if the client's own request was hung up on each time, and another one leads past it: whether what was met there
/// is in the client's way is not known.
pub fn own_way_unknown(case: Case<'_>) -> bool {
    let own = client_request(case);
    own != EVERYTHING && case.x224_to(own).is_some_and(|seen| hung_up(seen.value))
}

/// True if it ended the connection in place of an answer.
fn hung_up(answer: &X224Answer) -> bool {
    matches!(answer, X224Answer::Closed(_) | X224Answer::ClosedBeforeRequest(_))
}

/// True if the reasons have a request among them that was hung up on.
pub fn rests_on_requests(evidence: &Evidence, because: &[Because]) -> bool {
    cites(evidence, because, |fact| matches!(fact, Fact::X224Answer { answer, .. } if hung_up(answer)))
}

/// True if the reasons have a hello among them that was refused by the host.
pub fn rests_on_hellos(evidence: &Evidence, because: &[Because]) -> bool {
    cites(evidence, because, |fact| match fact {
        Fact::TlsAnswer { answer, direct: false, .. } => {
            matches!(answer, Handshake::Alert(_) | Handshake::Closed { .. } | Handshake::Silent { .. })
        }
        _ => false,
    })
}

/// True if the reasons have a refusal among them that names the version: whoever says so speaks TLS, and is no machine
/// that refuses whatever comes.
pub fn names_the_version(evidence: &Evidence, because: &[Because]) -> bool {
    cites(evidence, because, |fact| match fact {
        Fact::TlsAnswer { answer: Handshake::Alert(alert), .. } => alert.description == Alert::PROTOCOL_VERSION,
        _ => false,
    })
}

/// True if the reasons have an answer among them to what a client says first behind TLS.
pub fn rests_on_setups(evidence: &Evidence, because: &[Because]) -> bool {
    cites(evidence, because, |fact| matches!(fact, Fact::CredsspAnswer(_) | Fact::Settings { .. }))
}

fn cites(evidence: &Evidence, because: &[Because], is_it: fn(&Fact) -> bool) -> bool {
    let cited = because.iter().filter_map(|because| evidence.observations.get(because.observation.checked_sub(1)?));
    cited.into_iter().any(|seen| is_it(&seen.fact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Confidence;
    use crate::sketch::{Sketch, host};
    use wire::machine::{End, TcpAnswer};
    use wire::tls::TlsVersion;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    const REFUSED: Handshake = Handshake::Alert(Alert { level: 2, description: Alert::HANDSHAKE_FAILURE });
    const UP: Handshake = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xCCA8, finished: true };
    const MODERN: TlsOffer = TlsOffer::MODERN;

    fn own() -> TlsOffer {
        host("192.0.2.7").with_case(whole)
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
        for _ in 0..3 {
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
        assert_eq!(asked_after(&[(own(), false); 4]), Some(own()));
        assert_eq!(asked_after(&[(own(), false); 5]), None);
        // an old hello is refused by machines that are well
        let old = [(own(), false), (own(), false), (TlsOffer::OLD, false), (own(), false), (own(), false)];
        assert_eq!(asked_after(&old), Some(own()));
    }

    /// Connections without a handshake count for one balancer, and not for another.
    #[test]
    fn a_cycle_is_ruled_out_by_both_counts() {
        let own = Some((own(), false));
        let asked = |connections: &[_]| hellos(connections).with_case(other_turn);
        assert_eq!(asked(&[Some((MODERN, true)), own, own, own, own, own]), None);
        assert!(asked(&[Some((MODERN, true)), None, own, own, own, own]).is_some());
    }

    fn introduced(answers: &[Option<Introduction>]) -> Sketch {
        (1..).zip(answers).fold(host("192.0.2.7").nla().tls_up(TlsVersion::Tls13), |sketch, (number, answer)| {
            let sketch = sketch.on_connection(number, Fact::TcpAnswer(TcpAnswer::Accepted));
            answer
                .iter()
                .fold(sketch, |sketch, answer| sketch.on_connection(number, Fact::CredsspAnswer(answer.clone())))
        })
    }

    #[test]
    fn introductions_are_asked_for_at_each_place() {
        let closed = || Some(Introduction::Closed(End::Fin));
        let open = |answers: &[_]| introduced(answers).with_case(setups_by_turns);
        assert!(open(&[closed(), None, closed()]));
        assert!(open(&[closed(), closed(), closed(), closed()]));
        assert!(!open(&[closed(), closed(), closed(), closed(), closed()]));
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
        assert!(open(&[shut; 4]));
        assert!(!open(&[shut; 5]));
        assert!(!open(&[shut, (EVERYTHING, true)]));
        // another kind of request was answered, by whoever was next
        let tls_alone = (SecurityProtocols::SSL, true);
        assert!(open(&[shut, tls_alone, shut, shut]));
        assert!(!open(&[shut, tls_alone, shut, shut, shut, shut, shut]));
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
        assert_eq!(refused(5), Some(Confidence::Proven));
        let closed =
            |times| confidence(&introduced(&vec![Some(Introduction::Closed(End::Fin)); times]), "credssp-broken");
        assert_eq!(closed(2), Some(Confidence::Possible));
        assert_eq!(closed(5), Some(Confidence::Likely));
    }
}
