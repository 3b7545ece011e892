//! `tls-required`: the host insists on TLS, and the client does not offer it.

use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::{Case, EVERYTHING, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "tls-required",
    title: "the host requires TLS, and this client does not offer it",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::AsClient)],
            holds: required_and_missing,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: client_offers_it },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::AsClient)], holds: not_the_reason },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: host_does_without },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client asks for Standard RDP Security only, and the host answers with failure 1 \
                       (SSL_REQUIRED_BY_SERVER) and closes. A client that knows the code names it; others only say that the \
                       connection was lost.",
        why: "The host has SecurityLayer 2, which is right. The client is very old, or is set not to negotiate: a \
              thin client, a scanner or bastion set to 'RDP security', or /sec:rdp on the command line of FreeRDP.",
        confirm: "On the host: SecurityLayer 2 means that TLS is required; policy beats the listener's own value.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  SecurityLayer,UserAuthentication; Get-ItemProperty \
                  'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' SecurityLayer -ErrorAction SilentlyContinue",
        how_to_fix: "Let the client negotiate: remove the setting that keeps it from TLS, or use a client that has \
                     TLS and CredSSP. Do not lower the host's security: without TLS it cannot prove its identity.",
        references: &["[MS-RDPBCGR] 2.2.1.2.2 (SSL_REQUIRED_BY_SERVER), 5.3, 5.4"],
    },
    fixes: &["try-another-client"],
};

const REQUIRED: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_REQUIRED_BY_SERVER);

fn client_answer(case: Case<'_>) -> Option<Seen<&X224Answer>> {
    case.x224_to(case.context.profile.protocols)
}

fn required_and_missing(case: Case<'_>) -> Option<Ground> {
    let profile = &case.context.profile;
    let seen = client_answer(case)?;
    if profile.protocols.tls() || *seen.value != X224Answer::Server(REQUIRED) {
        return None;
    }
    let text = format!(
        "asked for {} as {} does, {} answered failure 1 (SSL_REQUIRED_BY_SERVER)",
        profile.protocols,
        profile.name,
        case.label()
    );
    Some(Ground::on(vec![seen.because(text)]))
}

fn client_offers_it(case: Case<'_>) -> Option<Ground> {
    case.x224_to(EVERYTHING)?;
    let profile = &case.context.profile;
    profile.protocols.tls().then(Ground::nothing)
}

fn not_the_reason(case: Case<'_>) -> Option<Ground> {
    let seen = client_answer(case)?;
    let X224Answer::Server(answer) = seen.value else { return None };
    (*answer != REQUIRED).then(Ground::nothing)
}

/// A host that chose Standard RDP Security although TLS was offered does not require TLS.
fn host_does_without(case: Case<'_>) -> Option<Ground> {
    let seen = case.selected()?;
    (!seen.value.tls()).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::x224::SecurityProtocols;

    fn without_tls() -> Sketch {
        host("192.0.2.7").nla().profile_with(|profile| profile.protocols = SecurityProtocols::RDP)
    }

    #[test]
    fn present() {
        let sketch = without_tls().fails(SecurityProtocols::RDP, NegotiationFailure::SSL_REQUIRED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_standard_security_is_taken() {
        without_tls().selects(SecurityProtocols::RDP, SecurityProtocols::RDP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_it_is_nla_that_is_required() {
        let sketch = without_tls().fails(SecurityProtocols::RDP, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_client_offers_it() {
        host("192.0.2.7").nla().check(&CAUSE, Expect::Absent);
        let everything = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_REQUIRED_BY_SERVER);
        everything.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        without_tls().check(&CAUSE, Expect::Unknown);
    }
}
