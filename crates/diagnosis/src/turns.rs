//! Machines that take turns behind one address: whether it was the words that made the difference, or whose turn it
//! was. As long as a broken machine at some places of a cycle explains all, the client may get in at another place, and
//! nothing that it offers need be at fault.

use crate::case::{Case, Seen};

/// Longest cycle that is looked for.
const LONGEST: usize = 6;

/// True if machines that take turns explain these tries of one thing, of which some went well and some did not.
pub(crate) fn by_turns(case: Case<'_>, tries: &[Seen<bool>]) -> bool {
    let told = tries.iter().map(|seen| Seen { value: Some(seen.value), id: seen.id });
    Turns::of(case, told).explain_difference()
}

/// Cycle in which machines may take turns. Some balancers count connections, and some those that come so far.
#[derive(Debug, Clone, Copy)]
struct Cycle {
    /// Which of the two counts it goes by.
    count: usize,
    length: usize,
}

impl Cycle {
    fn place(self, numbers: [usize; 2]) -> usize {
        numbers[self.count] % self.length
    }
}

/// Numbers, by both counts, at which words were taken, at which the client's were refused, and of what comes next.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Vec<[usize; 2]>,
    refused: Vec<[usize; 2]>,
    next: [usize; 2],
}

impl Turns {
    /// Reads them from the tries in their order: taken, refused, or neither for what another machine may as well
    /// refuse.
    pub(crate) fn of(case: Case<'_>, tries: impl Iterator<Item = Seen<Option<bool>>>) -> Self {
        let connections = case.connections();
        let mut turns = Self { next: [connections.len(), 0], ..Self::default() };
        for seen in tries {
            let source = case.source_of(seen.id);
            let Some(connection) = connections.iter().position(|number| Some(*number) == source) else { continue };
            let numbers = [connection, turns.next[1]];
            turns.next[1] += 1;
            match seen.value {
                Some(true) => turns.taken.push(numbers),
                Some(false) => turns.refused.push(numbers),
                None => {}
            }
        }
        turns
    }

    /// Iterates over the cycles that explain all of it. One is ruled out where the client was refused by whoever took
    /// other words; where nothing was ever taken, where it was refused at each place.
    fn left(&self) -> impl Iterator<Item = Cycle> {
        let cycles = (0..2).flat_map(|count| (2..=LONGEST).map(move |length| Cycle { count, length }));
        cycles.filter(|cycle| {
            let refused = |place: usize| self.refused.iter().any(|other| cycle.place(*other) == place);
            match self.taken[..] {
                [] => !(0..cycle.length).all(refused),
                _ => !self.taken.iter().any(|taken| refused(cycle.place(*taken))),
            }
        })
    }

    /// True if such machines explain all of it.
    pub(crate) fn explain(&self) -> bool {
        self.left().next().is_some()
    }

    /// True if some of it went well and some did not, and such machines explain that.
    pub(crate) fn explain_difference(&self) -> bool {
        !self.taken.is_empty() && !self.refused.is_empty() && self.explain()
    }

    /// Counts the cycles that are ruled out if the client is refused next, or if what was taken is taken again.
    pub(crate) fn ruled_out_by(&self, refusal: bool) -> usize {
        let ruled_out = self.left().filter(|cycle| {
            let here = |others: &[[usize; 2]]| others.iter().any(|other| cycle.place(*other) == cycle.place(self.next));
            match refusal {
                true if self.taken.is_empty() => !here(&self.refused),
                true => here(&self.taken),
                false => here(&self.refused),
            }
        });
        ruled_out.count()
    }
}
