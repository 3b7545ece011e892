//! Measures of the path: packets that were lost, times that packets took, the rate at which bytes came.
//!
//! Only packets that went one at a time are counted, and of those that were lost only what came through later: a filter
//! that stops all of something, or everything from some point on, is none of the path's accidents.

use std::time::Duration;

use evidence::fact::{Burst, Came, Fact, Pace, PathTry};
use schemars::JsonSchema;
use serde::Serialize;
use wire::figures::TcpFigures;

use crate::case::{Case, Seen};
use crate::tries::exact_interval;

/// Share of lost packets, in per cent, from which it is told: the lower bound of its interval has to pass it. Half a
/// per cent is usual on radio and satellite, and nobody notices.
pub const LOSS: f64 = 3.0;
/// Packets of one direction below which no share is told.
const PACKETS: usize = 24;
/// Connections that have to lose some: what one lost may have been a single moment.
const LOSERS: usize = 2;
/// Connections after which nothing was lost and none more are made.
const SAMPLES_LEAST: usize = 2;
/// Most connections that are made to count packets.
pub const SAMPLES: usize = 12;
/// Round trip time from which it is told: people notice it in every key stroke.
pub const LATENCY: Duration = Duration::from_millis(300);
/// Connections in which it has to be met.
const LATENCY_TIMES: usize = 3;
/// Rate in kilobits per second below which it is told.
pub const RATE: u64 = 512;
/// Bytes that are enough to reckon a rate.
const ENOUGH: u64 = 500;
/// Bursts in small packets that have to be slow.
pub const BURSTS: usize = 3;
/// Time that a round trip takes beyond twice the shortest one before it counts as unsteady.
const SWING: Duration = Duration::from_millis(50);
/// Share of unsteady round trips, in per cent, that the lower bound has to pass.
pub const UNSTEADY: f64 = 25.0;

/// Packets of one direction, and how many of them were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// Those that were lost.
    pub lost: usize,
    /// All of them.
    pub of: usize,
}

impl Share {
    fn add(self, lost: u64, of: u64) -> Self {
        let add = |sum: usize, number| sum.saturating_add(usize::try_from(number).unwrap_or(usize::MAX));
        Self { lost: add(self.lost, lost.min(of)), of: add(self.of, of) }
    }

    /// Returns the interval in which the share lies with 95 % (Wilson), in per cent.
    pub fn interval(self) -> (f64, f64) {
        exact_interval(self.lost, self.of)
    }

    fn told(self) -> bool {
        self.of >= PACKETS && self.interval().0 >= LOSS
    }
}

impl<'a> Case<'a> {
    /// Iterates over what the path let pass of connections.
    pub fn path(self) -> impl Iterator<Item = Seen<&'a PathTry>> + 'a {
        self.seen(|fact| if let Fact::Path(path) = fact { Some(path) } else { None })
    }
}

fn figures(case: Case<'_>) -> impl Iterator<Item = (Seen<&PathTry>, &TcpFigures)> {
    case.path().filter_map(|seen| Some((seen, seen.value.figures.as_ref()?)))
}

/// Finds a connection that was accepted and of whose data nothing was acknowledged, although it was sent again: the
/// other side's system acknowledges by itself, whatever its programs do.
pub fn unheard(case: Case<'_>) -> Option<Seen<u64>> {
    let heard = |(_, figures): &(Seen<&PathTry>, &TcpFigures)| came_through(figures);
    if figures(case).any(|one| heard(&one)) {
        return None;
    }
    let mut unheard =
        figures(case).filter(|(_, figures)| figures.acknowledged == 1 && figures.again > figures.syn_again);
    unheard.next().map(|(seen, figures)| Seen { value: figures.again - figures.syn_again, id: seen.id })
}

/// Counts the connections whose first packet, the SYN, had to be sent again, and all of which that is told, with one of
/// them.
pub fn knocked_again(case: Case<'_>) -> Option<Seen<(usize, usize)>> {
    let mut again = figures(case).filter(|(_, figures)| figures.syn_again > 0).map(|(seen, _)| seen.id);
    let (first, all) = (again.next()?, figures(case).count());
    Some(Seen { value: (again.count() + 1, all), id: first })
}

/// True if the system tells its figures, so that the path can be measured.
pub fn measurable(case: Case<'_>) -> bool {
    figures(case).next().is_some()
}

/// Returns the connections whose packets were counted.
pub fn samples(case: Case<'_>) -> Vec<Seen<&PathTry>> {
    case.path().filter(|seen| seen.value.plan.pieces).collect()
}

/// Iterates over the figures of those.
fn counted(case: Case<'_>) -> impl Iterator<Item = &TcpFigures> {
    let counted = figures(case).filter(|(seen, _)| seen.value.plan.pieces);
    counted.map(|(_, figures)| figures)
}

/// True if the host had any of our data: the SYN is one byte.
fn came_through(figures: &TcpFigures) -> bool {
    figures.acknowledged > 1
}

/// Returns the packets that were sent again in vain: behind what was never acknowledged the connection may have been
/// cut, and not by chance.
fn vain(figures: &TcpFigures) -> u64 {
    figures.timeouts.saturating_add(figures.outstanding)
}

/// Returns the packets of a connection that were lost on the way there.
fn lost(figures: &TcpFigures) -> u64 {
    [figures.syn_again, figures.needless, vain(figures)].into_iter().fold(figures.again, u64::saturating_sub)
}

/// Returns the packets to the host that were lost, or whose acknowledgement was lost unnoticed by the host.
pub fn there(case: Case<'_>) -> Share {
    counted(case).fold(Share { lost: 0, of: 0 }, |share, seen| share.add(lost(seen), seen.sent))
}

/// Returns the acknowledgements of the host that were lost, by its own word that it has a packet already.
pub fn back(case: Case<'_>) -> Share {
    counted(case).fold(Share { lost: 0, of: 0 }, |share, seen| share.add(seen.needless, seen.sent))
}

/// True if so many packets of one direction were lost that it is told.
pub fn lossy(case: Case<'_>) -> bool {
    let losers = counted(case).filter(|seen| lost(seen) > 0 || seen.needless > 0).count();
    losers >= LOSERS && (there(case).told() || back(case).told())
}

/// True if enough connections were made to tell whether packets are lost.
pub fn sampled(case: Case<'_>) -> bool {
    let (samples, lost) = (samples(case).len(), there(case).lost + back(case).lost);
    samples >= SAMPLES || samples >= SAMPLES_LEAST && (lost == 0 || lossy(case))
}

/// True if a counted connection was cut off: all came through up to some point and nothing behind it, which is not by
/// chance. Counting the packets of more of them takes long and tells nothing of loss.
pub fn cut_off(case: Case<'_>) -> bool {
    let counted = figures(case).filter(|(seen, _)| seen.value.plan.pieces && seen.value.came == Came::Tcp);
    counted.map(|(_, figures)| figures).any(|figures| figures.again <= vain(figures))
}

/// True if a connection that was made for something else met something odd: a packet that was sent again or came out of
/// its order, or a long way.
pub fn odd(case: Case<'_>) -> bool {
    let own = figures(case).filter(|(seen, figures)| !seen.value.plan.measures() && came_through(figures));
    let odd = |(_, figures): (Seen<&PathTry>, &TcpFigures)| {
        let again = figures.again > figures.needless || figures.out_of_order > 0;
        again || Duration::from_micros(figures.syn_rtt) >= LATENCY
    };
    own.into_iter().any(odd)
}

/// Returns the shortest round trip of each connection that was made at the first SYN, as its system counted it.
pub fn round_trips(case: Case<'_>) -> Vec<Seen<Duration>> {
    let trips = figures(case).filter(|(_, figures)| figures.syn_rtt > 0);
    trips.map(|(seen, figures)| Seen { value: Duration::from_micros(figures.syn_rtt), id: seen.id }).collect()
}

/// Returns the shortest of enough round trips.
pub fn shortest(case: Case<'_>) -> Option<Seen<Duration>> {
    let trips = round_trips(case);
    if trips.len() < LATENCY_TIMES { None } else { trips.into_iter().min_by_key(|seen| seen.value) }
}

/// Returns the round trips that took far longer than the shortest, and all of them; `None` for too few.
pub fn swings(case: Case<'_>) -> Option<Share> {
    let least = shortest(case)?.value;
    let trips = round_trips(case);
    let lost = trips.iter().filter(|seen| seen.value >= least * 2 + SWING).count();
    Some(Share { lost, of: trips.len() })
}

/// True for a burst that came so slowly that it is looked at more closely.
fn slow(burst: Burst) -> bool {
    burst.whole.bytes >= ENOUGH && burst.whole.rate().is_some_and(|rate| rate < 2 * RATE)
}

/// Returns the rate in kilobits per second at which each handshake in small packets came, behind its middle; `None`
/// where it came at once, or is too short to tell.
pub fn rates(case: Case<'_>) -> Vec<Seen<Option<u64>>> {
    let rate = |seen: Seen<&PathTry>| {
        let rest = seen.value.burst.map(|burst| burst.rest).filter(|rest| rest.bytes >= ENOUGH);
        Seen { value: rest.and_then(Pace::rate), id: seen.id }
    };
    let small = case.path().filter(|seen| seen.value.plan.segment > 0 && seen.value.came == Came::Tls);
    small.map(rate).collect()
}

fn below(seen: &Seen<Option<u64>>) -> bool {
    seen.value.is_some_and(|rate| rate < RATE)
}

/// True if it is clear whether all handshakes are slow.
pub fn rated(case: Case<'_>) -> bool {
    let rates = rates(case);
    rates.len() >= BURSTS || !rates.iter().all(below)
}

/// True if a handshake was slow, and it is not clear yet whether all are.
pub fn slow_so_far(case: Case<'_>) -> bool {
    let mut own = case.path().filter(|seen| !seen.value.plan.measures());
    own.any(|seen| seen.value.burst.is_some_and(slow)) && !rated(case)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sketch::{Sketch, host};
    use wire::machine::PathPlan;

    /// A host that takes everything, over a path of these figures.
    pub(crate) fn plain(figures: TcpFigures) -> Sketch {
        with(host("192.0.2.7").nla().tls_up(wire::tls::TlsVersion::Tls13), PathPlan::default(), figures)
    }

    pub(crate) fn with(sketch: Sketch, plan: PathPlan, figures: TcpFigures) -> Sketch {
        sketch.with(Fact::Path(PathTry { plan, figures: Some(figures), came: Came::X224, burst: None }))
    }

    /// As many connections with 17 packets each, of which in each so many were lost there and back.
    pub(crate) fn sampled_with(sketch: Sketch, connections: usize, there: u64, back: u64) -> Sketch {
        let figures = TcpFigures {
            acknowledged: 40,
            sent: 17 + there + back,
            again: there + back,
            needless: back,
            syn_rtt: 20_000,
            ..TcpFigures::default()
        };
        let pieces = PathPlan { pieces: true, ..PathPlan::default() };
        (0..connections).fold(sketch, |sketch, _| with(sketch, pieces, figures))
    }

    #[test]
    fn a_loss_has_to_pass_its_threshold() {
        for (connections, there, back, told) in
            [(2, 1, 0, false), (3, 0, 0, false), (3, 2, 0, true), (3, 0, 2, true), (12, 0, 0, false)]
        {
            let sketch = sampled_with(plain(TcpFigures::default()), connections, there, back);
            assert_eq!(sketch.with_case(lossy), told, "{connections} connections, {there} and {back}");
        }
        let once = sampled_with(sampled_with(plain(TcpFigures::default()), 1, 0, 0), 1, 8, 0);
        assert!(!once.with_case(lossy), "it may have been one moment");
        assert!(sampled_with(once, 1, 1, 0).with_case(lossy));
    }

    /// Half a per cent of loss, as on a satellite: one packet of two hundred.
    #[test]
    fn a_little_loss_is_usual() {
        let figures = TcpFigures { acknowledged: 40, syn_rtt: 180_000, ..TcpFigures::default() };
        let sketch = sampled_with(sampled_with(plain(figures), 11, 0, 0), 1, 1, 0);
        assert!(sketch.with_case(sampled) && !sketch.with_case(lossy));
    }

    /// A filter that drops everything of ours is no loss.
    #[test]
    fn what_never_comes_through_is_not_counted() {
        let plan = PathPlan { pieces: true, ..PathPlan::default() };
        for (acknowledged, sent) in [(1, 6), (30, 15)] {
            let cut = TcpFigures { acknowledged, sent, again: 5, timeouts: 4, outstanding: 1, ..TcpFigures::default() };
            let cut = PathTry { plan, figures: Some(cut), came: Came::Tcp, burst: None };
            let sketch = (0..12).fold(host("192.0.2.7").nla(), |sketch, _| sketch.with(Fact::Path(cut)));
            let all = usize::try_from(12 * sent).unwrap();
            assert_eq!(sketch.with_case(there), Share { lost: 0, of: all });
            assert!(!sketch.with_case(lossy) && sketch.with_case(cut_off));
            let lost = PathTry { figures: cut.figures.map(|figures| TcpFigures { again: 6, ..figures }), ..cut };
            assert!(!host("192.0.2.7").nla().with(Fact::Path(lost)).with_case(cut_off), "one was lost by chance");
        }
    }

    #[test]
    fn what_is_odd_is_looked_into() {
        let through = TcpFigures { acknowledged: 40, syn_rtt: 180_000, ..TcpFigures::default() };
        for (figures, expected) in [
            (through, false),
            (TcpFigures { again: 1, ..through }, true),
            (TcpFigures { again: 1, needless: 1, ..through }, false),
            (TcpFigures { again: 1, acknowledged: 1, ..through }, false),
            (TcpFigures { out_of_order: 1, ..through }, true),
            (TcpFigures { syn_rtt: 300_000, ..through }, true),
        ] {
            assert_eq!(plain(figures).with_case(odd), expected, "{figures:?}");
        }
    }
}
