//! Captured connections as lines of the timeline: from where, to where, how far, how they ended.

use std::collections::{BTreeSet, HashMap};

use evidence::fact::Fact;
use evidence::moment::rfc3339;
use evidence::{Evidence, Observation, Source, SubjectId};
use time::{Duration, OffsetDateTime};
use wire::machine::X224Answer;
use wire::x224::ServerAnswer;

use super::{Happening, Lines, TimelineEntry, failed, step};

/// Adds the lines of captured connections.
pub(super) fn connections(evidence: &Evidence, lines: &mut Lines) {
    let seen = Watched::all(evidence);
    for begun in &evidence.observations {
        let Fact::CapturedConnection(connection) = &begun.fact else { continue };
        let steps = seen.get(&(begun.subject, begun.source)).map_or_else(Vec::new, |seen| seen.steps_of(begun));
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

/// Connections to a host in one file, and its answers, so that those of each connection are found at once.
#[derive(Default)]
struct Watched<'a> {
    /// Number of each beginning, and the earliest time of those with this number or a higher one, by number.
    begins: Vec<(usize, OffsetDateTime)>,
    /// Each answer behind the time when it was asked for, by that time.
    answers: Vec<(OffsetDateTime, &'a Observation)>,
}

impl<'a> Watched<'a> {
    fn all(evidence: &'a Evidence) -> HashMap<(SubjectId, Source), Self> {
        let mut all: HashMap<_, Self> = HashMap::new();
        for seen in &evidence.observations {
            if matches!(seen.fact, Fact::CapturedConnection(_)) {
                all.entry((seen.subject, seen.source)).or_default().begins.push((seen.id, seen.at));
            } else if step(&seen.fact).is_some() {
                let took = seen.took.and_then(|took| Duration::try_from(took).ok()).unwrap_or_default();
                let asked = seen.at.checked_sub(took).unwrap_or(seen.at);
                all.entry((seen.subject, seen.source)).or_default().answers.push((asked, seen));
            }
        }
        for watched in all.values_mut() {
            watched.begins.sort_unstable();
            let mut earliest = None;
            for (_, at) in watched.begins.iter_mut().rev() {
                *at = earliest.map_or(*at, |earliest| (*at).min(earliest));
                earliest = Some(*at);
            }
            watched.answers.sort_by_key(|(asked, seen)| (*asked, seen.id));
        }
        all
    }

    /// Lists the host's answers in a captured connection by their times: those since it began, and before the next
    /// one to this host did. None where connections overlap, so that it cannot be told which an answer belongs to.
    fn steps_of(&self, begun: &Observation) -> Vec<&'a Observation> {
        let next = self.begins.get(self.begins.partition_point(|(id, _)| *id <= begun.id)).map(|(_, at)| *at);
        let from = self.answers.partition_point(|(asked, _)| *asked < begun.at);
        let within = self.answers[from..].iter().take_while(|(asked, _)| next.is_none_or(|next| *asked < next));
        let (mut names, mut steps) = (BTreeSet::new(), Vec::new());
        for (_, seen) in within {
            if !names.insert(seen.fact.name()) {
                return Vec::new();
            }
            steps.push(*seen);
        }
        steps.sort_by_key(|seen| (seen.at, seen.id));
        steps
    }
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
            through: None,
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
