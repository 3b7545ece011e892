//! A file with its bytes, its mode and its owner: read without following a link, replaced as a whole.
//!
//! A file that others see by another name (a hard link, a bind mount) or that has extended attributes (ACLs, labels) is
//! written in its place, because a new file would have none of that.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::hand::{Failed, Unread};
use crate::place::Held;

/// Opens a regular file; a link, a pipe or a device is refused. `None` if nothing is there.
fn opened(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    // a pipe would keep us waiting
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        about => about?,
    };
    let refuse = |about: &Metadata| {
        let what = if about.is_symlink() { "it is a link" } else { "it is no file" };
        if about.is_file() { Ok(()) } else { Err(io::Error::new(ErrorKind::InvalidInput, what)) }
    };
    refuse(&about)?;
    let file = options.open(path)?;
    refuse(&file.metadata()?)?;
    Ok(Some(file))
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Held, Unread> {
    match head(path, limit + 1)? {
        Held::File { bytes, .. } if bytes.len() as u64 > limit => {
            Err(Unread(format!("{}: it has more than {limit} bytes", path.display())))
        }
        held => Ok(held),
    }
}

/// Reads the first bytes of a file, at most so many.
pub(super) fn head(path: &Path, most: u64) -> Result<Held, Unread> {
    let read = || -> io::Result<Held> {
        let Some(file) = opened(path, OpenOptions::new().read(true))? else { return Ok(Held::Absent) };
        let about = file.metadata()?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Held::File { bytes, mode: about.mode() & 0o7777, uid: about.uid(), gid: about.gid() })
    };
    read().map_err(|error| Unread(format!("{}: {error}", path.display())))
}

/// Reads the rights on a file. One with a list of rights beside its mode is refused: a mode says something else there.
pub(super) fn rights(path: &Path) -> Result<Held, Unread> {
    match head(path, 0)? {
        Held::File { mode, uid, gid, .. } if !has_list(path) => Ok(Held::Rights { mode, uid, gid }),
        Held::File { .. } => Err(Unread(format!("{}: it has a list of rights of its own", path.display()))),
        held => Ok(held),
    }
}

fn has_list(path: &Path) -> bool {
    rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut [0_u8; 0][..]).is_ok()
}

/// Gives a file these rights.
pub(super) fn set_rights(path: &Path, mode: u32, owner: (u32, u32)) -> Result<(), Failed> {
    let set = || -> io::Result<()> {
        let gone = || io::Error::new(ErrorKind::NotFound, "it is gone");
        let file = opened(path, OpenOptions::new().read(true))?.ok_or_else(gone)?;
        Like { bytes: &[], mode, owner }.dress(&file)?;
        file.sync_all()
    };
    set().map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// Makes a file hold this, or removes it.
pub(super) fn write(path: &Path, held: &Held) -> Result<(), Failed> {
    let write = || -> io::Result<()> {
        let there = opened(path, OpenOptions::new().read(true))?;
        // one of an earlier run that was killed
        let part = part(path);
        if fs::symlink_metadata(&part).is_ok_and(|about| about.is_file()) {
            fs::remove_file(&part)?;
        }
        let Held::File { bytes, mode, uid, gid } = held else {
            if there.is_some() {
                fs::remove_file(path)?;
            }
            return synced(path);
        };
        let like = Like { bytes, mode: *mode, owner: (*uid, *gid) };
        match there {
            Some(file) if stays_in_place(path, &file.metadata()?) => in_place(path, &like),
            there => replaced(path, &part, &like, there.is_some()),
        }
    };
    write().map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// Contents that a file is to have.
struct Like<'a> {
    bytes: &'a [u8],
    mode: u32,
    owner: (u32, u32),
}

impl Like<'_> {
    /// Gives a file this owner and these rights. The order matters: a change of the owner takes bits away.
    fn dress(&self, file: &File) -> io::Result<()> {
        let about = file.metadata()?;
        if (about.uid(), about.gid()) != self.owner {
            fchown(file, Some(self.owner.0), Some(self.owner.1))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }
}

/// Returns the place beside a file where it is written before it gets its name; one that is left there is of a run that
/// was killed.
pub(super) fn part(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".rdpdoctor.part");
    path.with_file_name(name)
}

/// True if a new file in its place would lose something.
fn stays_in_place(path: &Path, about: &Metadata) -> bool {
    let mut names = [0_u8; 4096];
    let attributes = rustix::fs::llistxattr(path, &mut names);
    // the rights that Windows gave it, on a mounted disk of its; they are not among the names
    let descriptor = ["system.ntfs_acl", "system.ntfs_security"]
        .iter()
        .any(|name| rustix::fs::lgetxattr(path, *name, &mut [0_u8; 0][..]).is_ok());
    about.nlink() > 1 || descriptor || attributes.is_ok_and(|length| length > 0)
}

/// Writes a file beside its place and puts it there in one step.
fn replaced(path: &Path, part: &Path, like: &Like<'_>, there: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    let placed = file
        .write_all(like.bytes)
        .and_then(|()| like.dress(&file))
        .and_then(|()| file.sync_all())
        // where nothing was, nothing that came meanwhile is overwritten
        .and_then(|()| if there { fs::rename(part, path) } else { fs::hard_link(part, path) });
    let _ = fs::remove_file(part);
    match placed {
        // something is mounted on it
        Err(error) if there && matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices) => {
            in_place(path, like)
        }
        placed => placed.and_then(|()| synced(path)),
    }
}

/// Writes into the file itself. Where that fails, what was there is written back.
fn in_place(path: &Path, like: &Like<'_>) -> io::Result<()> {
    let gone = || io::Error::new(ErrorKind::NotFound, "it is gone");
    let mut file = opened(path, OpenOptions::new().read(true).write(true))?.ok_or_else(gone)?;
    let mut before = Vec::new();
    file.read_to_end(&mut before)?;
    let mut pour = |bytes: &[u8]| -> io::Result<()> {
        file.rewind()?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    };
    pour(like.bytes).inspect_err(|_| drop(pour(&before)))?;
    like.dress(&file)
}

/// Waits until the disk has the folder's list of names.
fn synced(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-hand-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn held(bytes: &[u8], mode: u32) -> Held {
        let own = File::open("/proc/self/status").unwrap().metadata().unwrap();
        Held::File { bytes: bytes.to_vec(), mode, uid: own.uid(), gid: own.gid() }
    }

    #[test]
    fn a_file_comes_changes_and_goes() {
        let folder = folder("file");
        let path = folder.join("a");
        assert_eq!(read(&path, 10), Ok(Held::Absent));
        for held in [held(b"one", 0o640), held(b"three", 0o600), held(b"", 0o4711)] {
            write(&path, &held).unwrap();
            assert_eq!(read(&path, 10), Ok(held));
        }
        assert!(read(&path, 10).is_ok() && fs::write(&path, b"12345678901").is_ok() && read(&path, 10).is_err());
        // a part that was left behind by a run that was killed
        fs::write(part(&path), b"torn").unwrap();
        write(&path, &Held::Absent).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_link_is_refused_and_a_second_name_keeps_its_file() {
        let folder = folder("link");
        let (path, link, second) = (folder.join("a"), folder.join("link"), folder.join("second"));
        write(&path, &held(b"one", 0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link, 10).unwrap_err().0.contains("link"));
        assert!(write(&link, &held(b"two", 0o640)).is_err() && write(&link, &Held::Absent).is_err());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::hard_link(&path, &second).unwrap();
        write(&path, &held(b"longer than before", 0o600)).unwrap();
        write(&path, &held(b"new", 0o600)).unwrap();
        assert_eq!(fs::read(&second).unwrap(), b"new");
        assert!(write(&folder, &held(b"", 0o600)).is_err() && read(&folder, 9).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
