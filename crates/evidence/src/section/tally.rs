//! Counts of log entries as they arrive, of a kind and a type of logon at a time.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

/// Provider and id that mean something; all others share one kind.
pub type Kind = (&'static str, u32);

/// Kind of entry, and the type of the logon for entries that have one.
pub(crate) type Of = (Kind, Option<u8>);

/// Minutes of which the entries are counted one by one.
pub(super) const MINUTES: usize = 360;
/// Addresses that are told apart.
const ADDRESSES: usize = 1024;

/// Count of one kind as its entries arrive.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(super) channel: String,
    pub(super) count: u64,
    /// True if one of them is not kept.
    pub(super) left_out: bool,
    /// Times of the oldest and the newest.
    pub(super) time: Option<(OffsetDateTime, OffsetDateTime)>,
    /// Addresses, hashed.
    pub(super) addresses: BTreeSet<u64>,
    /// Entries by minutes since 1970.
    pub(super) minutes: BTreeMap<i64, u64>,
}

impl Tally {
    /// Counts an entry; `address` is what it names, where that is to be counted.
    pub(super) fn saw(&mut self, channel: &str, at: OffsetDateTime, address: Option<&str>, by_minute: bool) {
        if self.count == 0 {
            channel.clone_into(&mut self.channel);
        }
        self.count += 1;
        let (from, until) = self.time.unwrap_or((at, at));
        self.time = Some((from.min(at), until.max(at)));
        if let Some(address) = address.filter(|_| self.addresses.len() < ADDRESSES) {
            self.addresses.insert(fingerprint(address));
        }
        if by_minute {
            *self.minutes.entry(at.unix_timestamp().div_euclid(60)).or_default() += 1;
            if self.minutes.len() > MINUTES {
                self.minutes.pop_first();
            }
        }
    }

    /// Counts so many more, of which only the number and the newest matter.
    pub(super) fn saw_many(&mut self, count: u64, until: OffsetDateTime) {
        self.count += count;
        self.time = self.time.map(|(from, last)| (from, last.max(until)));
    }
}

/// Hashes an address, so that many can be told apart in little room (FNV-1a, 64 bits).
fn fingerprint(address: &str) -> u64 {
    address.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
