//! Plans: what is to be changed, as data; bound to the state that they were made for.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hand::{Hand, Unread};
use crate::offline::HiveChange;
use crate::place::{Held, Kept, Place};
use crate::ratchet::{self, Turn};

/// Name and version of the form in which plans are saved.
pub const SCHEMA: &str = "rdpdoctor-plan/1";
/// Most steps of a plan.
pub const STEPS: usize = 1000;

/// Changes of one machine, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `rdpdoctor-plan/1`.
    pub schema: String,
    /// Machine that it was made for, as [`crate::journal::Store`] knows machines.
    pub origin: String,
    /// Causes that it is to remove, by their ids.
    pub causes: Vec<String>,
    /// Fixes that it carries out, by their ids.
    pub fixes: Vec<String>,
    /// Changes, in order.
    pub steps: Vec<Step>,
    /// Services that are restarted when all is changed.
    pub restarts: Vec<String>,
    /// True if it lowers security for a while: only a guard that takes it back carries it out.
    #[serde(default)]
    pub lease: bool,
}

/// Change of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Place that is changed.
    pub place: Place,
    /// Contents that it had when the plan was made.
    pub before: Kept,
    /// Contents that it is to have.
    pub after: After,
    /// Fix that it belongs to.
    pub fix: String,
}

/// Contents that a place is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum After {
    /// A setting, a member, a service, nothing.
    Held {
        /// The contents.
        held: Kept,
    },
    /// A whole file, which a saved plan does not hold.
    #[serde(skip)]
    File(Held),
    /// A new private key, made when the plan is carried out.
    NewKey(NewFile),
    /// The certificate of the new key, which vouches for itself.
    NewCertificate(NewFile),
    /// A hive of a Windows that does not run, with other values.
    Hive(HiveChange),
}

/// File that is made when a plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// Name that the certificate is for.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// New key with its certificate, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The key.
    pub key: Vec<u8>,
    /// The certificate.
    pub certificate: Vec<u8>,
}

/// Reason why a plan is not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It breaks a rule that every plan has to keep.
    #[error("the plan is refused: {0}")]
    Rule(String),
    /// The machine is not any more as it was when the plan was made.
    #[error(
        "{place} is not any more as it was when the plan was made: it holds {now} and held {then}; make a new plan"
    )]
    Changed {
        /// The place.
        place: String,
        /// Contents now.
        now: String,
        /// Contents when the plan was made.
        then: String,
    },
    /// A place could not be read.
    #[error("read {0}: {1}")]
    Unread(String, Unread),
    /// A new key could not be made.
    #[error("make a key: {0}")]
    Unmade(String),
}

/// Step with the contents themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The place.
    pub place: Place,
    /// Contents now.
    pub before: Held,
    /// Contents behind the change.
    pub after: Held,
}

impl Step {
    /// Plans a change of a place as it is now.
    pub fn new(hand: &dyn Hand, place: Place, after: After, fix: &str) -> Result<Self, Refusal> {
        let before = hand.read(&place).map_err(|why| Refusal::Unread(place.to_string(), why))?;
        Ok(Self { place, before: Kept::of(&before), after, fix: fix.to_owned() })
    }
}

impl After {
    /// Says in words for a person what will be there.
    pub fn words(&self) -> String {
        match self {
            Self::Held { held } => held.words(),
            Self::File(held) => Kept::of(held).words(),
            Self::NewKey(file) => format!("a new private key (RSA, 2048 bits, mode {:04o})", file.mode),
            Self::NewCertificate(file) => {
                format!("its certificate for {}, which vouches for itself (mode {:04o})", file.name, file.mode)
            }
            Self::Hive(change) => change.lines().join("; "),
        }
    }
}

impl Plan {
    /// Reads the machine, checks that it is as it was when the plan was made, and makes what has to be made; `make`
    /// makes a key with a certificate for a name. Changes nothing.
    pub fn resolve(
        &self,
        hand: &dyn Hand,
        make: &mut dyn FnMut(&str) -> Result<Made, String>,
    ) -> Result<Vec<Resolved>, Refusal> {
        self.check()?;
        let mut pair: Option<(String, Made)> = None;
        let mut fresh = |name: &str| -> Result<Made, Refusal> {
            match &pair {
                Some((known, ready)) if known == name => Ok(ready.clone()),
                _ => {
                    let new = make(name).map_err(Refusal::Unmade)?;
                    pair = Some((name.to_owned(), new.clone()));
                    Ok(new)
                }
            }
        };
        let mut resolved = Vec::new();
        for step in &self.steps {
            let before = hand.read(&step.place).map_err(|why| Refusal::Unread(step.place.to_string(), why))?;
            let now = Kept::of(&before);
            if now != step.before {
                let (now, then) = (now.words(), step.before.words());
                return Err(Refusal::Changed { place: step.place.to_string(), now, then });
            }
            let file =
                |bytes: Vec<u8>, file: &NewFile| Held::File { bytes, mode: file.mode, uid: file.uid, gid: file.gid };
            let after = match &step.after {
                After::Held { held } => {
                    held.held(|_| None).ok_or_else(|| rule("a saved plan cannot hold a whole file"))?
                }
                After::File(held) => held.clone(),
                After::NewKey(new) => file(fresh(&new.name)?.key, new),
                After::NewCertificate(new) => file(fresh(&new.name)?.certificate, new),
                After::Hive(change) => {
                    let Held::File { bytes, mode, uid, gid } = &before else { return Err(rule("there is no hive")) };
                    let hive = change.changed(hand, bytes).map_err(|why| rule(&format!("{}: {why}", step.place)))?;
                    Held::File { bytes: hive, mode: *mode, uid: *uid, gid: *gid }
                }
            };
            resolved.push(Resolved { place: step.place.clone(), before, after });
        }
        checked(&resolved, self.lease)?;
        Ok(resolved)
    }

    /// Checks what can be checked without the machine, by what the plan says of it: its form, and that it leaves
    /// nothing weaker, unless it is a lease.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.schema != SCHEMA {
            return Err(rule(&format!("its form is {:?} and not {SCHEMA}", self.schema)));
        }
        if self.steps.is_empty() {
            return Err(rule("it changes nothing"));
        }
        if self.steps.len() > STEPS {
            return Err(rule(&format!("it has more than {STEPS} steps")));
        }
        let weaker = || self.steps.iter().find_map(Step::weaker);
        weaker().filter(|_| !self.lease).map_or(Ok(()), |(place, why)| Err(lowered(&place, &why)))
    }
}

impl Step {
    /// Returns the place that would be weaker, and why, by what the plan says that it holds.
    fn weaker(&self) -> Option<(Place, String)> {
        let weighed = |place: Place, before: &Kept, after: &Kept| {
            let (before, after) = (before.held(|_| None)?, after.held(|_| None)?);
            match ratchet::compare(&place, &before, &after) {
                Turn::Weaker(why) => Some((place, why)),
                Turn::Kept => None,
            }
        };
        match &self.after {
            After::Held { held } => weighed(self.place.clone(), &self.before, held),
            After::Hive(change) => {
                change.values.iter().find_map(|value| weighed(change.place(value), &value.before, &value.after))
            }
            // bytes of a file are weighed when they are read
            After::File(_) | After::NewKey(_) | After::NewCertificate(_) => None,
        }
    }
}

fn lowered(place: &Place, why: &str) -> Refusal {
    rule(&format!("{place} would be weaker: {why}; for a while that is possible (--lease)"))
}

fn rule(why: &str) -> Refusal {
    Refusal::Rule(why.to_owned())
}

/// Checks the rules that every plan has to keep: it changes each place once, something, nowhere among devices, and
/// leaves nothing weaker, unless it is a lease.
pub fn checked(steps: &[Resolved], lease: bool) -> Result<(), Refusal> {
    for (number, step) in steps.iter().enumerate() {
        let place = &step.place;
        let earlier = steps[..number].iter();
        if earlier.clone().any(|other| other.place == *place) {
            return Err(rule(&format!("{place} is changed twice")));
        }
        // undone in reverse, a setting and the whole of its file would each bring back a part of the other
        let whole = |one: &Place, other: &Place| {
            let of_it = |path| other.files().contains(path) || other.path() == Some(path);
            matches!(one, Place::File { path } if of_it(path)) && one != other
        };
        if earlier.clone().any(|other| whole(place, &other.place) || whole(&other.place, place)) {
            return Err(rule(&format!("{place} is changed as a whole and in part")));
        }
        if step.before == step.after {
            return Err(rule(&format!("{place} already holds what it is to hold")));
        }
        if let Some(path) = place.path() {
            let system = ["/proc", "/sys", "/dev"].iter().any(|folder| path.starts_with(folder));
            // files in memory, and no devices
            let system = system && !path.starts_with("/dev/shm");
            if system || !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
                return Err(rule(&format!("{place} is no place for a change")));
            }
        }
        if let Turn::Weaker(why) = ratchet::compare(place, &step.before, &step.after)
            && !lease
        {
            return Err(lowered(place, &why));
        }
    }
    Ok(())
}
