//! Hands on a machine with Linux: files, settings in them, members of groups, services, rules, settings of GNOME.

mod file;
mod gnome;
mod lock;
mod nftables;
mod opening;
mod program;
mod service;

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use evidence::state::POWERFUL;
use evidence::{ini, lossless};

use crate::groups;
use crate::guard::Moment;
use crate::hand::{ByHand, Failed, Hand, Unread};
use crate::place::{GNOME, Held, Place};

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
            Place::Rights { path, .. } => file::rights(path),
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
            Place::Opening { .. } if !self.elsewhere => {
                opening::Opening::of(place)?.read(self.patience).map_err(Unread)
            }
            Place::Nftables { .. } | Place::Opening { .. } => {
                Err(Unread("the firewall of this machine is not in use here".to_owned()))
            }
            Place::Gnome { name } if !self.elsewhere => gnome::read(name, self.patience),
            Place::Gnome { .. } => Err(Unread("the desktop of this machine does not run here".to_owned())),
            Place::Registry { .. } => Err(Unread("this machine has no registry".to_owned())),
        }
    }

    fn head(&self, path: &Path, bytes: usize) -> Result<Held, Unread> {
        file::head(path, bytes as u64)
    }

    fn rehearse(&self, place: &Place) -> Result<Held, Unread> {
        opening::Opening::of(place)?.rehearse(self.patience).map_err(Unread)
    }

    fn write(&mut self, place: &Place, held: &Held) -> Result<(), Failed> {
        match (place, held) {
            (Place::File { path }, Held::File { .. } | Held::Absent) => file::write(path, held),
            (Place::Ini { path, section, name }, Held::Text(_) | Held::Absent) => {
                let setting = if let Held::Text(text) = held { Some(text.as_str()) } else { None };
                changed(path, |text| ini::written(text, section, name, setting).map_err(Failed))
            }
            (Place::Rights { path, folder, user }, Held::Rights { mode, uid, gid }) => {
                if let Ok(Held::Rights { mode: was, gid: now, .. }) = file::rights(path)
                    && now != *gid
                {
                    // that of the user comes, that of an administrator goes; undone, the other way round
                    for (group, _) in [(*gid, *mode), (now, was)].into_iter().filter(|(_, mode)| mode & 0o070 != 0) {
                        if !(alone(folder, user, group)? || powerful(folder, group)?) {
                            return Err(Failed(format!("others than {user} are in the group {group}")));
                        }
                    }
                }
                file::set_rights(path, *mode, (*uid, *gid))
            }
            (Place::Member { folder, group, user }, Held::Present | Held::Absent) => {
                member(folder, group, user, *held == Held::Present)
            }
            (Place::Nftables { family, table, chain, rule }, Held::Present | Held::Absent) if !self.elsewhere => {
                nftables::Rule { family, table, chain, text: rule }.set(*held == Held::Present, self.patience)
            }
            (Place::Opening { .. }, Held::Opening { there, files }) if !self.elsewhere => {
                let opening = opening::Opening::of(place).map_err(|why| Failed(why.0))?;
                opening.write(*there, files, self.patience).map_err(Failed)
            }
            (Place::Gnome { name }, Held::Text(_) | Held::Absent) if !self.elsewhere => {
                gnome::write(name, held, self.patience)
            }
            (Place::Service { name }, Held::Running(run)) if !self.elsewhere => service::set(name, *run, self.patience),
            _ => Err(Failed(format!("{place} cannot hold this"))),
        }
    }

    fn by_hand(&self, name: &str) -> Option<ByHand> {
        // GNOME is switched off and on by its settings, whoever started it
        if self.elsewhere || name == GNOME {
            return None;
        }
        let (process, line) = service::by_hand(name, self.patience)?;
        Some(ByHand { process, line })
    }

    fn restart(&mut self, name: &str) -> Result<(), Failed> {
        if self.elsewhere {
            return Ok(());
        }
        if name == GNOME {
            return gnome::restart(self.patience);
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

/// Reads a file as text, whatever its encoding, with what else it is.
fn text(path: &Path) -> Result<(String, Held), Unread> {
    let held = file::read(path, TEXT)?;
    let Held::File { bytes, .. } = &held else {
        return Err(Unread(format!("{}: there is no such file", path.display())));
    };
    Ok((lossless::text(bytes), held))
}

/// Changes the text of a file and nothing else of it.
fn changed(path: &Path, change: impl FnOnce(&str) -> Result<String, Failed>) -> Result<(), Failed> {
    let (text, held) = text(path).map_err(|why| Failed(why.0))?;
    let Held::File { mode, uid, gid, .. } = held else { return Err(Failed("it is no file".to_owned())) };
    let new = change(&text).map_err(|why| Failed(format!("{}: {why}", path.display())))?;
    file::write(path, &Held::File { bytes: lossless::bytes(&new), mode, uid, gid })
}

/// True if nobody is in the group but this user.
fn alone(folder: &Path, user: &str, gid: u32) -> Result<bool, Failed> {
    let list = |name: &str| text(&folder.join(name)).map(|(text, _)| text).map_err(|why| Failed(why.0));
    Ok(groups::own(&list("passwd")?, &list("group")?, user) == Some(gid))
}

/// True if those in the group are as good as the administrator.
fn powerful(folder: &Path, gid: u32) -> Result<bool, Failed> {
    let (groups, _) = text(&folder.join("group")).map_err(|why| Failed(why.0))?;
    Ok(gid == 0 || groups::name(&groups, gid).is_some_and(|name| POWERFUL.contains(&name)))
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
