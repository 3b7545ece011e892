//! The way of a connection, rung by rung.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use wire::machine::{ConnectFailure, TcpAnswer, X224Answer};
use wire::tls::{Segments, TlsOffer, TlsStack, TlsVersion};
use wire::transcript::NameAnswer;
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::words::counted;
use super::{Finding, to_gateway};
use crate::as_client::{last_as_client, taken_as_client};
use crate::case::{Case, Context, EVERYTHING};
use crate::cause::{Severity, Stage};
use crate::causes::NTLM_REFUSALS;
use crate::evidence::{Evidence, Observation, Role, SubjectId};
use crate::fact::{Fact, Handshake, Introduction, tcp_words, version_text};
use crate::printable::printable;

/// How a stage went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done, nothing wrong with it.
    Passed,
    /// Not done.
    Failed,
    /// Done, with something wrong.
    Degraded,
    /// Not tried: an earlier stage failed, or the host does not have it.
    Skipped,
}

impl Outcome {
    /// The word in the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::Skipped => "skipped",
        }
    }
}

/// One rung.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StageResult {
    /// Which.
    pub stage: Stage,
    /// Whose.
    pub subject: SubjectId,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took; null where nothing was asked.
    pub seconds: Option<f64>,
    /// What was seen, in a few words.
    pub text: String,
}

/// All rungs of all subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// In the order of subjects and stages.
    pub stages: Vec<StageResult>,
    /// A capture lacks the very packets of a TLS handshake that was agreed on.
    pub incomplete: bool,
}

/// The text of a rung whose packets a capture lacks.
const NOT_CAPTURED: &str = "not captured";
/// How a rung begins that this computer itself kept the probe from.
pub(crate) const NOT_TRIED: &str = "this computer could not try";

/// A rung before findings are laid over it: how it went, how long it took, what was seen.
pub(super) type Rung = (Outcome, Option<Duration>, String);

impl Ladder {
    /// Reads the rungs off the evidence; a finding that does not block degrades its rung.
    pub fn of(evidence: &Evidence, context: &Context, findings: &[Finding]) -> Self {
        let mut stages = Vec::new();
        let contexts = context.of_subjects(evidence);
        for (subject, context) in contexts.iter().enumerate() {
            let case = Case { evidence, subject, context };
            let who = &evidence.subjects[subject];
            let rungs: &[Stage] = match who.role {
                Role::Resolver => &[Stage::Name],
                Role::Host if who.address.is_none() => &[Stage::Host],
                Role::Client => &[Stage::Client],
                Role::Gateway => to_gateway::STAGES,
                Role::Host => &[Stage::Tcp, Stage::X224, Stage::Tls, Stage::Certificate, Stage::Credssp],
                Role::Path => &[],
            };
            let mut unseen = if case.lacks_packets() { NOT_CAPTURED } else { "not reached" };
            for stage in rungs {
                let Some((outcome, took, text)) = rung(case, *stage, unseen) else { continue };
                if outcome == Outcome::Failed || outcome == Outcome::Skipped && text != unseen {
                    unseen = "not reached";
                }
                let outcome = overlay(outcome, *stage, subject, findings);
                stages.push(StageResult {
                    stage: *stage,
                    subject,
                    outcome,
                    seconds: took.map(|t| t.as_secs_f64()),
                    text,
                });
            }
        }
        let mut cases = contexts.iter().enumerate().map(|(subject, context)| Case { evidence, subject, context });
        Self { stages, incomplete: cases.any(Case::handshake_not_captured) }
    }

    /// The rungs of the way to hosts, without those of a client's way to a gateway.
    pub(crate) fn to_hosts(&self) -> impl Iterator<Item = &StageResult> {
        let of_gateway = |id| self.stages.iter().any(|stage| stage.subject == id && stage.stage == Stage::Gateway);
        self.stages.iter().filter(move |stage| !of_gateway(stage.subject))
    }

    /// The last stage that was passed, on the address that got furthest; what a machine's own records say is none, nor what a
    /// gateway says. What another kind of hello showed behind a stage that failed, such as a certificate, does not take a
    /// client there.
    pub fn reached(&self) -> Option<Stage> {
        let failed = |s: &StageResult| {
            let before = self.stages.iter().filter(|other| other.subject == s.subject && other.stage < s.stage);
            before.into_iter().any(|other| other.outcome == Outcome::Failed)
        };
        let passed = self.to_hosts().filter(|s| matches!(s.outcome, Outcome::Passed | Outcome::Degraded));
        let passed = passed.filter(|stage| stage.stage <= Stage::Credssp && !failed(stage));
        passed.map(|stage| stage.stage).max()
    }
}

fn overlay(outcome: Outcome, stage: Stage, subject: SubjectId, findings: &[Finding]) -> Outcome {
    let here = |severity| {
        let mut here = findings.iter().filter(|f| f.stage == stage && f.subject == subject);
        here.any(|finding| finding.severity == severity)
    };
    match outcome {
        Outcome::Passed | Outcome::Degraded if here(Severity::Blocking) => Outcome::Failed,
        Outcome::Passed if here(Severity::Degrading) => Outcome::Degraded,
        outcome => outcome,
    }
}

/// A rung; `None` where a machine has none, because nothing was recorded of it. `unseen` is the text of one of which nothing
/// was seen.
fn rung(case: Case<'_>, stage: Stage, unseen: &str) -> Option<Rung> {
    let found = match stage {
        _ if case.who().role == Role::Gateway => to_gateway::rung(case, stage),
        Stage::Gateway => None,
        Stage::Name => name(case),
        Stage::Tcp => tcp(case),
        Stage::X224 => x224(case),
        Stage::Tls => tls(case),
        Stage::Certificate => certificate(case),
        Stage::Credssp => credssp(case),
        Stage::Host | Stage::Client => return recorded(case),
    };
    Some(found.unwrap_or_else(|| (Outcome::Skipped, None, unseen.to_owned())))
}

/// The observation with this number.
fn observation(case: Case<'_>, id: usize) -> &Observation {
    &case.evidence.observations[id - 1]
}

pub(super) fn took(case: Case<'_>, id: usize) -> Option<Duration> {
    observation(case, id).took
}

/// What was read of a machine.
fn recorded(case: Case<'_>) -> Option<Rung> {
    let count = |pick: fn(&Fact) -> bool| case.seen(move |fact| pick(fact).then_some(())).count();
    let logs = case.seen(|fact| if let Fact::LogSpan(log) = fact { Some(log.records) } else { None });
    let entries: u64 = logs.map(|seen| seen.value).fold(0, u64::saturating_add);
    // where it was not recorded of which time a log tells, its entries are there all the same
    let entries = entries.max(count(|fact| matches!(fact, Fact::LogEvent(_))) as u64);
    let traces = case.access_traces().map(|seen| seen.value.records).fold(0, u64::saturating_add);
    let parts = [
        (count(|fact| matches!(fact, Fact::RegistryKey(_))), ["registry key", "registry keys"]),
        (count(|fact| matches!(fact, Fact::Service(_))), ["service", "services"]),
        (count(|fact| matches!(fact, Fact::StoredCertificate(_))), ["certificate", "certificates"]),
        (count(|fact| matches!(fact, Fact::KeyFile(_))), ["key file", "key files"]),
        (count(|fact| matches!(fact, Fact::RdpFile(_))), [".rdp file", ".rdp files"]),
        (usize::try_from(entries).unwrap_or(usize::MAX), ["log entry", "log entries"]),
        (usize::try_from(traces).unwrap_or(usize::MAX), ["recorded access", "recorded accesses"]),
    ];
    let read = parts.into_iter().filter(|(count, _)| *count > 0);
    let said: Vec<_> = read.map(|(count, [one, several])| counted(count, one, several)).collect();
    (!said.is_empty()).then(|| (Outcome::Passed, None, format!("read: {}", said.join(", "))))
}

fn name(case: Case<'_>) -> Option<Rung> {
    let seen = case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })?;
    let (outcome, text) = match seen.value {
        NameAnswer::Addresses(list) => {
            let list: Vec<_> = list.iter().map(|address| address.ip().to_string()).collect();
            (Outcome::Passed, list.join(", "))
        }
        NameAnswer::NotFound { code } => (Outcome::Failed, format!("no such name, or no address for it (code {code})")),
        NameAnswer::TryAgain { code } => (Outcome::Failed, format!("the resolver could not answer (code {code})")),
        NameAnswer::Failed { code } => (Outcome::Failed, format!("the resolver failed (code {code})")),
        NameAnswer::Silent => (Outcome::Failed, "no answer from the resolver".to_owned()),
    };
    Some((outcome, took(case, seen.id), text))
}

fn tcp(case: Case<'_>) -> Option<Rung> {
    let accepted = case.tcp().find(|seen| *seen.value == TcpAnswer::Accepted);
    let seen = accepted.or_else(|| case.tcp().next())?;
    let outcome = match seen.value {
        TcpAnswer::Accepted => Outcome::Passed,
        // a computer without IPv6 goes on to the IPv4 address, and so does a client
        TcpAnswer::Failed(ConnectFailure::NetworkUnreachable) if case.another_address_answers() => Outcome::Skipped,
        // this computer's own refusal (no rights, no such address family) says nothing about the host
        TcpAnswer::Failed(ConnectFailure::Other(error)) => {
            return Some((Outcome::Skipped, None, format!("{NOT_TRIED}: {}", printable(error))));
        }
        _ => Outcome::Failed,
    };
    Some((outcome, took(case, seen.id), tcp_words(seen.value).to_owned()))
}

fn x224(case: Case<'_>) -> Option<Rung> {
    let Some(seen) = case.x224_to(EVERYTHING) else { return x224_as_client(case) };
    if let Some(rung) = client_refused(case) {
        return Some(rung);
    }
    let (outcome, text) = match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if !offered(*protocol) => {
            (Outcome::Failed, format!("selected {protocol}, which was not offered"))
        }
        // without a finding that says more, this is not what a sound host does
        X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::RDP, .. }) => {
            (Outcome::Degraded, "selected Standard RDP Security although more was offered".to_owned())
        }
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => {
            (Outcome::Passed, format!("selected {protocol}"))
        }
        X224Answer::Server(ServerAnswer::NoNegotiation) => (Outcome::Degraded, answer_words(seen.value)?),
        answer => (Outcome::Failed, answer_words(answer)?),
    };
    Some((outcome, took(case, seen.id), text))
}

/// An answer in a few words; `None` for one that is none.
fn answer_words(answer: &X224Answer) -> Option<String> {
    Some(match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => format!("selected {protocol}"),
        X224Answer::Server(ServerAnswer::Failure(code)) => format!("failure {code}"),
        X224Answer::Server(ServerAnswer::NoNegotiation) => "confirmed without negotiation".to_owned(),
        X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum) => {
            "MCS Disconnect Provider Ultimatum instead of a confirm".to_owned()
        }
        X224Answer::Foreign { service, .. } => format!("{} answered", service.name()),
        X224Answer::NotTpkt(_) => "bytes that are no TPKT".to_owned(),
        X224Answer::Malformed { error, .. } => error.clone(),
        X224Answer::Closed(end) => format!("{} without an answer", end.verb()),
        X224Answer::ClosedBeforeRequest(end) => format!("{} before the request", end.verb()),
        X224Answer::HeldOpen => return None,
        X224Answer::Incomplete(bytes) => format!("no whole answer in time ({} bytes)", bytes.len()),
        X224Answer::Silent => "no answer in time".to_owned(),
    })
}

/// A client that was watched asked for less: what it was given is what it asked for, or nothing.
fn x224_as_client(case: Case<'_>) -> Option<Rung> {
    let seen = case.x224().filter(|seen| case.watched(seen.id)).last()?;
    let (outcome, text) = match seen.value {
        (requested, X224Answer::Server(ServerAnswer::Selected { protocol, .. })) => {
            let fits = requested.unwrap_or(SecurityProtocols::RDP).contains(*protocol);
            (if fits { Outcome::Passed } else { Outcome::Failed }, format!("selected {protocol}"))
        }
        (None, X224Answer::Server(ServerAnswer::NoNegotiation)) => {
            (Outcome::Passed, "confirmed; nothing was negotiated".to_owned())
        }
        (_, answer) => (Outcome::Failed, answer_words(answer)?),
    };
    let asked = seen.value.0.map_or("no protocol".to_owned(), |protocols| protocols.to_string());
    Some((outcome, took(case, seen.id), format!("{text} (the client asked for {asked})")))
}

/// One protocol of those that a probe offers.
fn offered(protocol: SecurityProtocols) -> bool {
    protocol.0.count_ones() <= 1 && EVERYTHING.contains(protocol)
}

/// What the host says to the client's own request decides, where that differs from the probe's.
fn client_refused(case: Case<'_>) -> Option<Rung> {
    let client = &case.context.profile;
    let selected = case.selected()?;
    let plain = if selected.value == SecurityProtocols::HYBRID_EX { SecurityProtocols::HYBRID } else { selected.value };
    if client.protocols.contains(selected.value) || client.protocols.contains(plain) {
        return None;
    }
    let words = format!("selected {}, which {} does not offer", selected.value, client.name);
    let Some(seen) = case.x224_to(client.protocols) else {
        return Some((
            Outcome::Degraded,
            took(case, selected.id),
            format!("{words}; its own request was not answered"),
        ));
    };
    let answer = match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if client.protocols.contains(*protocol) => {
            return None;
        }
        X224Answer::Server(ServerAnswer::Failure(code)) => format!("answered failure {code}"),
        X224Answer::Closed(end) => format!("{} without an answer", end.verb()),
        X224Answer::Silent => "not answered in time".to_owned(),
        _ => "answered in another way".to_owned(),
    };
    Some((Outcome::Failed, took(case, seen.id), format!("{words}; its own request was {answer}")))
}

fn tls(case: Case<'_>) -> Option<Rung> {
    let Some(first) = case.tls().next() else {
        let without = case.selected().map_or_else(|| case.watched_without_tls(), |selected| !selected.value.tls());
        let without = without.then(|| (Outcome::Skipped, None, "the host did not choose TLS".to_owned()));
        return without.or_else(|| tls_at_once(case));
    };
    let finished = case.tls().find(|seen| matches!(seen.value.1, Handshake::Accepted { finished: true, .. }));
    // a hello that passes only when it is cut does not show that a client's would
    let whole = |offer: TlsOffer| offer.segments == Segments::Whole;
    let accepted = case.tls().find(|seen| whole(seen.value.0) && matches!(seen.value.1, Handshake::Accepted { .. }));
    // what one of our stacks calls a broken protocol, a client may refuse as well, whatever a more tolerant one says
    let broken = case.tls().find(|seen| {
        matches!(seen.value.1, Handshake::Malformed(_) | Handshake::NotTls(_) | Handshake::WrongKey)
    });
    let best = broken.or(finished).or(accepted).unwrap_or(first);
    // what the client itself would hear decides, whatever another hello gets
    if let Some(own) = last_as_client(case).filter(|_| taken_as_client(case).is_none())
        && own.value.refusal().is_some()
    {
        let text = format!("the hello of {} was {}", case.context.profile.name, own.value.refusal().unwrap_or_default());
        return Some((Outcome::Failed, took(case, own.id), text));
    }
    let (outcome, text) = match best.value.1 {
        Handshake::Accepted { .. } => {
            let text = accepted_words(best.value.1);
            if client_speaks(case) && (finished.is_some() || best.value.0.stack == TlsStack::Watched) {
                (Outcome::Passed, text)
            } else if client_speaks(case) {
                (Outcome::Degraded, text)
            } else {
                let client = &case.context.profile;
                (Outcome::Degraded, format!("{text}; not seen with {} of {}", client.versions_text(), client.name))
            }
        }
        refused => (Outcome::Failed, refused_words(refused)),
    };
    Some((outcome, took(case, best.id), text))
}

/// What somebody who was watched got for a ClientHello without X.224 before it: it says nothing of clients that negotiate.
fn tls_at_once(case: Case<'_>) -> Option<Rung> {
    let direct = case.last(|fact| match fact {
        Fact::TlsAnswer { direct: true, answer, .. } => Some(answer),
        _ => None,
    });
    let seen = direct.filter(|seen| case.watched(seen.id))?;
    let words = match seen.value {
        Handshake::Accepted { .. } => accepted_words(seen.value),
        refused => refused_words(refused),
    };
    let text = format!("a client began with TLS, which no host has to answer: {words}");
    Some((Outcome::Skipped, took(case, seen.id), text))
}

/// How a server went along, in a few words; empty if it did not.
pub(super) fn accepted_words(answer: &Handshake) -> String {
    let Handshake::Accepted { version, suite, finished } = answer else { return String::new() };
    let version = version.map_or("older than TLS 1.0".to_owned(), |version| version.to_string());
    let note = if *finished { "" } else { ", handshake not finished" };
    format!("{version}, suite {suite:#06x}{note}")
}

/// How it did not, in a few words; empty if it did.
pub(super) fn refused_words(answer: &Handshake) -> String {
    match answer {
        Handshake::Accepted { .. } => String::new(),
        Handshake::WrongKey => "signed with another key than that of its certificate".to_owned(),
        Handshake::Alert(alert) => alert.to_string(),
        Handshake::Closed { end, bytes: 0 } => format!("{} without an answer", end.verb()),
        Handshake::Closed { end, bytes } => format!("{} after {bytes} bytes", end.verb()),
        Handshake::Silent { bytes } => format!("no whole answer in time ({bytes} bytes)"),
        Handshake::NotTls(_) => "bytes that are no TLS record".to_owned(),
        Handshake::Malformed(words) => words.clone(),
        Handshake::OwnFailure(words) => format!("our own failure: {words}"),
    }
}

/// True if the host took a version that the client speaks.
fn client_speaks(case: Case<'_>) -> bool {
    case.tls().any(|seen| match seen.value.1 {
        Handshake::Accepted { version: Some(version), .. } => case.context.profile.speaks(*version),
        _ => false,
    })
}

fn certificate(case: Case<'_>) -> Option<Rung> {
    let unreadable = case.last(|fact| matches!(fact, Fact::CertificateUnreadable).then_some(()));
    if unreadable.is_some() {
        return Some((Outcome::Failed, None, "what was sent as a certificate could not be read".to_owned()));
    }
    let Some(until) = case.not_after() else {
        let hidden = case
            .tls_watched()
            .any(|seen| matches!(seen.value.1, Handshake::Accepted { version: Some(TlsVersion::Tls13), .. }));
        return hidden.then(|| (Outcome::Skipped, None, "TLS 1.3 encrypts it: no capture shows it".to_owned()));
    };
    let subject =
        case.last(|fact| if let Fact::CertificateSubject(subject) = fact { Some(subject.clone()) } else { None });
    let subject = subject.map(|seen| seen.value).unwrap_or_default();
    let self_issued = case.last(|fact| if let Fact::CertificateSelfIssued(yes) = fact { Some(*yes) } else { None });
    let kind = if self_issued.is_some_and(|seen| seen.value) { ", self-signed" } else { "" };
    // one that was shown to a client which began with TLS takes no other client further
    let to_others = case.tls().next().is_none() && case.tls_direct().next().is_none();
    let outcome = if to_others { Outcome::Skipped } else { Outcome::Passed };
    Some((outcome, None, format!("{subject}{kind}, valid until {}", until.value.date())))
}

fn credssp(case: Case<'_>) -> Option<Rung> {
    let Some(seen) = case.credssp() else {
        if case.tls_watched().next().is_some() {
            return Some((Outcome::Skipped, None, "encrypted: a capture does not show it".to_owned()));
        }
        let selected = case.selected()?;
        // by whatever hello: old hosts refuse the first one
        let done = case.tls_accepted().is_some();
        let text = "the host did not choose CredSSP".to_owned();
        return (done && !selected.value.credssp()).then_some((Outcome::Skipped, None, text));
    };
    let (outcome, text) = match seen.value {
        Introduction::Challenge(version) => {
            (Outcome::Passed, format!("TSRequest version {version}{}", introduced(case)))
        }
        // without NTLM the host cannot introduce itself to a probe; Kerberos may still work
        Introduction::Refused { status: Some(status), .. } if NTLM_REFUSALS.contains(status) => {
            (Outcome::Passed, format!("NTLM refused ({status:#010x})"))
        }
        Introduction::Refused { status: Some(status), .. } => (Outcome::Failed, format!("error {status:#010x}")),
        Introduction::Refused { status: None, .. } => (Outcome::Passed, "answered without NTLM".to_owned()),
        Introduction::Malformed(words) => (Outcome::Failed, words.clone()),
        Introduction::Closed(end) => (Outcome::Failed, format!("{} without an answer", end.verb())),
        Introduction::Alert(alert) => (Outcome::Failed, format!("ended with {alert}")),
        Introduction::Silent => (Outcome::Failed, "no answer in time".to_owned()),
    };
    Some((outcome, took(case, seen.id), text))
}

fn introduced(case: Case<'_>) -> String {
    let name = case.last(|fact| match fact {
        Fact::NtlmDnsComputer(name) | Fact::NtlmComputer(name) => Some(name.clone()),
        _ => None,
    });
    let version = case.last(|fact| if let Fact::NtlmVersion(version) = fact { Some(*version) } else { None });
    let name = name.map(|seen| format!(", it calls itself {}", seen.value)).unwrap_or_default();
    let version = version.map(|seen| format!(", version {}", version_text(seen.value))).unwrap_or_default();
    name + &version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::machine;
    use crate::state::{LogEvent, Unread};

    /// Nobody has tried to reach a machine of which a file could not be read.
    #[test]
    fn a_machine_of_which_nothing_was_read_has_no_rung() {
        let unread = Unread { what: "a.evtx".to_owned(), why: "an empty file".to_owned() };
        let report = machine().with(Fact::Unread(unread)).diagnose();
        assert_eq!(report.stages, []);
    }

    #[test]
    fn entries_count_also_without_the_time_of_their_log() {
        let entry: LogEvent =
            serde_json::from_value(serde_json::json!({"at": "2026-11-21T08:00:00Z", "channel": "System",
            "provider": "TermDD", "id": 50, "record": 1}))
            .unwrap();
        let report = machine().with(Fact::LogEvent(entry)).diagnose();
        assert_eq!((report.stages.len(), report.stages[0].text.as_str()), (1, "read: 1 log entry"));
    }

    #[test]
    fn a_watched_client_without_tls_has_not_been_kept_from_it() {
        let selected = ServerAnswer::Selected { protocol: SecurityProtocols::RDP, flags: 0 };
        let sketch = crate::causes::sketch::host("192.0.2.7");
        let report = sketch.watched_x224(SecurityProtocols::RDP, X224Answer::Server(selected)).diagnose();
        let tls = report.stages.iter().find(|stage| stage.stage == Stage::Tls).unwrap();
        assert_eq!(tls.text, "the host did not choose TLS");
    }
}
