//! Rules that the older iptables keeps in tables of its own (`iptables-legacy-save`), which nft does not list: put in
//! the words of nft, so that one reader follows both.
//!
//! Source: iptables-save(8), iptables(8) and iptables-extensions(8); what iptables 1.8 prints.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::{FILE, told};
use crate::evidence::bytes;

/// Programs with the family of the rules that they print; the plain names are those of systems without the newer ones.
const PROGRAMS: [[&str; 3]; 2] =
    [["ip", "iptables-legacy-save", "iptables-save"], ["ip6", "ip6tables-legacy-save", "ip6tables-save"]];

/// Reads the rules; nothing where such tables were never made.
pub(super) fn read() -> io::Result<Vec<Value>> {
    let mut all = Vec::new();
    for [family, newer, plain] in PROGRAMS {
        // asking makes tables, which are not to be made by looking
        let made = bytes(Path::new(&format!("/proc/net/{family}_tables_names")), FILE).unwrap_or_default();
        if made.trim_ascii().is_empty() {
            continue;
        }
        let text = match told(newer, &[])? {
            Some(text) => Some(text),
            // the newer program of this name tells what nft tells
            None => told(plain, &[])?.filter(|text| !text.contains("(nf_tables)")),
        };
        let text = text.ok_or_else(|| io::Error::other(format!("there is no {newer} to ask")))?;
        all.extend(ruleset(&text, family));
    }
    Ok(all)
}

/// Puts what `iptables-save` printed in the words of nft.
fn ruleset(text: &str, family: &str) -> Vec<Value> {
    let (mut table, mut chains, mut all) = ("", Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            (table, chains) = (name, Vec::new());
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let (name, policy) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let mut chain = json!({"family": family, "table": table, "name": name});
            if let Some(hook) = hook(name) {
                chain["hook"] = hook.into();
                chain["policy"] = policy.to_ascii_lowercase().into();
            }
            all.push(json!({ "chain": chain }));
            chains.push(name);
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let (chain, asked) = rule.split_once(' ').unwrap_or((rule, ""));
            let expr = expressions(&words(asked), family, &chains);
            all.push(json!({"rule": {"family": family, "table": table, "chain": chain, "expr": expr}}));
        }
    }
    all
}

fn hook(chain: &str) -> Option<&'static str> {
    match chain {
        "PREROUTING" => Some("prerouting"),
        "INPUT" => Some("input"),
        _ => None,
    }
}

/// Splits options as a shell does; only comments and prefixes of logs are ever quoted.
fn words(options: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for letter in options.chars() {
        match letter {
            _ if escaped => {
                word.push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            _ => word.push(letter),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Puts the options of a rule in the words of nft. One that is not known asks for something that is not judged.
fn expressions(options: &[String], family: &str, chains: &[&str]) -> Vec<Value> {
    let (mut expr, mut not, mut options) = (Vec::new(), false, options.iter().map(String::as_str));
    while let Some(option) = options.next() {
        if option == "!" {
            not = true;
            continue;
        }
        let mut value = || options.next().unwrap_or_default();
        let matched = |left: Value, right: Value| json!({"match": {"op": if not { "!=" } else { "==" }, "left": left, "right": right}});
        let told = match option {
            "-p" => Some(matched(json!({"meta": {"key": "l4proto"}}), value().into())),
            "-s" => Some(matched(json!({"payload": {"protocol": family, "field": "saddr"}}), network(value()))),
            "-i" => Some(matched(json!({"meta": {"key": "iifname"}}), value().into())),
            "--dport" | "--dports" => {
                Some(matched(json!({"payload": {"protocol": "tcp", "field": "dport"}}), ports(value())))
            }
            "--state" | "--ctstate" => {
                let states: Vec<String> = value().split(',').map(str::to_ascii_lowercase).collect();
                Some(matched(json!({"ct": {"key": "state"}}), states.into()))
            }
            // what a match asks for is said by the options that follow it
            "-m" | "--comment" | "--reject-with" | "--log-prefix" | "--log-level" => {
                value();
                None
            }
            "-j" => Some(match value() {
                "ACCEPT" => json!({"accept": null}),
                "DROP" => json!({"drop": null}),
                "REJECT" => json!({"reject": null}),
                "RETURN" => json!({"return": null}),
                "LOG" => json!({"log": null}),
                // these go on to the next rule
                "MARK" | "CONNMARK" | "NOTRACK" | "TCPMSS" | "TTL" | "CT" => json!({"mangle": null}),
                chain if chains.contains(&chain) => json!({"jump": {"target": chain}}),
                _ => json!({"xt": null}),
            }),
            "-g" => Some(json!({"goto": {"target": value()}})),
            word if word.starts_with('-') => Some(json!({"not judged": null})),
            _ => None,
        };
        expr.extend(told);
        not = false;
    }
    expr
}

/// Puts an address with the bits of its network in the words of nft.
fn network(text: &str) -> Value {
    match text.split_once('/') {
        Some((address, bits)) => match bits.parse::<u64>() {
            Ok(len) => json!({"prefix": {"addr": address, "len": len}}),
            Err(_) => Value::Null,
        },
        None => text.into(),
    }
}

/// Puts a port, a range or a list of both in the words of nft.
fn ports(text: &str) -> Value {
    let one = |text: &str| match text.split_once(':') {
        Some((first, last)) => json!({"range": [first.parse::<u16>().ok(), last.parse::<u16>().ok()]}),
        None => json!(text.parse::<u16>().ok()),
    };
    if text.contains(',') { json!({"set": text.split(',').map(one).collect::<Vec<_>>()}) } else { one(text) }
}

#[cfg(test)]
mod tests {
    use super::super::nftables::{Kept, chains};
    use super::*;
    use evidence::state::{IPTABLES, LinuxFirewall, Way};

    /// Reads a table of IPv4 with these chains and rules, in the form of `iptables-save`.
    fn read(lines: &[&str]) -> Vec<LinuxFirewall> {
        let text = [&["# Generated by iptables-save v1.8.9", "*filter"], lines, &["COMMIT"]].concat().join("\n");
        chains(&json!({ "nftables": ruleset(&text, "ip") }), Kept::Nobody)
    }

    const USUAL: [&str; 4] = [
        ":INPUT DROP [12:720]",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment \"--dport 3389 -j ACCEPT\" -j ACCEPT",
    ];

    #[test]
    fn rules_as_iptables_prints_them() {
        let with = |rules: &[&'static str]| read(&[&USUAL, rules].concat());
        let shut: [&[&str]; 6] = [
            &[],
            &["-A INPUT -p udp -m udp --dport 3389 -j ACCEPT"],
            &["-A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 3388,3390:3400 -j ACCEPT"],
            &["-A INPUT -p icmp -j ACCEPT"],
            &["-A INPUT -p tcp -j LOG --log-prefix \"in \\\" -j ACCEPT\""],
            &["-A INPUT -p tcp -m tcp --dport 3389 -j REJECT --reject-with tcp-reset"],
        ];
        for rules in shut {
            let told = with(rules);
            assert!(matches!(told[..], [ref one] if matches!(one.way(3389), Way::Shut(_))), "{rules:?}: {told:?}");
            assert_eq!((told[0].tool.as_str(), told[0].part.as_str()), (IPTABLES, "ip filter INPUT"));
        }
        let open: [&[&str]; 6] = [
            &["-A INPUT -p tcp -m tcp --dport 3389 -j ACCEPT"],
            &["-A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 22,3380:3390 -j ACCEPT"],
            // nobody knows whom these let in
            &["-A INPUT -p tcp -m set --match-set office src -j ACCEPT"],
            &["-A INPUT ! -i eth0 -j ACCEPT"],
            &["-A INPUT -p tcp -j TARPIT"],
            &["-A INPUT -p tcp -m recent --update --seconds 60 --name x --rsource -j ACCEPT"],
        ];
        for rules in open {
            let told = with(rules);
            assert!(told.iter().all(|one| one.way(3389) == Way::NotShut), "{rules:?}: {told:?}");
        }
    }

    #[test]
    fn a_rule_leads_to_chains_of_its_own_table() {
        let told = read(&[
            ":INPUT ACCEPT [0:0]",
            ":own - [0:0]",
            "-A INPUT -p tcp -m tcp --dport 3389 -j own",
            "-A own -s 192.0.2.7/32 -j RETURN",
            "-A own -j DROP",
        ]);
        assert!(told[0].lets_in(3389, "192.0.2.7") || told[0].way(3389) == Way::NotShut, "{told:?}");
        assert!(!told[0].lets_in(3389, "192.0.2.8"));
        let all = read(&[":INPUT ACCEPT [0:0]", ":own - [0:0]", "-A INPUT -g own", "-A own -p tcp -j DROP"]);
        assert!(matches!(all[0].way(3389), Way::Shut(_)), "{all:?}");
        assert_eq!(read(&[":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", "-A FORWARD -p tcp -j DROP"]), Vec::new());
    }
}
