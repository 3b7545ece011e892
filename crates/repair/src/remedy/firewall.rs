//! One more rule of the firewall, by the tool that is in charge of it.

use std::net::IpAddr;

use diagnosis::fixes::Given;
use evidence::state::{FIREWALLD, LinuxFirewall, LinuxRule, NFTABLES, UFW, Way};

use super::{Patient, Unplanned};
use crate::hand::Hand;
use crate::place::{Kept, Opened, Place};
use crate::plan::{After, Refusal, Step};

/// Plans a rule for each address that is to get in, in each set of rules that lets nobody in to the port.
pub(super) fn opened(patient: &Patient<'_>, given: &Given, hand: &dyn Hand, fix: &str) -> Result<Vec<Step>, Unplanned> {
    if given.addresses.is_empty() {
        return Err(Unplanned::NoAddresses);
    }
    let mut places: Vec<Place> = Vec::new();
    for firewall in patient.firewalls {
        let Way::Shut(by) = firewall.way(patient.port) else { continue };
        for from in given.addresses.iter().filter(|from| firewall.meets(from)) {
            let place = place(firewall, by, from, patient.port);
            let one = place.ok_or_else(|| Unplanned::Firewall(format!("{} {}", firewall.tool, firewall.part)))?;
            match (places.iter_mut().find_map(|known| of_one_tool(known, &one)), one) {
                // one tool writes all of them into the same files
                (Some(known), Place::Opening { rules, .. }) => known.extend(rules),
                (_, one) => places.push(one),
            }
        }
    }
    let mut steps = Vec::new();
    for place in places {
        let after = match &place {
            Place::Opening { .. } => {
                let held = hand.rehearse(&place).map_err(|why| Refusal::Unread(place.to_string(), why))?;
                Kept::of(&held)
            }
            _ => Kept::Present,
        };
        steps.push(Step::new(hand, place, After::Held { held: after }, fix)?);
    }
    Ok(steps)
}

/// Returns the rules of a place to which those of another one belong.
fn of_one_tool<'p>(known: &'p mut Place, other: &Place) -> Option<&'p mut Vec<Opened>> {
    match (known, other) {
        (Place::Opening { tool, zone, rules, .. }, Place::Opening { tool: other, zone: its, .. }) => {
            (tool == other && zone == its).then_some(rules)
        }
        _ => None,
    }
}

/// Finds the place of the rule; `None` where one that keeps only some out would stand behind it.
fn place(firewall: &LinuxFirewall, by: Option<&LinuxRule>, from: &str, port: u16) -> Option<Place> {
    let from = network(from)?;
    let some_out = firewall.keeps_some_out(port);
    match firewall.tool.as_str() {
        UFW => Some(Place::Opening {
            tool: UFW.to_owned(),
            zone: String::new(),
            port,
            // right before that one: what keeps some out stays ahead
            rules: vec![Opened { from, ahead_of: by.and_then(|rule| rule.number) }],
        }),
        FIREWALLD if by.is_none() || !some_out => Some(Place::Opening {
            tool: FIREWALLD.to_owned(),
            zone: firewall.part.clone(),
            port,
            rules: vec![Opened { from, ahead_of: by.map(|_| 0) }],
        }),
        NFTABLES if !some_out => {
            let mut names = firewall.part.split(' ').map(str::to_owned);
            let (family, table, chain) = (names.next()?, names.next()?, names.next()?);
            let words = if from.contains(':') { "ip6" } else { "ip" };
            let rule = format!("{words} saddr {from} tcp dport {port} accept");
            Some(Place::Nftables { family, table, chain, rule })
        }
        _ => None,
    }
}

/// Returns an address, or a network without what lies beyond its size, as tools write it.
fn network(text: &str) -> Option<String> {
    let (address, size) = text.split_once('/').map_or((text, None), |(address, size)| (address, Some(size)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let size = match size {
        None => whole,
        Some(size) => size.parse::<u32>().ok().filter(|size| *size <= whole)?,
    };
    if size == whole {
        return Some(address.to_string());
    }
    Some(match address {
        IpAddr::V4(four) => {
            let kept = four.to_bits() & u32::MAX.checked_shl(32 - size).unwrap_or(0);
            format!("{}/{size}", std::net::Ipv4Addr::from_bits(kept))
        }
        IpAddr::V6(six) => {
            let kept = six.to_bits() & u128::MAX.checked_shl(128 - size).unwrap_or(0);
            format!("{}/{size}", std::net::Ipv6Addr::from_bits(kept))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::state::Fate;

    fn firewall(tool: &str, part: &str, rules: &[LinuxRule]) -> LinuxFirewall {
        LinuxFirewall { tool: tool.to_owned(), part: part.to_owned(), otherwise: Fate::Drop, rules: rules.to_vec() }
    }

    fn drops(from: Option<&str>, number: u32) -> LinuxRule {
        let from = from.map(str::to_owned);
        LinuxRule { fate: Fate::Drop, ports: vec![[3389, 3389]], from, unclear: false, number: Some(number) }
    }

    #[test]
    fn networks_are_written_as_tools_do() {
        for (text, written) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("2001:DB8::7/32", "2001:db8::/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
        ] {
            assert_eq!(network(text).as_deref(), Some(written));
        }
        assert_eq!((network("192.0.2.0/33"), network("x"), network("192.0.2.0/")), (None, None, None));
    }

    #[test]
    fn a_rule_comes_right_before_the_one_that_shuts_all_out() {
        let rules = [drops(Some("192.0.2.66"), 1), drops(None, 2)];
        let of = |firewall: &LinuxFirewall| {
            let Way::Shut(by) = firewall.way(3389) else { panic!("it is open") };
            place(firewall, by, "192.0.2.0/24", 3389)
        };
        let ahead = |place: Option<Place>| match place {
            Some(Place::Opening { rules, .. }) => Some(rules[0].ahead_of),
            _ => None,
        };
        assert_eq!(ahead(of(&firewall(UFW, "IPv4", &rules))), Some(Some(2)));
        assert_eq!(ahead(of(&firewall(UFW, "IPv4", &[]))), Some(None));
        // these put it first, so that it would also let in whom another rule keeps out
        assert_eq!(of(&firewall(FIREWALLD, "public", &rules)), None);
        assert_eq!(of(&firewall(NFTABLES, "inet filter input", &rules)), None);
        assert_eq!(ahead(of(&firewall(FIREWALLD, "public", &rules[1..]))), Some(Some(0)));
        assert_eq!(ahead(of(&firewall(FIREWALLD, "public", &rules[..1]))), Some(None));
        let chain = of(&firewall(NFTABLES, "inet filter input", &rules[1..]));
        assert!(
            matches!(chain, Some(Place::Nftables { rule, .. }) if rule == "ip saddr 192.0.2.0/24 tcp dport 3389 accept")
        );
        assert_eq!(of(&firewall("iptables", "ip filter INPUT", &[])), None);
    }
}
