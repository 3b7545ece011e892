//! From a fix as data to the steps of a plan, for the xrdp at hand.

use std::path::{Path, PathBuf};

use diagnosis::fixes::change::{Change, NEW_CERTIFICATE, NEW_KEY};
use diagnosis::fixes::{Fix, Given};
use evidence::state::{Xrdp, XrdpFile};
use thiserror::Error;

use crate::hand::Hand;
use crate::place::{Held, Kept, Place};
use crate::plan::{After, NewFile, Plan, Refusal, SCHEMA, Step};

/// Section with the settings of xrdp itself.
const GLOBALS: &str = "Globals";
/// Most names that are tried for a new file.
const NAMES: u32 = 100;

/// Reason why a fix cannot be planned here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unplanned {
    /// One of its changes is none that this program makes.
    #[error("{0} has a step that this program cannot do here: `rdpdoctor explain {0}` has the commands")]
    NoHand(&'static str),
    /// Nobody knows which group would help.
    #[error("the group that may read the key is not known")]
    NoGroup,
    /// The machine could not be read.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The xrdp that is to be repaired.
#[derive(Debug)]
pub struct Patient<'a> {
    /// Root of its machine: `/`, or where its disk is mounted.
    pub root: &'a Path,
    /// Its settings as they were read.
    pub xrdp: &'a Xrdp,
    /// Name of the machine.
    pub name: &'a str,
    /// Machine, as the journals know machines.
    pub origin: &'a str,
}

/// Plans these fixes, each change once. A setting that already holds what it is to hold is no step.
pub fn plan(patient: &Patient<'_>, fixes: &[&'static Fix], given: &Given, hand: &dyn Hand) -> Result<Plan, Unplanned> {
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        origin: patient.origin.to_owned(),
        fixes: fixes.iter().map(|fix| fix.id.to_owned()).collect(),
        ..Plan::default()
    };
    let made = Made::choose(patient, hand);
    for fix in fixes {
        for change in fix.changes() {
            for (place, after) in places(patient, change, given, &made).ok_or(Unplanned::NoHand(fix.id))?? {
                let step = Step::new(hand, place, after, fix.id)?;
                let done = matches!(&step.after, After::Held { held } if *held == step.before);
                let planned = plan.steps.iter().any(|known| known.place == step.place);
                if !done && !planned {
                    plan.steps.push(step);
                }
            }
            if let Change::RestartUnit(service) = change {
                plan.restarts.retain(|known| known != service);
                plan.restarts.push((*service).to_owned());
            }
        }
    }
    Ok(plan)
}

/// Places of a new key and its certificate, as the machine itself names them: beside its `xrdp.ini`, wherever that
/// lies. Files that are there stay.
struct Made {
    certificate: String,
    key: String,
}

impl Made {
    fn choose(patient: &Patient<'_>, hand: &dyn Hand) -> Self {
        let named = |usual: &str, number: u32| {
            let stem = Path::new(usual).file_stem().unwrap_or_default().to_string_lossy();
            let name = if number == 1 { format!("{stem}.pem") } else { format!("{stem}-{number}.pem") };
            Path::new(&patient.xrdp.file).with_file_name(name).display().to_string()
        };
        let free = |path: &str| hand.read(&Place::file(patient.real(path))) == Ok(Held::Absent);
        let numbered = |number| Self { certificate: named(NEW_CERTIFICATE, number), key: named(NEW_KEY, number) };
        let mut both = (1..NAMES).map(numbered).filter(|made| free(&made.certificate) && free(&made.key));
        both.next().unwrap_or_else(|| numbered(1))
    }
}

type Changed = Vec<(Place, After)>;

/// Returns the places that a change makes hold something else; `None` for a change that is none of ours.
fn places(patient: &Patient<'_>, change: &Change, given: &Given, made: &Made) -> Option<Result<Changed, Unplanned>> {
    Some(Ok(match change {
        Change::SetXrdp { name, value } => {
            let text = match *value {
                NEW_CERTIFICATE => made.certificate.clone(),
                NEW_KEY => made.key.clone(),
                value => given.fill(value),
            };
            let path = patient.real(&patient.xrdp.file);
            let place = Place::Ini { path, section: GLOBALS.to_owned(), name: (*name).to_owned() };
            vec![(place, After::Held { held: Kept::Text { text } })]
        }
        Change::JoinKeyGroup => match patient.membership() {
            Some(place) => vec![(place, After::Held { held: Kept::Present })],
            None => return Some(Err(Unplanned::NoGroup)),
        },
        Change::MakeXrdpCertificate => {
            let new = || patient.new_file();
            vec![
                (Place::file(patient.real(&made.key)), After::NewKey(new())),
                (Place::file(patient.real(&made.certificate)), After::NewCertificate(new())),
            ]
        }
        Change::RestartUnit(_) => Vec::new(),
        _ => return None,
    }))
}

impl Patient<'_> {
    /// Returns where a path of the machine is for this program.
    fn real(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }

    /// Returns the membership that lets xrdp read its key.
    fn membership(&self) -> Option<Place> {
        let shut = |file: &&XrdpFile| file.readable == Some(false);
        let file = [&self.xrdp.key, &self.xrdp.certificate].into_iter().find(shut)?;
        let (group, user) = (file.group.clone()?, self.xrdp.user.clone()?);
        Some(Place::Member { folder: self.real("/etc"), group, user })
    }

    /// Returns how a new file is to be: its owner is the administrator, and xrdp may read it by its own group.
    fn new_file(&self) -> NewFile {
        let group = self.xrdp.user.as_deref().filter(|user| *user != "root").and_then(|user| self.own_group(user));
        let mode = if group.is_some() { 0o640 } else { 0o600 };
        NewFile { name: self.name.to_owned(), mode, uid: owner(), gid: group.unwrap_or_else(owners_group) }
    }

    /// Finds the number of a user's own group.
    fn own_group(&self, user: &str) -> Option<u32> {
        let passwd = crate::file::read(&self.real("/etc/passwd"), 4 * 1024 * 1024).ok()?;
        let passwd = String::from_utf8(passwd).ok()?;
        let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = fields.find(|fields| fields.first() == Some(&user))?;
        found.get(3)?.parse().ok()
    }
}

#[cfg(unix)]
fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn owners_group() -> u32 {
    rustix::process::getegid().as_raw()
}

#[cfg(not(unix))]
fn owner() -> u32 {
    0
}

#[cfg(not(unix))]
fn owners_group() -> u32 {
    0
}
