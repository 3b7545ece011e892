//! The connection sequence: the settings that a host tells before anybody logs on.

use serde_json::{Value, json};
use wire::hex;
use wire::machine::{ConnectionSequenceAnswer, Outcome, TlsAnswer, Withdrawal};
use wire::mcs::ConnectResponse;
use wire::transcript::ConnectionRecord;
use wire::x224::SecurityProtocols;

use super::end::end_word;
use super::tls::ended_value;
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

/// Reads a handshake that failed behind a request for TLS alone, which asked for the settings: of that way, and of no
/// other, it tells that nobody gets to them.
pub(super) fn without_tls(
    record: &ConnectionRecord,
    answer: &TlsAnswer,
) -> Option<(SecurityProtocols, ConnectionSequenceAnswer)> {
    let requested = record.plan.request.as_ref().and_then(|request| request.protocols)?;
    if requested != SecurityProtocols::SSL || !record.plan.connection_sequence {
        return None;
    }
    let told = match answer {
        TlsAnswer::Closed { end, .. } => ConnectionSequenceAnswer::Closed(*end),
        TlsAnswer::Alert(alert) => ConnectionSequenceAnswer::Alert(*alert),
        TlsAnswer::Silent { .. } => ConnectionSequenceAnswer::Silent,
        _ => return None,
    };
    Some((requested, told))
}

/// Converts the answer for the report.
pub(crate) fn value(requested: SecurityProtocols, answer: &ConnectionSequenceAnswer) -> Value {
    json!({"requested": requested.to_string(), "answer": answer_value(answer)})
}

fn answer_value(answer: &ConnectionSequenceAnswer) -> Value {
    match answer {
        ConnectionSequenceAnswer::Settings(settings) => json!({"settings": settings_value(settings)}),
        ConnectionSequenceAnswer::Withdrawn { settings, by } => {
            let end = match by {
                Withdrawal::Ultimatum(reason) => json!({"ultimatum": reason}),
                Withdrawal::Ended(ended) => ended_value(*ended),
            };
            json!({"settings": settings_value(settings), "then": end})
        }
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

fn settings_value(settings: &ConnectResponse) -> Value {
    json!({
        "version": settings.version.map(|version| format!("{version:#010x}")),
        "conference_result": settings.conference,
        "client_requested_protocols": settings.requested.map(|protocols| protocols.to_string()),
        "early_capability_flags": settings.early_capabilities.map(|flags| format!("{flags:#x}")),
        "encryption_method": settings.encryption.map(|(method, _)| method),
        "encryption_level": settings.encryption.map(|(_, level)| level),
        "io_channel": settings.io_channel,
        "channels": settings.channels,
        "message_channel": settings.message_channel,
        "multitransport_flags": settings.multitransport.map(|flags| format!("{flags:#x}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::machine::{ConversationPlan, End};
    use wire::tls::{Alert, TlsOffer};
    use wire::x224::ConnectionRequest;

    /// Behind another request this hello goes through: the handshake is not what fails.
    #[test]
    fn a_handshake_that_fails_behind_a_request_for_tls_alone_is_an_answer_to_that_request() {
        let asked = |protocols, connection_sequence, answer: &TlsAnswer| {
            let request = Some(ConnectionRequest { protocols: Some(protocols), ..ConnectionRequest::default() });
            let plan = ConversationPlan {
                request,
                tls: Some(TlsOffer::MODERN),
                connection_sequence,
                ..ConversationPlan::default()
            };
            let (address, start) = ("192.0.2.7:3389".parse().unwrap(), std::time::Duration::ZERO);
            let record = ConnectionRecord { address, start, survey: false, plan, entries: Vec::new() };
            without_tls(&record, answer).map(|(_, answer)| answer)
        };
        let (ssl, reset) = (SecurityProtocols::SSL, TlsAnswer::Closed { end: End::Rst, bytes: 0 });
        let alert = Alert { level: 2, description: 80 };
        assert_eq!(asked(ssl, true, &reset), Some(ConnectionSequenceAnswer::Closed(End::Rst)));
        assert_eq!(asked(ssl, true, &TlsAnswer::Alert(alert)), Some(ConnectionSequenceAnswer::Alert(alert)));
        assert_eq!(asked(ssl, true, &TlsAnswer::Silent { bytes: 0 }), Some(ConnectionSequenceAnswer::Silent));
        // where nothing but the handshake was asked for, or with CredSSP, it is one of the handshakes
        assert_eq!(asked(ssl, false, &reset), None);
        assert_eq!(asked(ssl.with(SecurityProtocols::HYBRID), true, &reset), None);
    }
}
