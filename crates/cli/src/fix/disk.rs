//! A mounted Windows disk: its registry is repaired while that Windows does not run.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use collect::evidence::{OfflineHive, gather, offline_hives};
use diagnosis::Diagnosis;
use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::fixes::change::Change;
use diagnosis::fixes::{self, Fix, Given, Safety};
use evidence::Evidence;
use evidence::printable::{counted, printable};
use repair::hand::Hand;
use repair::offline::HiveChange;
use repair::place::{Held, Kept, Place};
use repair::plan::{After, Plan, SCHEMA, Step};
use repair::remedy_offline::{self, OpenHive};
use repair::run::{self, Applied};
use time::OffsetDateTime;

use super::{CHANGES, journals, no_help, patient, ready, saved, wanted, words};
use crate::arguments::FixOptions;
use crate::diagnose::truncated;
use crate::{FAILED, HEALTHY, UNDETERMINED, terminal};

/// Hundreds of nanoseconds from 1601, where a `FILETIME` begins, to 1970, and in a second.
const UNIX_EPOCH: i128 = 116_444_736_000_000_000;
const SECOND: i128 = 10_000_000;

/// Windows disk that is mounted here.
pub struct Disk {
    root: PathBuf,
    hives: Vec<OfflineHive>,
}

/// Changes that are planned, and what takes a person.
#[derive(Default)]
struct Planned {
    plan: Plan,
    by_hand: Vec<(String, String)>,
    /// Causes that were asked for and are not there.
    missing: Vec<String>,
    why: Vec<String>,
}

impl Disk {
    /// Returns the Windows disk that is mounted here; `None` if it is none.
    pub fn at(path: Option<&Path>) -> Option<Self> {
        let root = std::fs::canonicalize(path.filter(|path| path.is_dir())?).ok()?;
        let hives = offline_hives(&root);
        (!hives.is_empty()).then_some(Self { root, hives })
    }

    /// Runs `fix` on it, and returns the exit status.
    pub fn run(&self, options: &FixOptions) -> anyhow::Result<u8> {
        let hand = journals::hand(true)?;
        let planned = match &options.from {
            Some(file) => Planned { plan: saved(file, options)?, ..Planned::default() },
            None => self.planned(&*hand, options)?,
        };
        terminal::print(&self.words(&planned))?;
        let plan = planned.plan;
        if plan.steps.is_empty() {
            return Ok(HEALTHY);
        }
        if !wanted(&plan, options)? {
            return Ok(CHANGES);
        }
        self.apply(&plan)
    }

    /// Returns the machine as the journals know it.
    pub fn origin(&self) -> String {
        journals::origin(&self.root)
    }

    /// Reads and judges the disk.
    fn diagnosed(&self) -> anyhow::Result<Diagnosis> {
        let now = truncated(OffsetDateTime::now_utc());
        let gathered = gather(std::slice::from_ref(&self.root));
        let at = gathered.newest(now).unwrap_or(now);
        let mut evidence = Evidence::default();
        gathered.observe(&mut evidence, now);
        Ok(diagnosis::diagnose(&evidence.into_order(), &patient::context(None, at)?, Run::default()))
    }

    fn planned(&self, hand: &dyn Hand, options: &FixOptions) -> anyhow::Result<Planned> {
        let diagnosis = self.diagnosed()?;
        let mut hives = self.opened(hand)?;
        let (mut causes, mut chosen, mut by_hand, mut why) = (Vec::new(), Vec::<&Fix>::new(), Vec::new(), Vec::new());
        let faults = diagnosis.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
        for finding in faults.filter(|finding| options.causes.is_empty() || options.causes.contains(&finding.cause)) {
            let given = diagnosis::causes::find(&finding.cause).map_or(Given::NOTHING, |it| Given::NOTHING.side_of(it));
            let able = finding.fixes.iter().filter_map(|id| fixes::find(id));
            let able = able.filter(|fix| matches!(fix.safety, Safety::Safe | Safety::Disruptive));
            let mut able = able.filter(|fix| options.only.is_empty() || options.only.iter().any(|id| id == fix.id));
            if let Some(fix) =
                able.find(|fix| remedy_offline::plan(fix, &given, &mut hives).is_ok_and(|count| count > 0))
            {
                let because = finding.because.first().map_or(&finding.title, |because| &because.text);
                why.push(format!("{}: {because}", finding.cause));
                causes.push(finding.cause.clone());
                if !chosen.iter().any(|known| known.id == fix.id) {
                    chosen.push(fix);
                }
            } else {
                let because = finding.because.first().map_or(String::new(), |because| because.text.clone());
                by_hand.push((finding.cause.clone(), because));
            }
        }
        let changed = self.hives.iter().zip(hives).filter(|(_, open)| !open.change.values.is_empty());
        let fix = chosen.first().map_or("", |fix| fix.id);
        let steps = changed.map(|(hive, open)| Step::new(hand, Place::file(&hive.file), After::Hive(open.change), fix));
        let plan = Plan {
            schema: SCHEMA.to_owned(),
            origin: self.origin(),
            causes,
            fixes: chosen.iter().map(|fix| fix.id.to_owned()).collect(),
            steps: steps.collect::<Result<_, _>>()?,
            ..Plan::default()
        };
        let there = |cause: &&String| diagnosis.findings.iter().any(|finding| finding.cause == **cause);
        let missing = options.causes.iter().filter(|cause| !there(cause)).cloned().collect();
        Ok(Planned { plan, by_hand, missing, why })
    }

    /// Reads the hives. One that cannot be changed at all stops everything: nobody should repair half of a machine.
    fn opened(&self, hand: &dyn Hand) -> anyhow::Result<Vec<OpenHive>> {
        let since = OffsetDateTime::now_utc().unix_timestamp();
        let at = u64::try_from(i128::from(since) * SECOND + UNIX_EPOCH).unwrap_or_default();
        let opened = self.hives.iter().map(|hive| {
            let place = Place::file(&hive.file);
            let Held::File { bytes, .. } = hand.read(&place).map_err(|why| anyhow!("read {place}: {why}"))? else {
                bail!("{place} is not there any more");
            };
            let change = HiveChange {
                root: hive.root.to_owned(),
                values: Vec::new(),
                logs: hive.logs.clone(),
                hibernation: hive.hibernation.clone(),
                at,
            };
            let image = change.image(hand, &bytes).map_err(|why| anyhow!("{place} cannot be changed: {why}"))?;
            Ok(OpenHive { image, change })
        });
        opened.collect()
    }

    fn apply(&self, plan: &Plan) -> anyhow::Result<u8> {
        let (store, _lock) = ready(plan, &self.origin())?;
        let mut hand = journals::hand(true)?;
        let mut no_key = |_: &str| Err("no key is made on a disk".to_owned());
        let applied = run::apply(plan, &mut *hand, &store, true, &mut no_key, &journals::now)?;
        self.ended(applied, &plan.causes)
    }

    /// Tells how a run ended; where all was done, whether it helped.
    pub fn ended(&self, applied: Applied, causes: &[String]) -> anyhow::Result<u8> {
        let mut journal = match applied {
            Applied::Done(journal) => journal,
            Applied::RolledBack { why, .. } => {
                terminal::print(&format!("It failed: {}.\nEverything is as before.\n", printable(&why)))?;
                return Ok(CHANGES);
            }
            Applied::Stuck { why, left, journal } => {
                terminal::print(&words::stuck(&why, &left, &journal))?;
                return Ok(FAILED);
            }
        };
        let after = self.diagnosed()?;
        if let Some(still) = after.findings.iter().find(|finding| causes.contains(&finding.cause)) {
            return no_help(&mut journal, &format!("{} is still there", still.cause));
        }
        let told = format!("the disk no longer shows {}; start that Windows to see it work", causes.join(", "));
        run::end(&mut journal, &told, &journals::now)?;
        terminal::print(&words::done("Applied, not yet visible", &told, &journal))?;
        Ok(UNDETERMINED)
    }

    /// Writes the plan like a difference: now and then, value by value.
    fn words(&self, planned: &Planned) -> String {
        let root = printable(&self.root.display().to_string());
        let mut lines = Vec::new();
        if planned.plan.steps.is_empty() {
            lines.push(format!("The registry on {root}: nothing that this program can change there. Nothing to do."));
        } else {
            lines.push(format!("Plan for the Windows on {root}:"));
            lines.push(String::new());
            lines.extend(planned.why.iter().map(|why| printable(why)));
            for fix in planned.plan.fixes.iter().filter_map(|id| fixes::find(id)) {
                lines.push(format!("  {} ({}, {})", fix.title, fix.id, fix.safety.word()));
            }
            for step in &planned.plan.steps {
                lines.push(String::new());
                lines.push(format!("  {}", printable(&step.place.to_string())));
                lines.extend(values(step));
            }
            let count = planned.plan.steps.iter().map(|step| values(step).len() / 3).sum::<usize>();
            lines.push(String::new());
            lines.push(format!(
                "{} in all. The hive is kept as it is: `rdpdoctor undo` restores it to the byte.",
                counted(count, "value", "values")
            ));
        }
        let opens = |fix: &&Fix| fix.changes().any(|change| matches!(change, Change::OpenFirewall(_)));
        if planned.plan.fixes.iter().filter_map(|id| fixes::find(id)).any(|fix| opens(&fix)) {
            lines.push(
                "The firewall's rule for Remote Desktop stays as it is: `rdpdoctor explain open-firewall-for-rdp`."
                    .to_owned(),
            );
        }
        lines.extend(words::left_over(&planned.by_hand, &planned.missing, &[]));
        lines.join("\n") + "\n"
    }
}

fn values(step: &Step) -> Vec<String> {
    let After::Hive(change) = &step.after else { return Vec::new() };
    let shown = |kept: &Kept| printable(&kept.words());
    let lines = change.values.iter().flat_map(|value| {
        let name = printable(&format!("{}\\{} {}", change.root, value.key, value.name));
        [format!("  {name}"), format!("    - {}", shown(&value.before)), format!("    + {}", shown(&value.after))]
    });
    lines.collect()
}
