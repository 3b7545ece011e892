//! Recordings of accesses on the machine, as proofs look at them.

use evidence::access::{AccessTrace, Place, RefusedAccess};
use evidence::fact::Fact;

use crate::case::{Case, Seen};

impl<'a> Case<'a> {
    /// The recordings of accesses on the machine.
    pub fn access_traces(self) -> impl Iterator<Item = Seen<&'a AccessTrace>> + 'a {
        let machine = self.machine().into_iter();
        machine.flat_map(|machine| {
            machine.seen(|fact| if let Fact::AccessTrace(trace) = fact { Some(trace) } else { None })
        })
    }

    /// The accesses that a service needed and did not get in any other way. They have no date, so what they show is
    /// likely at most, and what was recorded of the machine's present state goes before it.
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
