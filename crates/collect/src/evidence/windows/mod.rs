//! A mounted Windows disk: the few places of it that matter, instead of all of it.
//!
//! Hives and event logs are treated as all files and recognised by their contents. Facts outside of contents (who may
//! read a key, which version a program has, how much space is free) are recorded here.

mod offline;
#[cfg(any(target_os = "linux", windows, test))]
mod security;
mod version;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use evidence::key_names::{MACHINE_KEYS, RDP_KEY};
use evidence::state::{FileVersion, KeyFile, PROGRAMS, SCHEMA, State, Unread, Volume};

use super::reader::{ReadError, native, regular};
pub use offline::{OfflineHive, offline_hives};

/// Most files of a folder of keys that are named, besides those of Remote Desktop.
const KEYS: usize = 10_000;
/// Folders of private keys below `ProgramData/Microsoft/Crypto`: the path, and the name in a state.
const FOLDERS: [(&str, &str); 2] = [("RSA/MachineKeys", MACHINE_KEYS), ("Keys", "Keys")];
/// Event logs that concern Remote Desktop, by full name, and after them by a part of it; others on a disk are left
/// alone.
const LOGS: [&str; 3] = ["system", "security", "application"];
const CHANNELS: [&str; 3] = ["terminalservices", "remotedesktopservices", "capi2"];
/// Beginning of the names of full logs that Windows puts aside (`Archive-System-2026-11-21-08-59-30-123.evtx`).
const ARCHIVE: &str = "archive-";
/// Most of them for each log: the newest, by the dates in their names.
const ARCHIVED: usize = 8;
/// Most users whose own registry is read.
const USERS: usize = 64;

/// Folder that holds `Windows/System32/config`.
pub(crate) struct Disk {
    root: PathBuf,
    system32: PathBuf,
}

impl Disk {
    /// Returns the Windows disk that is mounted here, if any.
    pub(super) fn at(root: &Path) -> Option<Self> {
        let system32 = descend(root, "Windows/System32")?;
        descend(&system32, "config/SYSTEM").or_else(|| descend(&system32, "config/SOFTWARE"))?;
        Some(Self { root: root.to_owned(), system32 })
    }

    /// Returns the disk from which this computer itself runs, whose hives and logs are in use: its keys and versions
    /// can be read all the same.
    #[cfg(windows)]
    pub(crate) fn in_use(root: &Path, system32: &Path) -> Self {
        Self { root: root.to_owned(), system32: system32.to_owned() }
    }

    /// Lists the hives and event logs, which are read by their contents, and those that are missing.
    pub(super) fn files(&self) -> (Vec<PathBuf>, Vec<(PathBuf, String)>) {
        let (mut files, mut missing) = (Vec::new(), Vec::new());
        for name in ["config/SYSTEM", "config/SOFTWARE"] {
            match reach(&self.system32, name) {
                Ok(Some(path)) => files.push(path),
                Ok(None) => missing.push((native(&self.system32.join(name)), "it is not there".to_owned())),
                Err(error) => missing.push((native(&self.system32.join(name)), error.to_string())),
            }
        }
        files.extend(descend(&self.system32, "config/DEFAULT"));
        self.users(&mut files, &mut missing);
        self.logs(&mut files, &mut missing);
        // a pipe would keep us waiting
        let no_file = |path: &PathBuf| (path.clone(), "not a file, or a link to nothing".to_owned());
        missing.extend(files.iter().filter(|path| !path.is_file()).map(no_file));
        files.retain(|file| file.is_file());
        (files, missing)
    }

    /// Adds the registry of each user. A link is not followed: the usual ones lead to a user who is listed anyway.
    fn users(&self, files: &mut Vec<PathBuf>, missing: &mut Vec<(PathBuf, String)>) {
        let folder = self.root.join("Users");
        let users =
            match reach(&self.root, "Users").and_then(|folder| folder.map_or(Ok(Vec::new()), |path| names(&path))) {
                Ok(users) => users,
                Err(error) => return missing.push((folder, error.to_string())),
            };
        let own =
            |path: &PathBuf, kind: fn(&fs::Metadata) -> bool| fs::symlink_metadata(path).is_ok_and(|meta| kind(&meta));
        let mut hives = Vec::new();
        for user in users.into_iter().filter(|path| own(path, fs::Metadata::is_dir)) {
            match reach(&user, "NTUSER.DAT") {
                Ok(hive) => hives.extend(hive.filter(|path| own(path, fs::Metadata::is_file))),
                Err(error) => missing.push((user, error.to_string())),
            }
        }
        if hives.len() > USERS {
            missing.push((folder, format!("of {} users the registry of {USERS} is read", hives.len())));
            hives.truncate(USERS);
        }
        files.extend(hives);
    }

    fn logs(&self, files: &mut Vec<PathBuf>, missing: &mut Vec<(PathBuf, String)>) {
        let folder = native(&self.system32.join("winevt/Logs"));
        let found =
            reach(&self.system32, "winevt/Logs").and_then(|folder| folder.map_or(Ok(Vec::new()), |path| names(&path)));
        let logs = match found {
            Ok(logs) => logs,
            Err(error) => return missing.push((folder, error.to_string())),
        };
        let mut archives: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
        for path in logs {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            let Some(stem) = name.strip_suffix(".evtx") else { continue };
            let dated = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
            let archive = stem.strip_prefix(ARCHIVE).map(dated);
            let log = archive.as_deref().unwrap_or(stem);
            if !LOGS.contains(&log) && !CHANNELS.iter().any(|channel| log.contains(channel)) {
                continue;
            }
            match archive {
                // the names sort by date
                Some(log) => drop(archives.entry(log).or_default().insert(name, path)),
                None => files.push(path),
            }
        }
        for (log, archived) in archives {
            let older = archived.len().saturating_sub(ARCHIVED);
            if older > 0 {
                let what = folder.join(format!("{ARCHIVE}{log}-*.evtx"));
                missing.push((what, format!("{older} older ones were left out: the newest {ARCHIVED} are read")));
            }
            files.extend(archived.into_values().skip(older));
        }
    }

    /// Records facts of the disk itself: keys, versions, space.
    pub(crate) fn state(&self) -> State {
        let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
        state.merge(self.keys());
        state.merge(self.programs());
        state.volumes.extend(volume(&self.root));
        state
    }

    /// Records the files of private keys.
    pub(crate) fn keys(&self) -> State {
        let mut state = State::default();
        for (place, name) in FOLDERS {
            if let Some(folder) = descend(&self.root, &format!("ProgramData/Microsoft/Crypto/{place}")) {
                keys(&mut state, &folder, name);
            }
        }
        state
    }

    /// Records the versions of programs.
    pub(crate) fn programs(&self) -> State {
        let mut state = State::default();
        for name in PROGRAMS.iter().copied() {
            match program(&self.system32, name) {
                Ok(file) => state.files.push(file),
                Err(error) => state.unread.push(Unread { what: name.to_owned(), why: error.to_string() }),
            }
        }
        state
    }
}

/// Returns the space of the disk, if it is mounted here; for a mere copy of its files it would be that of another disk.
#[cfg(target_os = "linux")]
fn volume(root: &Path) -> Option<Volume> {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).ok().map(|meta| meta.dev());
    if device(root)? == device(&root.join(".."))? {
        return None;
    }
    let space = rustix::fs::statvfs(root).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Some(Volume { name: root.display().to_string(), free: bytes(space.f_bavail), size: bytes(space.f_blocks) })
}

#[cfg(not(target_os = "linux"))]
fn volume(_: &Path) -> Option<Volume> {
    None
}

/// Records a folder of keys, but the folder itself only if it could be listed, with the number of its files left out.
fn keys(state: &mut State, folder: &Path, name: &str) {
    let files = match names(folder) {
        Ok(files) => files,
        Err(error) => {
            let what = folder.display().to_string();
            return state.unread.push(Unread { what, why: error.to_string() });
        }
    };
    let (named, left_out) = named(files, KEYS);
    let key = |path: &Path, file: String, size, left_out| {
        let (folder, security) = (name.to_owned(), rights(path));
        KeyFile { name: file, folder, size, security, left_out }
    };
    state.key_files.push(key(folder, ".".to_owned(), None, left_out));
    for path in named {
        let size = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        state.key_files.push(key(&path, file, size, 0));
    }
}

/// Returns all files of Remote Desktop's own container, the first of the others, and how many are left out.
fn named(files: Vec<PathBuf>, most: usize) -> (Vec<PathBuf>, u64) {
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        name.starts_with(RDP_KEY)
    };
    let (mut named, others): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(own);
    let left_out = others.len().saturating_sub(most);
    named.extend(others.into_iter().take(most));
    (named, left_out as u64)
}

fn program(system32: &Path, name: &str) -> Result<FileVersion, ReadError> {
    let name = name.to_owned();
    match descend(system32, &name) {
        None => Ok(FileVersion { name, version: None, exists: false }),
        Some(path) => Ok(FileVersion { name, version: version::version(regular(&path)?)?, exists: true }),
    }
}

/// Reads the security descriptor, where the mount shows it (ntfs-3g, and ntfs3 under another name).
#[cfg(target_os = "linux")]
fn rights(path: &Path) -> Option<String> {
    ["system.ntfs_acl", "system.ntfs_security"].iter().find_map(|name| {
        let mut bytes = vec![0; 64 * 1024];
        let length = rustix::fs::getxattr(path, *name, &mut bytes[..]).ok()?;
        security::sddl(bytes.get(..length)?)
    })
}

/// Reads the security descriptor. On a disk of another machine it is that machine's; what Wine tells is its own.
#[cfg(windows)]
fn rights(path: &Path) -> Option<String> {
    os::security::descriptor(path).ok().and_then(|bytes| security::sddl(&bytes))
}

#[cfg(not(any(target_os = "linux", windows)))]
fn rights(_: &Path) -> Option<String> {
    None
}

/// Returns the path below a folder, ignoring the case of its parts.
fn descend(folder: &Path, path: &str) -> Option<PathBuf> {
    reach(folder, path).ok().flatten()
}

/// Returns the path, ignoring case, if it exists; an error where that cannot be told.
fn reach(folder: &Path, path: &str) -> std::io::Result<Option<PathBuf>> {
    let mut place = folder.to_owned();
    for part in path.split('/') {
        let exact = place.join(part);
        if exact.exists() {
            place = exact;
            continue;
        }
        let same = |path: &PathBuf| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(part));
        match names(&place)?.into_iter().find(same) {
            Some(found) => place = found,
            None => return Ok(None),
        }
    }
    Ok(Some(place))
}

fn names(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_key_files_those_of_remote_desktop_are_named() {
        let own = PathBuf::from(format!("{}z", RDP_KEY.to_uppercase()));
        let files = vec!["a".into(), "b".into(), "c".into(), own.clone()];
        assert_eq!(named(files.clone(), 2), (vec![own.clone(), "a".into(), "b".into()], 1));
        assert_eq!(named(files, 3).1, 0);
    }

    #[test]
    fn only_a_mounted_disk_has_space_of_its_own() {
        assert!(volume(Path::new("/proc")).is_some());
        assert_eq!(volume(Path::new(env!("CARGO_MANIFEST_DIR"))), None);
    }
}
