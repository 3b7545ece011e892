use std::io::Cursor;

use evidence::hive::sketch::{self, Node, seal, wide};
use evidence::state::{LISTENER, STORE_MY, TERMINAL_SERVER, WINDOWS, WINLOGON};
use proptest::prelude::*;

use super::*;

const SET: &str = r"ControlSet002\Control\Terminal Server";

const LISTENER_KEY: &str = r"ControlSet002\Control\Terminal Server\WinStations\RDP-Tcp";

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
    merged(bytes, &[])
}

fn merged(bytes: &[u8], logs: &[Vec<u8>]) -> Result<State, Flaw> {
    let mut room = log::KEPT;
    let logs: Vec<_> = logs.iter().filter_map(|log| log::read(&log[..], &mut room).unwrap()).collect();
    state(Hive::open(Cursor::new(bytes))?, logs, Vec::new())
}

/// Returns the hive as it is in the middle of a write.
fn dirty(hive: &[u8]) -> Vec<u8> {
    let mut hive = hive.to_vec();
    hive[4] = 8;
    seal(&mut hive);
    hive
}

/// Hive with this port, by which hives are told apart.
fn with_port(port: u32) -> Vec<u8> {
    let mut root = system();
    root.dword(LISTENER_KEY, "InitialProgram", port);
    root.hive()
}

/// Port in the state that was read.
fn port(state: &State) -> Option<u32> {
    match key(state, LISTENER).values["InitialProgram"] {
        RegistryData::Dword(number) => Some(number),
        _ => None,
    }
}

/// Log begun with the entry of this number; each entry writes the hive with its port.
fn log_of(first: u32, entries: &[(u32, u32)]) -> Vec<u8> {
    let entries = entries.iter().map(|(number, port)| (*number, with_port(*port).split_off(4096)));
    sketch::log(&with_port(0), first, &entries.collect::<Vec<_>>())
}

fn key<'a>(state: &'a State, path: &str) -> &'a RegistryKey {
    state.registry.iter().find(|key| key.path == path).unwrap()
}

#[test]
fn the_control_set_in_use_is_read() {
    let state = read(&system().hive()).unwrap();
    assert_eq!(key(&state, TERMINAL_SERVER).values["fDenyTSConnections"], RegistryData::Dword(0));
    assert_eq!(key(&state, LISTENER).values["PortNumber"], RegistryData::Dword(3390));
    assert!(!key(&state, evidence::state::LSA).exists);
    assert_eq!(state.computer.as_deref(), Some("SERVER01"));
    let service = |name: &str| state.services.iter().find(|service| service.name == name).unwrap();
    assert_eq!((service("TermService").exists, service("TermService").start), (true, Some(4)));
    assert!(!service("KeyIso").exists);
    assert!(state.unread.is_empty() && state.taken_at.is_some());
    // keys of another hive were not looked up
    assert!(!state.registry.iter().any(|key| key.path == WINDOWS));
}

/// A machine that logs somebody on automatically has the password there.
#[test]
fn of_winlogon_nothing_is_read_that_may_be_a_password() {
    let place = r"Microsoft\Windows NT\CurrentVersion\Winlogon";
    let mut software = Node::new("ROOT");
    software.at("Policies");
    software.text(place, "DefaultPassword", "secret").text(place, "WinStationsDisabled", "1");
    let state = read(&software.hive()).unwrap();
    let read: Vec<_> = key(&state, WINLOGON).values.iter().collect();
    assert_eq!(read, [(&"WinStationsDisabled".to_owned(), &RegistryData::Text("1".to_owned()))]);
    assert!(!state.to_json().contains("secret"));
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

/// An unreadable key is unread, never absent.
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

/// Everything before the end is read, even where the list that leads to it is cut off; everything after it is unread.
#[test]
fn a_hive_that_was_cut_off_is_read_as_far_as_it_goes() {
    let mut root = system();
    // the list of the root's own keys is written last
    for number in 0..400 {
        root.text(&format!("ZZ{number}"), "Filling", &"x".repeat(200));
    }
    let whole = root.hive();
    let state = read(&whole[..60_000]).unwrap();
    assert_eq!(key(&state, TERMINAL_SERVER).values["fDenyTSConnections"], RegistryData::Dword(0));
    let cut = format!("cut off: 60000 of {} bytes", whole.len());
    assert!(state.unread.iter().any(|unread| unread.why == cut), "{:?}", state.unread);
    // all that is found before the cut must be found, and what is not found is not absent
    let absent: Vec<_> = state.registry.iter().filter(|key| !key.exists).map(|key| &key.path).collect();
    assert!(!absent.iter().any(|path| *path == LISTENER), "{absent:?}");
    let error = read(&whole[..4200]).unwrap_err().to_string();
    assert!(error.starts_with("cut off: 4200 of"), "{error}");
}

/// Anything missing may be in the log: it is unread, not absent.
#[test]
fn a_dirty_hive_without_its_log_says_so_and_nothing_is_absent_from_it() {
    let state = read(&dirty(&system().hive())).unwrap();
    assert!(state.unread[0].why.contains("no transaction log"));
    assert!(key(&state, TERMINAL_SERVER).exists);
    assert!(state.registry.iter().all(|key| key.exists) && state.services.iter().all(|service| service.exists));
    assert!(state.services.iter().any(|service| service.name == "TermService"));
}

/// Nor is a certificate absent from a store whose last changes are not known.
#[test]
fn a_store_of_a_dirty_hive_is_not_known_to_the_end() {
    let mut software = Node::new("ROOT");
    software.at("Classes");
    software.text(r"Microsoft\Windows NT\CurrentVersion", "EditionID", "ServerStandard");
    software.at(r"Microsoft\SystemCertificates\MY\Certificates");
    let stores = |state: &State| state.registry.iter().any(|key| key.path == STORE_MY);
    assert!(stores(&read(&software.hive()).unwrap()) && !stores(&read(&dirty(&software.hive())).unwrap()));
}

#[test]
fn a_log_brings_what_was_not_written() {
    let before = dirty(&with_port(1));
    let state = merged(&before, &[log_of(7, &[(7, 2), (8, 3)]), log_of(9, &[(9, 4)])]).unwrap();
    assert_eq!((port(&state), &state.unread[..]), (Some(4), &[][..]));
    assert!(!key(&state, evidence::state::LSA).exists);
    // there is no readable hive: all of it is in the log
    let mut empty = before[..4096].to_vec();
    empty.resize(before.len(), 0);
    assert_eq!(port(&merged(&empty, &[log_of(7, &[(7, 2)])]).unwrap()), Some(2));
}

/// A log's entries are followed by older ones from its last use, with right check sums.
#[test]
fn entries_that_were_applied_long_ago_displace_nothing() {
    let state =
        merged(&dirty(&with_port(1)), &[log_of(20, &[(20, 2), (9, 7), (10, 8)]), log_of(21, &[(21, 3)])]).unwrap();
    assert_eq!((port(&state), &state.unread[..]), (Some(3), &[][..]));
}

#[test]
fn a_gap_in_the_logs_ends_the_reading_and_is_told() {
    let before = dirty(&with_port(1));
    let cut = log_of(7, &[(7, 2), (8, 3)]);
    for (logs, port_then, told) in [
        (vec![log_of(7, &[(7, 2), (9, 3)])], 2, "goes on with entry 9, where 8 is due"),
        (vec![log_of(7, &[(7, 2)]), log_of(9, &[(9, 3)])], 2, "go on with entry 9 behind 7"),
        (vec![cut[..cut.len() - 600].to_vec()], 2, "ends within its entry 8"),
    ] {
        let state = merged(&before, &logs).unwrap();
        assert_eq!((port(&state), state.unread.len()), (Some(port_then), 1));
        assert!(state.unread[0].why.contains(told), "{:?}", state.unread);
        assert!(state.registry.iter().all(|key| key.exists));
    }
}

/// The write of the first block itself was interrupted: its numbers mean nothing, and the logs have a copy of it.
#[test]
fn a_first_block_with_a_wrong_check_sum_makes_a_hive_dirty() {
    let mut torn = with_port(1);
    torn[36] = 0xFF;
    let state = merged(&torn, &[log_of(5, &[(5, 2), (6, 3)])]).unwrap();
    assert_eq!(port(&state), Some(3));
    assert!(state.unread[0].why.contains("check sum of its first block"), "{:?}", state.unread);
    let mut torn = with_port(1);
    torn[100] = 1;
    let state = read(&torn).unwrap();
    assert!(state.unread[0].why.contains("check sum of its first block"), "{:?}", state.unread);
    assert!(state.registry.iter().all(|key| key.exists));
}

#[test]
fn a_check_sum_is_never_all_zeros_or_all_ones() {
    let block = |word: u32| [&word.to_le_bytes()[..], &[0; 504]].concat();
    assert_eq!([0, u32::MAX, 7].map(|word| evidence::hive::check_sum(&block(word))), [1, u32::MAX - 1, 7]);
}

/// One of the two logs was not copied with the hive.
#[test]
fn a_log_that_is_not_there_is_told() {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-one-log-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("SYSTEM"), dirty(&with_port(1))).unwrap();
    fs::write(folder.join("SYSTEM.LOG1"), log_of(7, &[(7, 2)])).unwrap();
    let told = |folder: &Path| match super::read(&folder.join("SYSTEM")).unwrap() {
        Piece::State(state) => (port(&state), state.unread),
        _ => panic!("a state"),
    };
    let (one, unread) = told(&folder);
    assert_eq!((one, unread.len()), (Some(2), 1));
    assert!(unread[0].what.ends_with("SYSTEM.LOG2"), "{unread:?}");
    fs::write(folder.join("SYSTEM.LOG2"), b"").unwrap();
    let both = told(&folder);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(both, (Some(2), Vec::new()));
}

/// A control set that does not exist has neither settings nor services, and that shows nothing.
#[test]
fn a_control_set_that_is_not_there_is_refused() {
    for number in [0, 7] {
        let mut root = Node::new("ROOT");
        root.dword("Select", "Current", number).dword(SET, "fDenyTSConnections", 0);
        let error = read(&root.hive()).unwrap_err().to_string();
        assert_eq!(error, format!(r"Select\Current names ControlSet{number:03}, which the hive does not have"));
    }
}

#[test]
fn the_case_of_the_names_of_values_does_not_matter() {
    let mut root = Node::new("ROOT");
    root.dword("SELECT", "CURRENT", 2)
        .text(r"ControlSet002\Control\ComputerName\ComputerName", "COMPUTERNAME", "SERVER01")
        .dword(r"ControlSet002\Services\TermService", "START", 4)
        .text(r"ControlSet002\Services\TermService", "imagepath", "svchost.exe")
        .text(r"ControlSet002\Services\TermService", "objectName", "LocalSystem");
    let state = read(&root.hive()).unwrap();
    assert_eq!(state.computer.as_deref(), Some("SERVER01"));
    let service = state.services.iter().find(|service| service.name == "TermService").unwrap();
    assert_eq!((service.start, service.image.as_deref()), (Some(4), Some("svchost.exe")));
    assert_eq!(service.account.as_deref(), Some("LocalSystem"));
}

/// A hive of an old Windows that was not closed properly, with its log beside it: reported in one line, and only if it
/// matters.
#[test]
fn a_log_of_an_old_windows_is_named_and_not_merged() {
    let folder = std::env::temp_dir().join(format!("rdpdoctor-old-log-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut log = vec![0; 512];
    log.extend(b"DIRT\xFF\xFF");
    log.resize(4096, 0);
    let clean = system().hive();
    let dirty = dirty(&clean);
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

/// A list that names one key sixty thousand times, and claims to be a megabyte long.
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
    // the root, the list after it, the key after that
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
    fs::write(folder.join("SYSTEM"), dirty(&system().hive())).unwrap();
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
        drop(log::read(&bytes[..], &mut log::KEPT.clone()));
        let log = log_of(7, &[(7, 2), (8, 3)]);
        let mut broken = log.clone();
        broken[at % log.len()] = byte;
        drop(merged(&dirty(&bytes), &[broken]));
    }

    #[test]
    fn any_blob_is_read_without_a_panic(bytes: Vec<u8>) {
        drop(blob::certificate("My", &bytes));
    }
}

/// `netsh advfirewall export`: a hive with the policy alone, at its root or below it.
#[test]
fn an_exported_firewall_policy_is_read() {
    let rule = "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|Name=a|";
    for place in ["", "FirewallPolicy\\", "Policy\\FirewallPolicy\\"] {
        let mut root = Node::new("root");
        root.text(&format!("{place}FirewallRules"), "RemoteDesktop-UserMode-In-TCP", rule);
        root.dword(&format!("{place}DomainProfile"), "EnableFirewall", 1);
        let state = registry_hive(Cursor::new(root.hive()), Vec::<Cursor<Vec<u8>>>::new()).unwrap();
        let rules = state.registry.iter().find(|key| key.path == FIREWALL_RULES).unwrap();
        assert_eq!(rules.values["RemoteDesktop-UserMode-In-TCP"], RegistryData::Text(rule.to_owned()));
        assert!(state.registry.len() == 2 && state.registry.iter().all(|key| key.exists), "{:?}", state.registry);
    }
}
