//! A recorded state without names.

use wire::redaction::Names;

use super::{SCHEMA, State};
use crate::redaction::date;

impl State {
    /// Returns the state without names.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// Redacts with pseudonyms shared with transcripts, captures and other states.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        let head = Self {
            schema: SCHEMA.to_owned(),
            part: self.part,
            taken_at: self.taken_at.as_deref().map(date),
            computer: self.computer.as_deref().map(|name| names.text(name)),
            ..Self::default()
        };
        self.renamed_things(names, head)
    }
}
