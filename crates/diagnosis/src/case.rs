//! What a proof looks at: the evidence about one subject, and for whom and when it is judged.

use std::borrow::Cow;

use time::{Duration, OffsetDateTime};
use wire::machine::{TcpAnswer, X224Answer};
use wire::tls::{Alert, Segments, TlsOffer, TlsStack, TlsVersion};
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::as_client::first_offer;
use crate::cause::Because;
use crate::events::ends_with;
use crate::evidence::{Evidence, Observation, Role, Source, Subject, SubjectId, TimeSource};
use crate::fact::{Fact, Handshake, Introduction};
use crate::profile::ClientProfile;
use crate::rdp_file::{Gateway, GatewayUse, RdpFileRecord};
use crate::state::{LogEvent, LogSpan, RegistryData, RegistryKey, Service, moment};
use crate::symptom::Symptom;
use crate::target::{Host, Target};

/// So far from the attempt an entry of a log may lie and still be about it: clocks differ, and nobody exports a log at once.
pub const NEAR: Duration = Duration::minutes(10);

/// What this build can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// OpenSSL is there: tunnels to old hosts, and a third opinion.
    pub openssl: bool,
}

/// For whom and when evidence is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// What was named; `None` for evidence without a target.
    pub target: Option<Target>,
    /// The client that has to get through.
    pub profile: ClientProfile,
    /// Where the profile comes from: `default`, `option`, `rdp-file` for one that an `.rdp` file changes, or `evidence` for a
    /// client that was watched in a capture, or whose own registry was recorded.
    pub profile_source: &'static str,
    /// The time of the attempt, by this computer's clock, UTC.
    pub at: OffsetDateTime,
    /// Where that time comes from.
    pub at_source: TimeSource,
    /// The code that the client showed.
    pub symptom: Option<Symptom>,
    /// What can be asked.
    pub capabilities: Capabilities,
    /// The client refuses a host whose certificate it does not trust.
    pub require_trust: bool,
    /// The gateway that the client goes through, where its `.rdp` file says so: what is seen without it is a test alone.
    pub gateway: Option<Gateway>,
    /// Ask also what no verdict needs: all versions, suites, groups, signature algorithms and protocols.
    pub thorough: bool,
}

impl Context {
    /// The same for each subject: where the evidence is to say who the client is, each host is judged for its own; and what
    /// was captured is judged by the clock of its own capture, for a captured connection is the attempt.
    pub fn of_subjects<'a>(&'a self, evidence: &Evidence) -> Vec<Cow<'a, Self>> {
        (0..evidence.subjects.len()).map(|subject| self.of_subject(evidence, subject)).collect()
    }

    /// The same for one of them.
    pub fn of_subject<'a>(&'a self, evidence: &Evidence, subject: SubjectId) -> Cow<'a, Self> {
        let watched = evidence.clients.iter().find(|(host, _)| *host == subject);
        let asked_for = matches!(self.profile_source, "option" | "rdp-file");
        let profile = watched.filter(|_| !asked_for).map(|(_, client)| client);
        let seen = || evidence.observations.iter().filter(|seen| seen.subject == subject);
        let captured = seen().any(|seen| matches!(seen.fact, Fact::CapturedConnection(_)));
        let at = if captured { seen().map(|seen| seen.at).max() } else { None };
        if profile.is_none() && at.is_none() {
            return Cow::Borrowed(self);
        }
        let profile = profile.unwrap_or(&self.profile).clone();
        Cow::Owned(Self { profile, at: at.unwrap_or(self.at), ..self.clone() })
    }
}

/// A value and the observation that it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// The observation's number.
    pub id: usize,
}

impl<T> Seen<T> {
    /// A reason that cites this observation.
    pub fn because(&self, text: impl Into<String>) -> Because {
        Because { text: text.into(), observation: self.id }
    }
}

/// One subject under judgement.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// All evidence.
    pub evidence: &'a Evidence,
    /// The subject.
    pub subject: SubjectId,
    /// For whom and when.
    pub context: &'a Context,
}

/// The protocols that a probe asks for: what a current client asks for.
pub const EVERYTHING: SecurityProtocols =
    SecurityProtocols::SSL.with(SecurityProtocols::HYBRID).with(SecurityProtocols::HYBRID_EX);

/// Suites in which the client encrypts to the host's key: until then the host has not used it.
const RSA_KEY_EXCHANGE: [u16; 9] = [0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A, 0x0005, 0x0004];

/// True if a host that answered like this has used the private key of its certificate.
pub fn uses_key(answer: &Handshake) -> bool {
    match answer {
        Handshake::Accepted { finished, suite, .. } => *finished || !RSA_KEY_EXCHANGE.contains(suite),
        _ => false,
    }
}

impl<'a> Case<'a> {
    /// The subject itself.
    pub fn who(&self) -> &'a Subject {
        &self.evidence.subjects[self.subject]
    }

    /// Every fact about the subject that `pick` takes.
    pub fn seen<T: 'a>(self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> impl Iterator<Item = Seen<T>> + 'a {
        let subject = self.subject;
        let about = self.evidence.observations.iter().filter(move |observation| observation.subject == subject);
        about.filter_map(move |observation| pick(&observation.fact).map(|value| Seen { value, id: observation.id }))
    }

    /// The newest fact about the subject that `pick` takes.
    pub fn last<T: 'a>(self, pick: impl Fn(&'a Fact) -> Option<T> + 'a) -> Option<Seen<T>> {
        self.seen(pick).last()
    }

    /// How its TCP connections went.
    pub fn tcp(self) -> impl Iterator<Item = Seen<&'a TcpAnswer>> + 'a {
        self.seen(|fact| if let Fact::TcpAnswer(answer) = fact { Some(answer) } else { None })
    }

    /// True if it accepted any TCP connection.
    pub fn tcp_accepted(self) -> bool {
        self.tcp().any(|seen| *seen.value == TcpAnswer::Accepted)
    }

    /// What it said to Connection Requests: what was requested, and the answer.
    pub fn x224(self) -> impl Iterator<Item = Seen<(Option<SecurityProtocols>, &'a X224Answer)>> + 'a {
        self.seen(|fact| match fact {
            Fact::X224Answer { requested, answer } => Some((*requested, answer)),
            _ => None,
        })
    }

    /// True if it was watched in a capture or stands in another file: nobody of us asked.
    pub fn watched(self, id: usize) -> bool {
        matches!(self.evidence.observations[id - 1].source, Source::File(_))
    }

    /// Whose clock says when this was observed.
    pub fn clock(self, id: usize) -> &'static str {
        if self.watched(id) { "the clock of the capture" } else { "this computer's clock" }
    }

    /// True if a request was for `protocols`. A watched client that asks for TLS and CredSSP asks for everything, whichever
    /// forms of it its age knows.
    fn asks(self, seen: &Seen<(Option<SecurityProtocols>, &X224Answer)>, protocols: SecurityProtocols) -> bool {
        const BOTH: SecurityProtocols = SecurityProtocols::SSL.with(SecurityProtocols::HYBRID);
        let Some(requested) = seen.value.0 else { return false };
        requested == protocols || protocols == EVERYTHING && requested.contains(BOTH) && self.watched(seen.id)
    }

    /// What it said to a request for exactly these protocols: the last well-formed answer, or the last one of any kind.
    pub fn x224_to(self, protocols: SecurityProtocols) -> Option<Seen<&'a X224Answer>> {
        let answers = || {
            let to =
                self.x224().filter(move |seen| self.asks(seen, protocols) && *seen.value.1 != X224Answer::HeldOpen);
            to.map(|seen| Seen { value: seen.value.1, id: seen.id })
        };
        answers().filter(|seen| matches!(seen.value, X224Answer::Server(_))).last().or_else(|| answers().last())
    }

    /// Every try to ask for everything at once, in order; a request that was held back is none.
    pub fn tries(self) -> impl Iterator<Item = Seen<&'a X224Answer>> + 'a {
        let held = |answer: &X224Answer| matches!(answer, X224Answer::HeldOpen | X224Answer::ClosedBeforeRequest(_));
        let tries = self.x224().filter(move |seen| self.asks(seen, EVERYTHING) && !held(seen.value.1));
        tries.map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// The protocol that it selected when everything was offered.
    pub fn selected(self) -> Option<Seen<SecurityProtocols>> {
        let answer = self.x224_to(EVERYTHING)?;
        match answer.value {
            X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => {
                Some(Seen { value: *protocol, id: answer.id })
            }
            _ => None,
        }
    }

    /// How handshakes behind X.224 went.
    pub fn tls(self) -> impl Iterator<Item = Seen<(TlsOffer, &'a Handshake)>> + 'a {
        self.seen(|fact| match fact {
            Fact::TlsAnswer { offer, direct: false, answer } => Some((*offer, answer)),
            _ => None,
        })
    }

    /// How handshakes without X.224 went that we began. Those of others change nothing: no client of Remote Desktop has to
    /// begin so, and no host has to answer.
    pub fn tls_direct(self) -> impl Iterator<Item = Seen<&'a Handshake>> + 'a {
        let direct = self.seen(|fact| match fact {
            Fact::TlsAnswer { direct: true, answer, .. } => Some(answer),
            _ => None,
        });
        direct.filter(move |seen| !self.watched(seen.id))
    }

    /// How the handshake with exactly this offer went.
    pub fn tls_with(self, offer: TlsOffer) -> Option<Seen<&'a Handshake>> {
        let last = |offer| self.tls().filter(move |seen| seen.value.0 == offer).last();
        // the first hello has the versions of the client for whom we judge
        let shaped = if offer == TlsOffer::MODERN { first_offer(self) } else { offer };
        last(shaped).or_else(|| last(offer)).map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// How the handshakes of clients that were watched went.
    pub fn tls_watched(self) -> impl Iterator<Item = Seen<(TlsOffer, &'a Handshake)>> + 'a {
        self.tls().filter(|seen| seen.value.0.stack == TlsStack::Watched)
    }

    /// How often it was asked with exactly this offer.
    pub fn times(self, offer: TlsOffer) -> usize {
        self.tls().filter(|seen| seen.value.0 == offer).count()
    }

    /// True if it asked the probe for a client certificate inside the handshake.
    pub fn certificate_requested(self) -> Option<Seen<()>> {
        self.last(|fact| matches!(fact, Fact::ClientCertificateRequested).then_some(()))
    }

    /// The first handshake that the host went along with.
    pub fn tls_accepted(self) -> Option<Seen<TlsVersion>> {
        self.tls().find_map(|seen| match seen.value.1 {
            Handshake::Accepted { version: Some(version), .. } => Some(Seen { value: *version, id: seen.id }),
            _ => None,
        })
    }

    /// The observation that shows that the host does not speak `version`: a refusal of a hello that offered it with
    /// every usual suite, or an older choice where it was offered.
    pub fn tls_refused(self, version: TlsVersion) -> Option<Seen<&'a Handshake>> {
        let refusal = |offer: TlsOffer, answer: &Handshake| match answer {
            // whoever ends whole hellos need not be the host
            Handshake::Closed { .. } if self.only_cut_hellos_pass() => false,
            // a client of whatever suites: the alert says that it is the version
            Handshake::Alert(alert) if offer.stack == TlsStack::Watched => {
                alert.description == Alert::PROTOCOL_VERSION && offer.offers(version)
            }
            // Windows of old leaves a hello that it does not know alone; asked twice, it is no slow host
            Handshake::Silent { bytes: 0 } => offer.offers(version) && self.times(offer) >= 2,
            // rustls lacks suites that old hosts need; its refusal says nothing about 1.2
            Handshake::Alert(_) | Handshake::Closed { .. } => {
                offer.offers(version)
                    && offer.wide()
                    && (offer.stack != TlsStack::Rustls || version == TlsVersion::Tls13)
            }
            Handshake::Accepted { version: Some(chosen), .. } => *chosen < version && version <= offer.max,
            _ => false,
        };
        let found = self.tls().find(|seen| refusal(seen.value.0, seen.value.1));
        found.map(|seen| Seen { value: seen.value.1, id: seen.id })
    }

    /// True if it answered a ClientHello that was cut into pieces, and none in one piece.
    pub fn only_cut_hellos_pass(self) -> bool {
        let answered = |segments| {
            let tls = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. } | Handshake::Alert(_));
            self.tls().any(move |seen| seen.value.0.segments == segments && tls(seen.value.1))
        };
        answered(Segments::FirstByteAlone) && !answered(Segments::Whole)
    }

    /// How it answered our `TSRequest`.
    pub fn credssp(self) -> Option<Seen<&'a Introduction>> {
        self.introductions().last()
    }

    /// How it answered each of our `TSRequest`s, in order.
    pub fn introductions(self) -> impl Iterator<Item = Seen<&'a Introduction>> + 'a {
        self.seen(|fact| if let Fact::CredsspAnswer(answer) = fact { Some(answer) } else { None })
    }

    /// Its certificate's `notBefore`.
    pub fn not_before(self) -> Option<Seen<OffsetDateTime>> {
        self.last(|fact| if let Fact::CertificateNotBefore(date) = fact { Some(*date) } else { None })
    }

    /// Its certificate's `notAfter`.
    pub fn not_after(self) -> Option<Seen<OffsetDateTime>> {
        self.last(|fact| if let Fact::CertificateNotAfter(date) = fact { Some(*date) } else { None })
    }

    /// Its certificate's subject.
    pub fn certificate_subject(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateSubject(name) = fact { Some(name.as_str()) } else { None })
    }

    /// Its certificate's issuer.
    pub fn certificate_issuer(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateIssuer(name) = fact { Some(name.as_str()) } else { None })
    }

    /// The names that its certificate is for.
    pub fn certificate_names(self) -> Option<Seen<&'a [String]>> {
        self.last(|fact| if let Fact::CertificateNames(names) = fact { Some(names.as_slice()) } else { None })
    }

    /// True if its certificate's issuer is its subject; `None` where no certificate was seen.
    pub fn self_issued(self) -> Option<Seen<bool>> {
        self.last(|fact| if let Fact::CertificateSelfIssued(yes) = fact { Some(*yes) } else { None })
    }

    /// The SHA-1 thumbprint of its certificate, hexadecimal, lower case.
    pub fn certificate_sha1(self) -> Option<Seen<&'a str>> {
        self.last(|fact| if let Fact::CertificateSha1(sha1) = fact { Some(sha1.as_str()) } else { None })
    }

    /// Its clock minus ours, in milliseconds.
    pub fn clock_offset(self) -> Option<Seen<i64>> {
        self.last(|fact| if let Fact::ClockOffset(offset) = fact { Some(*offset) } else { None })
    }

    /// The time by its own clock.
    pub fn host_time(self) -> Option<Seen<OffsetDateTime>> {
        let offset = self.clock_offset()?;
        let time = self.context.at.checked_add(Duration::milliseconds(offset.value))?;
        Some(Seen { value: time, id: offset.id })
    }

    /// A registry key of the machine: `None` if it was not looked up.
    pub fn key(self, path: &str) -> Option<Seen<&'a RegistryKey>> {
        let path = path.to_owned();
        self.machine()?.last(move |fact| match fact {
            Fact::RegistryKey(key) if key.path.eq_ignore_ascii_case(&path) => Some(key),
            _ => None,
        })
    }

    /// A registry value of the machine: `None` if its key was not looked up, `Some(None)` if it is not there. Names of keys
    /// and values do not depend on case.
    pub fn value(self, path: &str, name: &str) -> Option<Seen<Option<&'a RegistryData>>> {
        let key = self.key(path)?;
        let found = key.value.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        Some(Seen { value: found.map(|(_, data)| data), id: key.id })
    }

    /// The same for a number.
    pub fn number(self, path: &str, name: &str) -> Option<Seen<Option<u32>>> {
        let value = self.value(path, name)?;
        let number =
            value.value.and_then(|data| if let RegistryData::Dword(number) = data { Some(*number) } else { None });
        Some(Seen { value: number, id: value.id })
    }

    /// A service of the machine that was looked up.
    pub fn service(self, name: &str) -> Option<Seen<&'a Service>> {
        let name = name.to_owned();
        self.machine()?.last(move |fact| match fact {
            Fact::Service(service) if service.name.eq_ignore_ascii_case(&name) => Some(service),
            _ => None,
        })
    }

    /// The machine's `.rdp` files.
    pub fn rdp_files(self) -> impl Iterator<Item = Seen<&'a RdpFileRecord>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(|machine| machine.seen(|fact| if let Fact::RdpFile(file) = fact { Some(file) } else { None }))
    }

    /// The entries of the machine's logs from this provider with one of these ids, old to new. Providers are compared by
    /// the end of their name, without case: `Schannel` is also `Microsoft-Windows-Schannel`.
    pub fn events(self, provider: &'a str, ids: &'a [u32]) -> impl Iterator<Item = Seen<&'a LogEvent>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::LogEvent(event) if ids.contains(&event.id) && ends_with(&event.provider, provider) => Some(event),
                _ => None,
            })
        })
    }

    /// The logs of the machine that tell of this moment.
    pub fn logs_of(self, at: OffsetDateTime) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        self.logs_within(at, Duration::ZERO)
    }

    /// The logs of the machine that tell of a time near this moment: a log ends with its newest entry, which may be the
    /// very one that speaks of the attempt.
    pub fn logs_near(self, at: OffsetDateTime) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        self.logs_within(at, NEAR)
    }

    fn logs_within(self, at: OffsetDateTime, margin: Duration) -> impl Iterator<Item = Seen<&'a LogSpan>> + 'a {
        let covers = move |log: &LogSpan| match (moment(&log.from), moment(&log.until)) {
            (Some(from), Some(until)) => (from - margin..=until + margin).contains(&at),
            _ => false,
        };
        let machine = self.machine().into_iter();
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::LogSpan(log) if covers(log) => Some(log),
                _ => None,
            })
        })
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

    /// The entries of [`Case::events`] that were written at most `window` before the attempt, or [`NEAR`] after it.
    pub fn recent(
        self,
        provider: &'a str,
        ids: &'a [u32],
        window: Duration,
    ) -> impl Iterator<Item = Seen<&'a LogEvent>> + 'a {
        let at = self.context.at;
        self.events(provider, ids).filter(move |seen| (-NEAR..=window).contains(&(at - self.time_of(seen.id))))
    }

    /// Where something was observed.
    pub fn source_of(self, id: usize) -> Option<Source> {
        Some(self.evidence.observations.get(id.checked_sub(1)?)?.source)
    }

    /// When something was observed.
    pub fn time_of(self, id: usize) -> OffsetDateTime {
        self.evidence.observations[id - 1].at
    }

    /// The host that somebody asked for, where this is the one that was asked; one of a capture was asked for by others.
    pub fn asked_for(self) -> Option<&'a Host> {
        let target = self.context.target.as_ref()?;
        let probed = |seen: &Observation| seen.subject == self.subject && matches!(seen.source, Source::Probe(_));
        let name = self.who().name.as_deref();
        let meant = name.is_none_or(|name| target.name().is_none_or(|typed| typed.eq_ignore_ascii_case(name)));
        (meant && self.evidence.observations.iter().any(probed)).then_some(&target.host)
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

    /// `server:3389`, `192.0.2.7:3389` or the resolver's question, for sentences.
    pub fn label(self) -> String {
        let who = self.who();
        match (who.role, who.address, &who.name) {
            (Role::Resolver, _, Some(name)) | (_, None, Some(name)) => name.clone(),
            (_, Some(address), _) => address.to_string(),
            (_, None, None) => "the host".to_owned(),
        }
    }
}
