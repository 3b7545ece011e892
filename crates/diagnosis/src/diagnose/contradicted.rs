//! Weighs what a finding rests on against better answers to the same question.

use evidence::fact::{Fact, Introduction};
use evidence::{Because, Observation};
use wire::machine::X224Answer;
use wire::x224::ServerAnswer;

use crate::case::Case;
use crate::cause::{Confidence, Severity};
use crate::stage::turns::{
    names_the_version, other_turn, requests_by_turns, rests_on_hellos, rests_on_requests, rests_on_setups,
    setups_by_turns,
};

/// Returns how sure a finding is: no more than likely where another connection got a better answer to the question that
/// the finding rests on, and no more than possible where machines that take turns explain as well what keeps the client
/// out. One that names both answers is about their difference, and stays as sure as it was.
pub(super) fn weighed(case: Case<'_>, severity: Severity, confidence: Confidence, because: &[Because]) -> Confidence {
    let evidence = case.evidence;
    if severity == Severity::Blocking && may_be_turns(case, because) {
        return Confidence::Possible;
    }
    let cited = |id: usize| because.iter().any(|because| because.observation == id);
    let rests_on = because.iter().filter_map(|because| evidence.observations.get(because.observation.checked_sub(1)?));
    let contradicted = |rests_on: &Observation| {
        let better = evidence.observations.about(rests_on.subject).filter(|other| does_better(other, rests_on));
        let better: Vec<usize> = better.map(|other| other.id).collect();
        !better.is_empty() && !better.into_iter().any(cited)
    };
    let doubtful = confidence == Confidence::Proven && rests_on.into_iter().any(contradicted);
    if doubtful { Confidence::Likely } else { confidence }
}

/// True if machines that take turns explain what this rests on.
fn may_be_turns(case: Case<'_>, because: &[Because]) -> bool {
    let named = names_the_version(case.evidence, because);
    rests_on_hellos(case.evidence, because) && !named && other_turn(case).is_some()
        || rests_on_setups(case.evidence, because) && setups_by_turns(case)
        || rests_on_requests(case.evidence, because) && requests_by_turns(case)
}

/// True if one answer brings a client further than another to the same question.
fn does_better(one: &Observation, other: &Observation) -> bool {
    match (&one.fact, &other.fact) {
        (Fact::X224Answer { requested, answer: better }, Fact::X224Answer { requested: same, answer: worse }) => {
            requested == same && selects_tls(better) && !selects_tls(worse)
        }
        (Fact::CredsspAnswer(Introduction::Challenge(newer)), Fact::CredsspAnswer(Introduction::Challenge(older))) => {
            newer > older
        }
        (Fact::CredsspAnswer(better), Fact::CredsspAnswer(worse)) => introduces(better) && !introduces(worse),
        _ => false,
    }
}

fn selects_tls(answer: &X224Answer) -> bool {
    matches!(answer, X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if protocol.tls())
}

fn introduces(answer: &Introduction) -> bool {
    matches!(answer, Introduction::Challenge(_))
}

#[cfg(test)]
mod tests {
    use crate::case::EVERYTHING;
    use crate::cause::Confidence;
    use crate::sketch::{Sketch, host};
    use evidence::fact::{Fact, Introduction};
    use wire::tls::TlsVersion;
    use wire::x224::NegotiationFailure;

    fn confidence(sketch: &Sketch, cause: &str) -> Option<Confidence> {
        let report = sketch.diagnose();
        report.findings.iter().find(|found| found.cause == cause).map(|found| found.confidence)
    }

    /// One of two machines behind the address has no certificate: nobody knows whether that is all.
    #[test]
    fn a_refusal_beside_a_good_answer_proves_nothing() {
        let missing = NegotiationFailure::SSL_CERT_NOT_ON_SERVER;
        let always = host("192.0.2.7").accepted().fails(EVERYTHING, missing);
        assert_eq!(confidence(&always, "certificate-missing"), Some(Confidence::Proven));
        let at_times = host("192.0.2.7").nla().fails(EVERYTHING, missing);
        assert_eq!(confidence(&at_times, "certificate-missing"), Some(Confidence::Likely));
    }

    #[test]
    fn an_old_version_beside_a_new_one_proves_nothing() {
        let up = |versions: &[u32]| {
            let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls12);
            let add =
                |sketch: Sketch, version: &u32| sketch.with(Fact::CredsspAnswer(Introduction::Challenge(*version)));
            versions.iter().fold(up, add)
        };
        assert_eq!(confidence(&up(&[2, 2]), "credssp-unpatched"), Some(Confidence::Proven));
        assert_eq!(confidence(&up(&[6, 2]), "credssp-unpatched"), Some(Confidence::Likely));
    }
}
