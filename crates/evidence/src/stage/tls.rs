//! TLS: the answer to a ClientHello.

use serde_json::{Value, json};
use wire::hex;
use wire::machine::{Outcome, Presented, TlsAnswer};
use wire::tls::{TlsOffer, TlsVersion};
use wire::transcript::ConnectionRecord;

use super::certificate;
use super::end::end_word;
use crate::fact::{Fact, KeyExchange};
use crate::observe::seen::Seen;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "tls.answer";
/// Name of an answer to the survey.
pub(crate) const SURVEYED: &str = "survey.handshake";

/// Adds the answer to a ClientHello, and the certificate that came with it.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let (Some(tls), Some(offer)) = (outcome.tls.take(), record.plan.tls) else { return };
    let (at, took) = (seen.moment(tls.at), Some(tls.took));
    let (answer, presented) = (printed(tls.value), &outcome.presented);
    if record.survey {
        let Presented { group, signature, prime_bits, .. } = *presented;
        let exchange = KeyExchange { group, signature, prime_bits };
        return seen.add(at, took, Fact::SurveyedHandshake { offer, answer, exchange });
    }
    seen.add(at, took, Fact::TlsAnswer { offer, direct: record.plan.request.is_none(), answer });
    certificate::observe(at, &presented.chain, seen);
}

/// Makes the words of an answer safe to print.
pub(crate) fn printed(mut answer: TlsAnswer) -> TlsAnswer {
    if let Some(words) = answer.words_mut() {
        *words = printable(words);
    }
    answer
}

/// Converts hello and answer for the report.
pub(crate) fn value(offer: TlsOffer, direct: bool, answer: &TlsAnswer) -> Value {
    json!({"offer": offer.to_string(), "direct": direct, "answer": handshake_value(answer)})
}

/// Converts hello and answer of the survey for the report.
pub(crate) fn surveyed_value(offer: TlsOffer, answer: &TlsAnswer, exchange: KeyExchange) -> Value {
    json!({
        "offer": offer.to_string(), "answer": handshake_value(answer),
        "group": exchange.group.map(|group| format!("{group:#06x}")),
        "signature": exchange.signature.map(|signature| format!("{signature:#06x}")),
        "prime_bits": exchange.prime_bits,
    })
}

fn handshake_value(answer: &TlsAnswer) -> Value {
    match answer {
        TlsAnswer::Accepted { version, suite, finished } => json!({
            "version": version.map(TlsVersion::number), "suite": format!("{suite:#06x}"), "finished": finished}),
        TlsAnswer::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        TlsAnswer::Closed { end, bytes } => json!({"closed": end_word(*end), "after_bytes": bytes}),
        TlsAnswer::Silent { bytes } => json!({"silent_after_bytes": bytes}),
        TlsAnswer::NotTls(bytes) => json!({"not_tls": hex::encode(bytes)}),
        TlsAnswer::Malformed(words) => json!({"malformed": words}),
        TlsAnswer::OwnFailure(words) => json!({"own_failure": words}),
    }
}
