//! A firewall rule that really cuts a host off, in two network namespaces: it goes on time, and stays if confirmed.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use repair::guard::{self, Terms, Watched};
use repair::journal::Store;
use repair::linux::{Linux, moment};
use repair::place::{Held, Kept, Place};
use repair::plan::{After, Plan, SCHEMA, Step};
use repair::run::{Applied, apply_on_terms};
use rustix::process::{Signal, getpid, kill_process};

/// Says to this program, started by itself, which part it plays: `host`, `applies`, `dies` or `guard`.
const PART: &str = "RDPDOCTOR_TEST_GUARDED";
/// Folder of the test.
const FOLDER: &str = "RDPDOCTOR_TEST_GUARDED_FOLDER";
const HOST: &str = "10.213.7.1";
const PORT: u16 = 3389;
const CODE: &str = "1234-5678";
/// Seconds until a change that nobody confirms goes.
const SECONDS: u64 = 2;
/// Longest wait for something that has to happen, in pauses.
const PAUSES: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

fn clock() -> String {
    "2026-11-21T09:00:00Z".to_owned()
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).unwrap())
}

fn store() -> Store {
    Store::open(&folder().join("state")).unwrap()
}

/// Starts this program again, to play a part.
fn play(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_its_part", "--nocapture"]).env(PART, part).stdin(Stdio::null());
    command
}

fn done(command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{command}");
}

fn ruleset() -> String {
    String::from_utf8(Command::new("nft").args(["-s", "list", "ruleset"]).output().unwrap().stdout).unwrap()
}

/// True if a client in the other namespace reaches the host.
fn reached(client: &Child) -> bool {
    let connect = format!("</dev/tcp/{HOST}/{PORT}");
    let inside = ["-t", &client.id().to_string(), "-n", "timeout", "0.4", "bash", "-c", &connect];
    Command::new("nsenter").args(inside).stderr(Stdio::null()).status().unwrap().success()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let came = (0..PAUSES).any(|_| {
        holds() || {
            thread::sleep(PAUSE);
            false
        }
    });
    assert!(came, "{what}");
}

/// Changes the firewall under terms, with a guard; with `dies` the process is killed right behind the change.
fn applies(dies: bool) {
    let [family, table, chain, rule] = ["inet", "filter", "input", "tcp dport 3389 drop"].map(str::to_owned);
    let mut hand = Linux::default();
    let present = After::Held { held: Kept::of(&Held::Present) };
    let step = Step::new(&hand, Place::Nftables { family, table, chain, rule }, present, "fix").unwrap();
    let plan = Plan { schema: SCHEMA.to_owned(), steps: vec![step], ..Plan::default() };
    let mut guarded = |run: &Path| {
        let terms = Terms::new(moment().unwrap(), SECONDS, Some(CODE));
        terms.lay(run).map_err(|why| why.to_string())?;
        play("guard").env("RUN", run).stdout(Stdio::null()).spawn().map_err(|why| why.to_string())?;
        Ok(())
    };
    let mut no_key = |_: &str| Err(String::new());
    let lock = store().lock().unwrap();
    let applied = apply_on_terms(&plan, &mut hand, &store(), false, &mut no_key, &clock, &mut guarded).unwrap();
    assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    if dies {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    drop(lock);
}

fn guards() {
    let run = PathBuf::from(std::env::var_os("RUN").unwrap());
    // its clock stands until the cut was seen, however slow the machine is
    let (began, seen) = (moment().unwrap(), folder().join("seen"));
    let now = || if seen.exists() { moment().unwrap() } else { began.clone() };
    let mut pause = |_: &Terms| {
        thread::sleep(PAUSE);
        false
    };
    let how = guard::watch(&run, &store(), &mut Linux::default(), &clock, &now, &mut pause).unwrap();
    fs::write(folder().join("watched"), format!("{how:?}")).unwrap();
}

fn told(how: &Watched) {
    let file = folder().join("watched");
    until("the guard ends", || fs::read_to_string(&file).is_ok_and(|text| !text.is_empty()));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{how:?}"));
    fs::remove_file(&file).unwrap();
}

/// The host's namespace: a listener, a firewall, and a client behind a cable.
fn hosts() {
    let mut client = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
    done("ip link set lo up");
    done("ip link add host type veth peer name client");
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let space = format!("/proc/{}/ns/net", client.id());
    until("the client has a namespace of its own", || fs::read_link(&space).is_ok_and(|other| other != own));
    done(&format!("ip link set client netns {}", client.id()));
    done(&format!("ip addr add {HOST}/24 dev host"));
    done("ip link set host up");
    let inside = format!("nsenter -t {} -n ip", client.id());
    done(&format!("{inside} addr add 10.213.7.2/24 dev client"));
    done(&format!("{inside} link set client up"));
    done("nft add table inet filter");
    done("nft add chain inet filter input { type filter hook input priority 0 ; }");
    done("nft add rule inet filter input tcp dport 22 accept");
    let listener = TcpListener::bind((HOST, PORT)).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    until("the host is reached before any change", || reached(&client));
    let before = ruleset();
    for part in ["applies", "dies"] {
        let status = play(part).status().unwrap();
        assert_eq!(status.success(), part == "applies", "{part}: {status}");
        assert!(ruleset() != before && !reached(&client), "{part}: the change cuts the host off");
        fs::write(folder().join("seen"), "").unwrap();
        told(&Watched::Reverted);
        assert_eq!(ruleset(), before, "{part}");
        assert!(reached(&client), "{part}: it is reached again");
        fs::remove_file(folder().join("seen")).unwrap();
    }
    assert!(play("applies").status().unwrap().success());
    guard::confirm(&store(), CODE, &moment().unwrap()).unwrap();
    told(&Watched::Confirmed);
    assert!(ruleset() != before && !reached(&client), "it was confirmed and stays");
    client.kill().unwrap();
    client.wait().unwrap();
    println!("all told");
}

/// Plays a part where this program was started by itself for it.
#[test]
fn plays_its_part() {
    match std::env::var(PART).as_deref() {
        Ok("host") => hosts(),
        Ok("applies") => applies(false),
        Ok("dies") => applies(true),
        Ok("guard") => guards(),
        _ => {}
    }
}

#[test]
fn a_rule_that_cuts_the_host_off_goes_on_time_and_stays_if_confirmed() {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let root = rustix::process::geteuid().is_root();
    if !root || !["nft", "unshare", "nsenter"].into_iter().all(there) {
        let reason = "namespaces and a firewall of their own take root, nft and unshare";
        assert!(std::env::var_os("RDPDOCTOR_TEST_FULL").is_none_or(|value| value != "1"), "{reason}");
        println!("skipped: {reason}");
        return;
    }
    let folder = std::env::temp_dir().join(format!("rdpdoctor-guarded-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut inside = Command::new("unshare");
    inside.arg("-n").arg(std::env::current_exe().unwrap()).args(["--exact", "plays_its_part", "--nocapture"]);
    let output = inside.env(PART, "host").env(FOLDER, &folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("all told"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(&folder).unwrap();
}
