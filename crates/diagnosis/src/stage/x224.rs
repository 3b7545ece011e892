//! The stage `x224`: X.224 and the security negotiation ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2).

use std::time::Duration;

use evidence::{Fact, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use super::connection_sequence::riding;
use super::room::{Room, Whose};
use crate::case::{Case, EVERYTHING, Seen};
use crate::need::{Again, Asked, Asking, Kind, Need, Of, Patience, Question};
use crate::stage::rung::{Outcome, Rung, took};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::X224, of: Whose::Address, rung };

/// Tries that tell a host that answers now and then from one that failed once.
pub const SPACED_TRIES: usize = 4;

static HELD_REQUEST: Kind = Kind {
    name: "held-request",
    words: |_| "whether the connection stays open while we say nothing".to_owned(),
    answered: |case, _| {
        case.x224().any(|seen| {
            matches!(
                seen.value.1,
                X224Answer::HeldOpen | X224Answer::ClosedBeforeRequest(_) | X224Answer::Foreign { .. }
            )
        })
    },
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| closed(case),
        question: |case, _, all| Question { hold: hold(case), ..all.bare() },
    }),
};

static NEGOTIATION: Kind = Kind {
    name: "negotiation",
    words: |of| match of.asked() {
        Asked::Everything => "the answer to a Connection Request".to_owned(),
        Asked::AsClient => "the answer to what this client requests".to_owned(),
        Asked::TlsOnly => "the answer to a request for TLS alone".to_owned(),
        Asked::StandardOnly => "the answer to a request for Standard RDP Security".to_owned(),
        Asked::WithEntra => "the answer to a request with Microsoft Entra authentication".to_owned(),
    },
    answered: |case, of| {
        let asked = of.asked();
        // silence after a host answered before may be due to our own pace
        let paced = |answer| asked != Asked::Everything && unanswered(answer) && answers(case);
        case.x224_to(asked.protocols(case)).is_some_and(|seen| !paced(seen.value))
    },
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, of| {
            let everything = case.x224_to(EVERYTHING).map(|seen| seen.value);
            match of.asked() {
                Asked::Everything => everything.is_none(),
                Asked::AsClient => case.selected().is_some_and(|seen| !client_takes(case, seen.value)),
                Asked::TlsOnly | Asked::StandardOnly => closed(case) || everything.is_some_and(without_tls),
                Asked::WithEntra => everything.is_some_and(contradicts),
            }
        },
        question: |case, of, all| match of.asked() {
            Asked::Everything => all,
            asked => {
                let bare = Question { request: Some(asked.protocols(case)), ..all.bare() };
                // the client's own way is gone to the end, as far as anybody may go
                let own = asked == Asked::AsClient && case.tls_accepted().is_some();
                if asked == Asked::AsClient { riding(case, bare, own) } else { bare }
            }
        },
    }),
};

static SECOND_TRY: Kind = Kind {
    name: "second-try",
    words: |_| "the answer to a second Connection Request, after a pause".to_owned(),
    answered: |case, _| case.tries().count() >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.tries().count() == 1 && worth_another_try(case),
        // a slow host answers then, a deaf one does not
        question: |_, _, all| Question { patient: Some(Patience::Negotiation), ..all },
    }),
};

static FURTHER_TRIES: Kind = Kind {
    name: "further-tries",
    words: |_| "the answers to further Connection Requests, with pauses between them".to_owned(),
    answered: |case, _| spaced_enough(case),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.tries().any(|seen| unanswered(seen.value)) && answers(case),
        question: |_, _, all| all.bare(),
    }),
};

static LATER_TRY: Kind = Kind {
    name: "later-try",
    words: |_| "the answer to the same Connection Request a second later".to_owned(),
    answered: |case, _| case.tries().count() >= 2,
    asking: Some(Asking {
        again: Again::Later,
        askable: |case, _| {
            let mut tries = case.tries();
            tries.next().is_some_and(|seen| matches!(seen.value, X224Answer::Closed(_))) && tries.next().is_none()
        },
        // should it answer now, all is asked at once
        question: |_, _, all| all,
    }),
};

static ANSWERED_ALIKE: Kind = Kind {
    name: "answered-alike",
    words: |_| "whether the same Connection Request is answered alike again".to_owned(),
    answered: |case, _| case.tries().count() >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.tries().count() == 1,
        // should another machine answer now, all is asked at once
        question: |_, _, all| all,
    }),
};

static CLOSED_TWICE: Kind = Kind {
    name: "closed-twice",
    words: |_| "whether it closes on the same Connection Request twice in a row".to_owned(),
    answered: |case, _| answers(case) || closed_twice_in_a_row(case),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| {
            let served = |asked: Asked| {
                let seen = case.x224_to(asked.protocols(case));
                seen.is_some_and(|seen| matches!(seen.value, X224Answer::Server(_)))
            };
            closed(case) && (served(Asked::StandardOnly) || served(Asked::TlsOnly))
        },
        question: |_, _, all| all.bare(),
    }),
};

impl Need {
    /// Asks for everything once more. The planner puts it before it leaves a host that is blamed for its answer.
    pub const ANSWERED_ALIKE: Self = Self::new(&ANSWERED_ALIKE, Of::Nothing);
    /// Asks for everything until it is clear that the host closes on that each time.
    pub const CLOSED_TWICE: Self = Self::new(&CLOSED_TWICE, Of::Nothing);
    /// Asks whether it stays open if we say nothing for a quarter of a second.
    pub const HELD_REQUEST: Self = Self::new(&HELD_REQUEST, Of::Nothing);
    /// Asks for everything a second time, after a pause.
    pub const SECOND_TRY: Self = Self::new(&SECOND_TRY, Of::Nothing);
    /// Asks for everything once more, a second after it ended the connection.
    pub const LATER_TRY: Self = Self::new(&LATER_TRY, Of::Nothing);
    /// Asks for everything on further tries, with pauses between them.
    pub const FURTHER_TRIES: Self = Self::new(&FURTHER_TRIES, Of::Nothing);

    /// Asks for these protocols.
    pub const fn negotiation(asked: Asked) -> Self {
        Self::new(&NEGOTIATION, Of::Protocols(asked))
    }
}

/// Time that a request is held back, to see who ends the connection.
const HOLD: Duration = Duration::from_millis(250);
/// Longest such time.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// Returns how long a request is to be held back: for longer than the host took to close on one, or a close by a timer
/// of its own would be taken for an answer.
fn hold(case: Case<'_>) -> Duration {
    let closed = case.tries().filter(|seen| matches!(seen.value, X224Answer::Closed(_)));
    let soonest = closed.filter_map(|seen| took(case, seen.id)).min().unwrap_or_default();
    soonest.saturating_add(HOLD).min(LONGEST_HOLD)
}

/// Time of a close from which it is a timer's: whoever serves nobody closes at once.
const TIMER: Duration = Duration::from_secs(1);

/// True if this close came so late that it is a timer's, as of a balancer that looks for its own target in vain.
pub fn by_timer(case: Case<'_>, id: usize) -> bool {
    took(case, id).is_some_and(|took| took >= TIMER)
}

/// True if it closed on a request for everything.
pub(super) fn closed(case: Case<'_>) -> bool {
    matches!(case.x224_to(EVERYTHING).map(|seen| seen.value), Some(X224Answer::Closed(_)))
}

impl<'a> Case<'a> {
    /// Iterates over its answers to Connection Requests, each with the requested protocols.
    pub fn x224(self) -> impl Iterator<Item = Seen<(Option<SecurityProtocols>, &'a X224Answer)>> + 'a {
        self.seen(|fact| match fact {
            Fact::X224Answer { requested, answer } => Some((*requested, answer)),
            _ => None,
        })
    }

    /// True if a request was for `protocols`. A captured client that requests TLS and CredSSP counts as requesting
    /// everything, whichever forms of it its age knows.
    fn asks(self, seen: &Seen<(Option<SecurityProtocols>, &X224Answer)>, protocols: SecurityProtocols) -> bool {
        const BOTH: SecurityProtocols = SecurityProtocols::SSL.with(SecurityProtocols::HYBRID);
        let Some(requested) = seen.value.0 else { return false };
        requested == protocols || protocols == EVERYTHING && requested.contains(BOTH) && self.watched(seen.id)
    }

    /// Returns its answer to exactly these protocols: the last well-formed one, or the last of any kind.
    pub fn x224_to(self, protocols: SecurityProtocols) -> Option<Seen<&'a X224Answer>> {
        let answers = || {
            let to =
                self.x224().filter(move |seen| self.asks(seen, protocols) && *seen.value.1 != X224Answer::HeldOpen);
            to.map(|seen| Seen { value: seen.value.1, id: seen.id })
        };
        answers().filter(|seen| matches!(seen.value, X224Answer::Server(_))).last().or_else(|| answers().last())
    }

    /// Iterates over tries to ask for everything at once, in order; a request that was held back is none.
    pub fn tries(self) -> impl Iterator<Item = Seen<&'a X224Answer>> + 'a {
        let held = |answer: &X224Answer| matches!(answer, X224Answer::HeldOpen | X224Answer::ClosedBeforeRequest(_));
        let tries = self.x224().filter(move |seen| self.asks(seen, EVERYTHING) && !held(seen.value.1));
        tries.map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// Returns the protocol that it selected when everything was offered.
    pub fn selected(self) -> Option<Seen<SecurityProtocols>> {
        let answer = self.x224_to(EVERYTHING)?;
        match answer.value {
            X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => {
                Some(Seen { value: *protocol, id: answer.id })
            }
            _ => None,
        }
    }
}

/// True if it closed on a request for everything twice with no other request in between. Of machines that take turns
/// behind one address, the same one never answers both.
fn closed_twice_in_a_row(case: Case<'_>) -> bool {
    let all: Vec<_> = case.x224().filter(|seen| *seen.value.1 != X224Answer::HeldOpen).collect();
    let shut = |seen: &Seen<(Option<SecurityProtocols>, &X224Answer)>| {
        seen.value.0 == Some(EVERYTHING) && matches!(seen.value.1, X224Answer::Closed(_))
    };
    all.windows(2).any(|pair| pair.iter().all(shut))
}

/// True if the request got no answer at all.
pub fn unanswered(answer: &X224Answer) -> bool {
    matches!(answer, X224Answer::Silent | X224Answer::Closed(_))
}

/// True if it was asked often enough, with pauses, to tell whether it loses requests. One that answered the first gets
/// no more connections than a healthy host.
pub fn spaced_enough(case: Case<'_>) -> bool {
    let at_once = case.tries().next().is_some_and(|first| !unanswered(first.value));
    case.tries().count() >= SPACED_TRIES || at_once && case.tcp().count() >= SPACED_TRIES
}

/// True if a request for everything was answered.
fn answers(case: Case<'_>) -> bool {
    case.tries().any(|seen| matches!(seen.value, X224Answer::Server(_)))
}

/// True after silence; after a close only where something else was answered, because other causes ask enough of their
/// own.
fn worth_another_try(case: Case<'_>) -> bool {
    case.tries().any(|seen| match seen.value {
        X224Answer::Silent => true,
        X224Answer::Closed(_) => case.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_))),
        _ => false,
    })
}

/// True for a refusal that makes no sense for TLS and CredSSP in every form: no such protocol was missing, and it names
/// no other reason.
pub fn contradicts(answer: &X224Answer) -> bool {
    let X224Answer::Server(ServerAnswer::Failure(code)) = answer else { return false };
    !matches!(
        *code,
        NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER
            | NegotiationFailure::SSL_CERT_NOT_ON_SERVER
            | NegotiationFailure::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER
    )
}

/// True if everything was refused, or answered with Standard RDP Security.
fn without_tls(answer: &X224Answer) -> bool {
    match answer {
        X224Answer::Server(ServerAnswer::Failure(code)) => *code == NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER,
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => !protocol.tls(),
        _ => false,
    }
}

/// True if the profile's client would get this protocol, or the plain form of it.
pub(super) fn client_takes(case: Case<'_>, selected: SecurityProtocols) -> bool {
    let offered = case.context.profile.protocols;
    let plain = if selected == SecurityProtocols::HYBRID_EX { SecurityProtocols::HYBRID } else { selected };
    offered.contains(selected) || offered.contains(plain)
}

fn rung(case: Case<'_>) -> Option<Rung> {
    let Some(seen) = case.x224_to(EVERYTHING) else { return x224_as_client(case) };
    if let Some(rung) = client_refused(case) {
        return Some(rung);
    }
    let (outcome, text) = match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if !offered(*protocol) => {
            (Outcome::Failed, format!("selected {protocol}, which was not offered"))
        }
        // with no finding that says more, a sound host would not do this
        X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::RDP, .. }) => {
            (Outcome::Degraded, "selected Standard RDP Security although more was offered".to_owned())
        }
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => {
            // perhaps it has had enough of us, perhaps it is gone: nobody was seen to get in since
            let ends_lost = case.tries().last().is_some_and(|seen| unanswered(seen.value));
            let odd = odd_tries(case);
            let outcome = if ends_lost || odd.is_some() { Outcome::Degraded } else { Outcome::Passed };
            (outcome, format!("selected {protocol}{}{}", lost_tries(case), odd.unwrap_or_default()))
        }
        X224Answer::Server(ServerAnswer::NoNegotiation) => (Outcome::Degraded, answer_words(seen.value)?),
        answer => (Outcome::Failed, answer_words(answer)?),
    };
    Some((outcome, took(case, seen.id), text))
}

/// Says how many of several requests got no answer: perhaps our own pace, so it fails nothing.
fn lost_tries(case: Case<'_>) -> String {
    let lost = case.tries().filter(|seen| unanswered(seen.value)).count();
    let all = case.tries().count();
    if lost == 0 { String::new() } else { format!("; {lost} of {all} such requests got no answer") }
}

/// Says how many of several requests were answered with something else than a protocol that
/// was offered, and with what; `None` if none
/// was. Our own pace explains a request without an answer, never a wrong one.
fn odd_tries(case: Case<'_>) -> Option<String> {
    let selects = |answer: &X224Answer| match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => offered(*protocol),
        _ => false,
    };
    let odd = || case.tries().filter(|seen| !selects(seen.value) && !unanswered(seen.value));
    let words = answer_words(odd().next()?.value)?;
    Some(format!("; {} of {} such requests failed: {words}", odd().count(), case.tries().count()))
}

/// Summarises an answer; `None` for one that is no answer.
fn answer_words(answer: &X224Answer) -> Option<String> {
    Some(match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => format!("selected {protocol}"),
        X224Answer::Server(ServerAnswer::Failure(code)) => format!("failure {code}"),
        X224Answer::Server(ServerAnswer::NoNegotiation) => "confirmed without negotiation".to_owned(),
        X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum) => {
            "MCS Disconnect Provider Ultimatum instead of a confirm".to_owned()
        }
        X224Answer::Foreign { service, .. } => format!("{} answered", service.name()),
        X224Answer::NotTpkt(_) => "bytes that are no TPKT".to_owned(),
        X224Answer::Malformed { error, .. } => error.clone(),
        X224Answer::Closed(end) => format!("{} without an answer", end.verb()),
        X224Answer::ClosedBeforeRequest(end) => format!("{} before the request", end.verb()),
        X224Answer::HeldOpen => return None,
        X224Answer::Incomplete(bytes) => format!("no whole answer in time ({} bytes)", bytes.len()),
        X224Answer::Silent => "no answer in time".to_owned(),
    })
}

/// A captured client may have requested less: it was given what it requested, or nothing.
fn x224_as_client(case: Case<'_>) -> Option<Rung> {
    let seen = case.x224().filter(|seen| case.watched(seen.id)).last()?;
    let (outcome, text) = match seen.value {
        (requested, X224Answer::Server(ServerAnswer::Selected { protocol, .. })) => {
            let fits = requested.unwrap_or(SecurityProtocols::RDP).contains(*protocol);
            (if fits { Outcome::Passed } else { Outcome::Failed }, format!("selected {protocol}"))
        }
        (None, X224Answer::Server(ServerAnswer::NoNegotiation)) => {
            (Outcome::Passed, "confirmed; nothing was negotiated".to_owned())
        }
        (_, answer) => (Outcome::Failed, answer_words(answer)?),
    };
    let asked = seen.value.0.map_or("no protocol".to_owned(), |protocols| protocols.to_string());
    Some((outcome, took(case, seen.id), format!("{text} (the client asked for {asked})")))
}

/// True for a single protocol out of those that a probe offers.
fn offered(protocol: SecurityProtocols) -> bool {
    protocol.0.count_ones() <= 1 && EVERYTHING.contains(protocol)
}

/// Takes the host's answer to the client's own request, where that differs from the answer to the probe's.
fn client_refused(case: Case<'_>) -> Option<Rung> {
    let client = &case.context.profile;
    let selected = case.selected()?;
    let plain = if selected.value == SecurityProtocols::HYBRID_EX { SecurityProtocols::HYBRID } else { selected.value };
    if client.protocols.contains(selected.value) || client.protocols.contains(plain) {
        return None;
    }
    let words = format!("selected {}, which {} does not offer", selected.value, client.name);
    let Some(seen) = case.x224_to(client.protocols) else {
        return Some((
            Outcome::Degraded,
            took(case, selected.id),
            format!("{words}; its own request was not answered"),
        ));
    };
    let answer = match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if client.protocols.contains(*protocol) => {
            return None;
        }
        X224Answer::Server(ServerAnswer::Failure(code)) => format!("answered failure {code}"),
        X224Answer::Closed(end) => format!("{} without an answer", end.verb()),
        X224Answer::Silent => "not answered in time".to_owned(),
        _ => "answered in another way".to_owned(),
    };
    Some((Outcome::Failed, took(case, seen.id), format!("{words}; its own request was {answer}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::sketch::host;
    use evidence::fact::Introduction;
    use wire::machine::End;
    use wire::tls::TlsVersion;

    /// Judges a host that answers all, and a further request with this.
    fn also(answer: X224Answer) -> Verdict {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        let up = up.with(Fact::CredsspAnswer(Introduction::Challenge(6)));
        up.x224(EVERYTHING, answer).nla().diagnose().verdict
    }

    /// Something else than the host took that request, at times.
    #[test]
    fn a_host_that_also_answers_otherwise_is_not_healthy() {
        let malformed = X224Answer::Malformed { bytes: vec![3, 0, 0, 4], error: "too short".to_owned() };
        let incomplete = X224Answer::Incomplete(vec![3, 0]);
        let plain = X224Answer::Server(ServerAnswer::NoNegotiation);
        for odd in [X224Answer::NotTpkt(b"HTTP".to_vec()), malformed, incomplete, plain] {
            assert_eq!(also(odd), Verdict::Undetermined);
        }
    }

    #[test]
    fn near_miss_it_answers_alike_or_says_less() {
        let protocol = SecurityProtocols::HYBRID_EX;
        assert_eq!(also(X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0 })), Verdict::Healthy);
        assert_eq!(also(X224Answer::HeldOpen), Verdict::Healthy);
        assert_eq!(also(X224Answer::ClosedBeforeRequest(End::Fin)), Verdict::Healthy);
    }
}
