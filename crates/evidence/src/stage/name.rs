//! The name: the resolver's answer, what it is set up to ask, and what name servers say themselves.

use std::net::SocketAddr;

use serde_json::{Value, json};
use wire::dns::DnsAnswer;
use wire::transcript::{DnsLookup, NameAnswer, NameSettings, Record, Transcript};

use crate::evidence::{Evidence, Role, Source, Subject};
use crate::fact::Fact;
use crate::observe::seen::later;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "name.answer";
/// Name of what the resolver is set up to ask.
pub(crate) const SETTINGS: &str = "name.settings";
/// Name of the answer of a name server itself.
pub(crate) const DNS: &str = "name.dns";

/// Adds the resolver's answer, where a name was looked up, and the addresses that it gave.
pub(crate) fn observe(transcript: &Transcript, evidence: &mut Evidence) {
    let Some(lookup) = transcript.name() else { return };
    let name = printable(&transcript.host);
    let resolver = evidence.subject(Subject::new(Role::Resolver, Some(name.clone()), None));
    for lookup in transcript.names() {
        let at = later(later(transcript.at, lookup.start), lookup.took);
        evidence.observe(resolver, Source::Resolver, at, Some(lookup.took), Fact::NameAnswer(lookup.answer.clone()));
    }
    let addresses: &[SocketAddr] = if let NameAnswer::Addresses(addresses) = &lookup.answer { addresses } else { &[] };
    // 0.0.0.0 and :: are no host's
    for address in addresses.iter().filter(|address| !address.ip().to_canonical().is_unspecified()) {
        evidence.host_at(*address, Some(name.clone()));
    }
    for record in &transcript.records {
        let (start, took, fact) = match record {
            Record::Settings(settings) => (settings.start, None, Fact::NameSettings(settings.clone())),
            Record::Dns(lookup) => (lookup.start, Some(lookup.took), Fact::DnsAnswer(lookup.clone())),
            Record::Name(_) | Record::Connection(_) | Record::Datagram(_) | Record::Hops(_) => continue,
        };
        let at = later(later(transcript.at, start), took.unwrap_or_default());
        evidence.observe(resolver, Source::Resolver, at, took, fact);
    }
}

/// Converts the answer for the report.
pub(crate) fn value(answer: &NameAnswer) -> Value {
    match answer {
        NameAnswer::Addresses(list) => {
            json!({"addresses": list.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>()})
        }
        NameAnswer::NotFound { code } => json!({"not_found": code}),
        NameAnswer::TryAgain { code } => json!({"try_again": code}),
        NameAnswer::Failed { code } => json!({"failed": code}),
        NameAnswer::Silent => "silent".into(),
        NameAnswer::NoNetwork => "no_network".into(),
    }
}

/// Converts what the resolver is set up to ask for the report.
pub(crate) fn settings_value(settings: &NameSettings) -> Value {
    let texts = |list: &[String]| list.iter().map(|text| printable(text)).collect::<Vec<_>>();
    json!({
        "hosts_file": settings.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "name_servers": settings.servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "search": texts(&settings.search),
        "dots": settings.dots,
        "neighbours": settings.neighbours.iter().map(|service| service.word()).collect::<Vec<_>>(),
    })
}

/// Converts the answer of a name server for the report.
pub(crate) fn dns_value(lookup: &DnsLookup) -> Value {
    let texts = |list: &[String]| list.iter().map(|text| printable(text)).collect::<Vec<_>>();
    let answer = match &lookup.answer {
        DnsAnswer::Addresses { aliases, addresses } => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            json!({"aliases": texts(aliases), "addresses": addresses})
        }
        DnsAnswer::Names(names) => json!({"names": texts(names)}),
        DnsAnswer::Failed(code) => json!({"failed": code}),
        DnsAnswer::NoSuchName => "no such name".into(),
        DnsAnswer::NoRecord => "no record".into(),
        DnsAnswer::Unreadable => "unreadable".into(),
        DnsAnswer::Silent => "silent".into(),
        DnsAnswer::Unreachable => "unreachable".into(),
    };
    json!({
        "server": lookup.server.to_string(),
        "name": printable(&lookup.question.name),
        "kind": lookup.question.kind.word(),
        "answer": answer,
    })
}
