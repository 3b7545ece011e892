//! The largest packet that a path lets through, looked for among the sizes that real paths have (RFC 1191 section 7,
//! and the tunnels of today).

use evidence::fact::{Came, PathTry};
use wire::machine::PathPlan;

use crate::case::{Case, Seen};
use crate::turns::Turns;
use evidence::Source;

/// Sizes of packets in bytes, with all heads from IP on: Ethernet, PPPoE, IP in IP, GRE and L2TP, `WireGuard`, IPsec in
/// UDP, SSL tunnels, the least of IPv6, and what every host of IPv4 can take.
pub const SIZES: [u16; 9] = [576, 1280, 1380, 1400, 1420, 1450, 1480, 1492, 1500];
/// Heads of IP and TCP, without options, in bytes.
const HEAD_4: u16 = 40;
const HEAD_6: u16 = 60;
/// The option that carries time stamps, which both sides mostly send (RFC 7323).
const STAMPS: u16 = 12;
/// The smallest packet that every path of IPv6 carries (RFC 8200 section 5).
const LEAST_6: u16 = 1280;

/// Direction of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the host to this computer.
    FromHost,
    /// From this computer to the host.
    ToHost,
}

/// Sizes between which a path begins to lose packets without a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hole {
    /// The largest size that passed.
    pub passes: Seen<u16>,
    /// The smallest that did not.
    pub fails: Seen<u16>,
}

fn ipv6(case: Case<'_>) -> bool {
    case.who().address.is_some_and(|address| address.ip().to_canonical().is_ipv6())
}

/// Returns the heads of a packet without options.
fn head(case: Case<'_>) -> u16 {
    if ipv6(case) { HEAD_6 } else { HEAD_4 }
}

/// Returns the heads of our packets with data, and the largest such packet that would leave in one piece.
fn own(case: Case<'_>) -> (u16, u16) {
    let head = head(case);
    let ordinary = case.path().find(|seen| !seen.value.plan.measures());
    let Some(figures) = ordinary.and_then(|seen| seen.value.figures) else { return (head + STAMPS, u16::MAX) };
    let heads = if figures.path_mtu == figures.segment + u64::from(head) { head } else { head + STAMPS };
    let whole = figures.path_mtu.min(figures.segment.saturating_add(u64::from(heads)));
    (heads, u16::try_from(whole).unwrap_or(u16::MAX))
}

/// Lists the sizes that can be tried, small to large.
fn sizes(case: Case<'_>, direction: Direction) -> Vec<u16> {
    let least = if ipv6(case) { LEAST_6 } else { 0 };
    let most = if direction == Direction::ToHost { own(case).1 } else { u16::MAX };
    SIZES.into_iter().filter(|size| (least..=most).contains(size)).collect()
}

/// Returns what a connection does that tries this size.
fn plan(case: Case<'_>, direction: Direction, size: u16) -> PathPlan {
    match direction {
        Direction::FromHost => PathPlan { segment: size.saturating_sub(head(case)), ..PathPlan::default() },
        Direction::ToHost => PathPlan { hello: size.saturating_sub(own(case).0), ..PathPlan::default() },
    }
}

/// Returns what a connection does that has the host send the smallest packets there are.
pub fn smallest(case: Case<'_>) -> PathPlan {
    let least = sizes(case, Direction::FromHost).first().copied().unwrap_or_default();
    plan(case, Direction::FromHost, least)
}

/// True if the packet passed; `None` if the connection did not get so far.
fn passed(direction: Direction, seen: &PathTry) -> Option<bool> {
    let reached = seen.came >= Came::X224;
    match direction {
        Direction::FromHost => reached.then_some(seen.came == Came::Tls),
        // that it was acknowledged is enough: what the host makes of it does not matter
        Direction::ToHost => {
            let figures = seen.figures.filter(|_| reached)?;
            if seen.came == Came::Tls || figures.unacknowledged == 0 {
                Some(true)
            } else {
                (figures.again > figures.syn_again).then_some(false)
            }
        }
    }
}

/// Iterates over the sizes that were tried, and whether they passed.
fn tried(case: Case<'_>, direction: Direction) -> Vec<(Seen<u16>, bool)> {
    let sizes = sizes(case, direction);
    let tries = case.path().filter_map(|seen| {
        let size = sizes.iter().copied().find(|size| plan(case, direction, *size) == seen.value.plan)?;
        Some((Seen { value: size, id: seen.id }, passed(direction, seen.value)?))
    });
    tries.collect()
}

/// Returns the largest size that passed and the smallest that did not.
fn bounds(tried: &[(Seen<u16>, bool)]) -> (Option<Seen<u16>>, Option<Seen<u16>>) {
    let passes = tried.iter().filter(|(_, passed)| *passed).map(|(seen, _)| *seen).max_by_key(|seen| seen.value);
    let fails = tried.iter().filter(|(_, passed)| !passed).map(|(seen, _)| *seen).min_by_key(|seen| seen.value);
    (passes, fails)
}

/// Returns the next size to try; `None` once there is nothing more to find out.
fn next_size(case: Case<'_>, direction: Direction) -> Option<u16> {
    let (sizes, tried) = (sizes(case, direction), tried(case, direction));
    let (least, most) = (*sizes.first()?, *sizes.last()?);
    let outcome = |size| tried.iter().rev().find(|(seen, _)| seen.value == size).map(|(_, passed)| *passed);
    // a host that answers in no size says nothing of the path, and neither does one that answers in every size
    let (first, second) = if direction == Direction::FromHost { (least, most) } else { (most, least) };
    match (outcome(first), outcome(second)) {
        (None, _) => return Some(first),
        (Some(passed), None) if passed == (first == least) => return Some(second),
        _ => {}
    }
    let (Some(passes), Some(fails)) = bounds(&tried) else { return None };
    let between: Vec<u16> = sizes.into_iter().filter(|size| (passes.value + 1..fails.value).contains(size)).collect();
    // what happened once may be chance: both bounds have to be met again
    let once = |size: u16| tried.iter().filter(|(seen, _)| seen.value == size).count() < 2;
    between.get(between.len() / 2).copied().or_else(|| {
        // of machines that take turns, the one that passed what the other did not is asked what that one failed
        let number = |seen: &Seen<u16>| case.evidence.observations.get(seen.id - 1).map(|seen| seen.source);
        let (even, mut again) = (case.evidence.connections % 2, [fails, passes]);
        again.sort_by_key(|seen| !matches!(number(seen), Some(Source::Probe(number)) if number % 2 == even));
        again.into_iter().map(|seen| seen.value).find(|size| once(*size))
    })
}

/// Returns what the next connection does that looks for the largest size.
pub fn next(case: Case<'_>, direction: Direction) -> Option<PathPlan> {
    next_size(case, direction).map(|size| plan(case, direction, size))
}

/// True if any size was tried, and all that matter were.
pub fn found_out(case: Case<'_>, direction: Direction) -> bool {
    !tried(case, direction).is_empty() && next_size(case, direction).is_none()
}

/// Returns the hole of a direction, once it was found.
pub fn hole(case: Case<'_>, direction: Direction) -> Option<Hole> {
    let tried = tried(case, direction);
    let (passes, fails) = bounds(&tried);
    let (passes, fails) = (passes?, fails?);
    let alike = |size: u16| {
        let mut outcomes = tried.iter().filter(|(seen, _)| seen.value == size).map(|(_, passed)| *passed);
        outcomes.next().is_none_or(|first| outcomes.all(|passed| passed == first))
    };
    let steady = alike(passes.value) && alike(fails.value) && passes.value < fails.value;
    (found_out(case, direction) && steady).then_some(Hole { passes, fails })
}

/// Returns what the next connection does that tells whether it is the size that makes the difference, or whose turn it
/// is of the machines behind one address; `None` where that is known, or no hole was found.
pub fn other_turn(case: Case<'_>) -> Option<PathPlan> {
    [Direction::FromHost, Direction::ToHost].into_iter().find_map(|direction| {
        let hole = hole(case, direction)?;
        let told = tried(case, direction).into_iter().map(|(seen, passed)| Seen { value: Some(passed), id: seen.id });
        let turns = Turns::of(case, told);
        // what is lost is waited for, so what passes is asked where that tells as much
        let size = if turns.ruled_out_by(true) > turns.ruled_out_by(false) { hole.fails } else { hole.passes };
        turns.explain().then(|| plan(case, direction, size.value))
    })
}

/// True if the answer to a hello came in small packets, and in large ones it did not.
pub fn answers_are_too_large(case: Case<'_>) -> bool {
    hole(case, Direction::FromHost).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Sketch, host_at};
    use evidence::fact::Fact;
    use wire::figures::TcpFigures;

    fn ethernet() -> TcpFigures {
        TcpFigures { path_mtu: 1500, segment: 1448, acknowledged: 40, ..TcpFigures::default() }
    }

    fn add(sketch: Sketch, plan: PathPlan, figures: TcpFigures, came: Came) -> Sketch {
        sketch.with(Fact::Path(PathTry { plan, figures: Some(figures), came, burst: None }))
    }

    /// Plays a path that lets packets of at most this size through, and returns the sizes that were tried.
    fn search(address: &str, most: u16, direction: Direction) -> (Vec<u16>, Option<(u16, u16)>) {
        let figures = if address.starts_with('[') { TcpFigures { segment: 1428, ..ethernet() } } else { ethernet() };
        let sketch = host_at("server01", address).nla();
        let mut sketch = add(sketch, PathPlan::default(), figures, Came::X224);
        let mut sizes = Vec::new();
        while let Some(size) = sketch.with_case(|case| next_size(case, direction)) {
            sizes.push(size);
            assert!(sizes.len() < 10, "{sizes:?}");
            let plan = sketch.with_case(|case| plan(case, direction, size));
            let (came, unacknowledged) = if size <= most { (Came::Tls, 0) } else { (Came::X224, 1) };
            sketch = add(sketch, plan, TcpFigures { unacknowledged, again: unacknowledged, ..figures }, came);
        }
        let hole = sketch.with_case(|case| hole(case, direction));
        (sizes, hole.map(|hole| (hole.passes.value, hole.fails.value)))
    }

    /// Of three machines by turns one answers, and the others say nothing: every size that is tried passes where it is
    /// that one's turn.
    #[test]
    fn machines_that_take_turns_are_no_hole() {
        for length in 2..=6 {
            for well in 0..length {
                let mut sketch = host_at("server01", "192.0.2.7:3389").nla();
                let (mut number, mut tried) = (3, Vec::new());
                let next = |sketch: &Sketch| {
                    sketch.with_case(|case| next(case, Direction::FromHost).or_else(|| other_turn(case)))
                };
                while let Some(plan) = next(&sketch).filter(|_| tried.len() < 12) {
                    let came = if number % length == well { Came::Tls } else { Came::X224 };
                    tried.push((plan.segment, came));
                    let figures = Some(ethernet());
                    sketch = sketch.on_connection(number, Fact::Path(PathTry { plan, figures, came, burst: None }));
                    number += 1;
                }
                let found =
                    sketch.with_case(|case| hole(case, Direction::FromHost).is_some() && other_turn(case).is_none());
                assert!(!found, "{well} of {length}: {tried:?}");
            }
        }
    }

    /// A real hole is told from them in few connections more.
    #[test]
    fn a_hole_is_told_from_machines_that_take_turns() {
        for most in SIZES.windows(2).map(|pair| pair[0]) {
            let mut sketch = host_at("server01", "192.0.2.7:3389").nla();
            let mut number = 3;
            let next =
                |sketch: &Sketch| sketch.with_case(|case| next(case, Direction::FromHost).or_else(|| other_turn(case)));
            while let Some(plan) = next(&sketch) {
                let came = if plan.segment + HEAD_4 <= most { Came::Tls } else { Came::X224 };
                let figures = Some(ethernet());
                sketch = sketch.on_connection(number, Fact::Path(PathTry { plan, figures, came, burst: None }));
                number += 1;
            }
            assert_eq!(
                sketch.with_case(|case| hole(case, Direction::FromHost)).map(|hole| hole.passes.value),
                Some(most)
            );
            assert!(number - 3 <= 9, "{most}: {} connections", number - 3);
        }
    }

    #[test]
    fn every_size_is_found_in_both_directions() {
        for direction in [Direction::FromHost, Direction::ToHost] {
            for (address, least) in [("192.0.2.7:3389", 0), ("[2001:db8::7]:3389", 1)] {
                for pair in SIZES[least..].windows(2) {
                    for most in [pair[0], pair[1] - 1] {
                        let (sizes, found) = search(address, most, direction);
                        assert_eq!(found, Some((pair[0], pair[1])), "{address} {direction:?} {most}: {sizes:?}");
                        assert!(sizes.len() <= 7, "{sizes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_or_everything_passes() {
        assert_eq!(search("192.0.2.7:3389", 1500, Direction::FromHost), (vec![576, 1500], None));
        assert_eq!(search("192.0.2.7:3389", 1500, Direction::ToHost), (vec![1500], None));
        assert_eq!(search("192.0.2.7:3389", 0, Direction::FromHost), (vec![576], None));
        assert_eq!(search("192.0.2.7:3389", 0, Direction::ToHost), (vec![1500, 576], None));
    }

    /// Nothing is tried that our own interface cannot send in one piece.
    #[test]
    fn a_smaller_interface_of_our_own_is_no_hole() {
        let figures = TcpFigures { path_mtu: 1400, segment: 1348, ..ethernet() };
        let sketch = add(host_at("server01", "192.0.2.7:3389").nla(), PathPlan::default(), figures, Came::X224);
        assert_eq!(sketch.with_case(|case| next_size(case, Direction::ToHost)), Some(1400));
    }
}
