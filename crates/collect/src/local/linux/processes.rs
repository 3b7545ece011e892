//! Processes of Linux and the TCP ports on which they listen, from `/proc`: proc(5), and proc_net_tcp.txt of the
//! kernel's documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use evidence::state::ListeningPort;

use crate::evidence::regular;

/// Most bytes of a table of connections.
const TABLE: u64 = 64 * 1024 * 1024;
/// Most bytes of a process' name (TASK_COMM_LEN of the kernel is 16).
const NAME: u64 = 64;
/// Most bytes of a command line that are looked at; of a longer one nothing is.
const LINE: u64 = 64 * 1024;
/// Most bytes of the status of a process.
const STATUS: u64 = 64 * 1024;
/// State of a socket that listens (`TCP_LISTEN`).
const LISTENS: &str = "0A";
/// Most ports.
const PORTS: usize = 10_000;
/// Longest time in which the owners of ports are looked for, so that the ports are told without them.
const SEARCH: Duration = Duration::from_secs(3);

/// Lists the ports on which programs listen, with those whose processes this account may look at.
pub(super) fn ports(root: &Path) -> io::Result<Vec<ListeningPort>> {
    let mut sockets = table(&root.join("proc/net/tcp"))?;
    let six = root.join("proc/net/tcp6");
    // a kernel may have no IPv6
    if six.exists() {
        sockets.extend(table(&six)?);
    }
    if sockets.len() > PORTS {
        return Err(io::Error::other(format!("there are more than {PORTS}")));
    }
    let wanted: BTreeSet<u64> = sockets.iter().map(|(.., inode)| *inode).collect();
    let owners = owners(root, &wanted);
    let mut ports: Vec<ListeningPort> = sockets
        .into_iter()
        .map(|(address, port, inode)| {
            let owner = owners.get(&inode);
            ListeningPort {
                port,
                address: address.to_string(),
                process: owner.map(|(_, name)| name.clone()),
                pid: owner.map(|(pid, _)| *pid),
            }
        })
        .collect();
    ports.sort_by(|one, other| (one.port, &one.address).cmp(&(other.port, &other.address)));
    Ok(ports)
}

/// Reads the sockets that listen from a table of the kernel: address, port, and number of the socket.
fn table(path: &Path) -> io::Result<Vec<(IpAddr, u16, u64)>> {
    let bytes = bytes(path, TABLE)?;
    Ok(String::from_utf8_lossy(&bytes).lines().skip(1).filter_map(socket).collect())
}

fn socket(line: &str) -> Option<(IpAddr, u16, u64)> {
    let fields: Vec<&str> = line.split_whitespace().take(10).collect();
    let [_, local, _, state, .., inode] = fields[..] else { return None };
    if state != LISTENS || fields.len() < 10 {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some((written(address)?, u16::from_str_radix(port, 16).ok()?, inode.parse().ok()?))
}

/// Reads an address: words of 32 bits as the machine keeps them in memory, each written as a number.
fn written(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words: Option<Vec<[u8; 4]>> = (0..4).map(|number| word(number * 8)).collect();
            let bytes: [u8; 16] = words?.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

/// Iterates over the processes that this account sees.
fn all(root: &Path) -> impl Iterator<Item = (u32, std::path::PathBuf)> {
    let entries = fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

fn name(process: &Path) -> Option<String> {
    let text = bytes(&process.join("comm"), NAME).ok()?;
    Some(String::from_utf8_lossy(&text).trim_end_matches('\n').to_owned())
}

/// True if the process runs a script, whose name the kernel gives to it: `/bin/sh /etc/init.d/xrdp start` is called
/// `xrdp`, and is none.
fn is_script(process: &Path) -> bool {
    let line = bytes(&process.join("cmdline"), LINE).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).map(|word| word.rsplit(|byte| *byte == b'/').next().unwrap_or(word));
    let (program, script, name) = (words.next(), words.next(), name(process).unwrap_or_default());
    let called = |word: Option<&[u8]>| word.is_some_and(|word| word.starts_with(name.as_bytes()));
    !name.is_empty() && called(script) && !called(program)
}

/// Reads a file of the kernel, which does not say how long it is.
fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = regular(path).map_err(|error| io::Error::other(error.to_string()))?;
    let read = file.take(most + 1).read_to_end(&mut bytes)?;
    if read as u64 > most { Err(io::Error::other(format!("it has more than {most} bytes"))) } else { Ok(bytes) }
}

/// Finds the processes that hold these sockets, as far as this account may see that in time.
fn owners(root: &Path, wanted: &BTreeSet<u64>) -> BTreeMap<u64, (u32, String)> {
    let (began, mut owners) = (Instant::now(), BTreeMap::new());
    for (pid, process) in all(root) {
        if began.elapsed() > SEARCH || owners.len() == wanted.len() {
            break;
        }
        for file in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let number =
                target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = number.filter(|inode| wanted.contains(inode))
                && let Some(name) = name(&process)
            {
                owners.entry(inode).or_insert((pid, name));
            }
        }
    }
    owners
}

/// Facts from the `status` of a process, as far as it is there: proc(5).
#[derive(Default)]
struct Status {
    /// It has ended, and whoever started it has not asked how.
    ended: bool,
    /// Number of namespaces of processes that it is in: one in a container is in one more.
    depth: Option<usize>,
    /// Number of the account with whose rights it runs.
    account: Option<u32>,
}

impl Status {
    fn of(process: &Path) -> Self {
        let bytes = bytes(&process.join("status"), STATUS).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let ended = value("State:").is_some_and(|state| state.trim_start().starts_with(['Z', 'X']));
        let effective = value("Uid:").and_then(|numbers| numbers.split_whitespace().nth(1)?.parse().ok());
        Self { ended, depth: value("NSpid:").map(|numbers| numbers.split_whitespace().count()), account: effective }
    }
}

/// Returns the number of the account with whose rights a process runs.
pub(super) fn account(root: &Path, pid: u32) -> Option<u32> {
    Status::of(&root.join(format!("proc/{pid}"))).account
}

/// Returns the names of the processes that run on the machine itself, not those in its containers; `None` where this
/// account does not see those of others.
pub(super) fn names(root: &Path) -> Option<BTreeSet<String>> {
    // where /proc is mounted with hidepid, this one is hidden too
    name(&root.join("proc/1"))?;
    let own = Status::of(&root.join("proc/self")).depth;
    let here = |process: &Path| {
        let status = Status::of(process);
        !status.ended && (own.is_none() || status.depth <= own) && !is_script(process)
    };
    Some(all(root).filter(|(_, process)| here(process)).filter_map(|(_, process)| name(&process)).collect())
}
