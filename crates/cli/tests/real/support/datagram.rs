//! A host that offers Remote Desktop's transport over UDP: it answers a SYN, as little as a probe needs
//! ([MS-RDPEUDP] 3.1.5.1.3).

use std::env;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use super::network::Namespace;
use super::server::{Process, wait_for};
use super::{command, run};

const ROLE: &str = "RDPDOCTOR_TEST_DATAGRAMS";

/// Starts it on this address inside a namespace: this test program once more, in its role.
pub fn start(namespace: &Namespace, address: &str, log: &Path) -> Process {
    let program = env::current_exe().unwrap();
    let mut host = command(Some(&namespace.name), program.to_str().unwrap());
    host.args(["--exact", "path::host_of_datagrams", "--nocapture"]).env(ROLE, address);
    let mut process = Process::start(&mut host, log);
    // 3389 in hexadecimal, as the kernel lists it
    let listens = || run(command(Some(&namespace.name), "cat").arg("/proc/net/udp")).contains(":0D3D ");
    assert!(wait_for(|| listens() || !process.runs()) && process.runs(), "the host of datagrams did not start");
    process
}

/// Plays the role if this process was started for it.
pub fn serve() {
    let Ok(address) = env::var(ROLE) else { return };
    let socket = UdpSocket::bind((address.parse::<IpAddr>().unwrap(), 3389)).unwrap();
    let mut syn = [0; 2048];
    while let Ok((count, from)) = socket.recv_from(&mut syn) {
        let Some(sequence) = syn[..count].get(8..12) else { continue };
        // acknowledged; room for 64; SYN and ACK; a sequence of its own; datagrams of 1232 bytes
        let head = [sequence, &[0, 64, 0, 5, 0, 0, 0, 9, 4, 0xD0, 4, 0xD0]].concat();
        let _ = socket.send_to(&[head, vec![0; 1212]].concat(), from);
    }
}
