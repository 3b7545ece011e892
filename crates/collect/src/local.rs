//! This computer itself, read live to the state that the script of `collect --as powershell` writes.
//!
//! Each source is read on a thread of its own and given up when it does not answer: what it would have told is unread
//! then, never absent. [`Machine`] is what the operating system has to answer; all that is made of its answers is here,
//! and is tested with recorded ones.

#[cfg(windows)]
mod live;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use evidence::events::CHANNELS;
use evidence::state::{
    KEYS, RegistryData, RegistryKey, SCHEMA, SERVICES, STORE_MY, STORE_REMOTE_DESKTOP, State, Unread, Volume, takes,
};

use crate::evidence::{hive, script};
#[cfg(windows)]
pub use live::this_computer;

/// Longest time that a source is waited for; all of them are read at once.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Values of a registry key, by name.
pub type Values = BTreeMap<String, RegistryData>;

/// Answers of an operating system about the machine that it runs. None of them may change anything; each may block.
pub trait Machine: Send + Sync + 'static {
    /// Reads all values of a registry key; `None` if there is no such key, an error if that cannot be told.
    fn values(&self, path: &str) -> io::Result<Option<Values>>;

    /// Lists the keys right below a registry key; `None` if there is no such key.
    fn children(&self, path: &str) -> io::Result<Option<Vec<String>>>;

    /// True if the service runs; `None` if there is none of this name.
    fn is_running(&self, service: &str) -> io::Result<Option<bool>>;

    /// Reads private key files with their rights, and versions of programs, with what of them could not be read.
    fn files(&self) -> State;

    /// Lists the machine's own disks.
    fn volumes(&self) -> io::Result<Vec<Volume>>;

    /// Reads the event log of a channel; an error says in words why not.
    fn log(&self, channel: &str) -> Result<Vec<State>, String>;

    /// True if the program has all rights of an administrator; `None` if that cannot be told.
    fn is_elevated(&self) -> Option<bool>;
}

/// Way to read a part of the state.
type Read = Box<dyn FnOnce(&dyn Machine) -> State + Send>;

/// Place from which a part of the state is read.
struct Source {
    /// Its name where it could not be read.
    name: String,
    read: Read,
}

impl Source {
    fn new(name: impl Into<String>, read: impl FnOnce(&dyn Machine) -> State + Send + 'static) -> Self {
        Self { name: name.into(), read: Box::new(read) }
    }
}

/// Lists all sources. A store of certificates has the name of its key: unread, it is not taken for read whole.
fn sources() -> Vec<Source> {
    let channels: BTreeSet<&str> = CHANNELS.iter().flat_map(|(.., channels)| channels.iter().copied()).collect();
    let stores = [STORE_MY, STORE_REMOTE_DESKTOP];
    let mut sources = vec![
        Source::new("the space on the volumes", volumes),
        Source::new("private key files and programs", <dyn Machine>::files),
        Source::new("the registry", registry),
        Source::new("the services", services),
    ];
    sources.extend(stores.map(|path| Source::new(path, move |machine| store(machine, path))));
    sources.extend(
        channels
            .into_iter()
            .map(|channel| Source::new(format!("event log {channel}"), move |machine| log(machine, channel))),
    );
    sources
}

/// Reads the state of a machine. `taken_at` is the time of now, RFC 3339, and `computer` the machine's name; each source
/// has `patience` to answer.
pub fn read(machine: &Arc<dyn Machine>, computer: Option<String>, taken_at: String, patience: Duration) -> State {
    let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
    for part in all(machine, patience) {
        state.merge(part);
    }
    if machine.is_elevated() == Some(false) {
        let why = "the program was started without the rights of an administrator: \
                   a console that was opened with \"Run as administrator\" lets it read the rest";
        state.unread.push(unread("some of this computer", why));
    }
    script::read_certificates(&mut state);
    State { computer: computer.or(state.computer), taken_at: Some(taken_at), ..state }
}

/// Reads all sources at once, and returns what they told in the order of the list.
fn all(machine: &Arc<dyn Machine>, patience: Duration) -> Vec<State> {
    let began = Instant::now();
    let (sender, receiver) = channel();
    let mut parts = Vec::new();
    for (number, source) in sources().into_iter().enumerate() {
        let late = format!("it did not answer within {} s", patience.as_secs_f32());
        parts.push(State { unread: vec![unread(&source.name, &late)], ..State::default() });
        let (machine, sender) = (Arc::clone(machine), sender.clone());
        thread::spawn(move || {
            let part = (source.read)(&*machine);
            // nobody waits for it any more, if it came too late
            let _ = sender.send((number, part));
        });
    }
    drop(sender);
    loop {
        match receiver.recv_timeout(patience.saturating_sub(began.elapsed())) {
            Ok((number, part)) => parts[number] = part,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return parts,
        }
    }
}

fn unread(what: &str, why: &str) -> Unread {
    Unread { what: what.to_owned(), why: why.to_owned() }
}

fn registry(machine: &dyn Machine) -> State {
    let mut state = State::default();
    for path in KEYS {
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

fn volumes(machine: &dyn Machine) -> State {
    match machine.volumes() {
        Ok(volumes) => State { volumes, ..State::default() },
        Err(error) => {
            State { unread: vec![unread("the space on the volumes", &error.to_string())], ..State::default() }
        }
    }
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
