//! `diagnose --watch`: a host of the lab behind a door that is closed and opened again. Nothing waits for a time: each
//! step follows what the program has told.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use lab::{Lab, Scenario};
use serde_json::Value;

/// Most rounds that a test waits for.
const PATIENCE: usize = 400;

/// Forwards connections until it is dropped; then nothing listens there.
struct Door {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    fn open(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let (address, closing) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let closed = Arc::clone(&closing);
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                thread::spawn(move || forward(client, to));
            }
        });
        Self { address, closing, thread: Some(thread) }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn forward(client: TcpStream, to: SocketAddr) {
    let Ok(host) = TcpStream::connect(to) else { return };
    let (mut from_client, mut from_host) = (client.try_clone().unwrap(), host.try_clone().unwrap());
    let (mut to_client, mut to_host) = (client, host);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from_host, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut from_client, &mut to_host);
    let _ = to_host.shutdown(Shutdown::Both);
    let _ = back.join();
}

/// The program, watching.
struct Watching {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watching {
    fn start(address: SocketAddr, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"))
            .args(["diagnose", &address.to_string(), "--watch=100ms", "--timeout", "4s"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads lines until one fits.
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        for _ in 0..PATIENCE {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            let value: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {seen:#?}"));
            if fits(&value) {
                return value;
            }
            seen.push(value);
        }
        panic!("{:#?}", seen.last())
    }

    /// Stops it as Ctrl-C does, and returns its exit status and the rest of what it said.
    fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

fn host() -> (Lab, SocketAddr) {
    let lab = Lab::start(&Scenario::find("healthy-server-2022").unwrap()).unwrap();
    let address = lab.addresses()[0];
    (lab, address)
}

fn is_up(line: &Value) -> bool {
    line["kind"] == "round" && line["state"]["up"] == true
}

#[test]
fn a_host_that_is_cut_off_is_told_with_the_moment_the_stage_and_what_came_back() {
    let (_lab, host) = host();
    let door = Door::open("127.0.0.1:0".parse().unwrap(), host);
    let address = door.address;
    let mut watching = Watching::start(address, &["--format", "jsonl"]);
    let good = watching.until(is_up);
    assert_eq!((&good["round"], &good["reached"]), (&1.into(), &"credssp".into()), "{good:#}");
    drop(door);
    let broke = watching.until(|line| line["kind"] == "change");
    assert_eq!((&broke["event"], &broke["to"]["failed"]), (&"broke".into(), &"tcp".into()), "{broke:#}");
    assert_eq!(broke["to"]["causes"][0], "port-closed", "{broke:#}");
    assert_eq!(broke["differences"][0]["aspect"], "tcp-answer", "{broke:#}");
    let _door = Door::open(address, host);
    let back = watching.until(|line| line["kind"] == "change" && line["event"] == "back");
    assert_eq!(back["differences"].as_array().unwrap().len(), 0, "everything is as before: {back:#}");
    watching.until(is_up);
    let (status, rest) = watching.stop();
    let summary: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((status, &summary["kind"], &summary["ended"]), (Some(1), &"summary".into(), &"stopped".into()));
    assert_eq!((&summary["broke"], summary["state"]["up"].as_bool()), (&1.into(), Some(true)), "{summary:#}");
    // to within one interval: the round before it saw it up, this one does not
    let (after, before) = (broke["after"].as_f64().unwrap(), broke["before"].as_f64().unwrap());
    assert!(after < before && broke["round"].as_u64() > good["round"].as_u64(), "{broke:#}");
}

#[test]
fn the_time_ends_it_with_a_summary_in_words() {
    let (_lab, host) = host();
    let mut watching = Watching::start(host, &["--for", "300ms"]);
    let mut text = String::new();
    watching.lines.read_to_string(&mut text).unwrap();
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(watching.child.wait().unwrap().code(), Some(0), "{text}");
    for said in ["every 100.0 ms: up in", "down in 0 (the time was over).", "At the end: up.", "Times while it was up:"]
    {
        assert!(flowing.contains(said), "{said}: {text}");
    }
}

#[test]
fn it_gives_up_on_a_host_that_is_broken_for_good() {
    let lab = Lab::start(&Scenario::find("port-closed").unwrap()).unwrap();
    let mut watching = Watching::start(lab.addresses()[0], &["--give-up", "300ms", "--format", "json"]);
    let mut text = String::new();
    watching.lines.read_to_string(&mut text).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((watching.child.wait().unwrap().code(), &summary["ended"]), (Some(1), &"broken".into()), "{summary:#}");
    assert_eq!(summary["state"]["causes"][0], "port-closed");
    assert_eq!((&summary["up"], &summary["broke"]), (&0.into(), &0.into()), "it never was up: {summary:#}");
}

#[test]
fn nobody_reads_any_more_so_it_ends() {
    let (_lab, host) = host();
    let Watching { mut child, lines } = Watching::start(host, &["--format", "jsonl"]);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0), "it was up until then");
}

#[test]
fn formats_of_one_report_are_refused() {
    let mut watching = Watching::start("127.0.0.1:9".parse().unwrap(), &["--format", "html"]);
    let mut told = String::new();
    watching.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(watching.child.wait().unwrap().code(), Some(3), "{told}");
    assert!(told.contains("human, json or jsonl"), "{told}");
}
