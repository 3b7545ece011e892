//! Windows' own answers about the machine that it runs.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use evidence::state::{ListeningPort, NetworkAdapter, SavedCredential, State, TERMSRV, Volume};

use super::{Adapter, Machine, PATIENCE, Values, read, read_client};
use crate::evidence::{event_log, hive, windows};

/// Most bytes of a log that is copied to be read.
const LOG: u64 = 256 * 1024 * 1024;

/// Reads this computer. `taken_at` is the time of now, RFC 3339.
pub fn this_computer(taken_at: String) -> State {
    let machine: Arc<dyn Machine> = Arc::new(Live);
    read(&machine, env::var("COMPUTERNAME").ok(), taken_at, PATIENCE)
}

/// Reads how this computer connects to others, see [`read_client`].
pub fn this_client(taken_at: String) -> State {
    let machine: Arc<dyn Machine> = Arc::new(Live);
    read_client(&machine, env::var("COMPUTERNAME").ok(), taken_at, PATIENCE)
}

/// Returns the disk from which this computer runs.
fn disk() -> windows::Disk {
    let folder = |name: &str, usual: &str| env::var_os(name).map_or_else(|| PathBuf::from(usual), PathBuf::from);
    let mut root = folder("SystemDrive", "C:");
    root.push("\\");
    windows::Disk::in_use(&root, &folder("SystemRoot", r"C:\Windows").join("System32"))
}

/// The machine that this program runs on.
pub(crate) struct Live;

impl Machine for Live {
    fn values(&self, path: &str) -> io::Result<Option<Values>> {
        let values = os::registry::values(path)?;
        let read = |value: os::registry::Value| (value.name, hive::decode(value.kind, &value.data));
        Ok(values.map(|values| values.into_iter().map(read).collect()))
    }

    fn children(&self, path: &str) -> io::Result<Option<Vec<String>>> {
        os::registry::children(path)
    }

    fn is_running(&self, service: &str) -> io::Result<Option<bool>> {
        os::service::running(service)
    }

    fn key_files(&self) -> State {
        disk().keys()
    }

    fn programs(&self) -> State {
        disk().programs()
    }

    fn volumes(&self) -> io::Result<Vec<Volume>> {
        let mut volumes = Vec::new();
        for name in os::volume::fixed()? {
            // a drive without a disk in it, or a locked one, has no space to tell of
            if let Ok((free, size)) = os::volume::space(&name) {
                volumes.push(Volume { name, free, size });
            }
        }
        Ok(volumes)
    }

    fn ports(&self) -> io::Result<Vec<ListeningPort>> {
        // without the names the numbers of the processes are told
        let names = os::port::processes().unwrap_or_default();
        let told = |one: os::port::Listening| ListeningPort {
            port: one.port,
            address: one.address.to_string(),
            // 0 is that of no program: the system did not tell
            pid: Some(one.process).filter(|process| *process != 0),
            process: names.get(&one.process).filter(|_| one.process != 0).cloned(),
        };
        Ok(os::port::listening()?.into_iter().map(told).collect())
    }

    fn adapters(&self) -> io::Result<Vec<Adapter>> {
        let told = |one: os::adapter::Adapter| Adapter {
            adapter: NetworkAdapter { name: one.name, mtu: one.mtu, up: one.up },
            servers: one.servers,
            suffix: one.suffix,
        };
        Ok(os::adapter::all()?.into_iter().map(told).collect())
    }

    fn credentials(&self) -> io::Result<Vec<SavedCredential>> {
        let names = os::credential::names(TERMSRV)?;
        Ok(names.into_iter().map(|target| SavedCredential { target }).collect())
    }

    fn log(&self, channel: &str) -> Result<Vec<State>, String> {
        let size = os::event_log::size(channel).map_err(|error| error.to_string())?;
        if size > LOG {
            return Err(format!("{size} bytes, more than {LOG}: export it (wevtutil epl) and name the file"));
        }
        let copy = Copied::new(channel).map_err(|error| error.to_string())?;
        let file = copy.0.join("log.evtx");
        os::event_log::export(channel, &file).map_err(|error| error.to_string())?;
        let file = File::open(file).map_err(|error| error.to_string())?;
        event_log(file).map_err(|error| error.to_string())
    }

    fn is_elevated(&self) -> Option<bool> {
        os::elevation::is_elevated().ok()
    }
}

/// Folder of this run's own for a copy, removed with this value.
struct Copied(PathBuf);

impl Copied {
    fn new(channel: &str) -> io::Result<Self> {
        let name: String = channel.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder = env::temp_dir().join(format!("rdpdoctor-{}-{name}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
