//! The machines on the way to a host, and which of them acts on a ClientHello: one that can come only so far is reset
//! or swallowed from some distance on. That is compared with the host's own distance.
//!
//! Nothing is told from silence alone: many routers send no ICMP. What happened once may be chance, so the two
//! distances that decide are met twice; and a way whose routers change from packet to packet decides nothing.
//!
//! It is told beside what a cause rests on, and proves none: a route may change in between, and a router that limits
//! its ICMP says nothing of a hello that ended there.

use std::net::IpAddr;

use evidence::Because;
use evidence::fact::{Fact, Handshake, HelloFate, HelloTry};
use wire::hops::{HopAnswer, HopTry};
use wire::machine::{End, PathPlan};

use crate::as_client::first_offer;
use crate::case::{Case, Seen};

/// Machines on the way to a host, as SYNs met them that can come only so far.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a>(&'a [HopTry]);

impl<'a> Way<'a> {
    /// Returns the nearest try that came to the end: to the host, or to what answers in its place.
    pub fn end(self) -> Option<&'a HopTry> {
        self.0.iter().filter(|seen| seen.answer.ends_the_way()).min_by_key(|seen| seen.hops)
    }

    /// Returns the distance of the host, where it lets anybody in.
    pub fn distance(self) -> Option<u8> {
        self.end().filter(|end| end.answer == HopAnswer::Accepted).map(|end| end.hops)
    }

    /// Lists the routers at this distance: more than one where the way changes from packet to packet.
    pub fn routers(self, hops: u8) -> Vec<IpAddr> {
        let mut routers = Vec::new();
        for seen in self.0.iter().filter(|seen| seen.hops == hops) {
            if let HopAnswer::Expired(from) = seen.answer
                && !routers.contains(&from)
            {
                routers.push(from);
            }
        }
        routers
    }

    /// Returns the only router at this distance, if it said so each time, and more than once.
    fn sure(self, hops: u8) -> Option<IpAddr> {
        let tries = || self.0.iter().filter(move |seen| seen.hops == hops);
        let always = tries().all(|seen| matches!(seen.answer, HopAnswer::Expired(_)));
        match self.routers(hops)[..] {
            [router] if always && tries().count() > 1 => Some(router),
            _ => None,
        }
    }

    /// Returns the farthest distance at which a router answered.
    pub fn farthest(self) -> Option<u8> {
        let expired = self.0.iter().filter(|seen| matches!(seen.answer, HopAnswer::Expired(_)));
        expired.map(|seen| seen.hops).max()
    }

    /// Says a time to live, and how far it is enough, where that is sure.
    fn reach(self, hops: u8) -> String {
        let router = self.sure(hops).map_or_else(String::new, |router| format!(" (as far as {router})"));
        format!("{hops}{router}")
    }
}

/// Says how far away something is.
pub fn away(hops: u8) -> String {
    if hops == 1 { "1 hop away".to_owned() } else { format!("{hops} hops away") }
}

/// Returns the machines on the way to the subject, if they were looked for.
pub fn way(case: Case<'_>) -> Option<Seen<Way<'_>>> {
    case.last(|fact| if let Fact::Hops(tries) = fact { Some(Way(tries)) } else { None })
}

/// Hello that is acted on from some distance on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acted {
    /// How it ends there; `None` if it vanishes.
    pub end: Option<End>,
    /// Farthest distance at which nothing happens to it; 0 if there is none.
    pub spared: u8,
    /// Nearest distance at which something does.
    pub met: u8,
    /// Distance of the host.
    pub distance: u8,
    /// Observation that shows it.
    pub id: usize,
}

/// State of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// A hello of this time to live is to be sent.
    Ask(u8),
    /// It is over.
    Over(Option<Acted>),
}

fn hellos(case: Case<'_>) -> Vec<Seen<HelloTry>> {
    case.seen(|fact| if let Fact::HelloByHops(hello) = fact { Some(*hello) } else { None }).collect()
}

/// True if the first hello got no byte of an answer.
fn dead(case: Case<'_>) -> bool {
    case.tls_with(first_offer(case))
        .is_some_and(|seen| matches!(seen.value, Handshake::Closed { bytes: 0, .. } | Handshake::Silent { bytes: 0 }))
}

/// True if the first hello was ended, not lost.
fn ended(case: Case<'_>) -> bool {
    case.tls_with(first_offer(case)).is_some_and(|seen| matches!(seen.value, Handshake::Closed { .. }))
}

/// Looks for the distance at which a hello begins to be acted on; `None` where that cannot be asked.
fn search(case: Case<'_>) -> Option<Search> {
    let way = way(case)?.value;
    let distance = way.distance().filter(|distance| *distance > 1 && dead(case))?;
    let hellos = hellos(case);
    let of = |hops: u8| hellos.iter().filter(move |seen| seen.value.hops == hops);
    let Some(whole) = of(distance).next() else { return Some(Search::Ask(distance)) };
    let end = match whole.value.fate {
        HelloFate::Ended(end) => Some(end),
        HelloFate::Silent => None,
        HelloFate::Expired | HelloFate::Answered => return Some(Search::Over(None)),
    };
    // a machine may drop what has little time to live, which no client sends
    if end.is_some() != ended(case) {
        return Some(Search::Over(None));
    }
    // a hello that vanishes can only be told from one that expired where the router there says so
    let telling = |hops: &u8| end.is_some() || way.sure(*hops).is_some();
    let acted = |seen: &Seen<HelloTry>| match (end, seen.value.fate) {
        (Some(_), HelloFate::Ended(_)) | (None, HelloFate::Silent) => Some(true),
        (_, HelloFate::Expired) | (Some(_), HelloFate::Silent) => Some(false),
        _ => None,
    };
    let all = hellos.iter().map(|seen| acted(seen).map(|acted| (seen.value.hops, acted))).collect::<Option<Vec<_>>>();
    let Some(all) = all else { return Some(Search::Over(None)) };
    let spared = all.iter().filter(|(_, acted)| !acted).map(|(hops, _)| *hops).max().unwrap_or_default();
    let met = all.iter().filter(|(_, acted)| *acted).map(|(hops, _)| *hops).min().unwrap_or(distance);
    if spared >= met {
        // now this way and now that
        return Some(Search::Over(None));
    }
    let between: Vec<u8> = (spared + 1..met).filter(telling).collect();
    let once = |hops: &u8| *hops > 0 && of(*hops).count() < 2;
    let next = between.get(between.len() / 2).copied().or_else(|| [met, spared].into_iter().find(once));
    Some(next.map_or_else(
        || Search::Over(of(met).next_back().map(|seen| Acted { end, spared, met, distance, id: seen.id })),
        Search::Ask,
    ))
}

/// Returns what the next connection does that looks for the distance.
pub fn next(case: Case<'_>) -> Option<PathPlan> {
    let Search::Ask(hops) = search(case)? else { return None };
    Some(PathPlan { hops, ..PathPlan::default() })
}

/// True if the search is over.
pub fn found_out(case: Case<'_>) -> bool {
    matches!(search(case), Some(Search::Over(_)))
}

/// Returns from which distance on a hello is acted on, once that is clear.
pub fn acted(case: Case<'_>) -> Option<Acted> {
    if let Search::Over(acted) = search(case)? { acted } else { None }
}

/// Returns it if that is nearer than the host: a packet that ends there cannot have come to it.
pub fn on_the_way(case: Case<'_>) -> Option<Acted> {
    let way = way(case)?.value;
    acted(case).filter(|acted| acted.met < acted.distance && way.sure(acted.met).is_some())
}

/// Says where a hello is acted on.
pub fn because(case: Case<'_>) -> Option<Because> {
    let (seen, acted) = (way(case)?, acted(case)?);
    let way = seen.value;
    let nearer = on_the_way(case).is_some();
    // where machines between say no word, nothing is told of them
    if !nearer && acted.spared + 1 < acted.distance {
        return None;
    }
    let verb = acted.end.map_or("lost", End::verb);
    let spared = match acted.spared {
        0 => String::new(),
        hops => format!(", one of {} was not", way.reach(hops)),
    };
    let who = if nearer {
        let behind = match acted.spared {
            0 => "on this computer or before its first router".to_owned(),
            hops => format!("in or behind {}", way.sure(hops).map_or_else(|| away(hops), |router| router.to_string())),
        };
        format!(
            "so a machine at most {} may have done it, {behind}; the host is {}",
            away(acted.met),
            away(acted.distance)
        )
    } else {
        "there the host is, which did it itself, or the last machine before it".to_owned()
    };
    let text = format!("a ClientHello with a time to live of {} was {verb} twice{spared}: {who}", way.reach(acted.met));
    Some(Because { text, observation: acted.id })
}

/// Says how far SYNs came that nobody answered, where a router on the way says so.
pub fn came_to(case: Case<'_>) -> Option<Because> {
    let seen = way(case)?;
    let way = seen.value;
    let far = way.farthest().filter(|_| way.end().is_none())?;
    let router = *way.routers(far).first()?;
    Some(seen.because(format!("the router {router}, {}, still answered for SYNs to it, and nothing behind", away(far))))
}

/// Says who told that there is no way to the host.
pub fn who_refused(case: Case<'_>) -> Option<Because> {
    let seen = way(case)?;
    let end = seen.value.end()?;
    let HopAnswer::Unreachable { from, kind, code } = end.answer else { return None };
    let hops = (1..=end.hops).find(|hops| seen.value.routers(*hops).contains(&from));
    let place = hops.map_or_else(|| format!("at most {}", away(end.hops)), away);
    Some(seen.because(format!("{from}, {place}, says so (ICMP type {kind}, code {code})")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sketch::{Sketch, host};

    const NEAR: [u8; 4] = [198, 51, 100, 1];
    const FAR: [u8; 4] = [198, 51, 100, 5];

    fn expired(hops: u8, router: [u8; 4]) -> HopTry {
        HopTry { hops, answer: HopAnswer::Expired(router.into()) }
    }

    fn at(hops: u8, answer: HopAnswer) -> HopTry {
        HopTry { hops, answer }
    }

    /// Host behind two routers, met as a probe meets them.
    pub(crate) fn behind_two_routers() -> Vec<HopTry> {
        let once = [expired(1, NEAR), expired(2, FAR)];
        [&once[..], &[at(3, HopAnswer::Accepted)], &once].concat()
    }

    /// Host behind these machines, whose first hello met this.
    fn broken(tries: Vec<HopTry>, answer: Handshake) -> Sketch {
        host("192.0.2.7").nla().with(Fact::Hops(tries)).tls(wire::tls::TlsOffer::MODERN, answer)
    }

    const RESET: Handshake = Handshake::Closed { end: End::Rst, bytes: 0 };
    const SILENT: Handshake = Handshake::Silent { bytes: 0 };
    const ENDED: HelloFate = HelloFate::Ended(End::Rst);

    /// Sends hellos until nothing more is asked, each with the fate that its time to live and number give it.
    pub(crate) fn asked(mut sketch: Sketch, fate: impl Fn(u8, usize) -> HelloFate) -> (Sketch, usize) {
        for number in 0..20 {
            let Some(plan) = sketch.with_case(next) else { return (sketch, number) };
            let fate = fate(plan.hops, number);
            sketch = sketch.with(Fact::HelloByHops(HelloTry { hops: plan.hops, fate }));
        }
        panic!("it does not end");
    }

    fn far_off(length: u8) -> Vec<HopTry> {
        let routers = || (1..length).map(|hops| expired(hops, [198, 51, 100, hops]));
        routers().chain([at(length, HopAnswer::Accepted)]).chain(routers()).collect()
    }

    #[test]
    fn the_nearest_distance_of_a_reset_is_found_in_few_steps() {
        for length in [2, 3, 9, 16] {
            for nearest in 1..=length {
                let fate = |hops, _| if hops >= nearest { ENDED } else { HelloFate::Expired };
                let (sketch, steps) = asked(broken(far_off(length), RESET), fate);
                let found = sketch.with_case(acted).unwrap();
                assert_eq!((found.met, found.spared, found.distance), (nearest, nearest - 1, length));
                assert_eq!(sketch.with_case(|case| on_the_way(case).is_some()), nearest < length);
                assert!(steps <= 8 && sketch.with_case(found_out), "{steps} steps");
            }
        }
    }

    #[test]
    fn the_last_router_that_saw_a_hello_is_found() {
        for last in 0..=8 {
            let fate = |hops, _| if hops <= last { HelloFate::Expired } else { HelloFate::Silent };
            let (sketch, _) = asked(broken(far_off(9), SILENT), fate);
            let found = sketch.with_case(acted).unwrap();
            assert_eq!((found.spared, found.met, found.end), (last, last + 1, None));
            assert_eq!(sketch.with_case(|case| on_the_way(case).is_some()), last < 8);
        }
    }

    #[test]
    fn a_sentence_names_the_router_and_the_host() {
        let (sketch, _) = asked(broken(behind_two_routers(), RESET), |hops, _| match hops {
            1 => HelloFate::Expired,
            _ => ENDED,
        });
        let said = sketch.with_case(because).unwrap().text;
        assert_eq!(
            said,
            "a ClientHello with a time to live of 2 (as far as 198.51.100.5) was reset twice, one of 1 (as far as \
             198.51.100.1) was not: so a machine at most 2 hops away may have done it, in or behind 198.51.100.1; the host is 3 \
             hops away"
        );
    }

    /// A host, or its own firewall, is as far away as the host.
    #[test]
    fn near_miss_the_host_itself() {
        let (sketch, _) =
            asked(broken(behind_two_routers(), RESET), |hops, _| if hops < 3 { HelloFate::Expired } else { ENDED });
        assert_eq!(sketch.with_case(on_the_way), None);
        assert!(sketch.with_case(because).unwrap().text.contains("there the host is"));
    }

    /// Without a word of routers nobody between is blamed, and a hello that vanishes is not followed.
    #[test]
    fn quiet_routers_tell_nothing() {
        let quiet = || {
            let once = [at(1, HopAnswer::Silent), at(2, HopAnswer::Silent)];
            [&once[..], &[at(3, HopAnswer::Accepted)], &once].concat()
        };
        let (sketch, _) = asked(broken(quiet(), RESET), |hops, _| if hops < 2 { HelloFate::Silent } else { ENDED });
        assert_eq!(sketch.with_case(|case| (on_the_way(case), because(case))), (None, None));
        let (sketch, _) = asked(broken(quiet(), SILENT), |_, _| HelloFate::Silent);
        assert_eq!(sketch.with_case(|case| (on_the_way(case), because(case))), (None, None));
    }

    /// Ways that change from packet to packet, and ends that come by chance.
    #[test]
    fn what_changes_is_not_judged() {
        let mut changing = behind_two_routers();
        changing.extend([expired(2, [198, 51, 100, 6])]);
        let fate = |hops, _| if hops < 2 { HelloFate::Expired } else { ENDED };
        let (sketch, _) = asked(broken(changing, RESET), fate);
        assert_eq!(sketch.with_case(|case| (on_the_way(case), because(case))), (None, None));
        for chance in 1..5 {
            let fate = |hops, number| match (hops, number == chance) {
                (1, false) => HelloFate::Expired,
                (_, true) => HelloFate::Answered,
                _ => ENDED,
            };
            let (sketch, steps) = asked(broken(behind_two_routers(), RESET), fate);
            assert_eq!(sketch.with_case(acted).is_some(), steps <= chance, "{chance}");
        }
    }

    #[test]
    fn unseen() {
        let routers_alone = vec![expired(1, NEAR), expired(1, NEAR)];
        for tries in [Vec::new(), routers_alone, vec![at(1, HopAnswer::Refused)], vec![at(0, HopAnswer::Accepted)]] {
            let sketch = broken(tries, RESET);
            assert_eq!(sketch.with_case(on_the_way), None);
        }
        assert_eq!(host("192.0.2.7").nla().tls(wire::tls::TlsOffer::MODERN, RESET).with_case(next), None);
        let healthy = host("192.0.2.7").nla().with(Fact::Hops(behind_two_routers()));
        assert_eq!(healthy.tls_up(wire::tls::TlsVersion::Tls13).with_case(next), None);
    }

    #[test]
    fn the_end_of_a_way_is_told() {
        let refused = HopAnswer::Unreachable { from: NEAR.into(), kind: 3, code: 13 };
        let sketch = host("192.0.2.7").with(Fact::Hops(vec![expired(1, NEAR), at(2, refused), expired(1, NEAR)]));
        let said = sketch.with_case(who_refused).unwrap().text;
        assert_eq!(said, "198.51.100.1, 1 hop away, says so (ICMP type 3, code 13)");
        assert_eq!(sketch.with_case(came_to), None);
        let silent = [4, 5, 6].map(|hops| at(hops, HopAnswer::Silent));
        let tries = [&[expired(1, NEAR), at(2, HopAnswer::Silent), expired(3, FAR)][..], &silent].concat();
        let sketch = host("192.0.2.7").with(Fact::Hops(tries));
        let said = sketch.with_case(came_to).unwrap().text;
        assert_eq!(said, "the router 198.51.100.5, 3 hops away, still answered for SYNs to it, and nothing behind");
        assert_eq!(sketch.with_case(who_refused), None);
        let nothing = host("192.0.2.7").with(Fact::Hops(silent.to_vec()));
        assert_eq!(nothing.with_case(came_to), None, "many routers send no ICMP");
    }
}
