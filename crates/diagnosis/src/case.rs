//! The view that a proof has: the evidence about one subject, and the client and time for which it is judged.

use std::borrow::Cow;

use evidence::fact::Fact;
use evidence::profile::ClientProfile;
use evidence::rdp_file::{Gateway, GatewayUse, Routing};
use evidence::symptom::Symptom;
use evidence::target::{Host, Target};
use evidence::{Because, Evidence, Observation, ProfileSource, Source, Subject, SubjectId, TimeSource};
use time::{Duration, OffsetDateTime};
use wire::machine::X224Answer;
use wire::x224::SecurityProtocols;

/// Largest distance at which a log entry still counts as part of the attempt: clocks differ, and nobody exports a log
/// at once.
pub const NEAR: Duration = Duration::minutes(10);

/// Questions that this build can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// True with OpenSSL: tunnels to old hosts, and a third opinion.
    pub openssl: bool,
}

/// Client and time for which evidence is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Host that was named; `None` for evidence without a target.
    pub target: Option<Target>,
    /// Client that has to get through.
    pub profile: ClientProfile,
    /// Origin of the profile.
    pub profile_source: ProfileSource,
    /// Time of the attempt, by this computer's clock, UTC.
    pub at: OffsetDateTime,
    /// Origin of that time.
    pub at_source: TimeSource,
    /// Code that the client showed.
    pub symptom: Option<Symptom>,
    /// Questions that can be asked.
    pub capabilities: Capabilities,
    /// True if the client refuses a host whose certificate it does not trust.
    pub require_trust: bool,
    /// Gateway that the client goes through, where its `.rdp` file says so: a direct connection is then only a test.
    pub gateway: Option<Gateway>,
    /// Words by which the client is led to its target, where its `.rdp` file has them.
    pub routing: Routing,
    /// True to ask also what no verdict needs: all versions, suites, groups, signature algorithms and protocols.
    pub thorough: bool,
    /// True if the attempt is made from a machine with Linux: what refuses it at a loopback address is that machine.
    pub on_linux: bool,
}

impl Context {
    /// Returns the context for each subject. Where the evidence tells who the client is, each host is judged for its
    /// own; and captured traffic is judged by its capture's clock, because a captured connection is the attempt.
    pub fn of_subjects<'a>(&'a self, evidence: &Evidence) -> Vec<Cow<'a, Self>> {
        (0..evidence.subjects.len()).map(|subject| self.of_subject(evidence, subject)).collect()
    }

    /// Returns the context for one subject, see [`Context::of_subjects`].
    pub fn of_subject<'a>(&'a self, evidence: &Evidence, subject: SubjectId) -> Cow<'a, Self> {
        let watched = evidence.clients.iter().find(|(host, _)| *host == subject);
        let asked_for = matches!(self.profile_source, ProfileSource::Option | ProfileSource::RdpFile);
        let profile = watched.filter(|_| !asked_for).map(|(_, client)| client);
        let seen = || evidence.observations.about(subject);
        let captured = seen().any(|seen| matches!(seen.fact, Fact::CapturedConnection(_)));
        let at = if captured { seen().map(|seen| seen.at).max() } else { None };
        if profile.is_none() && at.is_none() {
            return Cow::Borrowed(self);
        }
        let profile = profile.unwrap_or(&self.profile).clone();
        Cow::Owned(Self { profile, at: at.unwrap_or(self.at), ..self.clone() })
    }
}

/// Value, and the observation that it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen<T> {
    /// The value itself.
    pub value: T,
    /// Number of the observation.
    pub id: usize,
}

impl<T> Seen<T> {
    /// Makes a reason that cites this observation.
    pub fn because(&self, text: impl Into<String>) -> Because {
        Because { text: text.into(), observation: self.id }
    }
}

/// Protocols that a probe requests, as a current client does.
pub const EVERYTHING: SecurityProtocols =
    SecurityProtocols::SSL.with(SecurityProtocols::HYBRID).with(SecurityProtocols::HYBRID_EX);

/// One subject under judgement, with all evidence and the context.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// All evidence.
    pub evidence: &'a Evidence,
    /// Subject that is judged.
    pub subject: SubjectId,
    /// Client and time for which it is judged.
    pub context: &'a Context,
}

impl<'a> Case<'a> {
    /// Returns the subject itself.
    pub fn who(&self) -> &'a Subject {
        &self.evidence.subjects[self.subject]
    }

    /// Iterates over the subject's facts that `pick` takes.
    pub fn seen<T: 'a>(self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> impl Iterator<Item = Seen<T>> + 'a {
        let about = self.evidence.observations.about(self.subject);
        about.filter_map(move |observation| pick(&observation.fact).map(|value| Seen { value, id: observation.id }))
    }

    /// Returns the newest of the subject's facts that `pick` takes.
    pub fn last<T: 'a>(self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> Option<Seen<T>> {
        self.seen(pick).last()
    }

    /// Lists our own connections to the subject, in their order.
    pub fn connections(self) -> Vec<Source> {
        let sources = self.evidence.observations.about(self.subject).map(|observation| observation.source);
        let mut probes: Vec<_> = sources.filter(|source| matches!(source, Source::Probe(_))).collect();
        probes.dedup();
        probes
    }

    /// True if it comes from a capture or another file, so that our own probe did not cause it.
    pub fn watched(self, id: usize) -> bool {
        matches!(self.evidence.observations[id - 1].source, Source::File(_))
    }

    /// Names the clock that this observation's time is from.
    pub fn clock(self, id: usize) -> &'static str {
        if self.watched(id) { "the clock of the capture" } else { "this computer's clock" }
    }

    /// True if the client goes through a gateway here, so that a direct connection says nothing about its own.
    pub fn behind_gateway(self) -> bool {
        let accepted = || self.evidence.hosts().any(|subject| Case { subject, ..self }.tcp_accepted());
        match self.context.gateway.as_ref().map(|gateway| gateway.usage) {
            Some(GatewayUse::Always) => true,
            Some(GatewayUse::IfDirectFails) => !accepted(),
            None => false,
        }
    }

    /// Returns the source of an observation.
    pub fn source_of(self, id: usize) -> Option<Source> {
        Some(self.evidence.observations.get(id.checked_sub(1)?)?.source)
    }

    /// Returns the time of an observation.
    pub fn time_of(self, id: usize) -> OffsetDateTime {
        self.evidence.observations[id - 1].at
    }

    /// Returns the host that was asked for, if this is it; a captured host was asked for by others.
    pub fn asked_for(self) -> Option<&'a Host> {
        let target = self.context.target.as_ref()?;
        let probed = |seen: &Observation| matches!(seen.source, Source::Probe(_));
        let name = self.who().name.as_deref();
        let meant = name.is_none_or(|name| target.name().is_none_or(|typed| typed.eq_ignore_ascii_case(name)));
        (meant && self.evidence.observations.about(self.subject).any(probed)).then_some(&target.host)
    }

    /// True if a name was typed, not an address.
    pub fn name_typed(self) -> bool {
        self.context.target.as_ref().is_some_and(|target| target.name().is_some())
    }

    /// True if another address of the same name lets clients in at least as far as X.224.
    pub fn another_address_answers(self) -> bool {
        let others = self.evidence.hosts().filter(|id| *id != self.subject);
        let mut cases = others.map(|subject| Case { subject, ..self });
        cases.any(|case| case.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_))))
    }

    /// Labels the subject for sentences: `server:3389`, `192.0.2.7:3389` or the resolver's question.
    pub fn label(self) -> &'a str {
        self.who().label()
    }
}
