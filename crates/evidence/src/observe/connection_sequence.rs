//! The settings of a host, which it tells in the connection sequence, as facts.

use serde_json::{Value, json};
use wire::machine::{ConnectionSequenceAnswer, Timed};
use wire::x224::SecurityProtocols;

use super::{Seen, later};
use crate::fact::Fact;
use crate::printable::printable;

impl Seen<'_> {
    /// Records the answer to a Connect Initial behind a request for these protocols.
    pub(super) fn settings(&mut self, requested: SecurityProtocols, seen: Timed<ConnectionSequenceAnswer>) {
        let answer = match seen.value {
            // a TLS stack may quote the host
            ConnectionSequenceAnswer::Malformed(words) => ConnectionSequenceAnswer::Malformed(printable(&words)),
            other => other,
        };
        self.add(later(self.began, seen.at), Some(seen.took), Fact::Settings { requested, answer });
    }
}

/// Returns the answer as the report has it.
pub(crate) fn value(answer: &ConnectionSequenceAnswer) -> Value {
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
        ConnectionSequenceAnswer::Malformed(words) => json!({"malformed": words}),
        ConnectionSequenceAnswer::Closed(end) => json!(end.verb()),
        ConnectionSequenceAnswer::Silent => json!("silent"),
    }
}
