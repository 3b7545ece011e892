//! The further questions of the stage `tls`: which hellos follow on a refusal, and the same ones again.

use evidence::fact::Handshake;
use wire::tls::{TlsOffer, TlsStack};

use super::{refused, speechless};
use crate::as_client::{client_hello_asked, client_suites_known, first_offer, server_name, tolerates_newest, tunnel};
use crate::case::Case;
use crate::mtu::answers_are_too_large;
use crate::need::{Again, Asking, Kind, Need, Of, Patience, Question};
use crate::tries::{COUNTED, settled, varied};

static PATIENT_HANDSHAKE: Kind = Kind {
    name: "patient-handshake",
    words: |_| "the answer to the same ClientHello, given more time".to_owned(),
    answered: |case, _| case.times(first_offer(case)) >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        // where small packets come through it is not patience that is wanted
        askable: |case, _| {
            let silent = case.tls_with(TlsOffer::MODERN).is_some_and(|seen| silent(seen.value));
            silent && !answers_are_too_large(case)
        },
        question: |_, _, all| Question { patient: Some(Patience::Handshake), ..all },
    }),
};

static OTHER_NAME: Kind = Kind {
    name: "other-name",
    words: |_| "the answer to a ClientHello with another server name, or with none".to_owned(),
    answered: |case, _| case.tls_with(other_name(case)).is_some(),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| {
            let refused = |offer| case.tls_with(offer).is_some_and(|seen| refused(seen.value));
            // whether an old version is all that it knows comes first
            refused(TlsOffer::MODERN) && refused(TlsOffer::PLAIN_12) && refused(TlsOffer::OLD)
        },
        question: |case, _, all| Question { tls: Some(other_name(case)), ..all.bare() },
    }),
};

static FINISHED_HANDSHAKE: Kind = Kind {
    name: "finished-handshake",
    words: |_| "whether the host finishes a handshake, and so proves its key".to_owned(),
    answered: |case, _| finished(case) || tunnel(case).is_some_and(|offer| case.tls_with(offer).is_some()),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| !finished(case) && client_hello_asked(case) && tunnel(case).is_some(),
        question: |case, _, all| Question { tls: tunnel(case).or(all.tls), ..all },
    }),
};

static FURTHER_HANDSHAKES: Kind = Kind {
    name: "further-handshakes",
    words: |_| "the answers to further ClientHellos, with pauses between them".to_owned(),
    answered: |case, _| varied(case).is_some() && settled(case),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| varied(case).is_some(),
        question: |case, _, all| Question { tls: varied(case).or(all.tls), ..all },
    }),
};

static REPEATED: Kind = Kind {
    name: "repeated",
    words: |_| "whether the same goes well each time, on more connections than this run made".to_owned(),
    answered: |case, _| case.tcp().count() >= COUNTED,
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| case.tls_accepted().is_some(),
        question: |case, _, all| Question { tls: tunnel(case).or(all.tls), ..all },
    }),
};

impl Need {
    /// Asks everything again. The planner puts it when nothing else is left: once, or a few times where somebody saw
    /// the host fail.
    pub const REPEATED: Self = Self::new(&REPEATED, Of::Nothing);
    /// Sends the first ClientHello, which was left without an answer, again, and gives it more time.
    pub const PATIENT_HANDSHAKE: Self = Self::new(&PATIENT_HANDSHAKE, Of::Nothing);
    /// Sends a ClientHello without the name that was typed or, where none was, with one.
    pub const OTHER_NAME: Self = Self::new(&OTHER_NAME, Of::Nothing);
    /// Finishes a handshake, so that the host proves its key.
    pub const FINISHED_HANDSHAKE: Self = Self::new(&FINISHED_HANDSHAKE, Of::Nothing);
    /// Sends a ClientHello again that was answered in two ways, until it is clear how often it fails.
    pub const FURTHER_HANDSHAKES: Self = Self::new(&FURTHER_HANDSHAKES, Of::Nothing);
}

/// True if a tunnel of ours was finished, or the host failed inside one.
pub(in crate::stage) fn finished(case: Case<'_>) -> bool {
    case.tls().any(|seen| match seen.value {
        (offer, Handshake::Accepted { finished: true, .. }) => offer.stack != TlsStack::Watched,
        (_, answer) => *answer == Handshake::WrongKey,
    })
}

/// Returns our own hello without the name that was typed or, where none was, with one.
fn other_name(case: Case<'_>) -> TlsOffer {
    if server_name(case.context).is_some() { TlsOffer::UNNAMED } else { TlsOffer::NAMED }
}

fn silent(answer: &Handshake) -> bool {
    matches!(answer, Handshake::Silent { .. })
}

/// True if this hello may follow on what is known of the others.
pub(super) fn askable(case: Case<'_>, offer: TlsOffer) -> bool {
    let answer = |offer| case.tls_with(offer).map(|seen| seen.value);
    if !case.selected().is_some_and(|seen| seen.value.tls()) {
        return false;
    }
    let Some(modern) = answer(TlsOffer::MODERN) else { return offer == TlsOffer::MODERN };
    if silent(modern) {
        return after_silence(case, offer);
    }
    if !refused(modern) {
        return false;
    }
    let plain = answer(TlsOffer::PLAIN_12);
    match offer {
        TlsOffer::PLAIN_12 => true,
        TlsOffer::OLD => plain.is_some_and(refused),
        TlsOffer::SPLIT_12 => speechless(modern) && plain.is_some_and(speechless),
        // what TLS 1.3 changes, where TLS 1.2 is taken
        TlsOffer::PLAIN_13 | TlsOffer::MODERN_12 => without_13(case),
        TlsOffer::WIDEST => matches!(modern, Handshake::Alert(_)) && plain.is_some_and(refused),
        TlsOffer::TOLERANT => case.context.capabilities.openssl && plain.is_some(),
        _ => false,
    }
}

fn without_13(case: Case<'_>) -> bool {
    let plain = case.tls_with(TlsOffer::PLAIN_12);
    let taken = plain.is_some_and(|seen| matches!(seen.value, Handshake::Accepted { .. }));
    taken && !tolerates_newest(case) && client_suites_known(case)
}

/// A slow host is given its time first; then one further hello tells a deaf host from a deaf path, an old one a host
/// that only knows old ones, and a whole one follows only where the cut one was heard.
fn after_silence(case: Case<'_>, offer: TlsOffer) -> bool {
    if case.times(first_offer(case)) < 2 {
        return false;
    }
    let cut = case.tls_with(TlsOffer::SPLIT_12).map(|seen| silent(seen.value));
    match offer {
        TlsOffer::SPLIT_12 => true,
        TlsOffer::OLD => cut == Some(true),
        TlsOffer::PLAIN_12 => cut == Some(false),
        TlsOffer::PLAIN_13 | TlsOffer::MODERN_12 => without_13(case),
        _ => false,
    }
}
