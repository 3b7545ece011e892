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

/// Reads the chains at the hooks that every packet to this machine passes.
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
        matches!(hook, "prerouting" | "input") && matches!(family, "inet" | "ip" | "ip6") || hook == "ingress"
    });
    let mut firewalls = Vec::new();
    for chain in base.filter(|chain| kept != Kept::Firewalld || chain["table"] != "firewalld") {
        let [family, table, name] = ["family", "table", "name"].map(|key| text(chain, key));
        let mut path = Path { ruleset, family, table, ufw: kept == Kept::Ufw, rules: Vec::new() };
        // such a chain is one network card's, by which not everybody comes
        let of_one_card = text(chain, "hook") == "ingress";
        let by_tool = path.follow(name, &LinuxRule { unclear: of_one_card, ..every() }, 0);
        let shuts = chain["policy"] == "drop" && !by_tool;
        if shuts && of_one_card {
            path.rules.push(LinuxRule { fate: Fate::Drop, unclear: true, ..every() });
        }
        let otherwise = if shuts && !of_one_card { Fate::Drop } else { Fate::Accept };
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

/// Way of a packet through a base chain and those to which it leads.
struct Path<'v> {
    ruleset: &'v Value,
    family: &'v str,
    table: &'v str,
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
        for (own, does) in own.filter_map(|rule| read_rule(rule["expr"].as_array()?)) {
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
fn read_rule(parts: &[Value]) -> Option<(LinuxRule, Does)> {
    let (mut rule, mut does) = (every(), None);
    for part in parts {
        let (name, value) = part.as_object()?.iter().next()?;
        let target = || text(value, "target").to_owned();
        match name.as_str() {
            "counter" | "log" | "comment" | "mangle" | "notrack" | "set" => {}
            "accept" => does = Some(Does::End(Fate::Accept)),
            "drop" => does = Some(Does::End(Fate::Drop)),
            "reject" => does = Some(Does::End(Fate::Reject)),
            "match" => matched(value, &mut rule)?,
            "jump" => does = Some(Does::To(target(), Back::Maybe)),
            "goto" => does = Some(Does::To(target(), Back::Never)),
            "return" => does = Some(Does::Return),
            "continue" => return None,
            "vmap" => does = Some(of_new(value)?),
            "queue" | "xt" | "dnat" | "redirect" | "tproxy" | "synproxy" => does = Some(Does::Unknown),
            _ => rule.unclear = true,
        }
    }
    does.map(|does| (rule, does))
}

/// Reads a table of effects by the state of the connection; `None` where it has none for a new one.
fn of_new(map: &Value) -> Option<Does> {
    let entries = map["data"]["set"].as_array();
    let Some(entries) = entries.filter(|_| map["key"]["ct"]["key"] == "state") else { return Some(Does::Unknown) };
    let known = |entry: &Value| matches!(entry[0].as_str(), Some("established" | "related" | "invalid"));
    if entries.iter().all(known) { None } else { Some(Does::Unknown) }
}

/// Reads what a rule asks for; `None` where no new connection over TCP from another machine fits.
fn matched(asked: &Value, rule: &mut LinuxRule) -> Option<()> {
    let (left, right) = (&asked["left"], &asked["right"]);
    let equal = asked["op"] == "==" || asked["op"] == "in";
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
            ("tcp", "dport") if equal => match ports(right) {
                Some(ports) => rule.ports = ports,
                None => rule.unclear = true,
            },
            ("ip" | "ip6", "saddr") if equal => match network(right) {
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
    match (left["meta"]["key"].as_str(), left["ct"]["key"].as_str()) {
        (Some("iifname" | "iif"), _) if equal && words.as_ref().is_some_and(|words| *words == ["lo"]) => return None,
        (Some("iifname" | "iif"), _) if asked["op"] == "!=" && words.as_ref().is_some_and(|words| *words == ["lo"]) => {
        }
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(true) => return None,
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(false) => {}
        (Some("nfproto"), _) if equal && matches!(right.as_str(), Some("ipv4" | "ipv6")) => {
            let all = if right == "ipv4" { "0.0.0.0/0" } else { "::/0" };
            *rule = both(rule, &LinuxRule { from: Some(all.to_owned()), ..every() })?;
        }
        // what nobody tracks is new to nobody
        (_, Some("state")) if equal && lacks("new") == Some(true) && lacks("untracked") == Some(true) => return None,
        (_, Some("state")) if equal && lacks("new") == Some(false) => {}
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
mod tests {
    use super::*;
    use evidence::state::Way;

    fn chain(policy: &str, rules: &[Value]) -> LinuxFirewall {
        let base = json!({"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input",
            "prio": 0, "policy": policy}});
        let rules = rules
            .iter()
            .map(|expr| json!({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}}));
        let all: Vec<Value> = [json!({"metainfo": {}}), base].into_iter().chain(rules).collect();
        let mut chains = chains(&json!({ "nftables": all }), Kept::Nobody);
        assert_eq!(chains.len(), 1);
        chains.remove(0)
    }

    fn asks(protocol: &str, field: &str, right: &Value) -> Value {
        json!({"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}})
    }

    #[test]
    fn chains_as_nft_lists_them() {
        let rdp = |right: Value| asks("tcp", "dport", &right);
        let (accept, drop) = (json!({"accept": null}), json!({"drop": null}));
        let known =
            json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}});
        let own = json!({"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}});
        let usual = [json!([known, accept]), json!([own, accept]), json!([asks("tcp", "dport", &json!(22)), accept])];
        let with = |rule: Value| [&usual[..], &[rule]].concat();
        let shut = [
            chain("drop", &usual),
            chain("accept", &[json!([rdp(json!(3389)), {"counter": {"packets": 0, "bytes": 0}}, drop])]),
            chain("accept", &[json!([rdp(json!({"set": [22, {"range": [3380, 3390]}]})), {"reject": null}])]),
            chain("drop", &with(json!([asks("udp", "dport", &json!(3389)), accept]))),
            chain(
                "accept",
                &[json!([
                    {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "lo"}},
                    rdp(json!(3389)),
                    drop
                ])],
            ),
        ];
        let protocols =
            |right: Value| json!({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": right}});
        for right in [json!({"range": [0, 10]}), json!({"set": [{"range": [1, 6]}, "udp"]}), json!(6)] {
            assert_eq!(chain("drop", &with(json!([protocols(right), accept]))).way(3389), Way::NotShut);
        }
        let untracked = json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["untracked"]}});
        assert_eq!(chain("drop", &with(json!([untracked, accept]))).way(3389), Way::NotShut);
        let network = json!({"prefix": {"addr": "192.0.2.0", "len": 24}});
        let open = [
            chain("accept", &usual),
            chain("drop", &with(json!([rdp(json!(3389)), accept]))),
            chain("drop", &with(json!([asks("ip", "saddr", &network), rdp(json!(3389)), accept]))),
            chain("drop", &with(json!([{"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@mine"}}]))),
            chain(
                "drop",
                &with(json!([{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}, accept])),
            ),
        ];
        let asleep = json!({"nftables": [
            {"table": {"family": "inet", "name": "filter", "flags": ["dormant"]}},
            {"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "prio": 0,
                "policy": "drop"}},
        ]});
        assert!(chains(&asleep, Kept::Nobody).is_empty());
        assert!(shut.iter().all(|one| matches!(one.way(3389), Way::Shut(_))), "{shut:?}");
        assert!(open.iter().all(|one| one.way(3389) == Way::NotShut));
        assert_eq!(open[2].rules.last().unwrap().from.as_deref(), Some("192.0.2.0/24"));
    }

    fn base(table: &str, name: &str, hook: &str, policy: &str) -> Value {
        json!({"chain": {"family": "ip", "table": table, "name": name, "type": "filter", "hook": hook, "prio": 0,
            "policy": policy}})
    }

    fn rule(table: &str, chain: &str, expr: &Value) -> Value {
        json!({"rule": {"family": "ip", "table": table, "chain": chain, "expr": expr}})
    }

    /// Follows chains into which a rule leads, with what that rule asks for.
    #[test]
    fn chains_lead_into_others() {
        let rdp = asks("tcp", "dport", &json!(3389));
        let from = |right: &str| asks("ip", "saddr", &json!(right));
        let [to, last] = ["jump", "goto"].map(|word| json!({ word: {"target": "mine"} }));
        let (accept, drop, back) = (json!({"accept": null}), json!({"drop": null}), json!({"return": null}));
        let within = |rules: &[(&str, Value)]| {
            let rules = rules.iter().map(|(chain, expr)| rule("own", chain, expr));
            let all: Vec<Value> = [base("own", "pre", "prerouting", "accept")].into_iter().chain(rules).collect();
            chains(&json!({ "nftables": all }), Kept::Nobody).pop()
        };
        let shut = within(&[("pre", json!([to])), ("mine", json!([rdp, drop]))]).unwrap();
        assert!(matches!(shut.way(3389), Way::Shut(_)) && shut.part == "ip own pre");
        let some = within(&[("pre", json!([from("192.0.2.7"), to])), ("mine", json!([rdp, drop]))]).unwrap();
        assert!(!some.lets_in(3389, "192.0.2.7") && some.lets_in(3389, "192.0.2.8"));
        // whoever goes back, or does not, decides about the rest
        let barred = [("mine", json!([from("192.0.2.7"), back])), ("mine", json!([rdp, drop]))];
        let but_one = within(&[&[("pre", json!([to]))], &barred[..]].concat()).unwrap();
        assert_eq!(but_one.way(3389), Way::NotShut);
        assert!(!but_one.lets_in(3389, "192.0.2.8"));
        let all_back = [("pre", json!([to])), ("mine", json!([back])), ("mine", json!([rdp, drop]))];
        assert_eq!(within(&all_back), None);
        let first = [("pre", json!([last])), ("mine", json!([from("192.0.2.7"), accept])), ("pre", json!([rdp, drop]))];
        assert_eq!(within(&first).unwrap().rules.len(), 1);
        let other_port = [("pre", json!([asks("tcp", "dport", &json!(22)), to])), ("mine", json!([rdp, drop]))];
        assert_eq!(within(&other_port), None);
        let circle = within(&[("pre", json!([to])), ("mine", json!([to]))]).unwrap();
        assert!(!circle.lets_in(3389, "192.0.2.8"));
    }

    /// It may be the network card of a client, or another one.
    #[test]
    fn a_chain_of_one_network_card_may_shut_some_out() {
        let read = |policy: &str, rules: &[Value]| {
            let base = json!({"chain": {"family": "netdev", "table": "own", "name": "in", "type": "filter", "hook": "ingress",
                "prio": 0, "dev": "eth0", "policy": policy}});
            let rules = rules
                .iter()
                .map(|expr| json!({"rule": {"family": "netdev", "table": "own", "chain": "in", "expr": expr}}));
            let all: Vec<Value> = std::iter::once(base).chain(rules).collect();
            chains(&json!({ "nftables": all }), Kept::Nobody).pop()
        };
        let drop = json!([asks("tcp", "dport", &json!(3389)), {"drop": null}]);
        for told in [read("drop", &[]), read("accept", &[drop])] {
            let told = told.unwrap();
            assert!(told.way(3389) == Way::NotShut && !told.lets_in(3389, "192.0.2.7"), "{told:?}");
        }
        assert_eq!(
            read("accept", &[json!([asks("tcp", "dport", &json!(22)), {"drop": null}])])
                .map(|one| one.lets_in(3389, "192.0.2.7")),
            Some(true)
        );
        assert_eq!(read("accept", &[]), None);
    }

    #[test]
    fn chains_of_a_tool_are_read_elsewhere() {
        let ufw = [
            base("filter", "INPUT", "input", "drop"),
            rule("filter", "INPUT", &json!([{"jump": {"target": "ufw-before-input"}}])),
            rule("filter", "ufw-before-input", &json!([{"xt": null}, {"drop": null}])),
        ];
        let read = |more: &[Value], kept| {
            let all = [&ufw[..], more].concat();
            chains(&json!({ "nftables": all }), kept)
        };
        assert!(read(&[], Kept::Ufw).is_empty() && read(&[], Kept::Nobody).len() == 1);
        let drop = json!([asks("tcp", "dport", &json!(3389)), {"drop": null}]);
        let own = read(&[rule("filter", "INPUT", &drop), base("own", "pre", "prerouting", "drop")], Kept::Ufw);
        let told: Vec<_> = own.iter().map(|one| (one.tool.as_str(), one.part.as_str())).collect();
        assert_eq!(told, [(IPTABLES, "ip filter INPUT"), (NFTABLES, "ip own pre")]);
        assert!(own.iter().all(|one| matches!(one.way(3389), Way::Shut(_))));
        let firewalld = read(&[base("firewalld", "filter_INPUT", "input", "drop")], Kept::Firewalld);
        assert_eq!(firewalld.len(), 1);
    }
}
