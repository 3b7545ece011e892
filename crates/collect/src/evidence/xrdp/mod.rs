//! `xrdp.ini` and what it leads to: certificate, key, and whether the account that xrdp runs as may read them.
//!
//! Paths in it are those of the machine that the file belongs to. If the file lies in `etc/xrdp` of a folder, that
//! folder is the root of the machine, with its users and links. A file that lies anywhere else may be a copy from
//! another machine: of the files that it names only those in its own folder are looked at, and this machine's users and
//! certificates say nothing about it. Source: the file itself as it is shipped, and what xrdp 0.9.21 does.

#[cfg(unix)]
mod acl;
pub(in crate::evidence) mod pair;
pub(crate) mod reach;

use std::fs;
use std::path::{Path, PathBuf};

use evidence::ciphers::may_name_suites;
use evidence::state::{
    NO_GLOBALS, NO_LOG, NO_LOG_TO_WRITE, NO_SESMAN, SCHEMA, State, Unread, XRDP_INI, Xrdp, XrdpFile,
};

use evidence::{ini, lossless};

use super::kind::Kind;
use super::reader::{Access, Piece, ReadError, Reader, bytes};
use super::{gnome, text};
use reach::Machine;

pub(super) const READER: Reader = Reader { kind: Kind::XrdpSettings, recognises, read: Access::Place(read) };

/// Most bytes of the file.
const LIMIT: u64 = 1024 * 1024;
/// Folder in which a log is that has no other.
const LOGS: &str = "/var/log";
/// Section with the settings of the server itself.
const GLOBALS: &str = "Globals";
/// Files that xrdp takes where none is set.
const USUAL: [(&str, &str); 2] = [("certificate", "/etc/xrdp/cert.pem"), ("key_file", "/etc/xrdp/key.pem")];

fn recognises(head: &[u8]) -> bool {
    let text = beginning(head);
    let globals = || text.lines().any(|line| line.trim().eq_ignore_ascii_case("[Globals]"));
    text.contains("xrdp") && globals() && ["port=", "security_layer="].iter().any(|name| text.contains(name))
}

/// Reads the beginning of a file as text, whatever its encoding.
fn beginning(head: &[u8]) -> String {
    let text = text::beginning(head);
    if text.is_empty() { lossless::text(head) } else { text }
}

/// Returns the settings of xrdp below the root of a machine, if there are any.
fn below(root: &Path) -> Option<PathBuf> {
    let path = root.join(XRDP_INI.trim_start_matches('/'));
    // the settings may lie elsewhere on that machine, and a link of a foreign disk leads to no other
    let real = fs::canonicalize(&path).ok().filter(|real| real.is_file())?;
    fs::canonicalize(root).is_ok_and(|root| real.starts_with(root)).then_some(path)
}

/// Lists the files that servers for RDP have on a machine with Linux, below its root: settings, and the logs of xrdp.
pub fn linux_places(root: &Path) -> Vec<PathBuf> {
    let settings: Vec<PathBuf> = below(root).into_iter().chain(gnome::below(root)).collect();
    if settings.is_empty() { settings } else { settings.into_iter().chain(logs(root)).collect() }
}

/// Returns the logs of the xrdp of a machine, wherever its settings say that they lie.
pub fn logs(root: &Path) -> Vec<PathBuf> {
    let machine = Machine::at(root);
    let of = |settings: &str, usual: &str| {
        let text = machine.text(settings).unwrap_or_default();
        let set = setting(&text, "Logging", "LogFile");
        // the settings of a foreign disk lead nowhere outside of it
        let inside = |name: &String| !name.is_empty() && !name.contains("..");
        let name = set.filter(inside);
        // a relative name is one in the folder of logs
        Path::new(LOGS).join(name.unwrap_or_else(|| usual.to_owned()))
    };
    let logs = [of(XRDP_INI, "xrdp.log"), of(NO_SESMAN, "xrdp-sesman.log")];
    logs.map(|log| root.join(log.strip_prefix("/").unwrap_or(&log))).into_iter().filter(|log| log.is_file()).collect()
}

/// Returns the root of the machine that this `xrdp.ini` belongs to. Settings that name files below a folder as they lie
/// here are of an xrdp that was built for that folder, such as `/usr/local`, and of no other machine.
pub fn root_of(path: &Path) -> PathBuf {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut above = path.ancestors();
    let names: Vec<_> = above.by_ref().take(3).map(|part| part.file_name().unwrap_or_default().to_owned()).collect();
    let usual = names.iter().map(|name| name.to_string_lossy()).eq(["xrdp.ini", "xrdp", "etc"]);
    let root = above.next().filter(|_| usual).unwrap_or(Path::new("/"));
    let text = bytes(&path, LIMIT).unwrap_or_default();
    let text = lossless::text(&text);
    let set = |name| setting(&text, GLOBALS, name).is_some_and(|file| Path::new(&file).starts_with(root));
    if ["certificate", "key_file"].into_iter().any(set) { PathBuf::from("/") } else { root.to_owned() }
}

/// True for the settings of the xrdp of this machine itself.
pub fn is_own(path: &Path) -> bool {
    let own = |own: PathBuf| fs::canonicalize(path).is_ok_and(|path| path == own);
    fs::canonicalize(XRDP_INI).is_ok_and(own)
}

/// Returns the reader of a file that is called as xrdp's settings are, with text in it that has no mark of them, or
/// nothing.
pub(super) fn named(path: &Path, head: &[u8]) -> Option<&'static Reader> {
    let text = beginning(head);
    let is_text = head.is_empty() || !text.is_empty() && !text.contains('\0');
    (is_text && path.file_name().is_some_and(|name| name == "xrdp.ini")).then_some(&READER)
}

fn read(path: &Path) -> Result<Piece, ReadError> {
    // xrdp takes bytes as they are: in UTF-16 it finds no section
    let text = lossless::text(&bytes(path, LIMIT)?);
    let root = root_of(path);
    let lone = root == Path::new("/") && !is_own(path);
    let folder = fs::canonicalize(path).ok().and_then(|path| path.parent().map(Path::to_owned)).filter(|_| lone);
    let machine = folder.as_deref().map_or_else(|| Machine::at(&root), Machine::of_folder);
    let mut state = State { schema: SCHEMA.to_owned(), ..State::default() };
    // of a lone file nobody knows whose it is
    state.computer = machine.name();
    let setting = |name: &str| setting(&text, GLOBALS, name);
    let user = user(&machine, setting("runtime_user"));
    // newer versions take a group from there too
    let group = setting("runtime_group").filter(|group| !group.is_empty());
    let account = user.as_deref().filter(|_| group.is_none()).and_then(|user| machine.account(user));
    let file_name = machine.path_of(path);
    let [mut certificate, mut key] = USUAL.map(|usual| file_of(usual, &text, &machine, account.as_ref()));
    let pair = pair::read(&machine, &mut certificate, &mut key);
    let meant = [&certificate, &key].map(|file| meant(file.instead_of.as_deref()?, &file_name));
    let (fitting_certificate, fitting_key) =
        pair::fitting(&machine, (&certificate, &key), &meant, account.as_ref(), pair.key_matches);
    let unread = unread(&machine, folder.as_deref(), [&certificate.path, &key.path], setting("tls_ciphers"));
    state.unread.extend(unread);
    state.xrdp.push(Xrdp {
        port: setting("port"),
        security_layer: setting("security_layer"),
        ssl_protocols: setting("ssl_protocols"),
        tls_ciphers: setting("tls_ciphers"),
        account_exists: user.as_deref().and_then(|user| machine.has_account(user)),
        user,
        file_readable: machine.file(&file_name, account.as_ref()).readable,
        lacks: lacks(&text, &machine, lone, account.as_ref().filter(|_| is_own(path))),
        file: file_name,
        certificate,
        key,
        subject: pair.subject,
        not_before: pair.not_before,
        not_after: pair.not_after,
        key_matches: pair.key_matches,
        signature: pair.signature,
        fitting_certificate,
        fitting_key,
    });
    Ok(Piece::State(Box::new(state)))
}

/// Records the file of a setting. Measured with version 0.9.21: xrdp takes the usual file for an empty line and for a
/// text that does not begin with `/`, and none where there is no line.
fn file_of((name, usual): (&str, &str), text: &str, machine: &Machine, account: Option<&reach::Account>) -> XrdpFile {
    match setting(text, GLOBALS, name) {
        Some(path) if path.starts_with('/') => machine.file(&path, account),
        Some(path) => {
            let instead_of = Some(path).filter(|path| !path.is_empty());
            XrdpFile { instead_of, ..machine.file(usual, account) }
        }
        None if ini::sections(text, GLOBALS) > 0 => {
            let instead_of =
                ini::astray(text, GLOBALS, name).map(|value| plain(&value)).filter(|path| !path.is_empty());
            XrdpFile { exists: Some(false), instead_of, ..machine.file("", None) }
        }
        None => machine.file(usual, account),
    }
}

/// Returns the path that a text most likely means which xrdp takes for none: without quotes, and from the folder of its
/// settings.
fn meant(text: &str, ini: &str) -> Option<String> {
    let path = text.trim_matches(['"', '\'']).trim();
    let folder = Path::new(ini).parent()?;
    // whose folder `~` is nobody knows
    let known = !path.is_empty() && !path.starts_with('~');
    known.then(|| folder.join(path.trim_start_matches("./")).display().to_string())
}

/// Reads a setting as xrdp takes it: without all behind `#` or `;`, wherever that stands (seen with version 0.9.21).
fn setting(text: &str, section: &str, name: &str) -> Option<String> {
    let value = ini::read(text, section, name).ok().flatten()?;
    Some(plain(&value))
}

fn plain(value: &str) -> String {
    value.split(['#', ';']).next().unwrap_or_default().trim().to_owned()
}

/// Returns the account that xrdp runs as. Only root can become another one, as newer versions do where `runtime_user`
/// says so.
fn user(machine: &Machine, runtime: Option<String>) -> Option<String> {
    let started = machine.runs_as();
    let runtime = runtime.filter(|user| !user.is_empty() && started.as_deref().is_none_or(|user| user == "root"));
    runtime.or(started)
}

/// Lists what xrdp does not do without and is not there. Measured with version 0.9.21: without the section it listens
/// on nothing, without the name of a log that it may write it does not start, and without its settings its manager does
/// not. What may be written is asked for this account alone.
fn lacks(text: &str, machine: &Machine, lone: bool, account: Option<&reach::Account>) -> Vec<String> {
    let log = setting(text, "Logging", "LogFile").filter(|name| !name.is_empty());
    let writes = |account| {
        let log = Path::new(LOGS).join(log.as_ref()?);
        machine.may_write(&log.display().to_string(), account)
    };
    let without = [
        (NO_GLOBALS, ini::sections(text, GLOBALS) == 0),
        (NO_LOG, log.is_none()),
        (NO_LOG_TO_WRITE, account.is_some_and(|account| writes(account) == Some(false))),
        (NO_SESMAN, !lone && machine.lacks(NO_SESMAN) == Some(true)),
    ];
    without.into_iter().filter(|(_, lacks)| *lacks).map(|(name, _)| name.to_owned()).collect()
}

/// Lists what could not be told, with the reason.
fn unread(machine: &Machine, folder: Option<&Path>, paths: [&String; 2], ciphers: Option<String>) -> Vec<Unread> {
    let elsewhere = |path: &&String| folder.is_some_and(|folder| !Path::new(path).starts_with(folder));
    let copied = "this xrdp.ini may be a copy: only files in its own folder are looked at";
    let shut = |path: &&String| path.starts_with('/') && machine.is_shut(path);
    let sudo = "this account may not read it: run the program with sudo";
    let files = paths.into_iter().filter(|path| !path.is_empty()).filter(elsewhere).map(|path| (path.clone(), copied));
    let files = files.chain(paths.into_iter().filter(shut).map(|path| (path.clone(), sudo)));
    // one of a single letter is passed over, as version 0.9.21 was seen to do
    let suites = ciphers.filter(|list| list.len() > 1 && may_name_suites(list) && !is_usual(list)).map(|_| {
        let why = "whether OpenSSL knows a suite by these names is not told here: `openssl ciphers -v 'NAMES'` on that \
                   machine tells, and with none every handshake fails";
        ("tls_ciphers of xrdp.ini".to_owned(), why)
    });
    let manager = machine.text(NO_SESMAN).and_then(|text| setting(&text, GLOBALS, "ListenPort"));
    let manager = manager.filter(|port| !port.is_empty());
    let manager = manager.filter(|port| port.parse::<u16>().is_err()).map(|_| {
        let why = "it is no port, and where xrdp-sesman listens then is not known: who logs on may get no session";
        ("ListenPort of sesman.ini".to_owned(), why)
    });
    let all = files.chain(suites).chain(manager);
    all.map(|(what, why)| Unread { what, why: why.to_owned() }).collect()
}

/// True for a list of suites that by ciphers(1) brings some for every usual certificate.
fn is_usual(list: &str) -> bool {
    const NAMES: [&str; 10] =
        ["DEFAULT", "ALL", "HIGH", "ECDHE", "EECDH", "kEECDH", "kECDHE", "AESGCM", "ECDHE+AESGCM", "EECDH+AESGCM"];
    // what none of those consists of alone
    const TAKEN_AWAY: [&str; 14] =
        ["aNULL", "eNULL", "NULL", "LOW", "EXP", "EXPORT", "MD5", "RC4", "3DES", "DES", "SSLv2", "DSS", "PSK", "SRP"];
    let words = || list.split([':', ',', ' ']).filter(|word| !word.is_empty());
    let mut away = words().filter(|word| word.starts_with(['!', '-', '@', '+']));
    let harmless =
        |word: &str| word == "@STRENGTH" || word.strip_prefix('!').is_some_and(|name| TAKEN_AWAY.contains(&name));
    away.all(harmless) && words().any(|word| NAMES.contains(&word))
}

#[cfg(all(test, unix))]
mod tests;
