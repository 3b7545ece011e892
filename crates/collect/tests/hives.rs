//! Hives of real machines, in the folder that RDPDOCTOR_TEST_DATA names.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod independent;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use collect::evidence::{Gathered, Kind, Piece, gather};
use diagnosis::cause::Severity;
use diagnosis::diagnose::{Run, diagnose};
use diagnosis::{Capabilities, Context, Diagnosis};
use evidence::rdp_file::Routing;
use evidence::state::{
    CIPHER_POLICY, FIREWALL_RULES, KEYS, LISTENER, RegistryData, RegistryKey, SERVICES, State, TERMINAL_SERVER,
};
use evidence::{ClientProfile, Evidence, ProfileSource};
use time::macros::datetime;

const SCHANNEL_EVENTS: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL";

/// Folder of the unpacked hives; `None`, with a message, where there are none.
fn unpacked(test: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("RDPDOCTOR_TEST_DATA") else {
        let reason = "RDPDOCTOR_TEST_DATA names no folder with real-world data";
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
        println!("skipped: {reason}");
        return None;
    };
    let folder = std::env::temp_dir().join(format!("rdpdoctor-hives-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for packed in fs::read_dir(Path::new(&data).join("hives")).unwrap() {
        let packed = packed.unwrap().path();
        let Some(name) = packed.file_name().unwrap().to_str().unwrap().strip_suffix(".xz") else { continue };
        let mut plain = BufWriter::new(File::create(folder.join(name)).unwrap());
        lzma_rs::xz_decompress(&mut BufReader::new(File::open(&packed).unwrap()), &mut plain).unwrap();
    }
    Some(folder)
}

fn state(gathered: &Gathered) -> &State {
    assert!(gathered.unread.is_empty(), "{:?}", gathered.unread);
    match gathered.pieces.as_slice() {
        [(_, Kind::RegistryHive, Piece::State(state))] => state,
        other => panic!("{other:?}"),
    }
}

fn number(state: &State, path: &str, name: &str) -> Option<u32> {
    let key = state.registry.iter().find(|key| key.path == path)?;
    match key.values.get(name) {
        Some(RegistryData::Dword(number)) => Some(*number),
        _ => None,
    }
}

fn diagnosis(gathered: &Gathered) -> Diagnosis {
    let at = datetime!(2026-11-21 09:00 UTC);
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    let context = Context {
        target: None,
        profile: ClientProfile::find(evidence::profile::DEFAULT).unwrap(),
        profile_source: ProfileSource::Default,
        at: gathered.newest(time::OffsetDateTime::now_utc()).unwrap_or(at),
        symptom: None,
        capabilities: Capabilities { openssl: false },
        require_trust: false,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        gateway: None,
    };
    diagnose(&evidence, &context, Run::default())
}

/// Checks what regipy reads in it too: Remote Desktop is off, and everything else is at Windows' defaults.
fn as_windows_sets_it_up(gathered: &Gathered, computer: &str, rules: usize) {
    let state = state(gathered);
    assert_eq!(state.computer.as_deref(), Some(computer));
    assert_eq!(number(state, TERMINAL_SERVER, "fDenyTSConnections"), Some(1));
    let listener = ["PortNumber", "SecurityLayer", "UserAuthentication", "fEnableWinStation", "LanAdapter"];
    assert_eq!(listener.map(|name| number(state, LISTENER, name)), [3389, 2, 1, 1, 0].map(Some));
    let service = state.services.iter().find(|service| service.name == "TermService").unwrap();
    assert_eq!(service.start, Some(3));
    let firewall = state.registry.iter().find(|key| key.path == FIREWALL_RULES).unwrap();
    assert_eq!(firewall.values.len(), rules);
    assert!(!state.registry.iter().any(|key| key.path == CIPHER_POLICY), "it lies in another hive");
    let diagnosis = diagnosis(gathered);
    let found: Vec<_> = diagnosis.findings.iter().filter(|found| found.severity < Severity::Advisory).collect();
    assert_eq!(found.iter().map(|found| found.cause.as_str()).collect::<Vec<_>>(), ["remote-desktop-disabled"]);
}

#[test]
fn windows_10_1709() {
    let Some(folder) = unpacked("1709") else { return };
    let gathered = gather(&[folder.join("SYSTEM_WIN_10_1709")]);
    as_windows_sets_it_up(&gathered, "DESKTOP-2KGM189", 480);
    // it was copied from a running machine, without its logs
    assert!(state(&gathered).unread[0].why.contains("no transaction log"), "{:?}", state(&gathered).unread);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_dirty_hive_with_its_logs() {
    let Some(folder) = unpacked("dirty") else { return };
    let merged = gather(&[folder.join("SYSTEM_B")]);
    as_windows_sets_it_up(&merged, "DESKTOP-PM6C56D", 443);
    assert_eq!(state(&merged).unread, []);
    fs::remove_file(folder.join("SYSTEM_B.LOG1")).unwrap();
    fs::remove_file(folder.join("SYSTEM_B.LOG2")).unwrap();
    let alone = gather(&[folder.join("SYSTEM_B")]);
    assert!(state(&alone).unread[0].why.contains("no transaction log"), "{:?}", state(&alone).unread);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_corrupted_hive_gives_what_can_be_read() {
    let Some(folder) = unpacked("corrupted") else { return };
    let gathered = gather(&[folder.join("corrupted_system_hive")]);
    let state = state(&gathered);
    assert_eq!(state.computer.as_deref(), Some("GINEVRA"));
    assert!(state.registry.iter().any(|key| key.path == SCHANNEL_EVENTS && key.exists));
    // the key of Remote Desktop lies in the damaged part: unread, not absent
    assert!(!state.registry.iter().any(|key| key.path == TERMINAL_SERVER));
    assert!(state.unread.iter().any(|unread| unread.what == TERMINAL_SERVER && unread.why.contains("cell")));
    let diagnosis = diagnosis(&gathered);
    assert!(diagnosis.findings.is_empty(), "{:?}", diagnosis.findings);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_of_hives() {
    let Some(folder) = unpacked("folder") else { return };
    let gathered = gather(std::slice::from_ref(&folder));
    assert_eq!(gathered.passed_over, 2, "the logs are read with their hive");
    fs::remove_dir_all(folder).unwrap();
}

/// Formats a value as regipy prints it.
fn printed(data: &RegistryData) -> serde_json::Value {
    match data {
        RegistryData::Dword(number) => (*number).into(),
        RegistryData::Qword(number) => (*number).into(),
        RegistryData::Text(text) | RegistryData::Binary(text) => text.as_str().into(),
        RegistryData::Texts(texts) => texts.as_slice().into(),
    }
}

/// Compares a key with regipy's reading; values that it gives up on (of an unknown type) are not compared.
fn agrees(key: &RegistryKey, theirs: &serde_json::Value) -> usize {
    assert_eq!(key.exists, !theirs.is_null(), "{}", key.path);
    let Some(theirs) = theirs.as_object() else { return 0 };
    let names = |names: &mut dyn Iterator<Item = &String>| names.map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let (mut ours, mut other) = (names(&mut key.values.keys()), names(&mut theirs.keys()));
    ours.sort();
    other.iter_mut().filter(|name| *name == "(default)").for_each(String::clear);
    other.sort();
    assert_eq!(ours, other, "{}", key.path);
    let mut compared = 0;
    for (name, data) in &key.values {
        let name = if name.is_empty() { "(default)" } else { name };
        let (kind, value) = (&theirs[name][0], &theirs[name][1]);
        if !matches!(kind.as_str(), Some("REG_DWORD" | "REG_QWORD" | "REG_SZ" | "REG_EXPAND_SZ" | "REG_BINARY")) {
            continue;
        }
        let ours = printed(data);
        // it prints only the beginning of long ones
        let begins = |theirs: &str| theirs.len() >= 250 && ours.as_str().is_some_and(|ours| ours.starts_with(theirs));
        let same = &ours == value || value.as_str().is_some_and(begins);
        assert!(same, "{} {name}: {data:?}, {value}", key.path);
        compared += 1;
    }
    compared
}

#[test]
fn regipy_agrees() {
    let Some(folder) = unpacked("regipy") else { return };
    let keys = KEYS.iter().filter_map(|key| key.strip_prefix(r"HKLM\SYSTEM\").map(str::to_owned));
    let services = SERVICES.iter().map(|name| format!(r"CurrentControlSet\Services\{name}"));
    let wanted = keys.chain(services).collect::<Vec<_>>().join("\n");
    for (hive, least) in [("SYSTEM_WIN_10_1709", 500), ("SYSTEM_B", 500)] {
        let path = folder.join(hive);
        let Some(text) = independent::read("hive.py", "regipy", &path, &wanted) else { return };
        let theirs: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let gathered = gather(&[path]);
        let state = state(&gathered);
        let mut compared = 0;
        for key in &state.registry {
            compared += agrees(key, &theirs[key.path.strip_prefix(r"HKLM\SYSTEM\").unwrap()]);
        }
        for service in &state.services {
            let known = &theirs[&format!(r"CurrentControlSet\Services\{}", service.name)];
            assert_eq!(service.exists, !known.is_null(), "{}", service.name);
            assert_eq!(service.start.map(u64::from), known["Start"][1].as_u64(), "{}", service.name);
        }
        assert!(compared >= least, "only {compared} values of {hive}");
    }
    fs::remove_dir_all(folder).unwrap();
}
