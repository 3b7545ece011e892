//! `inspect` and `collect` without a path: the machine that Wine plays, with settings that the test plants with
//! reg.exe.

use std::net::TcpListener;

use serde_json::Value;
use wire::certificate::Certificate;

use crate::files::Folder;
use crate::program::Program;
use crate::registry::Planted;

const TERMINAL_SERVER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server";
const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const STORE: &str = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates";

/// Returns a certificate as the registry keeps it: property 32, a reserved 1, the length, and the certificate.
fn blob(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [32, 1, length].into_iter().flat_map(u32::to_le_bytes).chain(bytes.iter().copied()).collect()
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

pub fn observed<'a>(report: &'a Value, fact: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = report["observations"].as_array().unwrap().iter();
    all.filter(move |one| one["fact"] == fact).map(|one| &one["value"])
}

/// Wine has no folder of the machine's keys, makes rights from those of Linux, and has few of the services: with a
/// listener as Windows has it, nothing of that is taken for a fault. Whether TermService runs there is another matter,
/// and that Wine lists it without its termsrv.dll is told as on Windows.
#[test]
fn what_wine_lacks_is_no_fault() {
    let Some(windows) = Program::for_windows() else { return };
    let mut planted = Planted::new(&windows);
    planted.number(LISTENER, "PortNumber", 3389);
    planted.number(LISTENER, "fEnableWinStation", 1);
    planted.number(LISTENER, "LanAdapter", 0);
    for part in ["--as-host", "--as-client"] {
        let report = report(&windows, &[part]);
        let told = ["service-stopped", "system-files-damaged"];
        let faults: Vec<&str> = faults(&report).into_iter().filter(|cause| !told.contains(cause)).collect();
        assert!(faults.is_empty(), "{part}: {faults:?}");
    }
}

/// Planted values are read as another program reads them, also where most of the sources do not answer, and what is
/// switched off is found. Whether Wine keeps a service running depends on what ran there before: nothing rests on it.
#[test]
fn it_is_read_as_its_registry_says() {
    let Some(windows) = Program::for_windows() else { return };
    let folder = Folder::new("this-computer");
    let windows = windows.within(&folder.0);
    let mut planted = Planted::new(&windows);
    // a program of this machine holds the port: Wine shows the port and not the program
    let held = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = held.local_addr().unwrap().port();
    planted.number(LISTENER, "PortNumber", port.into());
    planted.number(LISTENER, "fEnableWinStation", 1);
    planted.number(LISTENER, "LanAdapter", 0);
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/certificate/nla-host-4")).unwrap();
    planted.binary(&format!(r"{STORE}\{}", "AB".repeat(20)), "Blob", &blob(&bytes));

    let switched_on = report(&windows, &[]);
    assert!(!faults(&switched_on).contains(&"remote-desktop-disabled"), "{:?}", switched_on["findings"]);
    let listener = observed(&switched_on, "registry.key").find(|key| key["path"] == LISTENER).unwrap();
    assert_eq!(listener["values"]["PortNumber"]["dword"], port);
    let listens = observed(&switched_on, "port.listening").find(|one| one["port"] == port).unwrap();
    assert_eq!(listens["address"], "0.0.0.0");
    // without the program nobody is accused
    let accused = faults(&switched_on).contains(&"listener-port-taken");
    assert!(!accused || listens["process"].is_string(), "{:?}", switched_on["findings"]);
    let certificate = observed(&switched_on, "store.certificate").next().unwrap();
    assert_eq!(certificate["sha1"], Certificate::read(&bytes).unwrap().sha1.as_str());
    // Wine has no event logs, and says so: nothing was read of them
    assert!(observed(&switched_on, "unread").any(|unread| unread["what"] == "event log System"), "{switched_on}");

    planted.number(TERMINAL_SERVER, "fDenyTSConnections", 1);
    let broken = report(&windows, &[]);
    assert!(faults(&broken).contains(&"remote-desktop-disabled"), "{:?}", broken["findings"]);
}
