//! A recorded state without names of people, machines and domains, addresses and passwords: see [`wire::redaction`].
//!
//! These stay, because they can name nobody:
//!
//! * numbers of the registry, sizes, counts, dates; what is no date is taken out;
//! * texts that are one of a list: the keys that readers look up and the names of values in them, providers, channels,
//!   services, editions, cipher suites, settings of `.rdp` files. What is not on the list becomes `(redacted)`, also a
//!   text that merely looks harmless;
//! * the parts of a firewall rule, a security descriptor and an entry of a log by which they are judged; addresses and
//!   accounts in them become others;
//! * names of machines, people and domains as pseudonyms, GUIDs, SIDs and thumbprints as numbered ones, so that what
//!   was equal stays equal: the name of a key file still ends in the MachineGuid, the bound thumbprint is still that of
//!   the stored certificate, a key's container still leads to its file;
//! * ActivityIDs are numbered as well. They are chance, but they would tie what is redacted to the log that it comes
//!   from.
//!
//! A diagnosis comes out the same, which tests hold over every kind of state.

pub(crate) mod firewall;
mod secrets;
pub(crate) mod security;

use wire::redaction::Names;

use crate::moment::{moment, rfc3339};

pub use crate::printable::REDACTED;
pub(crate) use secrets::secret;

/// Returns the text if it is on the list. Its case is kept: some of it is compared with case.
pub(crate) fn one_of(list: &[&str], text: &str) -> Option<String> {
    list.iter().any(|known| known.eq_ignore_ascii_case(text)).then(|| text.to_owned())
}

/// Returns the text if it is on the list, else the placeholder. Empty stays empty.
pub(crate) fn kept(list: &[&str], text: &str) -> String {
    if text.is_empty() { String::new() } else { one_of(list, text).unwrap_or_else(|| REDACTED.to_owned()) }
}

/// Returns a date in its usual form; anything that is no date is redacted.
pub(crate) fn date(text: &str) -> String {
    let usual = moment(text).map(rfc3339);
    usual.filter(|date| moment(date).is_some()).unwrap_or_else(|| REDACTED.to_owned())
}

/// Keeps the common name alone, as a pseudonym: the rest tells a person's place and employer.
pub(crate) fn common_name(name: &str, names: &mut Names) -> String {
    let parts = || name.split(',').map(str::trim_start);
    let common = parts().find_map(|part| {
        let (kind, value) = part.split_once('=')?;
        kind.eq_ignore_ascii_case("CN").then_some(value)
    });
    let inspected = wire::inspection::product(name).is_some();
    let mut renamed = |value| if inspected { names.issuer(value) } else { names.text(value) };
    common.map_or_else(String::new, |value| format!("CN={}", renamed(value)))
}
