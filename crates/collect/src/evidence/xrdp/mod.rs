//! `xrdp.ini` and what it leads to: certificate, key, and whether the account that xrdp runs as may read them.
//!
//! Paths in it are those of the machine that the file belongs to. If the file lies in `etc/xrdp` of a folder, that
//! folder is the root of the machine, with its users and links; else it is this machine, whose name it has only if it
//! is that machine's own. Source: the file itself as it is shipped, and what xrdp 0.9.21 does.

mod pair;
mod reach;

use std::fs;
use std::path::{Path, PathBuf};

use evidence::ini;
use evidence::state::{SCHEMA, State, Unread, XRDP_INI, Xrdp};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, bytes};
use super::text;
use reach::Machine;

pub(super) const READER: Reader = Reader { kind: Kind::XrdpSettings, recognises, read: Access::Place(read) };

/// Most bytes of the file.
const LIMIT: u64 = 1024 * 1024;
/// Section with the settings of the server itself.
const GLOBALS: &str = "Globals";
/// Files that xrdp takes where none is set.
const USUAL: [(&str, &str); 2] = [("certificate", "/etc/xrdp/cert.pem"), ("key_file", "/etc/xrdp/key.pem")];

fn recognises(head: &[u8]) -> bool {
    let text = text::beginning(head);
    let globals = || text.lines().any(|line| line.trim().eq_ignore_ascii_case("[Globals]"));
    text.contains("xrdp") && globals() && ["port=", "security_layer="].iter().any(|name| text.contains(name))
}

/// Returns the settings of xrdp below the root of a machine, if there are any.
pub(super) fn below(root: &Path) -> Option<PathBuf> {
    let path = root.join(XRDP_INI.trim_start_matches('/'));
    fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()).then_some(path)
}

/// Returns the root of the machine that this `xrdp.ini` belongs to.
pub fn root_of(path: &Path) -> PathBuf {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut above = path.ancestors();
    let names: Vec<_> = above.by_ref().take(3).map(|part| part.file_name().unwrap_or_default().to_owned()).collect();
    let usual = names.iter().map(|name| name.to_string_lossy()).eq(["xrdp.ini", "xrdp", "etc"]);
    above.next().filter(|_| usual).unwrap_or(Path::new("/")).to_owned()
}

/// True for the settings of the xrdp of this machine itself.
pub fn is_own(path: &Path) -> bool {
    let own = |own: PathBuf| fs::canonicalize(path).is_ok_and(|path| path == own);
    fs::canonicalize(XRDP_INI).is_ok_and(own)
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    let bytes = bytes(path, LIMIT)?;
    let text = text::decode(&bytes)?;
    let root = root_of(path);
    let machine = Machine::at(&root);
    let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
    // of a lone file nobody knows whose it is
    state.computer = if root != Path::new("/") || is_own(path) { machine.name() } else { None };
    let mut unread = Vec::new();
    let mut setting = |name: &str| {
        let read = ini::read(&text, GLOBALS, name);
        let value = read.unwrap_or_else(|why| {
            unread.push(Unread { what: format!("{name} of xrdp.ini"), why });
            None
        });
        value.map(|value| value.trim().to_owned())
    };
    let set = |name: &str, value: Option<String>| {
        let usual = USUAL.iter().find(|(known, _)| *known == name).map_or("", |(_, usual)| *usual);
        value.filter(|value| !value.is_empty()).unwrap_or_else(|| usual.to_owned())
    };
    let certificate = set("certificate", setting("certificate"));
    let key = set("key_file", setting("key_file"));
    let user = setting("runtime_user").filter(|user| !user.is_empty()).or_else(|| machine.runs_as());
    let account = user.as_deref().and_then(|user| machine.account(user));
    let (certificate_file, key_file) =
        (machine.file(&certificate, account.as_ref()), machine.file(&key, account.as_ref()));
    let pair = pair::read(&machine, &certificate, &key);
    state.xrdp.push(Xrdp {
        file: machine.path_of(path),
        port: setting("port"),
        security_layer: setting("security_layer"),
        ssl_protocols: setting("ssl_protocols"),
        user,
        certificate: certificate_file,
        key: key_file,
        subject: pair.subject,
        not_before: pair.not_before,
        not_after: pair.not_after,
        key_matches: pair.key_matches,
    });
    state.unread.extend(unread);
    Ok(Piece::State(Box::new(state)))
}

#[cfg(all(test, unix))]
mod tests;
