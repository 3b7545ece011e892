//! One direction of a TCP connection: segments in any order, doubled or lost, to bytes in order.

use std::collections::BTreeMap;
use std::time::Duration;

/// The most bytes of a direction that are kept: what is told before TLS hides the rest has a few thousand.
pub const KEPT: usize = 512 * 1024;
/// The most pieces that wait for an earlier one.
const WAITING: usize = 256;
/// The furthest that an acknowledgement runs ahead of what was captured, in bytes.
const ACKNOWLEDGED: u64 = 16 * 1024 * 1024;
/// The most arrivals whose times are remembered.
const ARRIVALS: usize = 256;
/// Bytes that one of them takes.
const ARRIVAL: usize = size_of::<(usize, Duration)>();
/// Bytes that a waiting piece takes beside its own.
const PIECE: usize = 64;

/// One direction of a connection.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The sequence number of its first byte, once that is known.
    base: Option<u32>,
    /// The bytes in order, from the first one.
    bytes: Vec<u8>,
    /// Pieces behind a gap, by the place of their first byte.
    ahead: BTreeMap<usize, Vec<u8>>,
    /// How many bytes were in order after which time.
    arrivals: Vec<(usize, Duration)>,
    /// How many bytes it has, with those that were not captured or not kept.
    length: u64,
    /// A byte came twice with another value.
    altered: bool,
    /// Nothing more is kept.
    shut: bool,
    /// Bytes were missing when it was shut.
    lost: bool,
}

impl Stream {
    /// Says which number the first byte has. The first one who says so is believed.
    pub fn begin(&mut self, sequence: u32) {
        self.base.get_or_insert(sequence);
    }

    /// True if the first byte has this number, or may have.
    pub fn begins_at(&self, sequence: u32) -> bool {
        self.base.is_none_or(|base| base == sequence)
    }

    /// True if a segment with this number may be of this direction: near the end of what is known.
    pub fn may_continue_at(&self, sequence: u32) -> bool {
        self.base.is_none() || self.place(sequence).is_some_and(|place| place.abs_diff(self.length) <= ACKNOWLEDGED)
    }

    /// Takes in a segment; `missing` bytes behind its payload were not captured.
    pub fn take(&mut self, at: Duration, sequence: u32, payload: &[u8], missing: usize) {
        let Some(place) = self.place(sequence) else { return };
        let size = payload.len().saturating_add(missing) as u64;
        // behind a FIN, which has a number of its own, there is nothing
        if size > 0 || place != self.length.saturating_add(1) {
            self.length = self.length.max(place.saturating_add(size));
        }
        let Ok(place) = usize::try_from(place) else { return };
        // a keep-alive repeats the last byte with any value (RFC 9293 section 3.8.4)
        let keep_alive = payload.len() == 1 && place.saturating_add(1) == self.bytes.len();
        if self.shut || payload.is_empty() || keep_alive || place >= KEPT {
            return;
        }
        let room = KEPT.saturating_sub(place);
        self.keep(place, payload.get(..room).unwrap_or(payload));
        let before = self.bytes.len();
        self.join();
        if self.bytes.len() > before && self.arrivals.len() < ARRIVALS {
            self.arrivals.push((self.bytes.len(), at));
        }
    }

    /// The place of a sequence number, near the end of what is known: numbers wrap after 4 GiB. `None` before the
    /// first.
    fn place(&self, sequence: u32) -> Option<u64> {
        let base = self.base?;
        let low = u32::try_from(self.length & u64::from(u32::MAX)).unwrap_or(0);
        let distance = sequence.wrapping_sub(base.wrapping_add(low)).cast_signed();
        self.length.checked_add_signed(distance.into())
    }

    /// Keeps what of a piece is new; what was there first stays.
    fn keep(&mut self, place: usize, piece: &[u8]) {
        let mut place = place;
        let mut piece = piece;
        let known = self.bytes.len().saturating_sub(place).min(piece.len());
        let (old, new) = piece.split_at(known);
        self.altered |= self.bytes.get(place..place.saturating_add(known)).is_some_and(|kept| kept != old);
        (place, piece) = (place.saturating_add(known), new);
        while !piece.is_empty() && (self.ahead.len() < WAITING || place == self.bytes.len()) {
            let (known, free) = self.next_waiting(place, piece.len());
            let (old, rest) = piece.split_at(known.len());
            self.altered |= known != old;
            place = place.saturating_add(old.len());
            let (new, rest) = rest.split_at(free.min(rest.len()));
            if !new.is_empty() {
                self.ahead.insert(place, new.to_vec());
            }
            place = place.saturating_add(new.len());
            piece = rest;
        }
    }

    /// Finds the piece that waits at `place` already, and how much room is behind it before the next one.
    fn next_waiting(&self, place: usize, size: usize) -> (Vec<u8>, usize) {
        let covering = self.ahead.range(..=place).next_back();
        let known: Vec<u8> = covering
            .and_then(|(start, piece)| piece.get(place.saturating_sub(*start)..))
            .map(|tail| tail.iter().copied().take(size).collect())
            .unwrap_or_default();
        let end = place.saturating_add(known.len());
        let free = self.ahead.range(end..).next().map_or(usize::MAX, |(start, _)| start.saturating_sub(end));
        (known, free)
    }

    /// Moves what has become whole to the bytes in order.
    fn join(&mut self) {
        while let Some(piece) = self.ahead.remove(&self.bytes.len()) {
            self.bytes.extend(piece);
        }
    }

    /// The bytes from the first one up to a gap, or to what is kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes it has in all, as far as the numbers tell.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Learns from the other side's acknowledgement that bytes arrived which the capture lacks.
    pub fn acknowledged(&mut self, number: u32) {
        let ahead = self.place(number).map_or(0, |place| place.saturating_sub(self.length));
        // one more is a FIN's; far more belongs to another connection
        if (2..=ACKNOWLEDGED).contains(&ahead) {
            self.length = self.length.saturating_add(ahead);
        }
    }

    /// True if bytes are missing behind those that are there: not captured, cut off, or not kept.
    pub fn broken_off(&self) -> bool {
        self.length > self.bytes.len() as u64
    }

    /// True if bytes are missing among those that were wanted.
    pub fn gaps(&self) -> bool {
        if self.shut { self.lost } else { self.bytes.len() < KEPT && self.broken_off() }
    }

    /// True if a byte came twice with another value; the first one counts.
    pub fn altered(&self) -> bool {
        self.altered
    }

    /// When the first `count` bytes were there.
    pub fn time_of(&self, count: usize) -> Option<Duration> {
        let arrived = self.arrivals.iter().find(|(length, _)| *length >= count).or(self.arrivals.last());
        arrived.map(|(_, at)| *at)
    }

    /// Bytes of memory that it holds: those of the connection, and what is noted about them.
    pub fn weight(&self) -> usize {
        let noted =
            self.arrivals.capacity().saturating_mul(ARRIVAL).saturating_add(self.ahead.len().saturating_mul(PIECE));
        self.ahead.values().map(Vec::len).fold(self.bytes.capacity().saturating_add(noted), usize::saturating_add)
    }

    /// Forgets the bytes and their times, and keeps no more; the length stays.
    pub fn shut(&mut self) {
        self.lost = self.gaps();
        self.shut = true;
        self.bytes = Vec::new();
        self.arrivals = Vec::new();
        self.ahead = BTreeMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pieces: &[(u32, &[u8])]) -> Stream {
        let mut stream = Stream::default();
        stream.begin(100);
        for (sequence, bytes) in pieces {
            stream.take(Duration::ZERO, *sequence, bytes, 0);
        }
        stream
    }

    #[test]
    fn order_and_doubles_do_not_matter() {
        let stream = stream(&[(103, b"def"), (100, b"abc"), (100, b"abcdef"), (106, b"g"), (99, b"Zab")]);
        assert_eq!((stream.bytes(), stream.length(), stream.broken_off()), (&b"abcdefg"[..], 7, false));
        assert!(!stream.altered());
    }

    #[test]
    fn a_gap_stays_one_until_it_is_filled() {
        let mut stream = stream(&[(100, b"ab"), (104, b"ef")]);
        assert_eq!((stream.bytes(), stream.broken_off()), (&b"ab"[..], true));
        stream.take(Duration::ZERO, 101, b"bcde", 0);
        assert_eq!((stream.bytes(), stream.broken_off()), (&b"abcdef"[..], false));
    }

    #[test]
    fn the_first_value_of_a_byte_counts() {
        let stream = stream(&[(102, b"cd"), (100, b"abXXe"), (100, b"YZ")]);
        assert_eq!((stream.bytes(), stream.altered()), (&b"abcde"[..], true));
    }

    #[test]
    fn a_keep_alive_changes_nothing() {
        let stream = stream(&[(100, b"ab"), (101, &[0])]);
        assert_eq!((stream.bytes(), stream.altered()), (&b"ab"[..], false));
    }

    #[test]
    fn numbers_wrap() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX - 1);
        for (sequence, bytes) in [(0, b"cd"), (u32::MAX - 1, b"ab"), (2, b"ef")] {
            stream.take(Duration::ZERO, sequence, bytes, 0);
        }
        assert_eq!(stream.bytes(), b"abcdef");
    }

    #[test]
    fn a_cut_segment_leaves_a_gap() {
        let mut stream = stream(&[]);
        stream.take(Duration::ZERO, 100, b"ab", 3);
        stream.take(Duration::ZERO, 105, b"fg", 0);
        assert_eq!((stream.bytes(), stream.length(), stream.broken_off()), (&b"ab"[..], 7, true));
    }

    #[test]
    fn what_was_only_acknowledged_is_missing() {
        let mut stream = stream(&[(100, b"ab")]);
        stream.acknowledged(105);
        assert!(stream.broken_off());
    }

    proptest::proptest! {
        #[test]
        fn any_order_of_any_cut_gives_the_same_bytes(
            base: u32,
            bytes in proptest::collection::vec(0_u8..4, 1..200),
            cuts in proptest::collection::vec((0_usize..200, 1_usize..60), 0..40),
        ) {
            let mut stream = Stream::default();
            stream.begin(base);
            let send = |stream: &mut Stream, start: usize, end: usize| {
                let start = start.min(bytes.len());
                let piece = &bytes[start..end.min(bytes.len())];
                stream.take(Duration::ZERO, base.wrapping_add(u32::try_from(start).unwrap()), piece, 0);
            };
            for (start, size) in cuts {
                send(&mut stream, start, start + size);
            }
            assert!(bytes.starts_with(stream.bytes()));
            (0..bytes.len()).rev().for_each(|at| send(&mut stream, at, at + 1));
            assert_eq!((stream.bytes(), stream.altered(), stream.broken_off()), (&bytes[..], false, false));
        }

        #[test]
        fn memory_is_bounded(pieces in proptest::collection::vec((0_u32..1_000_000, 1_usize..2000), 0..400)) {
            let mut stream = Stream::default();
            stream.begin(0);
            for (at, size) in pieces {
                stream.take(Duration::ZERO, at, &vec![0; size], 0);
            }
            assert!(stream.bytes.len() <= KEPT && stream.ahead.len() <= WAITING + 1);
            assert!(stream.weight() <= 3 * KEPT);
        }
    }
}
