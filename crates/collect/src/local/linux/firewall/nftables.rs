//! Rules of the kernel (`nft --json list ruleset`): the chains that packets to this machine meet.

use std::io;

use evidence::state::{Fate, IPTABLES, LinuxFirewall, LinuxRule, NFTABLES};
use serde_json::Value;

use super::{told, unclear};

/// Returns the chains that may keep connections out.
pub(super) fn read() -> io::Result<Vec<LinuxFirewall>> {
    let Some(text) = told("nft", &["--json", "list", "ruleset"])? else { return Ok(Vec::new()) };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let rules: Value = serde_json::from_str(&text).map_err(|_| io::Error::other("nft told no JSON"))?;
    Ok(chains(&rules))
}

/// Reads the chains at the hook `input` that filter.
fn chains(ruleset: &Value) -> Vec<LinuxFirewall> {
    let all = || ruleset["nftables"].as_array().into_iter().flatten();
    let of = |thing: &Value, key: &str| thing[key].as_str().unwrap_or_default().to_owned();
    // a dormant table is not in force
    let dormant = |chain: &Value| {
        let tables = all().filter_map(|object| object.get("table"));
        tables.filter(|table| table["family"] == chain["family"] && table["name"] == chain["table"]).any(|table| {
            let flags = &table["flags"];
            flags == "dormant" || flags.as_array().is_some_and(|all| all.iter().any(|flag| flag == "dormant"))
        })
    };
    let base = all().filter_map(|object| object.get("chain")).filter(|chain| !dormant(chain)).filter(|chain| {
        let family = of(chain, "family");
        chain["hook"] == "input" && chain["type"] == "filter" && matches!(family.as_str(), "inet" | "ip" | "ip6")
    });
    let mut firewalls = Vec::new();
    for chain in base {
        let [family, table, name] = ["family", "table", "name"].map(|key| of(chain, key));
        let own = all()
            .filter_map(|object| object.get("rule"))
            .filter(|rule| of(rule, "family") == family && of(rule, "table") == table && of(rule, "chain") == name);
        let rules = own.filter_map(|rule| read_rule(rule["expr"].as_array()?)).collect();
        let otherwise = if chain["policy"] == "drop" { Fate::Drop } else { Fate::Accept };
        // the names that iptables gives
        let by_iptables = table == "filter" && name == "INPUT" && family != "inet";
        firewalls.push(LinuxFirewall {
            tool: if by_iptables { IPTABLES } else { NFTABLES }.to_owned(),
            part: format!("{family} {table} {name}"),
            otherwise,
            rules,
        });
    }
    firewalls
}

/// Reads a rule; `None` for one that no new connection over TCP from another machine can meet, or that decides nothing.
fn read_rule(parts: &[Value]) -> Option<LinuxRule> {
    let mut rule = LinuxRule { number: None, ..unclear(Fate::Accept) };
    rule.unclear = false;
    let mut decides = false;
    for part in parts {
        let (name, value) = part.as_object()?.iter().next()?;
        match name.as_str() {
            "counter" | "log" | "comment" => {}
            "accept" => decides = true,
            "drop" => (rule.fate, decides) = (Fate::Drop, true),
            "reject" => (rule.fate, decides) = (Fate::Reject, true),
            "match" => matched(value, &mut rule)?,
            // whatever follows there may let in
            "jump" | "goto" | "vmap" | "queue" | "xt" | "return" | "continue" => (rule.unclear, decides) = (true, true),
            _ => rule.unclear = true,
        }
    }
    decides.then_some(rule)
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
                Some(network) => rule.from = Some(network),
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
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(true) => return None,
        (Some("l4proto"), _) if equal && lacks("tcp") == Some(false) => {}
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
        return (!address.starts_with('@')).then(|| address.to_owned());
    }
    let prefix = &value["prefix"];
    Some(format!("{}/{}", prefix["addr"].as_str()?, prefix["len"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::state::Way;
    use serde_json::json;

    fn chain(policy: &str, rules: &[Value]) -> LinuxFirewall {
        let base = json!({"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input",
            "prio": 0, "policy": policy}});
        let rules = rules
            .iter()
            .map(|expr| json!({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}}));
        let all: Vec<Value> = [json!({"metainfo": {}}), base].into_iter().chain(rules).collect();
        let mut chains = chains(&json!({ "nftables": all }));
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
            chain("drop", &with(json!([{"jump": {"target": "mine"}}]))),
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
        assert!(chains(&asleep).is_empty());
        assert!(shut.iter().all(|one| matches!(one.way(3389), Way::Shut(_))), "{shut:?}");
        assert!(open.iter().all(|one| one.way(3389) == Way::NotShut));
        assert_eq!(open[2].rules.last().unwrap().from.as_deref(), Some("192.0.2.0/24"));
    }
}
