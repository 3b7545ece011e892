//! xrdp, the RDP server of Linux: its settings, its certificate and key, and whether they are within its reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section};
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
    /// Account that it runs as; null where that is not known.
    pub user: Option<String>,
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
}

/// File that xrdp needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct XrdpFile {
    /// Its path, as it is set or as xrdp takes it where it is not.
    pub path: String,
    /// Path of the file behind links; null where there is none.
    #[serde(default)]
    pub place: Option<String>,
    /// True if it exists; null where that could not be told.
    pub exists: Option<bool>,
    /// True if the account that xrdp runs as may read it, by owners and modes; null where that could not be told.
    pub readable: Option<bool>,
    /// Group by which it may be read, other than the administrators' own: members can.
    #[serde(default)]
    pub group: Option<String>,
    /// Its permission bits.
    #[serde(default)]
    pub mode: Option<u32>,
}

/// Where xrdp is on every machine.
pub const XRDP_INI: &str = "/etc/xrdp/xrdp.ini";
/// Accounts and groups that are on many machines.
const ACCOUNTS: &[&str] = &["root", "xrdp", "ssl-cert"];
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
            user,
            certificate,
            key,
            subject,
            not_before,
            not_after,
            key_matches,
        } = self;
        Self {
            file: kept(FILES, file),
            port: port.as_deref().map(without_addresses),
            security_layer: security_layer.as_deref().map(|layer| kept(&["rdp", "tls", "negotiate"], layer.trim())),
            ssl_protocols: ssl_protocols.as_deref().map(versions),
            user: user.as_deref().map(|user| account(user, names)),
            certificate: certificate.renamed(names),
            key: key.renamed(names),
            subject: subject.as_deref().map(|name| common_name(name, names)),
            not_before: not_before.as_deref().map(date),
            not_after: not_after.as_deref().map(date),
            key_matches: *key_matches,
        }
    }
}

impl XrdpFile {
    fn renamed(&self, names: &mut Names) -> Self {
        let Self { path, place, exists, readable, group, mode } = self;
        Self {
            path: kept(FILES, path),
            place: place.as_deref().map(|place| kept(FILES, place)),
            exists: *exists,
            readable: *readable,
            group: group.as_deref().map(|group| account(group, names)),
            mode: *mode,
        }
    }
}

fn account(name: &str, names: &mut Names) -> String {
    one_of(ACCOUNTS, name).unwrap_or_else(|| names.person(name))
}

/// Keeps numbers of ports alone, and of what somebody mistyped where its letters are: an address may stand before one.
fn without_addresses(port: &str) -> String {
    let plain = |word: &str| word.len() <= 8 && word.bytes().all(|letter| letter.is_ascii_alphanumeric());
    let masked = |word: &str| word.chars().map(|letter| if letter.is_ascii_digit() { letter } else { 'x' }).collect();
    let word = |word: &str| if plain(word) { masked(word) } else { REDACTED.to_owned() };
    port.split([' ', ',']).map(|text| word(text.trim())).collect::<Vec<String>>().join(" ")
}

fn versions(text: &str) -> String {
    let known = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    text.split(',').map(|version| kept(&known, version.trim())).collect::<Vec<_>>().join(", ")
}
