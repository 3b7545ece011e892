//! `firewall-blocks-rdp`: no rule of the Windows firewall lets the port in.

use crate::case::Case;
use crate::cause::{Because, Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::firewall::{Profile, Rule, Verdict, judge};
use crate::need::Need;
use crate::state::{FIREWALL_POLICY_RULES, FIREWALL_RULES, LISTENER, RegistryData};
use crate::symptom::Symptom;

const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall";
const OWN: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy";
/// All that decides: without one of them a rule or a switch may be unseen.
const NEEDS: &[Need] = &[
    Need::Key(LISTENER),
    Need::Key(FIREWALL_RULES),
    Need::Key(FIREWALL_POLICY_RULES),
    Need::Key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile"),
    Need::Key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile"),
    Need::Key(r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\PublicProfile"),
    Need::Key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile"),
    Need::Key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PrivateProfile"),
    Need::Key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\StandardProfile"),
    Need::Key(r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile"),
];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "firewall-blocks-rdp",
    title: "no rule of the Windows firewall lets Remote Desktop in",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: NEEDS, holds: closed_everywhere },
        Proof { shows: Shows::Absence, needs: NEEDS, holds: open_everywhere },
    ],
    explains: &[Explains { cause: "port-filtered", when: |_| true }],
    page: Page {
        what_happens: "The host listens, and connection attempts vanish: mstsc shows 0x204 after a while.",
        why: "The rules of Remote Desktop are off, or are for another port than the listener's (they do not follow PortNumber), a rule \
              that blocks wins over them, or a group policy has all local rules ignored.",
        confirm: "RemoteDesktop-UserMode-In-TCP has to be enabled for the network's profile. Rules for some profiles or some addresses \
                  alone are no fault by themselves.",
        command: "Get-NetConnectionProfile | Select-Object InterfaceAlias,NetworkCategory; Get-NetFirewallProfile -PolicyStore ActiveStore | \
                  Select-Object Name,Enabled,DefaultInboundAction,AllowInboundRules,AllowLocalFirewallRules; Get-NetFirewallRule -PolicyStore \
                  ActiveStore -Name RemoteDesktop* | Select-Object Name,Enabled,Profile,Action",
        how_to_fix: "Enable the rule of Windows for the addresses that need it, and after a change of port make one for that port.",
        references: &[
            "[MS-GPFAS] 2.2.2 (firewall rules)",
            "Microsoft: General Remote Desktop connection troubleshooting (firewall)",
        ],
    },
    fixes: &["open-firewall-for-rdp"],
};

/// How a profile is called in the registry, in the machine's own part and in that of the policies.
fn keys(profile: Profile) -> (&'static str, &'static [&'static str]) {
    match profile {
        Profile::Domain => ("DomainProfile", &["DomainProfile"]),
        Profile::Private => ("StandardProfile", &["PrivateProfile", "StandardProfile"]),
        Profile::Public => ("PublicProfile", &["PublicProfile"]),
    }
}

/// A switch of a profile, the policy's before the machine's own.
fn switch(case: Case<'_>, profile: Profile, name: &str) -> Option<u32> {
    let (own, policies) = keys(profile);
    let policy = policies.iter().find_map(|key| case.number(&format!(r"{POLICY}\{key}"), name)?.value);
    policy.or_else(|| case.number(&format!(r"{OWN}\{own}"), name)?.value)
}

/// The rules of a key; `None` if one of them cannot be read.
fn rules(case: Case<'_>, path: &str) -> Option<Vec<Rule>> {
    let values = &case.key(path)?.value.values;
    let text = values.values().filter_map(|data| if let RegistryData::Text(text) = data { Some(text) } else { None });
    Some(text.filter_map(|text| Rule::parse(text)).collect())
}

fn port(case: Case<'_>) -> Option<u16> {
    case.number(LISTENER, "PortNumber")?.value?.try_into().ok()
}

/// What the firewall does with the port in this kind of network.
fn verdict(case: Case<'_>, profile: Profile) -> Option<Verdict> {
    let on = |name| switch(case, profile, name);
    if on("EnableFirewall") == Some(0) {
        return Some(Verdict::Open);
    }
    if on("DoNotAllowExceptions") == Some(1) {
        return Some(Verdict::Blocked("DoNotAllowExceptions, for every rule".to_owned()));
    }
    let mut all = rules(case, FIREWALL_POLICY_RULES)?;
    if on("AllowLocalPolicyMerge") != Some(0) {
        all.extend(rules(case, FIREWALL_RULES)?);
    }
    match judge(&all, port(case)?, profile) {
        // what no rule names is let in where the profile says so
        Verdict::NoRule(_) if on("DefaultInboundAction") == Some(0) => Some(Verdict::Open),
        verdict => Some(verdict),
    }
}

/// Which profile is in use does not stand there, so only what is closed in all of them is proof.
fn closed_everywhere(case: Case<'_>) -> Option<Ground> {
    let observation = case.key(FIREWALL_RULES)?.id;
    let port = port(case)?;
    let closed = Profile::ALL.map(|profile| {
        let text = match verdict(case, profile)? {
            Verdict::Blocked(rule) => format!("{}: blocked by {rule}", profile.word()),
            Verdict::NoRule(Some(near)) => format!("{}: no rule lets TCP {port} in; {near}", profile.word()),
            Verdict::NoRule(None) => format!("{}: no rule lets TCP {port} in", profile.word()),
            Verdict::Open | Verdict::Scoped(_) => return None,
        };
        Some(Because { text, observation })
    });
    closed.into_iter().collect::<Option<Vec<_>>>().map(Ground::on)
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
    use crate::causes::sketch::{Expect, Sketch, machine};

    const RULE: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

    fn text(rule: &str) -> RegistryData {
        RegistryData::Text(rule.to_owned())
    }

    fn firewall(rule: &str) -> Sketch {
        let absent = NEEDS.iter().filter_map(|need| if let Need::Key(path) = need { Some(*path) } else { None });
        let nothing = absent.fold(machine(), Sketch::absent);
        let on = Profile::ALL.iter().fold(nothing, |sketch, profile| {
            sketch.dword(&format!(r"{OWN}\{}", keys(*profile).0), "EnableFirewall", 1)
        });
        on.dword(LISTENER, "PortNumber", 3389).value(FIREWALL_RULES, "RemoteDesktop-UserMode-In-TCP", text(rule))
    }

    #[test]
    fn present() {
        let closed = || Expect::Present(Severity::Blocking, Confidence::Proven);
        firewall(&RULE.replace("TRUE", "FALSE")).check(&CAUSE, closed());
        firewall(RULE)
            .value(FIREWALL_RULES, "x", text("v2.30|Action=Block|Active=TRUE|Dir=In|Name=No|"))
            .check(&CAUSE, closed());
        // the rule does not follow the port
        firewall(RULE).dword(LISTENER, "PortNumber", 3390).check(&CAUSE, closed());
    }

    #[test]
    fn the_policy_has_local_rules_ignored() {
        let profiles = ["DomainProfile", "PrivateProfile", "PublicProfile"];
        let ignored = profiles.iter().fold(firewall(RULE), |sketch, profile| {
            sketch.dword(&format!(r"{POLICY}\{profile}"), "AllowLocalPolicyMerge", 0)
        });
        ignored.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        ignored.value(FIREWALL_POLICY_RULES, "y", text(RULE)).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_as_windows_sets_it_up() {
        firewall(RULE).check(&CAUSE, Expect::Absent);
        let private = RULE.replace("Dir=In", "Dir=In|Profile=Domain|Profile=Private");
        firewall(&private).check(&CAUSE, Expect::Unknown);
        firewall(&RULE.replace("Name=", "RA4=LocalSubnet|Name=")).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_firewall_is_off() {
        let off = Profile::ALL.iter().fold(firewall("v2.30|"), |sketch, profile| {
            sketch.dword(&format!(r"{OWN}\{}", keys(*profile).0), "EnableFirewall", 0)
        });
        off.check(&CAUSE, Expect::Absent);
    }

    /// The policies were not read: one of them may let it in.
    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine()
            .dword(LISTENER, "PortNumber", 3389)
            .value(FIREWALL_RULES, "x", text("v2.30|"))
            .check(&CAUSE, Expect::Unknown);
    }
}
