//! What a capture shows beside the host's answers, in words: how connections ended, alerts, UDP transports.

use serde_json::Value;

use super::Diagnosis;

/// The most lines; the JSON has all of them.
pub(super) const MOST: usize = 8;

/// One line for each connection that tells something, and for each UDP transport.
pub(super) fn lines(diagnosis: &Diagnosis, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = diagnosis
        .observations
        .iter()
        .filter_map(|seen| match seen.fact.as_str() {
            "capture.connection" => connection(&seen.value, diagnosis.is_gateway(seen.subject)),
            "capture.udp" => Some(transport(&seen.value)),
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

/// Nothing of a connection that ended as connections do.
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

fn transport(value: &Value) -> String {
    let client = value["client"].as_str().unwrap_or_default();
    let answer =
        if value["answered"].as_bool() == Some(true) { "answered" } else { "not answered, which many networks do" };
    format!("a UDP transport was asked for by {client}: {answer}")
}
