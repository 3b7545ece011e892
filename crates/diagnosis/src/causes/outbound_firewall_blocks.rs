//! `outbound-firewall-blocks`: the client's own firewall lets nothing out to Remote Desktop.

use evidence::firewall::{Outbound, Profile};
use evidence::printable::printable;
use evidence::state::{FIREWALL_MDM_RULES, FIREWALL_POLICY_RULES, FIREWALL_RULES, RegistryData};
use evidence::symptom::Symptom;
use evidence::{Because, Role, Stage};

use super::firewall_blocks_rdp::{NEEDS, switch, switched_off};
use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};

/// Port of RDP, where none was named.
const RDP: u16 = 3389;

pub const CAUSE: Cause = Cause {
    id: "outbound-firewall-blocks",
    title: "the client's own firewall blocks connections to Remote Desktop",
    stage: Stage::Client,
    severity: Severity::Blocking,
    role: Role::Client,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Likely), needs: NEEDS, holds: blocked_everywhere },
        Proof { shows: Shows::Absence, needs: NEEDS, holds: free_everywhere },
    ],
    explains: &[Explains { cause: "port-filtered", when: |_| true }],
    page: Page {
        what_happens: "This client fails with 0x204 at every host, and other computers reach the same hosts. The host \
                       never sees the attempt.",
        why: "A rule of the Windows firewall blocks the port of Remote Desktop or mstsc.exe on the way out: a hardening \
              policy, parental control, or a security product that writes such rules.",
        confirm: "An active outbound rule that blocks, for TCP and the port of Remote Desktop or for mstsc.exe, in the \
                  profile of the network.",
        command: "Get-NetFirewallRule -PolicyStore ActiveStore -Direction Outbound -Action Block -Enabled True | \
                  Select-Object DisplayName,Profile,PolicyStoreSource; Get-NetFirewallProfile -PolicyStore ActiveStore | \
                  Select-Object Name,Enabled,DefaultOutboundAction",
        how_to_fix: "Switch that rule off, or limit it to what it was meant for; where it comes from a policy, there. Do \
                     not switch the firewall off.",
        references: &["[MS-GPFAS] 2.2.2 (firewall rules)"],
    },
    fixes: &[],
};

/// Iterates over the outbound rules in force in this kind of network, each with the key that it is from.
fn rules(case: Case<'_>, profile: Profile) -> impl Iterator<Item = (usize, Outbound)> {
    let own = (switch(case, profile, "AllowLocalPolicyMerge") != Some(0)).then_some(FIREWALL_RULES);
    let keys = [Some(FIREWALL_POLICY_RULES), Some(FIREWALL_MDM_RULES), own].into_iter().flatten();
    keys.filter_map(move |path| case.key(path)).flat_map(|key| {
        let texts = key
            .value
            .values
            .values()
            .filter_map(|data| if let RegistryData::Text(text) = data { Some(text) } else { None });
        texts.filter_map(move |text| Some((key.id, Outbound::parse(text)?)))
    })
}

fn port(case: Case<'_>) -> u16 {
    case.context.target.as_ref().map_or(RDP, |target| target.port)
}

/// A rule blocks the port in every kind of network: which of them the client is in is not recorded.
fn blocked_everywhere(case: Case<'_>) -> Option<Ground> {
    if switched_off(case) {
        return None;
    }
    let port = port(case);
    let blocked = Profile::ALL.map(|profile| {
        if switch(case, profile, "EnableFirewall") == Some(0) {
            return None;
        }
        let (observation, rule) = rules(case, profile).find(|(_, rule)| rule.blocks_all(port, profile))?;
        let (word, name) = (profile.word(), printable(&rule.name));
        Some(Because { text: format!("{word}: the rule {name} blocks TCP {port} on the way out"), observation })
    });
    Some(Ground::on(blocked.into_iter().collect::<Option<Vec<_>>>()?))
}

/// No rule may block it, and what no rule covers goes out.
fn free_everywhere(case: Case<'_>) -> Option<Ground> {
    let free = |profile: &Profile| {
        let on = |name| switch(case, *profile, name);
        let free = on("DefaultOutboundAction") != Some(1)
            && !rules(case, *profile).any(|(_, rule)| rule.may_block(port(case), *profile));
        on("EnableFirewall") == Some(0) || free
    };
    Profile::ALL.iter().all(free).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client};
    use evidence::state::KEYS;

    /// Client whose firewall has these rules of its own.
    fn with(rules: &[&str]) -> Sketch {
        let read = KEYS.iter().filter(|path| path.to_lowercase().contains("firewall") || path.ends_with("RDP-Tcp"));
        let sketch = read.fold(client("server01"), |sketch, path| sketch.absent(path));
        let text = |rule: &str| RegistryData::Text(rule.to_owned());
        let numbered = rules.iter().enumerate();
        numbered.fold(sketch, |sketch, (at, rule)| sketch.value(FIREWALL_RULES, &format!("{{{at}}}"), text(rule)))
    }

    const BLOCKS: &str = "v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=3389|Name=No RDP|";

    #[test]
    fn present() {
        let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
        with(&[BLOCKS]).check(&CAUSE, likely());
        let program = r"v2.30|Action=Block|Active=TRUE|Dir=Out|App=%SystemRoot%\system32\mstsc.exe|Name=x|";
        with(&[program]).check(&CAUSE, likely());
        let three =
            ["Domain", "Private", "Public"].map(|profile| BLOCKS.replace("|Name", &format!("|Profile={profile}|Name")));
        with(&three.each_ref().map(String::as_str)).check(&CAUSE, likely());
    }

    #[test]
    fn near_misses() {
        with(&[]).check(&CAUSE, Expect::Absent);
        for other in [
            BLOCKS.replace("TRUE", "FALSE"),
            BLOCKS.replace("Block", "Allow"),
            BLOCKS.replace("Dir=Out", "Dir=In"),
            BLOCKS.replace("RPort=3389", "RPort=25"),
            BLOCKS.replace("Protocol=6", "Protocol=17"),
            BLOCKS.replace("|Name", r"|App=C:\q\game.exe|Name"),
        ] {
            with(&[&other]).check(&CAUSE, Expect::Absent);
        }
        // for some networks, hosts or users alone
        for some in ["Profile=Public", "RA4=10.0.0.0/255.0.0.0", "LUAuth=O:LSD:(A;;CC;;;S-1-5-32-545)"] {
            with(&[&BLOCKS.replace("|Name", &format!("|{some}|Name"))]).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn unseen() {
        client("server01").check(&CAUSE, Expect::Unknown);
    }
}
