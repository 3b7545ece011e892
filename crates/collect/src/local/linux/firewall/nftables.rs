//! Rules of the kernel (`nft --json list ruleset`): the chains that packets to this machine meet.

use std::io;
use std::net::IpAddr;

use evidence::state::{Fate, IPTABLES, LinuxFirewall, LinuxRule, NFTABLES, within};
use serde_json::{Value, json};

use super::{RULES, legacy, told, unknown};

/// Most chains that lead into one another.
const DEPTH: usize = 16;
/// Tables that iptables keeps.
const TABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// Whoever keeps chains that are read elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Nobody,
    Ufw,
    Firewalld,
}

/// Returns the chains that may keep connections out, but for those that this tool keeps.
pub(super) fn read(kept: Kept) -> io::Result<Vec<LinuxFirewall>> {
    let text = told("nft", &["--json", "list", "ruleset"])?.unwrap_or_default();
    let mut firewalls = Vec::new();
    if !text.trim().is_empty() {
        let rules: Value = serde_json::from_str(&text).map_err(|_| io::Error::other("nft told no JSON"))?;
        firewalls = chains(&rules, kept);
    }
    // tables of their own: what is in both is passed twice
    let rules = json!({ "nftables": legacy::read()? });
    firewalls.extend(chains(&rules, kept));
    Ok(firewalls)
}

/// Reads the chains at the hooks that every packet to this machine passes, and those for its answers.
pub(super) fn chains(ruleset: &Value, kept: Kept) -> Vec<LinuxFirewall> {
    let all = || ruleset["nftables"].as_array().into_iter().flatten();
    // a dormant table is not in force
    let dormant = |chain: &Value| {
        let tables = all().filter_map(|object| object.get("table"));
        tables.filter(|table| table["family"] == chain["family"] && table["name"] == chain["table"]).any(|table| {
            let flags = &table["flags"];
            flags == "dormant" || flags.as_array().is_some_and(|all| all.iter().any(|flag| flag == "dormant"))
        })
    };
    let base = all().filter_map(|object| object.get("chain")).filter(|chain| !dormant(chain)).filter(|chain| {
        let (hook, family) = (text(chain, "hook"), text(chain, "family"));
        // a chain for addresses alone (nat) keeps nothing back
        let of_answers = matches!(hook, "output" | "postrouting") && text(chain, "type") == "filter";
        let of_ip = matches!(family, "inet" | "ip" | "ip6");
        (matches!(hook, "prerouting" | "input") || of_answers) && of_ip || hook == "ingress"
    });
    let mut firewalls = Vec::new();
    for chain in base.filter(|chain| kept != Kept::Firewalld || chain["table"] != "firewalld") {
        let [family, table, name] = ["family", "table", "name"].map(|key| text(chain, key));
        let way =
            if matches!(text(chain, "hook"), "output" | "postrouting") { Packets::Answers } else { Packets::Coming };
        let mut path = Path { ruleset, family, table, way, ufw: kept == Kept::Ufw, rules: Vec::new() };
        // such a chain is one network card's, by which not everybody comes
        let of_one_card = text(chain, "hook") == "ingress";
        let by_tool = path.follow(name, &LinuxRule { unclear: of_one_card, ..every() }, 0);
        let shuts = chain["policy"] == "drop" && !by_tool;
        // nobody is let in there, so that nothing more is said than that some answers may be kept back
        let answers = way == Packets::Answers;
        for rule in path.rules.iter_mut().filter(|rule| answers && rule.fate != Fate::Accept) {
            rule.unclear = true;
        }
        if shuts && (of_one_card || answers) {
            path.rules.push(LinuxRule { fate: Fate::Drop, unclear: true, ..every() });
        }
        let otherwise = if shuts && !of_one_card && !answers { Fate::Drop } else { Fate::Accept };
        // the names that iptables gives
        let capital = !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_uppercase());
        let by_iptables = TABLES.contains(&table) && capital && family != "inet";
        if path.rules.is_empty() && otherwise == Fate::Accept {
            continue;
        }
        firewalls.push(LinuxFirewall {
            tool: if by_iptables { IPTABLES } else { NFTABLES }.to_owned(),
            part: format!("{family} {table} {name}"),
            otherwise,
            rules: path.rules,
        });
    }
    firewalls
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of[key].as_str().unwrap_or_default()
}

/// Makes a rule for every connection.
fn every() -> LinuxRule {
    LinuxRule { fate: Fate::Accept, ports: Vec::new(), from: None, unclear: false, number: None }
}

/// Packets that are followed: of a new connection from another machine, or the answers to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packets {
    Coming,
    Answers,
}

/// Names by which rules ask for what is followed: the port of the server, the address of the client, the network card,
/// the state of the connection.
struct Asked {
    port: &'static str,
    other_port: &'static str,
    address: &'static str,
    cards: [&'static str; 2],
    state: &'static str,
}

impl Packets {
    fn asked(self) -> Asked {
        let [port, other_port] = ["dport", "sport"];
        match self {
            Self::Coming => Asked { port, other_port, address: "saddr", cards: ["iifname", "iif"], state: "new" },
            Self::Answers => Asked {
                port: other_port,
                other_port: port,
                address: "daddr",
                cards: ["oifname", "oif"],
                state: "established",
            },
        }
    }
}

/// Way of a packet through a base chain and those to which it leads.
struct Path<'v> {
    ruleset: &'v Value,
    family: &'v str,
    table: &'v str,
    way: Packets,
    /// The chains of ufw are read elsewhere.
    ufw: bool,
    rules: Vec<LinuxRule>,
}

impl Path<'_> {
    /// Adds the rules of a chain, each for those alone that come there; true if one leads to the chains of ufw.
    fn follow(&mut self, chain: &str, coming: &LinuxRule, depth: usize) -> bool {
        let (ruleset, place) = (self.ruleset, [self.family, self.table, chain]);
        let rules = ruleset["nftables"].as_array().into_iter().flatten().filter_map(|object| object.get("rule"));
        let own = rules.filter(|rule| ["family", "table", "chain"].map(|key| text(rule, key)) == place);
        let (mut coming, mut by_tool) = (coming.clone(), false);
        let asked = self.way.asked();
        let sets = Sets { ruleset, family: self.family, table: self.table };
        for (own, does) in own.filter_map(|rule| read_rule(rule["expr"].as_array()?, &asked, &sets)) {
            let Some(rule) = both(&coming, &own) else { continue };
            if self.rules.len() > RULES {
                break;
            }
            match &does {
                Does::End(fate) => self.rules.push(LinuxRule { fate: *fate, ..rule }),
                Does::To(target, _) if self.ufw && (target.starts_with("ufw-") || target.starts_with("ufw6-")) => {
                    by_tool = true;
                }
                Does::To(target, _) if depth < DEPTH => by_tool |= self.follow(target, &rule, depth + 1),
                Does::Return => {}
                Does::To(..) | Does::Unknown => {
                    self.rules.extend(unknown().map(|end| LinuxRule { fate: end.fate, unclear: true, ..rule.clone() }));
                }
            }
            // some do not come to what follows
            if matches!(does, Does::Return | Does::To(_, Back::Never)) {
                if own == every() {
                    break;
                }
                coming.unclear = true;
            }
        }
        by_tool
    }
}

/// Whether packets come back from the chain to which a rule leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    Maybe,
    Never,
}

/// Effect of a rule on the packets that it is for.
enum Does {
    End(Fate),
    To(String, Back),
    Return,
    Unknown,
}

/// Returns a rule for those that two are for; `None` if there are none.
fn both(one: &LinuxRule, other: &LinuxRule) -> Option<LinuxRule> {
    let shared = |[first, last]: &[u16; 2]| {
        let ranges = other.ports.iter().map(|[from, to]| [*from.max(first), *to.min(last)]);
        ranges.filter(|[from, to]| from <= to).collect::<Vec<_>>()
    };
    let ports = match (one.ports.is_empty(), other.ports.is_empty()) {
        (true, _) => other.ports.clone(),
        (_, true) => one.ports.clone(),
        _ => one.ports.iter().flat_map(shared).collect(),
    };
    let nothing = ports.is_empty() && !(one.ports.is_empty() && other.ports.is_empty());
    let from = match (&one.from, &other.from) {
        (from, None) | (None, from) => from.clone(),
        (Some(one), Some(other)) if within(one, other) => Some(one.clone()),
        (Some(one), Some(other)) if within(other, one) => Some(other.clone()),
        _ => return None,
    };
    (!nothing).then_some(LinuxRule { ports, from, unclear: one.unclear || other.unclear, ..every() })
}

/// Reads a rule: whom it is for, and its effect; `None` for one that no new connection over TCP from another machine
/// can meet, or that decides nothing.
fn read_rule(parts: &[Value], asked: &Asked, sets: &Sets<'_>) -> Option<(LinuxRule, Does)> {
    let (mut rule, mut does) = (every(), None);
    for part in parts {
        let (name, value) = part.as_object()?.iter().next()?;
        let target = || text(value, "target").to_owned();
        match name.as_str() {
            "counter" | "log" | "comment" | "mangle" | "notrack" | "set" => {}
            "accept" => does = Some(Does::End(Fate::Accept)),
            "drop" => does = Some(Does::End(Fate::Drop)),
            "reject" => does = Some(Does::End(Fate::Reject)),
            "match" => matched(value, asked, sets, &mut rule)?,
            "jump" => does = Some(Does::To(target(), Back::Maybe)),
            "goto" => does = Some(Does::To(target(), Back::Never)),
            "return" => does = Some(Does::Return),
            "continue" => return None,
            "vmap" => does = Some(by_state(value, asked)?),
            "queue" | "xt" | "dnat" | "redirect" | "tproxy" | "synproxy" => does = Some(Does::Unknown),
            _ => rule.unclear = true,
        }
    }
    does.map(|does| (rule, does))
}

/// Reads a table of effects by the state of the connection; `None` where it has none for this one.
fn by_state(map: &Value, asked: &Asked) -> Option<Does> {
    let entries = map["data"]["set"].as_array();
    let Some(entries) = entries.filter(|_| map["key"]["ct"]["key"] == "state") else { return Some(Does::Unknown) };
    let other = |entry: &Value| {
        let state = entry[0].as_str();
        state.is_some_and(|state| state != asked.state && ["new", "established", "related", "invalid"].contains(&state))
    };
    if entries.iter().all(other) {
        return None;
    }
    // what nobody tracks is no answer to anything
    let own = entries.iter().find(|entry| entry[0] == asked.state && asked.state == "established");
    let accepts = own.is_some_and(|entry| entry[1].get("accept").is_some());
    Some(if accepts { Does::End(Fate::Accept) } else { Does::Unknown })
}

/// Sets of a table that rules name.
struct Sets<'v> {
    ruleset: &'v Value,
    family: &'v str,
    table: &'v str,
}

impl Sets<'_> {
    /// Returns what a rule compares with: in place of the name of a set what is in it, unless that changes by itself.
    fn named(&self, value: &Value) -> Value {
        let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) else { return value.clone() };
        let sets = self.ruleset["nftables"].as_array().into_iter().flatten().filter_map(|object| object.get("set"));
        let place = [self.family, self.table, name];
        let mut own = sets.filter(|set| ["family", "table", "name"].map(|key| text(set, key)) == place);
        let lasting = |flags: &Value| {
            let all = flags.as_array().map_or_else(|| std::slice::from_ref(flags), Vec::as_slice);
            !all.iter().any(|flag| flag == "dynamic" || flag == "timeout")
        };
        let found = own.next().filter(|set| lasting(&set["flags"]));
        found.map_or_else(|| value.clone(), |set| json!({ "set": set.get("elem").cloned().unwrap_or(json!([])) }))
    }
}

/// Reads what a rule asks for; `None` where no packet that is followed fits.
fn matched(compared: &Value, asked: &Asked, sets: &Sets<'_>, rule: &mut LinuxRule) -> Option<()> {
    let (left, right) = (&compared["left"], &sets.named(&compared["right"]));
    let equal = compared["op"] == "==" || compared["op"] == "in";
    let field = |of: &Value| Some((of["protocol"].as_str()?.to_owned(), of["field"].as_str()?.to_owned()));
    // numbers and ranges of protocols and states are not judged
    let texts = |list: &[Value]| list.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let words = match right {
        Value::Array(list) => texts(list),
        Value::Object(set) => set.get("set").and_then(Value::as_array).and_then(|list| texts(list)),
        other => other.as_str().map(|word| vec![word.to_owned()]),
    };
    let lacks = |word: &str| words.as_ref().map(|words| !words.iter().any(|known| known == word));
    if let Some((protocol, field)) = left.get("payload").and_then(field) {
        match (protocol.as_str(), field.as_str()) {
            ("tcp", port) if equal && port == asked.port => match ports(right) {
                // an empty set
                Some(ports) if ports.is_empty() => return None,
                Some(ports) => rule.ports = ports,
                None => rule.unclear = true,
            },
            // those of clients are high
            ("tcp", port) if equal && port == asked.other_port => match ports(right) {
                Some(ports) if ports.iter().all(|[_, last]| *last < 1024) => return None,
                _ => rule.unclear = true,
            },
            ("ip" | "ip6", address) if equal && address == asked.address => match network(right) {
                Some(network) => *rule = both(rule, &LinuxRule { from: Some(network), ..every() })?,
                None => rule.unclear = true,
            },
            ("udp" | "icmp" | "icmpv6" | "igmp" | "dccp" | "sctp", _) => return None,
            ("ip", "protocol") | ("ip6", "nexthdr") if equal && lacks("tcp") == Some(true) => return None,
            ("ip", "protocol") | ("ip6", "nexthdr") if equal && lacks("tcp") == Some(false) => {}
            _ => rule.unclear = true,
        }
        return Some(());
    }
    let inside = words.as_ref().is_some_and(|words| *words == ["lo"]);
    match (left["meta"]["key"].as_str(), left["ct"]["key"].as_str()) {
        (Some(card), _) if asked.cards.contains(&card) && equal && inside => return None,
        (Some(card), _) if asked.cards.contains(&card) && compared["op"] == "!=" && inside => {}
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(true) => return None,
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(false) => {}
        (Some("nfproto"), _) if equal && matches!(right.as_str(), Some("ipv4" | "ipv6")) => {
            let all = if right == "ipv4" { "0.0.0.0/0" } else { "::/0" };
            *rule = both(rule, &LinuxRule { from: Some(all.to_owned()), ..every() })?;
        }
        // what nobody tracks is new to nobody
        (_, Some("state")) if equal && lacks(asked.state) == Some(true) && lacks("untracked") == Some(true) => {
            return None;
        }
        (_, Some("state")) if equal && lacks(asked.state) == Some(false) => {}
        _ => rule.unclear = true,
    }
    Some(())
}

/// Reads a port, a range, or a set of both.
fn ports(value: &Value) -> Option<Vec<[u16; 2]>> {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    if let Some(port) = number(value) {
        return Some(vec![[port, port]]);
    }
    if let Some(range) = value["range"].as_array() {
        let [first, last] = range.as_slice() else { return None };
        return Some(vec![[number(first)?, number(last)?]]);
    }
    let set: Vec<_> = value["set"].as_array()?.iter().map(ports).collect::<Option<_>>()?;
    Some(set.concat())
}

/// Reads an address or a network.
fn network(value: &Value) -> Option<String> {
    if let Some(address) = value.as_str() {
        // a set has a name of its own
        return address.parse::<IpAddr>().is_ok().then(|| address.to_owned());
    }
    let prefix = &value["prefix"];
    Some(format!("{}/{}", prefix["addr"].as_str()?, prefix["len"].as_u64()?))
}

#[cfg(test)]
mod tests;
