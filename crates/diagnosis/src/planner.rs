//! Picks the next question: the cheapest one whose answer can still change the verdict.

use std::borrow::Cow;
use std::time::Duration;

use evidence::{Because, Evidence, Stage, SubjectId};
use wire::machine::TcpAnswer;

use crate::as_client::taken_by_turns;
use crate::case::{Case, Context};
use crate::cause::{Cause, Confidence, Judgement, Proof, Severity, Shows};
use crate::need::{Answers, Need, Patience, Question};
use crate::pace::slowest_answer;
use crate::stage::path::asked_for;
use crate::stage::setup::setups;
use crate::stage::turns::{
    self, own_way_unknown, rests_on_hellos, rests_on_requests, rests_on_setups, started_by_turns,
};
use crate::stage::x224::unanswered;
use crate::{path, survey};

/// Most times that a question is put. A second try is for servers that serve one client at a time.
const TRIES: usize = 2;

/// Most times that a hello is sent to a host that answers it in two ways: they are counted.
const COUNTED_TRIES: usize = 5;

/// Requests in a row without an answer after which a host that served us is not pressed for a hello any more.
const LOST: usize = 2;

/// Most connections of one question about the path. Each asks another thing, or counts more.
const MEASURED_TRIES: usize = path::SAMPLES;

/// Times that a host which took everything is asked again, where somebody saw it fail: so it gets four connections.
pub const REPEATS: usize = 3;

/// Times that a host which took everything is asked again, where nobody saw it fail. Of two machines that take turns
/// behind one address, the first connection meets only one.
const CONFIRMATIONS: usize = 1;

/// Time of an answer from which a host is slow: what is only lost at times comes at once when it comes.
const LATE: Duration = Duration::from_secs(1);

/// Connections after which a host has been met more than once anyway.
const ENOUGH: usize = 2;

/// Tells what the reasons of a finding rest on.
type RestsOn = fn(&Evidence, &[Because]) -> bool;

/// Planner with the questions asked so far.
#[derive(Debug, Default)]
pub struct Planner {
    /// True if there is evidence that the host fails at times.
    doubted: bool,
    /// True to measure the path even where nothing is odd.
    path: bool,
    asked: Vec<(SubjectId, Need)>,
    surveyed: Vec<(SubjectId, Question)>,
    /// True if all was asked again before what only another hello answers.
    early: bool,
    /// Stage at which a host was given more time.
    slow: Option<Patience>,
    /// Causes, in their order, that were judged when the last question was looked for.
    judged: usize,
    /// Those of them that are present.
    present: Vec<(&'static Cause, Judgement)>,
}

impl Planner {
    /// Asks a host that takes everything a few times more, if there is evidence that it fails at times: one success
    /// does not contradict that.
    #[must_use]
    pub fn doubting(self, doubted: bool) -> Self {
        Self { doubted, ..self }
    }

    /// Measures the path of a host that lets anyone in, even where nothing is odd.
    #[must_use]
    pub fn measuring(self, path: bool) -> Self {
        Self { path, ..self }
    }

    /// Returns the next question to this subject, or `None` if no answer can change its verdict any more and nothing is
    /// left to survey.
    ///
    /// It goes through the causes and their proofs in order and takes the first question that may be asked now and can
    /// change a judgement: the cheap ones come first in a proof, and each costs one connection.
    pub fn next(&mut self, evidence: &Evidence, context: &Context, subject: SubjectId) -> Option<Question> {
        let case = Case { evidence, subject, context };
        self.judged = 0;
        self.present.clear();
        let mut answers = Answers::default();
        for cause in causes_of(case) {
            let judgement = judged(cause, case, &mut answers);
            let open = open_needs(cause, &judgement, case, &mut answers).find(|need| self.is_left(case, *need));
            self.judged += 1;
            if let Judgement::Present { .. } = judgement {
                self.present.push((cause, judgement));
            }
            if let Some(need) = open {
                let later = self.comes_later(case, need);
                self.early |= later;
                let need = if later { Need::REPEATED } else { need };
                self.asked.push((subject, need));
                let question = need.question(case);
                self.slow = question.and_then(|question| question.patient).or(self.slow);
                return question;
            }
        }
        let refused = Some(Need::REFUSED_AGAIN).filter(|again| again.askable(case));
        let alike = Some(Need::ANSWERED_ALIKE).filter(|alike| self.blames_answer(case) && alike.askable(case));
        let turns = self.other_turns(case).filter(|turn| turn.askable(case));
        let again = Some(Need::REPEATED).filter(|again| again.askable(case));
        let path = asked_for(case).filter(|_| self.path);
        let need = refused
            .into_iter()
            .chain(alike)
            .chain(turns)
            .chain(again)
            .chain(path)
            .find(|need| self.is_left(case, *need));
        if let Some(need) = need {
            self.asked.push((subject, need));
            let patient = if need == Need::REPEATED { self.slow } else { None };
            return need.question(case).map(|question| Question { patient: question.patient.or(patient), ..question });
        }
        if context.thorough { self.survey(case) } else { None }
    }

    /// Returns the causes that may be present in this subject, judged: those that were found to be when the last
    /// question was looked for, and all that were not judged then. The evidence must not have changed since.
    pub(crate) fn judgements<'p>(
        &'p self,
        case: Case<'p>,
    ) -> impl Iterator<Item = (&'static Cause, Cow<'p, Judgement>)> {
        let known = self.present.iter().map(|(cause, judgement)| (*cause, Cow::Borrowed(judgement)));
        let rest = causes_of(case).skip(self.judged);
        let mut answers = Answers::default();
        known.chain(rest.map(move |cause| (cause, Cow::Owned(judged(cause, case, &mut answers)))))
    }

    /// Returns the next question of the survey. One that stays unanswered twice ends it, to spare the host.
    fn survey(&mut self, case: Case<'_>) -> Option<Question> {
        let question = survey::next(case)?;
        let asked = (case.subject, question);
        let tries = self.surveyed.iter().filter(|known| **known == asked).count();
        self.surveyed.push(asked);
        (tries < TRIES).then_some(question)
    }

    /// True if a hello goes no further than TLS where all went well once: whether it does so again comes first. So of
    /// two machines that take turns, both are asked everything, and neither the first one twice.
    fn comes_later(&self, case: Case<'_>, need: Need) -> bool {
        let further = |question: Question| question.credssp.is_some() || question.settings || question.tls.is_none();
        let well = || !setups(case).is_empty() && setups(case).iter().all(|seen| seen.value);
        case.tcp().count() == 1
            && Need::REPEATED.askable(case)
            && self.is_left(case, Need::REPEATED)
            && well()
            && need.question(case).is_some_and(|question| !further(question))
    }

    /// True if this question may be put once more.
    fn is_left(&self, case: Case<'_>, need: Need) -> bool {
        self.tries(case.subject, need) < self.most(case, need)
    }

    /// Returns how often a question may be put.
    fn most(&self, case: Case<'_>, need: Need) -> usize {
        let at_once = || case.tries().next().is_some_and(|first| !unanswered(first.value));
        let confirmed = || self.tries(case.subject, Need::REPEATED) > 0 && !self.early;
        match need {
            need if need.is_about_the_path() => MEASURED_TRIES,
            need if need == Need::REPEATED => self.repeats(case),
            need if [Need::CONNECTED_AGAIN, Need::FURTHER_HANDSHAKES, Need::FURTHER_SETUPS].contains(&need) => {
                COUNTED_TRIES
            }
            need if [Need::OTHER_REQUEST, Need::OTHER_TURN, Need::OTHER_SETUP].contains(&need) => turns::MOST,
            // of a host that answered the first, only the request that was to confirm it counts as lost: what else was
            // lost is asked again by itself
            need if need == Need::FURTHER_TRIES && at_once() && !confirmed() => 0,
            _ => TRIES,
        }
    }

    /// Iterates over the causes for which the host is blamed.
    fn blamed(&self) -> impl Iterator<Item = &'static Cause> {
        let counts = |judgement: &Judgement| match judgement {
            Judgement::Present { severity, .. } => *severity < Severity::Advisory,
            Judgement::Absent | Judgement::Unknown => false,
        };
        self.present.iter().filter(move |(_, judgement)| counts(judgement)).map(|(cause, _)| *cause)
    }

    /// True if the host is blamed for what it answered to a Connection Request: of several machines behind one address
    /// another may answer the next one.
    fn blames_answer(&self, case: Case<'_>) -> bool {
        let answered = case.tries().next().is_some_and(|first| !unanswered(first.value));
        answered && self.blames(Stage::X224)
    }

    /// True if the host is blamed at this stage.
    fn blames(&self, stage: Stage) -> bool {
        self.blamed().any(|cause| cause.stage == stage)
    }

    /// Iterates over what tells whether it was whose turn it was: of the faults that keep the client out, and of what
    /// was refused beside what the client got.
    fn other_turns(&self, case: Case<'_>) -> impl Iterator<Item = Need> {
        let blocks = |rests_on: RestsOn| self.blocks(|because| rests_on(case.evidence, because));
        let request = blocks(rests_on_requests) || own_way_unknown(case) && self.blocks(|_| true);
        let turns = [
            (Need::OTHER_REQUEST, request),
            (Need::OTHER_TURN, blocks(rests_on_hellos) || taken_by_turns(case) && !cut_off(case)),
            (Need::OTHER_SETUP, blocks(rests_on_setups) || started_by_turns(case)),
        ];
        turns.into_iter().filter(|(_, counts)| *counts).map(|(turn, _)| turn)
    }

    /// True if a fault that keeps the client out rests on this.
    fn blocks(&self, rests_on: impl Fn(&[Because]) -> bool) -> bool {
        self.present.iter().any(|(_, judgement)| match judgement {
            Judgement::Present { severity: Severity::Blocking, because, .. } => rests_on(because),
            _ => false,
        })
    }

    /// Returns how often a host is asked again that took everything. One that is blamed anyway is spared, one that
    /// many questions were put to, and one that is slow: whoever asks is waiting.
    fn repeats(&self, case: Case<'_>) -> usize {
        let blamed = || self.blamed().next().is_some();
        let lost = || case.tcp().any(|seen| *seen.value != TcpAnswer::Accepted);
        let lost_since = || lost() && self.tries(case.subject, Need::REPEATED) > 0;
        let late = || self.slow.is_some() && slowest_answer(case).is_some_and(|seen| seen.value.1 >= LATE);
        if self.doubted || lost_since() {
            REPEATS
        } else if late() || case.tcp().count() >= ENOUGH || blamed() {
            0
        } else {
            CONFIRMATIONS
        }
    }

    fn tries(&self, subject: SubjectId, need: Need) -> usize {
        self.asked.iter().filter(|known| **known == (subject, need)).count()
    }
}

/// True if the last requests got no answer: it may have had enough of us.
fn cut_off(case: Case<'_>) -> bool {
    let requests: Vec<_> = case.x224().map(|seen| unanswered(seen.value.1)).collect();
    requests.len() >= LOST && requests.iter().rev().take(LOST).all(|lost| *lost)
}

fn causes_of(case: Case<'_>) -> impl Iterator<Item = &'static Cause> {
    let role = case.who().role;
    crate::causes::ALL.iter().copied().filter(move |cause| cause.role == role)
}

/// Judges a cause; nothing is known before anything was seen.
fn judged(candidate: &Cause, case: Case<'_>, answers: &mut Answers) -> Judgement {
    if case.evidence.observations.is_empty() { Judgement::Unknown } else { candidate.judge_with(case, answers) }
}

/// Iterates over questions of a cause that may be asked now and can change its judgement.
fn open_needs(
    candidate: &Cause,
    judgement: &Judgement,
    case: Case<'_>,
    answers: &mut Answers,
) -> impl Iterator<Item = Need> {
    let proofs = candidate.proofs.iter().filter(move |proof| can_change(judgement, proof));
    let needs = proofs.flat_map(|proof| proof.needs.iter().copied());
    // what is read from records alone is no question to a host, and need not be looked up again; whether all goes well
    // each time is asked when nothing else is left
    let last = |need: &Need| *need == Need::REPEATED;
    needs.filter(move |need| need.has_question() && !last(need) && !answers.has(case, *need) && need.askable(case))
}

/// True if the proof, once complete, would change the judgement.
fn can_change(judgement: &Judgement, proof: &Proof) -> bool {
    match (judgement, proof.shows) {
        (Judgement::Unknown, _) => true,
        (Judgement::Present { confidence, .. }, Shows::Presence(surer)) => surer < *confidence,
        (Judgement::Present { confidence, .. }, Shows::Absence) => *confidence > Confidence::Proven,
        (Judgement::Absent, _) => false,
    }
}

/// True if measurements on the host would decide a cause that a probe cannot.
pub fn decided_on_host(candidate: &Cause, case: Case<'_>) -> bool {
    match candidate.judge(case) {
        Judgement::Unknown => true,
        Judgement::Present { confidence, .. } => confidence > Confidence::Proven,
        Judgement::Absent => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::host;
    use evidence::fact::{Handshake, Introduction};
    use wire::machine::End;
    use wire::tls::TlsOffer;

    /// An old host that resets unknown hellos is healthy for an old client, and a healthy host gets at most four
    /// connections: whether TLS 1.0 works comes before how a hello is cut.
    #[test]
    fn an_old_version_is_tried_before_a_cut_hello() {
        let reset = Handshake::Closed { end: End::Rst, bytes: 0 };
        let sketch = host("192.0.2.7").nla().profile("mstsc-10").tls(TlsOffer::MODERN, reset.clone());
        let sketch = sketch.tls(TlsOffer::PLAIN_12, reset);
        let next = sketch.with_case(|case| Planner::default().next(case.evidence, case.context, case.subject));
        assert_eq!(next.map(|question| question.need), Some(Need::handshake(TlsOffer::OLD)));
    }

    /// A path without anything odd is measured where somebody asks for that, and one that loses packets always.
    #[test]
    fn a_path_is_measured_for_a_reason() {
        let sound = wire::figures::TcpFigures { acknowledged: 90, syn_rtt: 20_000, ..Default::default() };
        let odd = wire::figures::TcpFigures { again: 1, ..sound };
        for (figures, asked_for, expected) in [(sound, false, None), (sound, true, Some(())), (odd, false, Some(()))] {
            let sketch = path::tests::plain(figures).with(evidence::Fact::CredsspAnswer(Introduction::Challenge(6)));
            let mut planner = Planner::default().measuring(asked_for);
            let measured = sketch.with_case(|case| {
                // that it goes well each time may be asked before
                let mut next = (0..3).filter_map(|_| planner.next(case.evidence, case.context, case.subject));
                next.find(|question| question.need == Need::PATH_SAMPLES && question.path.pieces)
            });
            assert_eq!(measured.map(drop), expected, "{figures:?} {asked_for}");
        }
    }
}
