//! `inspect` and `collect` without a path: the machine that Wine plays, with settings that the test plants with
//! reg.exe.

use serde_json::Value;
use wire::certificate::Certificate;

use crate::files::Folder;
use crate::program::Program;

const TERMINAL_SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";
const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const STORE: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop";

/// Settings of Wine's machine; all of them go with this value.
struct Planted<'a>(&'a Program);

impl Planted<'_> {
    fn number(&self, key: &str, name: &str, number: u32) {
        let number = number.to_string();
        self.reg(&["add", key, "/v", name, "/t", "REG_DWORD", "/d", &number, "/f"]);
    }

    fn reg(&self, words: &[&str]) -> String {
        let said = self.0.wine(&[&["reg"], words].concat());
        assert_eq!(said.status, Some(0), "{words:?}: {said:?}");
        said.stdout
    }

    /// Plants a certificate as the registry keeps it: property 32, a reserved 1, the length, and the certificate.
    fn certificate(&self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap();
        let blob = [32, 1, length].into_iter().flat_map(u32::to_le_bytes).chain(bytes.iter().copied());
        let hex = wire::hex::encode(&blob.collect::<Vec<u8>>());
        let key = format!(r"{STORE}\Certificates\{}", "AB".repeat(20));
        self.reg(&["add", &key, "/v", "Blob", "/t", "REG_BINARY", "/d", &hex, "/f"]);
    }
}

impl Drop for Planted<'_> {
    fn drop(&mut self) {
        for key in [TERMINAL_SERVER, STORE] {
            // it may not have got so far
            let _ = self.0.wine(&["reg", "delete", key, "/f"]);
        }
    }
}

/// Report about this computer.
fn report(program: &Program, words: &[&str]) -> Value {
    let said = program.run(&[&["inspect", "--format", "json"], words].concat());
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// Causes that are found and do more than advise.
fn faults(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|one| one["severity"] != "advisory").filter_map(|one| one["cause"].as_str()).collect()
}

fn observed<'a>(report: &'a Value, fact: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = report["observations"].as_array().unwrap().iter();
    all.filter(move |one| one["fact"] == fact).map(|one| &one["value"])
}

/// Planted values are read as another program reads them, also where most of the sources do not answer, and what is
/// switched off is found. Whether Wine keeps a service running depends on what ran there before: nothing rests on it.
#[test]
fn it_is_read_as_its_registry_says() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("this-computer");
    let windows = windows.within(&folder.0);
    let planted = Planted(&windows);
    planted.number(LISTENER, "PortNumber", 3390);
    planted.number(LISTENER, "fEnableWinStation", 1);
    planted.number(LISTENER, "LanAdapter", 0);
    planted.number(TERMINAL_SERVER, "fDenyTSConnections", 0);
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/certificate/nla-host-4")).unwrap();
    planted.certificate(&bytes);

    let switched_on = report(&windows, &[]);
    assert!(!faults(&switched_on).contains(&"remote-desktop-disabled"), "{:?}", switched_on["findings"]);
    let listener = observed(&switched_on, "registry.key").find(|key| key["path"] == LISTENER).unwrap();
    assert_eq!(listener["values"]["PortNumber"]["dword"], 3390);
    assert!(planted.reg(&["query", LISTENER, "/v", "PortNumber"]).contains("0xd3e"));
    let certificate = observed(&switched_on, "store.certificate").next().unwrap();
    assert_eq!(certificate["sha1"], Certificate::read(&bytes).unwrap().sha1.as_str());
    // Wine has no event logs, and says so: nothing was read of them
    assert!(observed(&switched_on, "unread").any(|unread| unread["what"] == "event log System"), "{switched_on}");

    planted.number(TERMINAL_SERVER, "fDenyTSConnections", 1);
    let broken = report(&windows, &[]);
    assert!(faults(&broken).contains(&"remote-desktop-disabled"), "{:?}", broken["findings"]);
}
