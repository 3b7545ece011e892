//! Machine with Linux whose files are looked at, also one that is mounted somewhere: links lead where they lead there,
//! and users and groups are its own.

// who may read a file is told by Unix alone
#![cfg_attr(not(unix), allow(dead_code))]

use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use evidence::lossless;
#[cfg(unix)]
use evidence::state::POWERFUL;
use evidence::state::{Contents, XrdpFile};

#[cfg(unix)]
use super::acl::Acl;
use crate::evidence::reader::{ReadError, regular};

/// Most links on the way to a file.
const LINKS: usize = 40;
/// Most files of a folder that are looked at.
const ENTRIES: usize = 200;
/// Most bytes of `passwd`, `group`, a unit or a script.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Settings of a unit that give a service other rights than those of its account (systemd.exec(5)).
const RIGHTS: [&str; 3] = ["SupplementaryGroups=", "AmbientCapabilities=", "DynamicUser="];

/// The machine.
pub(crate) struct Machine {
    root: PathBuf,
    /// Folder outside of which nothing is known of it: a file was copied from it, without its root.
    only: Option<PathBuf>,
}

/// Account of the machine.
pub(crate) struct Account {
    /// Its number.
    pub(crate) uid: u32,
    groups: Vec<u32>,
}

/// Way to a file: every folder on it, and its end.
struct Way {
    folders: Vec<(PathBuf, Metadata)>,
    /// Path of the file from the machine's root, and what it is.
    end: Result<(PathBuf, Metadata), ErrorKind>,
}

impl Machine {
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), only: None }
    }

    /// Machine of which nothing but this folder is here, under the path that it has here.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        Self { root: PathBuf::from("/"), only: Some(folder.to_owned()) }
    }

    /// Returns the machine's name.
    pub(crate) fn name(&self) -> Option<String> {
        let name = self.text("/etc/hostname")?.trim().to_owned();
        (!name.is_empty() && name.len() <= 255).then_some(name)
    }

    /// Returns the path that a file has on the machine itself.
    pub(crate) fn path_of(&self, path: &Path) -> String {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let inside = path.strip_prefix(&self.root).map(|inside| Path::new("/").join(inside));
        name_of(&inside.unwrap_or(path))
    }

    /// Reads a file of the machine.
    pub(crate) fn bytes(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let (place, _) = self.way(path).end.ok()?;
        let mut bytes = Vec::new();
        regular(&self.real(&place)).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    /// Lists the files in a folder of the machine.
    pub(crate) fn files(&self, folder: &Path) -> Vec<String> {
        let Ok((place, _)) = self.way(&folder.display().to_string()).end else { return Vec::new() };
        let entries = fs::read_dir(self.real(&place)).into_iter().flatten().flatten().take(ENTRIES);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut files: Vec<String> = names.map(|name| folder.join(name).display().to_string()).collect();
        files.sort();
        files
    }

    /// True if the account that runs this program may not read the file, or not even reach it.
    pub(crate) fn is_shut(&self, path: &str) -> bool {
        let denied = |kind: ErrorKind| kind == ErrorKind::PermissionDenied;
        match self.way(path).end {
            Ok((place, about)) => {
                let opened = regular(&self.real(&place));
                about.is_file() && matches!(opened, Err(ReadError::Io(why)) if denied(why.kind()))
            }
            Err(kind) => denied(kind),
        }
    }

    /// Reads a file of the machine that is text.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        Some(lossless::text(&self.bytes(path, LIMIT)?))
    }

    fn real(&self, place: &Path) -> PathBuf {
        self.root.join(place.strip_prefix("/").unwrap_or(place))
    }

    /// Goes to a file as a program on the machine would.
    fn way(&self, path: &str) -> Way {
        let mut folders = Vec::new();
        let end = self.walk(&named(path), &mut folders, LINKS);
        Way { folders, end }
    }

    fn walk(
        &self,
        path: &Path,
        folders: &mut Vec<(PathBuf, Metadata)>,
        links: usize,
    ) -> Result<(PathBuf, Metadata), ErrorKind> {
        if self.only.as_ref().is_some_and(|folder| !path.starts_with(folder)) {
            return Err(ErrorKind::Unsupported);
        }
        let mut at = PathBuf::from("/");
        let mut about = fs::metadata(&self.root).map_err(|error| error.kind())?;
        let mut parts = path.components();
        while let Some(part) = parts.next() {
            match part {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
                Component::ParentDir => {
                    at.pop();
                    about = fs::symlink_metadata(self.real(&at)).map_err(|error| error.kind())?;
                }
                Component::Normal(name) => {
                    folders.push((at.clone(), about));
                    let next = at.join(name);
                    about = fs::symlink_metadata(self.real(&next)).map_err(|error| error.kind())?;
                    if about.is_symlink() {
                        let Some(links) = links.checked_sub(1) else { return Err(ErrorKind::InvalidInput) };
                        let target = fs::read_link(self.real(&next)).map_err(|error| error.kind())?;
                        let whole = parts.fold(at.join(target), |whole, part| whole.join(part));
                        return self.walk(&whole, folders, links);
                    }
                    at = next;
                }
            }
        }
        Ok((at, about))
    }

    /// Returns the account that the service xrdp runs as, by its unit or its script; `None` where they do not say it or
    /// disagree, or give it more rights than its account has.
    pub(crate) fn runs_as(&self) -> Option<String> {
        let folders = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
        let unit = folders.iter().find_map(|folder| self.text(&format!("{folder}/xrdp.service")));
        let mut said = Vec::new();
        if let Some(unit) = unit {
            // what is added to a unit elsewhere may say otherwise
            let added = folders.iter().any(|folder| self.way(&format!("{folder}/xrdp.service.d")).end.is_ok());
            let value = |name: &str| unit.lines().rev().find_map(|line| line.trim().strip_prefix(name));
            let user = value("User=").unwrap_or("root").trim();
            // the group of its own name is the one that it has anyway
            let other = value("Group=").is_some_and(|group| group.trim() != user);
            let more = other || RIGHTS.iter().any(|name| value(name).is_some());
            // systemd.exec(5): also a number, or quoted
            let named = user.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            said.push((named && !added && !more).then(|| user.to_owned()));
        }
        if let Some(script) = self.text("/etc/init.d/xrdp") {
            let user = script.split_once("--chuid").map(|(_, rest)| rest.trim_start());
            let name = user.and_then(|rest| rest.split([':', ' ', '\t', '\n']).next());
            said.extend(name.map(|name| Some(name.to_owned())));
        }
        let first = said.first()?.clone()?;
        said.iter().all(|one| one.as_deref() == Some(&first)).then_some(first)
    }

    /// Returns the name of the account with this number.
    pub(crate) fn account_name(&self, number: u32) -> Option<String> {
        let passwd = self.text("/etc/passwd")?;
        let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let account = fields.find(|fields| fields.get(2).is_some_and(|own| own.parse() == Ok(number)))?;
        Some((*account.first()?).to_owned())
    }

    /// Looks up an account with its groups.
    pub(crate) fn account(&self, user: &str) -> Option<Account> {
        let passwd = self.text("/etc/passwd")?;
        let fields: Vec<&str> = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&user) && fields.len() > 3)?;
        let (uid, own) = (fields[2].parse().ok()?, fields[3].parse().ok()?);
        let groups = self.text("/etc/group")?;
        let member = |line: &str| -> Option<u32> {
            let fields: Vec<&str> = line.split(':').collect();
            let listed = fields.get(3)?.split(',').any(|member| member == user);
            fields[2].parse().ok().filter(|_| listed)
        };
        Some(Account { uid, groups: groups.lines().filter_map(member).chain([own]).collect() })
    }

    /// True if the machine's list of accounts has this one; `None` where that list could not be read.
    pub(crate) fn has_account(&self, user: &str) -> Option<bool> {
        let passwd = self.text("/etc/passwd")?;
        Some(passwd.lines().any(|line| line.split(':').next() == Some(user)))
    }

    /// True if the machine has no such file; `None` where that could not be told.
    pub(crate) fn lacks(&self, path: &str) -> Option<bool> {
        match self.way(path).end {
            Ok(_) => Some(false),
            Err(kind) => (kind == ErrorKind::NotFound).then_some(true),
        }
    }

    fn group(&self, number: u32) -> Option<String> {
        let groups = self.text("/etc/group")?;
        let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let mut named = fields.filter(|fields| fields.get(2).is_some_and(|own| own.parse() == Ok(number)));
        Some((*named.next()?.first()?).to_owned())
    }

    /// Records a file that a server is to read.
    pub(crate) fn file(&self, path: &str, account: Option<&Account>) -> XrdpFile {
        let mut file = XrdpFile {
            path: path.to_owned(),
            instead_of: None,
            place: None,
            exists: None,
            readable: None,
            contents: None,
            group: None,
            by_mode_alone: false,
            mode: None,
        };
        if !path.starts_with('/') {
            return file;
        }
        let way = self.way(path);
        let (place, about) = match &way.end {
            Ok(end) => end,
            Err(kind) => {
                file.exists = (*kind == ErrorKind::NotFound).then_some(false);
                return file;
            }
        };
        file.place = Some(name_of(place));
        file.exists = Some(true);
        file.contents = about.is_dir().then_some(Contents::Folder);
        #[cfg(unix)]
        self.rights(&mut file, &way.folders, (place, about), account);
        #[cfg(not(unix))]
        let _ = (about, account);
        file
    }

    /// True if the account may write a file, or make it where there is none; `None` where that could not be told.
    #[cfg(unix)]
    pub(crate) fn may_write(&self, path: &str, account: &Account) -> Option<bool> {
        use std::os::unix::fs::MetadataExt as _;

        let open = |way: &Way, wanted: u32| {
            let (place, about) = way.end.as_ref().ok()?;
            let steps = way.folders.iter().map(|(path, about)| (path, about, 0o1)).chain([(place, about, wanted)]);
            let mut all = true;
            for (path, about, wanted) in steps {
                let list = Acl::of(&self.real(path)).ok()?;
                all &= account.uid == 0
                    || match &list {
                        Some(list) => list.lets((account.uid, &account.groups), (about.uid(), about.gid()), wanted),
                        None => may(account, about, wanted),
                    };
            }
            Some(all)
        };
        let way = self.way(path);
        match &way.end {
            Ok((_, about)) if about.is_dir() => Some(false),
            Ok(_) => open(&way, 0o2),
            Err(ErrorKind::NotFound) => {
                let folder = self.way(&name_of(named(path).parent()?));
                match &folder.end {
                    Ok((_, about)) if about.is_dir() => open(&folder, 0o3),
                    Ok(_) => Some(false),
                    Err(kind) => (*kind == ErrorKind::NotFound).then_some(false),
                }
            }
            Err(_) => None,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn may_write(&self, _: &str, _: &Account) -> Option<bool> {
        None
    }

    /// Says whether the account may read a file, by owners, modes and lists of rights: its own, and of all folders
    /// on the way.
    #[cfg(unix)]
    fn rights(
        &self,
        file: &mut XrdpFile,
        folders: &[(PathBuf, Metadata)],
        end: (&PathBuf, &Metadata),
        account: Option<&Account>,
    ) {
        use std::os::unix::fs::MetadataExt as _;

        file.mode = Some(end.1.mode() & 0o7777);
        let Some(account) = account else { return };
        let steps = folders.iter().map(|(path, about)| (path, about, 0o1)).chain([(end.0, end.1, 0o4)]);
        let mut shut = Vec::new();
        for (path, about, wanted) in steps {
            let Ok(list) = Acl::of(&self.real(path)) else { return };
            let may = account.uid == 0
                || match &list {
                    Some(list) => list.lets((account.uid, &account.groups), (about.uid(), about.gid()), wanted),
                    None => may(account, about, wanted),
                };
            if !may {
                shut.push((path, about, wanted, list.is_some()));
            }
        }
        file.readable = Some(shut.is_empty());
        let helps = |group: u32| {
            let opens = |about: &Metadata, wanted: u32| {
                about.gid() == group && about.uid() != account.uid && about.mode() >> 3 & wanted == wanted
            };
            // with a list, these bits are no rights of the group
            group != 0 && shut.iter().all(|(_, about, wanted, list)| !list && opens(about, *wanted))
        };
        let group = shut.first().map(|(_, about, ..)| about.gid()).filter(|group| helps(*group));
        let powerful = |group: &String| POWERFUL.contains(&group.as_str());
        file.group = group.and_then(|group| self.group(group)).filter(|group| !powerful(group));
        if let [(path, about, _, false)] = shut[..] {
            let unshared = about.gid() == 0
                || about.mode() & 0o070 == 0
                || self.group(about.gid()).is_some_and(|group| powerful(&group));
            file.by_mode_alone = path == end.0 && about.is_file() && unshared && about.uid() != account.uid;
        }
    }
}

/// Returns the path that a setting names, by its bytes.
#[cfg(unix)]
fn named(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;

    std::ffi::OsString::from_vec(lossless::bytes(text)).into()
}

#[cfg(not(unix))]
fn named(text: &str) -> PathBuf {
    text.into()
}

/// Returns a path as text that names it.
#[cfg(unix)]
fn name_of(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;

    lossless::text(path.as_os_str().as_bytes())
}

#[cfg(not(unix))]
fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// True if modes let the account do what is wanted.
#[cfg(unix)]
fn may(account: &Account, about: &Metadata, wanted: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let shift = if account.uid == about.uid() {
        6
    } else if account.groups.contains(&about.gid()) {
        3
    } else {
        0
    };
    about.mode() >> shift & wanted == wanted
}
