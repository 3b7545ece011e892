//! Turns a transcript into evidence: the one way in which a probe, live or replayed, becomes facts. Captures likewise.

mod capture;
mod gateway;
pub(crate) mod seen;
mod state;

use time::OffsetDateTime;
use wire::machine::Outcome;
use wire::transcript::{ConnectionRecord, Record, Transcript};

pub use crate::stage::path::observe_hops;
pub use capture::{moment, observe_capture, observe_cut, observe_passed_over};
pub use gateway::named_gateways;

use seen::{Seen, later};

use crate::evidence::{Evidence, Source};
use crate::fact::Fact;
use crate::printable::printable;
use crate::stage;

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
    for record in &transcript.records {
        match record {
            Record::Connection(connection) => observe_record(connection, transcript.at, name.as_deref(), evidence),
            Record::Datagram(datagram) => {
                stage::path::observe_datagram(datagram, transcript.at, name.as_deref(), evidence);
            }
            Record::Hops(hops) => observe_hops(hops, transcript.at, name.as_deref(), evidence),
            Record::Name(_) | Record::Settings(_) | Record::Dns(_) => {}
        }
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
    let subject = evidence.asked_at(record.address, name.map(str::to_owned));
    evidence.connections += 1;
    let source = Source::Probe(evidence.connections);
    let mut seen = Seen { evidence, subject, source, began: later(at, record.start) };
    stage::observe(record, &mut outcome, &mut seen);
    if let Some(at) = outcome.rehearsal_failed.filter(|_| !record.survey) {
        seen.add(seen.moment(at), None, Fact::RehearsalFailed);
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
