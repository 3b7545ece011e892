//! The stage `tls`: the handshake.

mod further;

use evidence::Stage;
use evidence::fact::{Fact, Handshake};
use wire::machine::Ended;
use wire::stage::instead_of_tls;
use wire::tls::{Alert, NameSent, Segments, TlsOffer, TlsStack, TlsVersion};

use self::further::askable;
pub(super) use self::further::finished;
use super::room::{Room, Whose};
use crate::as_client::{
    chose_of_first, client_offer, client_suites_known, client_versions, client_versions_known, first_offer,
    last_as_client, refused_as_client, taken_alike, taken_as_client, taken_by_turns,
};
use crate::case::{Case, Seen};
use crate::need::{Again, Asked, Asking, Kind, Need, Of, Question};
use crate::stage::rung::{Outcome, Rung, took};
use crate::tries::{takings, twice_in_a_row};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Tls, of: Whose::Address, rung };

static DIRECT_TLS: Kind = Kind {
    name: "direct-tls",
    words: |_| "whether the port speaks TLS without X.224".to_owned(),
    answered: |case, _| case.tls_direct().next().is_some(),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| super::x224::closed(case) && Need::negotiation(Asked::StandardOnly).answered(case),
        question: |_, _, all| Question { request: None, tls: Some(TlsOffer::PLAIN_12), ..all.bare() },
    }),
};

static HANDSHAKE: Kind = Kind {
    name: "handshake",
    words: |of| format!("the answer to a ClientHello ({})", of.hello()),
    // the first hello is there for what any will do for
    answered: |case, of| {
        case.tls_with(of.hello()).is_some() || of.hello() == TlsOffer::MODERN && case.tls_watched().next().is_some()
    },
    asking: Some(Asking { again: Again::Never, askable: |case, of| askable(case, of.hello()), question: with_hello }),
};

static HANDSHAKE_AGAIN: Kind = Kind {
    name: "handshake-again",
    words: |of| format!("the answer to the same ClientHello ({}), after a pause", of.hello()),
    answered: |case, of| match of.hello() {
        TlsOffer::PLAIN_13 => twice_in_a_row(case, TlsOffer::PLAIN_13),
        _ => case.times(put(case, of)) >= 2,
    },
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, of| {
            // without a word: it may have been the moment. Only where another hello went through does it matter. And
            // one that differs from a taken one in its version alone may have met another host, whatever it was told;
            // so may the first one, where version and suite of the taken one were in it as well, and one that differs
            // in its server name alone
            let again = |answer: &Handshake| match answer {
                Handshake::Closed { .. } => true,
                Handshake::Silent { .. } => of.hello() != TlsOffer::MODERN,
                Handshake::Alert(_) if of.hello() == TlsOffer::MODERN => chose_of_first(case),
                Handshake::Alert(_) if of.hello() == TlsOffer::PLAIN_12 => taken_by_another_name(case),
                Handshake::Alert(_) => of.hello() == TlsOffer::PLAIN_13,
                _ => false,
            };
            case.tls_with(of.hello()).is_some_and(|seen| again(seen.value))
                && case.tls().any(|seen| accepted(seen.value.1))
        },
        question: with_hello,
    }),
};

static CLIENT_VERSIONS: Kind = Kind {
    name: "client-versions",
    words: |_| "the answer to the TLS versions of this client".to_owned(),
    answered: |case, _| client_versions_known(case),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| case.tls_accepted().is_some(),
        // the client's own hello, if accepted, answers both at once
        question: |case, of, all| {
            if case.tls_with(client_offer(case)).is_some() {
                Question { tls: Some(client_versions(case)), ..all.bare() }
            } else {
                as_client(case, of, all)
            }
        },
    }),
};

static CLIENT_SUITES: Kind = Kind {
    name: "client-suites",
    words: |_| "the answer to the TLS suites of this client".to_owned(),
    answered: |case, _| client_suites_known(case),
    asking: Some(Asking { again: Again::Never, askable: |case, _| taken_alike(case).is_some(), question: as_client }),
};

static CLIENT_SUITES_AGAIN: Kind = Kind {
    name: "client-suites-again",
    words: |_| "the answer to the TLS suites of this client, after a pause".to_owned(),
    answered: |case, _| twice_in_a_row(case, client_offer(case)),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.tls_with(client_offer(case)).is_some_and(|seen| refused(seen.value)),
        question: as_client,
    }),
};

impl Need {
    /// Asks whether it speaks TLS without X.224.
    pub const DIRECT_TLS: Self = Self::new(&DIRECT_TLS, Of::Nothing);
    /// Offers the TLS versions of the client profile.
    pub const CLIENT_VERSIONS: Self = Self::new(&CLIENT_VERSIONS, Of::Nothing);
    /// Offers the TLS suites of the client profile.
    pub const CLIENT_SUITES: Self = Self::new(&CLIENT_SUITES, Of::Nothing);
    /// Offers them again after a pause, where it ended the connection without a word.
    pub const CLIENT_SUITES_AGAIN: Self = Self::new(&CLIENT_SUITES_AGAIN, Of::Nothing);

    /// Sends this ClientHello.
    pub const fn handshake(offer: TlsOffer) -> Self {
        Self::new(&HANDSHAKE, Of::Hello(offer))
    }

    /// Sends this ClientHello, which it ended the connection on, again after a pause.
    pub const fn handshake_again(offer: TlsOffer) -> Self {
        Self::new(&HANDSHAKE_AGAIN, Of::Hello(offer))
    }
}

/// Returns the hello that is put for one; the first has the versions of the client.
fn put(case: Case<'_>, of: Of) -> TlsOffer {
    if of.hello() == TlsOffer::MODERN { first_offer(case) } else { of.hello() }
}

fn with_hello(case: Case<'_>, of: Of, all: Question) -> Question {
    let offer = put(case, of);
    Question { tls: Some(offer), credssp: all.credssp.filter(|_| offer.stack != TlsStack::Own), ..all }
}

fn as_client(case: Case<'_>, _: Of, all: Question) -> Question {
    Question { tls: Some(client_offer(case)), ..all.bare() }
}

/// Suites in which the client encrypts to the host's key: until then the host has not used it.
const RSA_KEY_EXCHANGE: [u16; 9] = [0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A, 0x0005, 0x0004];

impl<'a> Case<'a> {
    /// Iterates over how handshakes behind X.224 went.
    pub fn tls(self) -> impl Iterator<Item = Seen<(TlsOffer, &'a Handshake)>> + 'a {
        self.seen(|fact| match fact {
            Fact::TlsAnswer { offer, direct: false, answer } => Some((*offer, answer)),
            _ => None,
        })
    }

    /// Iterates over how handshakes without X.224 went that we began. Those of others are ignored: no client of Remote
    /// Desktop has to begin like this, and no host has to answer.
    pub fn tls_direct(self) -> impl Iterator<Item = Seen<&'a Handshake>> + 'a {
        let direct = self.seen(|fact| match fact {
            Fact::TlsAnswer { direct: true, answer, .. } => Some(answer),
            _ => None,
        });
        direct.filter(move |seen| !self.watched(seen.id))
    }

    /// Returns how the handshake with exactly this offer went.
    pub fn tls_with(self, offer: TlsOffer) -> Option<Seen<&'a Handshake>> {
        let last = |offer| self.tls().filter(move |seen| seen.value.0 == offer).last();
        // the first hello has the versions of the client for whom we judge
        let shaped = if offer == TlsOffer::MODERN { first_offer(self) } else { offer };
        last(shaped).or_else(|| last(offer)).map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// Returns how often it was asked with exactly this offer.
    pub fn times(self, offer: TlsOffer) -> usize {
        self.tls().filter(|seen| seen.value.0 == offer).count()
    }

    /// Returns that it asked for a client certificate inside the handshake, if it did.
    pub fn certificate_requested(self) -> Option<Seen<()>> {
        self.last(|fact| matches!(fact, Fact::ClientCertificateRequested).then_some(()))
    }

    /// Returns how it ended the last connection behind a finished handshake by itself, if it did.
    pub fn ended_behind_tls(self) -> Option<Seen<Ended>> {
        self.last(|fact| if let Fact::EndedBehindTls(ended) = fact { Some(*ended) } else { None })
    }

    /// Iterates over how the handshakes of captured clients went.
    pub fn tls_watched(self) -> impl Iterator<Item = Seen<(TlsOffer, &'a Handshake)>> + 'a {
        self.tls().filter(|seen| seen.value.0.stack == TlsStack::Watched)
    }

    /// Returns the first handshake that the host accepted.
    pub fn tls_accepted(self) -> Option<Seen<TlsVersion>> {
        self.tls().find_map(|seen| match seen.value {
            // with another name it may be another host
            (offer, Handshake::Accepted { version: Some(version), .. }) if offer.name == NameSent::Typed => {
                Some(Seen { value: *version, id: seen.id })
            }
            _ => None,
        })
    }

    /// Returns the observation that shows that the host does not speak `version`: it refused a hello that offered it
    /// with every usual suite, or chose an older version.
    pub fn tls_refused(self, version: TlsVersion) -> Option<Seen<&'a Handshake>> {
        let refusal = |offer: TlsOffer, answer: &Handshake| match answer {
            // something on the path may drop whole hellos instead of the host
            Handshake::Closed { .. } if self.only_cut_hellos_pass() => false,
            // whichever suites the client has: the alert says that it is the version
            Handshake::Alert(alert) if offer.stack == TlsStack::Watched => {
                alert.description == Alert::PROTOCOL_VERSION && offer.offers(version)
            }
            // Windows of old leaves a hello that it does not know alone; asked twice, it is no slow host
            Handshake::Silent { bytes: 0 } => offer.offers(version) && self.times(offer) >= 2,
            // rustls lacks suites that old hosts need; its refusal says nothing about 1.2
            Handshake::Alert(_) | Handshake::Closed { .. } => {
                offer.offers(version)
                    && offer.wide()
                    && (offer.stack != TlsStack::Rustls || version == TlsVersion::Tls13)
            }
            Handshake::Accepted { version: Some(chosen), .. } => *chosen < version && version <= offer.max,
            _ => false,
        };
        let found = self.tls().find(|seen| refusal(seen.value.0, seen.value.1));
        found.map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// True if it answered a ClientHello that was cut into pieces, and no whole one.
    pub fn only_cut_hellos_pass(self) -> bool {
        let answered = |segments| {
            let tls = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. } | Handshake::Alert(_));
            self.tls().any(move |seen| seen.value.0.segments == segments && tls(seen.value.1))
        };
        answered(Segments::FirstByteAlone) && !answered(Segments::Whole)
    }
}

/// True if a host that answered like this has used the private key of its certificate.
pub fn uses_key(answer: &Handshake) -> bool {
    match answer {
        Handshake::Accepted { finished, suite, .. } => *finished || !RSA_KEY_EXCHANGE.contains(suite),
        _ => false,
    }
}

/// True if it took a hello with another server name than the client's.
fn taken_by_another_name(case: Case<'_>) -> bool {
    case.tls().any(|seen| accepted(seen.value.1) && seen.value.0.name != NameSent::Typed)
}

fn accepted(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Accepted { .. })
}

/// True for a refusal about which another hello may tell more.
pub(super) fn refused(answer: &Handshake) -> bool {
    !matches!(answer, Handshake::Accepted { .. } | Handshake::Silent { .. })
}

/// True for an answer as a host gives it that cannot use its private key.
pub fn speechless(answer: &Handshake) -> bool {
    match answer {
        Handshake::Closed { bytes, .. } => *bytes == 0,
        Handshake::Alert(alert) => alert.description == Alert::INTERNAL_ERROR,
        _ => false,
    }
}

fn rung(case: Case<'_>) -> Option<Rung> {
    let Some(first) = case.tls().next() else {
        let without = case.selected().map_or_else(|| case.watched_without_tls(), |selected| !selected.value.tls());
        let without = without.then(|| (Outcome::Skipped, None, "the host did not choose TLS".to_owned()));
        return without.or_else(|| tls_at_once(case));
    };
    let finished = case.tls().find(|seen| matches!(seen.value.1, Handshake::Accepted { finished: true, .. }));
    // a hello that passes only when cut does not show that a client's would
    let whole = |offer: TlsOffer| offer.segments == Segments::Whole;
    let accepted = case.tls().find(|seen| whole(seen.value.0) && matches!(seen.value.1, Handshake::Accepted { .. }));
    // what one of our stacks calls a broken protocol, a client may refuse as well, whatever a more tolerant one says
    let broken = case
        .tls()
        .find(|seen| matches!(seen.value.1, Handshake::Malformed(_) | Handshake::NotTls(_) | Handshake::WrongKey));
    let best = broken.or(finished).or(accepted).unwrap_or(first);
    // what the client itself would hear decides, whatever another hello gets
    if let Some(own) = last_as_client(case).filter(|_| taken_as_client(case).is_none())
        && let Some(refusal) = own.value.refusal()
    {
        // where no hello is taken there is nothing that this one differs from
        let text = match finished.or(accepted) {
            Some(_) => format!("the hello of {} was {refusal}", case.context.profile.name),
            None => refusal,
        };
        return Some((Outcome::Failed, took(case, own.id), text));
    }
    let (outcome, text) = match best.value.1 {
        // any client speaks first there: none gets further
        Handshake::Accepted { finished: true, .. } if case.ended_behind_tls().is_some() => {
            let ended = case.ended_behind_tls().map(|seen| match seen.value {
                Ended::Closed(end) => end.verb().to_owned(),
                Ended::Alert(alert) => format!("ended with {alert}"),
            });
            let text = format!("{}, then {} at once", accepted_words(best.value.1), ended.unwrap_or_default());
            (Outcome::Failed, text)
        }
        Handshake::Accepted { .. } => {
            let text = accepted_words(best.value.1);
            // whoever answers by turns, or was only starting: one more client may meet what failed
            let takings = takings(case);
            let failed = takings.iter().filter(|seen| !seen.value).count();
            if failed > 0 {
                let text = format!("{text}, but {failed} of {} equal handshakes failed", takings.len());
                (Outcome::Degraded, text)
            } else if refused_as_client(case) {
                (
                    Outcome::Degraded,
                    format!("{text}, but the hello of {} was refused as well", case.context.profile.name),
                )
            } else if taken_by_turns(case) {
                let text =
                    format!("{text}, but a hello of the same versions was refused: another machine may have been met");
                (Outcome::Degraded, text)
            } else if client_speaks(case) && (finished.is_some() || best.value.0.stack == TlsStack::Watched) {
                (Outcome::Passed, text)
            } else if client_speaks(case) {
                (Outcome::Degraded, text)
            } else {
                let client = &case.context.profile;
                (
                    Outcome::Degraded,
                    format!("{text}; nothing seen with {}, which {} needs", client.versions_text(), client.name),
                )
            }
        }
        refused => (Outcome::Failed, refused_words(refused)),
    };
    Some((outcome, took(case, best.id), text))
}

/// Describes a captured ClientHello without X.224 before it: it says nothing about clients that negotiate.
fn tls_at_once(case: Case<'_>) -> Option<Rung> {
    let direct = case.last(|fact| match fact {
        Fact::TlsAnswer { direct: true, answer, .. } => Some(answer),
        _ => None,
    });
    let seen = direct.filter(|seen| case.watched(seen.id))?;
    let words = match seen.value {
        Handshake::Accepted { .. } => accepted_words(seen.value),
        refused => refused_words(refused),
    };
    let text = format!("a client began with TLS, which no host has to answer: {words}");
    Some((Outcome::Skipped, took(case, seen.id), text))
}

/// Summarises an accepted handshake; empty if it was not accepted.
pub(crate) fn accepted_words(answer: &Handshake) -> String {
    let Handshake::Accepted { version, suite, finished } = answer else { return String::new() };
    let version = version.map_or("older than TLS 1.0".to_owned(), |version| version.to_string());
    let note = if *finished { "" } else { ", handshake not finished" };
    format!("{version}, suite {suite:#06x}{note}")
}

/// Says for a reason that an alert refused a handshake.
pub(crate) fn refused_with(alert: Alert) -> String {
    format!("refused with {alert}")
}

/// Summarises a refused handshake; empty if it was accepted.
pub(crate) fn refused_words(answer: &Handshake) -> String {
    match answer {
        Handshake::Accepted { .. } => String::new(),
        Handshake::WrongKey => "signed with another key than that of its certificate".to_owned(),
        Handshake::Alert(alert) => alert.to_string(),
        Handshake::Closed { end, bytes: 0 } => format!("{} without an answer", end.verb()),
        Handshake::Closed { end, bytes } => format!("{} after {bytes} bytes", end.verb()),
        Handshake::Silent { bytes } => format!("no whole answer in time ({bytes} bytes)"),
        Handshake::NotTls(bytes) => instead_of_tls(bytes),
        Handshake::Malformed(words) => words.clone(),
        Handshake::OwnFailure(words) => format!("our own failure: {words}"),
    }
}

/// True if the host accepted a version that the client speaks.
fn client_speaks(case: Case<'_>) -> bool {
    case.tls().any(|seen| match seen.value.1 {
        Handshake::Accepted { version: Some(version), .. } => case.context.profile.speaks(*version),
        _ => false,
    })
}
