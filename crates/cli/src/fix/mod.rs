//! `rdpdoctor fix`: a plan of what would be changed, and with `--apply` the changes, with a way back.

mod disk;
mod gnome;
pub mod guarded;
mod journals;
mod patient;
mod server;
pub mod undo;
mod verified;
mod words;

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use diagnosis::fixes::change::Change;
use diagnosis::fixes::{self, Fix, Given};
use repair::journal::{Ended, Journal, Lock, Store};
use repair::make;
use repair::plan::{Plan, SCHEMA};
use repair::remedy::{self, Unplanned};
use repair::run::{self, Applied, Third};

use crate::arguments::FixOptions;
use crate::output_file::OutputFile;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};
use patient::{Fault, Found, Patient, Probed};
use verified::Verdict;

/// Exit status: a plan has changes; or they were made and rolled back; or a fault is there that takes a person.
const CHANGES: u8 = 1;
/// Most bytes of a saved plan.
const PLAN: u64 = 1024 * 1024;

/// Runs the command and returns the exit status.
pub fn run(options: &FixOptions) -> anyhow::Result<u8> {
    guarded::overdue()?;
    if options.finish {
        return finish(options);
    }
    known(options)?;
    cut_off(options)?;
    if let Some(disk) = disk::Disk::at(options.path.as_deref()) {
        if options.confirm_within.is_some() || options.lease.is_some() {
            bail!("that Windows does not run: nobody can be cut off, and nothing takes a change back in time");
        }
        return disk.run(options);
    }
    let patient = Patient::of(options)?;
    let found = patient.found()?;
    let mut planned = match &options.from {
        Some(file) => Planned { plan: saved(file, options)?, mended: found.faults.clone(), ..Planned::default() },
        None => planned(&patient, &found, options)?,
    };
    planned.plan.lease |= options.lease.is_some();
    planned.restarts_by_hand = patient.by_hand(&found, &mut planned.plan)?;
    if planned.plan.steps.is_empty() {
        let outside = found.faults.is_empty().then(|| patient.probed(&found.server)).flatten();
        terminal::print(&words::nothing(&found, &planned, outside.as_ref()))?;
        return Ok(idle(&found, &planned, outside.as_ref()));
    }
    patient.keeps(&planned.plan)?;
    terminal::print(&words::plan(&planned, &found, patient.elsewhere()))?;
    if !wanted(&planned.plan, options)? {
        return Ok(CHANGES);
    }
    apply(&patient, &found, &planned.plan, options)
}

/// Returns the exit status where nothing is planned: what a probe sees counts for more than what files show.
fn idle(found: &Found, planned: &Planned, outside: Option<&Probed>) -> u8 {
    let by_files = found.unread.is_empty() && found.by_person.is_empty();
    match outside.map(|probed| probed.faults.as_deref()) {
        _ if !planned.by_hand.is_empty() => CHANGES,
        // a probe from here passes no firewall
        Some(Some([])) if found.by_person.is_empty() && !found.may_be_shut() => HEALTHY,
        Some(Some([_, ..])) => CHANGES,
        None if by_files => HEALTHY,
        Some(_) | None => UNDETERMINED,
    }
}

/// Tells of a run that was cut off, before anything else: what it left may look like no fault. No other one is made
/// before somebody has chosen what becomes of it.
fn cut_off(options: &FixOptions) -> anyhow::Result<()> {
    let Some(store) = journals::existing()? else { return Ok(()) };
    // whoever holds it works just now
    let Ok(_lock) = store.lock() else { return Ok(()) };
    let Some(open) = journals::unfinished(&store)? else { return Ok(()) };
    if options.apply {
        bail!("{}", words::cut_off(&open));
    }
    terminal::complain(&words::cut_off(&open));
    Ok(())
}

/// Checks that the causes and fixes that were named exist.
fn known(options: &FixOptions) -> anyhow::Result<()> {
    if let Some(id) = options.causes.iter().find(|id| diagnosis::causes::find(id).is_none()) {
        bail!("there is no cause {id}: `rdpdoctor inspect` names those that are found");
    }
    if let Some(id) = options.only.iter().find(|id| fixes::find(id).is_none()) {
        bail!("there is no fix {id}: `rdpdoctor inspect` names those that help");
    }
    Ok(())
}

/// Saves a plan that was shown, where that was asked for; true if it is to be carried out.
fn wanted(plan: &Plan, options: &FixOptions) -> anyhow::Result<bool> {
    if let Some(file) = &options.save {
        save(plan, file)?;
    }
    if !options.apply {
        terminal::print(&words::how_to_apply(options))?;
        return Ok(false);
    }
    if !options.yes && !agreed("Make these changes?")? {
        terminal::print("Nothing was changed.\n")?;
        return Ok(false);
    }
    Ok(true)
}

/// Changes that are planned, and what they leave.
#[derive(Default)]
struct Planned {
    plan: Plan,
    /// Faults that it mends.
    mended: Vec<Fault>,
    /// Causes that take a person, each with what shows it.
    by_hand: Vec<(String, String)>,
    /// Causes that were asked for and are not there.
    missing: Vec<String>,
    /// Restarts that take a person, a sentence each.
    restarts_by_hand: Vec<String>,
    /// Faults that only show once these are mended, and that it does not mend.
    later: Vec<Fault>,
}

/// Plans what mends the findings: for each the first fix that can be carried out here; and what these would uncover,
/// judged by the state as it would be then.
fn planned(patient: &Patient, found: &Found, options: &FixOptions) -> anyhow::Result<Planned> {
    let mut chosen: Vec<&'static Fix> = Vec::new();
    let (mut planned, mut known) = (Planned::default(), Vec::new());
    let mut fresh = found.faults.clone();
    let mut given = Given::NOTHING;
    given.addresses.clone_from(&options.addresses);
    while !fresh.is_empty() {
        let uncovered = !known.is_empty();
        let mut picked = Vec::new();
        for fault in fresh {
            known.push(fault.cause.clone());
            let asked = options.causes.is_empty() || options.causes.contains(&fault.cause);
            let named = |fix: &&Fix| !given.addresses.is_empty() || !asks_whom(fix);
            let able = fault.fixes.iter().filter_map(|id| fixes::find(id)).filter(|fix| found.server.is_mended_by(fix));
            let able = able.filter(named);
            let wanted = |fix: &&Fix| asked && (options.only.is_empty() || options.only.iter().any(|id| id == fix.id));
            match able.clone().find(wanted) {
                Some(fix) => {
                    picked.push(fix);
                    planned.mended.push(fault);
                }
                None if uncovered => planned.later.push(fault),
                None if asked && able.clone().next().is_none() => planned.by_hand.push((fault.cause, fault.because)),
                None => {}
            }
        }
        // what a setting hides is mended before the setting
        let before = chosen.len();
        chosen.splice(0..0, picked);
        chosen = distinct(&chosen);
        fresh = if chosen.len() > before { found.after(&chosen, &given)? } else { Vec::new() };
        fresh.retain(|fault| !known.contains(&fault.cause));
    }
    planned.missing = options.causes.iter().filter(|cause| !known.contains(cause)).cloned().collect();
    let hand = patient.hand()?;
    let plan =
        remedy::plan(&patient.remedy(found), &chosen, &given, &*hand).map_err(|why: Unplanned| anyhow!("{why}"))?;
    let causes = planned.mended.iter().map(|fault| fault.cause.clone()).collect();
    Ok(Planned { plan: Plan { causes, ..plan }, ..planned })
}

/// True if a person has to say for whom it is.
fn asks_whom(fix: &Fix) -> bool {
    fix.changes().any(|change| *change == Change::OpenLinuxFirewall)
}

/// Returns each fix once.
fn distinct(fixes: &[&'static Fix]) -> Vec<&'static Fix> {
    let first = |(at, fix): &(usize, &&'static Fix)| !fixes.iter().take(*at).any(|known| known.id == fix.id);
    fixes.iter().enumerate().filter(first).map(|(_, fix)| *fix).collect()
}

/// Reads a plan, and checks the rules that need no machine.
fn saved(file: &Path, options: &FixOptions) -> anyhow::Result<Plan> {
    let plan = Plan { lease: options.lease.is_some(), ..read(file)? };
    plan.check().map_err(|why| anyhow!("{why}"))?;
    Ok(plan)
}

fn read(file: &Path) -> anyhow::Result<Plan> {
    let read = || format!("read the plan {}", file.display());
    let bytes = collect::evidence::bytes(file, PLAN).with_context(read)?;
    let plan: Plan = serde_json::from_slice(&bytes).with_context(read)?;
    if plan.schema != SCHEMA {
        bail!("{} is no plan of this version", file.display());
    }
    Ok(plan)
}

fn save(plan: &Plan, file: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(plan).context("write the plan")? + "\n";
    let kept = |path: &Path| {
        let ours = read(path).is_ok();
        (!ours).then(|| "it exists and is no plan".to_owned())
    };
    OutputFile { path: file, inputs: &[], kept: &kept }
        .write(text.as_bytes())
        .with_context(|| format!("write the plan {}", file.display()))?;
    terminal::complain(&format!("plan written to {}", file.display()));
    Ok(())
}

/// Asks a person; without a terminal nobody can answer.
fn agreed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to ask: --yes makes the changes without asking");
    }
    terminal::print(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Opens and locks the folder of the journals for a plan of this machine, unless an earlier run is still open.
fn ready(plan: &Plan, origin: &str) -> anyhow::Result<(Store, Lock)> {
    if plan.origin != origin {
        bail!("the plan was made for another machine");
    }
    let store = journals::store()?;
    let lock = store.lock()?;
    guarded::sweep(&store, &lock)?;
    if let Some(open) = journals::unfinished(&store)? {
        bail!("{}", words::cut_off(&open));
    }
    Ok((store, lock))
}

/// Makes the changes, looks whether they helped, and takes them back if not.
fn apply(patient: &Patient, found: &Found, plan: &Plan, options: &FixOptions) -> anyhow::Result<u8> {
    let (store, _lock) = ready(plan, &patient.origin)?;
    let seen_before = patient.probed(&found.server);
    let mut hand = patient.hand()?;
    let mut make = |name: &str| make::certificate(name);
    let elsewhere = patient.elsewhere();
    let mut guard = guarded::Guard::of(options, plan, elsewhere)?;
    let mut guarded = |run: &Path| guard.as_mut().map_or(Ok(()), |guard| guard.start(run));
    let applied = run::apply_on_terms(plan, &mut *hand, &store, elsewhere, &mut make, &journals::now, &mut guarded)
        .map_err(|why| anyhow!("{why}"))?;
    let stays = matches!(applied, Applied::Done(_));
    let status = match applied {
        // a lease mends nothing for good: what it is for shows elsewhere
        Applied::Done(mut journal) if plan.lease => {
            run::end(&mut journal, "on a lease", &journals::now)?;
            terminal::print(&words::done("Applied", "on a lease", &journal))?;
            HEALTHY
        }
        applied => ended(patient, applied, (&plan.causes, &options.addresses), seen_before.as_ref())?,
    };
    if let Some(guard) = guard.filter(|_| stays && status != CHANGES) {
        terminal::print(&guard.words())?;
    }
    Ok(status)
}

/// Finishes a run that was cut off.
fn finish(options: &FixOptions) -> anyhow::Result<u8> {
    let none = || anyhow!("no run was cut off: there is nothing to finish");
    let store = journals::existing()?.ok_or_else(none)?;
    let _lock = store.lock()?;
    let open = journals::unfinished(&store)?.ok_or_else(none)?;
    let foreign = |origin: &str| open.begin.origin != origin;
    let elsewhere = || anyhow!("run {} belongs to another machine: name its folder", journals::number(&open));
    let causes = open.begin.causes.clone();
    if let Some(disk) = disk::Disk::at(options.path.as_deref()) {
        if foreign(&disk.origin()) {
            return Err(elsewhere());
        }
        let applied = run::finish(open, &mut *journals::hand(true)?, &journals::now).map_err(|why| anyhow!(why))?;
        return disk.ended(applied, &causes);
    }
    let patient = Patient::of(options)?;
    if foreign(&patient.origin) {
        return Err(elsewhere());
    }
    let mut hand = journals::hand(open.begin.elsewhere)?;
    let applied = run::finish(open, &mut *hand, &journals::now).map_err(|why| anyhow!(why))?;
    ended(&patient, applied, (&causes, &options.addresses), None)
}

/// Tells how a run ended; where all was done, whether it helped.
fn ended(
    patient: &Patient,
    applied: Applied,
    (causes, addresses): (&[String], &[String]),
    seen_before: Option<&Probed>,
) -> anyhow::Result<u8> {
    let mut journal = match applied {
        Applied::Done(journal) => journal,
        Applied::RolledBack { why, journal } => {
            let number = journals::number(&journal);
            terminal::print(&format!("It failed: {why}.\nEverything is as before (run {number}).\n"))?;
            return Ok(CHANGES);
        }
        Applied::Stuck { why, left, journal } => {
            terminal::print(&words::stuck(&why, &left, &journal))?;
            return Ok(FAILED);
        }
    };
    let steps = &journal.begin.steps;
    let allowed: Vec<String> = steps.iter().flat_map(|step| step.place.allowed()).map(str::to_owned).collect();
    let allowed = if addresses.is_empty() { &allowed } else { addresses };
    let found = patient.found()?;
    let waits = waits_for_restart(patient, &found, &journal)?;
    let verdict = patient.verify(&found, (causes, allowed), seen_before, waits.as_deref())?;
    match verdict {
        Verdict::Repaired(told) => {
            run::end(&mut journal, &told, &journals::now)?;
            terminal::print(&words::done("Repaired", &told, &journal))?;
            Ok(HEALTHY)
        }
        Verdict::NotVisible(told) => {
            run::end(&mut journal, &told, &journals::now)?;
            terminal::print(&words::done("Applied, not yet visible", &told, &journal))?;
            Ok(UNDETERMINED)
        }
        Verdict::NoHelp(told) => no_help(&mut journal, &told),
    }
}

/// Says what a person has to restart before the changes of a run act; `None` if nothing.
fn waits_for_restart(patient: &Patient, found: &Found, journal: &Journal) -> anyhow::Result<Option<String>> {
    let hand = patient.hand()?;
    let changes = journal.begin.fixes.iter().filter_map(|id| fixes::find(id)).flat_map(Fix::changes);
    let wanted = changes.filter_map(|change| if let Change::RestartUnit(name) = change { Some(*name) } else { None });
    let mut left = wanted.filter(|name| !journal.begin.restarts.iter().any(|done| done == name));
    Ok(left.find_map(|name| Some(patient::started_by_hand(name, &found.started_by_hand(&*hand, name)?))))
}

fn no_help(journal: &mut Journal, told: &str) -> anyhow::Result<u8> {
    let mut hand = journals::hand(journal.begin.elsewhere)?;
    let left = run::back(journal, &mut *hand, Ended::RolledBack, Third::Leave, &journals::now);
    if left.is_empty() {
        let number = journals::number(journal);
        terminal::print(&format!("It did not help: {told}.\nRolled back: everything is as before (run {number}).\n"))?;
        return Ok(CHANGES);
    }
    terminal::print(&words::stuck(&format!("it did not help: {told}"), &left, journal))?;
    Ok(FAILED)
}
