//! TCP ports on which programs of the machine listen.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::redaction::{REDACTED, kept};

/// TCP port on which a program of the machine listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListeningPort {
    /// Its number.
    pub port: u16,
    /// Address on which the program listens; `0.0.0.0` and `::` stand for all of them.
    pub address: String,
    /// File name of the program (`svchost.exe`), or the name of the process on Linux, which cuts it at 15 bytes; null
    /// where the system did not tell.
    pub process: Option<String>,
    /// Number of the process.
    #[serde(default)]
    pub pid: Option<u32>,
}

/// Programs that listen on many machines, and those that serve Remote Desktop.
const PROGRAMS: &[&str] = &[
    "svchost.exe",
    "System",
    "lsass.exe",
    "wininit.exe",
    "services.exe",
    "spoolsv.exe",
    "wslrelay.exe",
    "xrdp",
    "xrdp-sesman",
    "gnome-remote-de",
    "freerdp-shadow-",
    "krdpserver",
    "weston",
    "systemd",
    "sshd",
    "docker-proxy",
];

impl ListeningPort {
    /// True if other machines cannot reach it: it listens for programs of its own machine alone.
    pub fn is_local(&self) -> bool {
        let address = self.address.parse::<IpAddr>();
        address.is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl Section for ListeningPort {
    const FACT: &'static str = "port.listening";
    const TITLE: &'static str = "listening ports";
    const TURN: Turn = Turn::Second;
    const COUNT: Option<Count> = Some(Count::Things(["listening port", "listening ports"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self { port, address, process, pid } = self;
        Self {
            port: *port,
            address: names.address_text(address).unwrap_or_else(|| REDACTED.to_owned()),
            process: process.as_deref().map(|process| kept(PROGRAMS, process)),
            pid: *pid,
        }
    }

    /// Forgets the programs: another one on the same port may be among what is missing.
    fn cut_short(kept: &mut [Self], _: u64) {
        for port in kept {
            port.process = None;
        }
    }
}
