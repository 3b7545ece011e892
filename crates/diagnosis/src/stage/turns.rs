//! Questions that tell whether a client is refused, or whether the machines behind an address take turns: its request,
//! its hello and its first words behind TLS, once more in the turn of whoever took something else.

use evidence::fact::{Fact, Handshake, Introduction};
use evidence::{Because, Evidence};
use wire::machine::X224Answer;
use wire::tls::{Alert, NameSent, TlsOffer, TlsStack};

use super::connection_sequence::{ask, client_request, outcomes};
use super::setup::setups;
use crate::as_client::{taken_by_turns, whole_client_offer};
use crate::case::{Case, EVERYTHING, Seen};
use crate::need::{Again, Asking, Kind, Need, Of, Question};
use crate::tries::{only_started, outcome};
use crate::turns::{Turns, by_turns};

/// Most times that the same is asked to rule all cycles out.
pub const MOST: usize = 10;

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
    answered: |case, _| !setups_by_turns(case) && !started_by_turns(case),
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| setups_by_turns(case) || started_by_turns(case),
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

/// Returns the hello that tells next whether the machines behind one address take turns; `None` where that is known.
pub fn other_turn(case: Case<'_>) -> Option<TlsOffer> {
    let own = whole_client_offer(case);
    let as_client = |offer: TlsOffer| TlsOffer { stack: TlsStack::Own, ..offer } == own;
    let hellos = || case.tls().filter(|seen| seen.value.0.stack != TlsStack::Watched);
    let taken = || hellos().filter(|seen| outcome(case, seen) == Some(true)).map(|seen| seen.value.0);
    if taken().any(as_client) {
        return taken_by_turns(case).then_some(own);
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

/// True if machines that take turns explain why what a client says first behind TLS was broken off at first alone, as
/// well as a service that was only starting.
pub fn started_by_turns(case: Case<'_>) -> bool {
    let tries = setups(case);
    only_started(&tries) && by_turns(case, &tries)
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
mod tests;
