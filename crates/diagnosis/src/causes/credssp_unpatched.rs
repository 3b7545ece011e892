//! `credssp-unpatched`: the host lacks the update for CVE-2018-0886.

use evidence::fact::Introduction;
use evidence::{Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// First `TSRequest` version with the update.
const PATCHED: u32 = 5;

pub const CAUSE: Cause = Cause {
    id: "credssp-unpatched",
    title: "the host lacks the CredSSP update of 2018 (CVE-2018-0886), and this client refuses such hosts",
    stage: Stage::Credssp,
    severity: Severity::Blocking,
    role: Role::Host,
    // mstsc shows a text of its own for this, not a disconnect reason
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::INTRODUCTION], holds: refused_by_client },
        Proof { shows: Shows::Absence, needs: &[Need::INTRODUCTION], holds: accepted_by_client },
    ],
    explains: &[],
    page: Page {
        what_happens: "After the password is entered, mstsc says that an authentication error has occurred and names CredSSP \
                       encryption oracle remediation. It is not a 0x904. The client's System log has LsaSrv 6041.",
        why: "The host answers with TSRequest version 4 or less: it has not had a security update since May 2018. Clients with \
              the policy at Mitigated (the default) or Force Updated Clients refuse it.",
        confirm: "On the host: the date of its newest update. Anything from May 2018 or later has the fix.",
        command: "Get-HotFix | Sort-Object InstalledOn | Select-Object -Last 5; [Environment]::OSVersion.Version",
        how_to_fix: "Install the current updates on the host. Setting the client's policy to Vulnerable lets a man \
                     in the middle use the flaw; use it only to reach the host once, to update it, and set it back \
                     at once.",
        references: &["[MS-CSSP] 2.2.1, version", "CVE-2018-0886", "Microsoft KB4093492"],
    },
    fixes: &["install-update", "allow-encryption-oracle"],
};

fn version(case: Case<'_>) -> Option<Seen<u32>> {
    let seen = case.credssp()?;
    match seen.value {
        Introduction::Challenge(version) | Introduction::Refused { version, .. } | Introduction::Rejected(version) => {
            Some(Seen { value: *version, id: seen.id })
        }
        _ => None,
    }
}

fn refused_by_client(case: Case<'_>) -> Option<Ground> {
    let seen = version(case)?;
    let profile = &case.context.profile;
    if seen.value >= PATCHED || !profile.encryption_oracle.refuses_unpatched() || !profile.protocols.credssp() {
        return None;
    }
    let told = format!(
        "{} answers with TSRequest version {}; versions below {PATCHED} lack the update",
        case.label(),
        seen.value
    );
    let refuses = format!("{} refuses such a host", profile.name);
    Some(Ground::on(vec![seen.because(told), seen.because(refuses)]))
}

fn accepted_by_client(case: Case<'_>) -> Option<Ground> {
    let seen = version(case)?;
    let profile = &case.context.profile;
    let accepted =
        seen.value >= PATCHED || !profile.encryption_oracle.refuses_unpatched() || !profile.protocols.credssp();
    accepted.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use evidence::fact::Fact;
    use wire::tls::TlsVersion;

    fn introduced(version: u32) -> Sketch {
        host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).with(Fact::CredsspAnswer(Introduction::Challenge(version)))
    }

    #[test]
    fn present() {
        // versions 0 and 1 never existed, but a client compares the number
        for version in 0..=4 {
            introduced(version).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
    }

    #[test]
    fn near_miss_version_5_and_whatever_comes_after_it() {
        for version in [5, 6, 7, 255, u32::MAX] {
            introduced(version).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn near_miss_a_client_that_accepts_it() {
        introduced(3).profile("mstsc-7").check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        let silent = Fact::CredsspAnswer(Introduction::Silent);
        host("192.0.2.7").nla().with(silent).check(&CAUSE, Expect::Unknown);
    }
}
