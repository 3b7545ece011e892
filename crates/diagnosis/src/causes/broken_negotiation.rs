//! `broken-negotiation`: the answer to the request is not a valid one.

use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::hex;
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::case::{Case, EVERYTHING};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::x224::contradicts;

pub const CAUSE: Cause = Cause {
    id: "broken-negotiation",
    title: "the host's answer to the security negotiation makes no sense",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED, 0x1104],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: makes_no_sense,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything), Need::negotiation(Asked::WithEntra)],
            holds: refuses_what_it_asks_for,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[
                Need::negotiation(Asked::Everything),
                Need::negotiation(Asked::TlsOnly),
                Need::negotiation(Asked::StandardOnly),
            ],
            holds: refuses_all,
        },
        Proof {
            // chance alone could do it where connections are dropped at times
            shows: Shows::Presence(Confidence::Possible),
            needs: &[
                Need::negotiation(Asked::Everything),
                Need::negotiation(Asked::TlsOnly),
                Need::negotiation(Asked::StandardOnly),
                Need::CLOSED_TWICE,
            ],
            holds: hangs_up_on_credssp,
        },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: makes_sense },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::StandardOnly)], holds: grants_standard },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::WithEntra)], holds: wants_entra },
    ],
    explains: &[],
    page: Page {
        what_happens: "The request offers TLS and CredSSP, and the answer does not fit it: bytes that are no valid \
                       answer, a protocol that was not offered, a refusal that asks for what was offered, a refusal \
                       of every protocol there is, or a message that ends a session which has not begun. Or it hangs \
                       up on each request that offers CredSSP, and answers one for TLS alone. The client shows 0x904 \
                       or a protocol error (0x1104).",
        why: "Usually a proxy, load balancer or security product that answers for the host, one that sends the PROXY \
              protocol to a host that does not know it (HAProxy: send-proxy; nginx: proxy_protocol on), an implementation \
              of the protocol other than Windows, or a listener that a third-party patch (termsrv.dll) has broken.",
        confirm: "Does the attempt reach the host (event 131 in RdpCoreTS), and does its Terminal Services library \
                  come from Microsoft?",
        command: "(Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters').ServiceDll; \
                  Get-AuthenticodeSignature \"$env:SystemRoot\\System32\\termsrv.dll\" | Select-Object Status,SignerCertificate; \
                  Get-WinEvent -MaxEvents 5 -FilterHashtable \
                  @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; Id=131} | Format-List \
                  TimeCreated,Message",
        how_to_fix: "If the attempt never arrives, look at the device in between that answers. If it does arrive, \
                     undo the patch, or update the RDP server software on the host.",
        references: &["[MS-RDPBCGR] 2.2.1.1.1, 2.2.1.2", "ITU-T T.125 section 11.15 (Disconnect Provider Ultimatum)"],
    },
    fixes: &["try-another-client", "restart-services"],
};

fn makes_no_sense(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    // one who answered the same request well at another time can do it
    let sound = |answer: &X224Answer| match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => offered(*protocol),
        _ => false,
    };
    if case.tries().any(|seen| sound(seen.value)) {
        return None;
    }
    let words = match seen.value {
        X224Answer::Malformed { bytes, error } => {
            let start: Vec<u8> = bytes.iter().copied().take(24).collect();
            format!("with bytes that are no confirm ({error}): {}", hex::encode(&start))
        }
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) if !offered(*protocol) => {
            format!("with {protocol}, which was not offered")
        }
        X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum) => {
            "with an MCS Disconnect Provider Ultimatum, the end of a session that has not begun".to_owned()
        }
        _ => return None,
    };
    let asked = if case.watched(seen.id) { "TLS and CredSSP".to_owned() } else { EVERYTHING.to_string() };
    Some(Ground::on(vec![seen.because(format!("asked for {asked}, {} answered {words}", case.label()))]))
}

/// One of the protocols in our request, or Standard RDP Security, which xrdp and old hosts select silently.
fn offered(protocol: SecurityProtocols) -> bool {
    EVERYTHING.contains(protocol) && protocol.0.count_ones() <= 1
}

fn refusal(answer: &X224Answer) -> Option<NegotiationFailure> {
    match answer {
        X224Answer::Server(ServerAnswer::Failure(code)) if contradicts(answer) => Some(*code),
        _ => None,
    }
}

/// Entra authentication is all that the first request left out, and asking for it as well did not help.
fn refuses_what_it_asks_for(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let code = refusal(seen.value)?;
    let with = case.x224_to(Asked::WithEntra.protocols(case))?;
    if matches!(with.value, X224Answer::Server(ServerAnswer::Selected { .. })) {
        return None;
    }
    let text = format!(
        "asked for {EVERYTHING}, {} answered failure {code}, which that request leaves no room for",
        case.label()
    );
    Some(Ground::on(vec![seen.because(text), with.because("with RDSAAD in the request it selected nothing either")]))
}

/// It says that TLS is not allowed, and does not allow what is left without it either.
fn refuses_all(case: Case<'_>) -> Option<Ground> {
    let asked = [EVERYTHING, SecurityProtocols::SSL, SecurityProtocols::RDP];
    let because: Option<Vec<_>> = asked
        .into_iter()
        .map(|protocols| {
            let seen = case.x224_to(protocols)?;
            let X224Answer::Server(ServerAnswer::Failure(code)) = seen.value else { return None };
            Some(seen.because(format!("asked for {protocols}, {} answered failure {code}", case.label())))
        })
        .collect();
    because.map(Ground::on)
}

/// Each request that offers CredSSP is met by a close, and every other one is answered, one for TLS alone with TLS.
fn hangs_up_on_credssp(case: Case<'_>) -> Option<Ground> {
    let hung_up = case.x224_to(EVERYTHING)?;
    let X224Answer::Closed(end) = hung_up.value else { return None };
    let taken = case.x224_to(SecurityProtocols::SSL)?;
    let X224Answer::Server(ServerAnswer::Selected { protocol: SecurityProtocols::SSL, .. }) = taken.value else {
        return None;
    };
    let plain = case.x224_to(SecurityProtocols::RDP)?;
    if !matches!(plain.value, X224Answer::Server(_)) {
        return None;
    }
    let because = vec![
        hung_up.because(format!("each request for {EVERYTHING} is {} without an answer", end.verb())),
        taken.because("one for TLS alone is answered with TLS".to_owned()),
        plain.because("one for Standard RDP Security is answered as well".to_owned()),
    ];
    let ground = Ground::on(because);
    Some(if case.context.profile.protocols.credssp() { ground } else { ground.severity(Severity::Advisory) })
}

/// It refuses TLS as not allowed, and grants Standard RDP Security instead.
fn grants_standard(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let refused = *seen.value == X224Answer::Server(NOT_ALLOWED);
    let plain = case.x224_to(SecurityProtocols::RDP)?;
    let granted =
        matches!(plain.value, X224Answer::Server(ServerAnswer::Selected { .. } | ServerAnswer::NoNegotiation));
    (refused && granted).then(Ground::nothing)
}

const NOT_ALLOWED: ServerAnswer = ServerAnswer::Failure(NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER);

fn makes_sense(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let sound = match seen.value {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => offered(*protocol),
        X224Answer::Server(answer @ ServerAnswer::Failure(_)) => !contradicts(seen.value) && *answer != NOT_ALLOWED,
        X224Answer::Server(ServerAnswer::NoNegotiation) => true,
        _ => false,
    };
    sound.then(Ground::nothing)
}

fn wants_entra(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(Asked::WithEntra.protocols(case))?;
    let X224Answer::Server(ServerAnswer::Selected { protocol, .. }) = seen.value else { return None };
    let entra = *protocol == SecurityProtocols::RDSAAD;
    entra.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host};

    const WITH: SecurityProtocols = EVERYTHING.with(SecurityProtocols::RDSAAD);
    const PRESENT: Expect = Expect::Present(Severity::Blocking, Confidence::Proven);

    fn asked() -> Sketch {
        host("192.0.2.7").accepted()
    }

    #[test]
    fn present_by_an_answer_that_makes_no_sense() {
        let malformed = X224Answer::Malformed { bytes: vec![3, 0, 0, 19], error: "negotiation type 0x7f".to_owned() };
        let ultimatum = X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum);
        for answer in [malformed, ultimatum] {
            asked().x224(EVERYTHING, answer).check(&CAUSE, PRESENT);
        }
        for protocol in [SecurityProtocols::RDSTLS, SecurityProtocols(0x40), SecurityProtocols(3)] {
            asked().selects(EVERYTHING, protocol).check(&CAUSE, PRESENT);
        }
    }

    #[test]
    fn present_by_a_refusal_that_contradicts_the_offer() {
        for code in [1, 4, 5, 77].map(NegotiationFailure) {
            asked().fails(EVERYTHING, code).fails(WITH, code).check(&CAUSE, PRESENT);
        }
    }

    #[test]
    fn near_miss_it_wants_entra() {
        let sketch = asked().fails(EVERYTHING, NegotiationFailure(5)).selects(WITH, SecurityProtocols::RDSAAD);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_silent_downgrade() {
        for protocol in [SecurityProtocols::RDP, SecurityProtocols::SSL, SecurityProtocols::HYBRID_EX] {
            asked().selects(EVERYTHING, protocol).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn near_miss_a_refusal_with_a_reason() {
        for code in [3, 6].map(NegotiationFailure) {
            asked().fails(EVERYTHING, code).check(&CAUSE, Expect::Absent);
        }
        let refused = || asked().fails(EVERYTHING, NegotiationFailure(2));
        refused().check(&CAUSE, Expect::Unknown);
        refused().selects(SecurityProtocols::RDP, SecurityProtocols::RDP).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_where_all_is_refused() {
        let refused = |sketch: Sketch, protocols| sketch.fails(protocols, NegotiationFailure(2));
        [EVERYTHING, SecurityProtocols::SSL, SecurityProtocols::RDP]
            .into_iter()
            .fold(asked(), refused)
            .check(&CAUSE, PRESENT);
    }

    #[test]
    fn possible_where_it_hangs_up_on_credssp_alone() {
        const CLOSED: X224Answer = X224Answer::Closed(wire::machine::End::Fin);
        let taken = |sketch: Sketch| sketch.selects(SecurityProtocols::SSL, SecurityProtocols::SSL);
        let plain = |sketch: Sketch| sketch.fails(SecurityProtocols::RDP, NegotiationFailure(1));
        let twice = || taken(asked().x224(EVERYTHING, CLOSED).x224(EVERYTHING, CLOSED));
        plain(twice()).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Possible));
        // once may have been a moment, and a host that drops connections at times drops others as well
        plain(taken(asked().x224(EVERYTHING, CLOSED))).check(&CAUSE, Expect::Unknown);
        twice().x224(SecurityProtocols::RDP, CLOSED).check(&CAUSE, Expect::Unknown);
        plain(twice()).selects(EVERYTHING, SecurityProtocols::SSL).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_ultimatum_to_a_request_that_only_a_probe_makes() {
        let ultimatum = X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum);
        let sketch = asked().selects(EVERYTHING, SecurityProtocols::SSL).x224(WITH, ultimatum);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        asked().check(&CAUSE, Expect::Unknown);
        asked().fails(EVERYTHING, NegotiationFailure(5)).check(&CAUSE, Expect::Unknown);
    }
}
