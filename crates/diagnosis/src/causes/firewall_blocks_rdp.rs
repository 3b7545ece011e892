//! `firewall-blocks-rdp`: no rule of the Windows firewall lets the port in.

use evidence::firewall::{Profile, Rule, Verdict, judge};
use evidence::state::{FIREWALL_MDM_RULES, FIREWALL_POLICY_RULES, FIREWALL_RULES, LISTENER, RegistryData, Service};
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::need::Need;

const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall";
const OWN: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
/// Settings of device management (MDM, such as Intune), named like the machine's own. No document says where they lie;
/// tools that read them agree except on which of two is the private and which the public profile, so only what holds
/// for both counts here.
const MDM: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm";
/// Port of Remote Desktop where nobody chose another.
const USUAL_PORT: u16 = 3389;
/// Everything that decides: without one of them a rule or a switch may be unseen.
pub(super) const NEEDS: &[Need] = &[
    Need::key(LISTENER),
    Need::key(FIREWALL_RULES),
    Need::key(FIREWALL_POLICY_RULES),
    Need::key(FIREWALL_MDM_RULES),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile\Services\RemoteDesktop"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile\Services\RemoteDesktop"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile\GloballyOpenPorts\List"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile\GloballyOpenPorts\List"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\PublicProfile"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\DomainProfile"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\StandardProfile"),
    Need::key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\PublicProfile"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PrivateProfile"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile"),
    Need::key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile"),
];

pub const CAUSE: Cause = Cause {
    id: "firewall-blocks-rdp",
    title: "no rule of the Windows firewall lets Remote Desktop in",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: NEEDS, holds: closed_everywhere },
        Proof {
            shows: Shows::Presence(Confidence::Possible),
            needs: &[Need::key(FIREWALL_RULES)],
            holds: blocked_by_a_rule,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::LINUX], holds: linux::shut },
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::LINUX], holds: linux::may_shut },
        Proof { shows: Shows::Absence, needs: NEEDS, holds: open_everywhere },
    ],
    explains: &[Explains { cause: "port-filtered", when: |_| true }],
    page: Page {
        what_happens: "The host listens, and connection attempts vanish: mstsc shows 0x204 after a while.",
        why: "The Remote Desktop rules are off or are for another port than the listener's (they do not follow \
              PortNumber), a blocking rule overrides them, or a policy makes Windows ignore all local rules. If the \
              only active rule requires IPsec, the port is closed only to those whom IPsec does not authenticate; in \
              an isolated domain that is intended.",
        confirm: "RemoteDesktop-UserMode-In-TCP must be enabled for the network's profile. Rules for only some \
                  profiles or addresses are not a fault by themselves. If another vendor's firewall has taken over, \
                  or MpsSvc is not running, the rules of Windows do not apply; the registry does not show that.",
        command: "Get-NetConnectionProfile | Select-Object InterfaceAlias,NetworkCategory; Get-NetFirewallProfile -PolicyStore ActiveStore | \
                  Select-Object Name,Enabled,DefaultInboundAction,AllowInboundRules,AllowLocalFirewallRules; Get-NetFirewallRule -PolicyStore \
                  ActiveStore -Name RemoteDesktop* | Select-Object Name,Enabled,Profile,Action",
        how_to_fix: "Enable the Windows rule for the addresses that need it. If the port was changed, create a rule \
                     for that port.",
        references: &[
            "[MS-GPFAS] 2.2.2 (firewall rules)",
            "Microsoft: General Remote Desktop connection troubleshooting (firewall)",
        ],
    },
    fixes: &["open-firewall-for-rdp", "open-linux-firewall-for-rdp"],
};

/// Names of a profile's registry keys, in the machine's own part and in the policies'.
fn keys(profile: Profile) -> (&'static str, &'static [&'static str]) {
    match profile {
        Profile::Domain => ("DomainProfile", &["DomainProfile"]),
        Profile::Private => ("StandardProfile", &["PrivateProfile", "StandardProfile"]),
        Profile::Public => ("PublicProfile", &["PublicProfile"]),
    }
}

/// Reads a switch of a profile: from group policy, device management or the machine's own settings, in that order.
pub(super) fn switch(case: Case<'_>, profile: Profile, name: &str) -> Option<u32> {
    let (own, policies) = keys(profile);
    let policy = policies.iter().find_map(|key| case.number(&format!(r"{POLICY}\{key}"), name)?.value);
    policy.or_else(|| [MDM, OWN].iter().find_map(|store| case.number(&format!(r"{store}\{own}"), name)?.value))
}

/// Reads the rules of a key; `None` if it was not looked up.
fn rules(case: Case<'_>, path: &str) -> Option<Vec<Rule>> {
    let values = &case.key(path)?.value.values;
    let text = values.values().filter_map(|data| if let RegistryData::Text(text) = data { Some(text) } else { None });
    let build = case.build().map(|seen| seen.value);
    Some(text.filter_map(|text| Rule::parse(text)?.in_build(build)).collect())
}

/// True if a group policy has an exception of the older kind for Remote Desktop or its port. It may be for some
/// addresses only.
fn exception(case: Case<'_>, profile: Profile, port: u16) -> bool {
    let key = if profile == Profile::Domain { "DomainProfile" } else { "StandardProfile" };
    let service = case.number(&format!(r"{POLICY}\{key}\Services\RemoteDesktop"), "Enabled");
    let by_service = service.is_some_and(|seen| seen.value == Some(1));
    let list = case.key(&format!(r"{POLICY}\{key}\GloballyOpenPorts\List"));
    let by_port = |data: &RegistryData| {
        let RegistryData::Text(text) = data else { return false };
        let lower = text.to_ascii_lowercase();
        lower.starts_with(&format!("{port}:tcp:")) && lower.contains(":enabled:")
    };
    by_service || list.is_some_and(|seen| seen.value.values.values().any(by_port))
}

/// True if the firewall's service is disabled or not running: what filters instead is not known.
pub(super) fn switched_off(case: Case<'_>) -> bool {
    let off = |service: &Service| !service.exists || service.start == Some(4) || service.running == Some(false);
    case.service("MpsSvc").is_some_and(|seen| off(seen.value))
}

fn port(case: Case<'_>) -> Option<u16> {
    case.number(LISTENER, "PortNumber")?.value?.try_into().ok()
}

/// Judges whether the firewall lets the port in on networks of this kind.
fn verdict(case: Case<'_>, profile: Profile) -> Option<Verdict> {
    let on = |name| switch(case, profile, name);
    if on("EnableFirewall") == Some(0) {
        return Some(Verdict::Open);
    }
    if on("DoNotAllowExceptions") == Some(1) {
        return Some(Verdict::Blocked("DoNotAllowExceptions, for every rule".to_owned()));
    }
    let port = port(case)?;
    if exception(case, profile, port) {
        return Some(Verdict::Scoped("an exception by group policy".to_owned()));
    }
    let mut all = rules(case, FIREWALL_POLICY_RULES)?;
    all.extend(rules(case, FIREWALL_MDM_RULES)?);
    if on("AllowLocalPolicyMerge") != Some(0) {
        all.extend(rules(case, FIREWALL_RULES)?);
    }
    match judge(&all, port, profile) {
        // where the profile lets in by default, no rule is needed
        Verdict::NoRule(_) | Verdict::Secure(_) if on("DefaultInboundAction") == Some(0) => Some(Verdict::Open),
        verdict => Some(verdict),
    }
}

/// True if Windows' own rule is off and nothing else closes the port, as where Remote Desktop was never switched on.
pub(super) fn own_rule_is_off(case: Case<'_>) -> bool {
    let verdicts = Profile::ALL.map(|profile| verdict(case, profile));
    let off = verdicts.iter().any(|verdict| matches!(verdict, Some(Verdict::NoRule(Some(_)))));
    off && verdicts.iter().all(|verdict| matches!(verdict, Some(Verdict::NoRule(_))))
}

/// The port is closed in every profile. Which profile is in use is not recorded, so nothing less is proof. Where IPsec
/// opens one of them this is only advisory: who was meant to come in that way is not known here.
fn closed_everywhere(case: Case<'_>) -> Option<Ground> {
    // Windows before Vista keeps its rules elsewhere
    let observation = case.key(FIREWALL_RULES).filter(|key| key.value.exists)?.id;
    let port = port(case)?;
    if switched_off(case) || case.answered_since(observation) || case.let_in_near(observation) {
        return None;
    }
    let mut by_ipsec = false;
    let closed = Profile::ALL.map(|profile| {
        let text = match verdict(case, profile)? {
            Verdict::Blocked(rule) => format!("{}: blocked by {rule}", profile.word()),
            Verdict::NoRule(Some(near)) => format!("{}: no rule lets TCP {port} in; {near}", profile.word()),
            Verdict::NoRule(None) => format!("{}: no rule lets TCP {port} in", profile.word()),
            Verdict::Secure(rule) => {
                by_ipsec = true;
                format!("{}: {rule} lets in only those whom IPsec authenticates", profile.word())
            }
            Verdict::Open | Verdict::Scoped(_) => return None,
        };
        Some(Because { text, observation })
    });
    let ground = Ground::on(closed.into_iter().collect::<Option<Vec<_>>>()?);
    Some(if by_ipsec { ground.severity(Severity::Advisory).confidence(Confidence::Possible) } else { ground })
}

/// An active rule of the machine blocks the port in every profile, and a rule that blocks wins over those that allow.
/// Where nothing but the rules was recorded, the firewall may be off, so this is only advisory; so it is where the port
/// of the listener is not known. A policy may switch the firewall off all the same.
fn blocked_by_a_rule(case: Case<'_>) -> Option<Ground> {
    let observation = case.key(FIREWALL_RULES).filter(|key| key.value.exists)?.id;
    let on = |profile, name| switch(case, profile, name);
    let off = |profile| on(profile, "EnableFirewall") == Some(0) || on(profile, "AllowLocalPolicyMerge") == Some(0);
    if switched_off(case) || case.answered_since(observation) || case.let_in_near(observation) {
        return None;
    }
    let known = port(case);
    let port = known.unwrap_or(USUAL_PORT);
    let rules = rules(case, FIREWALL_RULES)?;
    let blocked = Profile::ALL.map(|profile| match judge(&rules, port, profile) {
        Verdict::Blocked(rule) if !off(profile) => {
            Some(Because { text: format!("{}: TCP {port} is blocked by {rule}", profile.word()), observation })
        }
        _ => None,
    });
    let ground = Ground::on(blocked.into_iter().collect::<Option<Vec<_>>>()?);
    let runs = known.is_some() && Profile::ALL.iter().all(|&profile| on(profile, "EnableFirewall") == Some(1));
    Some(if runs { ground } else { ground.severity(Severity::Advisory) })
}

fn open_everywhere(case: Case<'_>) -> Option<Ground> {
    let seen = case.key(FIREWALL_RULES)?;
    let open = Profile::ALL.iter().all(|profile| verdict(case, *profile) == Some(Verdict::Open));
    let text = format!("TCP {} is let in whatever the network's profile", port(case)?);
    open.then(|| Ground::on(vec![seen.because(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::fact::Fact;
    use evidence::state::WINDOWS;

    const RULE: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

    fn text(rule: &str) -> RegistryData {
        RegistryData::Text(rule.to_owned())
    }

    fn firewall(rule: &str) -> Sketch {
        firewall_where(|_| true, rule)
    }

    /// Firewall settings of which only these keys were looked up.
    fn firewall_where(seen: impl Fn(&str) -> bool, rule: &str) -> Sketch {
        let paths = NEEDS.iter().filter_map(|need| need.as_key());
        let nothing = paths.filter(|path| seen(path)).fold(machine(), Sketch::absent);
        let on = Profile::ALL.iter().fold(nothing, |sketch, profile| {
            sketch.dword(&format!(r"{OWN}\{}", keys(*profile).0), "EnableFirewall", 1)
        });
        on.dword(LISTENER, "PortNumber", 3389).value(FIREWALL_RULES, "RemoteDesktop-UserMode-In-TCP", text(rule))
    }

    #[test]
    fn present() {
        let closed = || Expect::Present(Severity::Blocking, Confidence::Likely);
        firewall(&RULE.replace("TRUE", "FALSE")).check(&CAUSE, closed());
        firewall(RULE)
            .value(FIREWALL_RULES, "x", text("v2.30|Action=Block|Active=TRUE|Dir=In|Name=No|"))
            .check(&CAUSE, closed());
        // the rule does not follow the changed port
        firewall(RULE).dword(LISTENER, "PortNumber", 3390).check(&CAUSE, closed());
    }

    #[test]
    fn the_policy_has_local_rules_ignored() {
        let profiles = ["DomainProfile", "PrivateProfile", "PublicProfile"];
        let ignored = profiles.iter().fold(firewall(RULE), |sketch, profile| {
            sketch.dword(&format!(r"{POLICY}\{profile}"), "AllowLocalPolicyMerge", 0)
        });
        ignored.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        ignored.value(FIREWALL_POLICY_RULES, "y", text(RULE)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_as_windows_sets_it_up() {
        firewall(RULE).check(&CAUSE, Expect::Absent);
        let private = RULE.replace("Dir=In", "Dir=In|Profile=Domain|Profile=Private");
        firewall(&private).check(&CAUSE, Expect::Unknown);
        firewall(&RULE.replace("Name=", "RA4=LocalSubnet|Name=")).check(&CAUSE, Expect::Unknown);
    }

    /// The policies that companies have used for twenty years write no rules.
    #[test]
    fn near_miss_somebody_has_just_come_in() {
        let off = firewall(&RULE.replace("Active=TRUE", "Active=FALSE"));
        off.event(evidence::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_an_exception_by_group_policy() {
        let closed = || firewall(&RULE.replace("TRUE", "FALSE"));
        let both = |sketch: Sketch, rest: &str, name: &str, data: &RegistryData| {
            ["DomainProfile", "StandardProfile"].iter().fold(sketch, |sketch, profile| {
                sketch.value(&format!(r"{POLICY}\{profile}\{rest}"), name, data.clone())
            })
        };
        both(closed(), r"Services\RemoteDesktop", "Enabled", &RegistryData::Dword(1)).check(&CAUSE, Expect::Unknown);
        let open = text("3389:TCP:10.0.0.0/8:enabled:RDP");
        both(closed(), r"GloballyOpenPorts\List", "1", &open).check(&CAUSE, Expect::Unknown);
        let other = text("33890:TCP:*:enabled:RDP");
        let closed = both(closed(), r"GloballyOpenPorts\List", "1", &other);
        closed.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_a_rule_from_the_management_of_devices() {
        let managed = firewall(&RULE.replace("TRUE", "FALSE")).value(FIREWALL_MDM_RULES, "{1}", text(RULE));
        managed.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_firewall_does_not_run_or_lets_in() {
        let closed = || firewall(&RULE.replace("TRUE", "FALSE"));
        let service = |start, running| {
            let (name, start) = ("MpsSvc".to_owned(), Some(start));
            Fact::Service(Service { name, exists: true, start, running, image: None, account: None })
        };
        closed().recorded(service(4, None)).check(&CAUSE, Expect::Unknown);
        closed().recorded(service(2, Some(false))).check(&CAUSE, Expect::Unknown);
        for running in [None, Some(true)] {
            let runs = closed().recorded(service(2, running));
            runs.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
    }

    fn managed(sketch: Sketch, name: &str, number: u32) -> Sketch {
        Profile::ALL
            .iter()
            .fold(sketch, |sketch, profile| sketch.dword(&format!(r"{MDM}\{}", keys(*profile).0), name, number))
    }

    #[test]
    fn near_miss_the_management_of_devices_has_switched_it_off() {
        let closed = || firewall(&RULE.replace("TRUE", "FALSE"));
        managed(closed(), "EnableFirewall", 0).check(&CAUSE, Expect::Absent);
        managed(closed(), "DefaultInboundAction", 0).check(&CAUSE, Expect::Absent);
        // a group policy wins
        let domain = format!(r"{POLICY}\DomainProfile");
        managed(closed(), "EnableFirewall", 0).dword(&domain, "EnableFirewall", 1).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn the_management_of_devices_has_local_rules_ignored() {
        let ignored = managed(firewall(RULE), "AllowLocalPolicyMerge", 0);
        ignored.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// Nobody looked up the settings of device management.
    #[test]
    fn unseen_the_management_of_devices() {
        for rule in [RULE, &RULE.replace("TRUE", "FALSE")] {
            firewall_where(|path| !path.starts_with(MDM), rule).check(&CAUSE, Expect::Unknown);
        }
    }

    /// On a host of an isolated domain all clients of the domain get in.
    #[test]
    fn where_ipsec_opens_it_that_is_only_said() {
        let secure = RULE.replace("Name=", "Security=Authenticate|Name=");
        let said = || Expect::Present(Severity::Advisory, Confidence::Possible);
        firewall(&secure).check(&CAUSE, said());
        let off = firewall(&RULE.replace("TRUE", "FALSE")).value(FIREWALL_RULES, "x", text(&secure));
        off.check(&CAUSE, said());
    }

    #[test]
    fn near_miss_rules_for_the_kernel_and_for_some_users() {
        let windows = |sketch: Sketch, build: &str| sketch.value(WINDOWS, "CurrentBuildNumber", text(build));
        let kernel = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|App=System|Name=No|";
        let blocked = || firewall(RULE).value(FIREWALL_RULES, "x", text(kernel));
        windows(blocked(), "19045").check(&CAUSE, Expect::Absent);
        windows(blocked(), "7601").check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let user = "v2.30|Action=Block|Active=TRUE|Dir=In|LUAuth=O:LSD:(A;;CC;;;S-1-5-21-1-2-3-1105)|Name=No|";
        firewall(RULE).value(FIREWALL_RULES, "x", text(user)).check(&CAUSE, Expect::Unknown);
        // a rule of Windows 7 and one for other versions let nobody in
        let old = "v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=System|Name=Old|";
        windows(firewall(old), "19045").check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        windows(firewall(old), "7601").check(&CAUSE, Expect::Absent);
        let version = RULE.replace("Name=", "Platform=2:5:0|Platform2=EQ|Name=");
        firewall(&version).check(&CAUSE, Expect::Unknown);
    }

    /// A list of the rules alone, as netsh prints it.
    #[test]
    fn a_rule_that_blocks_is_told_where_only_the_rules_were_seen() {
        let block = RULE.replace("Action=Allow", "Action=Block");
        let list = |rule: &str| machine().value(FIREWALL_RULES, "y", text(RULE)).value(FIREWALL_RULES, "x", text(rule));
        let hint = || Expect::Present(Severity::Advisory, Confidence::Possible);
        list(&block).check(&CAUSE, hint());
        let running = |number| {
            let with = list(&block).dword(LISTENER, "PortNumber", 3389);
            Profile::ALL.iter().fold(with, |sketch, profile| {
                sketch.dword(&format!(r"{OWN}\{}", keys(*profile).0), "EnableFirewall", number)
            })
        };
        running(1).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        running(0).check(&CAUSE, Expect::Unknown);
        for near in [
            block.replace("Active=TRUE", "Active=FALSE"),
            block.replace("LPort=3389", "LPort=3390"),
            block.replace("Dir=In", "Dir=In|Profile=Public"),
            block.replace("Name=", "RA4=10.0.0.9|Name="),
        ] {
            list(&near).check(&CAUSE, Expect::Unknown);
        }
        let came_in = list(&block).event(evidence::events::RCM, 1149, 2);
        came_in.check(&CAUSE, Expect::Unknown);
    }

    /// Windows before Vista has no such key at all.
    #[test]
    fn near_miss_a_windows_that_keeps_its_rules_elsewhere() {
        firewall(RULE).absent(FIREWALL_RULES).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_firewall_is_off() {
        let off = Profile::ALL.iter().fold(firewall("v2.30|"), |sketch, profile| {
            sketch.dword(&format!(r"{OWN}\{}", keys(*profile).0), "EnableFirewall", 0)
        });
        off.check(&CAUSE, Expect::Absent);
    }

    /// The policies were not read: one of them may open the port.
    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine()
            .dword(LISTENER, "PortNumber", 3389)
            .value(FIREWALL_RULES, "x", text("v2.30|"))
            .check(&CAUSE, Expect::Unknown);
    }
}
