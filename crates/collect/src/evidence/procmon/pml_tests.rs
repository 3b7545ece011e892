//! Logs that are made here (`sample.rs`), and the same recording as CSV.

use std::io::Cursor;

use evidence::access::{ACCESS_DENIED, Asked, Place, RefusedAccess};
use evidence::state::State;

use super::super::reader::Piece;
use super::pml;
use super::sample::{DENIED, create_file, directory, log, open_key};

const KEY: &str = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_1";
const FOLDER: &str = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
const LISTENER: &str = r"HKLM\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const READ: u32 = 0x8000_0000;
const SYSTEM: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
const USER: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
const TERMSERVICE: &str = r"C:\Windows\System32\svchost.exe -k NetworkService -s TermService";

fn sample() -> Vec<u8> {
    let programs = [(10, "lsass.exe", ""), (11, "svchost.exe", TERMSERVICE), (12, "notepad.exe", "notepad")];
    log(
        &programs,
        &[
            (10, 3, 20, 0, create_file(r"C:\Windows\System32\rsaenh.dll", READ, false, &[])),
            (10, 3, 20, DENIED, create_file(KEY, READ, false, &SYSTEM)),
            (10, 3, 20, DENIED, create_file(KEY, READ, false, &SYSTEM)),
            (10, 3, 20, DENIED, create_file(KEY, READ, false, &USER)),
            (12, 3, 20, DENIED, create_file(KEY, READ, false, &[])),
            (10, 3, 32, DENIED, directory(FOLDER, "f686*")),
            (11, 2, 0, DENIED, open_key(LISTENER, 0x2_0019)),
            (11, 2, 0, 0, open_key(LISTENER, 0x1)),
            (11, 2, 0, 0xC000_0034, open_key(LISTENER, 0x1)),
            (10, 5, 2, 0, vec![1, 2, 3]),
        ],
    )
}

/// Writes that recording as Process Monitor exports it.
fn exported() -> String {
    let mut text =
        "\u{FEFF}\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\",\"Command Line\"\r\n".to_owned();
    let reading = "Desired Access: Generic Read, Disposition: Open, Options: ";
    let system = format!(r"{reading}, Impersonating: NT AUTHORITY\SYSTEM");
    let user = format!(r"{reading}, Impersonating: S-1-5-21");
    let key = |access: &str| format!("Desired Access: {access}");
    let filtered = format!(r"{FOLDER}\f686*");
    for (process, operation, path, result, detail, line) in [
        ("lsass.exe", "CreateFile", r"C:\Windows\System32\rsaenh.dll", "SUCCESS", reading.to_owned(), ""),
        ("lsass.exe", "CreateFile", KEY, ACCESS_DENIED, system.clone(), ""),
        ("lsass.exe", "CreateFile", KEY, ACCESS_DENIED, system, ""),
        ("lsass.exe", "CreateFile", KEY, ACCESS_DENIED, user, ""),
        ("notepad.exe", "CreateFile", KEY, ACCESS_DENIED, reading.to_owned(), "notepad"),
        ("lsass.exe", "QueryDirectory", &filtered, ACCESS_DENIED, String::new(), ""),
        ("svchost.exe", "RegOpenKey", LISTENER, ACCESS_DENIED, key("Read"), TERMSERVICE),
        ("svchost.exe", "RegOpenKey", LISTENER, "SUCCESS", key("Query Value"), TERMSERVICE),
        ("svchost.exe", "RegOpenKey", LISTENER, "NAME NOT FOUND", key("Query Value"), TERMSERVICE),
        ("lsass.exe", "UDP Send", "a", "SUCCESS", String::new(), ""),
    ] {
        let line = format!("\"{process}\",\"700\",\"{operation}\",\"{path}\",\"{result}\",\"{detail}\",\"{line}\"\r\n");
        text.push_str(&line);
    }
    text
}

fn read(bytes: &[u8]) -> Result<State, String> {
    let pieces = crate::evidence::pieces_in(bytes);
    if let [Piece::State(state)] = &pieces[..] {
        return Ok((**state).clone());
    }
    let crate::evidence::reader::Access::Stream(read) = pml::READER.read else { panic!() };
    read(&mut Cursor::new(bytes), "a.pml").map(|_| State::default()).map_err(|error| error.to_string())
}

#[test]
fn a_log_and_its_export_say_the_same() {
    let log = read(&sample()).unwrap();
    let csv = read(exported().as_bytes()).unwrap();
    let undated = |state: &State| -> Vec<RefusedAccess> {
        state.refused.iter().map(|access| RefusedAccess { clock: None, ..access.clone() }).collect()
    };
    assert_eq!(undated(&log), undated(&csv));
    assert_eq!((log.traces, log.computer.as_deref()), (csv.traces, Some("SERVER01")));
    let told: Vec<_> =
        log.refused.iter().map(|access| (access.place, access.asked, access.count, access.granted)).collect();
    assert_eq!(
        told,
        [
            (Place::RdpKeyFile, Some(Asked::Read), 2, false),
            (Place::KeyFolder, Some(Asked::Read), 1, false),
            (Place::Listener, Some(Asked::Read), 1, true)
        ]
    );
    assert_eq!(log.refused[0].clock.as_deref(), Some("2026-11-20T08:01:02Z"));
    assert_eq!(log.refused[2].service.as_deref(), Some("TermService"));
}

#[test]
fn another_version_and_a_cut_log_are_told_in_words() {
    let whole = sample();
    let mut other = whole.clone();
    other[4] = 8;
    assert!(read(&other).unwrap_err().contains("version 8, of which only 9"), "{:?}", read(&other));
    let mut open = whole.clone();
    open[0x248..0x260].fill(0);
    assert!(read(&open).unwrap_err().contains("was not closed"));
    assert!(read(&whole[..whole.len() / 2]).unwrap_err().contains("cut off"));
    assert!(read(&whole[..100]).unwrap_err().contains("within its head"));
}

#[test]
fn a_damaged_event_is_counted_and_the_rest_is_read() {
    let mut damaged = sample();
    // the process of the first event
    damaged[0x3A8] = 99;
    let state = read(&damaged).unwrap();
    assert_eq!((state.traces[0].malformed, state.refused.len()), (1, 3));
}

proptest::proptest! {
    #[test]
    fn damage_is_no_panic(at in 0_usize..3000, value: u8, cut in 0_usize..4000) {
        let mut bytes = sample();
        let at = at.min(bytes.len() - 1);
        bytes[at] = value;
        let end = cut.max(5).min(bytes.len());
        let _ = crate::evidence::pieces_in(&bytes[..end]);
    }
}
