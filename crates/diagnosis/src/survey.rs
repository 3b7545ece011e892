//! The survey (`--thorough`): everything that a host accepts, in as few connections as possible.
//!
//! A host shows of each dimension only its choice. So each question leaves out what the host has chosen before: suites,
//! groups and signature algorithms are struck out together, and only what is then refused is asked for by itself. A
//! connection asks two things at once, because a Connection Request comes before the ClientHello: the sets of protocols
//! ride along with the hellos. The evidence tells what was asked, so the survey has no state of its own.

use std::time::Duration;

use evidence::fact;
use evidence::fact::{Fact, Handshake};
use wire::machine::{PathPlan, X224Answer};
use wire::tls::registry::{Codes, Registry};
use wire::tls::suite::{self, KeyExchange};
use wire::tls::{Groups, NameSent, Segments, Signatures, Suites, TlsOffer, TlsStack, TlsVersion, group, signature};
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::case::{Case, EVERYTHING, Seen};
use crate::need::{Kind, Need, Of, Question};
use crate::stage::connection_sequence;

/// Every protocol that can be requested.
const PROTOCOLS: SecurityProtocols = EVERYTHING.with(SecurityProtocols::RDSTLS).with(SecurityProtocols::RDSAAD);

static SURVEY: Kind = Kind {
    name: "survey",
    words: |_| "what it takes of all that can be offered".to_owned(),
    answered: |_, _| false,
    asking: None,
};

impl Need {
    /// Asks for everything that it accepts. No proof needs it; [`next`] puts the questions.
    pub const SURVEY: Self = Self::new(&SURVEY, Of::Nothing);
}

/// Unanswered sets after which no further one is asked for: each costs the time-out of its stage.
const SILENT: usize = 2;

/// Versions in the order of asking.
pub(crate) const VERSIONS: [TlsVersion; 4] =
    [TlsVersion::Tls13, TlsVersion::Tls12, TlsVersion::Tls11, TlsVersion::Tls10];

/// Returns the next question; `None` when all was asked, or the host no longer answers.
pub fn next(case: Case<'_>) -> Option<Question> {
    let tunnel = tunnel(case);
    let next = || VERSIONS.into_iter().find_map(|version| next_offer(case, version)).or_else(|| control(case));
    let offer = tunnel.and_then(|_| next());
    let set = next_request(case);
    let request = set.or(offer.and(tunnel))?;
    let question = Question {
        need: Need::SURVEY,
        request: Some(request),
        hold: Duration::ZERO,
        tls: offer,
        credssp: None,
        patient: None,
        settings: false,
        path: PathPlan::default(),
    };
    Some(if set.is_some() { connection_sequence::riding(case, question, tunnel.is_some()) } else { question })
}

/// Iterates over the answers to Connection Requests, of the survey and before it.
pub(crate) fn negotiations(case: Case<'_>) -> impl Iterator<Item = Seen<(SecurityProtocols, &X224Answer)>> {
    case.seen(|fact| match fact {
        Fact::SurveyedNegotiation { requested, answer } => Some((*requested, answer)),
        Fact::X224Answer { requested: Some(requested), answer: answer @ X224Answer::Server(_) } => {
            Some((*requested, answer))
        }
        _ => None,
    })
}

/// True if every set of protocols has been answered.
pub(crate) fn every_set_answered(case: Case<'_>) -> bool {
    (0..=PROTOCOLS.0).all(|set| negotiations(case).any(|seen| seen.value.0 == SecurityProtocols(set)))
}

/// Returns a set of protocols that leads to TLS.
pub(crate) fn tunnel(case: Case<'_>) -> Option<SecurityProtocols> {
    let leads = |answer: &X224Answer| matches!(answer, X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if protocol.tls());
    let mut sets = negotiations(case).filter(|seen| leads(seen.value.1)).map(|seen| seen.value.0);
    let first = sets.next()?;
    Some(if sets.any(|set| set == EVERYTHING) { EVERYTHING } else { first })
}

/// Returns the next set of protocols. Those that most likely lead to TLS come first, so that a hello rides along with
/// them.
fn next_request(case: Case<'_>) -> Option<SecurityProtocols> {
    let answers = || negotiations(case).map(|seen| seen.value);
    let speaks = answers().any(|(_, answer)| matches!(answer, X224Answer::Server(_)));
    let silent = answers().filter(|(_, answer)| matches!(answer, X224Answer::Silent | X224Answer::Incomplete(_)));
    if !speaks || silent.count() >= SILENT {
        return None;
    }
    let asked: Vec<_> = answers().map(|(set, _)| set).collect();
    let unasked = |set: &SecurityProtocols| !asked.contains(set) || connection_sequence::unasked(case, *set);
    let open = || (0..=PROTOCOLS.0).rev().map(SecurityProtocols).filter(unasked);
    let usual = |set: &SecurityProtocols| set.contains(SecurityProtocols::SSL.with(SecurityProtocols::HYBRID));
    let plain = |set: &SecurityProtocols| usual(set) && EVERYTHING.contains(*set);
    open().find(plain).or_else(|| open().find(usual)).or_else(|| open().next())
}

/// Hello of the survey, and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) offer: TlsOffer,
    pub(crate) answer: &'a Handshake,
    pub(crate) exchange: fact::KeyExchange,
}

/// Iterates over the survey's hellos for this version alone.
pub(crate) fn hellos(case: Case<'_>, version: TlsVersion) -> impl Iterator<Item = Asked<'_>> {
    all_hellos(case).filter(move |asked| (asked.offer.min, asked.offer.max) == (version, version))
}

/// Iterates over the survey's hellos.
fn all_hellos(case: Case<'_>) -> impl Iterator<Item = Asked<'_>> {
    let all = case.seen(|fact| match fact {
        Fact::SurveyedHandshake { offer, answer, exchange } => {
            Some(Asked { offer: *offer, answer, exchange: *exchange })
        }
        _ => None,
    });
    all.map(|seen| seen.value)
}

fn taken(asked: &Asked<'_>) -> bool {
    matches!(asked.answer, Handshake::Accepted { .. })
}

fn closed(asked: &Asked<'_>) -> bool {
    matches!(asked.answer, Handshake::Closed { .. })
}

/// Iterates over the hellos behind the last one that was taken.
fn since_taken(case: Case<'_>) -> impl Iterator<Item = Asked<'_>> {
    let last = all_hellos(case).enumerate().filter(|(_, asked)| taken(asked)).last();
    all_hellos(case).skip(last.map_or(0, |(place, _)| place + 1))
}

/// Returns what was taken last, where the host has hung up since: whoever has had enough of so many connections hangs
/// up on that as well.
fn control(case: Case<'_>) -> Option<TlsOffer> {
    let last = all_hellos(case).filter(taken).last()?.offer;
    let asked = since_taken(case).any(|asked| asked.offer == last);
    (since_taken(case).any(|asked| closed(&asked)) && !asked).then_some(last)
}

/// True if the host may hang up for another reason than what a hello offers: it took nothing any more since, or it took
/// what it hung up on.
pub(crate) fn hangs_up_on_all(case: Case<'_>) -> bool {
    let both = |asked: Asked<'_>| all_hellos(case).any(|other| other.offer == asked.offer && taken(&other));
    since_taken(case).any(|asked| closed(&asked)) || all_hellos(case).filter(closed).any(both)
}

/// Everything that a host has shown to accept in one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) suites: Suites,
    pub(crate) groups: Groups,
    pub(crate) signatures: Signatures,
}

impl Taken {
    pub(crate) fn of(case: Case<'_>, version: TlsVersion) -> Self {
        let mut taken = Self { suites: Codes::NONE, groups: Codes::NONE, signatures: Codes::NONE };
        for asked in hellos(case, version) {
            let Handshake::Accepted { version: Some(chosen), suite, .. } = asked.answer else { continue };
            if *chosen == version {
                taken.add(version, asked, *suite);
            }
        }
        taken
    }

    fn add(&mut self, version: TlsVersion, asked: Asked<'_>, suite: u16) {
        self.suites = self.suites.with(suite);
        self.groups = asked.exchange.group.map_or(self.groups, |group| self.groups.with(group));
        self.signatures = asked.exchange.signature.map_or(self.signatures, |code| self.signatures.with(code));
        // TLS 1.3 encrypts which one it accepts, so it is offered a single one
        let mut single = asked.offer.signatures.codes();
        if let (TlsVersion::Tls13, Some(code), None) = (version, single.next(), single.next()) {
            self.signatures = self.signatures.with(code);
        }
    }
}

/// Builds an offer of everything that a hello of this version can have.
fn wide(version: TlsVersion) -> TlsOffer {
    TlsOffer {
        stack: TlsStack::Own,
        min: version,
        max: version,
        segments: Segments::Whole,
        suites: Suites::ALL.only(|code| suite::exists_in(code, version)),
        groups: Groups::ALL.only(|code| version == TlsVersion::Tls13 || group::curve(code)),
        signatures: Signatures::ALL.only(|code| version != TlsVersion::Tls13 || signature::in_13(code)),
        name: NameSent::Typed,
    }
}

/// Returns the next hello of this version. No offer is made twice, and an accepted one changes the next; so this ends.
fn next_offer(case: Case<'_>, version: TlsVersion) -> Option<TlsOffer> {
    let first = wide(version);
    let answers: Vec<_> =
        hellos(case, version).filter(|asked| asked.offer == first).map(|asked| asked.answer).collect();
    match answers.as_slice() {
        // a close may be an accident, so it is asked once more
        [] | [Handshake::Closed { .. }] => return Some(first),
        [.., Handshake::Accepted { version: Some(chosen), .. }] if *chosen == version => {}
        _ => return None,
    }
    if hellos(case, version).any(|asked| matches!(asked.answer, Handshake::Silent { .. })) {
        return None;
    }
    candidates(case, version).into_iter().find(|offer| hellos(case, version).all(|asked| may_differ(*offer, asked)))
}

/// False if the answer to `offer` is known already: it was made, or one that includes it was refused.
fn may_differ(offer: TlsOffer, asked: Asked<'_>) -> bool {
    let part = offer.suites.without(asked.offer.suites).is_empty()
        && offer.groups.without(asked.offer.groups).is_empty()
        && offer.signatures.without(asked.offer.signatures).is_empty();
    let taken = matches!(asked.answer, Handshake::Accepted { .. });
    offer != asked.offer && (taken || !part)
}

/// Lists the offers that may show more, best first.
fn candidates(case: Case<'_>, version: TlsVersion) -> Vec<TlsOffer> {
    let (all, taken) = (wide(version), Taken::of(case, version));
    let suites = all.suites.without(taken.suites);
    let (groups, signatures) = (all.groups.without(taken.groups), all.signatures.without(taken.signatures));
    let mut offers = Vec::new();
    if !suites.is_empty() {
        let mut both = TlsOffer { suites, ..all };
        if !groups.is_empty() {
            both.groups = groups;
        }
        if version == TlsVersion::Tls12 && !signatures.is_empty() {
            both.signatures = signatures;
        }
        offers.extend([both, TlsOffer { suites, ..all }]);
    }
    if !groups.is_empty() {
        let suites =
            all.suites.only(|code| matches!(suite::key_exchange(code), KeyExchange::Ecdhe | KeyExchange::Other));
        offers.push(TlsOffer { suites, groups, ..all });
    }
    if version == TlsVersion::Tls12 && !signatures.is_empty() {
        let suites = all.suites.only(|code| matches!(suite::key_exchange(code), KeyExchange::Ecdhe | KeyExchange::Dhe));
        offers.push(TlsOffer { suites, signatures, ..all });
    }
    if version == TlsVersion::Tls13 {
        let fitting = all.signatures.only(|code| fits(case, code)).codes();
        offers.extend(fitting.map(|code| TlsOffer { signatures: Signatures::NONE.with(code), ..all }));
    }
    offers
}

/// True if a host with this certificate could sign like this (RFC 8446 section 4.2.3).
fn fits(case: Case<'_>, code: u16) -> bool {
    let key =
        case.last(|fact| if let Fact::CertificateKey(algorithm, bits) = fact { Some((algorithm, bits)) } else { None });
    let name = signature::name(code).unwrap_or_default();
    match key.map(|seen| (seen.value.0.as_str(), *seen.value.1)) {
        Some(("rsa", _)) => name.starts_with("rsa_pss_rsae"),
        Some(("ec", 256)) => name.starts_with("ecdsa_secp256r1"),
        Some(("ec", 384)) => name.starts_with("ecdsa_secp384r1"),
        Some(("ec", _)) => name.starts_with("ecdsa_secp521r1"),
        _ => true,
    }
}

/// Returns the registered names of these numbers.
pub(crate) fn names<R: Registry>(codes: Codes<R>) -> Vec<String> {
    let name = |code| wire::tls::registry::name::<R>(code).unwrap_or_default().to_owned();
    codes.codes().map(name).collect()
}

#[cfg(test)]
mod tests;
