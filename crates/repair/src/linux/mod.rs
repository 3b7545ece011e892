//! Hands on a machine with Linux: files, settings in them, members of groups, services.

mod file;
mod lock;
mod nftables;
mod service;

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use evidence::ini;

use crate::groups;
use crate::guard::Moment;
use crate::hand::{Failed, Hand, Unread};
use crate::place::{Held, Place};

pub use service::Patience;

/// Most bytes of a file with settings, or of the list of groups.
const TEXT: u64 = 4 * 1024 * 1024;
/// Most bytes of a file that is kept as a whole.
const FILE: u64 = 512 * 1024 * 1024;

/// Hand on this machine, or on the files of another one that are mounted here.
#[derive(Debug, Default)]
pub struct Linux {
    /// Longest times that a service is waited for.
    pub patience: Patience,
    /// The files are those of another machine: its services do not run here.
    pub elsewhere: bool,
}

impl Hand for Linux {
    fn read(&self, place: &Place) -> Result<Held, Unread> {
        match place {
            Place::File { path } => file::read(path, FILE),
            Place::Ini { path, section, name } => {
                let (text, _) = text(path)?;
                let setting = ini::read(&text, section, name);
                let setting = setting.map_err(|why| Unread(format!("{}: {why}", path.display())))?;
                Ok(setting.map_or(Held::Absent, Held::Text))
            }
            Place::Member { folder, group, user } => {
                let (text, _) = text(&folder.join("group"))?;
                Ok(if groups::has(&text, group, user)? { Held::Present } else { Held::Absent })
            }
            Place::Service { name } if !self.elsewhere => service::running(name).map(Held::Running),
            Place::Service { .. } => Err(Unread("the services of this machine do not run here".to_owned())),
            Place::Nftables { family, table, chain, rule } if !self.elsewhere => {
                let there = nftables::Rule { family, table, chain, text: rule }.there(self.patience)?;
                Ok(if there { Held::Present } else { Held::Absent })
            }
            Place::Nftables { .. } => Err(Unread("the firewall of this machine is not in use here".to_owned())),
            Place::Registry { .. } => Err(Unread("this machine has no registry".to_owned())),
        }
    }

    fn head(&self, path: &Path, bytes: usize) -> Result<Held, Unread> {
        file::head(path, bytes as u64)
    }

    fn write(&mut self, place: &Place, held: &Held) -> Result<(), Failed> {
        match (place, held) {
            (Place::File { path }, Held::File { .. } | Held::Absent) => file::write(path, held),
            (Place::Ini { path, section, name }, Held::Text(_) | Held::Absent) => {
                let setting = if let Held::Text(text) = held { Some(text.as_str()) } else { None };
                changed(path, |text| ini::written(text, section, name, setting).map_err(Failed))
            }
            (Place::Member { folder, group, user }, Held::Present | Held::Absent) => {
                member(folder, group, user, *held == Held::Present)
            }
            (Place::Nftables { family, table, chain, rule }, Held::Present | Held::Absent) if !self.elsewhere => {
                nftables::Rule { family, table, chain, text: rule }.set(*held == Held::Present, self.patience)
            }
            (Place::Service { name }, Held::Running(run)) if !self.elsewhere => service::set(name, *run, self.patience),
            _ => Err(Failed(format!("{place} cannot hold this"))),
        }
    }

    fn restart(&mut self, name: &str) -> Result<(), Failed> {
        if self.elsewhere {
            return Ok(());
        }
        service::restart(name, self.patience)
    }
}

/// Reads the clocks. Those of the kernel count the time of sleep and cannot be set.
pub fn moment() -> io::Result<Moment> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the kernel tells no time");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime = uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).ok_or_else(wrong)?;
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(Moment { boot, uptime, unix })
}

/// Leaves the session of whoever started this process, so that its end is not the end of this.
pub fn detach() {
    // whoever leads a group already has left
    let _ = rustix::process::setsid();
}

/// Reads a file as text, with what else it is.
fn text(path: &Path) -> Result<(String, Held), Unread> {
    let held = file::read(path, TEXT)?;
    let Held::File { bytes, .. } = &held else {
        return Err(Unread(format!("{}: there is no such file", path.display())));
    };
    let text = String::from_utf8(bytes.clone()).map_err(|_| Unread(format!("{}: not in UTF-8", path.display())))?;
    Ok((text, held))
}

/// Changes the text of a file and nothing else of it.
fn changed(path: &Path, change: impl FnOnce(&str) -> Result<String, Failed>) -> Result<(), Failed> {
    let (text, held) = text(path).map_err(|why| Failed(why.0))?;
    let Held::File { mode, uid, gid, .. } = held else { return Err(Failed("it is no file".to_owned())) };
    let new = change(&text).map_err(|why| Failed(format!("{}: {why}", path.display())))?;
    file::write(path, &Held::File { bytes: new.into_bytes(), mode, uid, gid })
}

/// Makes a user a member, or no member any more. `group` is what counts, so it comes last.
fn member(folder: &Path, group: &str, user: &str, member: bool) -> Result<(), Failed> {
    let _lock = lock::Lock::take(&folder.join("group.lock"))?;
    let shadow = folder.join("gshadow");
    if file::read(&shadow, TEXT).map_err(|why| Failed(why.0))? != Held::Absent {
        changed(&shadow, |text| groups::with(text, group, user, member))?;
    }
    changed(&folder.join("group"), |text| groups::with(text, group, user, member))
}
