//! Turns a transcript into evidence: the one way in which a probe, live or replayed, becomes facts. Captures likewise.

mod capture;
mod gateway;
mod state;

use time::OffsetDateTime;
use wire::certificate::Certificate;
use wire::machine::{CredsspAnswer, Outcome, TlsAnswer};
use wire::ntlm::{self, Challenge};
use wire::transcript::{ConnectionRecord, NameAnswer, Transcript};

pub use capture::{moment, observe_capture};
pub use gateway::named_gateways;

use crate::evidence::{Evidence, Role, Source, Subject, SubjectId};
use crate::fact::{Fact, Handshake, Introduction, KeyExchange};
use crate::printable::printable;

/// Adds a duration, stopping at the end of the calendar: a transcript may hold any time.
fn later(at: OffsetDateTime, passed: std::time::Duration) -> OffsetDateTime {
    at.saturating_add(time::Duration::try_from(passed).unwrap_or(time::Duration::MAX))
}

/// Turns a transcript into evidence.
pub fn observe(transcript: &Transcript) -> Evidence {
    let mut evidence = Evidence::default();
    observe_into(transcript, &mut evidence);
    evidence
}

/// Adds the evidence in a transcript to other evidence.
pub fn observe_into(transcript: &Transcript, evidence: &mut Evidence) {
    let name = transcript.name();
    if let Some(lookup) = name {
        let resolver =
            evidence.subject(Subject { role: Role::Resolver, name: Some(printable(&transcript.host)), address: None });
        let at = later(transcript.at, lookup.took);
        let answer = Fact::NameAnswer(lookup.answer.clone());
        evidence.observe(resolver, Source::Resolver, at, Some(lookup.took), answer);
        if let NameAnswer::Addresses(addresses) = &lookup.answer {
            for address in addresses {
                host(transcript, *address, evidence);
            }
        }
    }
    let name = name.is_some().then(|| printable(&transcript.host));
    for record in transcript.connections() {
        observe_record(record, transcript.at, name.as_deref(), evidence);
    }
}

/// Adds the evidence in one connection of a run that began at `at` (UTC) and that `name` (made safe to print) led to.
pub fn observe_record(record: &ConnectionRecord, at: OffsetDateTime, name: Option<&str>, evidence: &mut Evidence) {
    observe_outcome(record, record.outcome(), at, name, evidence);
}

/// Adds the evidence in one connection, whose outcome has been read already.
pub fn observe_outcome(
    record: &ConnectionRecord,
    outcome: Outcome,
    at: OffsetDateTime,
    name: Option<&str>,
    evidence: &mut Evidence,
) {
    let subject = evidence.host_at(record.address, name.map(str::to_owned));
    evidence.connections += 1;
    let source = Source::Probe(evidence.connections);
    Seen { evidence, subject, source, began: later(at, record.start) }.outcome(record, outcome);
}

fn host(transcript: &Transcript, address: std::net::SocketAddr, evidence: &mut Evidence) -> SubjectId {
    let name = transcript.name().is_some().then(|| printable(&transcript.host));
    evidence.host_at(address, name)
}

/// One connection on its way to becoming facts.
struct Seen<'a> {
    evidence: &'a mut Evidence,
    subject: SubjectId,
    source: Source,
    began: OffsetDateTime,
}

impl Seen<'_> {
    fn outcome(&mut self, record: &ConnectionRecord, mut outcome: Outcome) {
        missed_certificate(&mut outcome);
        if record.survey {
            return self.survey(record, outcome);
        }
        if let Some(tcp) = outcome.tcp {
            self.evidence.observe(
                self.subject,
                self.source,
                later(self.began, tcp.at),
                Some(tcp.took),
                Fact::TcpAnswer(tcp.value),
            );
        }
        if let Some(at) = outcome.rehearsal_failed {
            self.evidence.observe(self.subject, self.source, self.began + at, None, Fact::RehearsalFailed);
        }
        if let (Some(x224), Some(request)) = (outcome.x224, &record.plan.request) {
            let fact = Fact::X224Answer { requested: request.protocols, answer: x224.value };
            self.evidence.observe(self.subject, self.source, later(self.began, x224.at), Some(x224.took), fact);
        }
        if let (Some(tls), Some(offer)) = (outcome.tls, record.plan.tls) {
            let at = later(self.began, tls.at);
            let wanted = matches!(&tls.value, TlsAnswer::Flight(flight) if flight.wants_client_certificate);
            if outcome.certificate_requested || wanted {
                self.add(at, None, Fact::ClientCertificateRequested);
            }
            let (answer, chain) = handshake(tls.value);
            let fact = Fact::TlsAnswer { offer, direct: record.plan.request.is_none(), answer };
            self.evidence.observe(self.subject, self.source, at, Some(tls.took), fact);
            self.certificates(at, &chain);
        }
        if let Some(credssp) = outcome.credssp {
            let at = later(self.began, credssp.at);
            let (answer, challenge) = introduction(credssp.value);
            self.evidence.observe(self.subject, self.source, at, Some(credssp.took), Fact::CredsspAnswer(answer));
            if let Some(challenge) = challenge {
                let answering = time::Duration::try_from(credssp.took / 2).unwrap_or(time::Duration::MAX);
                self.challenge(at, &challenge, at.saturating_sub(answering));
            }
        }
    }

    /// Records answers to the survey as facts of their own: our own additional tries are held against nobody.
    fn survey(&mut self, record: &ConnectionRecord, outcome: Outcome) {
        let requested = record.plan.request.as_ref().and_then(|request| request.protocols);
        if let (Some(x224), Some(requested)) = (outcome.x224, requested) {
            let fact = Fact::SurveyedNegotiation { requested, answer: x224.value };
            self.evidence.observe(self.subject, self.source, later(self.began, x224.at), Some(x224.took), fact);
        }
        if let (Some(tls), Some(offer)) = (outcome.tls, record.plan.tls) {
            let exchange = match &tls.value {
                TlsAnswer::Flight(flight) => {
                    KeyExchange { group: flight.group, signature: flight.signature, prime_bits: flight.prime_bits }
                }
                _ => KeyExchange::default(),
            };
            let fact = Fact::SurveyedHandshake { offer, answer: handshake(tls.value).0, exchange };
            self.evidence.observe(self.subject, self.source, later(self.began, tls.at), Some(tls.took), fact);
        }
    }

    fn together(&mut self, at: OffsetDateTime, facts: Vec<Fact>) {
        self.evidence.observe_together(self.subject, self.source, at, facts);
    }

    fn add(&mut self, at: OffsetDateTime, took: Option<std::time::Duration>, fact: Fact) {
        self.evidence.observe(self.subject, self.source, at, took, fact);
    }

    fn certificates(&mut self, at: OffsetDateTime, chain: &[Vec<u8>]) {
        let Some(leaf) = chain.first() else { return };
        let count = Fact::CertificateCount(chain.len());
        let Some(leaf) = Certificate::read(leaf) else {
            return self.together(at, vec![count, Fact::CertificateUnreadable]);
        };
        let names = if leaf.names.is_empty() { leaf.common_name.iter().cloned().collect() } else { leaf.names };
        let mut facts = vec![
            count,
            Fact::CertificateSubject(printable(&leaf.subject)),
            Fact::CertificateIssuer(printable(&leaf.issuer)),
            Fact::CertificateNames(names.iter().map(|name| printable(name)).collect()),
            Fact::CertificateAlternatives(leaf.alternatives),
            Fact::CertificateNotBefore(leaf.not_before),
            Fact::CertificateNotAfter(leaf.not_after),
            Fact::CertificateKey(leaf.key_algorithm, leaf.key_bits),
            Fact::CertificateSignature(leaf.signature_algorithm),
            Fact::CertificateUsages(leaf.usages),
            Fact::CertificateSha1(leaf.sha1),
            Fact::CertificateSha256(leaf.sha256),
            Fact::CertificateSelfIssued(leaf.self_issued),
        ];
        facts.extend(leaf.key_usages.map(Fact::CertificateKeyUsages));
        self.together(at, facts);
    }

    /// `asked`: our clock half-way between question and answer, when the host most likely read its own.
    fn challenge(&mut self, at: OffsetDateTime, challenge: &Challenge, asked: OffsetDateTime) {
        type Named = fn(String) -> Fact;
        let names: [(&Option<String>, Named); 4] = [
            (&challenge.netbios_computer, Fact::NtlmComputer),
            (&challenge.netbios_domain, Fact::NtlmDomain),
            (&challenge.dns_computer, Fact::NtlmDnsComputer),
            (&challenge.dns_domain, Fact::NtlmDnsDomain),
        ];
        let told = names.into_iter().filter_map(|(name, fact)| Some(fact(printable(name.as_ref()?))));
        let facts = told.chain(challenge.version.map(Fact::NtlmVersion)).collect();
        self.together(at, facts);
        if let Some(clock) = challenge.timestamp.filter(|ticks| *ticks != 0).and_then(ntlm::filetime) {
            let offset = (clock - asked).whole_milliseconds();
            self.evidence.observe(
                self.subject,
                self.source,
                at,
                None,
                Fact::ClockOffset(i64::try_from(offset).unwrap_or(i64::MAX)),
            );
        }
    }
}

/// In TLS 1.3 a handshake is finished for us before the peer says that it misses our certificate: what it says then is
/// its answer to the handshake, not to CredSSP.
fn missed_certificate(outcome: &mut Outcome) {
    let ended = match outcome.credssp.as_ref().filter(|_| outcome.certificate_requested).map(|seen| &seen.value) {
        Some(CredsspAnswer::Alert(alert)) => TlsAnswer::Alert(*alert),
        Some(CredsspAnswer::Closed(end)) => TlsAnswer::Closed { end: *end, bytes: 0 },
        _ => return,
    };
    if let (Some(tls), Some(credssp)) = (&mut outcome.tls, outcome.credssp.take()) {
        (tls.value, tls.at) = (ended, credssp.at);
    }
}

fn handshake(answer: TlsAnswer) -> (Handshake, Vec<Vec<u8>>) {
    let answer = match answer {
        TlsAnswer::Established { version, suite, chain } => {
            return (Handshake::Accepted { version: Some(version), suite, finished: true }, chain);
        }
        TlsAnswer::Flight(flight) => {
            return (
                Handshake::Accepted { version: flight.version, suite: flight.suite, finished: false },
                flight.chain,
            );
        }
        TlsAnswer::Alert(alert) => Handshake::Alert(alert),
        TlsAnswer::WrongKey => Handshake::WrongKey,
        TlsAnswer::Closed { end, bytes } => Handshake::Closed { end, bytes },
        TlsAnswer::Silent { bytes } => Handshake::Silent { bytes },
        TlsAnswer::NotTls(bytes) => Handshake::NotTls(bytes),
        TlsAnswer::Malformed(words) => Handshake::Malformed(printable(&words)),
        TlsAnswer::OwnFailure(words) => Handshake::OwnFailure(printable(&words)),
    };
    (answer, Vec::new())
}

fn introduction(answer: CredsspAnswer) -> (Introduction, Option<Challenge>) {
    match answer {
        CredsspAnswer::Challenge { version, challenge } => (Introduction::Challenge(version), Some(challenge)),
        CredsspAnswer::Refused { version, status } => (Introduction::Refused { version, status }, None),
        CredsspAnswer::Malformed(words) => (Introduction::Malformed(printable(&words)), None),
        CredsspAnswer::Closed(end) => (Introduction::Closed(end), None),
        CredsspAnswer::Alert(alert) => (Introduction::Alert(alert), None),
        CredsspAnswer::Silent => (Introduction::Silent, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_times_are_no_panic() {
        for at in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59+00:01"] {
            for time in ["18446744073709551614.000000", "0.000000", "999999999999.999999"] {
                let text = format!(
                    "rdpdoctor transcript 1\nat {at}\ntool x\ntarget server 3389\nname {time} addresses 192.0.2.7:3389\n\
                     connection 192.0.2.7:3389 {time} request=SSL limits={time},{time},{time},{time}\n  {time} connected\n  \
                     {time} closed fin\n"
                );
                let transcript: Transcript = text.parse().unwrap();
                assert!(observe(&transcript).observations.len() > 2);
            }
        }
    }
}
