//! `credssp-client-refused`: the host accepts only clients that have the update for CVE-2018-0886.

use evidence::profile::EncryptionOracle;
use evidence::state::CREDSSP;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Registry value that decides.
const NAME: &str = "AllowEncryptionOracle";
/// `AllowEncryptionOracle` of "Force Updated Clients".
const FORCE_UPDATED: u32 = 0;

pub const CAUSE: Cause = Cause {
    id: "credssp-client-refused",
    title: "the host refuses clients without the CredSSP update of 2018, and this client lacks it",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(CREDSSP)], holds: host_refuses },
        Proof { shows: Shows::Absence, needs: &[Need::key(CREDSSP)], holds: usual },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc says that an authentication error has occurred, and names the remediation; on \
                       the client LsaSrv logs 6041.",
        why: "AllowEncryptionOracle 0 on a host refuses clients without the update of 2018; 0 or 1 on a client \
              refuses such hosts. 2 lets everybody in and gives up the protection: it is usually a forgotten \
              workaround.",
        confirm: "If it is absent, 1 (Mitigated) applies, which is right. Look below Policies on both ends.",
        command: "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\CredSSP\\Parameters' \
                  -ErrorAction SilentlyContinue | Select-Object AllowEncryptionOracle",
        how_to_fix: "Install current updates on the end that lacks them, and remove the value or set it to 1.",
        references: &["Microsoft KB4093492: CredSSP updates for CVE-2018-0886"],
    },
    fixes: &["install-update"],
};

fn own(case: Case<'_>) -> Option<Seen<Option<u32>>> {
    case.number(CREDSSP, NAME)
}

/// The host accepts only clients that have the update, and this one lacks it.
fn host_refuses(case: Case<'_>) -> Option<Ground> {
    let seen = own(case).filter(|seen| seen.value == Some(FORCE_UPDATED))?;
    let profile = &case.context.profile;
    let text = format!("the host says {NAME} = 0 and refuses {}, which lacks the update", profile.name);
    // a profile says how such clients are shipped, not whether this one was updated since
    let unpatched = profile.encryption_oracle == EncryptionOracle::Unpatched;
    unpatched.then(|| Ground::on(vec![seen.because(text)]).confidence(Confidence::Likely))
}

fn usual(case: Case<'_>) -> Option<Ground> {
    own(case).filter(|seen| matches!(seen.value, None | Some(1)))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, machine};

    #[test]
    fn present() {
        let old = |value| {
            machine().dword(CREDSSP, NAME, value).profile_with(|profile| {
                profile.encryption_oracle = EncryptionOracle::Unpatched;
            })
        };
        old(0).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        old(1).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_strict_host_and_a_current_client() {
        machine().dword(CREDSSP, NAME, 0).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_nothing_is_set() {
        machine().absent(CREDSSP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
    }
}
