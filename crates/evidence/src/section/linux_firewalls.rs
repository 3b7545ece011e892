//! Firewalls of a machine with Linux: what becomes of a new TCP connection from another machine, as the tool in charge
//! tells it.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::bounded::parts;
use super::logs::LogSpan;
use super::thing::{Count, Section, Turn};
use crate::redaction::{REDACTED, kept};

/// Set of rules that new TCP connections from other machines meet: of ufw for one family of addresses, of a zone of
/// firewalld, of a chain of nftables. Rules that no such connection can meet are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinuxFirewall {
    /// Tool in charge: `ufw`, `firewalld`, `iptables` or `nftables`.
    pub tool: String,
    /// `IPv4` or `IPv6` of ufw, the zone of firewalld; of nftables the family, the table and the chain.
    pub part: String,
    /// Fate of a connection for which there is no rule.
    pub otherwise: Fate,
    /// Rules, in the order in which they are met.
    #[serde(deserialize_with = "parts")]
    pub rules: Vec<LinuxRule>,
}

/// Rule of such a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinuxRule {
    /// Fate of a connection that it is for.
    pub fate: Fate,
    /// Ports that it is for, first and last of each range; empty: all.
    #[serde(default, deserialize_with = "parts")]
    pub ports: Vec<[u16; 2]>,
    /// Addresses that it is for; null: all.
    #[serde(default)]
    pub from: Option<String>,
    /// True if it asks for something else as well, or does something that is not known here: whom it lets in or keeps
    /// out is not known.
    #[serde(default)]
    pub unclear: bool,
    /// Number by which the tool knows it; null where it has none.
    #[serde(default)]
    pub number: Option<u32>,
}

/// Fate of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is let in.
    Accept,
    /// It is left without an answer.
    Drop,
    /// It is refused.
    Reject,
}

/// Way of a port through a set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// Anybody, or somebody, or it is not known who.
    NotShut,
    /// Nobody gets through: the rule that keeps them out, or `None` where there is no rule.
    Shut(Option<&'a LinuxRule>),
}

/// Tools by their names.
pub const UFW: &str = "ufw";
/// The daemon of firewalls.
pub const FIREWALLD: &str = "firewalld";
/// Rules of the kernel, by the program `nft`.
pub const NFTABLES: &str = "nftables";
/// Rules of the kernel that the program `iptables` keeps.
pub const IPTABLES: &str = "iptables";

impl LinuxFirewall {
    /// Follows a new connection to a port. Only where nobody can get through it is shut.
    pub fn way(&self, port: u16) -> Way<'_> {
        for rule in self.rules.iter().filter(|rule| rule.is_for(port)) {
            match (rule.fate, rule.unclear || rule.from.is_some()) {
                (Fate::Accept, _) => return Way::NotShut,
                (_, false) => return Way::Shut(Some(rule)),
                (_, true) => {}
            }
        }
        if self.otherwise == Fate::Accept { Way::NotShut } else { Way::Shut(None) }
    }

    /// True if connections from an address or a network meet these rules.
    pub fn meets(&self, from: &str) -> bool {
        let six = from.contains(':');
        match self.part.split(' ').next() {
            Some("IPv4" | "ip") => !six,
            Some("IPv6" | "ip6") => six,
            _ => true,
        }
    }

    /// True if it is sure that everybody of an address or a network gets through to the port.
    pub fn lets_in(&self, port: u16, from: &str) -> bool {
        for rule in self.rules.iter().filter(|rule| rule.is_for(port)) {
            let for_all = rule.from.as_deref().is_none_or(|own| within(from, own));
            let for_none = rule.from.as_deref().is_some_and(|own| apart(from, own));
            match (rule.fate, for_all && !rule.unclear) {
                _ if for_none => {}
                (Fate::Accept, true) => return true,
                // it may be for some of them
                (Fate::Drop | Fate::Reject, _) => return false,
                (Fate::Accept, false) => {}
            }
        }
        self.otherwise == Fate::Accept
    }

    /// True if a rule keeps somebody out of the port, before one lets in all who are left.
    pub fn keeps_some_out(&self, port: u16) -> bool {
        let for_some = |rule: &LinuxRule| rule.unclear || rule.from.is_some();
        let met = self.rules.iter().filter(|rule| rule.is_for(port));
        let mut met = met.take_while(|rule| rule.fate != Fate::Accept || for_some(rule));
        met.any(|rule| rule.fate != Fate::Accept && for_some(rule))
    }

    /// True if a rule keeps some out of the port of whom it is not known who they are, before one lets in all who are
    /// left.
    pub fn keeps_unknown_out(&self, port: u16) -> bool {
        let met = self.rules.iter().filter(|rule| rule.is_for(port));
        let mut met = met.take_while(|rule| rule.fate != Fate::Accept || rule.unclear || rule.from.is_some());
        met.any(|rule| rule.fate != Fate::Accept && rule.unclear)
    }

    /// True if it may keep some out of the port, and not all: they may meet such a rule, or only one family of
    /// addresses is shut out.
    pub fn may_keep_some_out(&self, port: u16) -> bool {
        self.keeps_some_out(port) || self.way(port) != Way::NotShut
    }
}

impl LinuxRule {
    /// True if it is for the port, among others.
    fn is_for(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|[first, last]| (*first..=*last).contains(&port))
    }
}

impl Section for LinuxFirewall {
    const FACT: &'static str = "firewall.linux";
    const TITLE: &'static str = "firewalls of Linux";
    const TURN: Turn = Turn::Second;
    const COUNT: Option<Count> = Some(Count::Things(["firewall of Linux", "firewalls of Linux"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let Self { tool, part, otherwise, rules } = self;
        let rules = rules.iter().map(|rule| {
            let LinuxRule { fate, ports, from, unclear, number } = rule;
            let from = from.as_deref().map(|from| addresses(from, names));
            LinuxRule { fate: *fate, ports: ports.clone(), from, unclear: *unclear, number: *number }
        });
        Self {
            tool: kept(&[UFW, FIREWALLD, NFTABLES, IPTABLES], tool),
            part: kept(PARTS, part),
            otherwise: *otherwise,
            rules: rules.collect(),
        }
    }
}

/// True if every address of the first, an address or a network, is one of the second.
pub fn within(inner: &str, outer: &str) -> bool {
    let (Some(inner), Some(outer)) = (network(inner), network(outer)) else { return false };
    inner.size >= outer.size && inner.shares(&outer)
}

/// True if both are addresses or networks that share no address.
fn apart(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (network(one), network(other)) else { return false };
    !one.shares(&other)
}

/// Network, its first bits at the left.
struct Network {
    six: bool,
    bits: u128,
    size: u32,
}

impl Network {
    /// True if an address is in both.
    fn shares(&self, other: &Self) -> bool {
        let beyond = 128 - self.size.min(other.size);
        let first = |bits: u128| bits.checked_shr(beyond).unwrap_or(0);
        self.six == other.six && first(self.bits) == first(other.bits)
    }
}

/// Reads an address or a network.
fn network(text: &str) -> Option<Network> {
    let (address, size) = text.split_once('/').map_or((text, None), |(address, size)| (address, Some(size)));
    let (six, bits, whole) = match address.parse().ok()? {
        IpAddr::V4(four) => (false, u128::from(four.to_bits()) << 96, 32),
        IpAddr::V6(six) => (true, six.to_bits(), 128),
    };
    let size = size.map_or(Some(whole), |size| size.parse().ok().filter(|size| *size <= whole))?;
    Some(Network { six, bits, size })
}

/// Names of families, of zones that firewalld brings along, and of chains that distributions do.
const PARTS: &[&str] = &[
    "IPv4",
    "IPv6",
    "public",
    "home",
    "work",
    "internal",
    "external",
    "dmz",
    "block",
    "drop",
    "trusted",
    "FedoraServer",
    "FedoraWorkstation",
    "inet filter input",
    "ip filter INPUT",
    "ip6 filter INPUT",
    "ip filter input",
    "ip6 filter input",
];

/// Renames an address or a network, whose size stays.
fn addresses(text: &str, names: &mut Names) -> String {
    let (address, size) = text.split_once('/').map_or((text, None), |(address, size)| (address, Some(size)));
    let size = size.and_then(|size| size.parse::<u8>().ok()).map_or(String::new(), |size| format!("/{size}"));
    let known = address.parse::<IpAddr>().is_ok().then(|| names.address_text(address)).flatten();
    known.map_or_else(|| REDACTED.to_owned(), |address| address + &size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(fate: Fate, port: u16, from: Option<&str>) -> LinuxRule {
        let from = from.map(str::to_owned);
        LinuxRule { fate, ports: vec![[port, port]], from, unclear: false, number: None }
    }

    fn of(otherwise: Fate, rules: Vec<LinuxRule>) -> LinuxFirewall {
        LinuxFirewall { tool: UFW.to_owned(), part: "IPv4".to_owned(), otherwise, rules }
    }

    #[test]
    fn a_port_is_shut_only_where_nobody_can_get_through() {
        let all = || LinuxRule { ports: Vec::new(), ..rule(Fate::Drop, 1, None) };
        let unclear = |fate| LinuxRule { unclear: true, ..rule(fate, 3389, None) };
        let shut = [
            of(Fate::Drop, vec![]),
            of(Fate::Reject, vec![rule(Fate::Accept, 22, None)]),
            of(Fate::Accept, vec![rule(Fate::Drop, 3389, None), rule(Fate::Accept, 3389, None)]),
            of(Fate::Accept, vec![all()]),
            of(Fate::Drop, vec![rule(Fate::Drop, 3389, Some("192.0.2.7")), unclear(Fate::Reject)]),
        ];
        let open = [
            of(Fate::Accept, vec![]),
            of(Fate::Drop, vec![rule(Fate::Accept, 3389, None), rule(Fate::Drop, 3389, None)]),
            of(Fate::Drop, vec![rule(Fate::Accept, 3389, Some("192.0.2.0/24"))]),
            of(Fate::Drop, vec![unclear(Fate::Accept)]),
            of(Fate::Accept, vec![rule(Fate::Drop, 3389, Some("192.0.2.7")), rule(Fate::Drop, 3390, None)]),
        ];
        assert!(shut.iter().all(|one| matches!(one.way(3389), Way::Shut(_))));
        assert!(open.iter().all(|one| one.way(3389) == Way::NotShut));
        let let_in_first = of(Fate::Accept, vec![rule(Fate::Accept, 3389, None), unclear(Fate::Drop)]);
        assert!(!let_in_first.keeps_some_out(3389) && open[4].keeps_some_out(3389));
        assert!(shut[4].keeps_some_out(3389) && !shut[3].keeps_some_out(3389));
    }

    #[test]
    fn an_address_gets_in_only_where_nothing_may_keep_it_out() {
        let unclear = |fate| LinuxRule { unclear: true, ..rule(fate, 3389, None) };
        let accept = |from: &str| rule(Fate::Accept, 3389, Some(from));
        let gets_in = [
            of(Fate::Accept, vec![]),
            of(Fate::Drop, vec![accept("192.0.2.0/24")]),
            of(Fate::Drop, vec![rule(Fate::Drop, 3389, Some("192.0.2.66")), accept("192.0.2.7")]),
            of(Fate::Drop, vec![rule(Fate::Drop, 22, None), unclear(Fate::Accept), rule(Fate::Accept, 3389, None)]),
            of(Fate::Accept, vec![rule(Fate::Drop, 3389, Some("::/0"))]),
        ];
        let may_not = [
            of(Fate::Drop, vec![accept("192.0.2.66")]),
            of(Fate::Drop, vec![unclear(Fate::Accept)]),
            of(Fate::Accept, vec![unclear(Fate::Drop)]),
            of(Fate::Accept, vec![rule(Fate::Drop, 3389, Some("@set"))]),
            of(Fate::Drop, vec![rule(Fate::Drop, 3389, Some("192.0.2.0/29")), accept("192.0.2.0/24")]),
        ];
        assert!(gets_in.iter().all(|one| one.lets_in(3389, "192.0.2.7")));
        assert!(may_not.iter().all(|one| !one.lets_in(3389, "192.0.2.7")));
        assert!(!gets_in[2].lets_in(3389, "192.0.2.0/24") && !gets_in[4].lets_in(3389, "2001:db8::7"));
    }

    #[test]
    fn networks_lie_in_one_another() {
        for (inner, outer, fits) in [
            ("192.0.2.7", "192.0.2.0/24", true),
            ("192.0.2.0/24", "192.0.2.7", false),
            ("192.0.2.0/24", "0.0.0.0/0", true),
            ("2001:db8::7", "0.0.0.0/0", false),
            ("2001:db8::7", "2001:db8::/32", true),
            ("192.0.2.7", "192.0.3.0/24", false),
            ("192.0.2.7", "192.0.2.0/33", false),
            ("@set", "0.0.0.0/0", false),
        ] {
            assert_eq!(within(inner, outer), fits, "{inner} {outer}");
        }
    }

    #[test]
    fn a_family_of_addresses_has_rules_of_its_own() {
        let part = |part: &str| LinuxFirewall { part: part.to_owned(), ..of(Fate::Drop, vec![]) };
        assert!(part("IPv4").meets("192.0.2.7") && !part("IPv6").meets("192.0.2.7"));
        assert!(part("public").meets("2001:db8::7") && !part("ip filter input").meets("2001:db8::7"));
    }

    #[test]
    fn addresses_get_other_names_and_keep_their_size() {
        let mut names = Names::default();
        let hidden =
            of(Fate::Drop, vec![rule(Fate::Accept, 1, Some("10.20.30.0/24")), rule(Fate::Drop, 1, Some("@set"))]);
        let hidden = hidden.renamed(&mut names, &[]);
        let from: Vec<_> = hidden.rules.iter().map(|rule| rule.from.clone().unwrap()).collect();
        assert!(from[0].ends_with("/24") && !from[0].contains("10.20.30") && from[1] == REDACTED, "{from:?}");
    }
}
