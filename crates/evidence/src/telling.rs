//! What a report tells of facts: how many things of a section they stand for.

use crate::fact::Fact;
use crate::section::sections;
use crate::section::thing::{Count, Section};

/// Reads off a fact how many things of one section it stands for; `None` for a fact of anything else.
pub type Counter = fn(&Fact) -> Option<u64>;

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        /// Iterates over the sections that the ladder counts.
        pub fn counts() -> impl Iterator<Item = (Count, Counter)> {
            let all: [(Option<Count>, Counter); _] = [$((
                <$thing>::COUNT,
                |fact| if let Fact::$variant(thing) = fact { Some(thing.records()) } else { None },
            )),*];
            all.into_iter().filter_map(|(count, counter)| Some((count?, counter)))
        }
    };
}
sections!(counts);
