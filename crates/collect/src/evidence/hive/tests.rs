use std::io::Cursor;

use diagnosis::state::{LISTENER, TERMINAL_SERVER, WINDOWS};
use proptest::prelude::*;

use super::build::{Node, wide};
use super::*;

const SET: &str = r"ControlSet002\Control\Terminal Server";

fn system() -> Node {
    let mut root = Node::new("ROOT");
    root.dword("Select", "Current", 2)
        .dword(SET, "fDenyTSConnections", 0)
        .dword(r"ControlSet001\Control\Terminal Server", "fDenyTSConnections", 1)
        .dword(&format!(r"{SET}\WinStations\RDP-Tcp"), "PortNumber", 3390)
        .text(r"ControlSet002\Control\ComputerName\ComputerName", "ComputerName", "SERVER01")
        .dword(r"ControlSet002\Services\TermService", "Start", 4)
        .text(r"ControlSet002\Services\TermService", "ImagePath", r"%SystemRoot%\System32\svchost.exe -k termsvcs");
    root
}

fn read(bytes: &[u8]) -> Result<State, Flaw> {
    state(Hive::open(Cursor::new(bytes))?, Vec::new(), Vec::new())
}

fn key<'a>(state: &'a State, path: &str) -> &'a RegistryKey {
    state.registry.iter().find(|key| key.path == path).unwrap()
}

#[test]
fn the_control_set_in_use_is_read() {
    let state = read(&system().hive()).unwrap();
    assert_eq!(key(&state, TERMINAL_SERVER).values["fDenyTSConnections"], RegistryData::Dword(0));
    assert_eq!(key(&state, LISTENER).values["PortNumber"], RegistryData::Dword(3390));
    assert!(!key(&state, diagnosis::state::LSA).exists);
    assert_eq!(state.computer.as_deref(), Some("SERVER01"));
    let service = |name: &str| state.services.iter().find(|service| service.name == name).unwrap();
    assert_eq!((service("TermService").exists, service("TermService").start), (true, Some(4)));
    assert!(!service("KeyIso").exists);
    assert!(state.unread.is_empty() && state.taken_at.is_some());
    // what lies in another hive was not looked up
    assert!(!state.registry.iter().any(|key| key.path == WINDOWS));
}

#[test]
fn large_values_lie_in_pieces() {
    let long = "x".repeat(20_000);
    let state = read(&system().text(SET, "Long", &long).hive()).unwrap();
    assert_eq!(key(&state, TERMINAL_SERVER).values["Long"], RegistryData::Text(long));
}

#[test]
fn other_hives_say_what_they_are() {
    let mut user = Node::new("ROOT");
    user.text(r"Software\Microsoft\Terminal Server Client\Default", "MRU0", "server01").at("Environment");
    assert_eq!(read(&user.hive()).unwrap().part, Part::Client);
    let mut sam = Node::new("ROOT");
    sam.at("SAM");
    assert_eq!(read(&sam.hive()).unwrap_err().to_string(), "a hive of another kind, with the keys SAM");
    assert_eq!(read(b"MZ").unwrap_err(), Flaw::Foreign);
}

/// What cannot be read is unread, and never absent.
#[test]
fn a_broken_key_is_not_an_absent_one() {
    let mut bytes = system().hive();
    let name = bytes.windows(7).position(|name| name == b"RDP-Tcp").unwrap();
    bytes[name - 76] = b'x';
    let state = read(&bytes).unwrap();
    assert!(!state.registry.iter().any(|key| key.path == LISTENER));
    assert!(state.unread.iter().any(|unread| unread.what == LISTENER && unread.why.contains("is no key")));
    assert!(key(&state, TERMINAL_SERVER).exists);
}

#[test]
fn a_dirty_hive_without_its_log_says_so() {
    let mut bytes = system().hive();
    bytes[4] = 8;
    let state = read(&bytes).unwrap();
    assert!(state.unread[0].why.contains("no transaction log"));
}

#[test]
fn a_log_brings_what_was_not_written() {
    let after = system().hive();
    let mut before = after.clone();
    let page = after.len() - 4096;
    before[page..].fill(0);
    before[4] = 8;
    let entry = log::Entry { sequence: 7, pages: vec![(u32::try_from(page - 4096).unwrap(), after[page..].to_vec())] };
    let state = state(Hive::open(Cursor::new(&before)).unwrap(), vec![entry], Vec::new()).unwrap();
    assert_eq!(key(&state, LISTENER).values["PortNumber"], RegistryData::Dword(3390));
    assert!(state.unread.is_empty());
}

/// A hive of an old Windows that was not closed properly, with its log beside it: said in one line, and only if it matters.
#[test]
fn a_log_of_an_old_windows_is_named_and_not_merged() {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-old-log-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut log = vec![0; 512];
    log.extend(b"DIRT\xFF\xFF");
    log.resize(4096, 0);
    let clean = system().hive();
    let mut dirty = clean.clone();
    dirty[4] = 8;
    for (hive, name, told) in [(&dirty, "SYSTEM.LOG1", 1), (&dirty, "system.log", 1), (&clean, "SYSTEM.LOG1", 0)] {
        fs::write(folder.join("SYSTEM"), hive).unwrap();
        fs::write(folder.join(name), &log).unwrap();
        let Piece::State(state) = super::read(&folder.join("SYSTEM")).unwrap() else { panic!("a state") };
        assert_eq!(state.unread.len(), told, "{:?}", state.unread);
        assert!(state.unread.iter().all(|unread| unread.why.contains("before Windows 8.1 (DIRT)")));
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn logs_are_followed_without_a_gap() {
    let entry = |sequence| log::Entry { sequence, pages: Vec::new() };
    let followed = log::following([9, 4, 7, 8, 11].map(entry).into(), 7);
    assert_eq!(followed.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [7, 8, 9]);
}

#[test]
fn a_certificate_comes_with_its_key() {
    let der = rcgen::generate_simple_self_signed(["server01".to_owned()]).unwrap().cert.der().to_vec();
    let strings = wide("TSSecKeySet1\0Provider\0");
    let record: Vec<u8> =
        [28, 28 + 26, 1, 0x20, 0, 0, 1].into_iter().flat_map(u32::to_le_bytes).chain(strings).collect();
    let property = |id: u32, data: &[u8]| {
        [&id.to_le_bytes(), &1_u32.to_le_bytes(), &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
    };
    let stored = blob::certificate("My", &[property(2, &record), property(32, &der)].concat()).unwrap();
    assert_eq!((stored.container.as_deref(), stored.provider.as_deref()), (Some("TSSecKeySet1"), Some("Provider")));
    assert_eq!((stored.has_key, stored.key_spec, stored.machine_key), (Some(true), Some(1), Some(true)));
    assert_eq!(stored.names.as_deref(), Some(&["server01".to_owned()][..]));
    assert_eq!((stored.key_algorithm.as_deref(), stored.key_bits), (Some("ec"), Some(256)));
    assert_eq!(stored.signature_algorithm.as_deref(), Some("1.2.840.10045.4.3.2"));
    let of_user: Vec<u8> = record.iter().enumerate().map(|(at, byte)| if at == 12 { 0 } else { *byte }).collect();
    let stored = blob::certificate("My", &[property(2, &of_user), property(32, &der)].concat()).unwrap();
    assert_eq!(stored.machine_key, Some(false));
    let stored = blob::certificate("My", &property(32, &der)).unwrap();
    assert_eq!((stored.has_key, stored.container, stored.machine_key), (Some(false), None, None));
    assert_eq!(blob::certificate("My", &property(2, &record)), None);
}

/// A list that names one key sixty thousand times, which claims to be a megabyte long.
#[test]
fn lists_that_lead_to_one_place_over_and_over_are_given_up() {
    const COUNT: u16 = 65_000;
    let key = |subkeys: u32, list: u32| {
        let mut cell = vec![0; 80];
        cell[..4].copy_from_slice(b"nk\x20\0");
        for (at, number) in [(20, subkeys), (28, list)] {
            cell[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        cell[72] = 1;
        cell[76] = b'A';
        cell
    };
    let mut file = vec![0; 4096 + 32];
    file[..4].copy_from_slice(b"regf");
    file[36] = 32;
    // the root, the list behind it, the key behind that
    let (list, child) = (32 + 88, 32 + 88 + 8 + u32::from(COUNT) * 4);
    let mut cell = |data: Vec<u8>, size: usize| {
        file.extend((-i32::try_from(size).unwrap()).to_le_bytes());
        file.extend(data);
    };
    cell([key(u32::from(COUNT), list), vec![0; 4]].concat(), 88);
    let places = child.to_le_bytes().repeat(usize::from(COUNT));
    cell([&b"li"[..], &COUNT.to_le_bytes(), &places].concat(), 8 + usize::from(COUNT) * 4);
    cell(key(0, u32::MAX), 1024 * 1024);
    file.resize(file.len() + 1024 * 1024, 0);
    let error = read(&file).unwrap_err().to_string();
    assert!(error.contains("over and over"), "{error}");
}

/// A pipe beside a dirty hive, where its log should be.
#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_log_keeps_nobody_waiting() {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-pipe-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut bytes = system().hive();
    bytes[4] = 8;
    fs::write(folder.join("SYSTEM"), bytes).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("SYSTEM.LOG1")).status().unwrap().success());
    let read = super::read(&folder.join("SYSTEM"));
    fs::remove_dir_all(&folder).unwrap();
    assert!(read.is_ok());
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0_usize..9000, byte: u8, cut in 0_usize..9000) {
        let mut bytes = system().hive();
        let length = bytes.len();
        bytes[at % length] = byte;
        drop(read(&bytes));
        drop(read(&bytes[..cut.min(length)]));
        drop(log::entries(Cursor::new(&bytes)));
    }

    #[test]
    fn any_blob_is_read_without_a_panic(bytes: Vec<u8>) {
        drop(blob::certificate("My", &bytes));
    }
}
