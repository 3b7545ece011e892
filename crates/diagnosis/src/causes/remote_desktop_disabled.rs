//! `remote-desktop-disabled`: Remote Desktop is switched off on the host.

use evidence::state::{POLICY, TERMINAL_SERVER};
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};

use super::{firewall_blocks_rdp, service_stopped};
use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "remote-desktop-disabled",
    title: "Remote Desktop is switched off on the host",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(TERMINAL_SERVER)], holds: off },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::PORTS, Need::LINUX],
            holds: linux::switched_off,
        },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::key(TERMINAL_SERVER), Need::key(POLICY)],
            holds: |case| says(case, 0),
        },
    ],
    explains: &[
        Explains { cause: "port-filtered", when: |_| true },
        Explains { cause: "port-closed", when: |_| true },
        Explains { cause: "service-stopped", when: service_stopped::merely_stopped },
        Explains { cause: "firewall-blocks-rdp", when: firewall_blocks_rdp::own_rule_is_off },
    ],
    page: Page {
        what_happens: "Nothing listens on the port, and the firewall rules for Remote Desktop are off too; often the \
                       service is stopped as well and its certificate is not renewed. Connection attempts are \
                       refused or get no answer, and mstsc shows 0x204.",
        why: "Remote Desktop is off on every Windows until somebody switches it on, and a group policy can switch it \
              off again. The policy wins: if it says off, the setting in System has no effect.",
        confirm: "On the host, the value fDenyTSConnections: 1 is off, 0 is on. Below Policies it comes from a group policy.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server', \
                  'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' -Name fDenyTSConnections \
                  -ErrorAction SilentlyContinue | Select-Object PSPath,fDenyTSConnections",
        how_to_fix: "Switch Remote Desktop on, with Network Level Authentication; if a group policy says off, change \
                     the policy: its next refresh undoes anything set on the host itself.",
        references: &[
            "Microsoft: General Remote Desktop connection troubleshooting (fDenyTSConnections)",
            "Microsoft: Allow users to connect remotely by using Remote Desktop Services (group policy)",
        ],
    },
    fixes: &["enable-remote-desktop"],
};

/// Reads the value: the policy's, if it has one, else the machine's own.
fn says(case: Case<'_>, value: u32) -> Option<Ground> {
    const NAME: &str = "fDenyTSConnections";
    let policy = case.number(POLICY, NAME).filter(|seen| seen.value.is_some());
    let whose = if policy.is_some() { "the group policy" } else { "the host's own setting" };
    let seen = policy.or_else(|| case.number(TERMINAL_SERVER, NAME))?;
    let because = Because { text: format!("{whose} says {NAME} = {value}"), observation: seen.id };
    (seen.value == Some(value)).then(|| Ground::on(vec![because]))
}

/// True if it was off when recorded, or its service was stopped: then Windows makes nothing anew that it needs.
pub(super) fn rested(case: Case<'_>) -> bool {
    case.service("TermService").is_some_and(|seen| seen.value.running == Some(false)) || was_off(case)
}

/// True if it was off when recorded.
fn was_off(case: Case<'_>) -> bool {
    says(case, 1).is_some()
}

/// It is off, unless it let somebody in since. Where the policies were not read, one of them may have it on.
fn off(case: Case<'_>) -> Option<Ground> {
    let ground = says(case, 1)?;
    let settled = case.key(POLICY).is_some();
    let open = ground.because.iter().any(|because| case.answered_since(because.observation));
    let ground = if settled { ground } else { ground.confidence(Confidence::Likely) };
    (!open).then_some(ground)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;
    use evidence::state::{FIREWALL_RULES, KEYS, LISTENER, RegistryData, Service};

    #[test]
    fn present() {
        let off = || machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 1);
        off().absent(POLICY).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        // a policy, which nobody looked up, would win
        off().check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// The hive is of another time, or of another machine.
    #[test]
    fn near_miss_it_answers() {
        let open = host("192.0.2.7").nla().dword(TERMINAL_SERVER, "fDenyTSConnections", 1).absent(POLICY);
        let found: Vec<_> = open.diagnose().findings.into_iter().map(|finding| finding.cause).collect();
        assert!(!found.contains(&CAUSE.id.to_owned()), "{found:?}");
    }

    #[test]
    fn the_policy_wins() {
        let off = machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 0).dword(POLICY, "fDenyTSConnections", 1);
        off.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_the_policy_switches_it_on() {
        let on = machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 1).dword(POLICY, "fDenyTSConnections", 0);
        on.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_on_without_a_policy() {
        machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 0).absent(POLICY).check(&CAUSE, Expect::Absent);
    }

    /// The setting says on, and nobody looked up whether a policy overrides it.
    #[test]
    fn unseen_the_policy() {
        machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 0).check(&CAUSE, Expect::Unknown);
    }

    /// Switched off on purpose, it takes its service and its firewall rule with it: one fault, not three.
    #[test]
    fn what_goes_with_it_ranks_below_it() {
        let service = |start| {
            let (name, start) = ("TermService".to_owned(), Some(start));
            Fact::Service(Service { name, exists: true, start, running: Some(false), image: None, account: None })
        };
        let off = || machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 1).absent(POLICY);
        let roots = |sketch: Sketch| {
            let findings = sketch.diagnose().findings;
            let root = findings.into_iter().find(|finding| finding.cause == CAUSE.id).unwrap();
            root.root_of
        };
        assert_eq!(roots(off().recorded(service(3))), ["service-stopped"]);
        // a disabled service is more than a stopped one
        assert_eq!(roots(off().recorded(service(4))), [""; 0]);
        let rule = "v2.30|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=3389|Name=RDP|";
        let block = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=3389|Name=No|";
        let closed = |rule: &str| {
            let keys =
                KEYS.iter().filter(|path| path.contains("irewall")).fold(off(), |sketch, path| sketch.absent(path));
            let rule = RegistryData::Text(rule.to_owned());
            keys.dword(LISTENER, "PortNumber", 3389).value(FIREWALL_RULES, "x", rule)
        };
        assert_eq!(roots(closed(rule)), ["firewall-blocks-rdp"]);
        assert_eq!(roots(closed(block)), [""; 0]);
    }

    /// Records of two machines in one folder: each is judged by its own.
    #[test]
    fn each_machine_by_its_own_record() {
        let on = machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 0).absent(POLICY);
        let both = on.of_another_machine("SERVER02", TERMINAL_SERVER, "fDenyTSConnections", 1);
        let report = both.diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.cause.as_str(), finding.subject)).collect();
        assert_eq!(found, [("remote-desktop-disabled", 1)]);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
