//! The name: the resolver's answer.

use std::net::SocketAddr;

use serde_json::{Value, json};
use wire::transcript::{NameAnswer, Transcript};

use crate::evidence::{Evidence, Role, Source, Subject};
use crate::fact::Fact;
use crate::observe::seen::later;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "name.answer";

/// Adds the resolver's answer, where a name was looked up, and the addresses that it gave.
pub(crate) fn observe(transcript: &Transcript, evidence: &mut Evidence) {
    let Some(lookup) = transcript.name() else { return };
    let name = printable(&transcript.host);
    let resolver = evidence.subject(Subject::new(Role::Resolver, Some(name.clone()), None));
    let at = later(transcript.at, lookup.took);
    evidence.observe(resolver, Source::Resolver, at, Some(lookup.took), Fact::NameAnswer(lookup.answer.clone()));
    let addresses: &[SocketAddr] = if let NameAnswer::Addresses(addresses) = &lookup.answer { addresses } else { &[] };
    for address in addresses {
        evidence.host_at(*address, Some(name.clone()));
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
    }
}
