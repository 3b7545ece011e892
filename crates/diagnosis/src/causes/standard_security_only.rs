//! `standard-security-only`: the host only has Standard RDP Security.

use evidence::state::LISTENER;
use evidence::{Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::xrdp;

pub const CAUSE: Cause = Cause {
    id: "standard-security-only",
    title: "the host offers only Standard RDP Security, without TLS",
    stage: Stage::X224,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::negotiation(Asked::Everything), Need::negotiation(Asked::TlsOnly)],
            holds: never_tls,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything), Need::negotiation(Asked::TlsOnly)],
            holds: granted_unasked,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[
                Need::negotiation(Asked::Everything),
                Need::negotiation(Asked::TlsOnly),
                Need::negotiation(Asked::StandardOnly),
            ],
            holds: granted_when_asked,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: no_tls_for_a_watched_client,
        },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::key(LISTENER)], holds: set_so },
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::LINUX], holds: xrdp::plain },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: takes_tls },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::TlsOnly)], holds: takes_tls_alone },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host refuses TLS and CredSSP (failure 2), or selects protocol 0 although more was offered. mstsc is \
                       believed to go on with a warning; bastions, gateways and most other clients stop here, and the code a \
                       person then sees is the bastion's close: 0x904/0x7.",
        why: "SecurityLayer is 0 on the listener or by policy, usually left over from advice on the web against \
              connection errors, or a server that never had a certificate (xrdp with security_layer=rdp).",
        confirm: "On the host: SecurityLayer 0 means this. 1 (negotiate) or 2 (TLS) are right; policy beats the listener's value.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' \
                  SecurityLayer,UserAuthentication,MinEncryptionLevel; Get-ItemProperty \
                  'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' SecurityLayer -ErrorAction SilentlyContinue",
        how_to_fix: "Require TLS again (SecurityLayer 2) and NLA, from the console: somebody often set it because \
                     TLS did not work, and if the key or certificate is still broken, nobody gets in until that is \
                     repaired. Standard RDP Security does not prove the host's identity; do not lower clients to it.",
        references: &["[MS-RDPBCGR] 2.2.1.2.2 (SSL_NOT_ALLOWED_BY_SERVER), 5.3 (Standard RDP Security)"],
    },
    fixes: &["require-tls", "require-nla", "offer-tls-in-xrdp"],
};

fn without_tls(answer: &X224Answer) -> Option<&'static str> {
    match answer {
        X224Answer::Server(ServerAnswer::Failure(NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER)) => {
            Some("failure 2 (SSL_NOT_ALLOWED_BY_SERVER)")
        }
        X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::RDP, .. }) => {
            Some("Standard RDP Security")
        }
        _ => None,
    }
}

fn never_tls(case: Case<'_>) -> Option<Ground> {
    if refused_standard(case) {
        return None;
    }
    let asked = [(EVERYTHING, "TLS and CredSSP"), (SecurityProtocols::SSL, "TLS alone")];
    let mut because = Vec::new();
    for (protocols, words) in asked {
        let seen = case.x224_to(protocols)?;
        because.push(seen.because(format!(
            "asked for {words}, {} answered {}",
            case.label(),
            without_tls(seen.value)?
        )));
    }
    let ground = Ground::on(because);
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

/// It selects Standard RDP Security whatever it is offered.
fn granted_unasked(case: Case<'_>) -> Option<Ground> {
    let granted = |protocols| case.x224_to(protocols).is_some_and(|seen| grants_standard(seen.value));
    never_tls(case).filter(|_| granted(EVERYTHING) && granted(SecurityProtocols::SSL))
}

/// It refuses TLS, and was asked for Standard RDP Security as well.
fn granted_when_asked(case: Case<'_>) -> Option<Ground> {
    let mut ground = never_tls(case)?;
    let seen = case.x224_to(SecurityProtocols::RDP).filter(|seen| grants_standard(seen.value))?;
    ground.because.push(seen.because("asked for Standard RDP Security, it grants that".to_owned()));
    Some(ground)
}

fn grants_standard(answer: &X224Answer) -> bool {
    matches!(
        answer,
        X224Answer::Server(
            ServerAnswer::Selected { protocol: SecurityProtocols::RDP, .. } | ServerAnswer::NoNegotiation
        )
    )
}

/// True if Standard RDP Security was refused as well: then it has none, whatever it says of TLS.
fn refused_standard(case: Case<'_>) -> bool {
    let answer = case.x224_to(SecurityProtocols::RDP).map(|seen| seen.value);
    answer.is_some_and(|answer| matches!(answer, X224Answer::Server(_)) && !grants_standard(answer))
}

/// A captured client asked once; whether TLS alone would fare better was not asked.
fn no_tls_for_a_watched_client(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING).filter(|seen| case.watched(seen.id))?;
    if takes_tls_alone(case).is_some() {
        return None;
    }
    let text = format!("the client asked for TLS and CredSSP, {} answered {}", case.label(), without_tls(seen.value)?);
    let ground = Ground::on(vec![seen.because(text)]);
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

/// The registry says so, and no answer contradicts it. With NLA required the settings contradict each other, which is
/// another cause.
fn set_so(case: Case<'_>) -> Option<Ground> {
    if takes_tls(case).is_some() || takes_tls_alone(case).is_some() {
        return None;
    }
    let layer = case.setting(LISTENER, "SecurityLayer").filter(|setting| setting.number == Some(0))?;
    let nla = case.setting(LISTENER, "UserAuthentication").filter(|setting| setting.number == Some(0))?;
    let confidence = layer.confidence().max(nla.confidence());
    let ground = Ground::on(vec![layer.because, nla.because]).confidence(confidence);
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

fn takes_tls(case: Case<'_>) -> Option<Ground> {
    let seen = case.selected()?;
    seen.value.tls().then(Ground::nothing)
}

fn takes_tls_alone(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(SecurityProtocols::SSL)?;
    let X224Answer::Server(ServerAnswer::Selected { protocol, .. }) = seen.value else { return None };
    protocol.tls().then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::state::POLICY;

    const NOT_ALLOWED: NegotiationFailure = NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER;

    fn set(layer: u32, nla: u32) -> Sketch {
        machine().dword(LISTENER, "SecurityLayer", layer).dword(LISTENER, "UserAuthentication", nla)
    }

    #[test]
    fn by_its_settings() {
        set(0, 0).absent(POLICY).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        // nobody looked up whether a policy overrides it
        set(0, 0).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        set(0, 0).dword(POLICY, "SecurityLayer", 2).check(&CAUSE, Expect::Unknown);
        set(2, 0).check(&CAUSE, Expect::Unknown);
        // contradictory: security-layer-inconsistent
        set(0, 1).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_set_so_and_since_mended() {
        let host = host("192.0.2.7").nla().dword(LISTENER, "SecurityLayer", 0).dword(LISTENER, "UserAuthentication", 0);
        host.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_by_failure() {
        let granted = refuses_tls().selects(SecurityProtocols::RDP, SecurityProtocols::RDP);
        granted.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
        // nobody asked for it
        refuses_tls().check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    fn refuses_tls() -> Sketch {
        host("192.0.2.7").accepted().fails(EVERYTHING, NOT_ALLOWED).fails(SecurityProtocols::SSL, NOT_ALLOWED)
    }

    #[test]
    fn near_miss_it_refuses_everything() {
        refuses_tls().fails(SecurityProtocols::RDP, NOT_ALLOWED).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_by_selection_and_blocking_for_a_client_that_will_not() {
        let sketch = host("192.0.2.7")
            .accepted()
            .selects(EVERYTHING, SecurityProtocols::RDP)
            .selects(SecurityProtocols::SSL, SecurityProtocols::RDP)
            .profile("freerdp3");
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn near_miss_tls_alone_is_taken() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NOT_ALLOWED);
        sketch.selects(SecurityProtocols::SSL, SecurityProtocols::SSL).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_another_failure() {
        let missing = NegotiationFailure::SSL_CERT_NOT_ON_SERVER;
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, missing).fails(SecurityProtocols::SSL, missing);
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().fails(EVERYTHING, NOT_ALLOWED).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn present_for_a_watched_client() {
        let selected = |protocol| X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0 });
        let both = SecurityProtocols::SSL.with(SecurityProtocols::HYBRID);
        let sketch = host("192.0.2.7").accepted().watched_x224(both, selected(SecurityProtocols::RDP));
        sketch.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
        // a client that asks for nothing else gets what it asked for
        let sketch =
            host("192.0.2.7").accepted().watched_x224(SecurityProtocols::RDP, selected(SecurityProtocols::RDP));
        sketch.check(&CAUSE, Expect::Unknown);
        let sketch = host("192.0.2.7").accepted().watched_x224(both, selected(SecurityProtocols::HYBRID));
        sketch.check(&CAUSE, Expect::Absent);
    }
}
