//! The live probe: asks what the planner wants to know, one connection at a time per address, within a budget.
//!
//! Administrators get banned by their own tools, and some servers serve one client at a time. So connections to one
//! address follow each other with a pause, the pause doubles after an unexpected reset, and the planner stops as soon as
//! no answer can change the verdict.

mod connection;
#[cfg(feature = "legacy-tls")]
mod openssl;
mod outlet;
mod rehearsal;
mod signature;
mod tls;

#[cfg(test)]
mod mutants;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diagnosis::case::{Capabilities, Context};
use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::evidence::Evidence;
use diagnosis::need::{Need, Question};
use diagnosis::observe::observe;
use diagnosis::planner::Planner;
use diagnosis::printable::printable;
use diagnosis::profile::ClientProfile;
use diagnosis::target::{Host, Target};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};
use wire::machine::{ConversationPlan, Event, Limits, TcpAnswer};
use wire::tls::{HelloShape, host_name};
use wire::transcript::{Entry, NameAnswer, NameLookup, Record, Transcript};
use wire::x224::ConnectionRequest;

use crate::resolve::{Resolver, SystemResolver};
use outlet::{Direct, Outlet};

/// How much a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Time for the first look at every address; questions that a finding needs may take the same again.
    pub timeout: Duration,
    /// TCP connections in the whole run.
    pub connections: usize,
    /// Pause between two connections to one address.
    pub pause: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), connections: 16, pause: Duration::from_millis(20) }
    }
}

/// What stands for the user's name in `Cookie: mstshash=` where none was given. mstsc always sends one, of nine characters at
/// most, and some balancers answer to no request without; whoever reads it in a log sees who asked.
const NEUTRAL: &str = "rdpdoctor";
/// How long a request is held back to see who ends the connection.
const HOLD: Duration = Duration::from_millis(250);
/// The `TSRequest` version that we introduce ourselves with: the current one.
const TSREQUEST_VERSION: u32 = 6;
/// The pause between two connections of a survey, which makes dozens; it doubles with every reset.
const SURVEY_PAUSE: Duration = Duration::from_millis(2);
/// The longest that it becomes.
const SURVEY_PAUSE_MOST: Duration = Duration::from_millis(200);
/// The connections of a survey, beside those of the diagnosis.
const SURVEY_CONNECTIONS: usize = 184;
/// A survey may take so many times the time-out.
const SURVEY_TIME: u32 = 6;
/// The pause before a question is put a second time: longer than a server takes that serves one client at a time.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// What a probe is told while it runs: one line for people.
pub type Progress = dyn Fn(&str) + Send + Sync;

/// What to probe and how.
#[derive(Clone)]
pub struct Probe {
    /// The host and port.
    pub target: Target,
    /// For whom it is judged; the planner asks only what matters to that client.
    pub context: Context,
    /// How much it may take.
    pub budget: Budget,
    /// What a request says beside the protocols.
    pub cookie: String,
    /// Clients that a capture shows at hosts: where the probe meets such a host, it asks what matters to that client.
    pub clients: Vec<(SocketAddr, ClientProfile)>,
    /// Who resolves the name.
    pub resolver: Arc<dyn Resolver>,
    /// Who is told what is going on.
    pub progress: Arc<Progress>,
    /// The transcript as it grows; readable at any time, so that an interrupted run can say what it knows.
    pub transcript: Arc<Mutex<Transcript>>,
    /// What stands between the machines and the sockets.
    outlet: Arc<dyn Outlet>,
}

/// What this build can ask.
pub fn capabilities() -> Capabilities {
    Capabilities { openssl: cfg!(feature = "legacy-tls") }
}

impl Probe {
    /// A probe of `target` with the usual budget and the system's resolver.
    pub fn new(context: Context, target: Target) -> Self {
        let transcript = Transcript {
            at: context.at,
            tool: concat!("rdpdoctor/", env!("CARGO_PKG_VERSION")).to_owned(),
            host: target.host.to_string(),
            port: target.port,
            name: None,
            conversations: Vec::new(),
        };
        Self {
            target,
            context,
            budget: Budget::default(),
            cookie: NEUTRAL.to_owned(),
            clients: Vec::new(),
            resolver: Arc::new(SystemResolver),
            progress: Arc::new(|_| {}),
            transcript: Arc::new(Mutex::new(transcript)),
            outlet: Arc::new(Direct),
        }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> Transcript {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks until no answer can change the verdict, or the budget is spent.
    pub async fn run(&self) -> Transcript {
        let began = Instant::now();
        let addresses = self.resolve(began).await;
        let spent = Arc::new(AtomicUsize::new(0));
        // one task an address: addresses wait for each other no more than the client would
        let mut tasks = Vec::new();
        for address in addresses {
            let one = Asking { probe: self.clone(), address, began, spent: Arc::clone(&spent) };
            tasks.push(tokio::spawn(async move {
                one.ask_all().await;
                one.rehearse().await;
            }));
        }
        for task in tasks {
            // a task that panicked has left its records behind; the others go on
            let _ = task.await;
        }
        self.seen()
    }

    async fn resolve(&self, began: Instant) -> Vec<SocketAddr> {
        let (target, resolver) = (self.target.clone(), Arc::clone(&self.resolver));
        if matches!(target.host, Host::Name(_)) {
            (self.progress)(&format!("resolving {}", target.host));
        }
        let lookup = tokio::task::spawn_blocking(move || resolver.resolve(&target));
        let limit = began + share(self.budget.timeout, 3);
        let answer = match timeout_at(limit, lookup).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => NameAnswer::Silent,
        };
        let addresses = if let NameAnswer::Addresses(list) = &answer { list.clone() } else { Vec::new() };
        if !matches!(self.target.host, Host::Address(_)) {
            let took = micros(began.elapsed());
            self.change(|transcript| transcript.name = Some(NameLookup { took, answer }));
        }
        addresses
    }

    fn change(&self, change: impl FnOnce(&mut Transcript)) {
        change(&mut self.transcript.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Whole microseconds: what a transcript keeps.
fn micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// So many tenths of a time-out.
fn share(timeout: Duration, tenths: u32) -> Duration {
    timeout * tenths / 10
}

/// One address under questioning.
struct Asking {
    probe: Probe,
    address: SocketAddr,
    began: Instant,
    spent: Arc<AtomicUsize>,
}

impl Asking {
    async fn ask_all(&self) {
        let mut planner = Planner::default();
        let mut pause = self.probe.budget.pause;
        let mut survey_pause = SURVEY_PAUSE;
        let mut last = None;
        loop {
            let evidence = self.evidence();
            let Some(subject) = evidence.subjects.iter().position(|s| s.address == Some(self.address)) else { return };
            let Some(question) = planner.next(&evidence, &self.probe.context.of_subject(&evidence, subject), subject)
            else {
                return;
            };
            let retry = last == Some(question) || question.need.asks_again();
            let times = match question.need {
                Need::Survey => SURVEY_TIME,
                _ if last.is_some() => 2,
                _ => 1,
            };
            if last.is_some() {
                let wait = match question.need {
                    Need::Survey => survey_pause,
                    _ if retry => pause.max(RETRY_PAUSE),
                    _ => pause,
                };
                // the pause doubles with every reset: it must not outlast what is left
                if self.time_left(times).is_none_or(|left| left <= wait) {
                    return;
                }
                tokio::time::sleep(wait).await;
            }
            let Some(left) = self.time_left(times) else { return };
            if self.spent.fetch_add(1, Ordering::Relaxed) >= self.connections(question) {
                return;
            }
            if self.ask(question, left).await {
                pause *= 2;
                survey_pause = (survey_pause * 2).min(SURVEY_PAUSE_MOST);
            }
            last = Some(question);
        }
    }

    /// Before a host is blamed: does what we said to it work with a host of our own making? If it does not, the answers to
    /// it are not held against the host. No connection is made for this.
    async fn rehearse(&self) {
        let diagnosis = diagnosis::diagnose(&self.evidence(), &self.probe.context, Run::default());
        if !diagnosis.findings.iter().any(|finding| finding.severity < Severity::Advisory) {
            return;
        }
        let mut said: Vec<ConversationPlan> = Vec::new();
        for record in self.probe.seen().conversations {
            let accepted = record.outcome().tcp.is_some_and(|tcp| tcp.value == TcpAnswer::Accepted);
            if accepted
                && !record.survey
                && record.address == self.address
                && !said.iter().any(|plan| same_words(plan, &record.plan))
            {
                said.push(record.plan);
            }
        }
        for plan in said {
            if !rehearsal::passes(&plan, &*self.probe.outlet).await {
                self.probe.change(|transcript| self.take_back(transcript, &plan));
            }
        }
    }

    /// Notes in every record of this address that said the same that it failed in rehearsal.
    fn take_back(&self, transcript: &mut Transcript, plan: &ConversationPlan) {
        let same = |record: &&mut Record| record.address == self.address && same_words(&record.plan, plan);
        for record in transcript.conversations.iter_mut().filter(same) {
            let at = record.entries.last().map_or(Duration::ZERO, |(at, _)| *at);
            record.entries.push((at, Entry::Event(Event::RehearsalFailed)));
        }
    }

    /// The evidence about this address alone, with the address as subject even before anything was seen of it.
    fn evidence(&self) -> Evidence {
        let mut transcript = self.probe.seen();
        transcript.conversations.retain(|record| record.address == self.address);
        let mut evidence = observe(&transcript);
        let name = transcript.name.is_some().then(|| printable(&transcript.host));
        let subject = evidence.host_at(self.address, name);
        let here = self.probe.clients.iter().filter(|(host, _)| *host == self.address);
        evidence.clients.extend(here.map(|(_, client)| (subject, client.clone())));
        evidence
    }

    /// How many connections the run may have made before this question.
    fn connections(&self, question: Question) -> usize {
        let further = if question.need == Need::Survey { SURVEY_CONNECTIONS } else { 0 };
        self.probe.budget.connections + further
    }

    /// The first look has the time-out; what a finding needs may take as long again.
    fn time_left(&self, times: u32) -> Option<Duration> {
        let whole = self.probe.budget.timeout * times;
        whole.checked_sub(self.began.elapsed()).filter(|left| *left > Duration::from_millis(1))
    }

    /// Gives a plan the manner of the client: its cookie, its way to write a hello, and whom it asks for.
    fn dress(&self, plan: &mut ConversationPlan) {
        if let Some(request) = &mut plan.request {
            request.cookie = Some(self.probe.cookie.clone());
        }
        let style = self.probe.context.profile.hello;
        let typed = self.probe.target.name().and_then(|name| host_name(name.trim_end_matches('.').as_bytes()));
        plan.shape = HelloShape { style, server_name: typed.map(str::to_owned) };
    }

    /// Opens one connection and keeps its record; true if the peer reset it unexpectedly.
    async fn ask(&self, question: Question, left: Duration) -> bool {
        (self.probe.progress)(&format!("asking {}: {}", self.address, question.need.words()));
        let started = self.began.elapsed();
        let mut plan = plan(question, self.probe.budget.timeout.min(left));
        self.dress(&mut plan);
        let entries = connection::converse(self.address, &plan, left, &*self.probe.outlet).await;
        let survey = question.need == Need::Survey;
        let record = Record { address: self.address, start: micros(started), survey, plan, entries };
        let reset = record.entries.iter().any(|(_, entry)| connection::is_reset(entry));
        self.probe.change(|transcript| transcript.conversations.push(record));
        reset
    }
}

/// True if the two say the same to a host.
fn same_words(one: &ConversationPlan, other: &ConversationPlan) -> bool {
    (&one.request, one.hold, one.tls, one.credssp, &one.shape)
        == (&other.request, other.hold, other.tls, other.credssp, &other.shape)
}

/// The connection that asks a question. The stages share the time-out; what one does not use is left to the others by
/// the deadline of the whole connection.
fn plan(question: Question, timeout: Duration) -> ConversationPlan {
    // after silence the second try waits longer: a slow host answers then, a deaf one does not. The first waits longer
    // than the three seconds after which a proxy gives its own target up
    let patient = question.need.patient();
    let stage = |usual: u32| share(timeout, if patient { 9 } else { usual });
    let limits = Limits {
        tcp: share(timeout, 4),
        x224: share(timeout, if question.need == Need::SecondTry { 8 } else { 4 }),
        tls: stage(4),
        credssp: stage(3),
    };
    let micro = |limit: Duration| micros(limit).max(Duration::from_micros(1));
    let Limits { tcp, x224, tls, credssp } = limits;
    ConversationPlan {
        request: question.request.map(|protocols| ConnectionRequest { cookie: None, protocols: Some(protocols) }),
        hold: if question.hold { HOLD } else { Duration::ZERO },
        tls: question.tls,
        credssp: question.credssp.then_some(TSREQUEST_VERSION),
        random: chance(),
        shape: HelloShape::default(),
        limits: Limits { tcp: micro(tcp), x224: micro(x224), tls: micro(tls), credssp: micro(credssp) },
    }
}

/// Random bytes for a ClientHello. They protect nothing: no handshake of our own is ever finished.
fn chance() -> [u8; 32] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 32];
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos().to_le_bytes();
        bytes[..now.len()].copy_from_slice(&now);
    }
    bytes
}
