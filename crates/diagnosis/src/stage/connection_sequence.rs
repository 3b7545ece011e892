//! The stage `sequence`: the settings that a host tells in the connection sequence, before anybody logs on
//! ([MS-RDPBCGR] 1.3.1.1). Only a survey (`--thorough`) asks for them, and only where a host lets anyone so far.

use evidence::Stage;
use evidence::fact::Fact;
use wire::machine::{ConnectionSequenceAnswer, X224Answer};
use wire::tls::TlsOffer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::room::{Room, Whose};

use crate::as_client::tunnel;
use crate::case::{Case, Seen};
use crate::need::Question;
use crate::stage::rung::{Outcome, Rung, took};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Sequence, of: Whose::Address, rung };

/// The sets of protocols that let anyone so far: Standard RDP Security, and TLS alone.
const OPEN: [SecurityProtocols; 2] = [SecurityProtocols::RDP, SecurityProtocols::SSL];

/// Has the survey's question ask for the settings too, where the protocols that it offers let anyone so far: TLS alone,
/// for which the handshake has to be finished (`tls` is true where the host speaks it), or Standard RDP Security.
pub(crate) fn riding(case: Case<'_>, question: Question, tls: bool) -> Question {
    match question.request {
        Some(SecurityProtocols::RDP) => Question { settings: true, ..question },
        Some(SecurityProtocols::SSL) if tls => {
            let offer = tunnel(case).unwrap_or(TlsOffer::MODERN);
            Question { settings: true, tls: Some(offer), ..question }
        }
        _ => question,
    }
}

/// True if these protocols let anyone as far as the settings, by an answer to a question that did not ask for them.
pub(crate) fn unasked(case: Case<'_>, set: SecurityProtocols) -> bool {
    let selects = |answer: &X224Answer| match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => OPEN.contains(protocol),
        _ => false,
    };
    let mut answered = case.seen(|fact| match fact {
        Fact::X224Answer { requested: Some(requested), answer } if *requested == set => Some(answer),
        _ => None,
    });
    let surveyed = |fact: &Fact| matches!(fact, Fact::SurveyedNegotiation { requested, .. } if *requested == set);
    OPEN.contains(&set)
        && answered.any(|seen| selects(seen.value))
        && case.seen(move |fact| surveyed(fact).then_some(())).next().is_none()
}

impl<'a> Case<'a> {
    /// Returns the protocols that were asked for, and what became of the question for its settings.
    pub fn settings(self) -> Option<Seen<(SecurityProtocols, &'a ConnectionSequenceAnswer)>> {
        let told = |answer: &ConnectionSequenceAnswer| matches!(answer, ConnectionSequenceAnswer::Settings(_));
        let all = || {
            self.seen(|fact| match fact {
                Fact::Settings { requested, answer } => Some((*requested, answer)),
                _ => None,
            })
        };
        all().find(|seen| told(seen.value.1)).or_else(|| all().last())
    }
}

/// Our own further tries are held against nobody, so no answer fails the rung.
fn rung(case: Case<'_>) -> Option<Rung> {
    let seen = case.settings()?;
    let (requested, answer) = seen.value;
    let skipped = |text: String| (Outcome::Skipped, text);
    let (outcome, text) = match answer {
        ConnectionSequenceAnswer::Settings(settings) => {
            let version = settings.version.map_or_else(|| "no version".to_owned(), wire::mcs::version_words);
            let told = settings.requested.filter(|told| *told != requested);
            let told = told.map(|told| format!("; it was asked for {told}, and we asked for {requested}"));
            let count = settings.channels.len();
            (Outcome::Passed, format!("{version}, {count} static channels{}", told.unwrap_or_default()))
        }
        ConnectionSequenceAnswer::Refused(result) => skipped(format!("settings refused with result {result}")),
        ConnectionSequenceAnswer::Ultimatum(reason) => skipped(format!("settings refused, reason {reason}")),
        ConnectionSequenceAnswer::Malformed(words) => skipped(words.clone()),
        ConnectionSequenceAnswer::Closed(end) => skipped(format!("{} without settings", end.verb())),
        ConnectionSequenceAnswer::Silent => skipped("no settings in time".to_owned()),
    };
    Some((outcome, took(case, seen.id), text))
}

#[cfg(test)]
mod tests {
    use wire::machine::End;
    use wire::mcs::ConnectResponse;

    use super::*;
    use crate::sketch::host;

    fn rung_of(answers: Vec<ConnectionSequenceAnswer>) -> Option<(Outcome, String)> {
        let mut sketch = host("server01.corp.example");
        for answer in answers {
            sketch = sketch.with(Fact::Settings { requested: SecurityProtocols::SSL, answer });
        }
        let report = sketch.diagnose();
        let rung = report.stages.into_iter().find(|stage| stage.stage == Stage::Sequence)?;
        Some((rung.outcome, rung.text))
    }

    fn settings(requested: SecurityProtocols) -> ConnectionSequenceAnswer {
        let channels = vec![1004, 1005];
        let response = ConnectResponse {
            version: Some(0x0008_0010),
            requested: Some(requested),
            channels,
            ..ConnectResponse::default()
        };
        ConnectionSequenceAnswer::Settings(response)
    }

    #[test]
    fn settings_are_a_rung_that_says_what_was_told() {
        let told = rung_of(vec![settings(SecurityProtocols::SSL)]).unwrap();
        assert_eq!(told, (Outcome::Passed, "RDP 10.11, 2 static channels".to_owned()));
        let changed = rung_of(vec![settings(SecurityProtocols::RDP)]).unwrap();
        assert!(changed.1.ends_with("it was asked for RDP, and we asked for SSL"), "{}", changed.1);
    }

    #[test]
    fn no_answer_to_our_own_further_try_fails_anything() {
        let (outcome, text) = rung_of(vec![ConnectionSequenceAnswer::Closed(End::Rst)]).unwrap();
        assert_eq!((outcome, text.as_str()), (Outcome::Skipped, "reset without settings"));
        let (outcome, _) = rung_of(vec![settings(SecurityProtocols::SSL), ConnectionSequenceAnswer::Silent]).unwrap();
        assert_eq!(outcome, Outcome::Passed, "one answer is enough");
    }

    #[test]
    fn where_nothing_was_asked_there_is_no_rung() {
        assert_eq!(rung_of(Vec::new()), None);
    }
}
