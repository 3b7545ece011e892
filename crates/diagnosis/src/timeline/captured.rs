//! Captured connections as lines of the timeline: from where, to where, how far, how they ended.

use std::collections::BTreeSet;

use evidence::fact::Fact;
use evidence::moment::rfc3339;
use evidence::{Evidence, Observation};
use time::{Duration, OffsetDateTime};
use wire::machine::X224Answer;
use wire::x224::ServerAnswer;

use super::{Happening, Lines, TimelineEntry, failed, step};

/// Adds the lines of captured connections.
pub(super) fn connections(evidence: &Evidence, lines: &mut Lines) {
    for begun in &evidence.observations {
        let Fact::CapturedConnection(connection) = &begun.fact else { continue };
        let steps = steps_of(evidence, begun);
        let host = evidence.subjects[begun.subject].address.map_or(String::new(), |host| format!(" to {host}"));
        let alerts = [("client", &connection.client_alert), ("host", &connection.host_alert)];
        let alerts = alerts.iter().filter_map(|(who, alert)| Some(format!("the {who} sent {}", alert.as_ref()?)));
        // the duration differs each time, and would keep equal ones apart
        let ended = connection.ended.as_deref().and_then(|ended| ended.split(" after ").next());
        let seen = steps.iter().filter_map(|seen| step(&seen.fact));
        let parts: Vec<String> = seen.chain(alerts).chain(ended.map(str::to_owned)).collect();
        let colon = if parts.is_empty() { "" } else { ": " };
        let until = steps.iter().map(|seen| seen.at).fold(begun.at, OffsetDateTime::max);
        let troubled = connection.client_alert.is_some() || connection.host_alert.is_some();
        let line = TimelineEntry {
            at: rfc3339(begun.at),
            until: rfc3339(until),
            subject: begun.subject,
            kind: Happening::Connection,
            peer: Some(connection.client.clone()),
            reached: None,
            text: format!("captured{host}{colon}{}", parts.join("; ")),
            normal: !troubled && !steps.iter().any(|seen| failed(&seen.fact) || refused(&seen.fact)),
            count: 1,
            observations: std::iter::once(begun.id).chain(steps.iter().map(|seen| seen.id)).collect(),
        };
        lines.push((begun.at, line));
    }
}

/// Iterates over the host's answers in a captured connection: those since it began, and before the next one to this
/// host did. None where connections overlap, so that it cannot be told which an answer belongs to.
fn steps_of<'a>(evidence: &'a Evidence, begun: &Observation) -> Vec<&'a Observation> {
    let here = |seen: &&Observation| seen.subject == begun.subject && seen.source == begun.source;
    let asked = |seen: &Observation| {
        let took = seen.took.and_then(|took| Duration::try_from(took).ok()).unwrap_or_default();
        seen.at.checked_sub(took).unwrap_or(seen.at)
    };
    let begins = |seen: &&Observation| matches!(seen.fact, Fact::CapturedConnection(_)) && seen.id > begun.id;
    let next = evidence.observations.iter().filter(here).find(begins).map(|seen| seen.at);
    let within = |at: OffsetDateTime| at >= begun.at && next.is_none_or(|next| at < next);
    let steps: Vec<&Observation> = evidence
        .observations
        .iter()
        .filter(here)
        .filter(|seen| step(&seen.fact).is_some() && within(asked(seen)))
        .collect();
    let mut names = BTreeSet::new();
    if steps.iter().all(|seen| names.insert(seen.fact.name())) { steps } else { Vec::new() }
}

/// True if a request was not granted, which a probe's own questions may well be.
fn refused(fact: &Fact) -> bool {
    let granted = |answer: &X224Answer| {
        matches!(answer, X224Answer::Server(ServerAnswer::Selected { .. } | ServerAnswer::NoNegotiation))
    };
    matches!(fact, Fact::X224Answer { answer, .. } if !granted(answer))
}

#[cfg(test)]
mod tests {
    use super::super::timeline;
    use super::*;
    use evidence::Source;
    use evidence::captured::CapturedConnection;
    use time::macros::datetime;
    use wire::machine::TcpAnswer;

    const AT: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

    /// Connection from this client port: when it began, and each step after this many seconds, with its duration.
    fn captured(evidence: &mut Evidence, client: u16, began: i64, steps: &[(i64, u64, Fact)]) {
        let host = evidence.host_at("192.0.2.7:3389".parse().unwrap(), None);
        let connection = CapturedConnection {
            client: format!("192.0.2.9:{client}"),
            server_name: None,
            cookie: false,
            sent: 1,
            received: 1,
            ended: Some(format!("reset by the client after 1.{client} s")),
            client_alert: None,
            host_alert: None,
            notes: Vec::new(),
        };
        let at = |seconds| AT + Duration::seconds(began + seconds);
        evidence.observe(host, Source::File(1), at(0), None, Fact::CapturedConnection(connection));
        for (seconds, took, fact) in steps {
            let took = std::time::Duration::from_secs(*took);
            evidence.observe(host, Source::File(1), at(*seconds), Some(took), fact.clone());
        }
    }

    fn told(evidence: &Evidence) -> Vec<(Option<String>, String, bool)> {
        let context = crate::sketch::machine();
        let lines = timeline(&evidence.in_order(), context.context());
        assert!(lines.iter().all(|line| line.kind == Happening::Connection));
        lines.into_iter().map(|line| (line.peer, line.text, line.normal)).collect()
    }

    fn selected() -> Fact {
        let protocol = wire::x224::SecurityProtocols::HYBRID;
        let answer = X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0 });
        Fact::X224Answer { requested: Some(crate::case::EVERYTHING), answer }
    }

    /// Captures and logs of both ends: a captured connection stands between their entries, and by itself where there
    /// are several.
    #[test]
    fn captured_connections_are_told() {
        let accepted = || Fact::TcpAnswer(TcpAnswer::Accepted);
        let mut evidence = Evidence::default();
        captured(&mut evidence, 50_100, 0, &[(1, 1, accepted()), (2, 1, selected())]);
        assert_eq!(told(&evidence), [], "the ladder tells all of one");
        captured(&mut evidence, 50_101, 10, &[(11, 1, Fact::TcpAnswer(TcpAnswer::Silent))]);
        let line = |client: &str, text: &str, normal| {
            (
                Some(format!("192.0.2.9:{client}")),
                format!("captured to 192.0.2.7:3389: {text}; reset by the client"),
                normal,
            )
        };
        let both = [line("50100", "accepted; HYBRID selected", true), line("50101", "no connection", false)];
        assert_eq!(told(&evidence), both);
        let lines = timeline(&evidence, crate::sketch::machine().context());
        assert_eq!(lines[0].observations, [1, 2, 3]);
    }

    /// With two requests at once it cannot be told which an answer belongs to, so neither gets it.
    #[test]
    fn answers_of_connections_that_overlap_are_given_to_none() {
        let mut evidence = Evidence::default();
        captured(&mut evidence, 50_100, 0, &[(5, 1, selected())]);
        captured(&mut evidence, 50_101, 2, &[(4, 1, selected())]);
        let texts: Vec<_> = told(&evidence).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(texts, ["captured to 192.0.2.7:3389: reset by the client"; 2]);
        // an answer that began before the second connection belongs to the first
        let mut evidence = Evidence::default();
        captured(&mut evidence, 50_100, 0, &[(5, 4, selected())]);
        captured(&mut evidence, 50_101, 2, &[]);
        let texts: Vec<_> = told(&evidence).into_iter().map(|(_, text, _)| text).collect();
        assert!(texts[0].contains("HYBRID selected") && !texts[1].contains("selected"), "{texts:?}");
    }
}
