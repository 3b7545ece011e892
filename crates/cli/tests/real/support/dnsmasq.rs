//! dnsmasq (package `dnsmasq-base`): a real name server, on an address of a network's host.

use std::net::Ipv4Addr;

use super::command;
use super::folder::{Folder, number};
use super::network::Network;
use super::server::{Process, wait_for};

/// Programs that it needs.
pub const PROGRAMS: &[&str] = &["dnsmasq"];

/// Starts one that knows what these options say, and of `.test` nothing else.
pub fn start(network: &Network, address: &str, folder: &Folder, options: &[&str]) -> Process {
    let mut server = command(Some(&network.host.name), "dnsmasq");
    server.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=root"]);
    server.args(["--conf-file=/dev/null", "--pid-file", "--local=/test/", "--local=/arpa/", "--log-facility=-"]);
    server.arg(format!("--listen-address={address}")).args(options);
    let mut process = Process::start(&mut server, &folder.file(&format!("dnsmasq-{}.out", number())));
    // the address and port as the kernel lists them
    let octets = address.parse::<Ipv4Addr>().unwrap().octets();
    let listed = format!("{:08X}:0035 ", u32::from_ne_bytes(octets));
    let listens = || super::run(command(Some(&network.host.name), "cat").arg("/proc/net/udp")).contains(&listed);
    assert!(wait_for(|| listens() || !process.runs()) && process.runs(), "dnsmasq did not start");
    process
}
