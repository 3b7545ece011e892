//! The machine that is repaired: read before and after, by its files and, where it runs here, by a probe.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, bail};
use collect::evidence::{Gathered, Piece, gather, is_own_xrdp, root_of_xrdp};
use collect::probe::Probe;
use diagnosis::Context;
use diagnosis::cause::Severity;
use diagnosis::diagnose::Run;
use diagnosis::fixes::{self, Fix, Given};
use evidence::observe::observe;
use evidence::state::{State, XRDP_INI, Xrdp};
use evidence::{Evidence, Target};
use repair::hand::Hand;
use repair::plan::{Plan, Step};
use time::OffsetDateTime;

use super::journals;
use crate::diagnose::{drive, plain_context, truncated};

/// Time for a probe of this machine itself.
const PROBE: Duration = Duration::from_secs(8);
/// Further probes where nothing listens yet, and the pause before each.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// The machine.
pub struct Patient {
    /// Its `xrdp.ini`, as it is found from here.
    ini: PathBuf,
    /// Root of its files.
    pub root: PathBuf,
    /// Folder outside of which nothing is changed: all of this machine, the mounted one, or the folder of a lone
    /// `xrdp.ini`.
    bound: PathBuf,
    /// Machine as the journals know it.
    pub origin: String,
}

/// State of it, and what is wrong.
pub struct Found {
    /// Settings of its xrdp.
    pub xrdp: Xrdp,
    /// Name of its machine, as a certificate has it.
    pub name: String,
    /// Name of its machine, or the path of its settings where it has none.
    pub title: String,
    /// Causes that keep somebody out or will.
    pub faults: Vec<Fault>,
    gathered: Gathered,
    now: OffsetDateTime,
}

/// Cause that keeps somebody out or will.
#[derive(Clone)]
pub struct Fault {
    /// Its id.
    pub cause: String,
    /// Fixes that its finding lists.
    pub fixes: Vec<String>,
    /// Sentence that shows it.
    pub because: String,
}

impl Found {
    /// Returns the faults that its files would show after these fixes: one may hide another.
    pub fn after(&self, fixes: &[&'static Fix]) -> anyhow::Result<Vec<Fault>> {
        let mut after = Gathered::default();
        after.pieces.extend(self.gathered.pieces.iter().filter_map(|(path, kind, piece)| {
            let Piece::State(state) = piece else { return None };
            let mut state = state.clone();
            for fix in fixes {
                // this is a copy: nobody goes back
                drop(fixes::apply::apply_fix(fix, &Given::NOTHING, &mut state));
            }
            Some((path.clone(), *kind, Piece::State(state)))
        }));
        judged(&after, self.now)
    }
}

/// Faults that a probe has seen; `None` where it could not tell.
pub struct Probed {
    faults: Option<Vec<String>>,
}

/// How well the changes helped.
pub enum Verdict {
    /// The causes are gone.
    Repaired(String),
    /// Nothing shows them any more, but nobody could see it from outside.
    NotVisible(String),
    /// A cause is still there, or another one came.
    NoHelp(String),
}

impl Patient {
    /// Finds the machine: this one, or the one whose disk or `xrdp.ini` was named.
    pub fn at(path: Option<&Path>) -> anyhow::Result<Self> {
        let ini = match path {
            None if cfg!(target_os = "linux") => PathBuf::from(XRDP_INI),
            None => bail!("this program repairs no running Windows yet: `rdpdoctor inspect` lists the commands"),
            Some(path) if path.is_dir() => {
                let usual = path.join(XRDP_INI.trim_start_matches('/'));
                let beside = path.join("xrdp.ini");
                if beside.is_file() && !usual.is_file() { beside } else { usual }
            }
            Some(path) => path.to_owned(),
        };
        if !ini.is_file() {
            bail!("{} is not there: this program repairs an xrdp, or a Windows on its mounted disk", ini.display());
        }
        let ini = std::fs::canonicalize(&ini)?;
        if let Some(folder) = path.filter(|path| path.is_dir())
            && !ini.starts_with(std::fs::canonicalize(folder)?)
        {
            bail!(
                "the xrdp.ini of {} is a link to {}, which is not in it: nothing is changed",
                folder.display(),
                ini.display()
            );
        }
        let root = root_of_xrdp(&ini);
        let (bound, named) = if root != Path::new("/") || is_own_xrdp(&ini) {
            (root.clone(), &root)
        } else {
            (ini.parent().unwrap_or(Path::new("/")).to_owned(), &ini)
        };
        let origin = journals::origin(named);
        Ok(Self { ini, root, bound, origin })
    }

    /// True if its services do not run here.
    pub fn elsewhere(&self) -> bool {
        self.root != Path::new("/") || !is_own_xrdp(&self.ini)
    }

    /// Checks that a plan changes nothing outside of what was named.
    pub fn keeps(&self, plan: &Plan) -> anyhow::Result<()> {
        let inside = |file: &PathBuf| {
            let folder = file.parent().and_then(|folder| std::fs::canonicalize(folder).ok());
            folder.is_some_and(|folder| folder.starts_with(&self.bound))
        };
        let outside = |step: &&Step| {
            let files = step.place.files();
            !files.iter().all(inside) || files.is_empty() && self.elsewhere()
        };
        let Some(step) = plan.steps.iter().find(outside) else { return Ok(()) };
        let file = step.place.files().into_iter().next();
        let file = file.map_or_else(|| step.place.to_string(), |file| file.display().to_string());
        bail!(
            "{} would change {file}, which does not lie in {}, and only what was named is changed. Name the root of the \
             machine that the xrdp.ini belongs to (it has etc/xrdp/xrdp.ini), or choose others with --for or --only",
            step.fix,
            self.bound.display()
        )
    }

    /// Returns the hand on it.
    pub fn hand(&self) -> anyhow::Result<Box<dyn Hand>> {
        journals::hand(self.elsewhere())
    }

    /// Reads and judges its files.
    pub fn found(&self) -> anyhow::Result<Found> {
        let now = truncated(OffsetDateTime::now_utc());
        let gathered = gather(std::slice::from_ref(&self.ini));
        let states = gathered.pieces.iter().filter_map(|(_, _, piece)| match piece {
            Piece::State(state) => Some(&**state),
            _ => None,
        });
        let mut xrdps = states.filter_map(|state: &State| Some((state, state.xrdp.first()?)));
        let Some((state, xrdp)) = xrdps.next() else {
            let why = gathered.unread.first().map_or("it is no xrdp.ini", |(_, why)| why);
            return Err(anyhow!("read {}: {why}", self.ini.display()));
        };
        let title = state.computer.clone().unwrap_or_else(|| self.ini.display().to_string());
        let name = state.computer.clone().unwrap_or_else(|| "xrdp".to_owned());
        // a link leads elsewhere than it is named: what is changed is the file itself
        let file = Path::new("/").join(self.ini.strip_prefix(&self.root).unwrap_or(&self.ini));
        let xrdp = Xrdp { file: file.display().to_string(), ..xrdp.clone() };
        let faults = judged(&gathered, now)?;
        Ok(Found { xrdp, name, title, faults, gathered, now })
    }

    /// Asks the machine as a client would; `None` where it does not run here.
    pub fn probed(&self, xrdp: &Xrdp) -> Option<Probed> {
        if self.elsewhere() || self.hand().ok()?.read(&service()).ok()? != repair::place::Held::Running(true) {
            return None;
        }
        let mut faults = asked(xrdp).ok().flatten();
        // a service that has just been restarted does not listen at once
        for _ in 0..TRIES {
            if !faults.as_ref().is_some_and(|faults| faults.iter().any(|fault| fault == "port-closed")) {
                break;
            }
            std::thread::sleep(PAUSE);
            faults = asked(xrdp).ok().flatten();
        }
        Some(Probed { faults })
    }

    /// Looks whether the causes are gone: in the files, and by a probe where it runs here.
    pub fn verify(&self, causes: &[String], before: Option<&Probed>) -> anyhow::Result<Verdict> {
        let found = self.found()?;
        if let Some(still) = found.faults.iter().find(|fault| causes.contains(&fault.cause)) {
            return Ok(Verdict::NoHelp(format!("{} is still there", still.cause)));
        }
        let rest: Vec<&str> = found.faults.iter().map(|fault| fault.cause.as_str()).collect();
        let also = if rest.is_empty() { String::new() } else { format!("; there is also {}", rest.join(", ")) };
        let causes = causes.join(", ");
        let Some(after) = self.probed(&found.xrdp) else {
            let where_to = if self.elsewhere() { "start that machine" } else { "start xrdp" };
            return Ok(Verdict::NotVisible(format!(
                "its files no longer show {causes}; {where_to} to see it work{also}"
            )));
        };
        let known = before.and_then(|before| before.faults.clone()).unwrap_or_default();
        Ok(match after.faults {
            Some(faults) if faults.is_empty() => {
                Verdict::Repaired(format!("{causes}: gone, and a probe gets through{also}"))
            }
            Some(faults) if faults.iter().all(|fault| known.contains(fault)) && faults.len() < known.len() => {
                Verdict::Repaired(format!("{causes}: gone; a probe still sees {}", faults.join(", ")))
            }
            Some(faults) => Verdict::NoHelp(format!("a probe sees {}", faults.join(", "))),
            None => Verdict::NotVisible(format!("its files no longer show {causes}, but a probe could not tell{also}")),
        })
    }
}

/// Judges what was read.
fn judged(gathered: &Gathered, now: OffsetDateTime) -> anyhow::Result<Vec<Fault>> {
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, now);
    let diagnosis = diagnosis::diagnose(&evidence.into_order(), &context(None, now)?, Run::default());
    let findings = diagnosis.findings.into_iter().filter(|finding| finding.severity < Severity::Advisory);
    let faults = findings.map(|finding| Fault {
        because: finding.because.first().map_or(finding.title, |because| because.text.clone()),
        cause: finding.cause,
        fixes: finding.fixes,
    });
    Ok(faults.collect())
}

/// Returns the faults of a probe; `None` where it could not tell.
fn asked(xrdp: &Xrdp) -> anyhow::Result<Option<Vec<String>>> {
    let target = format!("127.0.0.1:{}", port(xrdp));
    let target = Target::parse(&target).map_err(|error| anyhow!("{error}"))?;
    let now = truncated(OffsetDateTime::now_utc());
    let context = context(Some(target.clone()), now)?;
    let mut probe = Probe::new(context.clone(), target);
    probe.budget.timeout = PROBE;
    let (transcript, run) = drive(&probe)?;
    let seen = diagnosis::diagnose(&observe(&transcript), &context, run);
    let faults = seen.findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    let faults: Vec<String> = faults.map(|finding| finding.cause.clone()).collect();
    let told = !faults.is_empty() || seen.verdict == diagnosis::report::Verdict::Healthy;
    Ok(told.then_some(faults))
}

/// The service that is asked.
fn service() -> repair::place::Place {
    repair::place::Place::Service { name: "xrdp".to_owned() }
}

/// Returns the first port that its settings name.
fn port(xrdp: &Xrdp) -> u16 {
    let text = xrdp.port.as_deref().unwrap_or_default();
    let last = |word: &str| word.rsplit(':').next()?.parse::<u16>().ok();
    text.split([' ', ',']).find_map(last).unwrap_or(3389)
}

pub fn context(target: Option<Target>, at: OffsetDateTime) -> anyhow::Result<Context> {
    Ok(Context { target, at, ..plain_context(None, at)? })
}
