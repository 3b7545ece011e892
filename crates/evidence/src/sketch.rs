//! Pieces of recorded states for tests, here and in the crates that judge and print.

#![allow(clippy::unwrap_used)]

use time::OffsetDateTime;
use time::macros::datetime;

use crate::access::{Asked, Place, RefusedAccess};
use crate::fact::Fact;
use crate::moment::rfc3339;
use crate::state::{
    Contents, GSETTINGS, GnomeRemoteDesktop, KeyFile, ListeningPort, StoredCertificate, XRDP_INI, Xrdp, XrdpFile,
};

/// Time at which every sketched probe runs.
pub const NOW: OffsetDateTime = datetime!(2026-11-21 09:00 UTC);

/// Certificate in this store, as Windows makes it, with its key.
pub fn stored(store: &str) -> StoredCertificate {
    StoredCertificate {
        store: store.to_owned(),
        sha1: "5d".repeat(20),
        subject: "CN=SERVER01".to_owned(),
        issuer: "CN=SERVER01".to_owned(),
        not_before: rfc3339(NOW - time::Duration::days(10)),
        not_after: rfc3339(NOW + time::Duration::days(173)),
        has_key: Some(true),
        container: Some("TSSecKeySet1".to_owned()),
        provider: Some("Microsoft Enhanced Cryptographic Provider v1.0".to_owned()),
        machine_key: Some(true),
        key_spec: Some(1),
        usages: vec!["1.3.6.1.5.5.7.3.1".to_owned()],
        names: Some(vec!["SERVER01".to_owned()]),
        key_algorithm: Some("rsa".to_owned()),
        key_bits: Some(2048),
        signature_algorithm: Some("1.2.840.113549.1.1.11".to_owned()),
    }
}

/// xrdp as a distribution ships it, with a certificate and key that it may read.
pub fn xrdp() -> Xrdp {
    let file = |path: &str| XrdpFile {
        path: path.to_owned(),
        instead_of: None,
        place: Some(path.to_owned()),
        exists: Some(true),
        readable: Some(true),
        contents: Some(Contents::Sound),
        group: None,
        by_mode_alone: false,
        mode: Some(0o640),
    };
    Xrdp {
        file: XRDP_INI.to_owned(),
        port: Some("3389".to_owned()),
        security_layer: Some("negotiate".to_owned()),
        ssl_protocols: Some("TLSv1.2, TLSv1.3".to_owned()),
        tls_ciphers: None,
        user: Some("xrdp".to_owned()),
        account_exists: Some(true),
        file_readable: Some(true),
        lacks: Vec::new(),
        certificate: file("/etc/xrdp/cert.pem"),
        key: file("/etc/xrdp/key.pem"),
        subject: Some("CN=SERVER01".to_owned()),
        not_before: Some(rfc3339(NOW - time::Duration::days(10))),
        not_after: Some(rfc3339(NOW + time::Duration::days(3640))),
        key_matches: Some(true),
        signature: None,
        fitting_certificate: None,
        fitting_key: None,
    }
}

/// GNOME Remote Desktop of a person, switched on, with a certificate and key that it may read.
pub fn gnome() -> GnomeRemoteDesktop {
    let Xrdp { certificate, key, subject, not_before, not_after, key_matches, signature, .. } = xrdp();
    let (settings, user) = (GSETTINGS.to_owned(), Some("root".to_owned()));
    let enabled = true;
    GnomeRemoteDesktop {
        settings,
        enabled,
        port: None,
        user,
        certificate,
        key,
        subject,
        not_before,
        not_after,
        key_matches,
        signature,
        locked: Vec::new(),
    }
}

/// Port on which this process listens.
pub fn listening(port: u16, address: &str, process: Option<&str>) -> Fact {
    let (address, process) = (address.to_owned(), process.map(str::to_owned));
    Fact::ListeningPort(ListeningPort { port, address, pid: process.is_some().then_some(700), process })
}

/// Refusal in a recording: the access that was asked, of which path, and how it ended.
pub fn refused(path: &str, asked: Asked, result: &str) -> RefusedAccess {
    RefusedAccess {
        process: "lsass.exe".to_owned(),
        pid: Some(700),
        service: None,
        place: Place::of(path).unwrap(),
        path: path.to_owned(),
        operation: "CreateFile".to_owned(),
        asked: Some(asked),
        result: result.to_owned(),
        clock: Some("9:00:00.1234567 AM".to_owned()),
        count: 3,
        granted: false,
        comparable: true,
    }
}

/// File in MachineKeys with this security descriptor.
pub fn key_file(name: &str, security: Option<&str>) -> KeyFile {
    let (folder, security) = ("MachineKeys".to_owned(), security.map(str::to_owned));
    KeyFile { name: name.to_owned(), folder, size: None, security, left_out: 0 }
}
