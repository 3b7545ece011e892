//! GNOME Remote Desktop, the RDP server of the GNOME desktop on Linux: its settings, its certificate and key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section};
use super::xrdp::{XrdpFile, account, registered};
use crate::redaction::{common_name, date, kept};

/// Settings of a GNOME Remote Desktop, and what they lead to. Of its credentials and of the key itself nothing is
/// recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GnomeRemoteDesktop {
    /// Place of the settings: `gsettings` for those of the person who ran the program, or the file of the machine's own
    /// service.
    pub settings: String,
    /// True if RDP is switched on.
    pub enabled: bool,
    /// Port that is set; null where none is.
    #[serde(default)]
    pub port: Option<u16>,
    /// Account that it runs as; null where that is not known.
    pub user: Option<String>,
    /// File of its certificate; its path is empty where none is set.
    pub certificate: XrdpFile,
    /// File of its private key; its path is empty where none is set.
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
    /// Signature algorithm of TLS that is the only one of the certificate's key, as in [`Xrdp::signature`].
    ///
    /// [`Xrdp::signature`]: super::xrdp::Xrdp::signature
    #[serde(default)]
    pub signature: Option<String>,
    /// Settings that are locked for everybody on the machine (dconf), so that nothing a person sets has an effect.
    #[serde(default)]
    pub locked: Vec<String>,
}

/// Name of the settings of a person.
pub const GSETTINGS: &str = "gsettings";
/// Settings of a person that name its files.
pub const GNOME_FILES: [&str; 2] = ["tls-cert", "tls-key"];
/// Settings of the machine's own service (remote login, GNOME 46 and newer).
pub const GRD_CONF: &str = "/etc/gnome-remote-desktop/grd.conf";

impl Section for GnomeRemoteDesktop {
    const FACT: &'static str = "gnome";
    const TITLE: &'static str = "settings of GNOME Remote Desktop";
    const COUNT: Option<Count> =
        Some(Count::Things(["configuration of GNOME Remote Desktop", "configurations of GNOME Remote Desktop"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self {
            settings,
            enabled,
            port,
            user,
            certificate,
            key,
            subject,
            not_before,
            not_after,
            key_matches,
            signature,
            locked,
        } = self;
        Self {
            settings: kept(&[GSETTINGS, GRD_CONF], settings),
            enabled: *enabled,
            port: *port,
            user: user.as_deref().map(|user| account(user, names)),
            certificate: certificate.renamed(names),
            key: key.renamed(names),
            subject: subject.as_deref().map(|name| common_name(name, names)),
            not_before: not_before.as_deref().map(date),
            not_after: not_after.as_deref().map(date),
            key_matches: *key_matches,
            signature: signature.as_deref().map(registered),
            locked: locked.iter().map(|name| kept(&GNOME_FILES, name)).collect(),
        }
    }
}
