//! `edition-without-remote-desktop`: this edition of Windows cannot be controlled by Remote Desktop.

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::WINDOWS;
use crate::symptom::Symptom;

/// `EditionID` of editions that have no host in them: Home since Windows 8, and its forerunners.
const WITHOUT: [&str; 11] = [
    "Core",
    "CoreN",
    "CoreSingleLanguage",
    "CoreCountrySpecific",
    "CoreARM",
    "CoreConnected",
    "HomeBasic",
    "HomeBasicN",
    "HomePremium",
    "HomePremiumN",
    "Starter",
];
/// How those of editions begin that have one.
const WITH: [&str; 6] = ["Professional", "Enterprise", "Education", "Server", "IoTEnterprise", "Ultimate"];

/// The declaration.
pub const CAUSE: Cause = Cause {
    id: "edition-without-remote-desktop",
    title: "this edition of Windows can use Remote Desktop, and cannot be reached by it",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::Key(WINDOWS)], holds: home },
        Proof { shows: Shows::Absence, needs: &[Need::Key(WINDOWS)], holds: another },
    ],
    explains: &[
        Explains { cause: "remote-desktop-disabled", when: |_| true },
        Explains { cause: "port-closed", when: |_| true },
        Explains { cause: "port-filtered", when: |_| true },
    ],
    page: Page {
        what_happens: "Nothing listens on the port, whatever is set; Settings says that this edition does not support Remote Desktop.",
        why: "Windows Home has the client and not the host. Tools that add one replace or patch the service; they break with updates.",
        confirm: "EditionID begins with Core on Windows Home.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | \
                  Select-Object EditionID,ProductName,CurrentBuildNumber",
        how_to_fix: "Upgrade to Pro, or use a remote help tool that is made for Home, such as Quick Assist.",
        references: &["Microsoft: How to use Remote Desktop (editions)"],
    },
    fixes: &["upgrade-edition"],
};

/// What may follow in the name of an edition.
const VARIANTS: [&str; 17] = [
    "",
    "N",
    "S",
    "SN",
    "G",
    "Eval",
    "Workstation",
    "WorkstationN",
    "Education",
    "EducationN",
    "Standard",
    "StandardEval",
    "Datacenter",
    "DatacenterEval",
    "Solution",
    "Essentials",
    "Rdsh",
];

/// What of an `EditionID` is one that Windows has: the whole, or as much as decides.
pub(crate) fn known_edition(name: &str) -> Option<&str> {
    if WITHOUT.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Some(name);
    }
    let start = WITH.iter().find(|known| name.starts_with(**known))?;
    let variant = name.strip_prefix(start).is_some_and(|rest| VARIANTS.contains(&rest));
    Some(if variant { name } else { start })
}

fn edition(case: Case<'_>, pick: impl Fn(&str) -> bool) -> Option<Ground> {
    let seen = case.text(WINDOWS, "EditionID")?;
    let name = seen.value.filter(|name| pick(name))?;
    Some(Ground::on(vec![seen.because(format!("the edition is {name}"))]))
}

fn home(case: Case<'_>) -> Option<Ground> {
    // where something was patched in that answers, the edition keeps nobody out
    let ground = edition(case, |name| WITHOUT.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    let answers = ground.because.iter().any(|because| case.answered_since(because.observation));
    (!answers).then_some(ground)
}

fn another(case: Case<'_>) -> Option<Ground> {
    edition(case, |name| WITH.iter().any(|known| name.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::sketch::{Expect, Sketch, host, machine};
    use crate::state::RegistryData;

    fn windows(edition: &str) -> Sketch {
        machine().value(WINDOWS, "EditionID", RegistryData::Text(edition.to_owned()))
    }

    #[test]
    fn present() {
        for edition in WITHOUT {
            windows(edition).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn near_miss_editions_that_have_it() {
        for edition in ["Professional", "ServerStandard", "EnterpriseS", "ServerRdsh", "EducationN"] {
            windows(edition).check(&CAUSE, Expect::Absent);
        }
        windows("Cloud").check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_something_was_added_that_answers() {
        let home = RegistryData::Text("Core".to_owned());
        host("192.0.2.7").nla().value(WINDOWS, "EditionID", home).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
