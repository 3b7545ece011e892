//! Replaces a file as a whole or not at all, and reads back what it wrote.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Reads a regular file of at most `limit` bytes. Links are followed; anything else than a file is refused, also what
/// takes its place between two looks: it is opened without waiting, and what was opened is looked at.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
    // some devices act when they are opened
    if !fs::metadata(path)?.is_file() {
        return Err(no_file());
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Puts bytes in the place of a file, with its rights, in one step; then reads them back. Where the place is a link,
/// the file behind it is replaced.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = fs::canonicalize(path)?;
    let like = fs::metadata(&place)?;
    through_part(&place, bytes, Some(&like), |part| fs::rename(part, &place))
}

/// Puts bytes where no file is yet, in one step; then reads them back. A file that is there already stays as it is: an
/// error.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_as(path, bytes, None)
}

/// Puts bytes where no file is yet, with the rights of another file, of which it is a copy or a newer form.
pub fn create_like(path: &Path, bytes: &[u8], other: &Path) -> io::Result<()> {
    create_as(path, bytes, Some(&fs::metadata(other)?))
}

fn create_as(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    through_part(path, bytes, like, |part| match fs::hard_link(part, path) {
        // not every file system has hard links; there an empty file takes the name first
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(part, path).inspect_err(|_| drop(fs::remove_file(path)))
        }
        linked => linked,
    })
}

/// Writes a file beside its place, with the rights of another, waits until the disk has it, puts it there and reads it
/// back. If this fails, what was there is there still.
fn through_part(
    path: &Path,
    bytes: &[u8],
    like: Option<&Metadata>,
    place: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    // one that was there before is not ours: it stays
    let mut file = OpenOptions::new().write(true).create_new(true).open(&part)?;
    let placed = like
        .map_or(Ok(()), |like| take_rights(&part, &file, like))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| place(&part));
    // after renaming it is gone, and after a failure it should be
    let _ = fs::remove_file(&part);
    placed?;
    read_back(path, bytes)
}

/// Returns the path with these letters behind its name.
pub fn beside(path: &Path, letters: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(letters);
    path.with_file_name(name)
}

/// Gives a file the rights and the owner of another. Only an administrator can give away a file; for anybody else it
/// stays his own.
fn take_rights(path: &Path, file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            // not ours to give: the rights below hold all the same
            let _ = chown(path, Some(like.uid()), Some(like.gid()));
        }
    }
    let _ = path;
    file.set_permissions(like.permissions())
}

fn read_back(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if read(path, bytes.len())? == bytes {
        Ok(())
    } else {
        Err(io::Error::other("what was written does not read back the same"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_rights_and_a_new_one_never_over_another() {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, link) = (folder.join("a"), folder.join("link"));
        create(&path, b"old").unwrap();
        assert_eq!(create(&path, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 3).unwrap(), b"old");
        assert!(read(&path, 2).is_err() && read(&folder, 2).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
            std::os::unix::fs::symlink(&path, &link).unwrap();
            replace(&link, b"new").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        }
        replace(&path, b"newer").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"newer");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), if cfg!(unix) { 2 } else { 1 }, "{link:?}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
