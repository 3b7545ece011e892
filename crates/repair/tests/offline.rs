//! A Windows that does not run, repaired on its disk by the journal's way, and taken back to the byte.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use evidence::hive::sketch::{self, Node, seal};
use evidence::state::RegistryData;
use repair::hand::Hand;
use repair::hive::Image;
use repair::journal::{Ended, Store};
use repair::linux::Linux;
use repair::offline::{HiveChange, ValueChange};
use repair::place::{Held, Kept, Place};
use repair::plan::{After, Plan, Refusal, SCHEMA, Step};
use repair::run::{Applied, RunError, Third, apply, back, end};

const SERVER: &str = r"CurrentControlSet\Control\Terminal Server";
const LISTENER: &str = r"CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const AT: u64 = 134_000_000_000_000_000;

fn hand() -> Linux {
    Linux { elsewhere: true, ..Linux::default() }
}

fn dword(number: u32) -> Kept {
    Kept::of(&Held::Value { kind: 4, data: number.to_le_bytes().to_vec() })
}

fn value(key: &str, name: &str, before: Kept, after: Kept) -> ValueChange {
    ValueChange { key: key.to_owned(), name: name.to_owned(), before, after }
}

/// Disk with a hive in which Remote Desktop is off and a stale certificate is bound, and the place for journals.
struct Disk {
    folder: PathBuf,
    hive: PathBuf,
}

impl Disk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rdpdoctor-offline-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut root = Node::new("ROOT");
        root.dword("Select", "Current", 1)
            .dword(r"ControlSet001\Control\Terminal Server", "fDenyTSConnections", 1)
            .dword(r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp", "UserAuthentication", 1)
            .set(
                r"ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp",
                "SSLCertificateSHA1Hash",
                &RegistryData::Binary("5d".repeat(20)),
            );
        let hive = folder.join("SYSTEM");
        fs::write(&hive, root.hive()).unwrap();
        Self { folder, hive }
    }

    fn change(&self) -> HiveChange {
        let bound = Kept::of(&Held::Value { kind: 3, data: vec![0x5D; 20] });
        HiveChange {
            root: r"HKLM\SYSTEM".to_owned(),
            values: vec![
                value(SERVER, "fDenyTSConnections", dword(1), dword(0)),
                value(LISTENER, "SSLCertificateSHA1Hash", bound, Kept::Absent),
            ],
            logs: vec![self.folder.join("SYSTEM.LOG1"), self.folder.join("SYSTEM.LOG2")],
            hibernation: Some(self.folder.join("hiberfil.sys")),
            at: AT,
        }
    }

    fn plan(&self, change: HiveChange) -> Plan {
        let step = Step::new(&hand(), Place::file(&self.hive), After::Hive(change), "enable-remote-desktop");
        Plan {
            schema: SCHEMA.to_owned(),
            origin: "here".to_owned(),
            fixes: vec!["enable-remote-desktop".to_owned()],
            steps: vec![step.unwrap()],
            ..Plan::default()
        }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.join("state")).unwrap()
    }

    fn apply(&self, change: HiveChange) -> Result<Applied, RunError> {
        let store = self.store();
        let plan = self.plan(change);
        // a plan that was saved and read again is the same plan
        let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        let mut make = |_: &str| Err("no key is made here".to_owned());
        apply(&plan, &mut hand(), &store, true, &mut make, &|| "2026-11-21T09:00:00Z".to_owned())
    }

    fn refused(&self, change: HiveChange) -> String {
        let before = fs::read(&self.hive).unwrap();
        let Err(RunError::Refused(Refusal::Rule(why))) = self.apply(change) else { panic!("it was not refused") };
        assert_eq!(fs::read(&self.hive).unwrap(), before);
        why
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn held(hive: &Path, key: &str, name: &str) -> Option<Vec<u8>> {
    let image = Image::open(fs::read(hive).unwrap(), Vec::new()).unwrap();
    image.held(key, name).unwrap().map(|data| data.bytes)
}

#[test]
fn a_hive_is_changed_and_taken_back_to_the_byte() {
    let disk = Disk::new("change");
    let before = fs::read(&disk.hive).unwrap();
    let Ok(Applied::Done(mut journal)) = disk.apply(disk.change()) else { panic!("it is not done") };
    end(&mut journal, "read back", &|| String::new()).unwrap();
    assert_eq!(held(&disk.hive, SERVER, "fDenyTSConnections"), Some(vec![0; 4]));
    assert_eq!(held(&disk.hive, LISTENER, "SSLCertificateSHA1Hash"), None);
    assert_eq!(held(&disk.hive, LISTENER, "UserAuthentication"), Some(vec![1, 0, 0, 0]));
    let left = back(&mut journal, &mut hand(), Ended::Undone, Third::Leave, &|| String::new());
    assert_eq!((left, fs::read(&disk.hive).unwrap() == before), (Vec::new(), true));
}

#[test]
fn logs_are_merged_and_stay_and_going_back_brings_the_dirty_hive_back() {
    let disk = Disk::new("dirty");
    let clean = fs::read(&disk.hive).unwrap();
    let mut other = clean[4096..].to_vec();
    // the log has the value that Windows wrote last: 1 becomes 2
    let at = other.windows(18).position(|window| window == b"fDenyTSConnections").unwrap();
    other[at - 12] = 2;
    let log = sketch::log(&clean, 7, &[(7, other)]);
    let mut dirty = clean.clone();
    dirty[4] = 8;
    seal(&mut dirty);
    fs::write(&disk.hive, &dirty).unwrap();
    assert!(disk.refused(disk.change()).contains("no transaction log"), "dirty, and without its logs");
    fs::write(disk.folder.join("SYSTEM.LOG1"), &log).unwrap();
    let why = disk.refused(disk.change());
    assert!(why.contains("holds 2, and held 1 when the plan was made"), "{why}");
    let mut change = disk.change();
    change.values[0].before = dword(2);
    let Ok(Applied::Done(mut journal)) = disk.apply(change) else { panic!("it is not done") };
    assert_eq!(held(&disk.hive, SERVER, "fDenyTSConnections"), Some(vec![0; 4]));
    assert_eq!(fs::read(disk.folder.join("SYSTEM.LOG1")).unwrap(), log);
    assert_eq!(back(&mut journal, &mut hand(), Ended::Undone, Third::Leave, &|| String::new()), Vec::<String>::new());
    assert_eq!(fs::read(&disk.hive).unwrap(), dirty);
}

#[test]
fn a_hibernated_windows_and_a_weaker_one_are_refused() {
    let disk = Disk::new("refused");
    let file = disk.folder.join("hiberfil.sys");
    for head in [&b"HIBR and more"[..], b"hibr"] {
        fs::write(&file, head).unwrap();
        assert!(disk.refused(disk.change()).contains("hibernates"));
    }
    let mut weaker = disk.change();
    fs::write(&file, [0; 4096]).unwrap();
    weaker.values.push(value(LISTENER, "UserAuthentication", dword(1), dword(0)));
    assert!(disk.refused(weaker).contains("would be weaker"));
    let mut nowhere = disk.change();
    nowhere.values[0].key = "Nowhere".to_owned();
    assert!(disk.refused(nowhere).contains("Nowhere"));
    assert!(hand().head(&file, 4).is_ok_and(|held| matches!(held, Held::File { bytes, .. } if bytes == [0; 4])));
    assert!(disk.apply(disk.change()).is_ok(), "zeros: it has started again since");
}
