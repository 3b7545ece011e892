//! `client-certificate-required`: the host wants the client to show a certificate.

use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "client-certificate-required",
    title: "the host wants a certificate of the client",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: says_so,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: says_otherwise },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the request with failure 6 (SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER) and closes. Usual \
                       clients have no certificate to show at this point, and stop.",
        why: "Windows as it is installed does not do this. The code comes from hosts whose listener is set to authenticate \
              clients by TLS certificates, and from gateways, bastions or appliances that speak Remote Desktop.",
        confirm: "What answers on this port? If it is a gateway or bastion, its own log names the rule. On a Windows host, the \
                  listener's settings and any product that hooks into it.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp'; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters' ServiceDll",
        how_to_fix: "Reach the host through the product that is meant to be used (its own client or portal), or have its \
                     administrator take the rule back for this client.",
        references: &["[MS-RDPBCGR] 2.2.1.2.2 (SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER)"],
    },
    fixes: &["try-another-client"],
};

const WANTED: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER);

fn says_so(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let text = || {
        let label = case.label();
        format!("asked for TLS and CredSSP, {label} answered failure 6 (SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER)")
    };
    (*seen.value == X224Answer::Server(WANTED)).then(|| Ground::on(vec![seen.because(text())]))
}

fn says_otherwise(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Server(answer) = seen.value else { return None };
    let text = || format!("{} answered, and did not ask for a certificate", case.label());
    (*answer != WANTED).then(|| Ground::on(vec![seen.because(text())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host};
    use wire::machine::End;

    #[test]
    fn present() {
        let code = NegotiationFailure::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER;
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, code);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_it_is_the_user_who_has_to_be_known() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
        let closed = X224Answer::Closed(End::Fin);
        host("192.0.2.7").accepted().x224(EVERYTHING, closed).check(&CAUSE, Expect::Unknown);
    }
}
