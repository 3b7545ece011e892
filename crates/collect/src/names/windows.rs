//! Reads what the resolver of Windows is set up to ask for a name.
//!
//! The folder of the hosts file and the suffixes stand in the registry, and a policy wins; each adapter has name
//! servers and a suffix of its own (Microsoft Learn: `DataBasePath`; Set-DnsClientGlobalSetting; the policies DNS
//! suffix search list and Allow DNS suffix appending to unqualified multi-label name queries). Anything that cannot be
//! read is not taken for empty: then nothing is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evidence::state::{RegistryData, TCPIP};
use wire::transcript::NameSettings;

use super::{DOTS, KEPT, in_hosts_file, is_suffix};
use crate::local::{Adapter, Machine, Values};

/// Policy for the resolver.
const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\DNSClient";
/// Folder of the hosts file where the registry names none.
const FOLDER: &str = r"%SystemRoot%\System32\drivers\etc";

/// Reads what is set up for this name; `None` where any of it cannot be read.
pub(super) fn settings(machine: &dyn Machine, name: &str) -> Option<NameSettings> {
    let own = machine.values(TCPIP).ok()?.unwrap_or_default();
    let policy = machine.values(POLICY).ok()?.unwrap_or_default();
    let adapters: Vec<Adapter> = machine.adapters().ok()?.into_iter().filter(|one| one.adapter.up).collect();
    let folder = filled_in(text(&own, "DataBasePath").unwrap_or(FOLDER), |name| std::env::var(name).ok())?;
    let servers = adapters.iter().flat_map(|one| &one.servers).copied();
    Some(NameSettings {
        start: Duration::ZERO,
        hosts: in_hosts_file(&folder.join("hosts"), name)?,
        servers: distinct(servers.filter(|server| !is_default(server))),
        search: search(name, &own, &policy, &adapters),
        dots: DOTS,
        // which of them Windows asks, and whether, depends on more than is read here
        neighbours: Vec::new(),
    })
}

/// Returns the suffixes that are tried behind this name. One with a dot within gets none, unless a policy says so.
fn search(name: &str, own: &Values, policy: &Values, adapters: &[Adapter]) -> Vec<String> {
    let appends = matches!(policy.get("AppendToMultiLabelName"), Some(RegistryData::Dword(1)));
    if name.contains('.') && !appends {
        return Vec::new();
    }
    // a list takes the place of the computer's own suffixes
    let listed = [policy, own].into_iter().find_map(|values| text(values, "SearchList"));
    let own = ["Domain", "DhcpDomain"].into_iter().find_map(|name| text(own, name));
    let suffixes: Vec<&str> = match listed {
        Some(list) => list.split([',', ' ']).collect(),
        None => own.into_iter().chain(adapters.iter().map(|one| one.suffix.as_str())).collect(),
    };
    let suffixes = suffixes.into_iter().map(|suffix| suffix.trim().trim_matches('.'));
    distinct(suffixes.filter(|suffix| is_suffix(suffix)).map(str::to_ascii_lowercase))
}

/// Returns a text that is not empty.
fn text<'a>(values: &'a Values, name: &str) -> Option<&'a str> {
    let (_, data) = values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    if let RegistryData::Text(text) = data { Some(text.trim()).filter(|text| !text.is_empty()) } else { None }
}

/// Fills in the variables of a path, such as `%SystemRoot%`; `None` if one of them is not set.
fn filled_in(path: &str, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let mut filled = String::new();
    // every second part stands between two signs
    for (number, part) in path.split('%').enumerate() {
        filled += &if number % 2 == 0 { part.to_owned() } else { variable(part)? };
    }
    Some(Path::new(&filled).to_owned())
}

/// True for an address of IPv6 that stands for a server where nobody set one up (fec0:0:0:ffff::1 to ::3).
fn is_default(server: &SocketAddr) -> bool {
    matches!(server, SocketAddr::V6(six) if six.ip().segments().starts_with(&[0xfec0, 0, 0, 0xffff]))
}

/// Keeps the first of equal things, and no more than [`KEPT`] of them.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if kept.len() < KEPT && !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::tests::Recorded;
    use evidence::state::NetworkAdapter;

    fn texts(values: &[(&str, &str)]) -> Values {
        values.iter().map(|(name, text)| ((*name).to_owned(), RegistryData::Text((*text).to_owned()))).collect()
    }

    fn adapter(suffix: &str) -> Adapter {
        let adapter = NetworkAdapter { name: "Ethernet".to_owned(), mtu: Some(1500), up: true };
        Adapter { adapter, servers: Vec::new(), suffix: suffix.to_owned() }
    }

    /// Returns what is set up on a machine whose hosts file lies in this folder, for the name `srv`.
    fn set_up(folder: &Path, refused: Vec<&'static str>) -> Option<NameSettings> {
        let own = texts(&[("DataBasePath", folder.to_str().unwrap()), ("SearchList", "corp.example")]);
        settings(&Recorded { keys: [(TCPIP.to_owned(), own)].into(), refused, ..Recorded::default() }, "srv")
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_empty() {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-hosts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // no file is no entry
        assert!(set_up(&folder, Vec::new()).unwrap().hosts.is_empty());
        std::fs::write(folder.join("hosts"), "# of old\r\n192.0.2.9\tsrv\r\n").unwrap();
        let read = set_up(&folder, Vec::new()).unwrap();
        assert_eq!((read.hosts, read.search), (vec!["192.0.2.9".parse().unwrap()], vec!["corp.example".to_owned()]));
        assert_eq!(read.servers, ["192.0.2.53:53".parse().unwrap()]);
        assert!(set_up(&folder, vec![TCPIP]).is_none() && set_up(&folder, vec![POLICY]).is_none());
        // a folder of this name can be read by nobody
        std::fs::remove_file(folder.join("hosts")).unwrap();
        std::fs::create_dir(folder.join("hosts")).unwrap();
        assert!(set_up(&folder, Vec::new()).is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn suffixes_come_from_the_policy_or_the_list_or_else_from_the_computer_and_its_adapters() {
        let adapters = [adapter("vpn.example"), adapter(""), adapter("corp.example")];
        let own = texts(&[("Domain", "corp.example"), ("DhcpDomain", "dhcp.example")]);
        let none = Values::new();
        assert_eq!(search("srv", &own, &none, &adapters), ["corp.example", "vpn.example"]);
        let dhcp = texts(&[("Domain", ""), ("DhcpDomain", "dhcp.example")]);
        assert_eq!(search("srv", &dhcp, &none, &[]), ["dhcp.example"]);
        let listed = texts(&[("SearchList", "b.example,A.example, .b.example"), ("Domain", "corp.example")]);
        assert_eq!(search("srv", &listed, &none, &adapters), ["b.example", "a.example"]);
        let policy = texts(&[("searchlist", "policy.example")]);
        assert_eq!(search("srv", &listed, &policy, &adapters), ["policy.example"]);
    }

    #[test]
    fn a_name_with_a_dot_gets_a_suffix_only_where_a_policy_says_so() {
        let own = texts(&[("SearchList", "corp.example")]);
        assert!(search("srv.corp", &own, &Values::new(), &[]).is_empty());
        let policy = Values::from([("AppendToMultiLabelName".to_owned(), RegistryData::Dword(1))]);
        assert_eq!(search("srv.corp", &own, &policy, &[]), ["corp.example"]);
    }

    #[test]
    fn variables_of_a_path_are_filled_in() {
        let known = |name: &str| (name == "SystemRoot").then(|| r"D:\Windows".to_owned());
        assert_eq!(filled_in(FOLDER, known).unwrap(), Path::new(r"D:\Windows\System32\drivers\etc"));
        assert_eq!(filled_in(r"C:\etc", known).unwrap(), Path::new(r"C:\etc"));
        assert_eq!(filled_in(r"%nobody%\etc", known), None);
    }

    #[test]
    fn servers_that_nobody_set_up_are_not_asked() {
        let default = |text: &str| is_default(&text.parse().unwrap());
        assert!(default("[fec0:0:0:ffff::1]:53") && !default("[fec0::1]:53") && !default("192.0.2.53:53"));
        assert_eq!(distinct([1, 2, 1].into_iter()), [1, 2]);
    }
}
