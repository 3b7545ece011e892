//! Changes that do not stay of themselves: they end whatever dies, and whatever somebody does to the clock.

use std::cell::Cell;
use std::path::Path;

use repair::guard::{GuardError, LONGEST, Moment, Terms, Watched, confirm, sweep, watch};

use super::*;

const CODE: &str = "1234-5678";
pub const SECONDS: u64 = 60;

fn moment(boot: &str, uptime: u64) -> Moment {
    Moment { boot: boot.to_owned(), uptime, unix: 1_000_000 + uptime }
}

/// A weaker setting beside others.
fn weaker() -> (Machine, Plan) {
    let held = |held: &Held| After::Held { held: Kept::of(held) };
    let (machine, plan) = planned(&[
        (ini("port"), text("33x9"), held(&text("3389"))),
        (registry("UserAuthentication"), dword(1), held(&dword(0))),
        (ini("security_layer"), text("tls"), held(&text("rdp"))),
    ]);
    (machine, Plan { lease: true, ..plan })
}

/// Carries out a plan under terms that begin at moment 0 of the run `a` of the machine.
pub fn on_terms(plan: &Plan, hand: &mut Machine, store: &Store, code: Option<&str>) -> Result<Applied, RunError> {
    let terms = Terms::new(moment("a", 0), SECONDS, code);
    let mut lay = |run: &Path| terms.lay(run).map_err(|why| why.to_string());
    run::apply_on_terms(plan, hand, store, false, &mut made, &clock, &mut lay)
}

pub fn watched(journal: &Journal, hand: &mut Machine, store: &Store, until: u64) -> Watched {
    let passed = Cell::new(0);
    let now = || moment("a", passed.get());
    let mut pause = |_: &Terms| {
        assert!(passed.get() <= until, "it waits too long");
        passed.set(passed.get() + 1);
        false
    };
    watch(&journal.folder, store, hand, &clock, &now, &mut pause).unwrap()
}

#[test]
fn a_weaker_setting_is_a_lease_or_nothing() {
    let folder = Folder::new("lease");
    let (machine, plan) = weaker();
    let before = machine.now();
    let alone = Plan { lease: false, ..plan.clone() };
    for refused in [
        apply(&plan, &mut machine.with(None), &folder.empty()),
        on_terms(&alone, &mut machine.with(None), &folder.store(), None),
    ] {
        assert!(matches!(refused, Err(RunError::Refused(Refusal::Rule(_)))), "{refused:?}");
        assert_eq!(machine.now(), before);
    }
    let store = folder.store();
    let journal = done(on_terms(&plan, &mut machine.with(None), &store, None));
    assert_ne!(machine.now(), before);
    // nothing keeps it
    assert!(matches!(confirm(&store, "", &moment("a", 1)), Err(GuardError::Unknown)));
    assert_eq!(watched(&journal, &mut machine.with(None), &store, SECONDS), Watched::Reverted);
    assert_eq!(machine.now(), before);
    assert_eq!(Terms::new(moment("a", 0), u64::MAX, None).seconds, LONGEST);
}

/// Whenever the program dies, and whether or not its guard does: behind the next start of the machine all is as before.
#[test]
fn a_lease_ends_wherever_the_program_dies() {
    let folder = Folder::new("lease-dies");
    let (machine, plan) = weaker();
    let before = machine.now();
    let mut hand = machine.with(None);
    drop(on_terms(&plan, &mut hand, &folder.empty(), None));
    let operations = hand.operations.get();
    assert!(operations > 8, "{operations}");
    for fault in [Fault::DiesBefore, Fault::DiesBehind] {
        for at in 0..operations {
            let (machine, plan) = weaker();
            let store = folder.empty();
            assert!(dying(|| on_terms(&plan, &mut machine.with(Some((at, fault))), &store, None)).is_none());
            let early = sweep(
                &store,
                &store.lock().unwrap(),
                &mut machine.with(None),
                &clock,
                &moment("a", SECONDS - 1),
                false,
            );
            assert_eq!(early.unwrap(), [], "its time is not over");
            let lock = store.lock().unwrap();
            let swept = sweep(&store, &lock, &mut machine.with(None), &clock, &moment("b", SECONDS), false).unwrap();
            assert!(swept.iter().all(|(_, how)| *how == Watched::Reverted), "{swept:?}");
            assert_eq!(machine.now(), before, "{fault:?} at {at}");
            assert_eq!(
                sweep(&store, &lock, &mut machine.with(None), &clock, &moment("b", SECONDS), false).unwrap(),
                []
            );
        }
    }
}

#[test]
fn a_code_keeps_a_change_in_time_and_no_other_does() {
    let folder = Folder::new("confirm");
    let (machine, plan) = planned(&changes());
    let before = machine.now();
    let store = folder.empty();
    let run = |code| done(on_terms(&plan, &mut machine.with(None), &store, Some(code)));
    let mut first = run(CODE);
    let after = machine.now();
    assert!(matches!(confirm(&store, "1234-5679", &moment("a", 1)), Err(GuardError::Unknown)));
    assert!(matches!(confirm(&store, CODE, &moment("a", SECONDS)), Err(GuardError::Late)));
    assert_eq!(confirm(&store, CODE, &moment("a", SECONDS - 1)).unwrap(), first.folder);
    assert_eq!(watched(&first, &mut machine.with(None), &store, 0), Watched::Confirmed);
    let swept =
        sweep(&store, &store.lock().unwrap(), &mut machine.with(None), &clock, &moment("b", 10 * SECONDS), false);
    assert_eq!((swept.unwrap(), machine.now()), (Vec::new(), after));
    assert_eq!(undo(&mut first, &mut machine.with(None), Third::Leave), Vec::<String>::new());
    let second = run("other");
    assert_eq!(watched(&second, &mut machine.with(None), &store, SECONDS), Watched::Reverted);
    assert_eq!(machine.now(), before);
    assert!(matches!(confirm(&store, "other", &moment("a", SECONDS)), Err(GuardError::Late)));
    // one that was taken back by hand has no guard any more
    let mut third = run("third");
    undo(&mut third, &mut machine.with(None), Third::Leave);
    assert_eq!(watched(&third, &mut machine.with(None), &store, SECONDS), Watched::Ended);
}
