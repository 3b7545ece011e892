//! Counts of log entries of which more were read than are kept: how many, when, from how many addresses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use wire::redaction::Names;

use super::bounded;
use super::logs::{self, LogSpan};
use super::tally::{Of, Tally};
use super::thing::Section;
use crate::events;
use crate::moment::{moment, rfc3339};
use crate::redaction::{REDACTED, date};

/// Entries of one kind, counted: also those that were left out because there are newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryCount {
    /// Channel of the log.
    pub channel: String,
    /// Name of the provider.
    pub provider: String,
    /// Event id.
    pub id: u32,
    /// Type of the logons, for entries that have one; those of each type are counted by themselves.
    #[serde(default)]
    pub logon_type: Option<u8>,
    /// Entries, with those that are kept.
    pub count: u64,
    /// Oldest, RFC 3339, UTC.
    pub from: String,
    /// Newest, RFC 3339, UTC.
    pub until: String,
    /// Addresses that they name; counted up to 1,024 and only for refused logons.
    #[serde(default)]
    pub addresses: u64,
    /// Entries by the minute in which they were written, RFC 3339, UTC: of the newest six hours, and only for refused
    /// logons.
    #[serde(default, deserialize_with = "bounded::numbers")]
    pub minutes: BTreeMap<String, u64>,
}

impl EntryCount {
    /// True for two counts of the same kind of entry.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        (self.id, self.logon_type) == (other.id, other.logon_type) && self.provider == other.provider
    }

    /// Returns the count of this kind; `None` where every entry of it is kept.
    pub(crate) fn of(((provider, id), logon_type): Of, tally: Tally) -> Option<Self> {
        let (from, until) = tally.time.filter(|_| tally.left_out)?;
        let minute = |(minute, count): (i64, u64)| {
            let at = OffsetDateTime::from_unix_timestamp(minute.checked_mul(60)?).ok()?;
            Some((rfc3339(at), count))
        };
        Some(Self {
            channel: tally.channel,
            provider: provider.to_owned(),
            id,
            logon_type,
            count: tally.count,
            from: rfc3339(from),
            until: rfc3339(until),
            addresses: tally.addresses.len() as u64,
            minutes: tally.minutes.into_iter().filter_map(minute).collect(),
        })
    }

    /// Returns how many were written in these moments, as far as whole minutes tell: a minute that is only partly in
    /// this time does not count, unless all its entries are.
    pub fn within(&self, from: OffsetDateTime, until: OffsetDateTime) -> u64 {
        let (Some(first), Some(last)) = (moment(&self.from), moment(&self.until)) else { return 0 };
        if from <= first && last <= until {
            return self.count;
        }
        let inside = |minute: &str| {
            let begin = moment(minute)?;
            let end = begin.saturating_add(Duration::minutes(1));
            Some((from <= begin || from <= first) && (end <= until.saturating_add(Duration::SECOND) || last <= until))
        };
        let among = |minute: &str| moment(minute).is_some_and(|at| at <= until && at >= from - Duration::minutes(1));
        let counted = self.minutes.iter().filter(|(minute, _)| among(minute) && inside(minute) == Some(true));
        counted.map(|(_, count)| *count).fold(0, u64::saturating_add)
    }
}

impl Section for EntryCount {
    const FACT: &'static str = "log.count";
    const TITLE: &'static str = "counts of log entries";
    const DATED: bool = true;

    fn renamed(&self, _: &mut Names, _: &[LogSpan]) -> Self {
        let Self { channel, provider, id, logon_type, count, from, until, addresses, minutes } = self;
        Self {
            channel: logs::channel(channel),
            provider: events::find(provider, *id).map_or(REDACTED, |known| known.provider).to_owned(),
            id: *id,
            logon_type: *logon_type,
            count: *count,
            from: date(from),
            until: date(until),
            addresses: *addresses,
            minutes: minutes.iter().map(|(minute, count)| (date(minute), *count)).collect(),
        }
    }

    fn at(&self) -> Option<OffsetDateTime> {
        moment(&self.until)
    }

    fn about(&self, machine: crate::places::Part, part: crate::places::Part) -> bool {
        events::find(&self.provider, self.id).map_or(machine, |known| known.part) == part
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::tally::MINUTES;
    use super::*;

    fn counted(seconds: &[i64]) -> EntryCount {
        let mut tally = Tally { left_out: true, ..Tally::default() };
        for second in seconds {
            let at = datetime!(2026-11-21 09:00 UTC) + Duration::seconds(*second);
            tally.saw("Security", at, Some(if second % 2 == 0 { "192.0.2.1" } else { "192.0.2.2" }), true);
        }
        EntryCount::of((("Security", 4625), Some(10)), tally).unwrap()
    }

    #[test]
    fn a_count_knows_its_minutes_and_addresses() {
        let count = counted(&[0, 1, 59, 60, 61, 130]);
        assert_eq!((count.count, count.addresses, count.minutes.len()), (6, 2, 3));
        let at = |second| datetime!(2026-11-21 09:00 UTC) + Duration::seconds(second);
        // all of them, however the minutes are cut
        assert_eq!(count.within(at(-600), at(130)), 6);
        // whole minutes alone: the third ends later
        assert_eq!(count.within(at(-600), at(125)), 5);
        assert_eq!(count.within(at(30), at(200)), 3);
        assert_eq!(count.within(at(300), at(900)), 0);
        assert_eq!(EntryCount { from: "never".to_owned(), ..count }.within(at(-600), at(130)), 0);
    }

    #[test]
    fn of_a_long_flood_the_newest_minutes_are_told() {
        let seconds: Vec<i64> = (0..1000).map(|minute| minute * 60).collect();
        let count = counted(&seconds);
        assert_eq!((count.count, count.minutes.len()), (1000, MINUTES));
        assert!(count.minutes.keys().next().unwrap() > &count.from);
    }

    #[test]
    fn where_nothing_was_left_out_nothing_is_counted() {
        let mut tally = Tally::default();
        tally.saw("Security", datetime!(2026-11-21 09:00 UTC), None, false);
        assert_eq!(EntryCount::of((("Security", 4625), None), tally), None);
    }
}
