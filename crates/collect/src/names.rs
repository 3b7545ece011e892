//! Reads what this computer's resolver is set up to ask for a name: its hosts file, and resolv.conf with
//! nsswitch.conf or, on Windows, the registry and the adapters.

#[cfg(not(windows))]
mod resolv_conf;
#[cfg(any(windows, test))]
mod windows;

use std::net::IpAddr;
use std::path::Path;

use wire::transcript::NameSettings;

use crate::evidence::reader::{self, ReadError};

/// Most bytes of a hosts file that are read; lists that block advertisements are large.
const HOSTS: u64 = 8 * 1024 * 1024;
/// Most addresses, servers or suffixes that are kept.
const KEPT: usize = 16;
/// Dots from which on a name is tried alone first, unless it is set (resolv.conf(5), `ndots`).
const DOTS: u8 = 1;

/// Reads what is set up for this name; `None` where it cannot be read.
#[cfg(windows)]
pub fn settings(name: &str) -> Option<NameSettings> {
    windows::settings(&crate::local::Live, name)
}

/// Reads what is set up for this name; `None` where the system keeps it elsewhere, or it cannot be read.
#[cfg(not(windows))]
pub fn settings(name: &str) -> Option<NameSettings> {
    if cfg!(unix) { resolv_conf::settings(name) } else { None }
}

fn is_suffix(suffix: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !suffix.is_empty() && suffix.len() < 254 && suffix.chars().all(usual)
}

/// Reads the addresses that the hosts file at this place gives to a name: none if there is no such file, and `None` if
/// there is one that cannot be read, because a line of it may be the one that matters.
fn in_hosts_file(path: &Path, name: &str) -> Option<Vec<IpAddr>> {
    match reader::bytes(path, HOSTS) {
        Ok(bytes) => Some(of_hosts(&String::from_utf8_lossy(&bytes), name)),
        Err(ReadError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Reads the addresses that a hosts file gives to a name.
fn of_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut addresses = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        if words.any(|known| known.eq_ignore_ascii_case(name)) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.truncate(KEPT);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_gives_all_addresses_of_a_name() {
        let text =
            "127.0.0.1 localhost\n192.0.2.7 srv.corp.example SRV # srv2\n2001:db8::7\tsrv\n192.0.2.7 srv\nx srv\n";
        assert_eq!(of_hosts(text, "srv"), ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
        assert_eq!(of_hosts(text, "srv.corp.example.").len(), 1);
        assert_eq!(of_hosts(text, "srv2"), [] as [IpAddr; 0]);
    }
}
