//! Words for what a capture shows besides the host's answers: how connections ended, alerts, UDP transports.

use diagnosis::report::{CapturedConnection, CapturedTransport, Diagnosis, ReportObservation, Told};

use super::subject_words::label;

/// Most lines; the JSON has all of them.
pub(super) const MOST: usize = 8;

/// Returns one line for each connection that tells something, and for each UDP transport.
pub(super) fn lines(diagnosis: &Diagnosis, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = diagnosis
        .observations
        .iter()
        .filter_map(|seen| match seen.told.as_ref()? {
            Told::Connection(connection) => words(connection, diagnosis.is_gateway(seen.subject)),
            Told::Transport(asked) => Some(transport(diagnosis, seen, asked)),
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

/// True if a connection was captured.
pub(super) fn any_connection(diagnosis: &Diagnosis) -> bool {
    diagnosis.observations.iter().any(|seen| matches!(seen.told, Some(Told::Connection(_))))
}

/// True if a UDP transport was asked for in a capture.
pub(super) fn any_transport(diagnosis: &Diagnosis) -> bool {
    diagnosis.observations.iter().any(|seen| matches!(seen.told, Some(Told::Transport(_))))
}

/// Returns nothing for a connection that ended as connections do, unless it went through a proxy.
fn words(connection: &CapturedConnection, to_gateway: bool) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    told.extend(connection.client_alert.as_ref().map(|alert| format!("the client sent {alert}")));
    let other = if to_gateway { "gateway" } else { "host" };
    told.extend(connection.host_alert.as_ref().map(|alert| format!("the {other} sent {alert}")));
    told.extend(connection.notes.iter().map(|doubt| doubt.words().to_owned()));
    told.extend(connection.ended.clone().filter(|ended| ended.starts_with("reset") || !told.is_empty()));
    let CapturedConnection { client, sent, received, through, .. } = connection;
    let whither = match through {
        Some(proxy) => format!(" through {proxy}"),
        None if to_gateway => " to the gateway".to_owned(),
        None => String::new(),
    };
    if told.is_empty() {
        return through.is_some().then(|| format!("the connection from {client} went{whither}"));
    }
    let told = told.join(", ");
    Some(format!("the connection from {client}{whither} ({sent} bytes sent, {received} received): {told}"))
}

fn transport(diagnosis: &Diagnosis, seen: &ReportObservation, transport: &CapturedTransport) -> String {
    let client = &transport.client;
    let host = diagnosis.subjects.get(seen.subject).map_or(String::new(), |host| format!(" at {}", label(host)));
    let asked = transport.asked.map_or(String::new(), |number| format!(" (RDPEUDP {})", version(number)));
    let answer = match (transport.answered, transport.chosen) {
        (true, Some(number)) => format!("answered with {}; what follows is encrypted", version(number)),
        (true, None) => "answered; what follows is encrypted".to_owned(),
        (false, _) => "not answered, which many networks do".to_owned(),
    };
    format!("a UDP transport{asked} was asked for by {client}{host}: {answer}")
}

/// Names a version of RDPEUDP ([MS-RDPEUDP] 2.2.2.9): the third one is not written as 3.
fn version(number: u16) -> String {
    if number == 0x0101 { "version 3".to_owned() } else { format!("version {number}") }
}
