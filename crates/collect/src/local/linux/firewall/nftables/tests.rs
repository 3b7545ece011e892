use super::*;
use evidence::state::Way;

fn chain(policy: &str, rules: &[Value]) -> LinuxFirewall {
    let base = json!({"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input",
        "prio": 0, "policy": policy}});
    let rules =
        rules.iter().map(|expr| json!({"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": expr}}));
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
    let known = json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}});
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
    let protocols = |right: Value| json!({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": right}});
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
        let rules =
            rules.iter().map(|expr| json!({"rule": {"family": "netdev", "table": "own", "chain": "in", "expr": expr}}));
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

/// Answers to clients may be kept back on their way out; what is for others is not.
#[test]
fn chains_for_what_leaves() {
    let state = |words: &[&str]| json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": words}});
    let (accept, drop) = (json!({"accept": null}), json!({"drop": null}));
    let read = |policy: &str, hook: &str, rules: &[Value]| {
        let mut all = vec![base("own", "out", hook, policy)];
        all.extend(rules.iter().map(|expr| rule("own", "out", expr)));
        chains(&json!({ "nftables": all }), Kept::Nobody).pop()
    };
    let port = |field: &str, port: u16| asks("tcp", field, &json!(port));
    let known = json!([state(&["established", "related"]), accept]);
    let by_state = json!([{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", {"accept": null}], ["new", {"drop": null}]]}}}]);
    for may in [
        read("drop", "output", &[]),
        read("accept", "postrouting", &[json!([drop])]),
        read("accept", "output", &[json!([port("sport", 3389), drop])]),
        read("accept", "output", &[json!([state(&["established"]), {"reject": null}])]),
        read("drop", "output", &[json!([port("dport", 443), accept])]),
    ] {
        let may = may.unwrap();
        assert!(may.way(3389) == Way::NotShut && may.may_keep_some_out(3389), "{may:?}");
    }
    for sound in [
        read("drop", "output", &[known]),
        read("drop", "output", &[by_state]),
        read("accept", "output", &[json!([port("dport", 25), drop])]),
        read("accept", "output", &[json!([port("sport", 3390), drop])]),
        read("accept", "output", &[json!([state(&["invalid"]), drop])]),
    ] {
        assert!(!sound.is_some_and(|one| one.may_keep_some_out(3389)));
    }
}

#[test]
fn sets_that_have_a_name() {
    let with = |set: Value, rules: &[Value]| {
        let mut all = vec![base("own", "in", "input", "accept"), json!({ "set": set })];
        all.extend(rules.iter().map(|expr| rule("own", "in", expr)));
        chains(&json!({ "nftables": all }), Kept::Nobody).pop()
    };
    let set = |flags: Value, elem: Value| json!({"family": "ip", "table": "own", "name": "s", "type": "inet_service", "flags": flags, "elem": elem});
    let named = |effect: Value| json!([asks("tcp", "dport", &json!("@s")), effect]);
    let drop = || named(json!({"drop": null}));
    let shut = with(set(json!(["interval"]), json!([22, {"range": [3000, 4000]}])), &[drop()]).unwrap();
    assert!(matches!(shut.way(3389), Way::Shut(Some(_))) && shut.way(5000) == Way::NotShut);
    assert!(!shut.may_keep_some_out(5000));
    assert_eq!(with(set(json!(null), json!([])), &[drop()]), None);
    for unknown in
        [set(json!(["dynamic"]), json!([3389])), set(json!("timeout"), json!([3389])), json!({"name": "other"})]
    {
        let may = with(unknown, &[drop()]).unwrap();
        assert!(may.way(3389) == Way::NotShut && may.may_keep_some_out(3389));
    }
}
