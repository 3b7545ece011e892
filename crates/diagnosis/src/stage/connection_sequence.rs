//! The stage `sequence`: the settings that a host tells in the connection sequence, before anybody logs on
//! ([MS-RDPBCGR] 1.3.1.1). They are asked for where a host lets anyone so far, as every client does next: a host that
//! tells them is Remote Desktop, whatever TLS ends in front of it. A survey (`--thorough`) asks behind other requests.

use evidence::Stage;
use evidence::fact::Fact;
use wire::machine::{ConnectionSequenceAnswer, Ended, Withdrawal, X224Answer};
use wire::mcs::ConnectResponse;
use wire::tls::TlsOffer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::room::{Room, Whose};

use super::tls::finished;
use super::x224::client_takes;
use crate::as_client::{client_hello_asked, tunnel};
use crate::case::{Case, EVERYTHING, Seen};
use crate::need::{Again, Asking, Kind, Need, Of, Patience, Question};
use crate::stage::rung::{Outcome, Rung, took};
use crate::tries::{only_started, waited_too_short};
use crate::turns::by_turns;

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
    let mut answered = case.seen(|fact| match fact {
        Fact::X224Answer { requested: Some(requested), answer } if *requested == set => Some(answer),
        _ => None,
    });
    let surveyed = |fact: &Fact| matches!(fact, Fact::SurveyedNegotiation { requested, .. } if *requested == set);
    OPEN.contains(&set)
        && answered.any(|seen| selects_open(seen.value))
        && case.seen(move |fact| surveyed(fact).then_some(())).next().is_none()
}

static SEQUENCE: Kind = Kind {
    name: "sequence",
    words: |_| "the answer to a client's first words behind TLS".to_owned(),
    answered: |case, _| as_clients_ask(case).next().is_some(),
    // every connection that comes so far asks; for it alone a way has to be gone that no other connection goes, or a
    // tunnel to be found where the first hello was refused
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| {
            let behind_tls = case.selected().is_some_and(|seen| seen.value == SecurityProtocols::SSL)
                && case.tls_accepted().is_some()
                && (finished(case) || client_hello_asked(case))
                && tunnel(case).is_some();
            (behind_tls || own_way(case).is_some()) && as_clients_ask(case).next().is_none()
        },
        question: |case, _, all| ask(case, all),
    }),
};

static LATER_SEQUENCE: Kind = Kind {
    name: "later-sequence",
    words: |_| "the answer to a client's first words behind TLS, a second later".to_owned(),
    answered: |case, _| as_clients_ask(case).count() >= 2,
    asking: Some(Asking {
        again: Again::Later,
        askable: |case, _| {
            inside_tls(case, client_request(case)) && only(case).is_some_and(|seen| refuses(case, seen.value))
        },
        question: |case, _, all| ask(case, all),
    }),
};

static PATIENT_SEQUENCE: Kind = Kind {
    name: "patient-sequence",
    words: |_| "the answer to a client's first words behind TLS, given more time".to_owned(),
    answered: |case, _| as_clients_ask(case).count() >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| only(case).is_some_and(|seen| *seen.value == ConnectionSequenceAnswer::Silent),
        question: |case, _, all| Question { patient: Some(Patience::Settings), ..ask(case, all) },
    }),
};

impl Need {
    /// Asks for the settings, where the host lets anyone so far.
    pub const SEQUENCE: Self = Self::new(&SEQUENCE, Of::Nothing);
    /// Asks for them once more, a second after they were refused.
    pub const LATER_SEQUENCE: Self = Self::new(&LATER_SEQUENCE, Of::Nothing);
    /// Asks for them once more, and gives a host that did not answer more time.
    pub const PATIENT_SEQUENCE: Self = Self::new(&PATIENT_SEQUENCE, Of::Nothing);
}

/// Returns the request that begins the client's own way: its own protocols, where the host would lead us another way
/// than it.
pub(crate) fn client_request(case: Case<'_>) -> SecurityProtocols {
    match case.selected() {
        Some(seen) if !client_takes(case, seen.value) => case.context.profile.protocols,
        _ => EVERYTHING,
    }
}

/// Returns the client's own request, where the host lets it on a way that we do not go by ourselves.
fn own_way(case: Case<'_>) -> Option<Seen<SecurityProtocols>> {
    let request = client_request(case);
    let answer = case.x224_to(request).filter(|_| request != EVERYTHING)?;
    let open = selects_open(answer.value);
    let reachable = request == SecurityProtocols::RDP || tunnel(case).is_some();
    (open && reachable).then_some(Seen { value: request, id: answer.id })
}

/// True if the answer lets anyone so far.
fn selects_open(answer: &X224Answer) -> bool {
    match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => OPEN.contains(protocol),
        _ => false,
    }
}

/// Asks for the settings on the client's own way.
pub(super) fn ask(case: Case<'_>, all: Question) -> Question {
    match client_request(case) {
        EVERYTHING => Question { tls: tunnel(case).or(all.tls), ..all },
        own => riding(case, Question { request: Some(own), ..all.bare() }, tunnel(case).is_some()),
    }
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
    let request = client_request(case);
    let asked = all_settings(case).filter(move |seen| seen.value.0 == request);
    asked.map(|seen| Seen { value: seen.value.1, id: seen.id })
}

/// Returns the answer, where there is only one so far.
fn only(case: Case<'_>) -> Option<Seen<&ConnectionSequenceAnswer>> {
    let mut answers = as_clients_ask(case);
    answers.next().filter(|_| answers.next().is_none())
}

/// True for settings that the client can use.
pub(crate) fn told(case: Case<'_>, answer: &ConnectionSequenceAnswer) -> bool {
    told_to(case, client_request(case), answer)
}

fn told_to(case: Case<'_>, request: SecurityProtocols, answer: &ConnectionSequenceAnswer) -> bool {
    matches!(answer, ConnectionSequenceAnswer::Settings(settings) if flaw(case, request, settings).is_none())
}

/// True if the host ended the connection, or refused to go on, where clients exchange settings with it.
pub(crate) fn refuses(case: Case<'_>, answer: &ConnectionSequenceAnswer) -> bool {
    match answer {
        ConnectionSequenceAnswer::Settings(settings) => {
            flaw(case, client_request(case), settings).is_some_and(Flaw::refuses)
        }
        ConnectionSequenceAnswer::Withdrawn { .. }
        | ConnectionSequenceAnswer::Refused(_)
        | ConnectionSequenceAnswer::Ultimatum(_)
        | ConnectionSequenceAnswer::Closed(_)
        | ConnectionSequenceAnswer::Alert(_) => true,
        ConnectionSequenceAnswer::Foreign { .. }
        | ConnectionSequenceAnswer::NotTpkt(_)
        | ConnectionSequenceAnswer::Malformed(_)
        | ConnectionSequenceAnswer::Silent => false,
    }
}

/// Fault of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The conference was refused (T.124: `result` of a `ConferenceCreateResponse`).
    Conference(u8),
    /// A method and a level of encryption inside TLS, where both must be none ([MS-RDPBCGR] 2.2.1.4.3).
    Encryption(u32, u32),
    /// No core data ([MS-RDPBCGR] 2.2.1.4: core and network data are there always).
    NoCore,
    /// No channel for input and output.
    NoChannel,
    /// No static channel, although some were asked for.
    NoStaticChannels,
    /// Another request than ours arrived there ([MS-RDPBCGR] 2.2.1.4.2: `clientRequestedProtocols` repeats it).
    OtherRequest(SecurityProtocols, SecurityProtocols),
}

impl Flaw {
    /// True if a client was seen to end the connection on it: FreeRDP 2.11 does.
    fn refuses(self) -> bool {
        matches!(self, Self::Conference(_) | Self::Encryption(..))
    }

    fn words(self) -> String {
        match self {
            Self::Conference(byte) => format!("settings that refuse the conference (result {byte:#04x})"),
            Self::Encryption(method, level) => {
                format!("settings with encryption inside TLS (method {method:#x}, level {level})")
            }
            Self::NoCore => "settings with no core data, which no client can use".to_owned(),
            Self::NoChannel => "settings with no channel for input and output, which no client can use".to_owned(),
            Self::NoStaticChannels => "settings with none of the static channels that were asked for".to_owned(),
            Self::OtherRequest(other, ours) => format!("it was asked for {other}, and we asked for {ours}"),
        }
    }
}

/// True if the client's own way leads it past TLS: it offers none, or what the host chose for it has none. Nothing that
/// is wrong behind TLS keeps it out.
pub(crate) fn client_goes_in_clear(case: Case<'_>) -> bool {
    let request = client_request(case);
    let answer = case.x224_to(request).filter(|_| request != EVERYTHING);
    answer.is_some_and(|seen| selects_open(seen.value)) && !inside_tls(case, request)
}

/// True if the host chose TLS in answer to this request.
pub(crate) fn inside_tls(case: Case<'_>, request: SecurityProtocols) -> bool {
    case.x224_to(request).is_some_and(|seen| match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => protocol.tls(),
        _ => false,
    })
}

/// Returns the fault of the settings that answer this request, if they have one, the worst first.
fn flaw(case: Case<'_>, request: SecurityProtocols, settings: &ConnectResponse) -> Option<Flaw> {
    if settings.conference != 0 {
        return Some(Flaw::Conference(settings.conference));
    }
    if let Some((method, level)) = settings.encryption.filter(|both| inside_tls(case, request) && *both != (0, 0)) {
        return Some(Flaw::Encryption(method, level));
    }
    if settings.version.is_none() {
        return Some(Flaw::NoCore);
    }
    if settings.io_channel.is_none_or(|channel| channel == 0) {
        return Some(Flaw::NoChannel);
    }
    if settings.channels.is_empty() {
        return Some(Flaw::NoStaticChannels);
    }
    settings.requested.filter(|echo| *echo != request).map(|echo| Flaw::OtherRequest(echo, request))
}

impl<'a> Case<'a> {
    /// Returns the protocols that were asked for, and what became of the question for its settings.
    pub fn settings(self) -> Option<Seen<(SecurityProtocols, &'a ConnectionSequenceAnswer)>> {
        let told =
            |seen: &Seen<(SecurityProtocols, &ConnectionSequenceAnswer)>| told_to(self, seen.value.0, seen.value.1);
        all_settings(self).find(told).or_else(|| all_settings(self).last())
    }
}

/// A client gets no further than a host that does not answer its first words; what a survey alone asks is held against
/// nobody.
fn rung(case: Case<'_>) -> Option<Rung> {
    let asked = || as_clients_ask(case);
    if let Some(own) = own_way(case).filter(|_| asked().next().is_none()) {
        let text =
            format!("not asked for behind {}, which is all that {} offers", own.value, case.context.profile.name);
        return Some((Outcome::Degraded, took(case, own.id), text));
    }
    let good = asked().filter(|seen| told(case, seen.value)).last();
    if let Some(last) = asked().last().filter(|_| good.is_none()) {
        let text = words_of(case, client_request(case), last.value);
        return Some((Outcome::Failed, took(case, last.id), text));
    }
    if let Some(seen) = good {
        let outcomes = outcomes(case);
        let refused = outcomes.iter().filter(|seen| !seen.value).count();
        let tries = (refused > 0).then(|| format!("; {refused} of {} tries failed", asked().count()));
        let text = words_of(case, client_request(case), seen.value) + &tries.unwrap_or_default();
        let well = refused == 0 || only_started(&outcomes) && !by_turns(case, &outcomes);
        return Some((if well { Outcome::Passed } else { Outcome::Degraded }, took(case, seen.id), text));
    }
    let seen = case.settings()?;
    let outcome = match seen.value.1 {
        ConnectionSequenceAnswer::Settings(_) => Outcome::Passed,
        _ => Outcome::Skipped,
    };
    let (request, answer) = seen.value;
    Some((outcome, took(case, seen.id), words_of(case, request, answer)))
}

/// Tells for each answer on the client's way whether it was one that a client can use. A silence that may have been
/// slowness says neither.
pub(crate) fn outcomes(case: Case<'_>) -> Vec<Seen<bool>> {
    let slowest =
        as_clients_ask(case).filter(|seen| told(case, seen.value)).filter_map(|seen| took(case, seen.id)).max();
    let impatient = |seen: &Seen<&ConnectionSequenceAnswer>| {
        *seen.value == ConnectionSequenceAnswer::Silent && waited_too_short(took(case, seen.id), slowest)
    };
    let told = |seen: Seen<&ConnectionSequenceAnswer>| Seen { value: told(case, seen.value), id: seen.id };
    as_clients_ask(case).filter(|seen| !impatient(seen)).map(told).collect()
}

/// Summarises the answer to a client's first words behind this request.
pub(crate) fn words_of(case: Case<'_>, request: SecurityProtocols, answer: &ConnectionSequenceAnswer) -> String {
    match answer {
        ConnectionSequenceAnswer::Settings(settings) => {
            let flaw = flaw(case, request, settings).map(|flaw| format!("; {}", flaw.words()));
            settings_words(settings) + &flaw.unwrap_or_default()
        }
        ConnectionSequenceAnswer::Withdrawn { settings, by } => {
            let end = match by {
                Withdrawal::Ultimatum(reason) => format!("Disconnect Provider Ultimatum, reason {reason}"),
                Withdrawal::Ended(Ended::Closed(end)) => end.verb().to_owned(),
                Withdrawal::Ended(Ended::Alert(alert)) => format!("ended with {alert}"),
            };
            format!("{}, then at once {end}", settings_words(settings))
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

fn settings_words(settings: &ConnectResponse) -> String {
    let version = settings.version.map_or_else(|| "no version".to_owned(), wire::mcs::version_words);
    format!("{version}, {} static channels", settings.channels.len())
}

#[cfg(test)]
mod tests {
    use wire::machine::End;

    use super::*;
    use crate::report::Verdict;
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
    fn settings_that_are_no_welcome_are_none() {
        let ConnectionSequenceAnswer::Settings(whole) = settings(EVERYTHING) else { unreachable!() };
        let but = |change: fn(&mut ConnectResponse)| {
            let mut changed = whole.clone();
            change(&mut changed);
            changed
        };
        for (flawed, words) in [
            (but(|settings| settings.version = None), "which no client can use"),
            (but(|settings| settings.io_channel = Some(0)), "which no client can use"),
            (but(|settings| settings.channels.clear()), "none of the static channels that were asked for"),
            (but(|settings| settings.conference = 0x10), "refuse the conference (result 0x10)"),
            (but(|settings| settings.encryption = Some((2, 2))), "encryption inside TLS (method 0x2, level 2)"),
            (but(|settings| settings.requested = Some(SecurityProtocols::SSL)), "it was asked for SSL, and we asked"),
        ] {
            let up = host("server01.corp.example").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
            let answer = ConnectionSequenceAnswer::Settings(flawed);
            let report = up.with(Fact::Settings { requested: EVERYTHING, answer }).diagnose();
            let rung = report.stages.into_iter().find(|stage| stage.stage == Stage::Sequence).unwrap();
            assert!(rung.outcome == Outcome::Failed && rung.text.contains(words), "{}", rung.text);
            assert_ne!(report.verdict, Verdict::Healthy);
        }
    }

    /// It never gets to CredSSP, whatever that says.
    #[test]
    fn a_client_without_credssp_is_healthy_by_its_own_settings_alone() {
        const SSL: SecurityProtocols = SecurityProtocols::SSL;
        let own = || {
            let up = host("192.0.2.7").nla().tls_up(wire::tls::TlsVersion::Tls13).selects(SSL, SSL);
            let up = up.with(Fact::CredsspAnswer(evidence::fact::Introduction::Challenge(6)));
            up.profile_with(|profile| profile.protocols = SSL)
        };
        let verdict = |sketch: crate::sketch::Sketch| sketch.diagnose().verdict;
        assert_eq!(verdict(own()), Verdict::Undetermined, "its way was not gone to the end");
        let told = |requested, answer| own().with(Fact::Settings { requested, answer });
        assert_eq!(verdict(told(SSL, settings(SSL))), Verdict::Healthy);
        assert_eq!(verdict(told(EVERYTHING, settings(EVERYTHING))), Verdict::Undetermined, "another way");
        assert_eq!(verdict(told(SSL, ConnectionSequenceAnswer::Closed(End::Rst))), Verdict::Undetermined);
        // and what CredSSP gets says nothing against it
        let broken = evidence::fact::Introduction::Malformed("no TSRequest".to_owned());
        assert_eq!(verdict(told(SSL, settings(SSL)).with(Fact::CredsspAnswer(broken))), Verdict::Healthy);
    }

    /// Slow is not lost.
    #[test]
    fn a_slow_answer_is_an_answer() {
        let silent = Fact::Settings { requested: EVERYTHING, answer: ConnectionSequenceAnswer::Silent };
        let told = Fact::Settings { requested: EVERYTHING, answer: settings(EVERYTHING) };
        let up = || host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
        let up = || up().tls_up(wire::tls::TlsVersion::Tls13);
        let slow = up().with_took(silent.clone(), 3000).with_took(told.clone(), 6000).diagnose();
        assert_eq!(slow.verdict, Verdict::Healthy);
        let lost = up().with_took(silent, 9000).with_took(told, 100).diagnose();
        assert_eq!(lost.verdict, Verdict::Undetermined);
    }

    #[test]
    fn where_nothing_was_asked_there_is_no_rung() {
        assert_eq!(rung_of(Vec::new()), None);
    }
}
