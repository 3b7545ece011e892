//! Places of a machine, and what they hold: the two halves of every change.

use std::fmt;
use std::path::{Path, PathBuf};

use evidence::state::FIREWALLD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use wire::hex;

/// Name under which GNOME Remote Desktop is restarted.
pub const GNOME: &str = "gnome-remote-desktop";

/// Part of a machine that can be read, and written as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Place {
    /// A file: its bytes, its mode and its owner. Links are never followed.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// A setting of an ini file. All other lines, comments among them, stay as they are.
    Ini {
        /// Path of the file.
        path: PathBuf,
        /// Section, without its brackets.
        section: String,
        /// Name of the setting.
        name: String,
    },
    /// Rights on a file: its mode, its owner and its group, an administrator's, or with nobody in it but one user.
    Rights {
        /// Its path.
        path: PathBuf,
        /// Folder with the lists of users and groups, `/etc` on a machine that runs.
        folder: PathBuf,
        /// The user.
        user: String,
    },
    /// Membership of a user in a group, in `group` and `gshadow`.
    Member {
        /// Folder with the two files, `/etc` on a machine that runs.
        folder: PathBuf,
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// A service: whether it runs.
    Service {
        /// Its name.
        name: String,
    },
    /// A rule of nftables, first in its chain.
    Nftables {
        /// Family of the table: `ip`, `ip6`, `inet`.
        family: String,
        /// The table.
        table: String,
        /// The chain.
        chain: String,
        /// The rule, as nftables lists it.
        rule: String,
    },
    /// Rules of the tool in charge of the firewall, which let addresses or networks in to a port; with the files in
    /// which the tool keeps its rules.
    Opening {
        /// The tool: `ufw` or `firewalld`.
        tool: String,
        /// Zone of firewalld; of ufw empty.
        zone: String,
        /// The port.
        port: u16,
        /// The rules.
        rules: Vec<Opened>,
    },
    /// A setting of GNOME Remote Desktop (`org.gnome.desktop.remote-desktop.rdp`), of the person who runs this.
    Gnome {
        /// Name of the setting.
        name: String,
    },
    /// A value of Windows' registry.
    Registry {
        /// Path of the key, from the root: `HKLM\…`.
        key: String,
        /// Name of the value.
        name: String,
    },
}

/// Rule of the firewall's tool, which lets an address or a network in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Opened {
    /// The address, or the network with its size.
    pub from: String,
    /// Rule that keeps everybody out of the port, by its number, before which it has to come; null where none does.
    pub ahead_of: Option<u32>,
}

impl Place {
    /// Returns the place of a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into() }
    }

    /// Lists the addresses and networks that it lets in.
    pub fn allowed(&self) -> Vec<&str> {
        match self {
            Self::Opening { rules, .. } => rules.iter().map(|rule| rule.from.as_str()).collect(),
            Self::Nftables { rule, .. } => {
                let from = rule.split_once(" saddr ").and_then(|(_, from)| from.split(' ').next());
                from.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Lists the files that hold it: copies of them bring it back without this program.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::File { path } | Self::Ini { path, .. } => vec![path.clone()],
            Self::Member { folder, .. } => vec![folder.join("group"), folder.join("gshadow")],
            Self::Opening { tool, zone, .. } if tool == FIREWALLD => {
                let zones = Path::new("/etc/firewalld/zones");
                vec![zones.join(format!("{zone}.xml")), zones.join(format!("{zone}.xml.old"))]
            }
            Self::Opening { .. } => ["/etc/ufw/user.rules", "/etc/ufw/user6.rules"].map(PathBuf::from).to_vec(),
            // for its rights there is no need for a copy of a key
            Self::Rights { .. }
            | Self::Service { .. }
            | Self::Registry { .. }
            | Self::Nftables { .. }
            | Self::Gnome { .. } => Vec::new(),
        }
    }

    /// Returns the path that names it, if one does.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path }
            | Self::Ini { path, .. }
            | Self::Rights { path, .. }
            | Self::Member { folder: path, .. } => Some(path),
            Self::Service { .. }
            | Self::Registry { .. }
            | Self::Nftables { .. }
            | Self::Opening { .. }
            | Self::Gnome { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{}", path.display()),
            Self::Ini { path, section, name } => write!(f, "{} [{section}] {name}", path.display()),
            Self::Rights { path, .. } => write!(f, "rights on {}", path.display()),
            Self::Member { group, user, .. } => write!(f, "member {user} of the group {group}"),
            Self::Service { name } => write!(f, "service {name}"),
            Self::Nftables { family, table, chain, rule } => {
                write!(f, "nftables {family} {table} {chain}: {rule}")
            }
            Self::Opening { tool, zone, port, rules } => {
                let zone = if zone.is_empty() { String::new() } else { format!(", zone {zone}") };
                let from: Vec<&str> = rules.iter().map(|rule| rule.from.as_str()).collect();
                write!(f, "{tool}{zone}: let {} in to port {port}", from.join(", "))
            }
            Self::Gnome { name } => write!(f, "GNOME Remote Desktop {name}"),
            Self::Registry { key, name } => write!(f, "{key} {name}"),
        }
    }
}

/// Contents of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing is there: no such file, setting, value; the user is no member.
    Absent,
    /// The user is a member; the rule is there.
    Present,
    /// A file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its permission bits (`0o640`).
        mode: u32,
        /// Number of the user that owns it.
        uid: u32,
        /// Number of its group.
        gid: u32,
    },
    /// Rights on a file.
    Rights {
        /// Its permission bits.
        mode: u32,
        /// Number of the user that owns it.
        uid: u32,
        /// Number of its group.
        gid: u32,
    },
    /// Text of a setting: everything behind its `=`.
    Text(String),
    /// True if the service runs.
    Running(bool),
    /// Rules of the tool in charge of the firewall.
    Opening {
        /// True if all are in force.
        there: bool,
        /// Files in which the tool keeps its rules.
        files: Vec<RuleFile>,
    },
    /// Value of the registry.
    Value {
        /// Its type (`REG_DWORD` is 4).
        kind: u32,
        /// Its data.
        data: Vec<u8>,
    },
}

impl Held {
    /// True if each part is as it was before or as it is to be after: what a write of several parts leaves that was cut
    /// off.
    pub fn is_between(&self, before: &Self, after: &Self) -> bool {
        let Self::Opening { files: now, .. } = self else { return false };
        let (Self::Opening { files: before, .. }, Self::Opening { files: after, .. }) = (before, after) else {
            return false;
        };
        now.len() == before.len() && now.iter().all(|file| before.contains(file) || after.contains(file))
    }
}

/// File in which a tool keeps rules of the firewall: text, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text; null where there is no such file.
    pub text: Option<String>,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Returns the SHA-256 of bytes, hexadecimal, lower case.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}

/// Contents of a place as a journal or a plan writes them down: bytes of files are kept beside it, by their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kept {
    /// Nothing.
    Absent,
    /// Member.
    Present,
    /// A file.
    File {
        /// SHA-256 of its bytes, hexadecimal.
        sha256: String,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// Rights on a file.
    Rights {
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// A setting.
    Text {
        /// Everything behind its `=`.
        text: String,
    },
    /// A service.
    Running {
        /// True if it runs.
        running: bool,
    },
    /// Rules of the tool in charge of the firewall.
    Opening {
        /// True if all are in force.
        there: bool,
        /// Files in which the tool keeps its rules.
        files: Vec<RuleFile>,
    },
    /// A value of the registry.
    Value {
        /// Its type.
        #[serde(rename = "type")]
        kind: u32,
        /// Its data, hexadecimal.
        data: String,
    },
}

impl Kept {
    /// Returns what is written down of these contents.
    pub fn of(held: &Held) -> Self {
        match held {
            Held::Absent => Self::Absent,
            Held::Present => Self::Present,
            Held::File { bytes, mode, uid, gid } => {
                Self::File { sha256: sha256(bytes), mode: *mode, uid: *uid, gid: *gid }
            }
            Held::Rights { mode, uid, gid } => Self::Rights { mode: *mode, uid: *uid, gid: *gid },
            Held::Text(text) => Self::Text { text: text.clone() },
            Held::Running(running) => Self::Running { running: *running },
            Held::Opening { there, files } => Self::Opening { there: *there, files: files.clone() },
            Held::Value { kind, data } => Self::Value { kind: *kind, data: hex::encode(data) },
        }
    }

    /// Returns the contents; `blob` finds bytes by their SHA-256. `None` where they are not to be had.
    pub fn held(&self, blob: impl FnOnce(&str) -> Option<Vec<u8>>) -> Option<Held> {
        Some(match self {
            Self::Absent => Held::Absent,
            Self::Present => Held::Present,
            Self::File { sha256, mode, uid, gid } => {
                Held::File { bytes: blob(sha256)?, mode: *mode, uid: *uid, gid: *gid }
            }
            Self::Rights { mode, uid, gid } => Held::Rights { mode: *mode, uid: *uid, gid: *gid },
            Self::Text { text } => Held::Text(text.clone()),
            Self::Running { running } => Held::Running(*running),
            Self::Opening { there, files } => Held::Opening { there: *there, files: files.clone() },
            Self::Value { kind, data } => Held::Value { kind: *kind, data: hex::decode(data)? },
        })
    }

    /// Returns it in words for a person, without the contents of a file.
    pub fn words(&self) -> String {
        match self {
            Self::Absent => "nothing".to_owned(),
            Self::Present => "yes".to_owned(),
            Self::File { sha256, mode, .. } => {
                format!("a file (mode {mode:04o}, SHA-256 {}…)", sha256.get(..12).unwrap_or(sha256))
            }
            Self::Rights { mode, uid, gid } => format!("mode {mode:04o}, owner {uid}, group {gid}"),
            Self::Text { text } if text.trim().is_empty() => "empty".to_owned(),
            Self::Text { text } => text.trim().to_owned(),
            Self::Running { running } => if *running { "runs" } else { "stopped" }.to_owned(),
            Self::Opening { there, .. } => if *there { "yes" } else { "no" }.to_owned(),
            Self::Value { kind: 4, data } => number(data).map_or_else(|| data.clone(), |number| number.to_string()),
            Self::Value { kind, data } => format!("type {kind}, data {data}"),
        }
    }
}

/// Reads a `REG_DWORD` that is written down.
fn number(data: &str) -> Option<u32> {
    hex::decode(data)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_held() {
        let file = Held::File { bytes: b"x".to_vec(), mode: 0o640, uid: 0, gid: 7 };
        let value = Held::Value { kind: 4, data: vec![1, 0, 0, 255] };
        let rights = Held::Rights { mode: 0o600, uid: 0, gid: 7 };
        let rules = RuleFile { path: "/r".into(), text: Some("x".to_owned()), mode: 0o640, uid: 0, gid: 7 };
        let opening = Held::Opening { there: true, files: vec![rules] };
        for held in [
            Held::Absent,
            Held::Present,
            file,
            rights,
            opening,
            Held::Text(" a".to_owned()),
            Held::Running(true),
            value,
        ] {
            let kept: Kept = serde_json::from_str(&serde_json::to_string(&Kept::of(&held)).unwrap()).unwrap();
            assert_eq!(kept.held(|sum| (sum == sha256(b"x")).then(|| b"x".to_vec())), Some(held));
        }
        let lost = Kept::of(&Held::File { bytes: b"x".to_vec(), mode: 0, uid: 0, gid: 0 });
        assert_eq!(lost.held(|_| None), None);
    }
}
