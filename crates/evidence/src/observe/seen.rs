//! One connection on its way to becoming facts.

use std::time::Duration;

use time::OffsetDateTime;

use crate::evidence::{Evidence, Source, SubjectId};
use crate::fact::Fact;

/// Adds a duration, stopping at the end of the calendar: a transcript may hold any time.
pub(crate) fn later(at: OffsetDateTime, passed: Duration) -> OffsetDateTime {
    at.saturating_add(time::Duration::try_from(passed).unwrap_or(time::Duration::MAX))
}

/// One connection on its way to becoming facts.
pub(crate) struct Seen<'a> {
    pub(super) evidence: &'a mut Evidence,
    pub(super) subject: SubjectId,
    pub(super) source: Source,
    pub(super) began: OffsetDateTime,
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
