//! A real process on real files, a hive among them, killed with signal 9 at each of its operations; and the script that
//! works without us.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // the count of the kills

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::hive::sketch::Node;
use repair::hand::{Failed, Hand, Unread};
use repair::journal::{Ended, Store};
use repair::linux::Linux;
use repair::offline::{HiveChange, ValueChange};
use repair::place::{Held, Kept, Place};
use repair::plan::{After, Made, NewFile, Plan, SCHEMA, Step};
use repair::run::{self, Applied, Third};
use rustix::process::{Signal, getgid, getpid, getuid, kill_process};

/// Says to this program, started by itself, in which folder it is to run and at which operation it dies.
const CHILD: &str = "RDPDOCTOR_TEST_KILLED";

const INI: &str =
    "; kept\n[Globals]\n; port to listen on\nport=33x9\ncertificate=/old.pem\nkey_file=\n[Logging]\nport=1\n";

/// Hand that ends its process, and with it all that it holds, before one of its operations.
struct Mortal {
    hand: Linux,
    left: Cell<usize>,
}

impl Mortal {
    fn step(&self) {
        if self.left.get() == 0 {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        self.left.set(self.left.get().wrapping_sub(1));
    }
}

impl Hand for Mortal {
    fn read(&self, place: &Place) -> Result<Held, Unread> {
        self.step();
        self.hand.read(place)
    }

    fn write(&mut self, place: &Place, held: &Held) -> Result<(), Failed> {
        self.step();
        let written = self.hand.write(place, held);
        self.step();
        written
    }

    fn restart(&mut self, service: &str) -> Result<(), Failed> {
        self.step();
        self.hand.restart(service)
    }
}

fn clock() -> String {
    "2026-11-21T09:00:00Z".to_owned()
}

#[allow(clippy::unnecessary_wraps)] // as a maker is declared
fn made(_: &str) -> Result<Made, String> {
    Ok(Made { key: b"-----BEGIN PRIVATE KEY-----\n".to_vec(), certificate: b"-----BEGIN CERTIFICATE-----\n".to_vec() })
}

fn hand() -> Linux {
    Linux { elsewhere: true, ..Linux::default() }
}

fn ini(folder: &Path, name: &str) -> Place {
    Place::Ini { path: folder.join("etc/xrdp/xrdp.ini"), section: "Globals".to_owned(), name: name.to_owned() }
}

fn plan(folder: &Path) -> Plan {
    let text = |text: &str| After::Held { held: Kept::Text { text: text.to_owned() } };
    let new = || NewFile { name: "host".to_owned(), mode: 0o640, uid: getuid().as_raw(), gid: getgid().as_raw() };
    let member = Place::Member { folder: folder.join("etc"), group: "ssl-cert".to_owned(), user: "xrdp".to_owned() };
    let number = |number: u32| Kept::of(&Held::Value { kind: 4, data: number.to_le_bytes().to_vec() });
    let value = ValueChange {
        key: r"CurrentControlSet\Control\Terminal Server".to_owned(),
        name: "fDenyTSConnections".to_owned(),
        before: number(1),
        after: number(0),
    };
    let hive = HiveChange {
        root: r"HKLM\SYSTEM".to_owned(),
        values: vec![value],
        logs: Vec::new(),
        hibernation: None,
        at: 134_000_000_000_000_000,
    };
    let steps = [
        (Place::file(folder.join("etc/SYSTEM")), After::Hive(hive)),
        (Place::file(folder.join("etc/xrdp/new-key.pem")), After::NewKey(new())),
        (Place::file(folder.join("etc/xrdp/new.pem")), After::NewCertificate(new())),
        (ini(folder, "certificate"), text("/new.pem")),
        (ini(folder, "key_file"), text("/new-key.pem")),
        (ini(folder, "port"), text("3389")),
        (ini(folder, "added"), text("1")),
        (member, After::Held { held: Kept::Present }),
    ];
    let step = |(place, after)| Step::new(&hand(), place, after, "fix").unwrap();
    Plan { schema: SCHEMA.to_owned(), steps: steps.into_iter().map(step).collect(), ..Plan::default() }
}

/// Makes a folder like the root of a machine, without journals.
fn machine(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let etc = folder.join("etc");
    fs::create_dir_all(etc.join("xrdp")).unwrap();
    let files = [
        ("xrdp/xrdp.ini", INI, 0o644),
        ("group", "root:x:0:\nssl-cert:x:103:postgres\nxrdp:x:105:\n", 0o644),
        ("gshadow", "root:*::\nssl-cert:!::postgres\nxrdp:!::\n", 0o640),
    ];
    let mut hive = Node::new("ROOT");
    hive.dword("Select", "Current", 1).dword(r"ControlSet001\Control\Terminal Server", "fDenyTSConnections", 1);
    fs::write(etc.join("SYSTEM"), hive.hive()).unwrap();
    fs::set_permissions(etc.join("SYSTEM"), Permissions::from_mode(0o600)).unwrap();
    for (name, text, mode) in files {
        fs::write(etc.join(name), text).unwrap();
        fs::set_permissions(etc.join(name), Permissions::from_mode(mode)).unwrap();
    }
}

/// Lists everything below a folder: bytes, mode and owner.
fn all(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, u32, u32)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            found.extend(all(&path));
        }
        let bytes = if about.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        found.insert(path, (bytes, about.mode(), about.uid(), about.gid()));
    }
    found
}

fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    place.join(format!("rdpdoctor-{name}-{}", std::process::id()))
}

/// Carries out the plan for the folder, and dies where it is told to.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (at, folder) = told.split_once(' ').unwrap();
    let folder = Path::new(folder);
    let mut mortal = Mortal { hand: hand(), left: Cell::new(at.parse().unwrap()) };
    let store = Store::open(&folder.join("state")).unwrap();
    let _lock = store.lock().unwrap();
    run::apply(&plan(folder), &mut mortal, &store, true, &mut made, &clock).unwrap();
}

/// Starts it; true if it was killed.
fn killed(folder: &Path, at: usize) -> bool {
    let child = Command::new(std::env::current_exe().unwrap());
    ended(child, folder, at)
}

fn ended(mut child: Command, folder: &Path, at: usize) -> bool {
    child.args(["--exact", "child", "--quiet"]).env(CHILD, format!("{at} {}", folder.display()));
    let output = child.output().unwrap();
    let status = output.status;
    assert!(status.success() || status.signal() == Some(9), "{status}: {output:?}");
    !status.success()
}

#[test]
fn killed_at_every_operation_it_is_finished_or_taken_back_to_the_byte() {
    let kills = at_every(&scratch("killed"), killed);
    println!("killed at {kills} operations");
    assert!(kills > 20, "{kills}");
}

/// Calls of the system that change something on a disk.
const CALLS: &str = "write,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fchmod,fchown,mkdir,ftruncate";

/// Also inside an operation: strace kills it at each call that changes something. Takes minutes, so it is asked for.
#[test]
fn killed_at_every_system_call_it_is_finished_or_taken_back_to_the_byte() {
    if std::env::var_os("RDPDOCTOR_REPAIR_STRACE").is_none() {
        return;
    }
    let of = |call: &str| {
        at_every(&scratch("traced"), |folder, at| {
            let mut strace = Command::new("strace");
            let when = format!("inject={call}:signal=KILL:when={}", at.saturating_add(1).min(60_000));
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &when]).arg(std::env::current_exe().unwrap());
            ended(strace, folder, usize::MAX)
        })
    };
    // it counts each kind of call by itself
    let kills: usize = CALLS.split(',').map(of).sum();
    println!("killed at {kills} calls");
    assert!(kills > 100, "{kills}");
}

/// Lets it run and die at each moment that there is, until it does not die any more; returns the number of deaths.
fn at_every(folder: &Path, killed: impl Fn(&Path, usize) -> bool) -> usize {
    let etc = folder.join("etc");
    machine(folder);
    let before = all(&etc);
    assert!(!killed(folder, usize::MAX));
    let target = all(&etc);
    assert_ne!(target, before);
    let mut kills = 0;
    for at in 0.. {
        let mut alive = false;
        for finish in [false, true] {
            machine(folder);
            alive = !killed(folder, at);
            let store = Store::open(&folder.join("state")).unwrap();
            // the lock went with the process
            let _lock = store.lock().unwrap();
            let Some(mut journal) = store.unfinished().unwrap() else {
                assert_eq!(all(&etc), before, "{at}");
                continue;
            };
            if finish {
                let finished = run::finish(journal, &mut hand(), &clock);
                assert!(matches!(finished, Ok(Applied::Done(_))), "{at}: {finished:?}");
                assert_eq!(all(&etc), target, "{at}");
            } else {
                let left = run::back(&mut journal, &mut hand(), Ended::Undone, Third::Ours, &clock);
                assert_eq!((left, all(&etc)), (Vec::new(), before.clone()), "{at}");
            }
        }
        if alive {
            break;
        }
        kills += 1;
    }
    fs::remove_dir_all(folder).unwrap();
    kills
}

/// The journal is readable without us, and its script brings everything back.
#[test]
fn the_script_puts_everything_back_without_us() {
    let folder = scratch("script");
    let etc = folder.join("etc");
    machine(&folder);
    let before = all(&etc);
    assert!(!killed(&folder, usize::MAX));
    assert_ne!(all(&etc), before);
    let script = folder.join("state/0001/restore.sh");
    let told = Command::new("sh").arg(&script).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(all(&etc), before);
    // a copy that was damaged is left alone, and said
    assert!(!killed(&folder, usize::MAX));
    for blob in fs::read_dir(folder.join("state/0002/blobs")).unwrap() {
        fs::write(blob.unwrap().path(), "damaged").unwrap();
    }
    let told = Command::new("sh").arg(folder.join("state/0002/restore.sh")).output().unwrap();
    assert!(!told.status.success() && String::from_utf8_lossy(&told.stderr).contains("damaged"), "{told:?}");
    fs::remove_dir_all(&folder).unwrap();
}

/// Nobody else may read what was kept: keys are among it.
#[test]
fn journals_are_for_their_owner_alone() {
    let folder = scratch("private");
    machine(&folder);
    assert!(!killed(&folder, usize::MAX));
    for (path, (_, mode, ..)) in all(&folder.join("state")) {
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    assert_eq!(fs::metadata(folder.join("state")).unwrap().mode() & 0o777, 0o700);
    fs::remove_dir_all(&folder).unwrap();
}
