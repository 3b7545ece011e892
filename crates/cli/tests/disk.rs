//! `fix` on a mounted Windows disk: three faults of its registry are repaired, read back by readers of others, and
//! taken back to the byte.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../collect/tests/independent/mod.rs"]
mod independent;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use evidence::hive::sketch::Node;
use evidence::state::RegistryData;

const SERVER: &str = r"ControlSet001\Control\Terminal Server";
const LISTENER: &str = r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp";
const TLS12: &str = r"ControlSet001\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server";

/// Folder like a mounted disk, with the journals beside it.
struct Disk(PathBuf);

impl Disk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-disk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut system = Node::new("ROOT");
        system
            .dword("Select", "Current", 1)
            .dword(SERVER, "fDenyTSConnections", 1)
            .dword(LISTENER, "PortNumber", 3389)
            .dword(LISTENER, "UserAuthentication", 1)
            .dword(LISTENER, "SecurityLayer", 2)
            .set(LISTENER, "SSLCertificateSHA1Hash", &RegistryData::Binary("5d".repeat(20)))
            .dword(TLS12, "Enabled", 0)
            .dword(TLS12, "DisabledByDefault", 1)
            .text(r"ControlSet001\Control\ComputerName\ComputerName", "ComputerName", "SERVER01");
        for (service, start) in [
            ("TermService", 3),
            ("SessionEnv", 3),
            ("UmRdpService", 3),
            ("KeyIso", 3),
            ("CryptSvc", 2),
            ("CertPropSvc", 3),
        ] {
            system.dword(&format!(r"ControlSet001\Services\{service}"), "Start", start);
        }
        let mut software = Node::new("ROOT");
        software
            .text(r"Microsoft\Windows NT\CurrentVersion", "ProductName", "Windows Server 2019")
            .text(r"Microsoft\Windows NT\CurrentVersion", "CurrentBuildNumber", "17763")
            .text(r"Microsoft\Cryptography", "MachineGuid", "01234567-89ab-cdef-0123-456789abcdef")
            .at("Classes");
        software.at(r"Microsoft\SystemCertificates\My\Certificates");
        software.at(r"Microsoft\SystemCertificates\Remote Desktop\Certificates");
        let disk = Self(folder);
        fs::create_dir_all(disk.hive("SYSTEM").parent().unwrap()).unwrap();
        fs::write(disk.hive("SYSTEM"), system.hive()).unwrap();
        fs::write(disk.hive("SOFTWARE"), software.hive()).unwrap();
        disk
    }

    fn hive(&self, name: &str) -> PathBuf {
        self.0.join("disk/Windows/System32/config").join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdpdoctor"));
        command.args(arguments).env("XDG_STATE_HOME", self.0.join("state")).output().unwrap()
    }

    fn fix(&self, more: &[&str]) -> Output {
        self.run(&[&["fix", self.0.join("disk").to_str().unwrap()], more].concat())
    }

    fn all(&self) -> BTreeMap<&'static str, Vec<u8>> {
        ["SYSTEM", "SOFTWARE"].into_iter().map(|name| (name, fs::read(self.hive(name)).unwrap())).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Types and data of values, by key and name.
type Values = BTreeMap<String, BTreeMap<String, (u32, String)>>;

/// Values of a hive that three readers of others agree about.
fn told(hive: &Path, keys: &[&str]) -> Option<Values> {
    let told = independent::read("values.py", "pyregf, Registry, regipy", hive, &keys.join("\n"))?;
    let readers: BTreeMap<String, Values> = serde_json::from_str(&told).unwrap();
    assert_eq!(readers.len(), 3);
    let mut all = readers.into_values();
    let first = all.next().unwrap();
    assert!(all.all(|other| other == first), "the readers disagree");
    Some(first)
}

/// Values of a key as hivexsh lists them, a reader that shares nothing with the others; `None` where it is not
/// installed. It only reads here: its `setval` would drop the other values of a key.
fn listed(hive: &Path, key: &str) -> Option<Vec<String>> {
    let mut command = Command::new("hivexsh");
    command.arg(hive).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        let reason = "hivexsh is not installed";
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
        println!("skipped: {reason}");
        return None;
    };
    write!(child.stdin.take().unwrap(), "cd \\{key}\nlsval\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    Some(lines)
}

#[test]
fn three_faults_of_a_disk_are_repaired_and_taken_back_to_the_byte() {
    let disk = Disk::new("faults");
    let before = disk.all();
    let plan = disk.fix(&[]);
    let shown = text(&plan);
    assert_eq!(plan.status.code(), Some(1), "{shown}");
    for line in ["remote-desktop-disabled", "tls12-disabled", "fDenyTSConnections", "DisabledByDefault"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let misspelt = disk.fix(&["--for", "remote-desktop-disable"]);
    assert!(misspelt.status.code() == Some(3) && text(&misspelt).contains("there is no cause"), "{}", text(&misspelt));
    let absent = disk.fix(&["--for", "listener-disabled"]);
    assert_eq!(absent.status.code(), Some(0), "{}", text(&absent));
    assert!(text(&absent).contains("Not found here: listener-disabled"), "{}", text(&absent));
    assert_eq!(disk.all(), before, "a plan changes nothing");
    let applied = disk.fix(&["--apply", "--yes"]);
    assert_eq!(applied.status.code(), Some(2), "nobody has seen it work yet: {}", text(&applied));
    let again = disk.fix(&[]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    if let Some(values) = told(&disk.hive("SYSTEM"), &[SERVER, LISTENER, TLS12]) {
        let number = |number: u32| (4, wire::hex::encode(&number.to_le_bytes()));
        assert_eq!(values[SERVER]["fDenyTSConnections"], number(0));
        assert_eq!((&values[TLS12]["Enabled"], &values[TLS12]["DisabledByDefault"]), (&number(1), &number(0)));
        assert_eq!(values[LISTENER].get("SSLCertificateSHA1Hash"), None, "{values:?}");
        assert_eq!(values[LISTENER]["UserAuthentication"], number(1));
    }
    if let Some(server) = listed(&disk.hive("SYSTEM"), SERVER) {
        assert_eq!(server, [r#""fDenyTSConnections"=dword:00000000"#]);
        let listener = listed(&disk.hive("SYSTEM"), LISTENER).unwrap();
        let expected =
            ["PortNumber\"=dword:00000d3d", "SecurityLayer\"=dword:00000002", "UserAuthentication\"=dword:00000001"];
        assert_eq!(listener, expected.map(|value| format!("\"{value}")));
        let versions = listed(&disk.hive("SYSTEM"), TLS12).unwrap();
        assert_eq!(versions, [r#""DisabledByDefault"=dword:00000000"#, r#""Enabled"=dword:00000001"#]);
    }
    let undone = disk.run(&["undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone));
    assert_eq!(disk.all(), before);
}

#[test]
fn a_saved_plan_is_refused_where_the_disk_has_changed_since() {
    let disk = Disk::new("saved");
    let plan = disk.0.join("plan.json");
    assert_eq!(disk.fix(&["--save", plan.to_str().unwrap()]).status.code(), Some(1));
    let mut changed = fs::read(disk.hive("SYSTEM")).unwrap();
    changed.push(0);
    fs::write(disk.hive("SYSTEM"), &changed).unwrap();
    let refused = disk.fix(&["--from", plan.to_str().unwrap(), "--apply", "--yes"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("is not any more as it was"), "{}", text(&refused));
    assert_eq!(fs::read(disk.hive("SYSTEM")).unwrap(), changed);
    changed.pop();
    fs::write(disk.hive("SYSTEM"), &changed).unwrap();
    let applied = disk.fix(&["--from", plan.to_str().unwrap(), "--apply", "--yes"]);
    assert_eq!(applied.status.code(), Some(2), "{}", text(&applied));
}

#[test]
fn a_windows_that_hibernates_is_left_alone() {
    let disk = Disk::new("hibernates");
    let before = disk.all();
    fs::write(disk.0.join("disk/hiberfil.sys"), b"HIBR").unwrap();
    let refused = disk.fix(&["--apply", "--yes"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("hibernates"), "{}", text(&refused));
    assert_eq!(disk.all(), before);
}
