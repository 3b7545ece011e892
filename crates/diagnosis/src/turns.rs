//! Machines that take turns behind one address: whether it was the words that made the difference, or whose turn it
//! was. As long as a broken machine at some places of a cycle explains all, the client may get in at another place, and
//! nothing that it offers need be at fault.

use evidence::fact::{Fact, Handshake, Introduction};
use evidence::{Because, Evidence};
use wire::machine::X224Answer;
use wire::tls::{NameSent, Segments, TlsOffer, TlsStack};

use crate::as_client::client_offer;
use crate::case::{Case, EVERYTHING, Seen};
use crate::stage::connection_sequence::outcomes;
use crate::tries::outcome;

/// Longest cycle that is looked for.
const LONGEST: usize = 5;
/// Most times that the same is asked to rule all cycles out.
pub const MOST: usize = 8;

/// Cycle in which machines may take turns. Some balancers count connections, and some those that come so far.
#[derive(Debug, Clone, Copy)]
struct Cycle {
    /// Which of the two counts it goes by.
    count: usize,
    length: usize,
}

impl Cycle {
    fn place(self, numbers: [usize; 2]) -> usize {
        numbers[self.count] % self.length
    }
}

/// Numbers, by both counts, at which words were taken, at which the client's were refused, and of what comes next.
#[derive(Debug, Default)]
struct Turns {
    taken: Vec<[usize; 2]>,
    refused: Vec<[usize; 2]>,
    next: [usize; 2],
}

impl Turns {
    /// Reads them from the tries in their order: taken, refused, or neither for what another machine may as well
    /// refuse.
    fn of(case: Case<'_>, tries: impl Iterator<Item = Seen<Option<bool>>>) -> Self {
        let connections = case.connections();
        let mut turns = Self { next: [connections.len(), 0], ..Self::default() };
        for seen in tries {
            let source = case.source_of(seen.id);
            let Some(connection) = connections.iter().position(|number| Some(*number) == source) else { continue };
            let numbers = [connection, turns.next[1]];
            turns.next[1] += 1;
            match seen.value {
                Some(true) => turns.taken.push(numbers),
                Some(false) => turns.refused.push(numbers),
                None => {}
            }
        }
        turns
    }

    /// Iterates over the cycles that explain all of it. One is ruled out where the client was refused by whoever took
    /// other words; where nothing was ever taken, where it was refused at each place.
    fn left(&self) -> impl Iterator<Item = Cycle> {
        let cycles = (0..2).flat_map(|count| (2..=LONGEST).map(move |length| Cycle { count, length }));
        cycles.filter(|cycle| {
            let refused = |place: usize| self.refused.iter().any(|other| cycle.place(*other) == place);
            match self.taken[..] {
                [] => !(0..cycle.length).all(refused),
                _ => !self.taken.iter().any(|taken| refused(cycle.place(*taken))),
            }
        })
    }

    /// Counts the cycles that are ruled out if the client is refused next, or if what was taken is taken again.
    fn ruled_out_by(&self, refusal: bool) -> usize {
        let ruled_out = self.left().filter(|cycle| {
            let here = |others: &[[usize; 2]]| others.iter().any(|other| cycle.place(*other) == cycle.place(self.next));
            match refusal {
                true if self.taken.is_empty() => !here(&self.refused),
                true => here(&self.taken),
                false => here(&self.refused),
            }
        });
        ruled_out.count()
    }
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
    turns.left().next()?;
    let control = taken().last().filter(|_| turns.ruled_out_by(false) > turns.ruled_out_by(true));
    Some(control.unwrap_or(own))
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
    !all.is_empty() && !went_on && Turns::of(case, all.into_iter()).left().next().is_some()
}

/// True if machines that take turns explain that each request of a client was hung up on, whatever another one got.
pub fn requests_by_turns(case: Case<'_>) -> bool {
    let answered = case.tries().any(|seen| matches!(seen.value, X224Answer::Server(_)));
    let told = case.x224().map(|seen| {
        let value = match seen.value {
            (_, X224Answer::Server(_)) => Some(true),
            (Some(EVERYTHING), answer) if hung_up(answer) => Some(false),
            _ => None,
        };
        Seen { value, id: seen.id }
    });
    !answered && Turns::of(case, told).left().next().is_some()
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
    use wire::tls::{Alert, TlsVersion};
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
