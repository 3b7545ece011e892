//! Turns a transcript into evidence: the one way in which a probe, live or replayed, becomes facts. Captures likewise.

mod capture;
mod gateway;
mod state;

use std::time::Duration;

use time::OffsetDateTime;
use wire::machine::Outcome;
use wire::transcript::{ConnectionRecord, Transcript};

pub use capture::{moment, observe_capture};
pub use gateway::named_gateways;

use crate::evidence::{Evidence, Source, SubjectId};
use crate::fact::Fact;
use crate::printable::printable;
use crate::stage;

/// Adds a duration, stopping at the end of the calendar: a transcript may hold any time.
pub(crate) fn later(at: OffsetDateTime, passed: Duration) -> OffsetDateTime {
    at.saturating_add(time::Duration::try_from(passed).unwrap_or(time::Duration::MAX))
}

/// Turns a transcript into evidence.
pub fn observe(transcript: &Transcript) -> Evidence {
    let mut evidence = Evidence::default();
    observe_into(transcript, &mut evidence);
    evidence
}

/// Adds the evidence in a transcript to other evidence.
pub fn observe_into(transcript: &Transcript, evidence: &mut Evidence) {
    stage::name::observe(transcript, evidence);
    let name = transcript.name().is_some().then(|| printable(&transcript.host));
    for record in transcript.connections() {
        observe_record(record, transcript.at, name.as_deref(), evidence);
    }
}

/// Adds the evidence in one connection of a run that began at `at` (UTC) and that `name` (made safe to print) led to.
pub fn observe_record(record: &ConnectionRecord, at: OffsetDateTime, name: Option<&str>, evidence: &mut Evidence) {
    observe_outcome(record, record.outcome(), at, name, evidence);
}

/// Adds the evidence in one connection, whose outcome has been read already.
pub fn observe_outcome(
    record: &ConnectionRecord,
    mut outcome: Outcome,
    at: OffsetDateTime,
    name: Option<&str>,
    evidence: &mut Evidence,
) {
    let subject = evidence.host_at(record.address, name.map(str::to_owned));
    evidence.connections += 1;
    let source = Source::Probe(evidence.connections);
    let mut seen = Seen { evidence, subject, source, began: later(at, record.start) };
    stage::observe(record, &mut outcome, &mut seen);
    if let Some(at) = outcome.rehearsal_failed.filter(|_| !record.survey) {
        seen.add(seen.moment(at), None, Fact::RehearsalFailed);
    }
}

/// One connection on its way to becoming facts.
pub(crate) struct Seen<'a> {
    evidence: &'a mut Evidence,
    subject: SubjectId,
    source: Source,
    began: OffsetDateTime,
}

impl Seen<'_> {
    /// Converts a moment of the connection, which counts from its start.
    pub(crate) fn moment(&self, since_the_start: Duration) -> OffsetDateTime {
        later(self.began, since_the_start)
    }

    /// Adds facts that came together.
    pub(crate) fn together(&mut self, at: OffsetDateTime, facts: Vec<Fact>) {
        self.evidence.observe_together(self.subject, self.source, at, facts);
    }

    /// Adds a fact.
    pub(crate) fn add(&mut self, at: OffsetDateTime, took: Option<Duration>, fact: Fact) {
        self.evidence.observe(self.subject, self.source, at, took, fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_times_are_no_panic() {
        for at in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59+00:01"] {
            for time in ["18446744073709551614.000000", "0.000000", "999999999999.999999"] {
                let text = format!(
                    "rdpdoctor transcript 1\nat {at}\ntool x\ntarget server 3389\nname {time} addresses 192.0.2.7:3389\n\
                     connection 192.0.2.7:3389 {time} request=SSL limits={time},{time},{time},{time}\n  {time} connected\n  \
                     {time} closed fin\n\
                     connection 192.0.2.7:3389 {time} request=SSL limits={time},{time},{time},{time}\n  {time} connected\n  \
                     {time} rehearsal-failed\n"
                );
                let transcript: Transcript = text.parse().unwrap();
                let evidence = observe(&transcript);
                assert!(evidence.observations.len() > 2);
                assert!(evidence.observations.iter().any(|seen| seen.fact == Fact::RehearsalFailed));
            }
        }
    }
}
