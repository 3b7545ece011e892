//! The survey against invented hosts, of which everything is known.

use evidence::fact::KeyExchange as Shown;
use proptest::prelude::*;
use wire::tls::Alert;
use wire::x224::NegotiationFailure;

use super::*;
use crate::sketch::{Sketch, host};

/// Host with an RSA key. It takes the first of its own list that the client offers.
#[derive(Debug, Clone)]
struct Model {
    versions: Vec<TlsVersion>,
    suites: Vec<u16>,
    groups: Vec<u16>,
    signatures: Vec<u16>,
}

impl Model {
    fn group(&self, offer: TlsOffer) -> Option<u16> {
        let fits = |code: &u16| offer.max == TlsVersion::Tls13 || group::curve(*code);
        self.groups.iter().copied().filter(fits).find(|code| offer.groups.contains(*code))
    }

    fn signature(&self, offer: TlsOffer) -> Option<u16> {
        let fits = |code: &u16| match offer.max {
            TlsVersion::Tls13 => signature::name(*code).unwrap().starts_with("rsa_pss_rsae"),
            _ => signature::name(*code).unwrap().starts_with("rsa_"),
        };
        self.signatures.iter().copied().filter(fits).find(|code| offer.signatures.contains(*code))
    }

    fn usable(&self, code: u16, offer: TlsOffer) -> bool {
        let signs = offer.max < TlsVersion::Tls12 || self.signature(offer).is_some();
        let ecdsa = suite::name(code).unwrap().contains("ECDSA");
        !ecdsa
            && match suite::key_exchange(code) {
                KeyExchange::Ecdhe | KeyExchange::Other => signs && self.group(offer).is_some(),
                KeyExchange::Dhe => signs,
                KeyExchange::Rsa => true,
            }
    }

    fn answer(&self, offer: TlsOffer) -> (Handshake, Shown) {
        let taken = |code: &u16| {
            offer.suites.contains(*code) && suite::exists_in(*code, offer.max) && self.usable(*code, offer)
        };
        let chosen = self.suites.iter().copied().find(taken).filter(|_| self.versions.contains(&offer.max));
        let Some(suite) = chosen else {
            return (Handshake::Alert(Alert { level: 2, description: Alert::HANDSHAKE_FAILURE }), Shown::default());
        };
        let exchange = suite::key_exchange(suite);
        let signed = offer.max == TlsVersion::Tls12 && exchange != KeyExchange::Rsa;
        let grouped = matches!(exchange, KeyExchange::Ecdhe | KeyExchange::Other);
        let shown = Shown {
            group: self.group(offer).filter(|_| grouped),
            signature: self.signature(offer).filter(|_| signed),
            prime_bits: (exchange == KeyExchange::Dhe).then_some(2048),
        };
        (Handshake::Accepted { version: Some(offer.max), suite, finished: false }, shown)
    }
}

/// Selects the strongest protocol of TLS and CredSSP that is requested, never the others.
fn negotiate(requested: SecurityProtocols) -> ServerAnswer {
    let known = [SecurityProtocols::HYBRID_EX, SecurityProtocols::HYBRID, SecurityProtocols::SSL];
    match known.into_iter().find(|protocol| requested.contains(*protocol)) {
        Some(protocol) => ServerAnswer::Selected { protocol, flags: 0x1F },
        None => ServerAnswer::Failure(NegotiationFailure::SSL_REQUIRED_BY_SERVER),
    }
}

/// Surveys to the end; returns the connections that took.
fn survey(model: &Model) -> (Sketch, usize) {
    let mut sketch = host("192.0.2.7").nla().with(Fact::CertificateKey("rsa".to_owned(), 2048));
    for connections in 0..400 {
        let Some(question) = sketch.with_case(next) else { return (sketch, connections) };
        let requested = question.request.unwrap();
        let answer = negotiate(requested);
        let tls = matches!(answer, ServerAnswer::Selected { .. });
        sketch = sketch.with(Fact::SurveyedNegotiation { requested, answer: X224Answer::Server(answer) });
        if let (true, Some(offer)) = (tls, question.tls) {
            assert!(!offer.suites.is_empty() && !offer.groups.is_empty() && !offer.signatures.is_empty());
            let (answer, exchange) = model.answer(offer);
            sketch = sketch.with(Fact::SurveyedHandshake { offer, answer, exchange });
        }
    }
    panic!("the survey does not end");
}

fn some(known: &'static [(u16, &'static str)]) -> impl Strategy<Value = Vec<u16>> {
    let codes: Vec<u16> = known.iter().map(|(code, _)| *code).collect();
    let count = codes.len();
    proptest::sample::subsequence(codes, 0..=count).prop_shuffle()
}

fn model() -> impl Strategy<Value = Model> {
    let versions = proptest::sample::subsequence(VERSIONS.to_vec(), 0..=4);
    (versions, some(&suite::KNOWN), some(&group::KNOWN), some(&signature::KNOWN))
        .prop_map(|(versions, suites, groups, signatures)| Model { versions, suites, groups, signatures })
}

/// Returns what the model accepts in a version, from its definition.
fn truth(model: &Model, version: TlsVersion) -> Taken {
    let all = wide(version);
    let suites = all.suites.only(|code| {
        let alone = TlsOffer { suites: Codes::NONE.with(code), ..all };
        matches!(model.answer(alone).0, Handshake::Accepted { .. })
    });
    let shows = |code| suite::key_exchange(code) != KeyExchange::Rsa;
    let grouped = |code: u16| shows(code) && suite::key_exchange(code) != KeyExchange::Dhe;
    let groups = all.groups.only(|code| model.groups.contains(&code) && suites.codes().any(grouped));
    let mut signatures = Codes::NONE;
    for code in all.signatures.codes() {
        let alone = TlsOffer { signatures: Signatures::NONE.with(code), suites: suites.only(shows), ..all };
        if version >= TlsVersion::Tls12 && matches!(model.answer(alone).0, Handshake::Accepted { .. }) {
            signatures = signatures.with(code);
        }
    }
    Taken { suites, groups, signatures }
}

proptest! {
    #[test]
    fn everything_is_found_and_nothing_else(model in model()) {
        let (sketch, connections) = survey(&model);
        let mut needed = 0;
        for version in VERSIONS {
            let (found, truth) = (sketch.with_case(|case| Taken::of(case, version)), truth(&model, version));
            prop_assert_eq!(found, truth, "{}", version);
            needed += truth.suites.codes().count() + truth.groups.codes().count() + truth.signatures.codes().count();
        }
        // what is taken costs one at most, what is refused is asked once in each dimension, and signatures of 1.3 one
        // by one; the sets of protocols ride along, but for the four that do not lead to TLS
        prop_assert!(connections <= 31.max(needed + 4 * 4 + 3) + 4, "{} of {}", connections, needed);
    }
}

#[test]
fn a_host_without_tls_is_only_asked_for_protocols() {
    let refuses = || X224Answer::Server(ServerAnswer::Failure(NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER));
    let mut sketch = host("192.0.2.7").accepted().x224(EVERYTHING, refuses());
    let mut count = 0;
    while let Some(question) = sketch.with_case(next) {
        assert_eq!(question.tls, None);
        count += 1;
        let requested = question.request.unwrap();
        sketch = sketch.with(Fact::SurveyedNegotiation { requested, answer: refuses() });
    }
    assert_eq!(count, 31, "one of the 32 sets was asked for before");
}

#[test]
fn a_host_that_does_not_speak_is_not_surveyed() {
    let silent = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Silent);
    assert_eq!(silent.with_case(next), None);
}

#[test]
fn silence_ends_the_sets_and_a_version() {
    let mut sketch = host("192.0.2.7").nla();
    for set in [SecurityProtocols::RDSAAD, SecurityProtocols::RDSTLS] {
        sketch = sketch.with(Fact::SurveyedNegotiation { requested: set, answer: X224Answer::Silent });
    }
    let question = sketch.with_case(next).unwrap();
    assert_eq!((question.request, question.tls), (Some(EVERYTHING), Some(wide(TlsVersion::Tls13))));
    let silent = Handshake::Silent { bytes: 0 };
    let sketch = sketch.with(Fact::SurveyedHandshake {
        offer: wide(TlsVersion::Tls13),
        answer: silent,
        exchange: Shown::default(),
    });
    assert_eq!(sketch.with_case(next).unwrap().tls, Some(wide(TlsVersion::Tls12)));
}

#[test]
fn a_close_is_asked_once_more() {
    let closed = || Fact::SurveyedHandshake {
        offer: wide(TlsVersion::Tls13),
        answer: Handshake::Closed { end: wire::machine::End::Rst, bytes: 0 },
        exchange: Shown::default(),
    };
    let once = host("192.0.2.7").nla().with(closed());
    assert_eq!(once.with_case(next).unwrap().tls, Some(wide(TlsVersion::Tls13)));
    assert_eq!(once.with(closed()).with_case(next).unwrap().tls, Some(wide(TlsVersion::Tls12)));
}

/// Surveys a host of TLS 1.2 that hangs up on what it does not take, and on every hello from one on.
fn surveyed(hangs_up_from: usize) -> crate::ladder::Survey {
    let (closed, rsa) = (Handshake::Closed { end: wire::machine::End::Rst, bytes: 0 }, vec![0x0804, 0x0401]);
    let (suites, groups) = (vec![0xC030, 0xC02F, 0x009D], vec![0x001D]);
    let model = Model { versions: vec![TlsVersion::Tls12], suites, groups, signatures: rsa };
    let mut sketch = host("192.0.2.7").nla().with(Fact::CertificateKey("rsa".to_owned(), 2048));
    let mut hellos = 0;
    for _ in 0..400 {
        let Some(question) = sketch.with_case(next) else { break };
        let requested = question.request.unwrap();
        let answer = negotiate(requested);
        let tls = matches!(answer, ServerAnswer::Selected { .. });
        sketch = sketch.with(Fact::SurveyedNegotiation { requested, answer: X224Answer::Server(answer) });
        if let (true, Some(offer)) = (tls, question.tls) {
            hellos += 1;
            let (answer, exchange) = match model.answer(offer) {
                (Handshake::Accepted { .. }, _) if hellos >= hangs_up_from => (closed.clone(), Shown::default()),
                (Handshake::Alert(_), _) => (closed.clone(), Shown::default()),
                taken => taken,
            };
            sketch = sketch.with(Fact::SurveyedHandshake { offer, answer, exchange });
        }
    }
    sketch.with_case(crate::ladder::Survey::of).unwrap()
}

fn accepted(survey: &crate::ladder::Survey) -> Vec<Option<bool>> {
    survey.tls.iter().map(|version| version.accepted).collect()
}

/// As Windows does with a version that is switched off: what it took is asked again behind it.
#[test]
fn who_hangs_up_on_a_version_refuses_it() {
    let survey = surveyed(usize::MAX);
    assert_eq!(accepted(&survey), [Some(false), Some(true), Some(false), Some(false)]);
    assert!(survey.complete);
}

#[test]
fn who_has_had_enough_of_us_refuses_nothing() {
    for from in [1, 2, 3, 4, 6] {
        let survey = surveyed(from);
        let known = accepted(&survey);
        assert!(!known.contains(&Some(false)) && !survey.complete, "{from}: {known:?}");
    }
}
