//! Plans on a simulated machine: whatever fails and whenever the program dies, the machine is as before or as planned.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // the count of the plans

mod journals;
mod leases;
mod machine;
mod random;
mod weaker;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use machine::{Died, FAULTS, Fault, Folder, Machine, Places};
use repair::hand::Hand as _;
use repair::journal::{Ended, Journal, Store};
use repair::place::{Held, Kept, Opened, Place, RuleFile};
use repair::plan::{After, Made, NewFile, Plan, Refusal, SCHEMA, Step};
use repair::run::{self, Applied, RunError, Third};

fn clock() -> String {
    "2026-11-21T09:00:00Z".to_owned()
}

#[allow(clippy::unnecessary_wraps)] // as a maker is declared
fn made(_: &str) -> Result<Made, String> {
    Ok(Made { key: b"-----BEGIN PRIVATE KEY-----".to_vec(), certificate: b"-----BEGIN CERTIFICATE-----".to_vec() })
}

fn ini(name: &str) -> Place {
    Place::Ini { path: "/etc/xrdp/xrdp.ini".into(), section: "Globals".to_owned(), name: name.to_owned() }
}

fn text(text: &str) -> Held {
    Held::Text(text.to_owned())
}

fn file(bytes: &[u8], mode: u32) -> Held {
    Held::File { bytes: bytes.to_vec(), mode, uid: 0, gid: 0 }
}

fn dword(number: u32) -> Held {
    Held::Value { kind: 4, data: number.to_le_bytes().to_vec() }
}

fn member() -> Place {
    Place::Member { folder: "/etc".into(), group: "ssl-cert".to_owned(), user: "xrdp".to_owned() }
}

fn registry(name: &str) -> Place {
    Place::Registry { key: r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server".to_owned(), name: name.to_owned() }
}

fn rule(rule: &str) -> Place {
    let [family, table, chain, rule] = ["inet", "filter", "input", rule].map(str::to_owned);
    Place::Nftables { family, table, chain, rule }
}

fn opening(from: &str) -> Place {
    let rules = vec![Opened { from: from.to_owned(), ahead_of: Some(2) }];
    Place::Opening { tool: "ufw".to_owned(), zone: String::new(), port: 3389, rules }
}

fn opened(there: bool, text: &str) -> Held {
    let path = "/etc/ufw/user.rules".into();
    Held::Opening { there, files: vec![RuleFile { path, text: Some(text.to_owned()), mode: 0o640, uid: 0, gid: 0 }] }
}

fn rights() -> Place {
    Place::Rights { path: "/srv/key.pem".into(), folder: "/etc".into(), user: "xrdp".to_owned() }
}

fn service() -> Place {
    Place::Service { name: "xrdp".to_owned() }
}

fn shared(mode: u32, gid: u32) -> Held {
    Held::Rights { mode, uid: 0, gid }
}

/// A change of every kind: the place, what it holds, what it is to hold.
fn changes() -> Vec<(Place, Held, After)> {
    let held = |held: &Held| After::Held { held: Kept::of(held) };
    let new = || NewFile { name: "host".to_owned(), mode: 0o640, uid: 0, gid: 7 };
    vec![
        (ini("port"), text("33x9"), held(&text("3389"))),
        (ini("certificate"), Held::Absent, held(&text("/etc/xrdp/new.pem"))),
        (ini("old"), text("1"), held(&Held::Absent)),
        (member(), Held::Absent, held(&Held::Present)),
        (rule("ip saddr 192.0.2.0/24 tcp dport 3389 accept"), Held::Absent, held(&Held::Present)),
        (opening("192.0.2.0/24"), opened(false, "a"), held(&opened(true, "b"))),
        (rights(), shared(0o600, 0), held(&shared(0o640, 7))),
        (service(), Held::Running(false), held(&Held::Running(true))),
        (registry("fDenyTSConnections"), dword(1), held(&dword(0))),
        (registry("SSLCertificateSHA1Hash"), dword(1), held(&Held::Absent)),
        (registry("UserAuthentication"), Held::Absent, held(&dword(1))),
        (Place::file("/etc/xrdp/new-key.pem"), Held::Absent, After::NewKey(new())),
        (Place::file("/etc/xrdp/new.pem"), Held::Absent, After::NewCertificate(new())),
        (Place::file("/mnt/SYSTEM"), file(b"regf1", 0o600), After::File(file(b"regf2", 0o600))),
        (Place::file("/mnt/SYSTEM.LOG1"), file(b"", 0o600), After::File(Held::Absent)),
    ]
}

/// Returns a machine, and a plan for it.
fn planned(changes: &[(Place, Held, After)]) -> (Machine, Plan) {
    let places: Places = changes
        .iter()
        .filter(|(_, before, _)| *before != Held::Absent)
        .map(|(place, before, _)| (place.clone(), before.clone()))
        .collect();
    let machine = Machine::holding(places);
    let step =
        |(place, _, after): &(Place, Held, After)| Step::new(&machine, place.clone(), after.clone(), "fix").unwrap();
    let plan = Plan {
        schema: SCHEMA.to_owned(),
        origin: "here".to_owned(),
        steps: changes.iter().map(step).collect(),
        restarts: vec!["xrdp".to_owned()],
        ..Plan::default()
    };
    (machine, plan)
}

/// Runs something in which the program may die; `None` if it did.
fn dying<T>(run: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !info.payload().is::<Died>() {
                usual(info);
            }
        }));
    });
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Died>() => None,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

fn apply(plan: &Plan, hand: &mut Machine, store: &Store) -> Result<Applied, RunError> {
    run::apply(plan, hand, store, false, &mut made, &clock)
}

fn undo(journal: &mut Journal, hand: &mut Machine, third: Third) -> Vec<String> {
    run::back(journal, hand, Ended::Undone, third, &clock)
}

fn done(applied: Result<Applied, RunError>) -> Journal {
    match applied {
        Ok(Applied::Done(journal)) => journal,
        other => panic!("{other:?}"),
    }
}

/// Applies a plan without a fault and returns what the machine holds then, and the number of operations.
fn target(changes: &[(Place, Held, After)], folder: &Folder) -> (Places, usize) {
    let (machine, plan) = planned(changes);
    let mut hand = machine.with(None);
    done(apply(&plan, &mut hand, &folder.empty()));
    (machine.now(), hand.operations.get())
}

#[test]
fn undo_after_apply_is_identity_for_every_change() {
    let folder = Folder::new("identity");
    let all = changes();
    for changes in all.iter().map(std::slice::from_ref).chain([&all[..]]) {
        let (machine, plan) = planned(changes);
        let before = machine.now();
        let mut journal = done(apply(&plan, &mut machine.clone(), &folder.empty()));
        assert_ne!(machine.now(), before);
        assert_eq!(*machine.restarts.borrow(), ["xrdp"]);
        run::end(&mut journal, "repaired", &clock).unwrap();
        let mut journal = folder.store().last_applied().unwrap().unwrap();
        assert_eq!(undo(&mut journal, &mut machine.clone(), Third::Leave), Vec::<String>::new());
        assert_eq!(machine.now(), before);
        assert_eq!(*machine.restarts.borrow(), ["xrdp", "xrdp"], "what was restarted is restarted again");
        assert!(folder.store().last_applied().unwrap().is_none(), "there is nothing left to undo");
    }
}

/// The k-th operation fails, for every k and every kind of fault.
#[test]
fn a_failure_of_any_operation_leaves_the_machine_as_it_was_or_as_planned() {
    let folder = Folder::new("failures");
    let (target, operations) = target(&changes(), &folder);
    let mut outcomes = [0; 3];
    for at in 0..operations {
        for fault in FAULTS.into_iter().filter(|fault| !matches!(fault, Fault::DiesBefore | Fault::DiesBehind)) {
            let (machine, plan) = planned(&changes());
            let before = machine.now();
            let store = folder.empty();
            match apply(&plan, &mut machine.with(Some((at, fault))), &store) {
                Ok(Applied::Done(_)) => {
                    outcomes[0] += 1;
                    assert_eq!(machine.now(), target, "{at} {fault:?}");
                }
                Ok(Applied::RolledBack { journal, .. }) => {
                    outcomes[1] += 1;
                    assert_eq!(machine.now(), before, "{at} {fault:?}");
                    assert_eq!(journal.ended(), Some(Ended::RolledBack));
                }
                Err(_) => {
                    outcomes[2] += 1;
                    assert_eq!(machine.now(), before, "{at} {fault:?}");
                    assert!(store.unfinished().unwrap().is_none());
                }
                Ok(stuck @ Applied::Stuck { .. }) => panic!("{at} {fault:?}: {stuck:?}"),
            }
        }
    }
    // a late answer of a write is no failure: it was read back
    assert!(outcomes.iter().all(|count| *count >= changes().len()), "{outcomes:?}");
}

/// The program dies at the k-th operation; the next run finishes or takes back, as the person chooses.
#[test]
fn a_death_at_any_operation_is_finished_or_rolled_back_by_the_next_run() {
    let folder = Folder::new("deaths");
    let (target, operations) = target(&changes(), &folder);
    let mut open = 0;
    for at in 0..operations {
        for fault in [Fault::DiesBefore, Fault::DiesBehind] {
            for finish in [false, true] {
                let (machine, plan) = planned(&changes());
                let before = machine.now();
                let store = folder.empty();
                let ran = dying(|| apply(&plan, &mut machine.with(Some((at, fault))), &store));
                assert!(ran.is_none(), "{at}: it did not die");
                let Some(mut journal) = store.unfinished().unwrap() else {
                    assert_eq!(machine.now(), before, "{at}: without a journal nothing was changed");
                    continue;
                };
                open += 1;
                if finish {
                    let finished = run::finish(journal, &mut machine.clone(), &clock);
                    assert!(matches!(finished, Ok(Applied::Done(_))), "{at} {fault:?}: {finished:?}");
                    assert_eq!(machine.now(), target, "{at} {fault:?}");
                    assert!(!machine.restarts.borrow().is_empty());
                } else {
                    assert_eq!(undo(&mut journal, &mut machine.clone(), Third::Ours), Vec::<String>::new());
                    assert_eq!(machine.now(), before, "{at} {fault:?}");
                    assert!(store.unfinished().unwrap().is_none());
                }
            }
        }
    }
    assert!(open > 4 * changes().len(), "{open}");
}

/// Also going back may be cut off, at each of its operations; the next one brings it to its end.
#[test]
fn a_death_while_going_back_is_no_end() {
    let folder = Folder::new("deaths-back");
    let all = changes();
    let mut deaths = 0;
    for at in 0.. {
        let (machine, plan) = planned(&all);
        let before = machine.now();
        let mut journal = done(apply(&plan, &mut machine.clone(), &folder.empty()));
        let mut dies = machine.with(Some((at, Fault::DiesBehind)));
        if dying(|| undo(&mut journal, &mut dies, Third::Leave)).is_some() {
            break;
        }
        deaths += 1;
        let mut journal = folder.store().unfinished().unwrap().unwrap();
        assert_eq!(undo(&mut journal, &mut machine.clone(), Third::Leave), Vec::<String>::new());
        assert_eq!(machine.now(), before, "{at}");
    }
    assert!(deaths > 2 * all.len(), "{deaths}");
}

#[test]
fn what_somebody_else_changed_since_is_left_and_told() {
    let folder = Folder::new("third");
    let changes = &changes()[..2];
    let (machine, plan) = planned(changes);
    let before = machine.now();
    done(apply(&plan, &mut machine.clone(), &folder.empty()));
    machine.clone().write(&ini("port"), &text("3390")).unwrap();
    let mut journal = folder.store().unfinished().unwrap().unwrap();
    let left = undo(&mut journal, &mut machine.clone(), Third::Leave);
    assert!(left.len() == 1 && left[0].contains("3390") && left[0].contains("33x9"), "{left:?}");
    assert_eq!(journal.ended(), Some(Ended::Partly));
    assert_eq!((machine.now().get(&ini("port")), machine.now().get(&ini("certificate"))), (Some(&text("3390")), None));
    let mut journal = folder.store().last_applied().unwrap().unwrap();
    assert_eq!(undo(&mut journal, &mut machine.clone(), Third::Force), Vec::<String>::new());
    assert_eq!(machine.now(), before);
}

#[test]
fn a_machine_that_changed_since_the_plan_is_refused() {
    let folder = Folder::new("changed");
    let (machine, plan) = planned(&changes());
    machine.clone().write(&ini("port"), &text("3390")).unwrap();
    let before = machine.now();
    let refused = apply(&plan, &mut machine.clone(), &folder.empty());
    assert!(matches!(refused, Err(RunError::Refused(Refusal::Changed { .. }))), "{refused:?}");
    assert_eq!(machine.now(), before);
    assert!(folder.store().runs().unwrap().is_empty());
}

/// Microsoft's and the folk's way to reset the certificate sets `SecurityLayer` to 0 on the way.
#[test]
fn plans_that_make_no_sense_are_refused() {
    let folder = Folder::new("senseless");
    let held = |held: &Held| After::Held { held: Kept::of(held) };
    let content = || file(b"x", 0o600);
    let file = |path: &str| (Place::file(path), Held::Absent, After::File(content()));
    let port = || (ini("port"), text("1"), held(&text("2")));
    for (changes, why) in [
        (vec![], "it changes nothing"),
        (vec![port(), port()], "twice"),
        (vec![(ini("port"), text("1"), held(&text("1")))], "already holds"),
        (
            vec![port(), (Place::file("/etc/xrdp/xrdp.ini"), Held::Absent, held(&Held::Absent))],
            "as a whole and in part",
        ),
        (vec![file("/proc/sys/x")], "no place"),
        (vec![file("etc/x")], "no place"),
        (vec![file("/etc/../x")], "no place"),
    ] {
        let (machine, plan) = planned(&changes);
        let refused = apply(&plan, &mut machine.clone(), &folder.empty());
        let Err(RunError::Refused(told)) = refused else { panic!("{changes:?}: {refused:?}") };
        assert!(told.to_string().contains(why), "{told}");
    }
}

#[test]
fn a_plan_goes_through_a_file_unless_it_holds_whole_files() {
    let (_, plan) = planned(&changes()[..10]);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert!(serde_json::to_string(&planned(&changes()).1).is_err());
}
