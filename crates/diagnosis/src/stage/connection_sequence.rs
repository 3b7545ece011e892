//! The stage `sequence`: the settings that a host tells in the connection sequence, before anybody logs on
//! ([MS-RDPBCGR] 1.3.1.1). They are asked for where a host lets anyone so far, as every client does next: a host that
//! tells them is Remote Desktop, whatever TLS ends in front of it. A survey (`--thorough`) asks behind other requests.

use evidence::Stage;
use evidence::fact::Fact;
use wire::machine::{ConnectionSequenceAnswer, X224Answer};
use wire::mcs::ConnectResponse;
use wire::tls::TlsOffer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::room::{Room, Whose};

use crate::as_client::tunnel;
use crate::case::{Case, Seen};
use crate::need::{Kind, Need, Of, Question};
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

static SEQUENCE: Kind = Kind {
    name: "sequence",
    words: |_| "the answer to a client's first words behind TLS".to_owned(),
    answered: |case, _| as_clients_ask(case).next().is_some(),
    // every connection that comes so far asks
    asking: None,
};

impl Need {
    /// Asks for the settings, where the host lets anyone so far.
    pub const SEQUENCE: Self = Self::new(&SEQUENCE, Of::Nothing);
}

/// Iterates over the answers to a Connect Initial, each with the protocols that were asked for.
fn all_settings(case: Case<'_>) -> impl Iterator<Item = Seen<(SecurityProtocols, &ConnectionSequenceAnswer)>> {
    case.seen(|fact| match fact {
        Fact::Settings { requested, answer } => Some((*requested, answer)),
        _ => None,
    })
}

/// Iterates over the answers that a client would have got as well: not those to sets of protocols that only a survey
/// asks for.
pub(crate) fn as_clients_ask(case: Case<'_>) -> impl Iterator<Item = Seen<&ConnectionSequenceAnswer>> {
    let asked = all_settings(case).filter(|seen| !OPEN.contains(&seen.value.0));
    asked.map(|seen| Seen { value: seen.value.1, id: seen.id })
}

fn told(answer: &ConnectionSequenceAnswer) -> bool {
    matches!(answer, ConnectionSequenceAnswer::Settings(settings) if lacks(settings).is_none())
}

/// Names what a client needs of the settings and they lack ([MS-RDPBCGR] 2.2.1.4: core and network data are there
/// always).
fn lacks(settings: &ConnectResponse) -> Option<&'static str> {
    if settings.version.is_none() {
        return Some("no core data");
    }
    settings.io_channel.is_none_or(|channel| channel == 0).then_some("no channel for input and output")
}

impl<'a> Case<'a> {
    /// Returns the protocols that were asked for, and what became of the question for its settings.
    pub fn settings(self) -> Option<Seen<(SecurityProtocols, &'a ConnectionSequenceAnswer)>> {
        all_settings(self).find(|seen| told(seen.value.1)).or_else(|| all_settings(self).last())
    }
}

/// A client gets no further than a host that does not answer its first words; what a survey alone asks is held against
/// nobody.
fn rung(case: Case<'_>) -> Option<Rung> {
    let asked = || as_clients_ask(case);
    let refused = asked().filter(|seen| !told(seen.value)).count();
    if let Some(last) = asked().last().filter(|_| refused == asked().count()) {
        return Some((Outcome::Failed, took(case, last.id), words_of(last.value)));
    }
    let seen = case.settings()?;
    let (requested, answer) = seen.value;
    let ConnectionSequenceAnswer::Settings(settings) = answer else {
        return Some((Outcome::Skipped, took(case, seen.id), words_of(answer)));
    };
    let told = settings.requested.filter(|told| *told != requested);
    let told = told.map(|told| format!("; it was asked for {told}, and we asked for {requested}"));
    let tries = (refused > 0).then(|| format!("; {refused} of {} tries failed", asked().count()));
    let text = format!("{}{}{}", words_of(answer), told.unwrap_or_default(), tries.unwrap_or_default());
    Some((if refused > 0 { Outcome::Degraded } else { Outcome::Passed }, took(case, seen.id), text))
}

fn words_of(answer: &ConnectionSequenceAnswer) -> String {
    match answer {
        ConnectionSequenceAnswer::Settings(settings) => {
            let version = settings.version.map_or_else(|| "no version".to_owned(), wire::mcs::version_words);
            let lacking = lacks(settings).map(|what| format!("; settings with {what}, which no client can use"));
            format!("{version}, {} static channels{}", settings.channels.len(), lacking.unwrap_or_default())
        }
        ConnectionSequenceAnswer::Refused(result) => format!("settings refused with result {result}"),
        ConnectionSequenceAnswer::Ultimatum(reason) => format!("settings refused, reason {reason}"),
        ConnectionSequenceAnswer::Foreign { service, .. } => format!("answered as {}", service.name()),
        ConnectionSequenceAnswer::NotTpkt(_) => "bytes that are not Remote Desktop's".to_owned(),
        ConnectionSequenceAnswer::Malformed(words) => words.clone(),
        ConnectionSequenceAnswer::Closed(end) => format!("{} without settings", end.verb()),
        ConnectionSequenceAnswer::Alert(alert) => format!("ended with {alert}"),
        ConnectionSequenceAnswer::Silent => "no settings in time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wire::machine::End;

    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::host;

    fn rung_of(answers: Vec<ConnectionSequenceAnswer>) -> Option<(Outcome, String)> {
        rung_behind(SecurityProtocols::SSL, answers)
    }

    fn rung_behind(requested: SecurityProtocols, answers: Vec<ConnectionSequenceAnswer>) -> Option<(Outcome, String)> {
        let mut sketch = host("server01.corp.example");
        for answer in answers {
            sketch = sketch.with(Fact::Settings { requested, answer });
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
            io_channel: Some(1003),
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

    /// A client that gets as far would have got the same.
    #[test]
    fn what_a_client_would_hear_counts() {
        let closed = || ConnectionSequenceAnswer::Closed(End::Fin);
        let heard = |answers| rung_behind(EVERYTHING, answers).unwrap();
        assert_eq!(heard(vec![closed()]), (Outcome::Failed, "closed without settings".to_owned()));
        let (outcome, text) = heard(vec![closed(), settings(EVERYTHING)]);
        assert_eq!(outcome, Outcome::Degraded);
        assert!(text.ends_with("; 1 of 2 tries failed"), "{text}");
        assert_eq!(heard(vec![settings(EVERYTHING)]).0, Outcome::Passed);
    }

    #[test]
    fn settings_that_no_client_can_use_are_none() {
        let ConnectionSequenceAnswer::Settings(whole) = settings(EVERYTHING) else { unreachable!() };
        let without_core = ConnectResponse { version: None, ..whole.clone() };
        let without_channel = ConnectResponse { io_channel: Some(0), ..whole };
        for lacking in [without_core, without_channel] {
            let (outcome, text) = rung_behind(EVERYTHING, vec![ConnectionSequenceAnswer::Settings(lacking)]).unwrap();
            assert!(outcome == Outcome::Failed && text.ends_with("which no client can use"), "{text}");
        }
    }

    #[test]
    fn where_nothing_was_asked_there_is_no_rung() {
        assert_eq!(rung_of(Vec::new()), None);
    }
}
