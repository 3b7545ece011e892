//! Questioning of one address as a machine without I/O: what to ask next, when, and for how long. The time goes in, a
//! plan comes out; its outcome is reported as a record.
//!
//! Administrators get banned by their own tools, and some servers serve one client at a time. So connections to one
//! address follow each other with a pause, the pause doubles after an unexpected reset, and the interview ends as soon
//! as no answer can change the verdict. Where all went well, the pause ends once the host has noticed the end.

use std::net::SocketAddr;
use std::time::Duration;

use evidence::observe::{observe_hops, observe_outcome};
use evidence::{ClientProfile, Evidence, SubjectId};
use time::OffsetDateTime;
use wire::machine::{ConversationPlan, End, Event, Limits, TcpAnswer, TlsFailure, X224Answer};
use wire::tls::HelloShape;
use wire::transcript::{ConnectionRecord, Entry, HopsRecord};
use wire::x224::ConnectionRequest;

use crate::as_client::server_name;
use crate::case::{Case, Context};
use crate::diagnose::verdict_on;
use crate::need::{Again, Need, Patience, Question};
use crate::planner::Planner;
use crate::report::{Finding, Verdict};
use crate::stage::naming::{is_certified, own_name, same_host};

/// Limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Time for the first look at every address; questions that a finding needs may take as long again.
    pub timeout: Duration,
    /// TCP connections in the whole run.
    pub connections: usize,
    /// Pause between two connections to one address.
    pub pause: Duration,
    /// True if logs show that connections fail: a host that takes everything is then asked again. So it is where a
    /// code was given.
    pub doubted: bool,
    /// True to measure the path even where nothing is odd (`--path`).
    pub path: bool,
}

impl Default for Budget {
    fn default() -> Self {
        let (timeout, pause) = (Duration::from_secs(10), Duration::from_millis(20));
        Self { timeout, connections: 16, pause, doubted: false, path: false }
    }
}

impl Budget {
    /// Returns the connections that a run may make which measures the path.
    pub fn connections_with_path(&self) -> usize {
        self.connections + PATH_CONNECTIONS
    }

    /// Returns the longest time that a run may take, from its beginning.
    pub fn longest(&self, thorough: bool) -> Duration {
        self.timeout
            * match (thorough, self.path) {
                (true, _) => SURVEY_TIME,
                (false, true) => PATH_TIMES,
                (false, false) => TIMES,
            }
    }
}

/// Multiple of the time-out that a run may take which nobody asked for more.
const TIMES: u32 = 2;
/// Stands for the user's name in `Cookie: mstshash=`, where no user is named. mstsc always sends one, of nine
/// characters at most, and some balancers answer no request without; whoever reads it in a log sees who asked.
const NEUTRAL: &str = "rdpdoctor";
/// Pause between two connections of a survey, which makes dozens; it doubles with every reset.
const SURVEY_PAUSE: Duration = Duration::from_millis(2);
/// Longest pause of a survey.
const SURVEY_PAUSE_MOST: Duration = Duration::from_millis(200);
/// Connections of a survey, beside those of the diagnosis.
const SURVEY_CONNECTIONS: usize = 184;
/// Multiple of the time-out that a survey may take.
const SURVEY_TIME: u32 = 6;
/// Connections that may be made to measure the path where somebody asks for that, beside those of the diagnosis.
const PATH_CONNECTIONS: usize = 24;
/// Multiple of the time-out that measuring the path may take then, all questions before it included.
const PATH_TIMES: u32 = 4;
/// Tenths of the time-out for an answer whose size is tried: far longer than a way there and back, and short enough to
/// wait for several that never come.
const SIZE_TENTHS: u32 = 2;
/// Most connections that look for the machine which acts on a ClientHello: one whose hello never goes out tells
/// nothing.
const HOP_TRIES: usize = 10;
/// Tenths of the time-out for what comes of a hello that may pass only so many routers: it is sent again in that time.
const HOP_TENTHS: u32 = 1;
/// Tenths of the time-out for an answer that is given more time. Clients wait longer than ten seconds for TLS: xfreerdp
/// 2.11 was seen to wait for 25 s, and the client control of Microsoft waits for 120 s in all
/// (`overallConnectionTimeout`, as documented for Windows CE). So whoever answers until then is slow, not broken;
/// more than all of it would leave a run no time to find out why nothing came.
const PATIENT_TENTHS: u32 = 9;
/// Tenths of the time left that one stage may have.
const LAST_TENTHS: u32 = 9;
/// Tenths of the time-out that patience leaves to what may have to be asked after it.
const AFTER_TENTHS: u32 = 1;
/// Pause before a question is repeated: longer than a server needs that serves one client at a time.
const RETRY_PAUSE: Duration = Duration::from_millis(300);
/// Pause before what was refused before and is expected to be, which is asked several times in a row.
const EXPECTED_PAUSE: Duration = Duration::from_millis(100);
/// Pause before a host is blamed for ending connections: short enough to wait for, and longer than a moment.
const LATER_PAUSE: Duration = Duration::from_secs(1);

/// Connection to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Conversation to hold.
    pub plan: ConversationPlan,
    /// Question that it answers, in words.
    pub words: String,
    /// Earliest beginning, since the run began.
    pub not_before: Duration,
    /// True if it may begin before that, as soon as the host shows that it has noticed the end of the last connection:
    /// then the pause has done its work.
    pub once_noticed: bool,
    /// Latest end, since the run began.
    pub until: Duration,
    /// Connections that the whole run may have made before this one.
    pub connections: usize,
    /// True if it is asked only for the sake of completeness.
    pub survey: bool,
}

/// Questioning of one address.
#[derive(Debug)]
pub struct Interview {
    context: Context,
    budget: Budget,
    at: OffsetDateTime,
    doubted: bool,
    name: Option<String>,
    subject: SubjectId,
    evidence: Evidence,
    planner: Planner,
    pause: Duration,
    survey_pause: Duration,
    last: Option<Question>,
    /// Connections that looked for the machine which acts on a ClientHello.
    by_hops: usize,
    said: Vec<ConversationPlan>,
}

impl Interview {
    /// Begins the questioning of one address.
    pub fn new(
        context: Context,
        budget: Budget,
        at: OffsetDateTime,
        address: SocketAddr,
        name: Option<String>,
        client: Option<ClientProfile>,
    ) -> Self {
        let mut evidence = Evidence::default();
        let subject = evidence.host_at(address, name.clone());
        evidence.clients.extend(client.map(|client| (subject, client)));
        let doubted = budget.doubted || context.symptom.is_some();
        Self {
            context,
            budget,
            at,
            doubted,
            name,
            subject,
            evidence,
            planner: Planner::default().doubting(doubted).measuring(budget.path),
            pause: budget.pause,
            survey_pause: SURVEY_PAUSE,
            last: None,
            by_hops: 0,
            said: Vec::new(),
        }
    }

    /// Returns the next connection, or `None` if no answer can change the verdict any more, or time is up. `now` counts
    /// from the beginning of the run; `random` is the chance in our own ClientHello.
    pub fn next(&mut self, now: Duration, random: [u8; 32]) -> Option<Ask> {
        let context = self.context.of_subject(&self.evidence, self.subject);
        let question = self.planner.next(&self.evidence, &context, self.subject)?;
        let survey = question.need == Need::SURVEY;
        let first = self.last.is_none();
        let again = match question.need.asks_again() {
            Again::Expected => Again::Expected,
            _ if self.last == Some(question) => Again::Soon,
            again => again,
        };
        let wait = match (first, survey, again) {
            (true, ..) => Duration::ZERO,
            (_, true, _) => self.survey_pause,
            (.., Again::Never) => self.pause,
            (.., Again::Soon) => self.pause.max(RETRY_PAUSE),
            (.., Again::Later) => self.pause.max(LATER_PAUSE),
            (.., Again::Expected) => self.budget.pause.max(EXPECTED_PAUSE),
        };
        // the first look has the time-out; questions for a finding may take as long again
        let path = !first && self.budget.path && question.need.is_about_the_path();
        let times = match (first, survey) {
            (_, true) => SURVEY_TIME,
            _ if path => PATH_TIMES,
            (true, _) => 1,
            _ => TIMES,
        };
        let (until, not_before) = (self.budget.timeout * times, now.saturating_add(wait));
        // the pause doubles with every reset, and must not outlast the time left
        let left = until.checked_sub(not_before).filter(|left| *left > Duration::from_millis(1))?;
        let confirms =
            [Need::REPEATED, Need::REFUSED_AGAIN].contains(&question.need) && !self.doubted && !self.context.thorough;
        let connections = match self.budget.connections {
            most if survey => most + SURVEY_CONNECTIONS,
            _ if path => self.budget.connections_with_path(),
            // other addresses of the name may need theirs for a first look
            most if confirms => most / 2,
            most => most,
        };
        self.last = Some(question);
        Some(Ask {
            plan: self.dressed(plan(question, self.budget.timeout, left, random)),
            words: question.need.words(),
            not_before,
            once_noticed: question.need == Need::REPEATED,
            until,
            connections,
            survey,
        })
    }

    /// Returns the next connection that looks for the machine on the way which acts on a ClientHello. It comes last,
    /// once the routers are known: its resets are expected, and its pause does not grow with those before.
    pub fn next_by_hops(&mut self, now: Duration, random: [u8; 32]) -> Option<Ask> {
        let context = self.context.of_subject(&self.evidence, self.subject);
        let case = Case { evidence: &self.evidence, subject: self.subject, context: &context };
        let need = Some(Need::HELLOS_BY_HOPS).filter(|need| self.by_hops < HOP_TRIES && need.askable(case))?;
        let question = need.question(case)?;
        self.by_hops += 1;
        let (until, not_before) = (self.budget.longest(false), now.saturating_add(self.budget.pause.max(RETRY_PAUSE)));
        let left = until.checked_sub(not_before).filter(|left| *left > Duration::from_millis(1))?;
        Some(Ask {
            plan: self.dressed(plan(question, self.budget.timeout, left, random)),
            words: need.words(),
            not_before,
            once_noticed: false,
            until,
            connections: self.budget.connections_with_path(),
            survey: false,
        })
    }

    /// Gives a plan the manner of the client: its cookie, its way to write a hello, and whom it asks for.
    fn dressed(&self, mut plan: ConversationPlan) -> ConversationPlan {
        let routing = &self.context.routing;
        if let Some(request) = &mut plan.request {
            plan.preconnection.clone_from(&routing.preconnection);
            request.token.clone_from(&routing.token);
            request.cookie = request.token.is_none().then(|| routing.cookie().unwrap_or_else(|| NEUTRAL.to_owned()));
        }
        if plan.tls.is_some() {
            plan.shape = HelloShape { style: self.context.profile.hello, server_name: server_name(&self.context) };
        }
        plan
    }

    /// Takes in the record of a connection.
    pub fn told(&mut self, record: &ConnectionRecord) {
        let outcome = record.outcome();
        let accepted = outcome.tcp.as_ref().is_some_and(|tcp| tcp.value == TcpAnswer::Accepted);
        observe_outcome(record, outcome, self.at, self.name.as_deref(), &mut self.evidence);
        // a hello that is to find out who resets it meets what was expected, and so does what was refused before
        let expected = self.last.is_some_and(|question| question.need.asks_again() == Again::Expected);
        if !expected && record.plan.path.hops == 0 && record.entries.iter().any(|(_, entry)| is_reset(entry)) {
            self.pause *= 2;
            self.survey_pause = (self.survey_pause * 2).min(SURVEY_PAUSE_MOST);
        }
        // the pieces and sizes of a path's measure are the client's words, said another way
        let own = !record.survey && !record.plan.path.measures();
        if accepted && own && !self.said.iter().any(|plan| same_words(plan, &record.plan)) {
            self.said.push(record.plan.clone());
        }
    }

    /// Takes in the routers on the way.
    pub fn told_of_hops(&mut self, record: &HopsRecord) {
        observe_hops(record, self.at, self.name.as_deref(), &mut self.evidence);
    }

    /// Returns everything that was said to this host, to be said to a host of our own making before this one is blamed;
    /// empty if there is nothing to blame it for. Words that fail there are not held against the host.
    pub fn to_rehearse(&self) -> &[ConversationPlan] {
        let blamed = self.verdict().0 == Verdict::Faulty;
        if blamed { &self.said } else { &[] }
    }

    /// Returns the verdict and what it rests on, without a report. What was judged while the next question was looked
    /// for is not judged again.
    pub fn verdict(&self) -> (Verdict, Vec<Finding>) {
        let context = &*self.context.of_subject(&self.evidence, self.subject);
        let case = Case { evidence: &self.evidence, subject: self.subject, context };
        verdict_on(case, self.planner.judgements(case))
    }

    /// True if the host accepted a connection.
    pub fn was_let_in(&self) -> bool {
        Case { evidence: &self.evidence, subject: self.subject, context: &self.context }.tcp_accepted()
    }

    /// True if the name may be at fault that led here: Remote Desktop does not answer, or a machine of another name
    /// does.
    pub fn doubts_the_name(&self, typed: &str) -> bool {
        let case = Case { evidence: &self.evidence, subject: self.subject, context: &self.context };
        let answers = case.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_)));
        let own = own_name(case).is_none_or(|own| same_host(typed, own.value) || is_certified(case, typed));
        !(answers && own)
    }

    /// Returns the evidence about this address alone, with the address as subject even before anything was seen of it.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// True if both plans say the same to a host.
pub fn same_words(one: &ConversationPlan, other: &ConversationPlan) -> bool {
    one.same_words(other)
}

/// True if the peer reset the connection in this entry.
fn is_reset(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(Event::Closed(End::Rst) | Event::TlsFailed(TlsFailure::Closed { end: End::Rst, .. })))
}

/// Returns this many tenths of a time-out.
fn share(timeout: Duration, tenths: u32) -> Duration {
    let micros = u64::try_from((timeout * tenths / 10).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros.max(1))
}

/// Plans the connection that asks a question. The stages share the time-out, and none gets all that is `left` of the
/// run: a wait that the run's end cuts off is no silence. Time that one does not use is left to the others.
fn plan(question: Question, timeout: Duration, left: Duration, random: [u8; 32]) -> ConversationPlan {
    let left = share(left, LAST_TENTHS);
    let mut limits = Limits::of(timeout).at_most(left);
    // after silence another try waits longer: a slow host answers then, a deaf one does not
    let patient = match question.patient {
        Some(Patience::Negotiation) => Some(&mut limits.x224),
        Some(Patience::Handshake) => Some(&mut limits.tls),
        Some(Patience::Introduction) => Some(&mut limits.credssp),
        Some(Patience::Settings) => Some(&mut limits.connection_sequence),
        None => None,
    };
    if let Some(limit) = patient {
        let most = left.saturating_sub(share(timeout, AFTER_TENTHS));
        *limit = share(timeout, PATIENT_TENTHS).min(most).max(*limit);
    }
    if question.path.tries_a_size() {
        let most = share(timeout, SIZE_TENTHS);
        (limits.x224, limits.tls) = (limits.x224.min(most), limits.tls.min(most));
    }
    if question.path.hops > 0 {
        limits.tls = limits.tls.min(share(timeout, HOP_TENTHS));
    }
    ConversationPlan {
        request: question
            .request
            .map(|protocols| ConnectionRequest { protocols: Some(protocols), ..ConnectionRequest::default() }),
        hold: question.hold,
        tls: question.tls,
        credssp: question.credssp,
        connection_sequence: question.settings,
        preconnection: None,
        random,
        shape: HelloShape::default(),
        path: question.path,
        limits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::host;

    const ADDRESS: &str = "192.0.2.7:3389";

    fn interview() -> Interview {
        let context = host("192.0.2.7").context().clone();
        let at = context.at;
        Interview::new(context, Budget::default(), at, ADDRESS.parse().unwrap(), None, None)
    }

    fn record(ask: &Ask, entries: Vec<(Duration, Entry)>) -> ConnectionRecord {
        ConnectionRecord {
            address: ADDRESS.parse().unwrap(),
            start: ask.not_before,
            survey: ask.survey,
            plan: ask.plan.clone(),
            entries,
        }
    }

    #[test]
    fn the_first_question_comes_at_once_and_a_second_try_after_a_pause() {
        let mut interview = interview();
        let first = interview.next(Duration::ZERO, [0; 32]).unwrap();
        assert_eq!((first.not_before, first.until, first.connections), (Duration::ZERO, Duration::from_secs(10), 16));
        let silent = [Entry::Event(Event::Connected), Entry::Event(Event::Time)];
        let silent = silent.into_iter().map(|entry| (Duration::from_secs(3), entry)).collect();
        interview.told(&record(&first, silent));
        let second = interview.next(Duration::from_secs(3), [0; 32]).unwrap();
        assert_eq!(second.not_before, Duration::from_secs(3) + RETRY_PAUSE);
        assert_eq!(second.until, Duration::from_secs(20));
        assert!(second.plan.limits.x224 > first.plan.limits.x224, "a slow host answers the second time");
    }

    #[test]
    fn the_user_of_a_file_is_named_as_its_client_names_it() {
        let cookie = |user: Option<&str>| {
            let mut interview = interview();
            interview.context.routing.user = user.map(str::to_owned);
            interview.next(Duration::ZERO, [0; 32]).unwrap().plan.request.unwrap().cookie.unwrap()
        };
        assert_eq!(cookie(Some("administrator")), "administr");
        assert_eq!(cookie(None), NEUTRAL);
    }

    #[test]
    fn it_ends_when_the_time_is_up() {
        let mut interview = interview();
        let first = interview.next(Duration::ZERO, [0; 32]).unwrap();
        let reset = [Entry::Event(Event::Connected), Entry::Event(Event::Closed(End::Rst))];
        interview.told(&record(&first, reset.into_iter().map(|entry| (Duration::ZERO, entry)).collect()));
        assert_eq!(interview.pause, Budget::default().pause * 2, "a reset doubles the pause");
        assert!(interview.next(Duration::from_secs(20), [0; 32]).is_none());
    }
}
