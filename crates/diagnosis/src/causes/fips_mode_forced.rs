//! `fips-mode-forced`: Windows allows FIPS algorithms only, and the listener may not be set for that.

use evidence::state::{FIPS, LISTENER};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// `MinEncryptionLevel` that fits FIPS mode.
const FIPS_LEVEL: u32 = 4;

pub const CAUSE: Cause = Cause {
    id: "fips-mode-forced",
    title: "the host allows only FIPS algorithms, but its RDP listener is set to security that does not use them",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::key(FIPS), Need::key(LISTENER)],
            holds: conflict,
        },
        Proof { shows: Shows::Absence, needs: &[Need::key(FIPS)], holds: off },
        Proof { shows: Shows::Absence, needs: &[Need::key(FIPS), Need::key(LISTENER)], holds: fits },
    ],
    explains: &[],
    page: Page {
        what_happens: "Clients without FIPS algorithms fail if the host gives them Standard RDP Security.",
        why: "The policy \"Use FIPS compliant algorithms\" is on for the whole of Windows. Remote Desktop works with \
              it over TLS; with the security layer RDP, the policy overrides the encryption level and locks out \
              clients without FIPS.",
        confirm: "FIPSAlgorithmPolicy\\Enabled = 1, together with SecurityLayer = 0 and a MinEncryptionLevel other than 4.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\FIPSAlgorithmPolicy' | Select-Object Enabled; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' | \
                  Select-Object SecurityLayer,MinEncryptionLevel",
        how_to_fix: "Set the security layer to TLS. Leave FIPS mode to those who require it.",
        references: &[
            "Microsoft: Configure server authentication and encryption levels",
            "Microsoft: Cannot connect to an Azure VM by RDP (FIPS compliant algorithms)",
        ],
    },
    fixes: &["require-tls"],
};

fn conflict(case: Case<'_>) -> Option<Ground> {
    let fips = case.number(FIPS, "Enabled").filter(|seen| seen.value == Some(1))?;
    let layer = case.setting(LISTENER, "SecurityLayer").filter(|setting| setting.number == Some(0))?;
    let level = case.setting(LISTENER, "MinEncryptionLevel").filter(|setting| setting.number != Some(FIPS_LEVEL))?;
    // an unset level may follow the policy, and a policy that was not read may set another layer
    let sure = level.number.is_some() && layer.settled && level.settled && !case.key_used_since(fips.id);
    let because = vec![fips.because("FIPSAlgorithmPolicy says Enabled = 1"), layer.because, level.because];
    let ground = Ground::on(because);
    // the policy overrides the encryption level; all that is left is which clients cannot do FIPS: worth knowing, no
    // more
    let ground = ground.severity(Severity::Advisory);
    Some(if sure { ground } else { ground.confidence(Confidence::Possible) })
}

fn off(case: Case<'_>) -> Option<Ground> {
    case.number(FIPS, "Enabled").filter(|seen| seen.value.unwrap_or(0) == 0)?;
    Some(Ground::nothing())
}

fn fits(case: Case<'_>) -> Option<Ground> {
    let tls = |setting: &crate::setting::Setting| setting.settled && setting.number.is_some_and(|layer| layer > 0);
    case.setting(LISTENER, "SecurityLayer").filter(tls)?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, machine};
    use evidence::state::POLICY;

    fn forced(layer: u32, level: u32) -> Sketch {
        let listener = machine().dword(LISTENER, "SecurityLayer", layer).dword(LISTENER, "MinEncryptionLevel", level);
        listener.dword(FIPS, "Enabled", 1).absent(POLICY)
    }

    #[test]
    fn present() {
        forced(0, 3).check(&CAUSE, Expect::Present(Severity::Advisory, Confidence::Likely));
    }

    #[test]
    fn what_is_not_known_for_sure_is_only_said() {
        let possible = || Expect::Present(Severity::Advisory, Confidence::Possible);
        let fips = || machine().dword(LISTENER, "SecurityLayer", 0).dword(FIPS, "Enabled", 1);
        fips().absent(POLICY).check(&CAUSE, possible());
        fips().dword(LISTENER, "MinEncryptionLevel", 2).check(&CAUSE, possible());
    }

    #[test]
    fn near_miss_tls_fits() {
        forced(2, 3).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_level_of_fips() {
        forced(0, 4).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_off() {
        machine().dword(FIPS, "Enabled", 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().dword(FIPS, "Enabled", 1).check(&CAUSE, Expect::Unknown);
    }
}
