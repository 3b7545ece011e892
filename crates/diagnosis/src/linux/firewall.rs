//! The firewall of a host with Linux, and the port of its server.

use evidence::Fact;
use evidence::printable::printable;
use evidence::state::{FIREWALLD, Fate, IPTABLES, LinuxFirewall, NFTABLES, UFW, Way};

use super::RDP;
use crate::case::{Case, Seen};
use crate::cause::{Confidence, Ground, Severity};
use crate::xrdp::{is_inside_alone, wanted};

/// Returns the port that clients of the server of this machine need.
pub(crate) fn port(case: Case<'_>) -> u16 {
    let of_xrdp = case.xrdp().and_then(|seen| wanted(seen.value).first().copied());
    of_xrdp.or_else(|| case.gnome().find_map(|seen| seen.value.port)).unwrap_or(RDP)
}

/// Nobody from another machine gets through the firewall to the port of the server.
pub(crate) fn shut(case: Case<'_>) -> Option<Ground> {
    let port = port(case);
    if case.xrdp().is_some_and(|seen| is_inside_alone(seen.value)) {
        return None;
    }
    let firewalls: Vec<Seen<&LinuxFirewall>> =
        case.of_machine(|fact| if let Fact::LinuxFirewall(firewall) = fact { Some(firewall) } else { None }).collect();
    // a chain of the kernel is one more obstacle; the parts of a tool are for connections of different kinds
    let by_chain = |seen: &&Seen<&LinuxFirewall>| matches!(seen.value.tool.as_str(), NFTABLES | IPTABLES);
    // where IPv6 alone is shut, IPv4 still gets in
    let for_both = |seen: &Seen<&LinuxFirewall>| !(by_chain(&seen) && seen.value.part.starts_with("ip6 "));
    let closed = |seen: &&Seen<&LinuxFirewall>| matches!(seen.value.way(port), Way::Shut(_)) && for_both(seen);
    let by_tool = || firewalls.iter().filter(|seen| !by_chain(seen));
    let mut outside = by_tool().filter(|seen| !is_inside(seen.value));
    let by_tool = by_tool().find(closed).filter(|_| outside.all(|seen| closed(&seen)));
    let shut = by_tool.or_else(|| firewalls.iter().filter(by_chain).find(closed))?;
    if case.at_addresses().any(Case::tcp_accepted) {
        return None;
    }
    Some(Ground::on(vec![shut.because(words(shut.value, port))]).confidence(Confidence::Likely))
}

/// Rules of the firewall may keep some out of the port of the server, and not all.
pub(crate) fn may_shut(case: Case<'_>) -> Option<Ground> {
    let port = port(case);
    if case.xrdp().is_some_and(|seen| is_inside_alone(seen.value)) || shut(case).is_some() {
        return None;
    }
    let firewalls =
        case.of_machine(|fact| if let Fact::LinuxFirewall(firewall) = fact { Some(firewall) } else { None });
    let some =
        firewalls.filter(|seen: &Seen<&LinuxFirewall>| seen.value.may_keep_some_out(port) && !is_inside(seen.value));
    let because: Vec<_> = some
        .map(|seen| seen.because(format!("rules of {} may keep some out of port {port}", place(seen.value))))
        .collect();
    (!because.is_empty()).then(|| Ground::on(because).severity(Severity::Advisory))
}

/// True for a zone that lets in all: that of a bridge to machines inside, or a wide open one.
fn is_inside(firewall: &LinuxFirewall) -> bool {
    firewall.tool == FIREWALLD && firewall.otherwise == Fate::Accept
}

fn place(firewall: &LinuxFirewall) -> String {
    let named = printable(&firewall.part);
    match firewall.tool.as_str() {
        UFW => "ufw".to_owned(),
        FIREWALLD => format!("firewalld's zone {named}"),
        _ => format!("the chain {named} of nftables"),
    }
}

fn words(firewall: &LinuxFirewall, port: u16) -> String {
    let place = place(firewall);
    let does = |fate| if fate == Fate::Reject { "refuses" } else { "drops" };
    match firewall.way(port) {
        Way::Shut(Some(rule)) => {
            let rule_of = rule.number.map_or(String::new(), |number| format!("rule {number} of "));
            format!("{rule_of}{place} {} every connection to port {port}", does(rule.fate))
        }
        _ => format!(
            "{place} has no rule that lets anybody in to port {port}, and {} the rest",
            does(firewall.otherwise)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::sketch::xrdp;
    use evidence::state::LinuxRule;

    const PRESENT: Expect = Expect::Present(Severity::Blocking, Confidence::Likely);

    fn firewall(tool: &str, part: &str, otherwise: Fate, rules: &[LinuxRule]) -> LinuxFirewall {
        LinuxFirewall { tool: tool.to_owned(), part: part.to_owned(), otherwise, rules: rules.to_vec() }
    }

    fn rule(fate: Fate, port: u16, from: Option<&str>) -> LinuxRule {
        let from = from.map(str::to_owned);
        LinuxRule { fate, ports: vec![[port, port]], from, unclear: false, number: Some(3) }
    }

    fn with(port: &str, firewalls: &[LinuxFirewall]) -> Sketch {
        let mut xrdp = xrdp();
        xrdp.port = Some(port.to_owned());
        let sketch = machine().recorded(Fact::Xrdp(xrdp));
        firewalls.iter().fold(sketch, |sketch, one| sketch.recorded(Fact::LinuxFirewall(one.clone())))
    }

    fn check(port: &str, firewalls: &[LinuxFirewall], expect: Expect) {
        with(port, firewalls).check(causes::find("firewall-blocks-rdp").unwrap(), expect);
    }

    #[test]
    fn nobody_gets_in() {
        let ufw = |part: &str, rules: &[LinuxRule]| firewall(UFW, part, Fate::Drop, rules);
        let ssh = [rule(Fate::Accept, 22, None)];
        check("3389", &[ufw("IPv4", &ssh), ufw("IPv6", &ssh)], PRESENT);
        check("3390", &[ufw("IPv4", &[rule(Fate::Accept, 3389, None)])], PRESENT);
        check("3389", &[firewall(FIREWALLD, "public", Fate::Reject, &[])], PRESENT);
        let bridge = firewall(FIREWALLD, "docker", Fate::Accept, &[]);
        check("3389", &[firewall(FIREWALLD, "public", Fate::Reject, &[]), bridge], PRESENT);
        let open = firewall(NFTABLES, "inet a input", Fate::Accept, &[]);
        let shut = firewall(NFTABLES, "inet b input", Fate::Accept, &[rule(Fate::Drop, 3389, None)]);
        check("3389", &[open, shut.clone()], PRESENT);
        // whatever a tool lets in has to pass the chains beside its own
        check("3389", &[ufw("IPv4", &[rule(Fate::Accept, 3389, None)]), shut], PRESENT);
        let report = with("3389", &[ufw("IPv4", &[rule(Fate::Reject, 3389, None)])]).diagnose();
        assert_eq!(report.findings[0].because[0].text, "rule 3 of ufw refuses every connection to port 3389");
        assert_eq!(report.findings[0].fixes, ["open-linux-firewall-for-rdp"]);
        assert!(!report.findings[0].title.contains("Windows"), "{}", report.findings[0].title);
    }

    #[test]
    fn some_may_be_kept_out() {
        let may = || Expect::Present(Severity::Advisory, Confidence::Possible);
        let unclear = LinuxRule { unclear: true, ..rule(Fate::Drop, 3389, None) };
        let chain = |rules: &[LinuxRule]| firewall(NFTABLES, "inet a input", Fate::Accept, rules);
        check("3389", &[chain(std::slice::from_ref(&unclear))], may());
        check("3389", &[chain(&[rule(Fate::Drop, 3389, Some("192.0.2.7"))])], may());
        check("3389", &[firewall(NFTABLES, "ip6 a input", Fate::Drop, &[])], may());
        let ufw = |part: &str, rules: &[LinuxRule]| firewall(UFW, part, Fate::Drop, rules);
        check("3389", &[ufw("IPv4", &[]), ufw("IPv6", &[rule(Fate::Accept, 3389, None)])], may());
        for open in [chain(&[rule(Fate::Accept, 3389, None), unclear.clone()]), chain(&[rule(Fate::Drop, 3390, None)])]
        {
            check("3389", &[open], Expect::Unknown);
        }
        let report = with("3389", &[chain(&[unclear])]).diagnose();
        let told = &report.findings[0];
        assert_eq!(told.because[0].text, "rules of the chain inet a input of nftables may keep some out of port 3389");
        assert!(told.title.contains("may keep some out") && told.fixes.is_empty(), "{told:?}");
    }

    #[test]
    fn near_misses() {
        let ufw = |part: &str, rules: &[LinuxRule]| firewall(UFW, part, Fate::Drop, rules);
        let some = rule(Fate::Accept, 3389, Some("192.0.2.0/24"));
        for firewalls in [
            vec![],
            vec![ufw("IPv4", std::slice::from_ref(&some))],
            vec![firewall(NFTABLES, "inet a input", Fate::Drop, &[LinuxRule { unclear: true, ..some }])],
            vec![firewall(FIREWALLD, "trusted", Fate::Accept, &[])],
        ] {
            check("3389", &firewalls, Expect::Unknown);
        }
        // it serves its own machine alone
        check("tcp://127.0.0.1:3389", &[ufw("IPv4", &[])], Expect::Unknown);
    }
}
