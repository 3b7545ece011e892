//! Recordings of accesses on the machine, as proofs look at them.

use evidence::access::{AccessTrace, Place, RefusedAccess};
use evidence::fact::Fact;

use crate::case::{Case, Seen};

impl<'a> Case<'a> {
    /// Iterates over the recordings of accesses on the machine.
    pub fn access_traces(self) -> impl Iterator<Item = Seen<&'a AccessTrace>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(|machine| {
            machine.seen(|fact| if let Fact::AccessTrace(trace) = fact { Some(trace) } else { None })
        })
    }

    /// Iterates over accesses that a service needed and got in no other way. They have no date, so they make a finding
    /// likely at most, and records of the machine's present state outweigh them.
    pub fn refused(self, place: Place) -> impl Iterator<Item = Seen<&'a RefusedAccess>> + 'a {
        let machine = self.machine().into_iter();
        let counts = move |access: &RefusedAccess| access.place == place && access.comparable && !access.granted;
        machine.flat_map(move |machine| {
            machine.seen(move |fact| match fact {
                Fact::RefusedAccess(access) if counts(access) => Some(access),
                _ => None,
            })
        })
    }
}
