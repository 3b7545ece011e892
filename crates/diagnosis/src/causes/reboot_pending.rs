//! `reboot-pending`: Windows waits for a restart to finish an update.

use evidence::state::{RESTART_SERVICING, RESTART_UPDATE};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "reboot-pending",
    title: "Windows waits for a restart to finish an update",
    stage: Stage::Host,
    // many sound servers wait for weeks: only where nobody gets in it may be more
    severity: Severity::Advisory,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(RESTART_SERVICING)], holds: waits },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(RESTART_UPDATE)], holds: waits },
        Proof {
            shows: Shows::Absence,
            needs: &[Need::key(RESTART_SERVICING), Need::key(RESTART_UPDATE)],
            holds: |case| waits(case).is_none().then(Ground::nothing),
        },
    ],
    explains: &[],
    page: Page {
        what_happens: "Mostly nothing. Until the restart some files of an update are new and some are old, and a \
                       service that is restarted meanwhile may not start.",
        why: "An update or a feature was installed, and nobody has restarted the machine since. Windows keeps a key \
              in the registry until it has.",
        confirm: "One of these keys is there as long as Windows waits.",
        command: "Test-Path 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending', \
                  'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired'",
        how_to_fix: "Restart the machine when nobody works on it, before you look for a rarer reason.",
        references: &["general knowledge: the keys that tools for Windows Update look for"],
    },
    fixes: &[],
};

fn waits(case: Case<'_>) -> Option<Ground> {
    let keys = [
        (RESTART_SERVICING, "Component Based Servicing waits for a restart (RebootPending)"),
        (RESTART_UPDATE, "Windows Update waits for a restart (RebootRequired)"),
    ];
    let found = keys.into_iter().filter_map(|(path, text)| {
        let key = case.key(path).filter(|key| key.value.exists)?;
        Some((key.id, key.because(text)))
    });
    let (ids, because): (Vec<_>, Vec<_>) = found.unzip();
    let id = *ids.first()?;
    let stopped = case.service("TermService").is_some_and(|seen| seen.value.running == Some(false));
    let shut = (stopped || case.refused_since(id)) && !case.answered_since(id);
    let ground = Ground::on(because);
    Some(if shut { ground.severity(Severity::Degrading).confidence(Confidence::Possible) } else { ground })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;
    use evidence::state::{RegistryKey, Service};
    use wire::machine::{ConnectFailure, TcpAnswer};

    fn waiting(sketch: Sketch) -> Sketch {
        let key = RegistryKey { path: RESTART_SERVICING.to_owned(), exists: true, values: [].into() };
        sketch.recorded(Fact::RegistryKey(key))
    }

    #[test]
    fn a_sound_machine_that_waits_has_only_advice() {
        let advice = || Expect::Present(Severity::Advisory, Confidence::Proven);
        waiting(machine()).check(&CAUSE, advice());
        waiting(host("192.0.2.7").nla()).check(&CAUSE, advice());
    }

    #[test]
    fn where_nobody_gets_in_it_may_be_why() {
        let possible = || Expect::Present(Severity::Degrading, Confidence::Possible);
        let refused = Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused));
        waiting(host("192.0.2.7").with(refused)).check(&CAUSE, possible());
        let name = "TermService".to_owned();
        let service = Service { name, exists: true, start: Some(3), running: Some(false), image: None, account: None };
        waiting(machine()).recorded(Fact::Service(service)).check(&CAUSE, possible());
    }

    #[test]
    fn near_miss_both_keys_were_looked_up_and_are_not_there() {
        machine().absent(RESTART_SERVICING).absent(RESTART_UPDATE).check(&CAUSE, Expect::Absent);
        machine().absent(RESTART_SERVICING).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
