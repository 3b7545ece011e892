//! Picks the next question: the cheapest one whose answer can still change the verdict.

use evidence::{Evidence, SubjectId};

use crate::case::{Case, Context};
use crate::cause::{Cause, Confidence, Judgement, Proof, Shows};
use crate::need::{Need, Question};
use crate::survey;

/// Most times that a question is put. A second try is for servers that serve one client at a time.
const TRIES: usize = 2;

/// Most times that a hello is sent to a host that answers it in two ways: they are counted.
const COUNTED_TRIES: usize = 5;

fn most(need: Need) -> usize {
    if need == Need::FURTHER_HANDSHAKES { COUNTED_TRIES } else { TRIES }
}

/// Planner with the questions asked so far.
#[derive(Debug, Default)]
pub struct Planner {
    asked: Vec<(SubjectId, Need)>,
    surveyed: Vec<(SubjectId, Question)>,
}

impl Planner {
    /// Returns the next question to this subject, or `None` if no answer can change its verdict any more and nothing is
    /// left to survey.
    pub fn next(&mut self, evidence: &Evidence, context: &Context, subject: SubjectId) -> Option<Question> {
        let case = Case { evidence, subject, context };
        let Some(need) = open_needs(case).find(|need| self.tries(subject, *need) < most(*need)) else {
            return if context.thorough { self.survey(case) } else { None };
        };
        self.asked.push((subject, need));
        need.question(case)
    }

    /// Returns the next question of the survey. One that stays unanswered twice ends it, to spare the host.
    fn survey(&mut self, case: Case<'_>) -> Option<Question> {
        let question = survey::next(case)?;
        let asked = (case.subject, question);
        let tries = self.surveyed.iter().filter(|known| **known == asked).count();
        self.surveyed.push(asked);
        (tries < TRIES).then_some(question)
    }

    fn tries(&self, subject: SubjectId, need: Need) -> usize {
        self.asked.iter().filter(|known| **known == (subject, need)).count()
    }
}

/// Iterates over questions that may be asked now and can change a judgement, in the order of the causes and their
/// proofs: the cheap ones come first in a proof, and each costs one connection.
fn open_needs(case: Case<'_>) -> impl Iterator<Item = Need> {
    let role = case.who().role;
    let causes = crate::causes::ALL.iter().filter(move |cause| cause.role == role);
    let proofs = causes.flat_map(move |cause| {
        let judgement = cause.judge(case);
        cause.proofs.iter().filter(move |proof| can_change(&judgement, proof))
    });
    let needs = proofs.flat_map(|proof| proof.needs.iter().copied());
    needs.filter(move |need| !need.answered(case) && need.askable(case))
}

/// True if the proof, once complete, would change the judgement.
fn can_change(judgement: &Judgement, proof: &Proof) -> bool {
    match (judgement, proof.shows) {
        (Judgement::Unknown(_), _) => true,
        (Judgement::Present { confidence, .. }, Shows::Presence(surer)) => surer < *confidence,
        (Judgement::Present { confidence, .. }, Shows::Absence) => *confidence > Confidence::Proven,
        (Judgement::Absent(_), _) => false,
    }
}

/// True if measurements on the host would decide a cause that a probe cannot.
pub fn decided_on_host(candidate: &Cause, case: Case<'_>) -> bool {
    match candidate.judge(case) {
        Judgement::Unknown(_) => true,
        Judgement::Present { confidence, .. } => confidence > Confidence::Proven,
        Judgement::Absent(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::host;
    use evidence::fact::Handshake;
    use wire::machine::End;
    use wire::tls::TlsOffer;

    /// An old host that resets unknown hellos is healthy for an old client, and a healthy host gets at most four
    /// connections: whether TLS 1.0 works comes before how a hello is cut.
    #[test]
    fn an_old_version_is_tried_before_a_cut_hello() {
        let reset = Handshake::Closed { end: End::Rst, bytes: 0 };
        let sketch = host("192.0.2.7").nla().profile("mstsc-10").tls(TlsOffer::MODERN, reset.clone());
        let sketch = sketch.tls(TlsOffer::PLAIN_12, reset);
        assert_eq!(sketch.with_case(|case| open_needs(case).next()), Some(Need::handshake(TlsOffer::OLD)));
    }
}
