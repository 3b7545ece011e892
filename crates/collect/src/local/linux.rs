//! This computer, where Linux runs it: xrdp and GNOME Remote Desktop with their files, their processes and the ports on
//! which programs listen.
//!
//! Source: proc(5) for `/proc`, the manuals of gsettings and journalctl.

pub mod firewall;
mod processes;
#[cfg(test)]
mod tests;

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use evidence::state::{
    GNOME_FILES, GSETTINGS, GnomeRemoteDesktop, ListeningPort, Service, State, Volume, XRDP_SERVICES,
};

use super::{PATIENCE, Source, all, unread};
use crate::evidence::xrdp::reach;
use crate::evidence::{Kind, Piece, bytes, gather, gnome, linux_places, pieces_of, regular, xrdp_log, xrdp_logs};

/// Longest time for a program that is asked, within the patience for a source.
const PROGRAM: Duration = Duration::from_secs(4);
/// Longest time in which all that a repair needs is read: nothing may be missing of it only because it came late.
const REPAIR: Duration = Duration::from_secs(30);
/// Most bytes that a program may print.
const PRINTED: u64 = 16 * 1024 * 1024;
/// Most entries of the journal that are read: the newest.
const ENTRIES: &str = "5000";
/// Names under which GNOME Remote Desktop writes to the journal.
const GNOME: &[&str] = &["gnome-remote-desktop-daemon", "gnome-remote-de"];
/// Folders in which a full disk keeps people out: of the settings, the logs, and the sockets of sessions.
const FOLDERS: [&str; 4] = ["/", "/var", "/var/log", "/tmp"];

/// Reads this computer. `taken_at` is the time of now, RFC 3339.
pub fn this_computer(taken_at: String) -> State {
    let host = Host { root: PathBuf::from("/"), uid: rustix::process::geteuid().as_raw() };
    let mut state = read(&host, taken_at, PATIENCE);
    if host.uid != 0 {
        let why = "the program was started without the rights of root: with sudo it reads every key and log, and names \
                   the programs of other accounts";
        state.unread.push(unread("some of this computer", why));
    }
    state
}

/// The machine, and who looks at it.
#[derive(Debug, Clone)]
struct Host {
    /// Root of its files: `/`, but in tests.
    root: PathBuf,
    /// Number of the account that looks.
    uid: u32,
}

impl Host {
    fn machine(&self) -> reach::Machine {
        reach::Machine::at(&self.root)
    }

    fn is_this(&self) -> bool {
        self.root == Path::new("/")
    }
}

fn read(host: &Host, taken_at: String, patience: Duration) -> State {
    let mut state = all(sources(host), patience);
    let ports = std::mem::take(&mut state.ports);
    as_it_runs(host, &ports, &mut state);
    state.ports = ports;
    if state.xrdp.is_empty() && state.gnome.is_empty() && state.unread.is_empty() {
        let why = "neither xrdp nor GNOME Remote Desktop is set up here, and this program knows no other: what else \
                   listens is told below";
        state.unread.push(unread("a server for RDP", why));
    }
    state.computer = state.computer.or_else(|| host.machine().name());
    State { taken_at: Some(taken_at), ..state }
}

/// Process of an xrdp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// Its command line, in words.
    pub line: String,
}

/// Reads the xrdp of this computer as it is now, for whoever repairs it: its settings, processes, ports, the firewall
/// and the disks. Logs tell of what was. Beside it the process of an xrdp that runs with the rights of another account
/// than its unit or script says, as one that was started by hand.
pub fn xrdp_of_this_computer(ini: &Path) -> (State, Option<Process>) {
    let host = Host { root: "/".into(), uid: rustix::process::geteuid().as_raw() };
    let place = ini.to_owned();
    let mut now = present(&host);
    now.push(Source::new(place.display().to_string(), move || file(&place)));
    now.push(of(&host, "the firewall", firewall::read));
    let mut state = all(now, REPAIR);
    let ports = std::mem::take(&mut state.ports);
    let process = as_it_runs(&host, &ports, &mut state).map(process);
    state.ports = ports;
    (state, process)
}

fn process(number: u32) -> Process {
    let line = bytes(Path::new(&format!("/proc/{number}/cmdline")), LINE).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy);
    Process { number, line: words.collect::<Vec<_>>().join(" ") }
}

/// Forgets for whom files are readable where the xrdp that listens has the rights of another account than its unit or
/// script says, and returns the number of its process.
fn as_it_runs(host: &Host, ports: &[ListeningPort], state: &mut State) -> Option<u32> {
    let listening = ports.iter().filter(|port| port.process.as_deref() == Some("xrdp")).filter_map(|port| port.pid);
    let accounts: Vec<_> = listening.filter_map(|pid| Some((pid, processes::account(&host.root, pid)?))).collect();
    let mut other = None;
    for xrdp in &mut state.xrdp {
        let Some(said) = xrdp.user.as_deref().and_then(|user| host.machine().account(user)) else { continue };
        if let Some((pid, _)) = accounts.iter().find(|(_, number)| *number != said.uid) {
            (xrdp.user, xrdp.account_exists, xrdp.file_readable) = (None, None, None);
            (xrdp.certificate.readable, xrdp.key.readable) = (None, None);
            other = Some(*pid);
        }
    }
    other
}

fn of(host: &Host, name: &str, read: fn(&Host) -> State) -> Source {
    let host = host.clone();
    Source::new(name, move || read(&host))
}

/// Lists what there is at any moment: processes, ports and disks.
fn present(host: &Host) -> Vec<Source> {
    let of = |name, read| of(host, name, read);
    vec![of("the listening ports", ports), of("the processes", services), of("the space on the volumes", volumes)]
}

fn sources(host: &Host) -> Vec<Source> {
    let of = |name, read| of(host, name, read);
    let mut sources = present(host);
    let logs = if host.is_this() { xrdp_logs(&host.root) } else { Vec::new() };
    sources.extend(linux_places(&host.root).into_iter().map(|place| {
        let is_log = logs.contains(&place);
        Source::new(place.display().to_string(), move || if is_log { log(&place) } else { file(&place) })
    }));
    if host.is_this() {
        sources.push(of("the settings of GNOME Remote Desktop", of_person));
        sources.push(of("the journal", journal));
        sources.push(of("the firewall", firewall::read));
    }
    sources
}

/// Reads one of the files, which may be of any kind of evidence.
fn file(place: &Path) -> State {
    let gathered = gather(&[place.to_owned()]);
    let mut state = State::default();
    for (_, _, piece) in gathered.pieces {
        if let Piece::State(one) = piece {
            state.merge(*one);
        }
    }
    state.unread.extend(gathered.unread.iter().map(|(path, why)| unread(&path.display().to_string(), why)));
    state
}

/// Reads a log of xrdp on this machine: its times are those of the zone here.
fn log(place: &Path) -> State {
    let mut state = State::default();
    match xrdp_log::here(place, os::zone::offset_at) {
        Ok(pieces) => pieces.into_iter().for_each(|piece| {
            if let Piece::State(one) = piece {
                state.merge(*one);
            }
        }),
        Err(why) => state.unread.push(unread(&place.display().to_string(), &why.to_string())),
    }
    state
}

fn ports(host: &Host) -> State {
    match processes::ports(&host.root) {
        Ok(ports) => State { ports, ..State::default() },
        Err(error) => State { unread: vec![unread("the listening ports", &error.to_string())], ..State::default() },
    }
}

/// Returns the sockets on which the xrdp of this computer listens, an address of all zeros for every adapter; none
/// where it does not run, or this account may not look.
pub fn xrdp_listens() -> Vec<SocketAddr> {
    let ports = processes::ports(Path::new("/")).unwrap_or_default();
    let own = ports.iter().filter(|port| port.process.as_deref() == Some("xrdp"));
    own.filter_map(|port| Some(SocketAddr::new(port.address.parse().ok()?, port.port))).collect()
}

/// Looks whether the processes of xrdp run, where it is installed.
fn services(host: &Host) -> State {
    let mut state = State::default();
    if !linux_places(&host.root).iter().any(|place| place.ends_with("xrdp.ini")) {
        return state;
    }
    let names = processes::names(&host.root);
    if names.is_none() {
        let why = "this account does not see the processes of others";
        state.unread.push(unread("the processes of xrdp", why));
    }
    state.services.extend(XRDP_SERVICES.map(|name| Service {
        name: name.to_owned(),
        exists: true,
        start: None,
        running: names.as_ref().map(|names| names.contains(name)),
        image: None,
        account: None,
    }));
    state
}

/// Reads the space of the disks that hold the folders. One that is mounted to be read is full by design.
fn volumes(host: &Host) -> State {
    use std::os::unix::fs::MetadataExt as _;

    let (mut state, mut known) = (State::default(), Vec::new());
    for name in FOLDERS {
        let folder = host.root.join(name.trim_start_matches('/'));
        let Ok(about) = std::fs::metadata(&folder) else { continue };
        let Ok(space) = rustix::fs::statvfs(&folder) else { continue };
        let written = !space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
        if known.contains(&about.dev()) || !written || space.f_blocks == 0 {
            continue;
        }
        known.push(about.dev());
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        // the servers run as root, at least in part, for which a part of the disk is kept
        state.volumes.push(Volume { name: name.to_owned(), free: bytes(space.f_bfree), size: bytes(space.f_blocks) });
    }
    state
}

/// Program of GNOME Remote Desktop, as the kernel names its process: cut at 15 bytes.
const DAEMON: &[u8] = b"gnome-remote-de";
/// Port that it takes where none is named.
const USUAL_PORT: u16 = 3389;
/// Most processes that are looked at, and most bytes of a command line.
const PROCESSES: usize = 100_000;
const LINE: u64 = 64 * 1024;

/// Reads the GNOME Remote Desktop of the account that runs this program, for whoever repairs it; `None` where it is
/// not installed.
pub fn gnome_of_person() -> io::Result<Option<GnomeRemoteDesktop>> {
    person(&Host { root: PathBuf::from("/"), uid: rustix::process::geteuid().as_raw() })
}

/// Returns the port of the GNOME Remote Desktop that this account runs, also where it does not listen; `None` where
/// none runs. Version 43 has its port on the command line alone.
pub fn gnome_port() -> Option<u16> {
    use std::os::unix::fs::MetadataExt as _;

    let own = rustix::process::geteuid().as_raw();
    let folders = std::fs::read_dir("/proc").ok()?.take(PROCESSES).flatten().map(|entry| entry.path());
    let ours = folders.filter(|folder| std::fs::metadata(folder).is_ok_and(|about| about.uid() == own));
    let read = |file: PathBuf| bytes(&file, LINE).ok();
    let named = |folder: &PathBuf| read(folder.join("comm")).is_some_and(|name| name.trim_ascii() == DAEMON);
    let line = ours.filter(named).find_map(|folder| read(folder.join("cmdline")))?;
    let words: Vec<&str> = line.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok()).collect();
    Some(port_of(&words))
}

/// Reads the port off a command line.
fn port_of(words: &[&str]) -> u16 {
    let behind = words.windows(2).find(|two| two[0] == "--rdp-port").map(|two| two[1]);
    let joined = || words.iter().find_map(|word| word.strip_prefix("--rdp-port="));
    behind.or_else(joined).and_then(|port| port.parse().ok()).unwrap_or(USUAL_PORT)
}

/// Asks GSettings for the settings of the person who runs the program.
fn person(host: &Host) -> io::Result<Option<GnomeRemoteDesktop>> {
    match printed(Command::new("gsettings").args(["list-recursively", gnome::RDP_SCHEMA])) {
        // without GNOME there is no such program, and without its server no such schema
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(text) => {
            let machine = host.machine();
            let user = machine.account_name(host.uid);
            let found = gnome::of_person(&String::from_utf8_lossy(&text), &machine, user.as_deref());
            Ok(found.map(|found| GnomeRemoteDesktop { locked: locked(), ..found }))
        }
    }
}

/// Asks GSettings which settings for its files this person cannot set; where it does not tell, none is known to be one.
fn locked() -> Vec<String> {
    let fixed = |name: &&str| {
        let told = printed(Command::new("gsettings").args(["writable", gnome::RDP_SCHEMA, name]));
        told.is_ok_and(|text| text.trim_ascii() == b"false")
    };
    GNOME_FILES.into_iter().filter(fixed).map(str::to_owned).collect()
}

/// Reads the settings of the person who runs the program.
fn of_person(host: &Host) -> State {
    let mut state = State::default();
    let what = "the settings of GNOME Remote Desktop";
    match person(host) {
        Err(error) => state.unread.push(unread(what, &error.to_string())),
        Ok(found) => {
            // who administers the machine is seldom the person whose desktop is shared
            let other = |found: &GnomeRemoteDesktop| host.uid == 0 && !found.enabled;
            if found.as_ref().is_some_and(other) {
                let why = format!(
                    "they belong to a person, and root has none of its own ({GSETTINGS}): run the program \
                                   as that person to read them"
                );
                state.unread.push(unread(what, &why));
            } else {
                state.gnome.extend(found);
            }
        }
    }
    state
}

/// Reads the newest entries of the journal about the servers. What xrdp wrote to its own logs as well is read there.
fn journal(host: &Host) -> State {
    let logged = linux_places(&host.root).iter().any(|place| place.ends_with("xrdp.log") && regular(place).is_ok());
    let xrdp = if logged { &[] } else { &XRDP_SERVICES[..] };
    let mut state = State::default();
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet", "--output=json", "--lines", ENTRIES]);
    command.args(GNOME.iter().chain(xrdp).map(|name| format!("--identifier={name}")));
    match printed(&mut command) {
        // without systemd there is no journal
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => state.unread.push(unread("the journal", &error.to_string())),
        Ok(text) => {
            let pieces = pieces_of(Kind::Journal, &text).into_iter();
            for piece in pieces {
                if let Piece::State(one) = piece {
                    state.merge(*one);
                }
            }
        }
    }
    state
}

/// Runs a program that only reads, and returns what it prints, as far as the bounds of time and size let it; an error
/// if it fails.
fn printed(command: &mut Command) -> io::Result<Vec<u8>> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).env("LC_ALL", "C").spawn()?;
    let output = child.stdout.take();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map_or(Ok(0), |output| output.take(PRINTED).read_to_end(&mut bytes));
        // nobody waits for it any more, if it came too late
        let _ = sender.send(read.map(|_| bytes));
    });
    let answer = receiver.recv_timeout(PROGRAM);
    let much = matches!(&answer, Ok(Ok(bytes)) if bytes.len() as u64 == PRINTED);
    if answer.is_err() || much {
        // it may have ended by itself meanwhile
        let _ = child.kill();
    }
    let status = child.wait();
    let late = |_| io::Error::other(format!("it did not answer within {} s", PROGRAM.as_secs()));
    let bytes = answer.map_err(late)??;
    match status?.success() {
        _ if much => Err(io::Error::other(format!("it has more than {PRINTED} bytes"))),
        true => Ok(bytes),
        // what is not there is told by a failure without a word
        false if bytes.is_empty() => Ok(bytes),
        false => Err(io::Error::other("the program that tells it failed")),
    }
}
