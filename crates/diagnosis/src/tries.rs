//! Questions put several times: whether a host's answers are its own, or a matter of chance.

use std::time::Duration;

use evidence::fact::Handshake;
use wire::tls::{TlsOffer, TlsStack, TlsVersion};

use crate::as_client::{first_offer, named_by_rustls};
use crate::case::{Case, Seen};

/// True for anything that is no acceptance, where the fault is not ours.
fn refused_or_silent(answer: &Handshake) -> bool {
    !matches!(answer, Handshake::Accepted { .. } | Handshake::OwnFailure(_))
}

/// How long an answer took.
fn took(case: Case<'_>, id: usize) -> Duration {
    case.evidence.observations[id - 1].took.unwrap_or_default()
}

/// Took or refused; `None` for what says neither, and for a silence that was shorter than the slowest answer: slow is
/// not lost.
fn outcome(case: Case<'_>, seen: &Seen<(TlsOffer, &Handshake)>) -> Option<bool> {
    let taken = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. });
    if taken(seen.value.1) {
        return Some(true);
    }
    let slowest = case.tls().filter(|seen| taken(seen.value.1)).map(|seen| took(case, seen.id)).max();
    let impatient = matches!(seen.value.1, Handshake::Silent { .. }) && slowest > Some(took(case, seen.id));
    (refused_or_silent(seen.value.1) && !impatient).then_some(false)
}

/// A hello that it has both taken and refused, or that it ended without a word although it takes all that is in it.
pub fn varied(case: Case<'_>) -> Option<TlsOffer> {
    let outcomes = || case.tls().filter_map(move |seen| Some((seen.value.0, outcome(case, &seen)?)));
    let taken = |offer| outcomes().any(|(other, up)| up && other == offer);
    let refused = || outcomes().filter(|(offer, up)| !up && offer.stack != TlsStack::Watched).map(|(offer, _)| offer);
    refused().find(|offer| taken(*offer)).or_else(|| contradicted(case))
}

/// The first hello, where it was ended without a word twice, and the host chose of another one what was in it as well.
fn contradicted(case: Case<'_>) -> Option<TlsOffer> {
    let modern = first_offer(case);
    let answers: Vec<_> = case.tls().filter(|seen| seen.value.0 == modern).collect();
    let wordless = answers.iter().all(|seen| matches!(seen.value.1, Handshake::Closed { bytes: 0, .. }));
    let shared = case.tls().any(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(TlsVersion::Tls13), .. }) => offer.name == modern.name,
        _ => false,
    });
    let alike = shared && modern.max == TlsVersion::Tls13 && named_by_rustls(case);
    (answers.len() > 1 && wordless && alike).then_some(modern)
}

/// Every answer to a hello that the host has taken at least once, in order: true where it took it.
pub fn takings(case: Case<'_>) -> Vec<Seen<bool>> {
    let told: Vec<(TlsOffer, Seen<bool>)> = case
        .tls()
        .filter_map(|seen| Some((seen.value.0, Seen { value: outcome(case, &seen)?, id: seen.id })))
        .collect();
    let good = |offer| told.iter().any(|(other, seen)| seen.value && *other == offer);
    told.iter().filter(|(offer, _)| good(*offer)).map(|(_, seen)| *seen).collect()
}

/// True if this hello was sent twice in a row. Of machines that take turns behind one address, the same one never
/// answers both.
pub fn twice_in_a_row(case: Case<'_>, offer: TlsOffer) -> bool {
    let sent: Vec<TlsOffer> = case.tls().map(|seen| seen.value.0).collect();
    sent.windows(2).any(|pair| pair.iter().all(|hello| *hello == offer))
}

/// How many of the last tries must have gone well before a host that failed at first is taken for one that was
/// starting.
const STEADY: usize = 3;
/// How many tries tell how often a host fails.
const COUNTED: usize = 6;

/// True if it is clear whether the host was only starting: it failed after a success and was asked often enough, or
/// went on well.
pub fn settled(case: Case<'_>) -> bool {
    if let Some(offer) = contradicted(case) {
        return case.times(offer) >= COUNTED;
    }
    let takings = takings(case);
    let first = takings.iter().position(|seen| seen.value).unwrap_or(takings.len());
    let failed_later = takings.iter().skip(first).any(|seen| !seen.value);
    let steady = takings.iter().rev().take_while(|seen| seen.value).count() >= STEADY;
    if failed_later { takings.len() >= COUNTED } else { steady }
}

/// True if no hello that it has taken was refused later: what it makes of another hello is no chance.
pub fn steady(case: Case<'_>) -> bool {
    let takings = takings(case);
    takings.iter().skip_while(|seen| !seen.value).all(|seen| seen.value)
}
