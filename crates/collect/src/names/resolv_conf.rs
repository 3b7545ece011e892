//! Reads what a resolver is set up to ask by resolv.conf, nsswitch.conf and the hosts file beside them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;

use wire::transcript::{NameSettings, Neighbours};

use super::{DOTS, KEPT, in_hosts_file, is_suffix};
use crate::evidence::reader;

/// Most bytes of resolv.conf, and of nsswitch.conf, that are read.
const RESOLV_CONF: u64 = 64 * 1024;
/// Port of name servers.
const PORT: u16 = 53;

/// Reads what is set up for this name; `None` where it cannot be read.
pub(super) fn settings(name: &str) -> Option<NameSettings> {
    let text = |path: &str, limit| {
        reader::bytes(Path::new(path), limit).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut settings = of_resolv_conf(&text("/etc/resolv.conf", RESOLV_CONF)?);
    settings.hosts = in_hosts_file(Path::new("/etc/hosts"), name)?;
    // systemd-resolved puts itself in front of the servers, and says there which they are
    let stub = |server: &SocketAddr| server.ip() == IpAddr::from([127, 0, 0, 53]);
    let resolved = settings.servers.iter().any(stub);
    settings.neighbours = of_nsswitch(&text("/etc/nsswitch.conf", RESOLV_CONF).unwrap_or_default(), resolved, name);
    if resolved && let Some(behind) = text("/run/systemd/resolve/resolv.conf", RESOLV_CONF) {
        settings.servers = of_resolv_conf(&behind).servers;
    }
    Some(settings)
}

/// Reads a resolv.conf: the last `search` or `domain` counts, and of each option the last.
fn of_resolv_conf(text: &str) -> NameSettings {
    let mut settings = NameSettings { start: Duration::ZERO, dots: DOTS, ..NameSettings::default() };
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => settings.servers.extend(words.next().and_then(server)),
            Some("search" | "domain") => {
                let suffixes = words.map(|suffix| suffix.trim_end_matches('.')).filter(|suffix| is_suffix(suffix));
                settings.search = suffixes.take(KEPT).map(str::to_owned).collect();
            }
            Some("options") => {
                let dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                settings.dots = dots.unwrap_or(settings.dots);
            }
            _ => {}
        }
    }
    settings.servers.truncate(KEPT);
    settings
}

/// Reads by which services an nsswitch.conf, and systemd-resolved where it answers for DNS, lets neighbours be asked
/// for a name. A name of one label goes by LLMNR and NetBIOS, one below `local` by mDNS (RFC 6762 section 3,
/// systemd-resolved(8)); of nss-mdns only the modules without `minimal` ask for others.
fn of_nsswitch(text: &str, resolved: bool, name: &str) -> Vec<Neighbours> {
    let (single, local) = (!name.contains('.'), name.to_ascii_lowercase().ends_with(".local"));
    let hosts = text.lines().find_map(|line| line.trim_start().strip_prefix("hosts:")).unwrap_or_default();
    let words = hosts.split('#').next().unwrap_or_default().split_whitespace();
    let stub = resolved.then_some("resolve");
    let mut found = Vec::new();
    for word in words.chain(stub) {
        let service = match word {
            "mdns_minimal" | "mdns4_minimal" | "mdns6_minimal" if local => Neighbours::Mdns,
            "mdns" | "mdns4" | "mdns6" => Neighbours::Mdns,
            "resolve" if local || single => Neighbours::Resolved,
            "wins" if single => Neighbours::Netbios,
            _ => continue,
        };
        if !found.contains(&service) {
            found.push(service);
        }
    }
    found
}

fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, PORT));
    }
    let (address, interface) = word.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    Some(SocketAddrV6::new(address, PORT, 0, scope(interface)?).into())
}

/// Finds the number of an interface, which may be written as one.
fn scope(interface: &str) -> Option<u32> {
    if let Ok(number) = interface.parse() {
        return Some(number);
    }
    if interface.contains(['/', '\0']) || interface.starts_with('.') {
        return None;
    }
    let number = reader::bytes(&Path::new("/sys/class/net").join(interface).join("ifindex"), RESOLV_CONF).ok()?;
    String::from_utf8(number).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_the_resolver_reads_it() {
        let text = "# comment\nnameserver 192.0.2.53 ; the first\nnameserver 2001:db8::53\nnameserver words\n\
                    domain old.example\nsearch corp.example. vpn.example b[]d\noptions timeout:1 ndots:3 attempts:1\n";
        let read = of_resolv_conf(text);
        assert_eq!(read.servers, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
        assert_eq!((read.search, read.dots), (["corp.example", "vpn.example"].map(str::to_owned).to_vec(), 3));
        assert_eq!(of_resolv_conf("").dots, 1);
        assert_eq!(of_resolv_conf("nameserver fe80::1%7").servers, ["[fe80::1%7]:53".parse().unwrap()]);
        assert_eq!(of_resolv_conf("nameserver fe80::1%../../x").servers, []);
    }

    #[test]
    fn neighbours_are_asked_for_the_names_that_are_theirs() {
        let usual = "passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns wins # resolve\n";
        assert_eq!(of_nsswitch(usual, false, "srv.local"), [Neighbours::Mdns]);
        assert_eq!(of_nsswitch(usual, false, "srv"), [Neighbours::Netbios]);
        assert_eq!(of_nsswitch(usual, true, "srv"), [Neighbours::Netbios, Neighbours::Resolved]);
        assert_eq!(of_nsswitch(usual, true, "srv.corp.example"), []);
        assert_eq!(of_nsswitch("hosts: mdns dns", false, "srv.corp.example"), [Neighbours::Mdns]);
        assert_eq!(of_nsswitch("hosts: files dns", false, "srv"), []);
        assert_eq!(of_nsswitch("", false, "srv.local"), []);
    }
}
