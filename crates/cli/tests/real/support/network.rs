//! Network of two: client and host in namespaces of their own, with a cable between them and a filter at the host.

use std::path::PathBuf;
use std::{fs, process};

use super::folder::number;
use super::{command, run};

/// First address of the host.
pub const HOST: &str = "10.98.7.2";
/// Second address of the host.
pub const HOST_TOO: &str = "10.98.7.3";
/// IPv6 address of the host.
pub const HOST_SIX: &str = "fd98:7::2";
/// Address on the cable that nobody has.
pub const NOBODY: &str = "10.98.7.9";
const CLIENT: &str = "10.98.7.1";
const CLIENT_SIX: &str = "fd98:7::1";
/// Programs that a network needs.
pub const PROGRAMS: &[&str] = &["ip", "nft"];
/// Makes the C library ask once, for one second.
const RESOLVER: &str = "nameserver 10.98.7.2\noptions timeout:1 attempts:1\n";
const ORDER: &str = "hosts: files dns\n";

/// Network namespace; removed on drop, with everything in it.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    pub fn new(part: &str) -> Self {
        let name = format!("rdpdoctor-{}-{}-{part}", process::id(), number());
        ip(&["netns", "add", &name]);
        Self { name }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = command(None, "ip").args(["netns", "del", &self.name]).status();
    }
}

/// Client and host with the cable between them.
pub struct Network {
    pub client: Namespace,
    pub host: Namespace,
    settings: PathBuf,
}

impl Network {
    pub fn new() -> Self {
        let (client, host) = (Namespace::new("client"), Namespace::new("host"));
        let settings = PathBuf::from("/etc/netns").join(&client.name);
        let network = Self { client, host, settings };
        network.connect();
        // `ip netns exec` mounts these over the machine's own
        fs::create_dir_all(&network.settings).unwrap();
        fs::write(network.settings.join("resolv.conf"), RESOLVER).unwrap();
        fs::write(network.settings.join("nsswitch.conf"), ORDER).unwrap();
        network
    }

    fn connect(&self) {
        let (client, host) = (self.client.name.as_str(), self.host.name.as_str());
        ip(&["link", "add", "cable", "netns", client, "type", "veth", "peer", "name", "cable", "netns", host]);
        for (namespace, address) in [(client, CLIENT), (host, HOST), (host, HOST_TOO)] {
            ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", "cable"]);
        }
        for (namespace, address) in [(client, CLIENT_SIX), (host, HOST_SIX)] {
            // without a wait for a double of the address
            ip(&["-n", namespace, "address", "add", &format!("{address}/64"), "dev", "cable", "nodad"]);
        }
        for namespace in [client, host] {
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
            ip(&["-n", namespace, "link", "set", "cable", "up"]);
        }
    }

    /// Writes the client's resolv.conf anew.
    pub fn resolver(&self, text: &str) {
        fs::write(self.settings.join("resolv.conf"), text).unwrap();
    }

    /// Writes the client's hosts file anew.
    pub fn hosts(&self, text: &str) {
        fs::write(self.settings.join("hosts"), text).unwrap();
    }

    /// Makes the host's kernel apply this rule, and no other, to incoming packets.
    pub fn filter(&self, rule: &str) {
        let table =
            "add table inet f; flush table inet f; add chain inet f into { type filter hook input priority 0; }";
        let words = format!("{table}; add rule inet f into {rule}");
        run(command(Some(&self.host.name), "nft").arg(words));
    }

    /// Drops the host's large packets.
    pub fn lose_large_answers(&self) {
        let chain = "add table inet g; add chain inet g out { type filter hook output priority 0; }";
        let words = format!("{chain}; add rule inet g out tcp sport 3389 meta length > 576 drop");
        run(command(Some(&self.host.name), "nft").arg(words));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.settings);
        // only if it has no other test's settings
        let _ = fs::remove_dir("/etc/netns");
    }
}

fn ip(arguments: &[&str]) {
    run(command(None, "ip").args(arguments));
}
