//! Registry hives: the machine's (`SYSTEM`, `SOFTWARE`) and a user's (`NTUSER.DAT`, `DEFAULT`), told apart by contents.
//!
//! Only keys that `evidence::state` lists are looked up. A missing key is recorded as absent; one that could not be
//! read is recorded as unread, never as absent.

pub(super) mod blob;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

#[cfg(windows)]
pub(crate) use evidence::hive::decode;
use evidence::hive::log::{self, Log};
use evidence::hive::{Flaw, Hive, Key};
pub(super) use evidence::hive::{u16_at, u32_at};
use evidence::state::{
    COMPUTER_NAME, FILTERS, FIREWALL_RULES, KEYS, NetworkFilter, Part, ROOT, RegistryData, RegistryKey, SCHEMA,
    SERVICES, STORE_MY, STORE_REMOTE_DESKTOP, STORES_ROOT, Service, State, Unread, takes,
};
use time::format_description::well_known::Rfc3339;

use super::reader::{Access, Piece, ReadError, Reader, regular};

/// Most keys of an unknown hive in which rules of the firewall are looked for.
const EXPORTED: usize = 32;
/// Most flaws that are reported one by one.
const FLAWS: usize = 8;

pub(super) const READER: Reader =
    Reader { kind: super::kind::Kind::RegistryHive, recognises, read: Access::Place(read) };

/// First bytes of hives and of their transaction logs.
pub(super) const MAGIC: &[u8] = b"regf";

fn recognises(head: &[u8]) -> bool {
    // the file type, at 28, tells a transaction log from a hive
    head.starts_with(MAGIC) && u32_at(head, 28) == Some(0)
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    let hive = Hive::open(regular(path)?)?;
    // if a hive was closed properly, the logs have nothing new
    let (logs, lacks) = if hive.dirty() { logs_beside(path) } else { (Vec::new(), Vec::new()) };
    Ok(Piece::State(Box::new(state(hive, logs, lacks)?)))
}

/// Reads a hive with its transaction logs, from any source.
pub fn registry_hive(hive: impl Read + Seek, logs: Vec<impl Read + Seek>) -> Result<State, ReadError> {
    let mut room = log::KEPT;
    let logs = logs.into_iter().map(|log| log::read(log, &mut room)).collect::<Result<Vec<_>, _>>()?;
    Ok(state(Hive::open(hive)?, logs.into_iter().flatten().collect(), Vec::new())?)
}

impl From<Flaw> for ReadError {
    fn from(flaw: Flaw) -> Self {
        Self::Contents(flaw.to_string())
    }
}

/// Finds the transaction logs beside a hive, and lists what is known to be missing of them.
fn logs_beside(path: &Path) -> (Vec<Log>, Vec<Unread>) {
    let (mut logs, mut lacks) = (Vec::new(), Vec::new());
    let files = files_beside(path);
    let mut room = log::KEPT;
    for file in &files {
        match regular(file).and_then(|file| Ok(log::read(file, &mut room)?)) {
            Ok(log) => logs.extend(log),
            Err(error) => lacks.push(Unread { what: file.display().to_string(), why: error.to_string() }),
        }
    }
    // since Windows 8.1 both are there, and one may continue the other
    let there = |end: &str| files.iter().any(|file| file.to_string_lossy().to_ascii_lowercase().ends_with(end));
    for (one, other) in [("log1", "log2"), ("log2", "log1")] {
        if lacks.is_empty() && there(one) && !there(other) {
            let what = format!("{}.{}", path.display(), other.to_ascii_uppercase());
            lacks.push(Unread { what, why: "the second of two transaction logs is not there".to_owned() });
        }
    }
    (logs, lacks)
}

/// Lists the transaction logs beside a hive.
pub(super) fn files_beside(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let wanted = |found: &OsStr| {
        let found = found.to_string_lossy().to_ascii_lowercase();
        ["log", "log1", "log2"].iter().any(|end| found == format!("{name}.{end}"))
    };
    // a pipe of that name would keep us waiting
    let file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let logs = entries.filter(|entry| wanted(&entry.file_name()) && file(entry));
    let mut logs: Vec<_> = logs.map(|entry| entry.path()).collect();
    logs.sort();
    logs
}

/// Reads the state of a hive with its transaction logs merged; `lacks` lists what could not be read of these.
fn state<S: Read + Seek>(mut hive: Hive<S>, logs: Vec<Log>, lacks: Vec<Unread>) -> Result<State, Flaw> {
    let mut unread = lacks;
    if hive.dirty() {
        let why = hive.recover(logs, !unread.is_empty());
        if !why.is_empty() {
            unread.push(Unread { what: "the last changes of the hive".to_owned(), why: why.join("; ") });
        }
    }
    let cut = hive.cut().map(|(has, wants)| format!("cut off: {has} of {wants} bytes"));
    unread.extend(cut.iter().map(|why| Unread { what: "the end of the hive".to_owned(), why: why.clone() }));
    let named = |flaw: Flaw| cut.as_ref().map_or(flaw.clone(), |cut| Flaw::Kind(format!("{cut}; {flaw}")));
    let whole = unread.is_empty();
    let state = State { schema: SCHEMA.to_owned(), unread, ..State::default() };
    let mut lookup = Lookup { hive, whole, newest: 0, state };
    let looked = match lookup.kind().map_err(named)? {
        Kind::System => lookup.system(),
        Kind::Software => {
            lookup.software();
            Ok(())
        }
        Kind::User => {
            lookup.user();
            Ok(())
        }
        Kind::Firewall(place) => {
            lookup.firewall(&place);
            Ok(())
        }
    };
    looked.and_then(|()| lookup.finish()).map_err(named)
}

/// Kind of hive.
enum Kind {
    System,
    Software,
    User,
    /// An export of the firewall's policy (`.wfw`), with the place of its keys.
    Firewall(String),
}

/// A hive that is being read, and the results so far.
struct Lookup<S> {
    hive: Hive<S>,
    /// True if all its changes are known. Otherwise anything missing may be in a log that was not read: it is unread,
    /// not absent.
    whole: bool,
    /// Newest write among the keys that were read, as a `FILETIME`.
    newest: u64,
    state: State,
}

impl<S: Read + Seek> Lookup<S> {
    fn kind(&mut self) -> Result<Kind, Flaw> {
        let root = self.hive.root()?;
        let (children, flaws) = self.hive.children(&root);
        let has = |name: &str| children.iter().any(|key| key.name.eq_ignore_ascii_case(name));
        if has("Select") || has("ControlSet001") {
            Ok(Kind::System)
        } else if has("Microsoft") && (has("Classes") || has("Policies")) {
            Ok(Kind::Software)
        } else if has("Software") && (has("Control Panel") || has("Environment")) {
            Ok(Kind::User)
        } else if let Some(place) = self.firewall_policy(&children) {
            Ok(Kind::Firewall(place))
        } else {
            let names: Vec<_> = children.iter().take(4).map(|key| key.name.as_str()).collect();
            let why = format!("a hive of another kind, with the keys {}", names.join(", "));
            Err(flaws.into_iter().next().unwrap_or(Flaw::Kind(why)))
        }
    }

    fn system(&mut self) -> Result<(), Flaw> {
        let set = self.control_set()?;
        self.registry(r"HKLM\SYSTEM\CurrentControlSet\", &set);
        for name in SERVICES {
            self.service(&set, name);
        }
        self.filters(&set);
        let name = self.state.registry.iter().find(|key| key.path == COMPUTER_NAME);
        let name = name.and_then(|key| value(&key.values, "ComputerName"));
        self.state.computer = name.and_then(text);
        Ok(())
    }

    fn software(&mut self) {
        self.registry(r"HKLM\SOFTWARE\", "");
        self.certificates(STORE_MY, "My");
        self.certificates(STORE_REMOTE_DESKTOP, "Remote Desktop");
        for store in STORES_ROOT {
            self.roots(store);
        }
    }

    /// Finds the rules of an exported firewall policy: at the root, or one or two keys below it.
    fn firewall_policy(&mut self, children: &[Key]) -> Option<String> {
        const RULES: &str = "FirewallRules";
        let is = |key: &Key| key.name.eq_ignore_ascii_case(RULES);
        if children.iter().any(is) {
            return Some(String::new());
        }
        for child in children.iter().take(EXPORTED) {
            let below = self.hive.children(child).0;
            if below.iter().any(is) {
                return Some(format!("{}\\", child.name));
            }
            for other in below.iter().take(EXPORTED) {
                if self.hive.children(other).0.iter().any(is) {
                    return Some(format!("{}\\{}\\", child.name, other.name));
                }
            }
        }
        None
    }

    /// Reads an exported policy. What it lacks was perhaps not exported, so nothing is absent.
    fn firewall(&mut self, place: &str) {
        self.whole = false;
        let parent = FIREWALL_RULES.strip_suffix("FirewallRules").unwrap_or(FIREWALL_RULES);
        self.registry(parent, place);
    }

    fn user(&mut self) {
        self.state.part = Part::Client;
        self.registry(r"HKCU\", "");
    }

    /// Returns the control set in use, such as `ControlSet001\`.
    fn control_set(&mut self) -> Result<String, Flaw> {
        let found = self.hive.find("Select")?;
        let values = found.map(|key| self.hive.values(&key).0).unwrap_or_default();
        let Some(RegistryData::Dword(number)) = value(&values, "Current") else {
            let why = r"a SYSTEM hive without Select\Current: the control set in use is not known";
            return Err(Flaw::Kind(why.to_owned()));
        };
        let set = format!("ControlSet{number:03}");
        // a set that is not there would make everything below it absent
        match self.hive.find(&set)? {
            Some(_) => Ok(format!("{set}\\")),
            None => Err(Flaw::Kind(format!(r"Select\Current names {set}, which the hive does not have"))),
        }
    }

    /// Looks up all keys of the list with this prefix, below `place` in the hive.
    fn registry(&mut self, prefix: &str, place: &str) {
        for path in KEYS {
            let Some(rest) = path.strip_prefix(prefix) else { continue };
            match self.hive.find(&format!("{place}{rest}")) {
                Ok(None) if !self.whole => {}
                Ok(None) => self.state.registry.push(RegistryKey {
                    path: (*path).to_owned(),
                    exists: false,
                    values: BTreeMap::new(),
                }),
                Ok(Some(key)) => self.key(path, &key),
                Err(flaw) => self.flaw(path, &flaw),
            }
        }
    }

    /// Looks up a key. One with unreadable values counts as unread: one of them may be the one that matters.
    fn key(&mut self, path: &str, key: &Key) {
        self.newest = self.newest.max(key.written);
        let (mut values, flaws) = self.hive.values(key);
        values.retain(|name, _| takes(path, name));
        match flaws.first() {
            Some(flaw) => self.flaw(path, flaw),
            None => self.state.registry.push(RegistryKey { path: path.to_owned(), exists: true, values }),
        }
    }

    fn service(&mut self, set: &str, name: &str) {
        let key = match self.hive.find(&format!("{set}Services\\{name}")) {
            Ok(key) => key,
            Err(flaw) => return self.flaw(&format!("the service {name}"), &flaw),
        };
        let (values, flaws) = key.as_ref().map(|key| self.hive.values(key)).unwrap_or_default();
        if let Some(flaw) = flaws.first() {
            return self.flaw(&format!("the service {name}"), flaw);
        }
        if key.is_none() && !self.whole {
            return;
        }
        self.state.services.push(service(name, key.as_ref().map(|_| &values), None));
    }

    /// Reads the network filters. If one of them cannot be read, none is told: it may be the one that matters.
    fn filters(&mut self, set: &str) {
        let rest = FILTERS.strip_prefix(r"HKLM\SYSTEM\CurrentControlSet\").unwrap_or(FILTERS);
        let (children, mut flaws) = match self.hive.find(&format!("{set}{rest}")) {
            Ok(key) => key.map(|key| self.hive.children(&key)).unwrap_or_default(),
            Err(flaw) => return self.flaw(FILTERS, &flaw),
        };
        let mut filters = Vec::new();
        for child in children {
            let (values, broken) = self.hive.values(&child);
            flaws.extend(broken);
            filters.extend(filter(&values));
        }
        match flaws.first() {
            Some(flaw) => self.flaw(FILTERS, flaw),
            None => self.state.filters = filters,
        }
    }

    fn certificates(&mut self, path: &str, store: &str) {
        let flaws = self.store(path, store);
        // a store that cannot be read completely does not show that anything is missing
        if !self.whole || !flaws.is_empty() {
            self.state.registry.retain(|key| key.path != path);
        }
        if let Some(flaw) = flaws.first() {
            self.flaw(path, flaw);
        }
    }

    /// Reads authorities. An unreadable one is skipped, because nothing follows from a missing one.
    fn roots(&mut self, path: &str) {
        self.store(path, ROOT);
    }

    /// Takes in the certificates of a store, and returns what of it could not be read.
    fn store(&mut self, path: &str, store: &str) -> Vec<Flaw> {
        let rest = path.strip_prefix(r"HKLM\SOFTWARE\").unwrap_or(path);
        let (children, mut flaws) = match self.hive.find(rest) {
            Ok(key) => key.map(|key| self.hive.children(&key)).unwrap_or_default(),
            // the key itself is already reported as unread
            Err(_) => return Vec::new(),
        };
        for child in children {
            let (values, broken) = self.hive.values(&child);
            flaws.extend(broken);
            let blob = value(&values, "Blob").and_then(|data| match data {
                RegistryData::Binary(data) => wire::hex::decode(data),
                _ => None,
            });
            match blob.and_then(|blob| blob::certificate(store, &blob)) {
                Some(certificate) => self.state.certificates.push(certificate),
                None => flaws.push(Flaw::Kind(format!("{} is no certificate that can be read", child.name))),
            }
        }
        flaws
    }

    fn flaw(&mut self, what: &str, flaw: &Flaw) {
        self.state.unread.push(Unread { what: what.to_owned(), why: flaw.to_string() });
    }

    fn finish(mut self) -> Result<State, Flaw> {
        if self.state.registry.is_empty() {
            let first = self.state.unread.first().map(|unread| format!("{}: {}", unread.what, unread.why));
            return Err(Flaw::Kind(first.unwrap_or_else(|| "nothing of it could be read".to_owned())));
        }
        let rest = self.state.unread.len().saturating_sub(FLAWS);
        self.state.unread.truncate(FLAWS);
        if rest > 0 {
            let what = format!("{rest} more of its keys");
            self.state.unread.push(Unread { what, why: "for reasons of the same kind".to_owned() });
        }
        self.state.taken_at = moment(self.newest);
        Ok(self.state)
    }
}

/// Describes a service by the values of its key, or as one that is not installed; `running` if that is known.
pub(crate) fn service(name: &str, values: Option<&BTreeMap<String, RegistryData>>, running: Option<bool>) -> Service {
    let found = |of: &str| values.and_then(|values| value(values, of));
    Service {
        name: name.to_owned(),
        exists: values.is_some(),
        start: found("Start").and_then(|data| if let RegistryData::Dword(start) = data { Some(*start) } else { None }),
        running,
        image: found("ImagePath").and_then(text),
        account: found("ObjectName").and_then(text),
    }
}

/// Describes a network filter by the values of its key; `None` for a key that is none.
pub(crate) fn filter(values: &BTreeMap<String, RegistryData>) -> Option<NetworkFilter> {
    let id = value(values, "ComponentId").and_then(text)?;
    Some(NetworkFilter { id, name: value(values, "Description").and_then(text) })
}

/// Finds a value by its name, ignoring case.
fn value<'a>(values: &'a BTreeMap<String, RegistryData>, name: &str) -> Option<&'a RegistryData> {
    values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, data)| data)
}

fn text(data: &RegistryData) -> Option<String> {
    if let RegistryData::Text(text) = data { Some(text.clone()) } else { None }
}

/// Formats a `FILETIME` as RFC 3339, to the whole second; `None` for one that was never set.
fn moment(filetime: u64) -> Option<String> {
    let seconds = filetime - filetime % 10_000_000;
    wire::ntlm::filetime(seconds).filter(|_| seconds > 0)?.format(&Rfc3339).ok()
}
