//! `security-layer-inconsistent`: the host requires NLA but switches off the TLS that NLA needs.

use evidence::state::LISTENER;
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "security-layer-inconsistent",
    title: "the host requires Network Level Authentication, but its security layer is set to RDP, which rules it out",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        // how Windows resolves the two was not seen, so the settings alone make it likely
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::key(LISTENER)], holds: contradict },
        Proof { shows: Shows::Absence, needs: &[Need::key(LISTENER)], holds: agree },
    ],
    explains: &[
        Explains { cause: "standard-security-only", when: |_| true },
        Explains { cause: "broken-negotiation", when: |_| true },
    ],
    page: Page {
        what_happens: "The host contradicts itself: it requires CredSSP but offers no TLS to run it in.",
        why: "SecurityLayer = 0 was set as a workaround and UserAuthentication = 1 was left on, or the two come from \
              different group policies. CredSSP runs inside TLS, so it cannot work without.",
        confirm: "SecurityLayer must be 1 or 2 if UserAuthentication is 1; values below Policies win. Remote \
                  Connection Manager 1050 is about something else: encryption level and security layer, which \
                  Windows has then set right by itself.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp', \
                  'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' -ErrorAction SilentlyContinue | \
                  Select-Object PSPath,SecurityLayer,UserAuthentication",
        how_to_fix: "Set the security layer to TLS. Do not switch Network Level Authentication off to make the two agree.",
        references: &["Microsoft: An internal error occurs when connecting to a remote machine (SecurityLayer)"],
    },
    fixes: &["require-tls"],
};

fn contradict(case: Case<'_>) -> Option<Ground> {
    let layer = case.setting(LISTENER, "SecurityLayer").filter(|setting| setting.number == Some(0))?;
    let nla = case.setting(LISTENER, "UserAuthentication").filter(|setting| setting.number == Some(1))?;
    // it speaks TLS all the same, or lets people in: the settings are not in force
    let observation = layer.because.observation;
    if case.key_used_since(observation) || case.let_in_near(observation) {
        return None;
    }
    Some(Ground::on(vec![layer.because, nla.because]))
}

fn agree(case: Case<'_>) -> Option<Ground> {
    let settled = |name| case.setting(LISTENER, name).filter(|setting| setting.settled);
    let layer = settled("SecurityLayer").filter(|setting| setting.number.is_some_and(|layer| layer > 0));
    let nla = settled("UserAuthentication").filter(|setting| setting.number == Some(0));
    layer.or(nla).map(|_| Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::events::RCM;
    use evidence::state::POLICY;

    fn listener(layer: u32, nla: u32) -> Sketch {
        machine().dword(LISTENER, "SecurityLayer", layer).dword(LISTENER, "UserAuthentication", nla)
    }

    #[test]
    fn present() {
        listener(0, 1).absent(POLICY).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        // nobody looked up whether a policy overrides it
        listener(0, 1).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn the_policy_wins() {
        listener(2, 1)
            .dword(POLICY, "SecurityLayer", 0)
            .check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        listener(0, 1).dword(POLICY, "SecurityLayer", 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_either_alone() {
        listener(2, 1).absent(POLICY).check(&CAUSE, Expect::Absent);
        listener(0, 0).absent(POLICY).check(&CAUSE, Expect::Absent);
    }

    /// Windows has then corrected encryption level and security layer by itself, and logs that.
    #[test]
    fn near_miss_an_entry_about_the_encryption_level() {
        machine().event(RCM, 1050, 2).check(&CAUSE, Expect::Unknown);
        listener(2, 1).absent(POLICY).event(RCM, 1050, 2).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_somebody_has_just_come_in() {
        listener(0, 1).absent(POLICY).event(RCM, 1149, 2).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_it_speaks_tls() {
        let up = host("192.0.2.7").nla().tls_up(wire::tls::TlsVersion::Tls12);
        let up = up.dword(LISTENER, "SecurityLayer", 0).dword(LISTENER, "UserAuthentication", 1).absent(POLICY);
        up.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        listener(2, 1).check(&CAUSE, Expect::Unknown);
    }
}
