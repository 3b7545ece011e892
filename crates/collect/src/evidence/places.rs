//! Files, folders and disks as people name them: tests of what is reported about the parts that are not read.

use std::fs;
use std::path::{Path, PathBuf};

use evidence::events::{SCHANNEL, SYSTEM};
use evidence::state::{Part, State};
use evidence::{Evidence, Role};
use time::OffsetDateTime;

use super::evtx::sample::{Line, Sample};
use super::kind::Kind;
use super::reader::{NO_FILE, Piece};
use super::{Gathered, LINK, gather};
use evidence::hive::sketch::Node;

/// Folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rdpdoctor-places-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    fn gather(&self) -> Gathered {
        gather(std::slice::from_ref(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn system(name: &str) -> Vec<u8> {
    let mut root = Node::new("ROOT");
    root.dword("Select", "Current", 1);
    root.text(r"ControlSet001\Control\ComputerName\ComputerName", "ComputerName", name);
    root.hive()
}

fn software() -> Vec<u8> {
    let mut root = Node::new("ROOT");
    root.text(r"Microsoft\Windows NT\CurrentVersion", "EditionID", "ServerStandard").at("Policies");
    root.at("Policies");
    root.hive()
}

fn user() -> Vec<u8> {
    let mut root = Node::new("ROOT");
    root.text(r"Software\Microsoft\Terminal Server Client\Default", "MRU0", "server01").at("x");
    root.at("Environment");
    root.hive()
}

fn log(computer: &'static str) -> Vec<u8> {
    let sample = Sample { provider: SCHANNEL, channel: SYSTEM, computer, field: "param1" };
    sample.log(&[vec![Line { id: 36870, at: 1_760_000_000, activity: [1; 16], text: "x".to_owned() }]])
}

/// Reports about a file or folder of this name.
fn told<'a>(gathered: &'a Gathered, name: &str) -> Vec<&'a str> {
    let of_it = gathered.unread.iter().filter(|(path, _)| path.file_name().is_some_and(|own| own == name));
    of_it.map(|(_, why)| why.as_str()).collect()
}

fn machines(gathered: &Gathered) -> Vec<(Role, Option<String>)> {
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, OffsetDateTime::UNIX_EPOCH);
    evidence.subjects.into_iter().map(|who| (who.role, who.name)).collect()
}

#[test]
fn a_disk_with_unusable_hives_says_so() {
    let folder = Folder::new("unusable");
    folder.file("Windows/System32/config/SYSTEM", "");
    folder.file("Windows/System32/winevt/Logs/System.evtx", "no log");
    let gathered = folder.gather();
    assert_eq!(told(&gathered, "SYSTEM"), ["an empty file"]);
    assert_eq!(told(&gathered, "SOFTWARE"), ["it is not there"]);
    assert_eq!(told(&gathered, "System.evtx"), ["of no kind that this program knows"]);
    // it is a disk even without SYSTEM
    fs::remove_file(folder.0.join("Windows/System32/config/SYSTEM")).unwrap();
    folder.file("Windows/System32/config/SOFTWARE", software());
    assert_eq!(told(&folder.gather(), "SYSTEM"), ["it is not there"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_something_else_is_no_hive() {
    let folder = Folder::new("links");
    folder.file("Windows/System32/config/SYSTEM", system("SERVER01"));
    let other = folder.file("words.txt", "words");
    std::os::unix::fs::symlink(other, folder.0.join("Windows/System32/config/SOFTWARE")).unwrap();
    assert_eq!(told(&folder.gather(), "SOFTWARE"), ["of no kind that this program knows"]);
    fs::remove_file(folder.0.join("words.txt")).unwrap();
    assert_eq!(told(&folder.gather(), "SOFTWARE"), ["not a file, or a link to nothing"]);
}

#[test]
fn in_a_folder_only_telling_names_are_told() {
    let folder = Folder::new("telling");
    for name in ["readme.txt", "SYSTEM", "trace.pcapng", "Server.RDP", "old.evtx", "bundle.zip"] {
        folder.file(name, "words");
    }
    let gathered = folder.gather();
    assert_eq!((gathered.passed_over, gathered.unread.len()), (1, 5), "{:?}", gathered.unread);
    let empty = Folder::new("nothing");
    let name = empty.0.file_name().unwrap().to_str().unwrap();
    assert_eq!(told(&empty.gather(), name), ["it holds no file of a known kind"]);
    empty.file("readme.txt", "words");
    assert_eq!(told(&empty.gather(), name), ["it holds no file of a known kind"]);
}

/// Links in a folder are not followed and pipes not waited for, but one named like evidence is reported.
#[cfg(unix)]
#[test]
fn a_link_or_a_pipe_with_a_telling_name_is_told() {
    let folder = Folder::new("kinds");
    let hive = folder.file("elsewhere/hive", system("SERVER01"));
    std::os::unix::fs::symlink(&hive, folder.0.join("SYSTEM")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.0.join("other")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.0.join("old.evtx")).unwrap();
    let gathered = folder.gather();
    assert_eq!(told(&gathered, "SYSTEM"), [LINK]);
    assert_eq!(told(&gathered, "old.evtx"), [NO_FILE]);
    assert_eq!((gathered.unread.len(), gathered.passed_over), (2, 1));
}

/// Entries of copies and of overlapping exports count once; those of two machines stay apart.
#[test]
fn each_entry_counts_once() {
    let folder = Folder::new("copies");
    for name in ["a.evtx", "b.evtx", "sub/a.evtx"] {
        folder.file(name, log("SERVER01"));
    }
    folder.file("other.evtx", log("SERVER02"));
    let entries = |gathered: &Gathered| -> usize {
        let states = gathered.pieces.iter().map(|(_, _, piece)| match piece {
            Piece::State(state) => state.events.len(),
            Piece::Transcript(_) | Piece::Capture(_) => 0,
        });
        states.sum()
    };
    assert_eq!(entries(&folder.gather()), 2);
    // it belongs to both ends, if people say so
    let named = [folder.0.join("a.evtx")];
    assert_eq!(entries(&gather(&named).with_client(&named)), 2);
}

/// A place of a disk that cannot be listed is reported, not taken for absent. A file in place of a folder cannot be
/// listed by anyone, while missing rights do not stop everyone.
#[test]
fn folders_that_cannot_be_listed_are_told() {
    let folder = Folder::new("closed");
    folder.file("Windows/System32/config/SYSTEM", system("SERVER01"));
    folder.file("Windows/System32/config/SOFTWARE", software());
    assert_eq!(folder.gather().unread, []);
    folder.file("Windows/System32/winevt", "a file");
    folder.file("Users", "a file");
    let gathered = folder.gather();
    assert_eq!((told(&gathered, "Logs").len(), told(&gathered, "Users").len()), (1, 1), "{:?}", gathered.unread);
}

/// The registry of a disk's users is a client's, and of the same machine.
#[test]
fn the_users_of_a_disk_are_read() {
    let folder = Folder::new("users");
    folder.file("Windows/System32/config/SYSTEM", system("SERVER01"));
    folder.file("Windows/System32/config/SOFTWARE", software());
    folder.file("Windows/System32/config/DEFAULT", user());
    folder.file("Users/alice/ntuser.dat", user());
    folder.file("Users/public.txt", "words");
    let gathered = folder.gather();
    assert_eq!(gathered.unread, []);
    let clients = gathered.pieces.iter().filter(|(_, _, piece)| match piece {
        Piece::State(state) => state.part == Part::Client && state.registry.iter().any(|key| key.exists),
        Piece::Transcript(_) | Piece::Capture(_) => false,
    });
    assert_eq!(clients.count(), 2);
    let name = || Some("SERVER01".to_owned());
    assert_eq!(machines(&gathered), [(Role::Host, name()), (Role::Client, name())]);
}

#[test]
fn archived_logs_are_read_the_newest_first() {
    let folder = Folder::new("archives");
    folder.file("Windows/System32/config/SYSTEM", system("SERVER01"));
    folder.file("Windows/System32/config/SOFTWARE", software());
    for day in 1..=10 {
        for case in ["Archive-System", "ARCHIVE-microsoft-windows-remotedesktopservices-rdpcorets%4op"] {
            // Windows writes them in one case, but copying may change that
            let case = if day % 2 == 0 { case.to_owned() } else { case.to_lowercase() };
            let name = format!("Windows/System32/winevt/Logs/{case}-2026-11-{day:02}-09-00-00-123.evtx");
            folder.file(&name, log("SERVER01"));
        }
        folder
            .file(&format!("Windows/System32/winevt/Logs/Archive-Setup-2026-11-{day:02}-09-00-00-123.evtx"), log("x"));
    }
    let gathered = folder.gather();
    let read: Vec<_> = gathered.pieces.iter().filter(|(_, kind, _)| *kind == Kind::EventLog).collect();
    assert_eq!(read.len(), 16);
    assert!(
        read.iter()
            .all(|(path, _, _)| !["11-01", "11-02", "Setup"].iter().any(|old| path.to_string_lossy().contains(old)))
    );
    assert_eq!(told(&gathered, "archive-system-*.evtx"), ["2 older ones were left out: the newest 8 are read"]);
}

#[test]
fn a_disk_is_one_machine_whatever_its_logs_call_it() {
    let folder = Folder::new("renamed");
    folder.file("Windows/System32/config/SYSTEM", system("NEWNAME"));
    folder.file("Windows/System32/config/SOFTWARE", software());
    folder.file("Windows/System32/winevt/Logs/System.evtx", log("OLDNAME"));
    folder.file("Windows/System32/winevt/Logs/SECURITY.EVTX", log("newname.corp.example"));
    let gathered = folder.gather();
    let hosts = machines(&gathered);
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert!(hosts[0].1.as_deref().unwrap().to_lowercase().starts_with("newname"), "{hosts:?}");
    let told = gathered.pieces.iter().filter_map(|(_, _, piece)| match piece {
        Piece::State(state) => Some(state.unread.iter().filter(|unread| unread.why.contains("OLDNAME")).count()),
        Piece::Transcript(_) | Piece::Capture(_) => None,
    });
    assert_eq!(told.sum::<usize>(), 1);
}

#[cfg(unix)]
#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let folder = Folder::new("twice");
    let hive = folder.file("evidence/SYSTEM", system("SERVER01"));
    let link = folder.0.join("link");
    std::os::unix::fs::symlink(&hive, &link).unwrap();
    let gathered = gather(&[hive.clone(), link, folder.0.join("evidence"), hive.clone()]);
    assert_eq!((gathered.pieces.len(), gathered.unread.len()), (1, 0), "{:?}", gathered.unread);
    // it belongs to both ends, if people say so
    assert_eq!(gather(std::slice::from_ref(&hive)).with_client(std::slice::from_ref(&hive)).pieces.len(), 2);
}

#[test]
fn what_a_wrong_clock_dates_in_the_future_is_not_the_newest() {
    let newest = |times: &[&str]| {
        let mut gathered = Gathered::default();
        for at in times {
            let state = State { taken_at: Some((*at).to_owned()), ..State::default() };
            gathered.pieces.push((PathBuf::from("a"), Kind::RecordedState, Piece::State(Box::new(state))));
        }
        gathered.newest(time::macros::datetime!(2026-11-25 09:00 UTC)).map(OffsetDateTime::year)
    };
    assert_eq!(newest(&["2026-11-21T09:00:00Z", "2036-01-01T00:00:00Z"]), Some(2026));
    assert_eq!(newest(&["2036-01-01T00:00:00Z"]), Some(2036));
    assert_eq!(newest(&[]), None);
}

#[test]
fn an_error_is_said_once() {
    let error = super::rdp_file(Path::new("no such file")).unwrap_err();
    assert!(std::error::Error::source(&error).is_none_or(|source| source.to_string() != error.to_string()));
}
