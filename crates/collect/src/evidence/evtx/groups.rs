//! Groups of entries that are treated alike: of one provider and id, one machine and one channel. A log has few of
//! them and many entries, so that what is known of a group is looked up once, and entries that are too old to be kept
//! are counted here and handed on together.

use std::collections::HashMap;

use evidence::events::Known;

use super::binary_xml::Entry;

/// Most groups of a log that are remembered.
const GROUPS: usize = 4096;
/// Most bytes that name one: of Windows' own hardly any has 300.
const NAME: usize = 1024;
/// Most ids of one template that are remembered.
const IDS: usize = 64;

/// Group of entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Positions of its machine and channel; `None` where there are too many.
    pub(super) origin: Option<(usize, usize)>,
    /// Kind of entry, if it means something.
    pub(super) known: Option<Known>,
}

/// Entries of a group that are not kept, because enough newer ones are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    /// Time and number of the oldest entry that was kept when this was last looked at: what is older is not wanted,
    /// because what is kept only becomes newer.
    oldest: Option<(u64, u64)>,
    pub(super) count: u64,
    /// Times of the first and the last, as FILETIMEs.
    pub(super) from: u64,
    pub(super) until: u64,
}

/// All groups of a log.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: Vec<(Group, Passed)>,
    /// Places of the groups by the bytes that name them.
    known: HashMap<Vec<u8>, usize>,
    /// Bytes of the entry at hand, and of the one before it, which is often of the same group.
    bytes: Vec<u8>,
    last: (Vec<u8>, Option<usize>),
}

impl Groups {
    /// Finds the group of an entry by its template alone.
    pub(super) fn of_template(&self, entry: &Entry<'_>, id: u32) -> Option<(Group, Option<usize>)> {
        let groups = entry.template.groups.borrow();
        let (_, place) = groups.iter().find(|(known, _)| *known == id)?;
        Some((self.all[*place].0, Some(*place)))
    }

    /// Finds the group of an entry by the names in it.
    pub(super) fn of_bytes(&mut self, entry: &Entry<'_>, id: u32) -> Option<(Group, Option<usize>)> {
        entry.origin(&mut self.bytes);
        self.bytes.extend(id.to_le_bytes());
        let same = self.last.1.filter(|_| self.last.0 == self.bytes);
        let place = same.or_else(|| self.known.get(&self.bytes).copied())?;
        if same.is_none() {
            self.last.0.clone_from(&self.bytes);
            self.last.1 = Some(place);
        }
        remember(entry, id, place);
        Some((self.all[place].0, Some(place)))
    }

    /// Adds the group of the entry that [`Groups::of_bytes`] was asked for; `None` if there are too many.
    pub(super) fn insert(&mut self, entry: &Entry<'_>, id: u32, group: Group) -> Option<usize> {
        if self.all.len() >= GROUPS || self.bytes.len() > NAME {
            return None;
        }
        let place = self.all.len();
        self.known.insert(self.bytes.clone(), place);
        self.all.push((group, Passed::default()));
        remember(entry, id, place);
        Some(place)
    }

    /// Counts an entry, if it is known to be older than all that are kept of its group.
    pub(super) fn passes_over(&mut self, place: usize, when: (u64, u64)) -> bool {
        let passed = &mut self.all[place].1;
        let older = passed.oldest.is_some_and(|oldest| when <= oldest);
        if older {
            passed.add(when.0);
        }
        older
    }

    /// Counts an entry that is older than all that are kept of its group, of which this is the oldest.
    pub(super) fn pass_over(&mut self, place: usize, oldest: (u64, u64), when: (u64, u64)) {
        let passed = &mut self.all[place].1;
        passed.oldest = passed.oldest.max(Some(oldest));
        passed.add(when.0);
    }

    /// Returns the groups of which entries were passed over, in the order in which they were met.
    pub(super) fn passed(&self) -> Vec<(Group, Passed)> {
        self.all.iter().filter(|(_, passed)| passed.count > 0).copied().collect()
    }
}

impl Passed {
    fn add(&mut self, at: u64) {
        self.from = if self.count == 0 { at } else { self.from.min(at) };
        self.until = self.until.max(at);
        self.count += 1;
    }
}

/// Notes a group in the entry's template, if all its entries have the same names.
fn remember(entry: &Entry<'_>, id: u32, place: usize) {
    let mut groups = entry.template.groups.borrow_mut();
    if entry.template.one_origin && groups.len() < IDS {
        groups.push((id, place));
    }
}
