//! Machine with Linux whose files are looked at, also one that is mounted somewhere: links lead where they lead there,
//! and users and groups are its own.

// who may read a file is told by Unix alone
#![cfg_attr(not(unix), allow(dead_code))]

use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

use evidence::state::XrdpFile;

use crate::evidence::reader::regular;

/// Most links on the way to a file.
const LINKS: usize = 40;
/// Most bytes of `passwd`, `group`, a unit or a script.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The machine.
pub(super) struct Machine {
    root: PathBuf,
}

/// Account of the machine.
pub(super) struct Account {
    uid: u32,
    groups: Vec<u32>,
}

/// Way to a file: every folder on it, and its end.
struct Way {
    folders: Vec<(PathBuf, Metadata)>,
    /// Path of the file from the machine's root, and what it is.
    end: Result<(PathBuf, Metadata), ErrorKind>,
}

impl Machine {
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the machine's name.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.text("/etc/hostname")?.trim().to_owned();
        (!name.is_empty() && name.len() <= 255).then_some(name)
    }

    /// Returns the path that a file has on the machine itself.
    pub(super) fn path_of(&self, path: &Path) -> String {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let inside = path.strip_prefix(&self.root).map(|inside| Path::new("/").join(inside));
        inside.unwrap_or(path).display().to_string()
    }

    /// Reads a file of the machine.
    pub(super) fn bytes(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let (place, _) = self.way(path).end.ok()?;
        let mut bytes = Vec::new();
        regular(&self.real(&place)).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    fn text(&self, path: &str) -> Option<String> {
        String::from_utf8(self.bytes(path, LIMIT)?).ok()
    }

    fn real(&self, place: &Path) -> PathBuf {
        self.root.join(place.strip_prefix("/").unwrap_or(place))
    }

    /// Goes to a file as a program on the machine would.
    fn way(&self, path: &str) -> Way {
        let mut folders = Vec::new();
        let end = self.walk(Path::new(path), &mut folders, LINKS);
        Way { folders, end }
    }

    fn walk(
        &self,
        path: &Path,
        folders: &mut Vec<(PathBuf, Metadata)>,
        links: usize,
    ) -> Result<(PathBuf, Metadata), ErrorKind> {
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
    /// disagree.
    pub(super) fn runs_as(&self) -> Option<String> {
        let folders = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
        let unit = folders.iter().find_map(|folder| self.text(&format!("{folder}/xrdp.service")));
        let mut said = Vec::new();
        if let Some(unit) = unit {
            // what is added to a unit elsewhere may say otherwise
            let added = folders.iter().any(|folder| self.way(&format!("{folder}/xrdp.service.d")).end.is_ok());
            let user = unit.lines().rev().find_map(|line| line.trim().strip_prefix("User="));
            said.push(if added { None } else { Some(user.unwrap_or("root").trim().to_owned()) });
        }
        if let Some(script) = self.text("/etc/init.d/xrdp") {
            let user = script.split_once("--chuid").map(|(_, rest)| rest.trim_start());
            let name = user.and_then(|rest| rest.split([':', ' ', '\t', '\n']).next());
            said.extend(name.map(|name| Some(name.to_owned())));
        }
        let first = said.first()?.clone()?;
        said.iter().all(|one| one.as_deref() == Some(&first)).then_some(first)
    }

    /// Looks up an account with its groups.
    pub(super) fn account(&self, user: &str) -> Option<Account> {
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

    fn group(&self, number: u32) -> Option<String> {
        let groups = self.text("/etc/group")?;
        let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let mut named = fields.filter(|fields| fields.get(2).is_some_and(|own| own.parse() == Ok(number)));
        Some((*named.next()?.first()?).to_owned())
    }

    /// Records a file that xrdp is to read.
    pub(super) fn file(&self, path: &str, account: Option<&Account>) -> XrdpFile {
        let mut file =
            XrdpFile { path: path.to_owned(), place: None, exists: None, readable: None, group: None, mode: None };
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
        file.place = Some(place.display().to_string());
        file.exists = Some(true);
        #[cfg(unix)]
        self.rights(&mut file, &way.folders, (place, about), account);
        #[cfg(not(unix))]
        let _ = (about, account);
        file
    }

    /// Says whether the account may read a file, by the owners and modes of the file and of every folder on the way.
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
        let steps = || folders.iter().map(|(path, about)| (path, about, 0o1)).chain([(end.0, end.1, 0o4)]);
        // lists of rights beside the modes may give more or less
        if steps().any(|(path, ..)| has_list(&self.real(path))) {
            return;
        }
        let may = |about: &Metadata, wanted: u32| {
            let shift = if account.uid == about.uid() {
                6
            } else if account.groups.contains(&about.gid()) {
                3
            } else {
                0
            };
            about.mode() >> shift & wanted == wanted
        };
        let shut: Vec<_> = steps().filter(|(_, about, wanted)| account.uid != 0 && !may(about, *wanted)).collect();
        file.readable = Some(shut.is_empty());
        let helps = |group: u32| {
            let opens = |about: &Metadata, wanted: u32| {
                about.gid() == group && about.uid() != account.uid && about.mode() >> 3 & wanted == wanted
            };
            group != 0 && shut.iter().all(|(_, about, wanted)| opens(about, *wanted))
        };
        let group = shut.first().map(|(_, about, _)| about.gid()).filter(|group| helps(*group));
        file.group = group.and_then(|group| self.group(group));
    }
}

/// True if a file has a list of rights of its own (a POSIX ACL), or that cannot be told.
#[cfg(unix)]
fn has_list(path: &Path) -> bool {
    use rustix::io::Errno;

    let mut list = [0_u8; 16];
    match rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut list) {
        Ok(_) => true,
        Err(error) => error != Errno::NODATA && error != Errno::NOTSUP && error != Errno::NOENT,
    }
}
