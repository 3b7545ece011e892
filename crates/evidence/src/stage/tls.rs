//! TLS: the answer to a ClientHello.

use serde_json::{Value, json};
use wire::hex;
use wire::machine::{ConnectionSequenceAnswer, CredsspAnswer, Ended, Outcome, Presented, TlsAnswer};
use wire::tls::{TlsOffer, TlsVersion};
use wire::transcript::ConnectionRecord;

use super::end::end_word;
use super::{certificate, connection_sequence};
use crate::fact::{Fact, KeyExchange};
use crate::observe::seen::Seen;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "tls.answer";
/// Name of the request for a certificate of the client.
pub(crate) const CERTIFICATE_REQUESTED: &str = "tls.client_certificate_requested";
/// Name of an end behind the handshake.
pub(crate) const ENDED: &str = "tls.ended_behind_handshake";
/// Name of an answer to the survey.
pub(crate) const SURVEYED: &str = "survey.handshake";

/// Adds the answer to a ClientHello, and the certificate that came with it.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    missed_certificate(outcome);
    let (Some(tls), Some(offer)) = (outcome.tls.take(), record.plan.tls) else { return };
    let (at, took) = (seen.moment(tls.at), Some(tls.took));
    let (answer, presented) = (printed(tls.value), &outcome.presented);
    if record.survey {
        let Presented { group, signature, prime_bits, .. } = *presented;
        let exchange = KeyExchange { group, signature, prime_bits };
        return seen.add(at, took, Fact::SurveyedHandshake { offer, answer, exchange });
    }
    if outcome.certificate_requested || presented.wants_client_certificate {
        seen.add(at, None, Fact::ClientCertificateRequested);
    }
    if let Some((requested, answer)) = connection_sequence::without_tls(record, &answer) {
        return seen.add(at, took, Fact::Settings { requested, answer });
    }
    seen.add(at, took, Fact::TlsAnswer { offer, direct: record.plan.request.is_none(), answer });
    if let Some(ended) = outcome.ended_behind_tls {
        seen.add(at, None, Fact::EndedBehindTls(ended));
    }
    certificate::observe(at, &presented.chain, seen);
}

/// In TLS 1.3 a handshake is finished for us before the peer says that it misses our certificate: what it says then is
/// its answer to the handshake, not to what we said.
fn missed_certificate(outcome: &mut Outcome) {
    if !outcome.certificate_requested {
        return;
    }
    let credssp = outcome.credssp.as_ref().map(|seen| match seen.value {
        CredsspAnswer::Alert(alert) => Some((TlsAnswer::Alert(alert), seen.at)),
        CredsspAnswer::Closed(end) => Some((TlsAnswer::Closed { end, bytes: 0 }, seen.at)),
        _ => None,
    });
    let sequence = outcome.connection_sequence.as_ref().map(|seen| match seen.value {
        ConnectionSequenceAnswer::Alert(alert) => Some((TlsAnswer::Alert(alert), seen.at)),
        ConnectionSequenceAnswer::Closed(end) => Some((TlsAnswer::Closed { end, bytes: 0 }, seen.at)),
        _ => None,
    });
    if let (Some(tls), Some((ended, at))) = (&mut outcome.tls, credssp.or(sequence).flatten()) {
        (tls.value, tls.at) = (ended, at);
        (outcome.credssp, outcome.connection_sequence) = (None, None);
    }
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

/// Converts the end of a connection for the report.
pub(crate) fn ended_value(ended: Ended) -> Value {
    match ended {
        Ended::Closed(end) => json!({"closed": end_word(end)}),
        Ended::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
    }
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
        TlsAnswer::WrongKey => "wrong-key".into(),
        TlsAnswer::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        TlsAnswer::Closed { end, bytes } => json!({"closed": end_word(*end), "after_bytes": bytes}),
        TlsAnswer::Silent { bytes } => json!({"silent_after_bytes": bytes}),
        TlsAnswer::NotTls(bytes) => json!({"not_tls": hex::encode(bytes)}),
        TlsAnswer::Malformed(words) => json!({"malformed": words}),
        TlsAnswer::OwnFailure(words) => json!({"own_failure": words}),
    }
}
