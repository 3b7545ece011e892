//! FreeRDP itself as the witness: xfreerdp of Debian, on a screen that nobody sees. It has been at the logon prompt
//! where it named an account to the host.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::hosts::{Description, Host, playable};
use super::verdict;

/// How long it may take; it waits without an end for a host that is silent.
const PATIENCE: Duration = Duration::from_secs(15);

pub fn installed(programs: &[&str]) -> bool {
    let there = |program: &&str| Path::new("/usr/bin").join(program).is_file();
    if programs.iter().all(there) {
        return true;
    }
    assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{programs:?} are not installed");
    eprintln!("skipped: {programs:?} are not installed");
    false
}

/// A screen; it ends with this value.
pub struct Screen {
    child: Child,
    number: u32,
}

impl Screen {
    pub fn open() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = 300 + 2 * (std::process::id() % 500) + NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!(":{number}");
        let mut command = Command::new("Xvfb");
        command.args([&name, "-screen", "0", "640x480x24", "-noreset", "-nolisten", "tcp"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let socket = format!("/tmp/.X11-unix/X{number}");
        let end = Instant::now() + PATIENCE;
        while !fs::metadata(&socket).is_ok_and(|file| file.file_type().is_socket()) {
            assert!(Instant::now() < end, "no screen, so no verdict of the witness");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, number }
    }

    /// Lets a program use it, and say nothing.
    pub fn shown<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DISPLAY", format!(":{}", self.number)).stdout(Stdio::null()).stderr(Stdio::null())
    }

    /// Runs xfreerdp against a host; true if it got as far as naming its account. Its own failures are no verdict.
    fn witness(&self, host: Host, name: Option<&str>) -> bool {
        let target = format!("/v:{}:{}", name.unwrap_or("127.0.0.1"), host.port);
        let mut command = Command::new("xfreerdp");
        command.args([&target, "/u:witness", "/p:witness", "/cert:ignore", "+auth-only", "/log-level:ERROR"]);
        command.env("DISPLAY", format!(":{}", self.number)).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let end = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("failed to open display"), "no screen, so no verdict of the witness: {told}");
        host.authenticated()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hosts in whose judgement FreeRDP and the clients of Windows do not differ, and what becomes of them. (FreeRDP sends
/// an address as a server name, which the clients of Windows do not.)
const HOSTS: &[(&str, bool, bool)] = &[
    ("{}", false, true),
    (r#"{"max": "1.2", "ciphers": "ECDHE+AES+SHA256"}"#, false, true),
    (r#"{"name": true}"#, true, true),
    (r#"{"key": "p384"}"#, false, true),
    (r#"{"key": "broken"}"#, false, false),
    (r#"{"key": "broken", "max": "1.2"}"#, false, false),
    (r#"{"client_certificate": true}"#, false, false),
    (r#"{"client_certificate": true, "max": "1.2"}"#, false, false),
    (r#"{"no_13": true, "refusal": "fin"}"#, false, false),
    (r#"{"credssp_status": 2148074244}"#, false, false),
    (r#"{"ultimatum": true}"#, false, false),
    (r#"{"client_certificate": "optional", "session_id": true}"#, false, true),
    (r#"{"mechanism": "reject"}"#, false, false),
    (r#"{"max": "1.1", "min": "1.0"}"#, false, false),
];

#[test]
fn the_program_and_freerdp_agree() {
    if !playable() || !installed(&["xfreerdp", "Xvfb"]) {
        return;
    }
    let screen = Screen::open();
    for (text, by_name, sound) in HOSTS {
        let description = Description { text: (*text).to_owned(), by_name: *by_name };
        let name = by_name.then_some("localhost");
        let (told, blocking, connections) = verdict(&Host::start(&description), name, "mstsc-11");
        let reached = screen.witness(Host::start(&description), name);
        eprintln!("{text} by name {by_name}: {told} {blocking:?} in {connections}, FreeRDP at the prompt: {reached}");
        assert_eq!(reached, *sound, "{text}: the witness");
        assert_eq!(told == "healthy", *sound, "{text}: {told} {blocking:?}");
        assert!(!sound || blocking.is_empty(), "{text}: {blocking:?}");
    }
}
