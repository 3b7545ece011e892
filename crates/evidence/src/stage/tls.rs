//! TLS: the answer to a ClientHello.

use serde_json::{Value, json};
use wire::hex;
use wire::machine::{End, Outcome, TlsAnswer};
use wire::tls::{Alert, TlsOffer, TlsVersion};
use wire::transcript::ConnectionRecord;

use super::{Seen, certificate, end_word};
use crate::fact::Fact;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "tls.answer";
/// Name of an answer to the survey.
pub(crate) const SURVEYED: &str = "survey.handshake";

/// Answer to a ClientHello, without the certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// The server accepted it.
    Accepted {
        /// Version that it chose; `None` if older than TLS 1.0.
        version: Option<TlsVersion>,
        /// Suite that it chose.
        suite: u16,
        /// True if the handshake was finished: the server proved that it can use its private key.
        finished: bool,
    },
    /// Refused with an alert.
    Alert(Alert),
    /// The server ended the connection.
    Closed {
        /// How it ended, in words.
        end: End,
        /// Bytes received before the end.
        bytes: usize,
    },
    /// The server sent nothing, or not enough.
    Silent {
        /// Bytes received.
        bytes: usize,
    },
    /// The server sent something other than TLS; its first bytes.
    NotTls(Vec<u8>),
    /// The server broke the protocol.
    Malformed(String),
    /// Our own side failed.
    OwnFailure(String),
}

/// Key exchange as far as it shows before the handshake is finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyExchange {
    /// Group, by its registered number.
    pub group: Option<u16>,
    /// Signature algorithm, by its registered number.
    pub signature: Option<u16>,
    /// Size of the prime in bits, in suites with DHE.
    pub prime_bits: Option<usize>,
}

/// Adds the answer to a ClientHello, and the certificate that came with it.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let (Some(tls), Some(offer)) = (outcome.tls.take(), record.plan.tls) else { return };
    let (at, took) = (seen.moment(tls.at), Some(tls.took));
    let exchange = exchange(&tls.value);
    let (answer, chain) = handshake(tls.value);
    if record.survey {
        return seen.add(at, took, Fact::SurveyedHandshake { offer, answer, exchange });
    }
    seen.add(at, took, Fact::TlsAnswer { offer, direct: record.plan.request.is_none(), answer });
    certificate::observe(at, &chain, seen);
}

fn exchange(answer: &TlsAnswer) -> KeyExchange {
    match answer {
        TlsAnswer::Flight(flight) => {
            KeyExchange { group: flight.group, signature: flight.signature, prime_bits: flight.prime_bits }
        }
        _ => KeyExchange::default(),
    }
}

/// Splits an answer from the certificates that came with it.
pub(crate) fn handshake(answer: TlsAnswer) -> (Handshake, Vec<Vec<u8>>) {
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
        TlsAnswer::Closed { end, bytes } => Handshake::Closed { end, bytes },
        TlsAnswer::Silent { bytes } => Handshake::Silent { bytes },
        TlsAnswer::NotTls(bytes) => Handshake::NotTls(bytes),
        TlsAnswer::Malformed(words) => Handshake::Malformed(printable(&words)),
        TlsAnswer::OwnFailure(words) => Handshake::OwnFailure(printable(&words)),
    };
    (answer, Vec::new())
}

/// Converts hello and answer for the report.
pub(crate) fn value(offer: TlsOffer, direct: bool, answer: &Handshake) -> Value {
    json!({"offer": offer.to_string(), "direct": direct, "answer": handshake_value(answer)})
}

/// Converts hello and answer of the survey for the report.
pub(crate) fn surveyed_value(offer: TlsOffer, answer: &Handshake, exchange: KeyExchange) -> Value {
    json!({
        "offer": offer.to_string(), "answer": handshake_value(answer),
        "group": exchange.group.map(|group| format!("{group:#06x}")),
        "signature": exchange.signature.map(|signature| format!("{signature:#06x}")),
        "prime_bits": exchange.prime_bits,
    })
}

fn handshake_value(answer: &Handshake) -> Value {
    match answer {
        Handshake::Accepted { version, suite, finished } => json!({
            "version": version.map(TlsVersion::number), "suite": format!("{suite:#06x}"), "finished": finished}),
        Handshake::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        Handshake::Closed { end, bytes } => json!({"closed": end_word(*end), "after_bytes": bytes}),
        Handshake::Silent { bytes } => json!({"silent_after_bytes": bytes}),
        Handshake::NotTls(bytes) => json!({"not_tls": hex::encode(bytes)}),
        Handshake::Malformed(words) => json!({"malformed": words}),
        Handshake::OwnFailure(words) => json!({"own_failure": words}),
    }
}
