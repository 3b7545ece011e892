//! Two laws over every pair of a cause and a fix that it names, on recorded states, without Windows: after the changes
//! the cause is no longer there, and what is taken back is as it was before.
//!
//! A pair is either shown by states ([`states`]) or listed with the reason why none can show it ([`reasons`]); a new
//! pair that is neither fails here.

mod reasons;
mod states;

use evidence::state::{Part, State};
use evidence::{Evidence, Role, Source, Subject, SubjectId};
use wire::machine::TcpAnswer;

use super::apply::{apply, apply_fix};
use super::change::{Change, Step};
use super::{ALL, Fix, Given, find};
use crate::case::{Case, Context};
use crate::cause::{Cause, Judgement, Severity};
use crate::causes;
use crate::diagnose::{Run, diagnose};
use crate::sketch::{NOW, client};
use reasons::{LISTED, Why};
use states::{Pair, SHOWN};

/// Names what a person would, where a fix asks for it.
fn given(cause: &Cause) -> Given {
    let mut given = Given::NOTHING.host("server01.corp.example").port(Some(3389)).side_of(cause);
    given.thumbprint = Some(states::NEW.repeat(20));
    given.addresses = vec!["192.0.2.0/24".to_owned()];
    given
}

fn context(pair: &Pair) -> Context {
    let mut context = client("server01.corp.example").context().clone();
    if !pair.probed {
        context.target = None;
    }
    context
}

/// The evidence of these states, and whom the cause is judged for.
fn observed(pair: &Pair, states: &[State]) -> (Evidence, SubjectId) {
    let mut evidence = Evidence::default();
    let mut judged = None;
    if pair.probed {
        let address = Some("192.0.2.7:3389".parse().unwrap());
        let subject = evidence.subject(Subject::new(Role::Host, None, address));
        evidence.observe(subject, Source::Probe(1), NOW, None, evidence::Fact::TcpAnswer(TcpAnswer::Accepted));
        judged = Some(subject);
    }
    for (number, state) in states.iter().enumerate() {
        let machine = state.observe(&mut evidence, Source::File(number + 1), NOW);
        judged = judged.or(Some(machine));
    }
    (evidence, judged.unwrap())
}

fn judge(pair: &Pair, states: &[State]) -> Judgement {
    let (evidence, subject) = observed(pair, states);
    cause(pair).judge(Case { evidence: &evidence, subject, context: &context(pair) })
}

fn cause(pair: &Pair) -> &'static Cause {
    causes::find(pair.cause).unwrap_or_else(|| panic!("no cause {}", pair.cause))
}

fn fix(id: &str) -> &'static Fix {
    find(id).unwrap_or_else(|| panic!("no fix {id}"))
}

/// Finds the causes in these states that keep somebody out, or will.
fn faults(pair: &Pair, states: &[State]) -> Vec<String> {
    let (evidence, _) = observed(pair, states);
    let diagnosis = diagnose(&evidence, &context(pair), Run::default());
    let faults = diagnosis.findings.into_iter().filter(|finding| finding.severity < Severity::Advisory);
    faults.map(|finding| finding.cause).collect()
}

fn all_states() -> impl Iterator<Item = (&'static Pair, Vec<State>)> {
    SHOWN.iter().flat_map(|pair| (pair.states)().into_iter().map(move |states| (pair, states)))
}

#[test]
fn what_is_sound_has_no_fault() {
    for (states, role) in [(vec![states::sound()], Role::Host), (vec![states::client(), states::sound()], Role::Client)]
    {
        let pair = SHOWN.iter().find(|pair| cause(pair).role == role).unwrap();
        assert_eq!(faults(pair, &states), Vec::<String>::new());
    }
}

#[test]
fn every_pair_is_shown_or_listed() {
    let pairs: Vec<(&str, &str)> =
        causes::ALL.iter().flat_map(|cause| cause.fixes.iter().map(|fix| (cause.id, *fix))).collect();
    let shown = |pair: &(&str, &str)| SHOWN.iter().filter(|known| (known.cause, known.fix) == *pair).count();
    let listed = |pair: &(&str, &str)| LISTED.iter().filter(|(cause, fix, _)| (*cause, *fix) == *pair).count();
    for pair in &pairs {
        assert_eq!(
            shown(pair) + listed(pair),
            1,
            "{} and {}: shown {}, listed {}",
            pair.0,
            pair.1,
            shown(pair),
            listed(pair)
        );
    }
    let known =
        SHOWN.iter().map(|pair| (pair.cause, pair.fix)).chain(LISTED.iter().map(|(cause, fix, _)| (*cause, *fix)));
    for pair in known {
        assert!(pairs.contains(&pair), "{} does not name {}", pair.0, pair.1);
    }
    // told in the book of what is proven: a change here is one of what the product can promise
    assert_eq!((pairs.len(), SHOWN.len(), LISTED.len()), (174, 60, 114));
}

/// The first law.
#[test]
fn after_its_changes_the_cause_is_no_longer_there() {
    for (pair, states) in all_states() {
        let name = format!("{} and {}", pair.cause, pair.fix);
        assert!(matches!(judge(pair, &states), Judgement::Present { .. }), "{name}: not there before");
        let mut after = states.clone();
        let undo = apply_fix(fix(pair.fix), &given(cause(pair)), &mut after[0]);
        assert!(!undo.is_empty(), "{name}: nothing was changed");
        let judged = judge(pair, &after);
        if pair.ruled_out {
            assert!(matches!(judged, Judgement::Absent), "{name}: {judged:?}");
        } else {
            assert!(matches!(judged, Judgement::Unknown), "{name}: {judged:?}");
        }
    }
}

/// A fix that breaks something else mends nothing.
#[test]
fn no_fix_brings_another_fault_about() {
    for (pair, states) in all_states() {
        let mut after = states.clone();
        drop(apply_fix(fix(pair.fix), &given(cause(pair)), &mut after[0]));
        let (before, after) = (faults(pair, &states), faults(pair, &after));
        let new: Vec<_> = after.iter().filter(|fault| !before.contains(fault)).collect();
        assert!(new.is_empty(), "{} and {}: now {new:?}", pair.cause, pair.fix);
    }
}

/// The second law, for every fix on every state, also where the k-th change is the last one that was made.
#[test]
fn what_is_taken_back_is_as_it_was() {
    let mut undone = 0;
    for (pair, states) in all_states() {
        for fix in ALL {
            let changes: Vec<&Change> = fix.changes().collect();
            for made in 0..=changes.len() {
                let mut state = states[0].clone();
                let mut undo = super::apply::Undo::default();
                for change in &changes[..made] {
                    undo.then(apply(change, &given(cause(pair)), &mut state));
                }
                assert_eq!(
                    undo.is_empty(),
                    state == states[0],
                    "{} on {}: a change that is not known",
                    fix.id,
                    pair.cause
                );
                undone += usize::from(!undo.is_empty());
                undo.undo(&mut state);
                assert_eq!(state, states[0], "{} on {}, {made} changes", fix.id, pair.cause);
            }
            let mut state = states[0].clone();
            apply_fix(fix, &given(cause(pair)), &mut state).undo(&mut state);
            assert_eq!(state, states[0], "{} on {}", fix.id, pair.cause);
        }
    }
    assert!(undone > 500, "only {undone} times was there anything to take back");
}

/// A state is sound but for the one thing: a law that holds because nothing can be seen would hold for everything.
#[test]
fn another_fix_does_not_help() {
    let mut crossed = std::collections::BTreeSet::new();
    for (pair, states) in all_states() {
        for other in ALL.iter().filter(|fix| !cause(pair).fixes.contains(&fix.id)) {
            let mut after = states.clone();
            drop(apply_fix(other, &given(cause(pair)), &mut after[0]));
            if !matches!(judge(pair, &after), Judgement::Present { .. }) {
                crossed.insert((pair.cause, other.id));
            }
        }
    }
    assert_eq!(crossed, states::CROSSES.iter().copied().collect());
}

/// Something that was not read is not known afterwards either.
#[test]
fn nothing_is_invented() {
    for fix in ALL {
        for part in [Part::Host, Part::Client] {
            let unread = State { part, ..State::default() };
            let mut after = unread.clone();
            let undo = apply_fix(fix, &given(causes::ALL[0]), &mut after);
            assert!(undo.is_empty() && after == unread, "{}", fix.id);
        }
    }
}

/// A certificate or an address that nobody has named is not made up.
#[test]
fn what_was_not_named_is_not_done() {
    for (pair, states) in all_states() {
        for change in
            [Change::BindCertificate, Change::SignRdpFile, Change::OpenFirewall("RemoteDesktop-UserMode-In-TCP")]
        {
            let mut state = states[0].clone();
            assert!(apply(&change, &Given::NOTHING, &mut state).is_empty(), "{change:?} on {}", pair.cause);
        }
    }
}

/// The reasons themselves are held against the declarations.
#[test]
fn a_pair_is_listed_for_a_reason_that_holds() {
    for (id, fix_id, why) in LISTED {
        let (cause, fix) = (causes::find(id).unwrap(), fix(fix_id));
        let recorded = reasons::shown_by_settings(cause);
        match why {
            Why::Wire => assert!(!recorded && !reasons::shown_by_logs(cause), "{id}: a record can show it"),
            Why::Logs => assert!(!recorded && reasons::shown_by_logs(cause), "{id}: not by logs alone"),
            Why::Person => {
                let runs = |change: &Change| matches!(change, Change::Run(run) if run.does.is_empty());
                assert!(fix.changes().all(runs), "{fix_id}: it changes what is recorded");
            }
            Why::Elsewhere(reason) | Why::Other(reason) => assert!(recorded && !reason.is_empty(), "{id} and {fix_id}"),
        }
    }
}

#[test]
fn a_fix_that_follows_is_done_as_well() {
    let follows = |fix: &&&Fix| fix.steps.iter().any(|step| matches!(step, Step::Then(..)));
    let all: Vec<_> = ALL.iter().filter(follows).map(|fix| fix.id).collect();
    assert_eq!(all, ["replace-rdp-key-container"]);
}
