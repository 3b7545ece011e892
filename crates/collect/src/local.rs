//! This computer itself, read live: one with Windows to the state that the script of `collect --as powershell`
//! writes, one with Linux in `linux.rs`.
//!
//! Each source is read on a thread of its own and given up when it does not answer: what it would have told is unread
//! then, never absent. [`Machine`] is what Windows has to answer; all that is made of its answers is here, and is
//! tested with recorded ones.

#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(windows)]
mod live;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use evidence::events::CHANNELS;
use evidence::firewall::Outbound;
use evidence::state::{
    FILTERS, FIREWALL_MDM_RULES, FIREWALL_POLICY_RULES, FIREWALL_RULES, KEYS, ListeningPort, NetworkAdapter, Part,
    RegistryData, RegistryKey, SCHEMA, SERVICES, STORE_MY, STORE_REMOTE_DESKTOP, SavedCredential, State, Unread,
    Volume, is_of_client, takes,
};

use crate::evidence::{hive, script};
#[cfg(windows)]
pub(crate) use live::Live;
#[cfg(windows)]
pub use live::{this_client, this_computer};

/// Longest time that a source is waited for; all of them are read at once.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Values of a registry key, by name.
pub type Values = BTreeMap<String, RegistryData>;

/// Network adapter, with what it was told about names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Adapter itself.
    pub adapter: NetworkAdapter,
    /// Name servers to ask through it, in their order.
    pub servers: Vec<SocketAddr>,
    /// Suffix of the names in its network; empty if it has none.
    pub suffix: String,
}

/// Answers of an operating system about the machine that it runs. None of them may change anything; each may block.
pub trait Machine: Send + Sync + 'static {
    /// Reads all values of a registry key; `None` if there is no such key, an error if that cannot be told.
    fn values(&self, path: &str) -> io::Result<Option<Values>>;

    /// Lists the keys right below a registry key; `None` if there is no such key.
    fn children(&self, path: &str) -> io::Result<Option<Vec<String>>>;

    /// True if the service runs; `None` if there is none of this name.
    fn is_running(&self, service: &str) -> io::Result<Option<bool>>;

    /// Reads private key files with their rights.
    fn key_files(&self) -> State;

    /// Reads the versions of programs, with what of them could not be read.
    fn programs(&self) -> State;

    /// Lists the machine's own disks.
    fn volumes(&self) -> io::Result<Vec<Volume>>;

    /// Lists the TCP ports on which programs listen.
    fn ports(&self) -> io::Result<Vec<ListeningPort>>;

    /// Lists the network adapters that are there for something else than the machine itself.
    fn adapters(&self) -> io::Result<Vec<Adapter>>;

    /// Lists the hosts for which the person who runs the program has saved credentials; never a credential itself.
    fn credentials(&self) -> io::Result<Vec<SavedCredential>>;

    /// Reads the event log of a channel; an error says in words why not.
    fn log(&self, channel: &str) -> Result<Vec<State>, String>;

    /// True if the program has all rights of an administrator; `None` if that cannot be told.
    fn is_elevated(&self) -> Option<bool>;
}

/// Way to read a part of the state.
type Read = Box<dyn FnOnce() -> State + Send>;

/// Place from which a part of the state is read.
struct Source {
    /// Its name where it could not be read.
    name: String,
    read: Read,
}

impl Source {
    fn new(name: impl Into<String>, read: impl FnOnce() -> State + Send + 'static) -> Self {
        Self { name: name.into(), read: Box::new(read) }
    }

    /// Makes a source of what a machine with Windows answers.
    fn of(
        machine: &Arc<dyn Machine>,
        name: impl Into<String>,
        read: impl FnOnce(&dyn Machine) -> State + Send + 'static,
    ) -> Self {
        let machine = Arc::clone(machine);
        Self::new(name, move || read(&*machine))
    }
}

/// Lists all sources. A store of certificates has the name of its key: unread, it is not taken for read whole.
fn sources(machine: &Arc<dyn Machine>) -> Vec<Source> {
    let channels: BTreeSet<&str> = CHANNELS.iter().flat_map(|(.., channels)| channels.iter().copied()).collect();
    let stores = [STORE_MY, STORE_REMOTE_DESKTOP];
    let mut sources = vec![
        Source::of(machine, "the space on the volumes", volumes),
        Source::of(machine, "private key files", <dyn Machine>::key_files),
        Source::of(machine, "the versions of programs", <dyn Machine>::programs),
        Source::of(machine, "the registry", |machine| registry(machine, |_| true)),
        Source::of(machine, "the services", services),
        Source::of(machine, "the listening ports", ports),
        Source::of(machine, "the network adapters", adapters),
        Source::of(machine, FILTERS, filters),
        Source::of(machine, "the saved credentials", credentials),
    ];
    sources.extend(stores.map(|path| Source::of(machine, path, move |machine| store(machine, path))));
    sources.extend(
        channels
            .into_iter()
            .map(|channel| Source::of(machine, format!("event log {channel}"), move |machine| log(machine, channel))),
    );
    sources
}

/// Reads the state of a machine with Windows. `taken_at` is the time of now, RFC 3339, and `computer` the machine's
/// name; each source has `patience` to answer.
pub fn read(machine: &Arc<dyn Machine>, computer: Option<String>, taken_at: String, patience: Duration) -> State {
    let mut state = all(sources(machine), patience);
    if machine.is_elevated() == Some(false) {
        let why = "the program was started without the rights of an administrator: \
                   a console that was opened with \"Run as administrator\" lets it read the rest";
        state.unread.push(unread("some of this computer", why));
    }
    script::read_certificates(&mut state);
    State { computer: computer.or(state.computer), taken_at: Some(taken_at), ..state }
}

/// Reads of a machine with Windows what decides how it connects to others as a client, and nothing of what it is as a
/// host: its settings, its programs, and for which hosts it has credentials. Of the firewall's rules those are kept
/// that block on the way out.
pub fn read_client(
    machine: &Arc<dyn Machine>,
    computer: Option<String>,
    taken_at: String,
    patience: Duration,
) -> State {
    let sources = vec![
        Source::of(machine, "the versions of programs", <dyn Machine>::programs),
        Source::of(machine, "the registry", |machine| registry(machine, is_of_client)),
        Source::of(machine, "the network adapters", adapters),
        Source::of(machine, FILTERS, filters),
        Source::of(machine, "the saved credentials", credentials),
    ];
    let mut state = all(sources, patience);
    let rules =
        |key: &&mut RegistryKey| [FIREWALL_RULES, FIREWALL_POLICY_RULES, FIREWALL_MDM_RULES].contains(&&*key.path);
    for key in state.registry.iter_mut().filter(rules) {
        key.values.retain(|_, rule| match rule {
            RegistryData::Text(text) => Outbound::parse(text).is_some_and(|rule| rule.is_blocking()),
            _ => false,
        });
    }
    State { computer, part: Part::Client, taken_at: Some(taken_at), ..state }
}

/// Reads all sources at once, and puts together what they told in the order of the list.
fn all(sources: Vec<Source>, patience: Duration) -> State {
    let began = Instant::now();
    let (sender, receiver) = channel();
    let mut parts = Vec::new();
    for (number, source) in sources.into_iter().enumerate() {
        let late = format!("it did not answer within {} s", patience.as_secs_f32());
        parts.push(State { unread: vec![unread(&source.name, &late)], ..State::default() });
        let sender = sender.clone();
        thread::spawn(move || {
            let part = (source.read)();
            // nobody waits for it any more, if it came too late
            let _ = sender.send((number, part));
        });
    }
    drop(sender);
    while let Ok((number, part)) = receiver.recv_timeout(patience.saturating_sub(began.elapsed())) {
        parts[number] = part;
    }
    let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
    for part in parts {
        state.merge(part);
    }
    state
}

fn unread(what: &str, why: &str) -> Unread {
    Unread { what: what.to_owned(), why: why.to_owned() }
}

/// Looks up the keys that are wanted.
fn registry(machine: &dyn Machine, wanted: fn(&str) -> bool) -> State {
    let mut state = State::default();
    for path in KEYS.iter().filter(|path| wanted(path)) {
        key(machine, path, &mut state);
    }
    state
}

/// Looks up a key. That it is absent is only said where the system said so.
fn key(machine: &dyn Machine, path: &str, state: &mut State) {
    match machine.values(path) {
        Ok(values) => {
            let exists = values.is_some();
            let mut values = values.unwrap_or_default();
            values.retain(|name, _| takes(path, name));
            state.registry.push(RegistryKey { path: path.to_owned(), exists, values });
        }
        Err(error) => state.unread.push(unread(path, &error.to_string())),
    }
}

/// Reads the certificates of a store as the registry keeps them.
fn store(machine: &dyn Machine, path: &str) -> State {
    let mut state = State::default();
    match machine.children(path) {
        Ok(names) => {
            for name in names.unwrap_or_default() {
                key(machine, &format!("{path}\\{name}"), &mut state);
            }
        }
        Err(error) => state.unread.push(unread(path, &error.to_string())),
    }
    state
}

fn services(machine: &dyn Machine) -> State {
    let mut state = State::default();
    for name in SERVICES {
        match machine.values(&format!(r"HKLM\SYSTEM\CurrentControlSet\Services\{name}")) {
            Ok(values) => {
                let running = machine.is_running(name).ok().flatten();
                state.services.push(hive::service(name, values.as_ref(), running));
            }
            Err(error) => state.unread.push(unread(&format!("the service {name}"), &error.to_string())),
        }
    }
    state
}

/// Keeps what a source told, or says why it did not.
fn told<T>(what: &str, answer: io::Result<Vec<T>>, keep: impl FnOnce(&mut State, Vec<T>)) -> State {
    let mut state = State::default();
    match answer {
        Ok(things) => keep(&mut state, things),
        Err(error) => state.unread.push(unread(what, &error.to_string())),
    }
    state
}

fn volumes(machine: &dyn Machine) -> State {
    told("the space on the volumes", machine.volumes(), |state, volumes| state.volumes = volumes)
}

fn ports(machine: &dyn Machine) -> State {
    told("the listening ports", machine.ports(), |state, ports| state.ports = ports)
}

fn adapters(machine: &dyn Machine) -> State {
    told("the network adapters", machine.adapters(), |state, adapters| {
        state.adapters = adapters.into_iter().map(|adapter| adapter.adapter).collect();
    })
}

/// Reads the network filters. If one of them cannot be read, none is told: it may be the one that matters.
fn filters(machine: &dyn Machine) -> State {
    let names = machine.children(FILTERS).map(Option::unwrap_or_default);
    let read = |name: String| machine.values(&format!("{FILTERS}\\{name}")).map(Option::unwrap_or_default);
    let keys = names.and_then(|names| names.into_iter().map(read).collect::<io::Result<Vec<_>>>());
    told(FILTERS, keys, |state, keys| state.filters = keys.iter().filter_map(hive::filter).collect())
}

fn credentials(machine: &dyn Machine) -> State {
    told("the saved credentials", machine.credentials(), |state, credentials| state.credentials = credentials)
}

/// Reads an event log. Copies of one that entries of several machines stand in tell of this one alone.
fn log(machine: &dyn Machine, channel: &str) -> State {
    let mut state = State::default();
    match machine.log(channel) {
        Ok(machines) => machines.into_iter().for_each(|one| state.merge(one)),
        Err(why) => state.unread.push(unread(&format!("event log {channel}"), &why)),
    }
    state
}
