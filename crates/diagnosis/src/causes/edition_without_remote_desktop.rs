//! `edition-without-remote-desktop`: this edition of Windows has no Remote Desktop host.

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows, Stage};
use crate::evidence::Role;
use crate::need::Need;
use crate::state::WINDOWS;
use crate::symptom::Symptom;

/// Beginnings of the `EditionID` of editions without a host: Home since Windows 8, and its forerunners. Those for a
/// country, of one language or without a media player have more behind it.
const WITHOUT: [&str; 4] = ["Core", "HomeBasic", "HomePremium", "Starter"];
/// Beginnings of the `EditionID` of editions with a host.
const WITH: [&str; 6] = ["Professional", "Enterprise", "Education", "Server", "IoTEnterprise", "Ultimate"];

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

/// Endings that may follow in the name of an edition.
const VARIANTS: [&str; 26] = [
    "",
    "E",
    "SingleLanguage",
    "CountrySpecific",
    "ARM",
    "Connected",
    "ConnectedN",
    "ConnectedSingleLanguage",
    "ConnectedCountrySpecific",
    "KN",
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

/// Returns as much of an `EditionID` as Windows is known to have: all of it, or the part that decides.
pub(crate) fn known_edition(name: &str) -> Option<&str> {
    let start = WITHOUT.iter().chain(&WITH).find(|known| begins(name, known))?;
    let variant = name.get(start.len()..).is_some_and(|rest| VARIANTS.contains(&rest));
    Some(if variant { name } else { start })
}

fn begins(name: &str, with: &str) -> bool {
    name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

fn edition(case: Case<'_>, pick: impl Fn(&str) -> bool) -> Option<Ground> {
    let seen = case.text(WINDOWS, "EditionID")?;
    let name = seen.value.filter(|name| pick(name))?;
    Some(Ground::on(vec![seen.because(format!("the edition is {name}"))]))
}

fn home(case: Case<'_>) -> Option<Ground> {
    // where a patched-in library answers, the edition keeps nobody out
    let ground = edition(case, |name| WITHOUT.iter().any(|known| begins(name, known)))?;
    let answers = |id| case.answered_since(id) || case.let_in_near(id);
    let answers = ground.because.iter().any(|because| answers(because.observation));
    (!answers).then_some(ground)
}

fn another(case: Case<'_>) -> Option<Ground> {
    edition(case, |name| WITH.iter().any(|known| begins(name, known)))
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
        let variants =
            ["CoreN", "CoreConnectedSingleLanguage", "CoreCountrySpecific", "StarterN", "HomeBasicN", "corearm"];
        for edition in WITHOUT.into_iter().chain(variants) {
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
        windows("Core").event(crate::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
