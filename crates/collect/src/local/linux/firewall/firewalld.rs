//! Zones of firewalld, as they are in force: `firewall-cmd --list-all-zones`, in the order in which a zone's rules are
//! met (firewalld.richlanguage, "priority"): those with a negative priority, those that keep out, those that let in.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use evidence::state::{FIREWALLD, Fate, LinuxFirewall, LinuxRule};

use super::{FILE, told, unknown};
use crate::evidence::bytes;

/// Folders with the services that rules name, the nearer one first.
const SERVICES: [&str; 2] = ["/etc/firewalld/services", "/usr/lib/firewalld/services"];
/// Most services that include one another.
const DEPTH: usize = 8;
/// Policy that firewalld brings along: it is about the discovery of neighbours alone.
const OWN_POLICY: &str = "allow-host-ipv6";

/// Returns the zones that are in use; `None` where firewalld is not there or does not run.
pub(super) fn read() -> io::Result<Option<Vec<LinuxFirewall>>> {
    let running = told("firewall-cmd", &["--state"]);
    if !matches!(&running, Ok(Some(text)) if text.trim() == "running") {
        return Ok(None);
    }
    let asked = |arguments: &[&str]| told("firewall-cmd", arguments).map(Option::unwrap_or_default);
    let usual = asked(&["--get-default-zone"])?;
    let zones = asked(&["--list-all-zones"])?;
    let more = lets_in_elsewhere(&asked(&["--list-all-policies"])?)
        || !asked(&["--direct", "--get-all-rules"])?.trim().is_empty();
    let mut firewalls = in_use(&zones, usual.trim(), &mut ports_of);
    if more {
        for firewall in &mut firewalls {
            firewall.rules.splice(0..0, unknown());
        }
    }
    Ok(Some(firewalls))
}

/// True if a policy other than firewalld's own is about connections to this machine.
fn lets_in_elsewhere(policies: &str) -> bool {
    blocks(policies).any(|(head, lines)| {
        let to_host = lines.iter().any(|line| line.starts_with("egress-zones:") && line.contains("HOST"));
        head.contains("(active") && !head.starts_with(OWN_POLICY) && to_host
    })
}

/// Splits a list into its things: the line with the name, and the lines about it.
fn blocks(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.split("\n\n").filter_map(|block| {
        let mut lines = block.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next()?;
        Some((head, lines.map(str::trim).collect()))
    })
}

/// Reads the zones that connections from other machines meet. A zone of named addresses lets in nobody else.
fn in_use(zones: &str, usual: &str, ports: &mut dyn FnMut(&str) -> Option<Vec<[u16; 2]>>) -> Vec<LinuxFirewall> {
    let mut firewalls = Vec::new();
    for (head, lines) in blocks(zones) {
        let name = head.split_whitespace().next().unwrap_or_default();
        let value = |key: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            found.map(str::trim).unwrap_or_default()
        };
        let (interfaces, sources) = (value("interfaces"), value("sources"));
        if interfaces.is_empty() && sources.is_empty() && name != usual {
            continue;
        }
        let otherwise = match value("target") {
            "ACCEPT" => Fate::Accept,
            "DROP" => Fate::Drop,
            _ => Fate::Reject,
        };
        let mut rules = rich(&lines, ports);
        let services = value("services").split_whitespace().map(&mut *ports);
        let open = services.chain([listed(value("ports"))]);
        rules.extend(open.filter(|ports| ports.as_ref().is_none_or(|ports| !ports.is_empty())).map(|ports| {
            LinuxRule {
                fate: Fate::Accept,
                unclear: ports.is_none(),
                ports: ports.unwrap_or_default(),
                from: None,
                number: None,
            }
        }));
        let all = value("protocols").split_whitespace().any(|protocol| matches!(protocol, "tcp" | "6"));
        if all || !value("source-ports").is_empty() {
            rules.extend(unknown());
        }
        if interfaces.is_empty() && name != usual {
            // it is only for these
            for rule in &mut rules {
                rule.from.get_or_insert_with(|| sources.to_owned());
            }
        }
        firewalls.push(LinuxFirewall { tool: FIREWALLD.to_owned(), part: name.to_owned(), otherwise, rules });
    }
    firewalls
}

/// Reads the rich rules of a zone, in the order in which they are met; those with a positive priority come last.
fn rich(lines: &[&str], ports: &mut dyn FnMut(&str) -> Option<Vec<[u16; 2]>>) -> Vec<LinuxRule> {
    let mut rules: Vec<((i32, bool), LinuxRule)> = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with("rule ") || **line == "rule") {
        let Some((priority, rule)) = rich_rule(line, ports) else { continue };
        rules.push(((priority, rule.fate == Fate::Accept), rule));
    }
    rules.sort_by_key(|(order, _)| *order);
    rules.into_iter().map(|(_, rule)| rule).collect()
}

/// Reads one rule; `None` for one that no connection over TCP can meet.
fn rich_rule(line: &str, ports: &mut dyn FnMut(&str) -> Option<Vec<[u16; 2]>>) -> Option<(i32, LinuxRule)> {
    let mut rule = LinuxRule { fate: Fate::Accept, ports: Vec::new(), from: None, unclear: false, number: None };
    let (mut priority, mut element, mut ends) = (0, "", false);
    for word in line.split_whitespace().skip(1) {
        let Some((name, value)) = word.split_once('=') else {
            match word {
                "accept" => ends = true,
                "drop" => (rule.fate, ends) = (Fate::Drop, true),
                "reject" => (rule.fate, ends) = (Fate::Reject, true),
                "source" | "port" | "service" | "rule" => {}
                "icmp-type" | "icmp-block" => return None,
                _ => rule.unclear = true,
            }
            element = word;
            continue;
        };
        let value = value.trim_matches('"');
        match (element, name) {
            ("" | "rule", "priority") => priority = value.parse().unwrap_or_default(),
            ("" | "rule", "family") | ("reject", "type") => {}
            ("source", "address") => rule.from = Some(value.to_owned()),
            ("port", "port") => rule.ports = listed(&format!("{value}/tcp"))?,
            ("port", "protocol") if value == "tcp" => {}
            ("port", "protocol") => return None,
            ("service", "name") => match ports(value) {
                Some(ports) if ports.is_empty() => return None,
                Some(ports) => rule.ports = ports,
                None => rule.unclear = true,
            },
            _ => rule.unclear = true,
        }
    }
    rule.unclear |= !ends;
    Some((priority, rule))
}

/// Reads `3389/tcp 4000-4010/tcp 53/udp`: those of TCP.
fn listed(text: &str) -> Option<Vec<[u16; 2]>> {
    let own = text.split_whitespace().filter_map(|word| word.strip_suffix("/tcp"));
    own.map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some([first.parse().ok()?, last.parse().ok()?])
    })
    .collect()
}

/// Finds the ports of TCP that a service stands for; `None` where it is not known.
fn ports_of(service: &str) -> Option<Vec<[u16; 2]>> {
    let mut known = BTreeSet::new();
    with_included(service, &mut known, DEPTH)
}

fn with_included(service: &str, known: &mut BTreeSet<String>, depth: usize) -> Option<Vec<[u16; 2]>> {
    let named = service.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_+.".contains(&letter));
    if !named || service.starts_with('.') || !known.insert(service.to_owned()) {
        return None;
    }
    let file = |folder: &str| bytes(&Path::new(folder).join(format!("{service}.xml")), FILE).ok();
    let text = String::from_utf8(SERVICES.into_iter().find_map(file)?).ok()?;
    let mut ports = in_service(&text)?;
    for included in elements(&text, "include") {
        let deeper = depth.checked_sub(1)?;
        ports.extend(with_included(attribute(included, "service")?, known, deeper)?);
    }
    Some(ports)
}

/// Reads the ports of a service's file: `<port protocol="tcp" port="3389"/>`.
fn in_service(text: &str) -> Option<Vec<[u16; 2]>> {
    let own = elements(text, "port").filter(|element| attribute(element, "protocol") == Some("tcp"));
    let ports: Vec<_> =
        own.map(|element| listed(&format!("{}/tcp", attribute(element, "port")?))).collect::<Option<_>>()?;
    let other = elements(text, "source-port").next().is_some() || elements(text, "protocol").next().is_some();
    (!other).then(|| ports.concat())
}

/// Iterates over the elements of this name without contents, each as the text of its attributes.
fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.split('<').filter_map(move |part| part.strip_prefix(name)?.strip_prefix([' ', '\t', '\n'])?.split('>').next())
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = element.split_once(&format!("{name}="))?;
    let quote = behind.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    behind.get(1..)?.split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::state::Way;

    fn zone(more: &str) -> LinuxFirewall {
        let text = format!(
            "block\n  target: %%REJECT%%\n  interfaces: \n\npublic (active)\n  target: default\n  interfaces: eth0\n  \
             sources: \n  {more}\n"
        );
        let mut ports = |name: &str| match name {
            "rdp" => Some(vec![[3389, 3389]]),
            "ssh" => Some(vec![[22, 22]]),
            "dhcpv6-client" => Some(Vec::new()),
            _ => None,
        };
        let zones = in_use(&text, "public", &mut ports);
        assert_eq!(zones.len(), 1, "{zones:?}");
        zones[0].clone()
    }

    #[test]
    fn zones_as_firewalld_lists_them() {
        let shut = |more: &str| matches!(zone(more).way(3389), Way::Shut(_));
        for closed in [
            "services: dhcpv6-client ssh",
            "ports: 3390/tcp 3389/udp",
            "services: rdp\n  rich rules: \n\trule family=\"ipv4\" port port=\"3389\" protocol=\"tcp\" drop",
            "rich rules: \n\trule port port=\"22\" protocol=\"tcp\" accept",
            "rich rules: \n\trule family=\"ipv6\" icmp-type name=\"redirect\" accept",
        ] {
            assert!(shut(closed), "{closed}");
        }
        for open in [
            "services: ssh rdp",
            "services: unknown",
            "ports: 3380-3390/tcp",
            "protocols: tcp",
            "rich rules: \n\trule family=\"ipv4\" source address=\"192.0.2.0/24\" service name=\"rdp\" accept",
            "rich rules: \n\trule service name=\"rdp\" accept limit value=\"1/m\"",
            "rich rules: \n\trule port port=\"3389\" protocol=\"tcp\" drop\n\
             \trule priority=\"-1\" source address=\"192.0.2.7\" port port=\"3389\" protocol=\"tcp\" accept",
        ] {
            assert!(!shut(open), "{open}");
        }
        assert_eq!(zone("services: ssh").otherwise, Fate::Reject);
    }

    #[test]
    fn services_and_policies() {
        let text = "<service>\n  <port protocol=\"tcp\" port=\"3389\"/>\n <port port='53' protocol='udp'/></service>";
        assert_eq!(in_service(text), Some(vec![[3389, 3389]]));
        assert_eq!(in_service("<service><protocol value=\"tcp\"/></service>"), None);
        let policy = |name: &str| format!("{name} (active)\n  egress-zones: HOST\n");
        assert!(lets_in_elsewhere(&policy("mine")) && !lets_in_elsewhere(&policy(OWN_POLICY)));
    }
}
