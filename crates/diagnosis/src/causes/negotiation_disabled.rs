//! `negotiation-disabled`: the host confirms without naming a security protocol.

use evidence::state::LISTENER;
use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::ServerAnswer;

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "negotiation-disabled",
    title: "the host does not negotiate security: its answer carries no negotiation data",
    stage: Stage::X224,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: without_data,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::key(LISTENER)], holds: set_so },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: negotiates },
    ],
    explains: &[],
    page: Page {
        what_happens: "The Connection Confirm has 11 bytes and no negotiation data: the host leaves the client with \
                       Standard RDP Security. That is not the same as selecting it (protocol 0). Clients that insist \
                       on TLS or CredSSP stop here; others go on without protection against a man in the middle.",
        why: "fAllowSecProtocolNegotiation is 0 on the listener, or what answers is older than the negotiation (before Windows \
              Vista) or a simple implementation of the protocol.",
        confirm: "On the host: fAllowSecProtocolNegotiation absent or 1 is right, 0 means this.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  fAllowSecProtocolNegotiation,SecurityLayer,UserAuthentication -ErrorAction SilentlyContinue",
        how_to_fix: "Set fAllowSecProtocolNegotiation to 1 and require TLS and NLA. A host too old for that belongs behind a \
                     gateway.",
        references: &[
            "[MS-RDPBCGR] 2.2.1.2 (rdpNegData is optional), 5.4.2",
            "Microsoft: internal error when connecting (fAllowSecProtocolNegotiation)",
        ],
    },
    fixes: &["require-tls", "require-nla"],
};

fn without_data(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    if *seen.value != X224Answer::Server(ServerAnswer::NoNegotiation) {
        return None;
    }
    let profile = &case.context.profile;
    let text = format!("asked for TLS and CredSSP, {} confirmed without negotiation data", case.label());
    let then = if profile.standard_security { "goes on without TLS, with a warning" } else { "stops there" };
    let ground = Ground::on(vec![seen.because(text), seen.because(format!("{} {then}", profile.name))]);
    Some(if profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

/// The registry says so, and no answer contradicts it.
fn set_so(case: Case<'_>) -> Option<Ground> {
    if negotiates(case).is_some() {
        return None;
    }
    let seen = case.number(LISTENER, "fAllowSecProtocolNegotiation").filter(|seen| seen.value == Some(0))?;
    let ground = Ground::on(vec![seen.because("the listener's setting says fAllowSecProtocolNegotiation = 0")]);
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

fn negotiates(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Server(answer) = seen.value else { return None };
    let negotiates = matches!(answer, ServerAnswer::Selected { .. } | ServerAnswer::Failure(_));
    negotiates.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host, machine};
    use wire::x224::SecurityProtocols;

    #[test]
    fn by_its_setting() {
        let set = |number| machine().dword(LISTENER, "fAllowSecProtocolNegotiation", number);
        set(0).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        set(1).check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").nla().dword(LISTENER, "fAllowSecProtocolNegotiation", 0).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present() {
        let sketch = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Server(ServerAnswer::NoNegotiation));
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn it_blocks_a_client_that_insists_on_tls() {
        let sketch = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Server(ServerAnswer::NoNegotiation));
        let sketch = sketch.profile_with(|profile| profile.standard_security = false);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_standard_security_is_selected() {
        host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::RDP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
        host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Silent).check(&CAUSE, Expect::Unknown);
    }
}
