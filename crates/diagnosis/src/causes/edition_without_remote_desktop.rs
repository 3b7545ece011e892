//! `edition-without-remote-desktop`: this edition of Windows has no Remote Desktop host.

use evidence::state::WINDOWS;
use evidence::symptom::Symptom;
use evidence::windows::{EDITIONS_WITH_HOST, EDITIONS_WITHOUT_HOST, begins};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "edition-without-remote-desktop",
    title: "this edition of Windows does not accept Remote Desktop connections",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CONNECT_FAILED],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(WINDOWS)], holds: home },
        Proof { shows: Shows::Absence, needs: &[Need::key(WINDOWS)], holds: another },
    ],
    explains: &[
        Explains { cause: "remote-desktop-disabled", when: |_| true },
        Explains { cause: "port-closed", when: |_| true },
        Explains { cause: "port-filtered", when: |_| true },
    ],
    page: Page {
        what_happens: "Nothing listens on the port, whatever the settings; Settings says that this edition does not \
                       support Remote Desktop.",
        why: "Windows Home includes the client but not the host. Tools that add it replace or patch the service, and \
              updates break them.",
        confirm: "EditionID begins with Core on Windows Home.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | \
                  Select-Object EditionID,ProductName,CurrentBuildNumber",
        how_to_fix: "Upgrade to Pro, or use a remote help tool that works with Home, such as Quick Assist.",
        references: &["Microsoft: How to use Remote Desktop (editions)"],
    },
    fixes: &["upgrade-edition"],
};

fn edition(case: Case<'_>, pick: impl Fn(&str) -> bool) -> Option<Ground> {
    let seen = case.text(WINDOWS, "EditionID")?;
    let name = seen.value.filter(|name| pick(name))?;
    Some(Ground::on(vec![seen.because(format!("the edition is {name}"))]))
}

fn home(case: Case<'_>) -> Option<Ground> {
    // where a patched-in library answers, the edition keeps nobody out
    let ground = edition(case, |name| EDITIONS_WITHOUT_HOST.iter().any(|known| begins(name, known)))?;
    let answers = |id| case.answered_since(id) || case.let_in_near(id);
    let answers = ground.because.iter().any(|because| answers(because.observation));
    (!answers).then_some(ground)
}

fn another(case: Case<'_>) -> Option<Ground> {
    edition(case, |name| EDITIONS_WITH_HOST.iter().any(|known| begins(name, known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::state::RegistryData;

    fn windows(edition: &str) -> Sketch {
        machine().value(WINDOWS, "EditionID", RegistryData::Text(edition.to_owned()))
    }

    #[test]
    fn present() {
        let variants =
            ["CoreN", "CoreConnectedSingleLanguage", "CoreCountrySpecific", "StarterN", "HomeBasicN", "corearm"];
        for edition in EDITIONS_WITHOUT_HOST.into_iter().chain(variants) {
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
        windows("Core").event(evidence::events::RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
