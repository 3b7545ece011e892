//! How many entries of event logs are kept of all that is read in a run: the newest that fit. Each of them is held several
//! times over until the report stands there, so the room is a small part of what the program may take.

use std::collections::BTreeSet;
use std::path::PathBuf;

use diagnosis::fact::rfc3339;
use diagnosis::state::{LogEvent, LogSpan, State, Unread, moment};
use time::OffsetDateTime;

use super::Piece;

/// The most bytes of entries that are kept.
pub(super) const ROOM: usize = 6 * 1024 * 1024;
/// The most entries of one provider and id that are kept of a log.
pub(super) const KEPT: usize = 500;
/// What an entry takes beside its text, and each value of it.
const ENTRY: usize = 1024;
const VALUE: usize = 64;

/// About as many bytes as an entry takes in memory.
pub(super) fn weight(event: &LogEvent) -> usize {
    let LogEvent { at, channel, provider, id: _, record: _, activity, data } = event;
    let texts = [at, channel, provider].map(String::len).into_iter().sum::<usize>();
    let data: usize = data.iter().map(|(name, value)| VALUE + name.len() + value.len()).sum();
    ENTRY + texts + activity.as_ref().map_or(0, String::len) + data
}

/// What was left out of a log, in words.
pub(super) fn left_out(span: &LogSpan) -> Option<Unread> {
    let (count, until) = (span.left_out, span.left_out_until.as_deref()?);
    let why = format!(
        "{count} older entries, up to {until}, were left out: of each kind the newest {KEPT} are kept, and of all logs the \
         newest that fit into {} MiB",
        ROOM >> 20
    );
    (count > 0).then(|| Unread { what: format!("event log {}", span.channel), why })
}

/// Leaves out the oldest entries of all pieces until the others fit.
pub(super) fn make(pieces: &mut [(PathBuf, &'static str, Piece)]) {
    let states: Vec<&mut State> = pieces
        .iter_mut()
        .filter_map(|(_, _, piece)| if let Piece::State(state) = piece { Some(&mut **state) } else { None })
        .collect();
    if states.iter().flat_map(|state| &state.events).map(weight).sum::<usize>() <= ROOM {
        return;
    }
    // what says no time counts as the oldest
    let mut entries: Vec<(Option<OffsetDateTime>, usize, usize)> = Vec::new();
    for (number, state) in states.iter().enumerate() {
        entries.extend(state.events.iter().enumerate().map(|(place, event)| (moment(&event.at), number, place)));
    }
    entries.sort_unstable_by(|one, other| other.cmp(one));
    let mut taken = 0;
    let fitting = entries.iter().take_while(|(_, number, place)| {
        taken += weight(&states[*number].events[*place]);
        taken <= ROOM
    });
    let fitting = fitting.count();
    let mut dropped: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); states.len()];
    for (_, number, place) in &entries[fitting..] {
        dropped[*number].insert(*place);
    }
    for (state, places) in states.into_iter().zip(dropped) {
        leave_out(state, &places);
    }
}

/// Takes the entries at these places out of a state, and has it say so.
fn leave_out(state: &mut State, places: &BTreeSet<usize>) {
    let State { events, logs, unread, .. } = state;
    for span in logs {
        let left: Vec<&LogEvent> =
            places.iter().map(|place| &events[*place]).filter(|event| event.channel == span.channel).collect();
        if left.is_empty() {
            continue;
        }
        let before = left_out(span);
        let newest = left.iter().filter_map(|event| moment(&event.at)).max();
        span.left_out += left.len() as u64;
        span.left_out_until = span.left_out_until.as_deref().and_then(moment).max(newest).map(rfc3339);
        unread.retain(|known| Some(known) != before.as_ref());
        unread.extend(left_out(span));
    }
    let mut place = 0..;
    events.retain(|_| place.next().is_none_or(|place| !places.contains(&place)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(channel: &str, days: std::ops::Range<usize>) -> (PathBuf, &'static str, Piece) {
        let event = |day: usize| LogEvent {
            at: format!("2026-01-{day:02}T00:00:00Z"),
            channel: channel.to_owned(),
            provider: "P".to_owned(),
            id: 1,
            record: day as u64,
            activity: None,
            data: [("0".to_owned(), "x".repeat(ROOM / 10))].into(),
        };
        let span = LogSpan {
            channel: channel.to_owned(),
            from: format!("2026-01-{:02}T00:00:00Z", days.start),
            until: format!("2026-01-{:02}T00:00:00Z", days.end - 1),
            records: days.len() as u64,
            damaged: false,
            left_out: 0,
            left_out_until: None,
        };
        let state = State { logs: vec![span], events: days.map(event).collect(), ..State::default() };
        (PathBuf::new(), "event log", Piece::State(Box::new(state)))
    }

    /// Of three logs the newest entries that fit stay, whichever was read first, and each says what it lacks.
    #[test]
    fn of_all_logs_together_the_newest_entries_stay() {
        let mut pieces = vec![log("new", 20..26)];
        make(&mut pieces);
        for next in [log("old", 1..7), log("older and newer", 8..31)] {
            pieces.push(next);
            make(&mut pieces);
        }
        let mut told = Vec::new();
        for (_, _, piece) in &pieces {
            let Piece::State(state) = piece else { panic!("a state") };
            let days: Vec<u64> = state.events.iter().map(|event| event.record).collect();
            let unread: Vec<&str> =
                state.unread.iter().map(|unread| unread.why.split(" were").next().unwrap()).collect();
            told.push((days, state.logs[0].left_out, unread));
        }
        assert_eq!(told[0], (vec![24, 25], 4, vec!["4 older entries, up to 2026-01-23T00:00:00Z,"]));
        assert_eq!(told[1], (vec![], 6, vec!["6 older entries, up to 2026-01-06T00:00:00Z,"]));
        assert_eq!(told[2].0, (24..31).collect::<Vec<_>>());
        assert_eq!((told[2].1, &told[2].2[..]), (16, &["16 older entries, up to 2026-01-23T00:00:00Z,"][..]));
    }
}
