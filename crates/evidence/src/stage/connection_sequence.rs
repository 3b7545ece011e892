//! The connection sequence: the settings that a host tells before anybody logs on.

use serde_json::{Value, json};
use wire::hex;
use wire::machine::{ConnectionSequenceAnswer, Outcome};
use wire::transcript::ConnectionRecord;
use wire::x224::SecurityProtocols;

use super::end::end_word;
use super::x224::foreign_value;
use crate::fact::Fact;
use crate::observe::seen::Seen;
use crate::printable::printable;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "sequence.answer";

/// Adds the answer to a Connect Initial.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let requested = record.plan.request.as_ref().and_then(|request| request.protocols);
    let (Some(told), Some(requested)) = (outcome.connection_sequence.take(), requested) else { return };
    let answer = match told.value {
        // a TLS stack may quote the host
        ConnectionSequenceAnswer::Malformed(words) => ConnectionSequenceAnswer::Malformed(printable(&words)),
        other => other,
    };
    seen.add(seen.moment(told.at), Some(told.took), Fact::Settings { requested, answer });
}

/// Converts the answer for the report.
pub(crate) fn value(requested: SecurityProtocols, answer: &ConnectionSequenceAnswer) -> Value {
    json!({"requested": requested.to_string(), "answer": answer_value(answer)})
}

fn answer_value(answer: &ConnectionSequenceAnswer) -> Value {
    match answer {
        ConnectionSequenceAnswer::Settings(settings) => json!({"settings": {
            "version": settings.version.map(|version| format!("{version:#010x}")),
            "client_requested_protocols": settings.requested.map(|protocols| protocols.to_string()),
            "early_capability_flags": settings.early_capabilities.map(|flags| format!("{flags:#x}")),
            "encryption_method": settings.encryption.map(|(method, _)| method),
            "encryption_level": settings.encryption.map(|(_, level)| level),
            "io_channel": settings.io_channel,
            "channels": settings.channels,
            "message_channel": settings.message_channel,
            "multitransport_flags": settings.multitransport.map(|flags| format!("{flags:#x}")),
        }}),
        ConnectionSequenceAnswer::Refused(result) => json!({"refused": result}),
        ConnectionSequenceAnswer::Ultimatum(reason) => json!({"ultimatum": reason}),
        ConnectionSequenceAnswer::Foreign { service, bytes } => foreign_value(*service, bytes),
        ConnectionSequenceAnswer::NotTpkt(bytes) => json!({"not_tpkt": hex::encode(bytes)}),
        ConnectionSequenceAnswer::Malformed(words) => json!({"malformed": words}),
        ConnectionSequenceAnswer::Closed(end) => json!({"closed": end_word(*end)}),
        ConnectionSequenceAnswer::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        ConnectionSequenceAnswer::Silent => json!("silent"),
    }
}
