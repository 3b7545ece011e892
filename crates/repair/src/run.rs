//! Carrying out a plan, and going back: journal first, then the change, then reading it back.

use std::path::Path;

use thiserror::Error;

use crate::hand::{Hand, Unread, put};
use crate::journal::{Begin, Ended, Entry, Journal, JournalError, Store, StoreError, Written, script};
use crate::place::{Held, Kept};
use crate::plan::{Made, Plan, Refusal, Resolved};

/// Makes a key with a certificate for a name.
pub type Maker<'a> = &'a mut dyn FnMut(&str) -> Result<Made, String>;

/// Clock: the time of now, RFC 3339, UTC. It orders nothing; a clock that is set back does no harm.
pub type Clock<'a> = &'a dyn Fn() -> String;

/// Reason why a run did not begin. Nothing was changed.
#[derive(Debug, Error)]
pub enum RunError {
    /// The plan is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The folder of the journals.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal.
    #[error("write the journal: {0}")]
    Journal(#[from] JournalError),
    /// Files could not be copied for the case that everything fails.
    #[error("keep a copy of what is changed: {0}")]
    Copies(#[from] Unread),
}

/// Outcome of a run.
#[derive(Debug)]
pub enum Applied {
    /// All is done. Whether it helped is to be seen: then [`end`] or [`back`].
    Done(Journal),
    /// It failed, and everything is as before.
    RolledBack {
        /// The reason.
        why: String,
        /// The journal.
        journal: Journal,
    },
    /// It failed, and not everything could be taken back.
    Stuck {
        /// The reason.
        why: String,
        /// Places that are not as before, one line each.
        left: Vec<String>,
        /// The journal.
        journal: Journal,
    },
}

/// Carries out a plan: writes down what it is going to do, does it step by step, and reads back each step.
pub fn apply(
    plan: &Plan,
    hand: &mut dyn Hand,
    store: &Store,
    elsewhere: bool,
    make: Maker<'_>,
    clock: Clock<'_>,
) -> Result<Applied, RunError> {
    if plan.lease {
        return Err(Refusal::Rule("a plan with a weaker setting needs a guard that ends its lease".to_owned()).into());
    }
    apply_on_terms(plan, hand, store, elsewhere, make, clock, &mut |_| Ok(()))
}

/// Carries out a plan like [`apply`], with `guarded` done when the journal in this folder is on the disk, and before
/// the first change: it lays down the terms ([`crate::guard::Terms`]) and starts whoever watches them.
pub fn apply_on_terms(
    plan: &Plan,
    hand: &mut dyn Hand,
    store: &Store,
    elsewhere: bool,
    make: Maker<'_>,
    clock: Clock<'_>,
    guarded: &mut dyn FnMut(&Path) -> Result<(), String>,
) -> Result<Applied, RunError> {
    let steps = plan.resolve(hand, make)?;
    let copies = script::copies(hand, &steps)?;
    let text = script::script(&copies, &steps, if elsewhere { &[] } else { &plan.restarts });
    let written = |step: &Resolved| Written {
        place: step.place.clone(),
        before: Kept::of(&step.before),
        after: Kept::of(&step.after),
    };
    let begin = Begin {
        causes: plan.causes.clone(),
        fixes: plan.fixes.clone(),
        restarts: plan.restarts.clone(),
        elsewhere,
        ..Begin::new(&plan.origin, steps.iter().map(written).collect())
    };
    // the script's own copies are kept like the rest
    let kept: Vec<Resolved> = copies
        .into_iter()
        .map(|(path, held)| Resolved { place: crate::place::Place::File { path }, before: held, after: Held::Absent })
        .chain(steps.iter().cloned())
        .collect();
    let mut journal = Journal::begin(&store.next()?, begin, &kept, &text, &clock())?;
    if let Err(why) = guarded(&journal.folder.clone()) {
        return Ok(rolled_back(journal, hand, why, clock));
    }
    Ok(match all(&mut journal, hand, &steps, clock) {
        Ok(()) => Applied::Done(journal),
        Err(why) => rolled_back(journal, hand, why, clock),
    })
}

/// Does what is not done yet: each step, then the restarts.
fn all(journal: &mut Journal, hand: &mut dyn Hand, steps: &[Resolved], clock: Clock<'_>) -> Result<(), String> {
    for (number, step) in steps.iter().enumerate() {
        if journal.done(number) {
            continue;
        }
        journal.append(Entry::Intent { step: number }, &clock()).map_err(|why| format!("write the journal: {why}"))?;
        put(hand, &step.place, &step.after).map_err(|why| why.to_string())?;
        journal.append(Entry::Done { step: number }, &clock()).map_err(|why| format!("write the journal: {why}"))?;
    }
    for service in journal.begin.restarts.clone() {
        let noted = |journal: &mut Journal, entry| {
            journal.append(entry, &clock()).map_err(|why| format!("write the journal: {why}"))
        };
        noted(journal, Entry::Restarting { service: service.clone() })?;
        hand.restart(&service).map_err(|why| why.to_string())?;
        noted(journal, Entry::Restarted { service })?;
    }
    Ok(())
}

fn rolled_back(mut journal: Journal, hand: &mut dyn Hand, why: String, clock: Clock<'_>) -> Applied {
    let left = back(&mut journal, hand, Ended::RolledBack, Third::Ours, clock);
    if left.is_empty() { Applied::RolledBack { why, journal } } else { Applied::Stuck { why, left, journal } }
}

/// Way with a place that holds neither what was there before nor what was put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Third {
    /// Leave it: somebody else changed it since.
    Leave,
    /// It is what a write of ours left behind, if the step was begun and not finished; other places are left.
    Ours,
    /// Put back what was there before, whatever is there now.
    Force,
}

/// Takes back what was done, the last step first, and restarts again what was restarted. Returns what is not as before,
/// one line each; the journal ends with `how` if that is nothing.
pub fn back(journal: &mut Journal, hand: &mut dyn Hand, how: Ended, third: Third, clock: Clock<'_>) -> Vec<String> {
    let (mut left, mut changed) = (Vec::new(), false);
    let steps = journal.begin.steps.clone();
    for (number, step) in
        steps.iter().enumerate().rev().filter(|(number, _)| journal.begun(*number)).collect::<Vec<_>>()
    {
        match taken_back(journal, hand, number, step, third) {
            Ok(was) => {
                changed |= was;
                // what cannot be written down is done all the same
                let _ = journal.append(Entry::Undone { step: number }, &clock());
            }
            Err(why) => left.push(why),
        }
    }
    let mut services: Vec<String> = journal.restarted().map(str::to_owned).collect();
    services.sort();
    services.dedup();
    for service in services.into_iter().filter(|_| changed) {
        if let Err(why) = hand.restart(&service) {
            left.push(why.to_string());
        }
    }
    let how = if left.is_empty() { how } else { Ended::Partly };
    if let Err(why) = journal.append(Entry::End { how }, &clock()) {
        left.push(format!("write the journal: {why}"));
    }
    left
}

/// Takes back one step; true if something had to be changed for it.
fn taken_back(
    journal: &Journal,
    hand: &mut dyn Hand,
    number: usize,
    step: &Written,
    third: Third,
) -> Result<bool, String> {
    let place = &step.place;
    let unfinished = !journal.done(number);
    let now = hand.read(place).map(|held| Kept::of(&held));
    let before = journal.held(&step.before).map_err(|why| format!("{place}: {why}"))?;
    match now {
        // also where it holds what it held: an attempt that was cut off may have left something beside it
        Ok(now) if now == step.before && !unfinished => return Ok(false),
        Ok(now) if now == step.before || now == step.after => {}
        _ if third == Third::Force || third == Third::Ours && unfinished => {}
        Ok(now) => {
            let (now, then) = (now.words(), step.before.words());
            return Err(format!("{place} was changed by somebody else since: it holds {now}, and held {then} before"));
        }
        Err(why) => return Err(format!("read {place}: {why}")),
    }
    put(hand, place, &before).map_err(|why| why.to_string())?;
    Ok(true)
}

/// Finishes a run that was cut off. What a step holds says whether it was done; a third value stops it.
pub fn finish(mut journal: Journal, hand: &mut dyn Hand, clock: Clock<'_>) -> Result<Applied, String> {
    let mut steps = Vec::new();
    for (number, step) in journal.begin.steps.clone().into_iter().enumerate() {
        let held = |kept: &Kept| journal.held(kept).map_err(|why| format!("{}: {why}", step.place));
        let (before, after) = (held(&step.before)?, held(&step.after)?);
        let now = hand.read(&step.place).map_err(|why| format!("read {}: {why}", step.place))?;
        let unfinished = !journal.done(number);
        let ours = unfinished && (now == before || journal.begun(number) && now.is_between(&before, &after));
        if now != after && !ours {
            return Err(format!(
                "{} holds neither what it held before nor what it was to hold: take the run back instead",
                step.place
            ));
        }
        steps.push(Resolved { place: step.place, before, after });
    }
    Ok(match all(&mut journal, hand, &steps, clock) {
        Ok(()) => Applied::Done(journal),
        Err(why) => rolled_back(journal, hand, why, clock),
    })
}

/// Ends a run whose changes stay.
pub fn end(journal: &mut Journal, told: &str, clock: Clock<'_>) -> Result<(), JournalError> {
    journal.append(Entry::Verified { told: told.to_owned() }, &clock())?;
    journal.append(Entry::End { how: Ended::Applied }, &clock())
}
