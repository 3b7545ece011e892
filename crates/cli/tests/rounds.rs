//! A healthy host far away: how often bytes go there and back, which is the time that a diagnosis takes.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Lab, Scenario};

/// Delay of each way: 100 ms there and back.
const WAY: Duration = Duration::from_millis(50);

/// Connections so far, and how often the host answered something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    connections: usize,
    rounds: usize,
    open: bool,
}

/// Carries bytes one way, each later by [`WAY`], and tells when they set out.
fn carry(mut from: TcpStream, mut to: TcpStream, spoke: impl Fn() + Send + 'static) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            spoke();
            let _ = sender.send((Instant::now() + WAY, bytes[..count].to_vec()));
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// Puts a relay in front of a host; it ends with the test.
fn far_away(host: SocketAddr) -> (SocketAddr, Arc<Mutex<Count>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(Mutex::new(Count::default()));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(host).unwrap());
            counted.lock().unwrap().connections += 1;
            let (up, down) = (Arc::clone(&counted), Arc::clone(&counted));
            carry(near.try_clone().unwrap(), far.try_clone().unwrap(), move || up.lock().unwrap().open = true);
            carry(far, near, move || {
                let mut count = down.lock().unwrap();
                count.rounds += usize::from(count.open);
                count.open = false;
            });
        }
    });
    (address, count)
}

/// Hosts with CredSSP and without. Each takes three rounds behind TCP: negotiation, TLS, and CredSSP or the tickets of
/// TLS 1.3, with which a host without CredSSP shows that it goes on.
const HOSTS: [&str; 3] = ["healthy-server-2022", "healthy-windows-11-24h2", "healthy-xrdp-like"];

/// Two connections, the second to see that the first was no luck, and no round more than the protocols need: the time
/// is theirs, and at most a fifth more.
#[test]
fn a_healthy_host_takes_the_rounds_of_its_protocols_and_no_more() {
    for name in HOSTS {
        let lab = Lab::start(&Scenario::find(name).unwrap()).unwrap();
        let (address, count) = far_away(lab.addresses()[0]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        let output = command.args(["diagnose", &address.to_string(), "--format", "json"]).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = *count.lock().unwrap();
        let (rounds, whole) = (f64::from(u32::try_from(count.rounds).unwrap()), (2 * WAY).as_secs_f64());
        let times = report["seconds"].as_f64().unwrap() / (rounds * whole);
        eprintln!("{name}: {} rounds, {} connections, {times:.2} times their time", count.rounds, count.connections);
        assert_eq!(report["verdict"], "healthy", "{report:#}");
        assert_eq!((count.connections, count.rounds), (2, 6), "{name}");
    }
}
