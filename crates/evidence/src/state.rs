//! State of a machine as it was recorded, offline or live (`rdpdoctor-state/1`).
//!
//! Every reader of a machine (a hive, an event log, a mounted disk, a script's output, the live system) writes this one
//! format, and [`State::observe`] alone turns it into evidence. Anything that was looked for and is missing is listed
//! as missing; anything not mentioned was not read, and nothing is concluded from it.

pub mod bounds;
pub(crate) mod read;
mod redaction;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::MapAccess;
use time::OffsetDateTime;
use wire::redaction::Names;

use crate::moment::moment;
pub use crate::places::*;
use crate::section::budget::Budget;
use crate::section::registry::forget_stores;
use crate::section::sections;
use crate::section::thing::{Section, Turn};

pub use crate::section::adapters::NetworkAdapter;
pub use crate::section::certificates::StoredCertificate;
pub use crate::section::counts::EntryCount;
pub use crate::section::credentials::{SavedCredential, TERMSRV};
pub use crate::section::events::LogEvent;
pub use crate::section::files::FileVersion;
pub use crate::section::filters::NetworkFilter;
pub use crate::section::gnome::{GNOME_FILES, GRD_CONF, GSETTINGS, GnomeRemoteDesktop};
pub use crate::section::key_files::KeyFile;
pub use crate::section::linux_firewalls::{
    FIREWALLD, Fate, IPTABLES, LinuxFirewall, LinuxRule, NFTABLES, UFW, Way, within,
};
pub use crate::section::logs::LogSpan;
pub use crate::section::ports::ListeningPort;
pub use crate::section::registry::{RegistryData, RegistryKey};
pub use crate::section::services::Service;
pub use crate::section::unread::Unread;
pub use crate::section::volumes::Volume;
pub use crate::section::xrdp::{
    Contents, NO_GLOBALS, NO_LOG, NO_LOG_TO_WRITE, NO_SESMAN, POWERFUL, XRDP_INI, Xrdp, XrdpFile, is_put_aside,
};
pub use read::{FORM, NAME, StateError};

/// Name and version of the format.
pub const SCHEMA: &str = "rdpdoctor-state/1";

/// Declares [`State`] from the list of its sections, with all that is done to every section alike.
macro_rules! state {
    ($($(#[$doc:meta])* $field:ident: $variant:ident($thing:ty),)*) => {
        /// State of a machine.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
        #[serde(default)]
        pub struct State {
            /// `rdpdoctor-state/1`; fields are only ever added within a version.
            pub schema: String,
            /// Part that the machine plays.
            pub part: Part,
            /// When it was read, RFC 3339, UTC; null where that is not known.
            pub taken_at: Option<String>,
            /// Name of the machine.
            pub computer: Option<String>,
            $($(#[$doc])* pub $field: Vec<$thing>,)*
        }

        impl State {
            /// Adds the things of another state.
            fn extend(&mut self, other: Self) {
                $(self.$field.extend(other.$field);)*
            }

            /// Reads the section of this name, as much of it as fits; false if there is none of this name.
            fn read_section<'de, A: MapAccess<'de>>(
                &mut self,
                name: &str,
                map: &mut A,
                filling: &mut Budget,
            ) -> Result<bool, A::Error> {
                match name {
                    $(stringify!($field) => map.next_value_seed(read::Things(&mut self.$field, filling))?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Estimates the bytes of memory it takes.
            pub fn weight(&self) -> usize {
                [$(self.$field.iter().map(Section::weight).sum::<usize>()),*].into_iter().sum()
            }

            /// Keeps what fits of the sections whose turn it is.
            fn fill(&mut self, turn: Turn, filling: &mut Budget) {
                $(if <$thing>::TURN == turn {
                    let mut things = std::mem::take(&mut self.$field).into_iter();
                    Section::fill(&mut things, filling, &mut self.$field);
                })*
            }

            /// Takes back what only holds of whole sections.
            fn cut_short(&mut self, filling: &Budget) {
                let mut stores = false;
                $(let lost = filling.lost(<$thing>::TITLE);
                if lost > 0 {
                    <$thing>::cut_short(&mut self.$field, lost);
                    stores |= <$thing>::TELLS_STORES;
                })*
                if stores {
                    forget_stores(&mut self.registry);
                }
            }

            /// Returns the things without names; all else is that of `head`.
            pub(crate) fn renamed_things(&self, names: &mut Names, head: Self) -> Self {
                Self { $($field: self.$field.iter().map(|thing| thing.renamed(names, &self.logs)).collect(),)* ..head }
            }

            /// Removes secrets: passwords in the registry and in entries of logs, and the arguments of services.
            /// Windows has none in the keys that are read, but a state written by hand may.
            #[must_use]
            pub fn without_secrets(mut self) -> Self {
                $(self.$field.iter_mut().for_each(Section::remove_secrets);)*
                self
            }
        }
    };
}
sections!(state);

impl State {
    /// Writes the state as JSON that [`State::parse`] reads back.
    pub fn to_json(&self) -> String {
        let named = Self { schema: SCHEMA.to_owned(), ..self.clone() };
        let mut text = serde_json::to_string_pretty(&named).expect("a state has only string keys");
        text.push('\n');
        text
    }

    /// Takes in what another reader found about the same machine.
    pub fn merge(&mut self, mut other: Self) {
        self.taken_at = [self.taken_at.take(), other.taken_at.take()].into_iter().flatten().max();
        self.computer = self.computer.take().or(other.computer.take());
        self.extend(other);
    }

    /// Returns the newest moment it knows, no later than `until`: the attempt, where nothing else says when that was.
    pub fn newest(&self, until: OffsetDateTime) -> Option<OffsetDateTime> {
        let logs = self.logs.iter().map(|log| log.until.as_str());
        let events = self.events.iter().map(|event| event.at.as_str());
        self.taken_at
            .as_deref()
            .into_iter()
            .chain(logs)
            .chain(events)
            .filter_map(moment)
            .filter(|at| *at <= until)
            .max()
    }
}

/// Returns the published JSON Schema of a state.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(State);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema has only string keys");
    text.push('\n');
    text
}
