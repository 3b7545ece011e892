//! From the recorded state of a machine to evidence.

use time::OffsetDateTime;

use crate::evidence::{Evidence, Role, Source, Subject, SubjectId};
use crate::fact::Fact;
use crate::moment::moment;
use crate::printable::printable;
use crate::section::sections;
use crate::section::thing::Section;
use crate::state::{NAME, Part, State};

/// Makes facts of the things of every section.
macro_rules! facts {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        impl State {
            /// Tells `add` the facts about this part of the machine that have a time of their own, or those that have
            /// none.
            fn facts(&self, part: Part, dated: bool, mut add: impl FnMut(Option<OffsetDateTime>, Fact)) {
                $(if <$thing>::DATED == dated {
                    let about = self.$field.iter().filter(|thing| thing.about(self.part, part));
                    about.for_each(|thing| add(thing.at(), Fact::$variant(thing.clone())));
                })*
            }
        }
    };
}
sections!(facts);

impl State {
    /// Adds all of it to the evidence, as a machine of its own. `at` is when it was read, for facts without a time.
    pub fn observe(&self, evidence: &mut Evidence, source: Source, at: OffsetDateTime) -> SubjectId {
        self.observe_as(self.computer.as_deref(), evidence, source, at)
    }

    /// Adds it to the evidence about the machine of this name, where that is known from elsewhere.
    pub fn observe_as(
        &self,
        computer: Option<&str>,
        evidence: &mut Evidence,
        source: Source,
        at: OffsetDateTime,
    ) -> SubjectId {
        let role = match self.part {
            Part::Host => Role::Host,
            Part::Client => Role::Client,
        };
        // a log or a hive may have any text where a name belongs
        let name = computer.map(|name| printable(&name.chars().take(NAME).collect::<String>()));
        let subject = evidence.subject(Subject::new(role, name.clone(), None));
        let read = self.taken_at.as_deref().and_then(moment).unwrap_or(at);
        for dated in [false, true] {
            self.facts(self.part, dated, |own, fact| {
                evidence.observe(subject, source, own.unwrap_or(read), None, fact);
            });
        }
        self.observe_other_part(name, evidence, source, read);
        subject
    }

    /// Adds a host as client of others, if any entry is about that: then its logs cover that part as well. Its other
    /// role as host is irrelevant to a client's connection.
    fn observe_other_part(&self, name: Option<String>, evidence: &mut Evidence, source: Source, read: OffsetDateTime) {
        if self.part == Part::Client || !self.events.iter().any(|event| event.about(self.part, Part::Client)) {
            return;
        }
        let subject = evidence.subject(Subject::new(Role::Client, name, None));
        self.facts(Part::Client, true, |own, fact| {
            evidence.observe(subject, source, own.unwrap_or(read), None, fact);
        });
    }
}
