//! xrdp (package `xrdp`): a real host without NLA.

use std::fs;
use std::path::PathBuf;

use super::certificate::Identity;
use super::command;
use super::folder::Folder;
use super::server::{Process, on_free_port, wait_for};

/// Programs that this host needs.
pub const PROGRAMS: &[&str] = &["xrdp", "openssl"];
/// Port inside a namespace.
pub const PORT: u16 = 3389;

/// Settings of a host.
pub struct Setup<'a> {
    pub layer: &'a str,
    pub protocols: &'a str,
    pub ciphers: Option<&'a str>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { layer: "negotiate", protocols: "TLSv1.2, TLSv1.3", ciphers: None }
    }
}

/// Running xrdp; stops on drop.
pub struct Xrdp {
    _process: Process,
    log: PathBuf,
    pub target: String,
    pub port: u16,
}

impl Xrdp {
    /// Starts one on a free port of loopback.
    pub fn start(folder: &Folder, identity: &Identity, setup: &Setup<'_>) -> Self {
        let log = folder.file("xrdp.log");
        let (process, port) = on_free_port(&folder.file("xrdp.out"), |port| {
            let mut xrdp = command(None, "xrdp");
            xrdp.arg("-n").arg("-c").arg(configure(folder, identity, setup, &format!("tcp://127.0.0.1:{port}")));
            xrdp
        });
        Self { _process: process, log, target: format!("127.0.0.1:{port}"), port }
    }

    /// Starts one on an address inside a network namespace, port 3389.
    pub fn inside(namespace: &str, address: &str, folder: &Folder, identity: &Identity) -> Self {
        Self::listening(namespace, address, &format!("tcp://{address}:{PORT}"), folder, identity)
    }

    /// Starts one on all addresses of a network namespace, of both families, port 3389.
    pub fn everywhere(namespace: &str, folder: &Folder, identity: &Identity) -> Self {
        Self::listening(namespace, "localhost", &PORT.to_string(), folder, identity)
    }

    fn listening(namespace: &str, address: &str, port: &str, folder: &Folder, identity: &Identity) -> Self {
        let file = configure(folder, identity, &Setup::default(), port);
        let mut xrdp = command(Some(namespace), "xrdp");
        let mut process = Process::start(xrdp.arg("-n").arg("-c").arg(file), &folder.file("xrdp.out"));
        let log = folder.file("xrdp.log");
        let listens = || fs::read_to_string(&log).unwrap_or_default().contains("xrdp_listen_pp done");
        assert!(wait_for(|| listens() || !process.runs()) && process.runs(), "xrdp did not start");
        Self { _process: process, log, target: format!("{address}:{PORT}"), port: PORT }
    }

    /// Returns how many TCP connections it says that it has accepted.
    pub fn connections(&self) -> usize {
        fs::read_to_string(&self.log).unwrap().matches("connection received from").count()
    }
}

/// Writes xrdp's own settings with ours in their place.
fn configure(folder: &Folder, identity: &Identity, setup: &Setup<'_>, port: &str) -> PathBuf {
    let shipped = fs::read_to_string("/etc/xrdp/xrdp.ini").unwrap();
    let mut ours = vec![
        ("port", port.to_owned()),
        ("certificate", identity.certificate.display().to_string()),
        ("key_file", identity.key.display().to_string()),
        ("security_layer", setup.layer.to_owned()),
        ("ssl_protocols", setup.protocols.to_owned()),
        ("LogFile", folder.file("xrdp.log").display().to_string()),
        ("EnableSyslog", "false".to_owned()),
    ];
    let mut text = String::new();
    for line in shipped.lines() {
        // each key once: sessions further down have ports of their own
        let own = ours.iter().position(|(key, _)| line.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')));
        let line = own.map_or(line.to_owned(), |at| {
            let (key, value) = ours.remove(at);
            format!("{key}={value}")
        });
        text += &line;
        text.push('\n');
        if let (true, Some(ciphers)) = (line.starts_with("ssl_protocols="), setup.ciphers) {
            text += &["tls_ciphers=", ciphers, "\n"].concat();
        }
    }
    assert!(ours.is_empty(), "this xrdp.ini lacks {ours:?}");
    folder.write("xrdp.ini", &text)
}
