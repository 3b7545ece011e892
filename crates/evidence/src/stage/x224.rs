//! X.224: the answer to a Connection Request.

use serde_json::{Value, json};
use wire::foreign::ForeignService;
use wire::hex;
use wire::machine::{Outcome, X224Answer};
use wire::transcript::ConnectionRecord;
use wire::x224::{SecurityProtocols, ServerAnswer};

use super::end::end_word;
use crate::fact::Fact;
use crate::observe::seen::Seen;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "x224.answer";
/// Name of an answer to the survey.
pub(crate) const SURVEYED: &str = "survey.negotiation";

/// Adds the answer to a Connection Request.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let (Some(x224), Some(request)) = (outcome.x224.take(), &record.plan.request) else { return };
    let fact = match (record.survey, request.protocols) {
        (false, requested) => Fact::X224Answer { requested, answer: x224.value },
        (true, Some(requested)) => Fact::SurveyedNegotiation { requested, answer: x224.value },
        (true, None) => return,
    };
    seen.add(seen.moment(x224.at), Some(x224.took), fact);
}

/// Converts request and answer for the report.
pub(crate) fn value(requested: Option<SecurityProtocols>, answer: &X224Answer) -> Value {
    json!({"requested": requested.map(|protocols| protocols.to_string()), "answer": x224_value(answer)})
}

/// Converts the answer to a Connection Request for the report.
pub fn x224_value(answer: &X224Answer) -> Value {
    match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, flags }) => {
            json!({"selected": protocol.to_string(), "flags": flags})
        }
        X224Answer::Server(ServerAnswer::Failure(code)) => json!({"failure": code.0, "name": code.name()}),
        X224Answer::Server(ServerAnswer::NoNegotiation) => "no-negotiation".into(),
        X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum) => "mcs-disconnect-provider-ultimatum".into(),
        X224Answer::Foreign { service, bytes } => foreign_value(*service, bytes),
        X224Answer::NotTpkt(bytes) => json!({"not_tpkt": hex::encode(bytes)}),
        X224Answer::Malformed { bytes, error } => json!({"malformed": hex::encode(bytes), "error": error}),
        X224Answer::Closed(end) => json!({"closed": end_word(*end)}),
        X224Answer::ClosedBeforeRequest(end) => json!({"closed_before_request": end_word(*end)}),
        X224Answer::HeldOpen => "held-open".into(),
        X224Answer::Incomplete(bytes) => json!({"incomplete": hex::encode(bytes)}),
        X224Answer::Silent => "silent".into(),
    }
}

/// Converts what another service said for the report.
pub(super) fn foreign_value(service: ForeignService, bytes: &[u8]) -> Value {
    json!({"foreign": service.name(), "bytes": hex::encode(bytes)})
}
