//! System packages that the tests need: missing ones are installed, or named with the reason.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::{shell, windows};

/// Package of Debian 12.
pub struct Package {
    pub name: &'static str,
    /// Program, or the whole path of a file, that shows that it is installed.
    program: &'static str,
    /// Check that shows it, where it has no program of its own.
    shown: Option<fn() -> bool>,
    why: &'static str,
    /// Part that goes without it.
    pub part: Part,
}

/// Part of the judgement for which a package is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The feature legacy-tls.
    Legacy,
    /// Tests that meet programs of others.
    Tests,
    /// The program for Windows.
    Windows,
}

const fn package(name: &'static str, program: &'static str, why: &'static str) -> Package {
    Package { name, program, shown: None, why, part: Part::Tests }
}

const PACKAGES: [Package; 34] = [
    Package { part: Part::Legacy, ..package("pkg-config", "pkg-config", "finds OpenSSL for the feature legacy-tls") },
    Package {
        part: Part::Legacy,
        shown: Some(has_openssl),
        ..package("libssl-dev", "", "OpenSSL for the feature legacy-tls")
    },
    package("openssl", "openssl", "makes certificates for real hosts, signs .rdp files"),
    package("git", "git", "lists the files that are judged"),
    package("xrdp", "xrdp", "a real host without NLA"),
    package("freerdp2-shadow-x11", "freerdp-shadow-cli", "a real host with NLA"),
    package("winpr-utils", "winpr-hash", "makes the password file of the host with NLA"),
    package("xvfb", "Xvfb", "the screen that the host with NLA shows"),
    package("freerdp2-x11", "xfreerdp", "another client, which has to agree with the verdicts"),
    package("gnome-remote-desktop", "/usr/libexec/gnome-remote-desktop-daemon", "a real host that is repaired: GNOME"),
    package("mutter", "mutter", "the screen that GNOME's host shows"),
    package("pipewire", "pipewire", "carries that screen"),
    package("wireplumber", "wireplumber", "lets it be carried"),
    package("dbus-daemon", "dbus-run-session", "a session for GNOME's host"),
    package("libglib2.0-bin", "gsettings", "the settings of GNOME's host"),
    package("weston", "weston", "a real host of another make"),
    package("haproxy", "haproxy", "a balancer in front of a real host"),
    package("nginx-light", "nginx", "a proxy in front of a real host"),
    Package { shown: Some(has_stream), ..package("libnginx-mod-stream", "", "lets that proxy forward any protocol") },
    package("stunnel4", "stunnel4", "a tunnel in front of a real host"),
    Package {
        shown: Some(|| without_firewall("ufw")),
        ..package("ufw", "", "a firewall that is opened, in a network of the test's own")
    },
    Package { shown: Some(|| without_firewall("firewalld")), ..package("firewalld", "", "another one") },
    package("nftables", "nft", "filters packets in a network of the test's own"),
    package("python3", "python3", "an independent parser of XML"),
    Package { shown: Some(has_venv), ..package("python3-venv", "", "a place for independent readers of evidence") },
    package("libhivex-bin", "hivexsh", "an independent reader of registry hives"),
    package("tshark", "tshark", "an independent reader of captures"),
    package("dnsmasq-base", "dnsmasq", "a real name server in a network of the test's own"),
    package("iproute2", "ip", "makes networks of the test's own"),
    Package {
        part: Part::Windows,
        shown: Some(windows::has_compiler),
        ..package("rustc-web", "", "compiles the program for Windows")
    },
    Package {
        part: Part::Windows,
        shown: Some(|| windows::has_compiler() && shell::has_program(windows::CARGO)),
        ..package("cargo-web", "", "builds the program for Windows")
    },
    Package {
        part: Part::Windows,
        shown: Some(|| windows::has_compiler() && shell::has_program(windows::LIBRARY)),
        ..package("rust-web-src", "", "Rust's library, built for Windows")
    },
    Package {
        part: Part::Windows,
        ..package("gcc-mingw-w64-x86-64-win32", windows::LINKER, "links the program for Windows")
    },
    Package { part: Part::Windows, ..package("wine64", windows::WINE, "runs the program for Windows") },
];

impl Package {
    fn is_there(&self) -> bool {
        self.shown.map_or_else(|| shell::has_program(self.program), |shown| shown())
    }
}

fn has_openssl() -> bool {
    let asked = Command::new("pkg-config").args(["--exists", "openssl"]).status();
    asked.is_ok_and(|status| status.success())
}

/// True if it is there, or is not to be installed: where systemd runs, it would start and cut this machine off.
fn without_firewall(program: &str) -> bool {
    shell::has_program(program) || Path::new("/run/systemd/system").is_dir()
}

fn has_stream() -> bool {
    Path::new("/usr/lib/nginx/modules/ngx_stream_module.so").is_file()
}

fn has_venv() -> bool {
    let asked = Command::new("python3").args(["-c", "import venv, ensurepip"]).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Lists the missing packages.
pub fn missing() -> Vec<&'static Package> {
    PACKAGES.iter().filter(|package| !package.is_there()).collect()
}

/// Writes one line per package.
pub fn reasons(missing: &[&Package]) -> String {
    missing.iter().map(|package| format!("  {:27}{}\n", package.name, package.why)).collect()
}

/// True if this person may install packages, and there is a way to.
pub fn can_install() -> bool {
    let user = Command::new("id").arg("-u").output();
    shell::has_program("apt-get") && user.is_ok_and(|output| output.stdout == b"0\n")
}

/// Installs them from Debian.
pub fn install(missing: &[&Package]) -> Result<()> {
    apt(&["update"])?;
    let names = missing.iter().map(|package| package.name);
    let arguments: Vec<&str> = ["install", "-y", "--no-install-recommends"].into_iter().chain(names).collect();
    apt(&arguments)?;
    let still: Vec<_> = missing.iter().copied().filter(|package| !package.is_there()).collect();
    if !still.is_empty() {
        bail!("still missing after apt-get install:\n{}", reasons(&still));
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    // run level 1 keeps Debian from starting the services that come with them
    command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    shell::stream(command)
}
