//! FreeRDP's shadow server (package `freerdp2-shadow-x11`) on a screen without a monitor: a real host with NLA.

use std::fs;

use super::certificate::Identity;
use super::folder::Folder;
use super::server::{Process, on_free_port, wait_for};
use super::{command, run};

/// Programs that this host needs.
pub const PROGRAMS: &[&str] = &["freerdp-shadow-cli", "winpr-hash", "Xvfb", "sh", "openssl"];

/// Running shadow server with its screen; both stop on drop.
pub struct Shadow {
    _process: Process,
    _screen: Process,
    pub target: String,
    pub port: u16,
}

impl Shadow {
    /// Starts one with NLA and one user.
    pub fn with_nla(folder: &Folder, identity: &Identity) -> Self {
        let user = run(command(None, "winpr-hash").args(["-u", "somebody", "-p", "something", "-f", "sam"]));
        let file = folder.write("users.sam", &user);
        Self::start(folder, identity, &["/sec:nla", &format!("/sam-file:{}", file.display())])
    }

    /// Starts one with NLA on loopback inside a network namespace, port 3389, on a machine of this name.
    pub fn inside(namespace: &str, name: &str, folder: &Folder, identity: &Identity) -> Self {
        let user = run(command(None, "winpr-hash").args(["-u", "somebody", "-p", "something", "-f", "sam"]));
        let file = folder.write("users.sam", &user);
        keep_identity(folder, identity);
        let (screen, display) = screen(folder);
        // the machine's name is that of the UTS namespace
        let mut shadow = command(Some(namespace), "unshare");
        let words = "hostname \"$0\" && exec freerdp-shadow-cli \"$@\"";
        shadow.args(["--uts", "sh", "-c", words, name]).env("HOME", folder.path()).env("DISPLAY", &display);
        shadow.args(["/bind-address:127.0.0.1", "/port:3389", "/sec:nla"]).arg(format!("/sam-file:{}", file.display()));
        let mut process = Process::start(&mut shadow, &folder.file("shadow.out"));
        // 3389 in hexadecimal, as the kernel lists it, and LISTEN
        let listed = "0100007F:0D3D 00000000:0000 0A";
        let listens = || run(command(Some(namespace), "cat").arg("/proc/net/tcp")).contains(listed);
        assert!(wait_for(|| listens() || !process.runs()) && process.runs(), "the shadow server did not start");
        Self { _process: process, _screen: screen, target: "127.0.0.1:3389".to_owned(), port: 3389 }
    }

    pub fn start(folder: &Folder, identity: &Identity, options: &[&str]) -> Self {
        keep_identity(folder, identity);
        let (screen, display) = screen(folder);
        let (process, port) = on_free_port(&folder.file("shadow.out"), |port| {
            let mut shadow = command(None, "freerdp-shadow-cli");
            shadow.env("HOME", folder.path()).env("DISPLAY", &display).arg(format!("/port:{port}"));
            shadow.arg("/bind-address:127.0.0.1").args(options);
            shadow
        });
        Self { _process: process, _screen: screen, target: format!("127.0.0.1:{port}"), port }
    }
}

/// Puts certificate and key where both parts of FreeRDP look for them.
fn keep_identity(folder: &Folder, identity: &Identity) {
    for part in ["server", "shadow"] {
        let own = folder.file(&format!(".config/freerdp/{part}"));
        fs::create_dir_all(&own).unwrap();
        fs::copy(&identity.certificate, own.join(format!("{part}.crt"))).unwrap();
        fs::copy(&identity.key, own.join(format!("{part}.key"))).unwrap();
    }
}

/// Starts a screen of its own; without `-noreset` it would vanish with its first client.
pub fn screen(folder: &Folder) -> (Process, String) {
    let file = folder.file("display");
    let words = "exec Xvfb -displayfd 5 -noreset -nolisten tcp -screen 0 640x480x24 5>\"$0\"";
    let mut shell = command(None, "sh");
    let mut process = Process::start(shell.args(["-c", words]).arg(&file), &folder.file("screen.out"));
    let number = || fs::read_to_string(&file).unwrap_or_default();
    // the number is complete when its line is
    assert!(wait_for(|| number().ends_with('\n') || !process.runs()) && process.runs(), "Xvfb did not start");
    (process, format!(":{}", number().trim()))
}
