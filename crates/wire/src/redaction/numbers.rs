//! Things of one kind and the number that each is known by afterwards.

use std::collections::{BTreeMap, BTreeSet};

/// Everything of one kind that has been met, in order, and the number of each once all have been met.
#[derive(Debug, Clone)]
pub(super) struct Numbers<K> {
    waiting: Vec<K>,
    known: BTreeSet<K>,
    given: BTreeMap<K, usize>,
    /// Numbers that stand for something already, because a pseudonym was met in what is to be redacted.
    taken: BTreeSet<usize>,
    next: usize,
    settled: bool,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            known: BTreeSet::new(),
            given: BTreeMap::new(),
            taken: BTreeSet::new(),
            next: 0,
            settled: false,
        }
    }
}

impl<K: Ord + Clone> Numbers<K> {
    /// The number of this thing, from 1; meaningless before everything has been met.
    pub(super) fn of(&mut self, key: &K) -> usize {
        if let Some(number) = self.given.get(key) {
            return *number;
        }
        if self.settled {
            return self.give(key.clone());
        }
        if self.known.insert(key.clone()) {
            self.waiting.push(key.clone());
        }
        1
    }

    /// A pseudonym with this number was met: it stays what it is, and nothing else gets it.
    pub(super) fn take(&mut self, number: usize) {
        self.taken.insert(number);
    }

    /// Gives everything that has been met its number.
    pub(super) fn settle(&mut self) {
        self.settled = true;
        self.known = BTreeSet::new();
        for key in std::mem::take(&mut self.waiting) {
            self.give(key);
        }
    }

    fn give(&mut self, key: K) -> usize {
        self.next = self.next.saturating_add(1);
        while self.taken.contains(&self.next) {
            self.next = self.next.saturating_add(1);
        }
        self.given.insert(key, self.next);
        self.next
    }
}
