//! xrdp, the RDP server of Linux: its settings, its certificate and key, and whether they are within its reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;
use wire::tls::signature;

use super::logs::LogSpan;
use super::thing::{Count, Section};
use crate::ciphers::may_name_suites;
use crate::redaction::{REDACTED, common_name, date, kept, one_of};

/// Settings of an xrdp, from its `xrdp.ini`, and what they lead to. Nothing of a key itself is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Xrdp {
    /// Path of its `xrdp.ini` on the machine.
    pub file: String,
    /// `port`; null where it is not set.
    pub port: Option<String>,
    /// `security_layer`; null where it is not set.
    pub security_layer: Option<String>,
    /// `ssl_protocols`; null where it is not set.
    pub ssl_protocols: Option<String>,
    /// `tls_ciphers`; null where it is not set.
    #[serde(default)]
    pub tls_ciphers: Option<String>,
    /// Account that it runs as; null where that is not known.
    pub user: Option<String>,
    /// True if the machine's `/etc/passwd` has that account; null where that could not be told.
    #[serde(default)]
    pub account_exists: Option<bool>,
    /// True if that account may read the `xrdp.ini`, by owners, modes and lists; null where that could not be told.
    #[serde(default)]
    pub file_readable: Option<bool>,
    /// Parts that xrdp does not do without and that are not there: `[Globals]` or `LogFile in [Logging]` of its
    /// `xrdp.ini`, a `LogFile in [Logging] that it may write`, `/etc/xrdp/sesman.ini`.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// File of its certificate.
    pub certificate: XrdpFile,
    /// File of its private key.
    pub key: XrdpFile,
    /// Subject of the certificate; null where it could not be read.
    #[serde(default)]
    pub subject: Option<String>,
    /// `notBefore`, RFC 3339, UTC.
    #[serde(default)]
    pub not_before: Option<String>,
    /// `notAfter`, RFC 3339, UTC.
    #[serde(default)]
    pub not_after: Option<String>,
    /// True if the key is that of the certificate; null where that could not be told.
    #[serde(default)]
    pub key_matches: Option<bool>,
    /// Signature algorithm of TLS that is the only one of the certificate's key, by its registered name; null where
    /// there are several, as of RSA, or it could not be read.
    #[serde(default)]
    pub signature: Option<String>,
    /// Path of another certificate that the account may read and that is one of the key, where the one that is set is
    /// not; or of the one that the setting most likely means, where [`XrdpFile::instead_of`] has it. Null where there
    /// is none.
    #[serde(default)]
    pub fitting_certificate: Option<String>,
    /// Path of another key likewise, which is that of the certificate; with both, that of the other certificate.
    #[serde(default)]
    pub fitting_key: Option<String>,
}

/// File that a server of Linux needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct XrdpFile {
    /// Its path, as it is set or as the server takes it where it is not.
    pub path: String,
    /// Text of the setting that xrdp does not take: it is no path that begins with `/`, as in quotes, or stands outside
    /// of `[Globals]`. Null where it takes the text.
    #[serde(default)]
    pub instead_of: Option<String>,
    /// Path of the file behind links; null where there is none.
    #[serde(default)]
    pub place: Option<String>,
    /// True if it exists; null where that could not be told.
    pub exists: Option<bool>,
    /// True if the account that the server runs as may read it, by owners, modes and lists of rights; null where that
    /// could not be told.
    pub readable: Option<bool>,
    /// Contents, as far as they can be told; null where they could not.
    #[serde(default)]
    pub contents: Option<Contents>,
    /// Group by which it may be read: members can. None of [`POWERFUL`], which is far more than a key.
    #[serde(default)]
    pub group: Option<String>,
    /// True if nothing but its own mode keeps the account out, and no group has it but one of [`POWERFUL`]: a group of
    /// the account could be given it to read.
    #[serde(default)]
    pub by_mode_alone: bool,
    /// Its permission bits.
    #[serde(default)]
    pub mode: Option<u32>,
}

/// Contents of a file with a certificate or a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// A certificate, or a private key without a password, in PEM.
    Sound,
    /// No byte.
    Empty,
    /// A private key that only a password opens.
    Encrypted,
    /// The other one of the pair: a private key in place of the certificate, or a certificate in place of the key.
    Counterpart,
    /// No certificate, or no private key, in PEM: DER, a part of one, or something else.
    Foreign,
    /// It is a folder.
    Folder,
}

/// Groups whose members are as good as the administrator, or see what is only for the administrator.
pub const POWERFUL: &[&str] =
    &["root", "wheel", "sudo", "admin", "adm", "shadow", "disk", "kmem", "docker", "lxd", "libvirt", "systemd-journal"];

/// Section of xrdp.ini with the settings of the server itself, as [`Xrdp::lacks`] names it.
pub const NO_GLOBALS: &str = "[Globals]";
/// Setting of xrdp.ini that says where the log goes.
pub const NO_LOG: &str = "LogFile in [Logging]";
/// That setting, where its account may not write the file that it names.
pub const NO_LOG_TO_WRITE: &str = "LogFile in [Logging] that it may write";
/// Settings of its manager of sessions.
pub const NO_SESMAN: &str = "/etc/xrdp/sesman.ini";
/// Parts that an xrdp may lack.
const LACKS: [&str; 4] = [NO_GLOBALS, NO_LOG, NO_LOG_TO_WRITE, NO_SESMAN];

/// Where xrdp is on every machine.
pub const XRDP_INI: &str = "/etc/xrdp/xrdp.ini";
/// Accounts and groups that are on many machines.
const ACCOUNTS: &[&str] = &["root", "xrdp", "ssl-cert", "gnome-remote-desktop"];
/// Files that distributions ship.
const FILES: &[&str] = &[
    XRDP_INI,
    "/etc/xrdp/cert.pem",
    "/etc/xrdp/key.pem",
    "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "/etc/ssl/private/ssl-cert-snakeoil.key",
];

impl Section for Xrdp {
    const FACT: &'static str = "xrdp";
    const TITLE: &'static str = "settings of xrdp";
    const COUNT: Option<Count> = Some(Count::Things(["configuration of xrdp", "configurations of xrdp"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self {
            file,
            port,
            security_layer,
            ssl_protocols,
            tls_ciphers,
            user,
            account_exists,
            file_readable,
            lacks,
            certificate,
            key,
            subject,
            not_before,
            not_after,
            key_matches,
            signature,
            fitting_certificate,
            fitting_key,
        } = self;
        Self {
            file: kept(FILES, file),
            port: port.as_deref().map(without_addresses),
            security_layer: security_layer.as_deref().map(|layer| kept(&["rdp", "tls", "negotiate"], layer.trim())),
            ssl_protocols: ssl_protocols.as_deref().map(versions),
            tls_ciphers: tls_ciphers.as_deref().map(suites),
            user: user.as_deref().map(|user| account(user, names)),
            account_exists: *account_exists,
            file_readable: *file_readable,
            lacks: lacks.iter().map(|part| kept(&LACKS, part)).collect(),
            certificate: certificate.renamed(names),
            key: key.renamed(names),
            subject: subject.as_deref().map(|name| common_name(name, names)),
            not_before: not_before.as_deref().map(date),
            not_after: not_after.as_deref().map(date),
            key_matches: *key_matches,
            signature: signature.as_deref().map(registered),
            fitting_certificate: fitting_certificate.as_deref().map(|path| kept(FILES, path)),
            fitting_key: fitting_key.as_deref().map(|path| kept(FILES, path)),
        }
    }
}

impl XrdpFile {
    pub(super) fn renamed(&self, names: &mut Names) -> Self {
        let Self { path, instead_of, place, exists, readable, contents, group, by_mode_alone, mode } = self;
        Self {
            path: kept(FILES, path),
            instead_of: instead_of.as_deref().map(|text| kept(FILES, text)),
            place: place.as_deref().map(|place| kept(FILES, place)),
            exists: *exists,
            readable: *readable,
            contents: *contents,
            group: group.as_deref().map(|group| account(group, names)),
            by_mode_alone: *by_mode_alone,
            mode: *mode,
        }
    }
}

/// Keeps the name of a signature algorithm that is registered.
pub(super) fn registered(name: &str) -> String {
    if signature::code(name).is_some() { name.to_owned() } else { REDACTED.to_owned() }
}

/// Keeps an account that is on many machines.
pub(super) fn account(name: &str, names: &mut Names) -> String {
    one_of(ACCOUNTS, name).unwrap_or_else(|| names.person(name))
}

/// Keeps numbers of ports alone, and of what somebody mistyped where its letters are: an address may stand before one,
/// and of a socket that is no port of TCP nothing but its kind matters.
fn without_addresses(port: &str) -> String {
    let plain = |word: &str| word.len() <= 8 && word.bytes().all(|letter| letter.is_ascii_alphanumeric());
    let masked = |word: &str| word.chars().map(|letter| if letter.is_ascii_digit() { letter } else { 'x' }).collect();
    let number = |word: &str| -> String { if plain(word) { masked(word) } else { REDACTED.to_owned() } };
    let word = |word: &str| {
        let other = ["unix:", "vsock:"].into_iter().find(|kind| word.starts_with(kind));
        let address = || Some(format!("tcp://:{}", number(word.split_once("//")?.1.rsplit([':', '/']).next()?)));
        other.map(str::to_owned).or_else(address).unwrap_or_else(|| number(word))
    };
    port.split([' ', ',']).map(|text| word(text.trim())).collect::<Vec<String>>().join(" ")
}

fn versions(text: &str) -> String {
    let known = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    text.split(',').map(|version| kept(&known, version.trim())).collect::<Vec<_>>().join(", ")
}

/// Keeps the words of a list of cipher suites that are names of some.
fn suites(list: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_start_matches(['!', '-', '+', '@']);
        if may_name_suites(bare) || bare.starts_with("SECLEVEL=") || bare == "STRENGTH" {
            word.to_owned()
        } else {
            REDACTED.to_owned()
        }
    };
    list.split([':', ',', ';', ' '])
        .map(|one| if one.is_empty() { String::new() } else { word(one) })
        .collect::<Vec<_>>()
        .join(":")
}

/// True for a file that by its name is a copy that somebody, an editor or a package put aside.
pub fn is_put_aside(path: &str) -> bool {
    const ENDS: [&str; 12] =
        [".sav", ".save", ".bak", ".backup", ".old", ".orig", ".copy", ".rpmnew", ".rpmsave", ".rej", ".tmp", ".part"];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let numbered = name.rsplit_once('.').is_some_and(|(_, end)| end.starts_with(|digit: char| digit.is_ascii_digit()));
    name.starts_with(['.', '#'])
        || name.ends_with('~')
        || numbered
        || name.contains(".dpkg-")
        || name.contains(".ucf-")
        || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_were_put_aside() {
        for aside in [
            "/etc/xrdp/k.pem.sav",
            "/k.PEM.BAK",
            "/k.pem~",
            "/k.pem.dpkg-old",
            "/.k.pem",
            "/#k.pem#",
            "/k.pem.1",
            "/k.2026-11-30",
        ] {
            assert!(is_put_aside(aside), "{aside}");
        }
        for own in ["/etc/old.d/k.pem", "/etc/xrdp/key-2026.pem", "/k1.pem", "/key", "/bak.pem"] {
            assert!(!is_put_aside(own), "{own}");
        }
    }

    #[test]
    fn of_a_list_of_suites_only_their_names_stay() {
        let kept = suites("ECDHE+AESGCM:!aNULL, secret:@SECLEVEL=1");
        assert_eq!(kept, format!("ECDHE+AESGCM:!aNULL::{REDACTED}:@SECLEVEL=1"));
        assert_eq!((suites(&kept), suites("")), (kept, String::new()));
    }

    #[test]
    fn of_a_port_the_number_stays_and_the_address_goes() {
        for (port, kept) in [
            ("3389", "3389"),
            ("3389,3390", "3389 3390"),
            ("tcp://server01.corp.example:3389", "tcp://:3389"),
            ("tcp6://{2001:db8::7}:3389", "tcp://:3389"),
            ("33o9", "33x9"),
            ("unix://./srv/somebody/x.socket 3389", "unix: 3389"),
            ("vsock://2:3389", "vsock:"),
            ("server01.corp.example", REDACTED),
        ] {
            assert_eq!(without_addresses(port), kept, "{port}");
            assert_eq!(without_addresses(kept), kept, "twice");
        }
    }
}
