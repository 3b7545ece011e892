//! Evidence sketched in a few words, for the tests of causes and of reports.

#![allow(missing_docs, clippy::unwrap_used, clippy::return_self_not_must_use)]

pub mod names;

use std::collections::BTreeMap;

use evidence::access::{AccessTrace, RefusedAccess};
use evidence::fact::{Fact, Handshake};
use evidence::moment::rfc3339;
use evidence::profile::ClientProfile;
use evidence::rdp_file::{Gateway, GatewayUse, RdpFile, RdpFileRecord, RdpSignature, Routing};
use evidence::state::{LogEvent, LogSpan, RegistryData, RegistryKey, State, StoredCertificate};
use evidence::target::{Host, Target};
use evidence::{Evidence, Observation, ProfileSource, Role, Source, Subject, TimeSource};
use wire::machine::{TcpAnswer, X224Answer};
use wire::redaction::Names;
use wire::tls::{TlsOffer, TlsStack, TlsVersion};
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

pub use evidence::sketch::{NOW, key_file, refused, stored};

use crate::case::{Capabilities, Case, Context, EVERYTHING};
use crate::cause::{Cause, Confidence, Judgement, Severity};

/// Judgement that a test expects of a cause.
#[derive(Debug, PartialEq, Eq)]
pub enum Expect {
    Present(Severity, Confidence),
    Absent,
    Unknown,
}

/// Evidence about one subject, and the context in which it is judged.
pub struct Sketch {
    evidence: Evidence,
    context: Context,
}

/// Host at 192.0.2.7:3389, asked for by `target`.
pub fn host(target: &str) -> Sketch {
    host_at(target, "192.0.2.7:3389")
}

/// Host at this address and port, asked for by `target`.
pub fn host_at(target: &str, address: &str) -> Sketch {
    sketch(target, Subject::new(Role::Host, None, Some(address.parse().unwrap())))
}

/// Resolver asked for `target`.
pub fn resolver(target: &str) -> Sketch {
    sketch(target, Subject::new(Role::Resolver, Some(target.to_owned()), None))
}

/// Host of which something was recorded, without any probe.
pub fn machine() -> Sketch {
    sketch("192.0.2.7", Subject::new(Role::Host, Some("SERVER01".to_owned()), None))
}

/// Client of which something was recorded, on its way to `target`.
pub fn client(target: &str) -> Sketch {
    sketch(target, Subject::new(Role::Client, Some("CLIENT01".to_owned()), None))
}

/// Registry key with this one value.
fn one_value(path: &str, name: &str, data: RegistryData) -> Fact {
    let values = BTreeMap::from([(name.to_owned(), data)]);
    Fact::RegistryKey(RegistryKey { path: path.to_owned(), exists: true, values })
}

fn sketch(target: &str, subject: Subject) -> Sketch {
    let context = Context {
        target: Some(Target::parse(target).unwrap()),
        profile: ClientProfile::find("mstsc-11").unwrap(),
        profile_source: ProfileSource::Default,
        at: NOW,
        at_source: TimeSource::Attempt,
        symptom: None,
        capabilities: Capabilities { openssl: true },
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    };
    Sketch { evidence: Evidence { subjects: [subject].into_iter().collect(), ..Evidence::default() }, context }
}

impl Sketch {
    pub fn with(mut self, fact: Fact) -> Self {
        self.evidence.observe(0, Source::Probe(1), NOW, None, fact);
        self
    }

    pub fn beside_a_working_address(self) -> Self {
        let answer = X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0 });
        self.at_address("192.0.2.8:3389", &[Fact::X224Answer { requested: Some(EVERYTHING), answer }])
    }

    pub fn at_address(mut self, address: &str, facts: &[Fact]) -> Self {
        let other = self.evidence.subject(Subject::new(Role::Host, None, Some(address.parse().unwrap())));
        self.evidence.observe_together(other, Source::Probe(2), NOW, facts.to_vec());
        self
    }

    /// Adds a fact that the connection of this number shows, from 1; the others are of the first.
    pub fn on_connection(mut self, number: usize, fact: Fact) -> Self {
        self.evidence.observe(0, Source::Probe(number), NOW, None, fact);
        self
    }

    /// Adds a fact that a capture shows.
    pub fn watched(mut self, fact: Fact) -> Self {
        self.evidence.observe(0, Source::File(1), NOW, None, fact);
        self
    }

    /// Adds a captured client that asked for this and got this answer.
    pub fn watched_x224(self, requested: SecurityProtocols, answer: X224Answer) -> Self {
        self.watched(Fact::X224Answer { requested: Some(requested), answer })
    }

    /// Adds a captured client that offered these versions and all suites, and got this answer.
    pub fn watched_tls(self, min: TlsVersion, max: TlsVersion, answer: Handshake) -> Self {
        let offer = TlsOffer { stack: TlsStack::Watched, min, max, ..TlsOffer::PLAIN_12 };
        let client = |profile: &mut ClientProfile| {
            (profile.tls_min, profile.tls_max, profile.suites) = (min, max, offer.suites);
            (profile.groups, profile.signatures) = (offer.groups, offer.signatures);
        };
        self.watched(Fact::TlsAnswer { offer, direct: false, answer }).profile_with(client)
    }

    /// Adds a fact, with how long the question took.
    pub fn with_took(mut self, fact: Fact, milliseconds: u64) -> Self {
        let took = std::time::Duration::from_millis(milliseconds);
        self.evidence.observe(0, Source::Probe(1), NOW, Some(took), fact);
        self
    }

    /// Changes the observation that was added last.
    fn newest(&mut self, change: impl Fn(&mut Observation)) {
        let last = self.evidence.observations.len();
        self.evidence.observations.rewrite(|seen| {
            if seen.id == last {
                change(seen);
            }
        });
    }

    /// Sets when the last answer was seen, since the first.
    pub fn at(mut self, since: std::time::Duration) -> Self {
        self.newest(|seen| seen.at = NOW + since);
        self
    }

    /// Sets how long the last answer took.
    pub fn took(mut self, time: std::time::Duration) -> Self {
        self.newest(|seen| seen.took = Some(time));
        self
    }

    /// Adds a record of the machine itself beside what its address showed.
    pub fn recorded(mut self, fact: Fact) -> Self {
        let role = self.evidence.subjects[0].role;
        let name = if role == Role::Client { "CLIENT01" } else { "SERVER01" };
        let machine = Subject::new(role, Some(name.to_owned()), None);
        let subject = self.evidence.subject(machine);
        self.evidence.observe(subject, Source::File(1), NOW, None, fact);
        self
    }

    /// Adds an `.rdp` file of the client, with the verdict on its signature.
    pub fn rdp_file(self, text: &str, signature: RdpSignature) -> Self {
        let file = RdpFile::parse(text.as_bytes()).unwrap();
        let record = RdpFileRecord { signature, ..RdpFileRecord::of("server.rdp", &file) };
        self.of(Role::Client, "CLIENT01", Fact::RdpFile(record))
    }

    /// Adds a recording of accesses on the machine, with this refusal in it.
    pub fn traced(self, access: RefusedAccess) -> Self {
        self.traced_without_refusal().recorded(Fact::RefusedAccess(access))
    }

    /// Adds a recording of accesses on the machine, without any refusal that matters.
    pub fn traced_without_refusal(self) -> Self {
        self.recorded(Fact::AccessTrace(AccessTrace { records: 1000, malformed: 0, left_out: 0 }))
    }

    /// Turns all of it into a capture between this host and the client of the profile.
    pub fn of_a_watched_client(mut self) -> Self {
        self.evidence.clients.push((0, self.context.profile.clone()));
        self
    }

    /// Checks a cause as judged for the client beside a host.
    #[track_caller]
    pub fn check_client(&self, cause: &Cause, expect: Expect) {
        let client = self.evidence.subjects.iter().position(|subject| subject.role == Role::Client).unwrap();
        self.check_subject(client, cause, expect);
    }

    /// Changes the words by which the client is led to its target.
    pub fn routing(mut self, change: impl FnOnce(&mut Routing)) -> Self {
        change(&mut self.context.routing);
        self
    }

    pub fn gateway(mut self, usage: GatewayUse) -> Self {
        self.context.gateway = Some(Gateway { host: Some("gateway.corp.example".to_owned()), usage });
        self
    }

    /// Adds one more value to a registry key.
    pub fn value(self, path: &str, name: &str, data: RegistryData) -> Self {
        let known = |fact: &Fact| if let Fact::RegistryKey(key) = fact { Some(key.clone()) } else { None };
        let mut keys = self.evidence.observations.iter().rev().filter_map(|seen| known(&seen.fact));
        let key = keys.find(|key| key.path == path);
        let mut key = key.unwrap_or(RegistryKey { path: path.to_owned(), exists: true, values: BTreeMap::new() });
        key.exists = true;
        key.values.insert(name.to_owned(), data);
        self.recorded(Fact::RegistryKey(key))
    }

    pub fn dword(self, path: &str, name: &str, number: u32) -> Self {
        self.value(path, name, RegistryData::Dword(number))
    }

    /// Adds a record of another machine beside this one.
    pub fn of(mut self, role: Role, name: &str, fact: Fact) -> Self {
        let subject = self.evidence.subject(Subject::new(role, Some(name.to_owned()), None));
        self.evidence.observe(subject, Source::File(2), NOW, None, fact);
        self
    }

    /// Adds a registry value of another host.
    pub fn of_another_machine(self, name: &str, path: &str, value: &str, number: u32) -> Self {
        self.of(Role::Host, name, one_value(path, value, RegistryData::Dword(number)))
    }

    /// Adds a registry value of a client.
    pub fn of_client(self, name: &str, path: &str, value: &str, data: RegistryData) -> Self {
        self.of(Role::Client, name, one_value(path, value, data))
    }

    /// Adds a root that a client trusts.
    pub fn trusted_by_client(self, certificate: StoredCertificate) -> Self {
        self.of(Role::Client, "CLIENT01", Fact::StoredCertificate(certificate))
    }

    /// Marks the profile as named by the user rather than taken from the evidence.
    pub fn client_named(mut self) -> Self {
        self.context.profile_source = ProfileSource::Option;
        self
    }

    /// Adds a registry key that was looked up and is not there.
    pub fn absent(self, path: &str) -> Self {
        self.recorded(Fact::RegistryKey(RegistryKey { path: path.to_owned(), exists: false, values: BTreeMap::new() }))
    }

    /// Adds an entry to the System log this many minutes before the attempt, and the log itself, covering the last
    /// days.
    pub fn event(self, provider: &str, id: u32, minutes: i64) -> Self {
        self.event_with(provider, id, minutes, &[])
    }

    /// Adds an entry with data.
    pub fn event_with(self, provider: &str, id: u32, minutes: i64, data: &[(&str, &str)]) -> Self {
        let event = LogEvent {
            at: rfc3339(NOW - time::Duration::minutes(minutes)),
            channel: "System".to_owned(),
            provider: provider.to_owned(),
            id,
            record: 1,
            activity: None,
            data: data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let mut told = self.log("System", 48).recorded(Fact::LogEvent(event));
        told.newest(|seen| seen.at = NOW - time::Duration::minutes(minutes));
        told
    }

    /// Adds a complete log that covers this many hours before the attempt.
    pub fn log(self, channel: &str, hours: i64) -> Self {
        self.recorded(Fact::LogSpan(LogSpan {
            channel: channel.to_owned(),
            from: rfc3339(NOW - time::Duration::hours(hours)),
            until: rfc3339(NOW + time::Duration::minutes(5)),
            records: 1000,
            damaged: false,
            left_out: 0,
            left_out_until: None,
        }))
    }

    pub fn accepted(self) -> Self {
        self.with(Fact::TcpAnswer(TcpAnswer::Accepted))
    }

    pub fn x224(self, requested: SecurityProtocols, answer: X224Answer) -> Self {
        self.with(Fact::X224Answer { requested: Some(requested), answer })
    }

    pub fn selects(self, requested: SecurityProtocols, protocol: SecurityProtocols) -> Self {
        self.x224(requested, X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0 }))
    }

    pub fn fails(self, requested: SecurityProtocols, code: NegotiationFailure) -> Self {
        self.x224(requested, X224Answer::Server(ServerAnswer::Failure(code)))
    }

    /// Adds a host that accepted and chose NLA.
    pub fn nla(self) -> Self {
        self.accepted().selects(EVERYTHING, SecurityProtocols::HYBRID_EX)
    }

    pub fn tls(self, offer: TlsOffer, answer: Handshake) -> Self {
        self.with(Fact::TlsAnswer { offer, direct: false, answer })
    }

    pub fn tls_up(self, version: TlsVersion) -> Self {
        self.tls(TlsOffer::MODERN, Handshake::Accepted { version: Some(version), suite: 0x1302, finished: true })
    }

    /// Adds a certificate valid from and until these days, counted from now.
    pub fn certificate(self, from: i64, until: i64) -> Self {
        self.with(Fact::CertificateNotBefore(NOW + time::Duration::days(from)))
            .with(Fact::CertificateNotAfter(NOW + time::Duration::days(until)))
    }

    pub fn profile(mut self, id: &str) -> Self {
        self.context.profile = ClientProfile::find(id).unwrap();
        self
    }

    pub fn profile_with(mut self, change: impl FnOnce(&mut ClientProfile)) -> Self {
        change(&mut self.context.profile);
        self
    }

    pub fn without_openssl(mut self) -> Self {
        self.context.capabilities.openssl = false;
        self
    }

    /// Makes the time a guess: the newest one in the files.
    pub fn newest_in_files(mut self) -> Self {
        self.context.at_source = TimeSource::Evidence;
        self
    }

    /// Makes the time one that a person named.
    pub fn at_named(mut self) -> Self {
        self.context.at_source = TimeSource::Option;
        self
    }

    /// Drops the target, as if nobody had named a host.
    pub fn without_target(mut self) -> Self {
        self.context.target = None;
        self
    }

    /// Adds a code that the client showed.
    pub fn code(mut self, code: u32) -> Self {
        self.context.symptom = Some(evidence::symptom::Symptom { code, extended: None });
        self
    }

    pub fn require_trust(mut self) -> Self {
        self.context.require_trust = true;
        self
    }

    /// Adds a certificate ten days old, as Windows makes it for itself under this name.
    pub fn windows_made(self, name: &str) -> Sketch {
        let named = format!("CN={name}");
        self.certificate(-10, 173)
            .with(Fact::CertificateSubject(named.clone()))
            .with(Fact::CertificateIssuer(named))
            .with(Fact::CertificateNames(vec![name.to_owned()]))
            .with(Fact::CertificateAlternatives(false))
            .with(Fact::CertificateKey("rsa".to_owned(), 2048))
            .with(Fact::CertificateSignature("1.2.840.113549.1.1.11".to_owned()))
            .with(Fact::CertificateUsages(vec!["1.3.6.1.5.5.7.3.1".to_owned()]))
            .with(Fact::CertificateSelfIssued(true))
    }

    /// Adds a one-year certificate for these names from the organisation's own authority.
    pub fn ca_issued(self, names: &[&str]) -> Sketch {
        self.certificate(-10, 355)
            .with(Fact::CertificateSubject(format!("CN={}", names[0])))
            .with(Fact::CertificateIssuer("CN=Corp Example Issuing CA".to_owned()))
            .with(Fact::CertificateNames(names.iter().map(|name| (*name).to_owned()).collect()))
            .with(Fact::CertificateAlternatives(true))
            .with(Fact::CertificateKey("rsa".to_owned(), 2048))
            .with(Fact::CertificateSignature("1.2.840.113549.1.1.11".to_owned()))
            .with(Fact::CertificateUsages(vec!["1.3.6.1.5.5.7.3.1".to_owned()]))
            .with(Fact::CertificateSelfIssued(false))
    }

    /// Diagnoses by all causes.
    pub fn diagnose(&self) -> crate::report::Diagnosis {
        crate::diagnose::diagnose(&self.evidence, &self.context, crate::diagnose::Run::default())
    }

    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn with_case<T>(&self, look: impl FnOnce(Case<'_>) -> T) -> T {
        look(Case { evidence: &self.evidence, subject: 0, context: &self.context })
    }

    #[track_caller]
    pub fn check(&self, cause: &Cause, expect: Expect) {
        self.check_subject(0, cause, expect);
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // reads better at a hundred calls
    fn check_subject(&self, subject: usize, cause: &Cause, expect: Expect) {
        assert_eq!(self.judge(subject, cause), expect);
        if let Some(redacted) = self.redacted() {
            assert_eq!(redacted.judge(subject, cause), expect, "redacted");
            let again = redacted.redacted().unwrap();
            assert_eq!(again.evidence, redacted.evidence, "redacted twice");
        }
    }

    fn judge(&self, subject: usize, cause: &Cause) -> Expect {
        match cause.judge(Case { evidence: &self.evidence, subject, context: &self.context }) {
            Judgement::Present { severity, confidence, because } => {
                assert!(!because.is_empty(), "a finding without a reason");
                Expect::Present(severity, confidence)
            }
            Judgement::Absent => Expect::Absent,
            Judgement::Unknown => Expect::Unknown,
        }
    }

    /// Returns it rebuilt from redacted states; `None` where a probe saw names, which has its own redaction.
    fn redacted(&self) -> Option<Self> {
        let mut names = Names::default();
        self.renamed(&mut names)?;
        names.settle();
        self.renamed(&mut names)
    }

    fn renamed(&self, names: &mut Names) -> Option<Self> {
        let mut redacted = Self { evidence: self.evidence.clone(), context: self.context.clone() };
        if let Some(target) = &mut redacted.context.target {
            match &mut target.host {
                Host::Name(name) => *name = names.text(name),
                Host::Address(address) => *address = names.address(*address),
                Host::Zoned(..) => return None,
            }
        }
        redacted.evidence.subjects.rewrite(|subject| {
            subject.name = subject.name.as_deref().map(|name| names.text(name));
            subject.address = subject.address.map(|address| names.socket(address));
        });
        let mut whole = true;
        redacted.evidence.observations.rewrite(|seen| match renamed(&seen.fact, names) {
            Some(said) => seen.fact = said,
            None => whole = false,
        });
        whole.then_some(redacted)
    }
}

/// Returns a recorded fact as its state says it after redaction.
fn renamed(fact: &Fact, names: &mut Names) -> Option<Fact> {
    let mut state = State::default();
    match fact {
        Fact::RegistryKey(key) => state.registry.push(key.clone()),
        Fact::StoredCertificate(certificate) => state.certificates.push(certificate.clone()),
        Fact::KeyFile(file) => state.key_files.push(file.clone()),
        Fact::LogSpan(log) => state.logs.push(log.clone()),
        Fact::LogEvent(event) => state.events.push(event.clone()),
        Fact::EntryCount(count) => state.counts.push(count.clone()),
        Fact::Service(service) => state.services.push(service.clone()),
        Fact::RdpFile(file) => state.rdp_files.push(file.clone()),
        Fact::TcpAnswer(_) | Fact::X224Answer { .. } | Fact::TlsAnswer { .. } => return Some(fact.clone()),
        _ => return None,
    }
    let mut state = state.renamed(names);
    let registry = state.registry.pop().map(Fact::RegistryKey);
    let machine = registry.or(state.services.pop().map(Fact::Service));
    let keys = state.certificates.pop().map(Fact::StoredCertificate).or(state.key_files.pop().map(Fact::KeyFile));
    let log = state.logs.pop().map(Fact::LogSpan).or(state.events.pop().map(Fact::LogEvent));
    let log = log.or(state.counts.pop().map(Fact::EntryCount));
    machine.or(keys).or(log).or(state.rdp_files.pop().map(Fact::RdpFile))
}
