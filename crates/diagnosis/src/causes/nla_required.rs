//! `nla-required`: the host insists on Network Level Authentication, and the client does not offer it.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "nla-required",
    title: "the host requires Network Level Authentication, and this client does not offer it",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::NLA_REQUIRED],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::AsClient)],
            holds: required_and_missing,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: client_offers_it },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::AsClient)], holds: not_required },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: host_does_without },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the request with failure 5 (HYBRID_REQUIRED_BY_SERVER). mstsc says that the remote \
                       computer requires Network Level Authentication; other clients often only say that negotiation failed.",
        why: "The host has UserAuthentication 1, as Microsoft recommends. The client is old, is told not to use \
              CredSSP (enablecredsspsupport:i:0 in the .rdp file), or is a gateway or web client that cannot use it.",
        confirm: "On the host: UserAuthentication 1 means that NLA is required; policy beats the listener's own value.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  UserAuthentication; Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' \
                  UserAuthentication -ErrorAction SilentlyContinue",
        how_to_fix: "Let the client use CredSSP: remove enablecredsspsupport:i:0, or use a client that can. Switching NLA off \
                     on the host exposes its logon to everybody who reaches the port; do that only for a short test.",
        references: &["[MS-RDPBCGR] 2.2.1.2.2 (HYBRID_REQUIRED_BY_SERVER)", "[MS-CSSP]"],
    },
    fixes: &["repair-rdp-file", "try-another-client", "allow-nla-off"],
};

fn client_answer(case: Case<'_>) -> Option<Seen<&X224Answer>> {
    case.x224_to(case.context.profile.protocols)
}

fn required_and_missing(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let seen = client_answer(case)?;
    let failure = X224Answer::Server(ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER));
    if profile.protocols.credssp() || *seen.value != failure {
        return None;
    }
    let text = format!(
        "asked for {} as {} does, {} answered failure 5 (HYBRID_REQUIRED_BY_SERVER)",
        profile.protocols,
        profile.name,
        case.label()
    );
    Some(Ground::on(vec![seen.because(text)]))
}

fn client_offers_it(case: Case<'_>) -> Option<Ground> {
    case.x224_to(crate::case::EVERYTHING)?;
    let profile = &case.context.profile;
    profile.protocols.credssp().then(Ground::nothing)
}

fn not_required(case: Case<'_>) -> Option<Ground> {
    let seen = client_answer(case)?;
    let X224Answer::Server(ServerAnswer::Selected { .. }) = seen.value else { return None };
    Some(Ground::nothing())
}

/// A host that chose something else although CredSSP was offered does not require it.
fn host_does_without(case: Case<'_>) -> Option<Ground> {
    let seen = case.selected()?;
    (!seen.value.credssp()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Expect, Sketch, host};
    use wire::x224::SecurityProtocols;

    fn without_credssp() -> Sketch {
        host("192.0.2.7").nla().profile("mstsc-7").profile_with(|profile| profile.protocols = SecurityProtocols::SSL)
    }

    #[test]
    fn present() {
        let sketch = without_credssp().fails(SecurityProtocols::SSL, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_nla_is_optional() {
        without_credssp().selects(SecurityProtocols::SSL, SecurityProtocols::SSL).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_client_offers_it() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Absent);
        host("192.0.2.7").nla().profile("mstsc-7").check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_failure_5_to_a_probe_is_healthy() {
        let sketch =
            host("192.0.2.7").nla().fails(SecurityProtocols::SSL, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        without_credssp().check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
        assert!(EVERYTHING.credssp());
    }
}
