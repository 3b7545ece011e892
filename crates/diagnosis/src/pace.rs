//! How soon a host answers, and how many of our connections it left without an answer that others got.

use std::time::Duration;

use evidence::Because;
use evidence::fact::{Came, Fact, Handshake, Introduction};
use wire::machine::X224Answer;

use crate::case::{Case, EVERYTHING, Seen};
use crate::path;
use crate::stage::setup::setups;
use crate::stage::x224::unanswered;
use crate::tries::waited_too_short;

/// Time of an answer from which it is told: one lost packet alone costs a second (RFC 6298 section 2.1).
const TOLD: Duration = Duration::from_secs(2);

/// Returns the answer that a host took longest for, of those that a client waits for: to what, and how long.
pub(crate) fn slowest_answer(case: Case<'_>) -> Option<Seen<(&'static str, Duration)>> {
    let answered = |fact: &Fact| match fact {
        Fact::X224Answer { answer: X224Answer::Server(_), .. } => Some("the Connection Request"),
        Fact::TlsAnswer { answer: Handshake::Accepted { .. }, .. } => Some("the ClientHello"),
        Fact::CredsspAnswer(answer) if *answer != Introduction::Silent => Some("CredSSP"),
        Fact::Settings { .. } => Some("the request for its settings"),
        _ => None,
    };
    let answers = case.seen(answered).filter_map(|seen| {
        let took = case.evidence.observations.get(seen.id - 1)?.took?;
        Some(Seen { value: (seen.value, took), id: seen.id })
    });
    answers.max_by_key(|seen| seen.value.1)
}

/// Tells for each connection with a request that was answered at least once whether it was answered there: those of the
/// diagnosis, of the survey, and of a path that is measured with packets of the usual size.
fn requests(case: Case<'_>) -> impl Iterator<Item = Seen<bool>> {
    case.seen(|fact| match fact {
        Fact::X224Answer { requested: Some(EVERYTHING), answer: X224Answer::HeldOpen } => None,
        Fact::X224Answer { requested: Some(EVERYTHING), answer }
        | Fact::SurveyedNegotiation { requested: EVERYTHING, answer } => Some(!unanswered(answer)),
        Fact::Path(path) if path.plan.pieces => Some(path.came >= Came::X224),
        _ => None,
    })
}

/// Tells of a healthy host what changes no verdict: that it left some of our connections without an answer, which may
/// be our own pace, and that it is slow.
pub(crate) fn notices(case: Case<'_>) -> Vec<Because> {
    let all = requests(case).count();
    let took = |id: usize| case.evidence.observations.get(id - 1).and_then(|seen| seen.took);
    let slowest = slowest_answer(case).map(|seen| seen.value.1);
    // who answers only after seconds was not given them each time
    let lost: Vec<_> = requests(case).filter(|seen| !seen.value && !waited_too_short(took(seen.id), slowest)).collect();
    let dropped = lost.first().map(|first| {
        first.because(format!(
            "{} of {all} connections to {} got no answer to a request that the others were answered on. Some servers drop \
             who comes right after another, so it is not blamed for that. If clients fail now and then as well, name \
             the code that they show (--code): it is then asked more often.",
            lost.len(),
            case.label()
        ))
    });
    let slow = slowest_answer(case).filter(|seen| seen.value.1 >= TOLD).map(|seen| {
        let (what, took) = seen.value;
        let text = format!(
            "{} took {:.1} s to answer {what}: that is slow, and a client may give up before.",
            case.label(),
            took.as_secs_f64()
        );
        seen.because(text)
    });
    let setups = setups(case);
    let failed: Vec<_> = setups.iter().filter(|seen| !seen.value).collect();
    let behind_tls = failed.first().filter(|_| failed.len() < setups.len()).map(|first| {
        first.because(format!(
            "{} ended {} of {} connections behind TLS, and went on with the others: it may have been starting, or one of \
             several machines does so.",
            case.label(),
            failed.len(),
            setups.len()
        ))
    });
    let knocked =
        path::knocked_again(case).filter(|seen| seen.value.0 > 1 && seen.value.0 * 2 > seen.value.1).map(|seen| {
            let (again, all) = seen.value;
            seen.because(format!(
            "{again} of {all} connections to {} were accepted only when their first packet (SYN) was sent again, which \
             takes a second or more: something on the way, or the host, drops first packets.",
            case.label()
        ))
        });
    dropped.filter(|_| lost.len() < all).into_iter().chain(behind_tls).chain(knocked).chain(slow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::sketch::{Sketch, host};
    use wire::machine::End;
    use wire::tls::TlsVersion;
    use wire::x224::{SecurityProtocols, ServerAnswer};

    fn up() -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls13)
    }

    fn told(sketch: &Sketch) -> Vec<String> {
        let report = sketch.diagnose();
        assert_eq!(report.verdict, Verdict::Healthy);
        report.notices.into_iter().map(|notice| notice.text).collect()
    }

    fn surveyed(requested: SecurityProtocols, answer: X224Answer) -> Fact {
        Fact::SurveyedNegotiation { requested, answer }
    }

    #[test]
    fn what_a_survey_lost_is_told() {
        let answered = || X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0 });
        let lost = up().with(surveyed(EVERYTHING, X224Answer::Closed(End::Rst)));
        let text = told(&lost.with(surveyed(EVERYTHING, answered())));
        assert!(text.len() == 1 && text[0].starts_with("1 of 3 connections to 192.0.2.7"), "{text:?}");
        assert_eq!(told(&up().with(surveyed(EVERYTHING, answered()))), [""; 0]);
        // a server may close on what it does not take
        assert_eq!(told(&up().with(surveyed(SecurityProtocols::RDSTLS, X224Answer::Closed(End::Fin)))), [""; 0]);
    }

    #[test]
    fn a_slow_host_is_told() {
        let answer = || up().with(Fact::CredsspAnswer(Introduction::Challenge(6)));
        let text = told(&answer().took(Duration::from_millis(6500)));
        assert!(text.len() == 1 && text[0].contains("took 6.5 s to answer CredSSP"), "{text:?}");
        assert_eq!(told(&answer().took(Duration::from_millis(1200))), [""; 0]);
    }
}
