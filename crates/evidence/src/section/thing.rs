//! A thing of a section, and what is done to all of them alike.

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use wire::redaction::Names;

use super::budget::{self, Budget};
use super::logs::LogSpan;
use crate::places::Part;

/// Thing of a section.
pub(crate) trait Section: Clone + Serialize + DeserializeOwned {
    /// Name of its fact in the report.
    const FACT: &'static str;
    /// Name of the section where a state says how much of it was left out.
    const TITLE: &'static str;
    /// Turn of the section where there is not room for everything.
    const TURN: Turn = Turn::First;
    /// True if each has a time of its own: such facts come after those that were only read at some time.
    const DATED: bool = false;
    /// Words with which the ladder counts them; `None` where it does not.
    const COUNT: Option<Count> = None;

    /// Returns it without names. `logs` are those of its state, with their names.
    fn renamed(&self, names: &mut Names, logs: &[LogSpan]) -> Self;

    /// Removes passwords from it and nothing else.
    fn remove_secrets(&mut self) {}

    /// Estimates the bytes of memory it takes.
    fn weight(&self) -> usize {
        budget::weight(self)
    }

    /// Returns its name in the list of what was left out, where it matters which one that was.
    fn label(&self) -> Option<&str> {
        None
    }

    /// Keeps the things that fit.
    fn fill(things: &mut dyn Iterator<Item = Self>, filling: &mut Budget, kept: &mut Vec<Self>) {
        kept.extend(things.filter(|thing| filling.takes(thing.weight(), Self::TITLE, thing.label())));
    }

    /// True if it tells that stores of certificates were read whole, which a cut section does not show any more.
    const TELLS_STORES: bool = false;

    /// Takes back what only holds of a whole section, where this many are missing from it.
    fn cut_short(_: &mut [Self], _: u64) {}

    /// Returns its own time.
    fn at(&self) -> Option<OffsetDateTime> {
        None
    }

    /// True if it says something about this part of a machine that plays the part `machine`.
    fn about(&self, machine: Part, part: Part) -> bool {
        machine == part
    }

    /// Returns the number of things that it stands for on the ladder.
    fn records(&self) -> u64 {
        1
    }
}

/// Turn of a section where there is not room for everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Settings, and what tells how much of the rest is known.
    First,
    /// Things that are few on any machine.
    Second,
    /// Things that may be many.
    Third,
    /// Entries of logs: of them the newest of each kind are kept.
    Last,
}

impl Turn {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::Last];
}

/// Words with which the ladder counts the things of a section: for one and for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// The things themselves are counted.
    Things([&'static str; 2]),
    /// The records that they tell of are counted.
    Records([&'static str; 2]),
}
