//! Child processes that never outlive their test, and ports that nobody else has.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longest time that a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(15);
/// Longest time that a server may take to end when asked to.
const END: Duration = Duration::from_secs(1);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Tries to start a server: a port that was free may be taken a moment later.
const TRIES: usize = 3;
/// Connection Request for TLS and CredSSP: [MS-RDPBCGR] 2.2.1.1.
const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0x0B, 0, 0, 0];

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Process with all its children, in a group of their own.
pub struct Process(Child);

impl Process {
    /// Starts it; its output goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let (out, errors) = (File::create(log).unwrap(), File::options().append(true).open(log).unwrap());
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(errors);
        Self(command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}")))
    }

    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn signal(&self, name: &str) {
        // there may be no process left to take it
        let words = format!("kill -{name} -{}", self.0.id());
        let _ = Command::new("sh").args(["-c", &words]).stderr(Stdio::null()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // a screen that is asked to end removes its lock file; the whole group, because servers fork
        self.signal("TERM");
        let asked = Instant::now();
        while self.runs() && asked.elapsed() < END {
            sleep(LOOK);
        }
        self.signal("KILL");
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until `done` is true; returns false at the deadline.
pub fn wait_for(mut done: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < START {
        if done() {
            return true;
        }
        sleep(LOOK);
    }
    false
}

/// Starts a server on a free port of loopback and waits until it answers X.224.
pub fn on_free_port(log: &Path, command: impl Fn(u16) -> Command) -> (Process, u16) {
    until(log, command, answers)
}

/// Starts a server on a free port of loopback and waits until it takes connections.
pub fn listening(log: &Path, command: impl Fn(u16) -> Command) -> (Process, u16) {
    until(log, command, |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
}

fn until(log: &Path, command: impl Fn(u16) -> Command, ready: fn(u16) -> bool) -> (Process, u16) {
    for _ in 0..TRIES {
        let port = free_port();
        let mut process = Process::start(&mut command(port), log);
        let mut up = false;
        wait_for(|| {
            up = ready(port);
            up || !process.runs()
        });
        if up {
            return (process, port);
        }
    }
    panic!("no server came up; the last one said:\n{}", std::fs::read_to_string(log).unwrap_or_default());
}

/// A port that was free a moment ago, and that no other test gets.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// True if the port answers a Connection Request with a TPKT.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut first = [0];
    stream.write_all(&REQUEST).is_ok() && stream.read_exact(&mut first).is_ok() && first == [3]
}
