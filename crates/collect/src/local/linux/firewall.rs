//! The firewall of this computer, by what the tool in charge of it says: ufw where it is on, firewalld where it
//! runs; and by the rules of the kernel that are none of its own. Each is only asked.
//!
//! Source: the manuals of ufw, firewall-cmd, firewalld.richlanguage and libnftables-json; what ufw 0.36, firewalld 1.3
//! and nft 1.0 print and write.

mod firewalld;
mod legacy;
mod nftables;
mod ufw;

use nftables::Kept;
use std::io::{self, ErrorKind};
use std::process::Command;

use evidence::state::{Fate, LinuxFirewall, LinuxRule, State};

use super::super::unread;
use super::{Host, printed};

/// Most rules of a set that are kept.
const RULES: usize = 2000;
/// Most bytes of a file with rules.
const FILE: u64 = 4 * 1024 * 1024;

/// Reads the firewall. Only root may.
pub(super) fn read(host: &Host) -> State {
    let mut state = State::default();
    if host.uid != 0 {
        return state;
    }
    match in_charge() {
        Ok(firewalls) => state.linux_firewalls = firewalls.into_iter().map(bounded).collect(),
        Err(why) => state.unread.push(unread("the firewall", &why.to_string())),
    }
    state
}

/// Asks the tool that manages rules, and the kernel for the chains beside them: whatever they let in has to pass all.
fn in_charge() -> io::Result<Vec<LinuxFirewall>> {
    let (mut firewalls, kept) = match ufw::read()? {
        Some(firewalls) => (firewalls, Kept::Ufw),
        None => match firewalld::read()? {
            Some(firewalls) => (firewalls, Kept::Firewalld),
            None => (Vec::new(), Kept::Nobody),
        },
    };
    firewalls.extend(nftables::read(kept)?);
    Ok(firewalls)
}

/// Runs a program; `None` where there is none.
fn told(program: &str, arguments: &[&str]) -> io::Result<Option<String>> {
    match printed(Command::new(program).args(arguments)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{program}: {error}"))),
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

/// Keeps as many rules as there is room for; of what follows nobody knows whom it lets in.
fn bounded(mut firewall: LinuxFirewall) -> LinuxFirewall {
    if firewall.rules.len() > RULES {
        firewall.rules.truncate(RULES);
        firewall.rules.extend(unknown());
    }
    firewall
}

/// Makes rules for what may let in, and may keep out.
fn unknown() -> [LinuxRule; 2] {
    [Fate::Accept, Fate::Drop].map(|fate| LinuxRule {
        fate,
        ports: Vec::new(),
        from: None,
        unclear: true,
        number: None,
    })
}
