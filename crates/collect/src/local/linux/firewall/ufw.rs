//! Rules of ufw: whether it is on by `ufw status`, its rules by the comments in which it keeps them (`### tuple ###`).

use std::io;
use std::path::Path;

use evidence::state::{Fate, LinuxFirewall, LinuxRule, UFW};

use super::{FILE, told, unknown};
use crate::evidence::bytes;

/// Returns the rules for both families of addresses; `None` where ufw is not there or switched off.
pub(super) fn read() -> io::Result<Option<Vec<LinuxFirewall>>> {
    let Some(status) = told("ufw", &["status", "verbose"])? else { return Ok(None) };
    if !status.lines().any(|line| line.trim() == "Status: active") {
        return Ok(None);
    }
    let text = |name: &str| {
        let path = Path::new("/etc").join(name);
        let read = bytes(&path, FILE).map_err(|why| io::Error::other(format!("{}: {why}", path.display())));
        read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let Some(otherwise) = otherwise(&status) else { return Err(io::Error::other("ufw status names no default")) };
    let usual = text("default/ufw").unwrap_or_default();
    let both = !usual.lines().any(|line| line.trim().eq_ignore_ascii_case("IPV6=no"));
    let (mut firewalls, mut number) = (Vec::new(), 0);
    for (part, rules, others) in [
        ("IPv4", "user.rules", ["before.rules", "after.rules"]),
        ("IPv6", "user6.rules", ["before6.rules", "after6.rules"]),
    ] {
        if part == "IPv6" && !both {
            break;
        }
        let own = text(&format!("ufw/{rules}"))?;
        let [before, after] = others.map(|name| text(&format!("ufw/{name}")).map(|text| by_hand(&text)));
        let rules = [before?, tuples(&own, &mut number), after?].concat();
        firewalls.push(LinuxFirewall { tool: UFW.to_owned(), part: part.to_owned(), otherwise, rules });
    }
    Ok(Some(firewalls))
}

/// Reads `Default: deny (incoming), allow (outgoing), disabled (routed)`.
fn otherwise(status: &str) -> Option<Fate> {
    let line = status.lines().find_map(|line| line.trim().strip_prefix("Default:"))?;
    let own = line.split(',').find(|part| part.contains("(incoming)"))?;
    fate(own.split_whitespace().next()?)
}

fn fate(word: &str) -> Option<Fate> {
    match word {
        "allow" | "limit" => Some(Fate::Accept),
        "deny" => Some(Fate::Drop),
        "reject" => Some(Fate::Reject),
        _ => None,
    }
}

/// Reads the rules that ufw keeps: `### tuple ### allow tcp 3389 0.0.0.0/0 any 192.0.2.0/24 in`. `number` counts as ufw
/// does, IPv6 behind IPv4.
fn tuples(text: &str, number: &mut u32) -> Vec<LinuxRule> {
    let mut rules = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("### tuple ### ")) {
        *number += 1;
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with("comment=")).collect();
        let ([action, protocol, port, to, from_port, from, direction]
        | [action, protocol, port, to, from_port, from, _, _, direction]) = words[..]
        else {
            rules.extend(unknown());
            continue;
        };
        let routed = action.starts_with("route:");
        if routed || !matches!(protocol, "tcp" | "any") || direction.starts_with("out") {
            continue;
        }
        let Some(fate) = fate(action.split('_').next().unwrap_or(action)) else {
            rules.extend(unknown());
            continue;
        };
        let any = |address: &str| matches!(address, "0.0.0.0/0" | "::/0");
        let ports = if port == "any" { Some(Vec::new()) } else { ports(port) };
        let unclear = ports.is_none() || !any(to) || from_port != "any" || direction != "in";
        rules.push(LinuxRule {
            fate,
            ports: ports.unwrap_or_default(),
            from: (!any(from)).then(|| from.to_owned()),
            unclear,
            number: Some(*number),
        });
    }
    rules
}

/// Reads `3389`, `3389,3400:3410`.
fn ports(text: &str) -> Option<Vec<[u16; 2]>> {
    let range = |part: &str| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        Some([first.parse().ok()?, last.parse().ok()?])
    };
    text.split(',').map(range).collect()
}

/// Targets of the rules that ufw brings in these files and that decide nothing for new connections over TCP; those for
/// IPv6 begin with `ufw6`.
const OWN_TARGETS: [&str; 5] =
    ["ufw-not-local", "ufw-skip-to-policy-input", "ufw-logging-deny", "ufw-logging-allow", "RETURN"];

/// Reads the files around ufw's own rules, which people may edit: whatever ufw does not bring itself may let in, or
/// keep out, and is not judged.
fn by_hand(text: &str) -> Vec<LinuxRule> {
    let inside = |line: &str| {
        let chain = line.split_whitespace().nth(1).unwrap_or_default();
        chain.contains("output") || chain.contains("forward") || chain.contains("logging")
    };
    let own = |line: &str| {
        let words = [
            "-i lo ",
            "-p udp",
            "-p icmp",
            "-p ipv6-icmp",
            "-p icmpv6",
            "--ctstate RELATED,ESTABLISHED ",
            "--ctstate INVALID ",
            "--rt-type",
        ];
        words.iter().any(|words| line.contains(words))
            || OWN_TARGETS.contains(&line.rsplit(' ').next().unwrap_or_default().replacen("ufw6-", "ufw-", 1).as_str())
            || ["-A ufw-not-local -j DROP", "-A ufw6-not-local -j DROP"].contains(&line)
    };
    let rules = text.lines().map(str::trim).filter(|line| line.starts_with('-'));
    rules.filter(|line| !inside(line) && !own(line)).flat_map(|_| unknown()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_ufw_writes_them() {
        let text = "### RULES ###\n\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp\n\
            ### tuple ### deny any 3389,3400:3410 0.0.0.0/0 any 192.0.2.0/24 in comment=6869\n\
            ### tuple ### route:allow tcp 3389 0.0.0.0/0 any 0.0.0.0/0 in\n\
            ### tuple ### limit_log tcp 3389 0.0.0.0/0 any 0.0.0.0/0 in_eth0\n\
            ### tuple ### allow udp 53 0.0.0.0/0 any 0.0.0.0/0 in\n\
            ### tuple ### allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 WWW - in\n";
        let mut number = 0;
        let rules = tuples(text, &mut number);
        assert_eq!(number, 6);
        let numbers: Vec<_> = rules.iter().map(|rule| rule.number.unwrap()).collect();
        assert_eq!(numbers, [1, 2, 4, 6]);
        assert_eq!(rules[1].ports, [[3389, 3389], [3400, 3410]]);
        assert_eq!(
            (rules[1].fate, rules[1].from.as_deref(), rules[1].unclear),
            (Fate::Drop, Some("192.0.2.0/24"), false)
        );
        assert!(rules[2].unclear && rules[2].fate == Fate::Accept && !rules[3].unclear);
        assert_eq!(otherwise("Status: active\nDefault: deny (incoming), allow (outgoing)\n"), Some(Fate::Drop));
    }

    #[test]
    fn a_rule_by_hand_may_let_in() {
        let stock = "-A ufw-before-input -i lo -j ACCEPT\n-A ufw-before-output -o lo -j ACCEPT\n\
            -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
            -A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT\n\
            -A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT\n\
            -A ufw-before-input -m conntrack --ctstate INVALID -j DROP\n-A ufw-before-input -j ufw-not-local\n\
            -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN\n-A ufw-not-local -j DROP\n\
            -A ufw6-after-input -p tcp --dport 445 -j ufw6-skip-to-policy-input\n\
            -A ufw6-before-input -m rt --rt-type 0 -j DROP\n-A ufw6-before-forward -j DROP\n";
        assert!(by_hand(stock).is_empty());
        for line in [
            "-A ufw-before-input -p tcp --dport 3389 -j ACCEPT",
            "-A ufw-before-input -p tcp --dport 3389 -j ACCEPT -m comment --comment rdp",
            "-I ufw-before-input -p tcp --dport 3389 -j ACCEPT",
            "-I INPUT -p tcp --dport 3389 -j ACCEPT",
            "-A ufw-before-input -p tcp --dport 3389 -j mychain",
            "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED,NEW -p tcp --dport 3389 -j ACCEPT",
            "-A ufw-before-input -p tcp --dport 3389 -j DROP",
        ] {
            assert_eq!(by_hand(line).len(), 2, "{line}");
        }
    }
}
