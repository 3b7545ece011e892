//! Sections of a recorded state. Everything about one stands in its file: what is recorded, which fact it becomes, how
//! it is bounded, redacted and counted. A new section is its file here and its line in [`sections`]: the fields of a
//! [`State`], the variants of a [`Fact`](crate::Fact), and all that is done to every section follow from the list.

pub mod accesses;
pub mod certificates;
pub mod events;
pub mod files;
pub mod key_files;
pub mod logs;
pub mod newest;
pub mod rdp_files;
pub mod registry;
pub mod services;
pub mod unread;
pub mod volumes;

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use wire::redaction::Names;

use crate::fact::Fact;
use crate::state::bounds::{self, Filling};
use crate::state::{Part, State};

/// Lists the sections, in the order of a state's fields, and hands the list to the macro `$take`: the documentation of
/// the field, its name, the variant of the fact, and the type of the things in it.
macro_rules! sections {
    ($take:ident) => {
        $take! {
            /// Registry keys that were looked up.
            registry: RegistryKey(crate::section::registry::RegistryKey),
            /// Services that were looked up.
            services: Service(crate::section::services::Service),
            /// Certificates in the machine's stores.
            certificates: StoredCertificate(crate::section::certificates::StoredCertificate),
            /// Private key files.
            key_files: KeyFile(crate::section::key_files::KeyFile),
            /// Periods that event logs cover.
            logs: LogSpan(crate::section::logs::LogSpan),
            /// Entries of event logs that mean something for Remote Desktop.
            events: LogEvent(crate::section::events::LogEvent),
            /// Files whose version matters.
            files: FileVersion(crate::section::files::FileVersion),
            /// Volumes.
            volumes: Volume(crate::section::volumes::Volume),
            /// `.rdp` files.
            rdp_files: RdpFile(crate::section::rdp_files::RdpFileRecord),
            /// Recordings of accesses to files and registry keys.
            traces: AccessTrace(crate::section::accesses::AccessTrace),
            /// Accesses refused in them, at places that matter for Remote Desktop.
            refused: RefusedAccess(crate::section::accesses::RefusedAccess),
            /// Evidence that could not be read, and why.
            unread: Unread(crate::section::unread::Unread),
        }
    };
}
pub(crate) use sections;

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

    /// Returns it without names. `state` is the one that it is part of, with its names.
    fn renamed(&self, names: &mut Names, state: &State) -> Self;

    /// Removes passwords from it and nothing else.
    fn remove_secrets(&mut self) {}

    /// Estimates the bytes of memory it takes.
    fn weight(&self) -> usize {
        bounds::weight(self)
    }

    /// Returns its name in the list of what was left out, where it matters which one that was.
    fn label(&self) -> Option<&str> {
        None
    }

    /// Keeps the things that fit.
    fn fill(things: &mut dyn Iterator<Item = Self>, filling: &mut Filling, kept: &mut Vec<Self>) {
        kept.extend(things.filter(|thing| filling.takes(thing)));
    }

    /// Takes back what only holds of a whole list, where this many are missing from it.
    fn cut_short(_: &mut State, _: u64) {}

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
