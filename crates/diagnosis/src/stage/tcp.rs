//! The stage `tcp`: the connection.

use evidence::printable::printable;
use evidence::telling::tcp_words;
use evidence::{Fact, Stage};
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};

use super::room::{Room, Whose};
use crate::case::{Case, Seen};
use crate::need::{Again, Asking, Kind, Need, Of};
use crate::stage::rung::{NOT_TRIED, Outcome, Rung, took};
use crate::tries::{counted, minded};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Tcp, of: Whose::Address, rung };

static TCP: Kind = Kind {
    name: "tcp",
    words: |_| "whether the port accepts a connection".to_owned(),
    answered: |case, _| case.tcp().next().is_some(),
    // the first connection answers it; a further one would say nothing new
    asking: Some(Asking { again: Again::Never, askable: |_, _| false, question: |_, _, all| all }),
};

static REFUSED_AGAIN: Kind = Kind {
    name: "refused-again",
    words: |_| "whether further connections are refused as well".to_owned(),
    answered: |case, _| case.tcp().count() >= REFUSALS,
    asking: Some(Asking {
        again: Again::Expected,
        askable: |case, _| {
            // refused by IPv6, a client goes on to the IPv4 address of the name
            let passed_by = case.name_typed() && case.who().address.is_some_and(|address| address.is_ipv6());
            !passed_by && case.tcp().count() < REFUSALS && tcp_only(case, is_refused)
        },
        // should another machine answer now, all is asked at once
        question: |_, _, all| all,
    }),
};

static CONNECTED_AGAIN: Kind = Kind {
    name: "connected-again",
    words: |_| "whether further connections are accepted, with pauses between them".to_owned(),
    answered: |case, _| case.tcp().any(|seen| is_refused(seen.value)) && counted(&connects(case)),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.tcp().any(|seen| is_refused(seen.value)) && !counted(&connects(case)),
        question: |_, _, all| all.bare(),
    }),
};

/// Refusals that tell a closed port from one of several machines behind an address.
const REFUSALS: usize = 3;

impl Need {
    /// Opens a connection.
    pub const TCP: Self = Self::new(&TCP, Of::Nothing);
    /// Opens further connections where the first was refused: behind one address another machine may take the next.
    pub const REFUSED_AGAIN: Self = Self::new(&REFUSED_AGAIN, Of::Nothing);
    /// Opens further connections where some were accepted and some refused, until it is clear how often.
    pub const CONNECTED_AGAIN: Self = Self::new(&CONNECTED_AGAIN, Of::Nothing);
}

/// True if the connection was refused.
pub fn is_refused(answer: &TcpAnswer) -> bool {
    *answer == TcpAnswer::Failed(ConnectFailure::Refused)
}

/// Tells of each connection whether it was accepted, but for the refusals that our own pace explains.
pub fn connects(case: Case<'_>) -> Vec<Seen<bool>> {
    let told = case.tcp().filter(|seen| *seen.value == TcpAnswer::Accepted || is_refused(seen.value));
    minded(case, told.map(|seen| Seen { value: !is_refused(seen.value), id: seen.id }).collect())
}

impl<'a> Case<'a> {
    /// Iterates over how its TCP connections went.
    pub fn tcp(self) -> impl Iterator<Item = Seen<&'a TcpAnswer>> + 'a {
        self.seen(|fact| if let Fact::TcpAnswer(answer) = fact { Some(answer) } else { None })
    }

    /// True if it accepted any TCP connection.
    pub fn tcp_accepted(self) -> bool {
        self.tcp().any(|seen| *seen.value == TcpAnswer::Accepted)
    }
}

/// True if no TCP connection to the subject ever succeeded, and `pick` takes the answer.
pub fn tcp_only(case: Case<'_>, pick: impl Fn(&TcpAnswer) -> bool) -> bool {
    let mut answers = case.tcp().peekable();
    answers.peek().is_some() && answers.all(|seen| pick(seen.value))
}

/// True if an address of the other family (IPv6 beside IPv4, or the reverse) and of the same name answers X.224. A
/// client that is refused at one goes on to the other at once.
pub fn other_family_answers(case: Case<'_>) -> bool {
    let Some(own) = case.who().address else { return false };
    let others = case.evidence.hosts().map(|subject| Case { subject, ..case });
    let mut others = others.filter(|other| {
        let who = other.who();
        who.name == case.who().name && who.address.is_some_and(|at| at.is_ipv6() != own.is_ipv6())
    });
    others.any(|other| other.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_))))
}

/// Says how many connections failed after one that was accepted; `None` if none did, or our own pace explains it.
fn lost_later(case: Case<'_>) -> Option<String> {
    if case.tcp().all(|seen| *seen.value == TcpAnswer::Accepted) {
        return None;
    }
    let answers = case.tcp().map(|seen| Seen { value: *seen.value == TcpAnswer::Accepted, id: seen.id });
    let tries = minded(case, answers.skip_while(|seen| !seen.value).collect());
    let lost = tries.iter().filter(|seen| !seen.value).count();
    (lost > 0).then(|| format!("accepted, but {lost} of {} connections were not", tries.len()))
}

fn rung(case: Case<'_>) -> Option<Rung> {
    if let Some(text) = lost_later(case) {
        return Some((Outcome::Degraded, None, text));
    }
    let accepted = case.tcp().find(|seen| *seen.value == TcpAnswer::Accepted);
    let seen = accepted.or_else(|| case.tcp().next())?;
    let outcome = match seen.value {
        TcpAnswer::Accepted => Outcome::Passed,
        // a computer without IPv6 goes on to the IPv4 address, and so does a client
        TcpAnswer::Failed(ConnectFailure::NetworkUnreachable) if case.another_address_answers() => Outcome::Skipped,
        TcpAnswer::Failed(ConnectFailure::Refused) if other_family_answers(case) => Outcome::Skipped,
        // this computer's own refusal (no rights, no such address family) says nothing about the host
        TcpAnswer::Failed(ConnectFailure::Other(error)) => {
            return Some((Outcome::Skipped, None, format!("{NOT_TRIED}: {}", printable(error))));
        }
        _ => Outcome::Failed,
    };
    Some((outcome, took(case, seen.id), tcp_words(seen.value).to_owned()))
}
