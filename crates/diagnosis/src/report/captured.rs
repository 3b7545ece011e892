//! Words for what a capture shows besides the host's answers: how connections ended, alerts, UDP transports.

use serde_json::Value;

use super::subject_words::label;
use super::{Diagnosis, ReportObservation};

/// Name of the fact that a connection was captured.
pub(super) const CAPTURED: &str = "capture.connection";
/// Name of the fact that a UDP transport was requested.
pub(super) const TRANSPORT: &str = "capture.udp";
/// Most lines; the JSON has all of them.
pub(super) const MOST: usize = 8;

/// Writes a line for each connection that tells something, and for each UDP transport.
pub(super) fn lines(diagnosis: &Diagnosis, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = diagnosis
        .observations
        .iter()
        .filter_map(|seen| match seen.fact.as_str() {
            CAPTURED => connection(&seen.value, diagnosis.is_gateway(seen.subject)),
            TRANSPORT => Some(transport(diagnosis, seen)),
            _ => None,
        })
        .collect();
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("{more} more of these are in the JSON report"));
    }
    lines
}

/// Describes a connection; `None` if it ended as connections do.
fn connection(value: &Value, to_gateway: bool) -> Option<String> {
    let text = |name: &str| value[name].as_str();
    let mut told: Vec<String> = Vec::new();
    told.extend(text("client_alert").map(|alert| format!("the client sent {alert}")));
    let other = if to_gateway { "gateway" } else { "host" };
    told.extend(text("host_alert").map(|alert| format!("the {other} sent {alert}")));
    let notes = value["notes"].as_array().map(Vec::as_slice).unwrap_or_default();
    told.extend(notes.iter().filter_map(Value::as_str).map(str::to_owned));
    told.extend(text("ended").filter(|ended| ended.starts_with("reset") || !told.is_empty()).map(str::to_owned));
    let client = text("client").unwrap_or_default();
    (!told.is_empty()).then(|| {
        let (sent, received) = (value["sent"].as_u64().unwrap_or(0), value["received"].as_u64().unwrap_or(0));
        let whither = if to_gateway { " to the gateway" } else { "" };
        format!("the connection from {client}{whither} ({sent} bytes sent, {received} received): {}", told.join(", "))
    })
}

fn transport(diagnosis: &Diagnosis, seen: &ReportObservation) -> String {
    let client = seen.value["client"].as_str().unwrap_or_default();
    let host = diagnosis.subjects.get(seen.subject).map_or(String::new(), |host| format!(" at {}", label(host)));
    let asked = version(&seen.value["asked"]).map_or(String::new(), |version| format!(" (RDPEUDP {version})"));
    let answer = match (seen.value["answered"].as_bool(), version(&seen.value["chosen"])) {
        (Some(true), Some(version)) => format!("answered with {version}; what follows is encrypted"),
        (Some(true), None) => "answered; what follows is encrypted".to_owned(),
        _ => "not answered, which many networks do".to_owned(),
    };
    format!("a UDP transport{asked} was asked for by {client}{host}: {answer}")
}

/// Names the version of RDPEUDP ([MS-RDPEUDP] 2.2.2.9): the third one is not written as 3.
fn version(number: &Value) -> Option<String> {
    let number = number.as_u64()?;
    Some(if number == 0x0101 { "version 3".to_owned() } else { format!("version {number}") })
}
