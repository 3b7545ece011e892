//! `client-certificate-required`: the host wants the client to show a certificate.

use evidence::fact::{Fact, Handshake};
use evidence::{Role, Source, Stage};
use wire::machine::X224Answer;
use wire::tls::{TlsOffer, TlsStack};
use wire::x224::{NegotiationFailure, ServerAnswer};

use crate::case::{Case, EVERYTHING, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "client-certificate-required",
    title: "the host demands a certificate from the client",
    stage: Stage::Tls,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: says_so,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: refused_without,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: says_otherwise },
        Proof { shows: Shows::Absence, needs: &[Need::FINISHED_HANDSHAKE], holds: finished_without },
    ],
    explains: &[],
    page: Page {
        what_happens: "The host answers the request with failure 6 (SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER) and \
                       closes, or asks for a certificate inside the TLS handshake and ends it with an alert (40, 42, \
                       116) when it gets none. Ordinary clients have no certificate to show here, and stop.",
        why: "Windows as it is installed does not do this. The code comes from hosts whose listener is set to authenticate \
              clients by TLS certificates, and from gateways, bastions or appliances that speak Remote Desktop.",
        confirm: "What answers on this port? If it is a gateway or bastion, its own log names the rule. On a Windows host, the \
                  listener's settings and any product that hooks into it.",
        command: "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp'; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters' ServiceDll",
        how_to_fix: "Connect through that product (its own client or portal), or have its administrator drop the \
                     rule for this client.",
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
    // who goes on with TLS may ask for it there
    let ends = !matches!(answer, ServerAnswer::Selected { protocol, .. } if protocol.tls()) || case.watched(seen.id);
    (*answer != WANTED && ends).then(Ground::nothing)
}

/// The numbers of the connections of the probe in which a certificate was asked for.
fn asking(case: Case<'_>) -> Vec<Seen<Option<Source>>> {
    let asked = case.seen(|fact| matches!(fact, Fact::ClientCertificateRequested).then_some(()));
    asked.map(|seen| Seen { value: case.source_of(seen.id), id: seen.id }).collect()
}

/// It asked for a certificate inside the handshake, got none, and ended it.
fn refused_without(case: Case<'_>) -> Option<Ground> {
    let asking = asking(case);
    let asked = asking.first()?;
    let same = |id| asking.iter().any(|asked| asked.value.is_some() && asked.value == case.source_of(id));
    let up = |answer: &Handshake| matches!(answer, Handshake::Accepted { finished: true, .. });
    // one that is asked for and not missed is no condition
    if case.tls().any(|seen| up(seen.value.1) && same(seen.id)) {
        return None;
    }
    let ended = |answer: &Handshake| matches!(answer, Handshake::Alert(_) | Handshake::Closed { .. });
    // what refuses another hello may do so for its version or its suites
    let refused =
        case.tls().find(|seen| ended(seen.value.1) && seen.value.0.stack != TlsStack::Own && same(seen.id))?;
    let answer = refused.value.1.refusal()?;
    let because = vec![
        asked.because(format!("{} asked for a client certificate in the handshake", case.label())),
        refused.because(format!("a client without one was {answer}")),
    ];
    let named = matches!(refused.value.1, Handshake::Alert(_));
    let ground = Ground::on(because);
    // another machine behind this address lets the client in
    if case.tls().any(|seen| up(seen.value.1) && seen.value.0 == refused.value.0) {
        return Some(ground.confidence(Confidence::Likely).severity(Severity::Degrading));
    }
    Some(if named { ground } else { ground.confidence(Confidence::Likely) })
}

/// A handshake was finished, and CredSSP answered where it was begun: nothing was missed.
fn finished_without(case: Case<'_>) -> Option<Ground> {
    if refused_without(case).is_some() {
        return None;
    }
    case.tls().find(|seen| matches!(seen.value.1, Handshake::Accepted { finished: true, .. }))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};
    use wire::machine::End;
    use wire::tls::Alert;

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

    fn refused_and_asked(refused: Handshake, asked_on: usize) -> Sketch {
        let sketch = host("192.0.2.7").nla().tls(TlsOffer::MODERN, refused);
        sketch.on_connection(asked_on, Fact::ClientCertificateRequested)
    }

    #[test]
    fn present_in_the_handshake() {
        let alert = Handshake::Alert(Alert { level: 2, description: 116 });
        refused_and_asked(alert, 1).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let closed = Handshake::Closed { end: End::Fin, bytes: 0 };
        refused_and_asked(closed, 1).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// Of several machines behind the address one wants a certificate: a client gets in at the others.
    #[test]
    fn another_machine_wants_none() {
        let alert = Handshake::Alert(Alert { level: 2, description: 116 });
        let up = Handshake::Accepted { version: None, suite: 0x1301, finished: true };
        let farm = refused_and_asked(alert, 1)
            .on_connection(2, Fact::TlsAnswer { offer: TlsOffer::MODERN, direct: false, answer: up });
        farm.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    /// A host that refuses one hello for its version or its suites may ask another for a certificate, and do without.
    #[test]
    fn near_miss_another_hello_was_refused() {
        for description in [Alert::PROTOCOL_VERSION, Alert::HANDSHAKE_FAILURE] {
            let alert = Handshake::Alert(Alert { level: 2, description });
            refused_and_asked(alert, 2).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
        let closed = X224Answer::Closed(End::Fin);
        host("192.0.2.7").accepted().x224(EVERYTHING, closed).check(&CAUSE, Expect::Unknown);
    }
}
