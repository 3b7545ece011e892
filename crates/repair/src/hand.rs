//! The one way by which anything is read or changed: a hand on a machine, real or simulated.

use std::path::Path;

use thiserror::Error;

use crate::place::{Held, Place};

/// Reason why a place could not be read: what it holds is unknown, and nothing may follow from it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unread(pub String);

/// Reason why a place could not be written, or a service not restarted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Process that somebody started by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// Its number.
    pub process: u32,
    /// Its command line.
    pub line: String,
}

/// Hand on a machine.
///
/// One law: behind `write(place, held)` a `read(place)` gives `held`. Behind an error it may give anything; therefore
/// whoever writes reads back. A write changes nothing but its place.
pub trait Hand {
    /// Reads what a place holds.
    fn read(&self, place: &Place) -> Result<Held, Unread>;

    /// Reads the first bytes of a file that may be too large to be read as a whole.
    fn head(&self, path: &Path, bytes: usize) -> Result<Held, Unread> {
        match self.read(&Place::file(path))? {
            Held::File { bytes: all, mode, uid, gid } => {
                Ok(Held::File { bytes: all.into_iter().take(bytes).collect(), mode, uid, gid })
            }
            held => Ok(held),
        }
    }

    /// Makes a place hold this.
    fn write(&mut self, place: &Place, held: &Held) -> Result<(), Failed>;

    /// Returns what rules of the firewall's tool would hold once they are there, without a change of the machine.
    fn rehearse(&self, place: &Place) -> Result<Held, Unread> {
        Err(Unread(format!("{place}: nobody can rehearse it here")))
    }

    /// Returns the process of a service that runs and was started by hand, so that no restart by us reaches it.
    fn by_hand(&self, _service: &str) -> Option<ByHand> {
        None
    }

    /// Restarts a service, so that it takes its settings anew. One that does not run is left alone.
    fn restart(&mut self, service: &str) -> Result<(), Failed>;
}

/// Makes a place hold this, and reads it back: the only way by which places are changed.
pub fn put(hand: &mut dyn Hand, place: &Place, held: &Held) -> Result<(), Failed> {
    let written = hand.write(place, held);
    match hand.read(place) {
        // whatever a write says of itself, what is there counts
        Ok(now) if now == *held => Ok(()),
        Ok(_) => Err(written.err().unwrap_or_else(|| Failed(format!("write {place}: it did not take")))),
        Err(why) => Err(written.err().unwrap_or_else(|| Failed(format!("read {place} back: {why}")))),
    }
}
