//! `not-an-rdp-service`: something other than Remote Desktop answers.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::hex;
use wire::machine::X224Answer;

use crate::case::{Case, EVERYTHING, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};

pub const CAUSE: Cause = Cause {
    id: "not-an-rdp-service",
    title: "something other than Remote Desktop answers on this port",
    stage: Stage::X224,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[Symptom::SOCKET_CLOSED, 0x1104],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: named_service,
        },
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::negotiation(Asked::Everything)],
            holds: foreign_bytes,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::DIRECT_TLS], holds: bare_tls },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: speaks_x224 },
    ],
    explains: &[],
    page: Page {
        what_happens: "The port accepts the connection, then answers in another protocol or closes it. The client shows 0x904 \
                       or a protocol error (0x1104).",
        why: "A port forward or load balancer points to the wrong machine or port, another program took the port before \
              Remote Desktop started, or the name leads to another machine.",
        confirm: "On the machine that you meant: which process owns the port? It should be svchost with TermService.",
        command: "Get-NetTCPConnection -LocalPort {port} -State Listen | ForEach-Object { Get-Process -Id $_.OwningProcess }; \
                  (Get-CimInstance Win32_Service -Filter \"Name='TermService'\").ProcessId",
        how_to_fix: "Correct the forward, the name or the port in the client. If another program took the port on \
                     the host, move that program to another port and restart Remote Desktop Services.",
        references: &["[MS-RDPBCGR] 1.3.1.1", "ITU-T T.123 section 8 (TPKT)"],
    },
    fixes: &["flush-dns", "set-listener-port"],
};

fn named_service(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Foreign { service, bytes } = seen.value else { return None };
    let start: String = String::from_utf8_lossy(bytes).chars().take_while(|c| !c.is_control()).take(40).collect();
    let start = if start.len() > 3 { format!("{start:?}") } else { hex::encode(bytes) };
    let text = format!("{} answered as {}: {start}", case.label(), service.name());
    Some(Ground::on(vec![seen.because(evidence::printable::printable(&text))]))
}

fn foreign_bytes(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::NotTpkt(bytes) = seen.value else { return None };
    // TPKT it is, of a length that cannot be: a broken negotiation
    if bytes.starts_with(&[3, 0]) {
        return None;
    }
    let start: Vec<u8> = bytes.iter().copied().take(16).collect();
    let text =
        format!("{} answered with bytes that no Remote Desktop server sends: {}", case.label(), hex::encode(&start));
    Some(Ground::on(vec![seen.because(text)]))
}

/// Closes on every Connection Request, yet speaks TLS: an HTTPS server or the like.
fn bare_tls(case: Case<'_>) -> Option<Ground> {
    let accepted = |seen: Seen<&Handshake>| match seen.value {
        Handshake::Accepted { version: Some(version), .. } => Some(Seen { value: *version, id: seen.id }),
        _ => None,
    };
    let seen = case.tls_direct().filter_map(accepted).last()?;
    let spoke = case.x224().any(|seen| matches!(seen.value.1, X224Answer::Server(_)));
    let text = format!("{} closes every Connection Request and answers {} without one", case.label(), seen.value);
    (!spoke).then(|| Ground::on(vec![seen.because(text)]))
}

fn speaks_x224(case: Case<'_>) -> Option<Ground> {
    case.x224().find(|seen| matches!(seen.value.1, X224Answer::Server(_)))?;
    Some(Ground::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, host};
    use evidence::fact::Fact;
    use wire::foreign::ForeignService;
    use wire::machine::End;
    use wire::tls::{TlsOffer, TlsVersion};
    use wire::x224::{NegotiationFailure, SecurityProtocols};

    #[test]
    fn present() {
        let ssh = X224Answer::Foreign { service: ForeignService::Ssh, bytes: b"SSH-2.0-x\r\n".to_vec() };
        let sketch = host("192.0.2.7").accepted().x224(EVERYTHING, ssh);
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn unknown_bytes_are_likely() {
        let sketch = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::NotTpkt(vec![7; 20]));
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn tls_without_x224_is_likely() {
        let accepted = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: false };
        let sketch = host("192.0.2.7")
            .accepted()
            .x224(EVERYTHING, X224Answer::Closed(End::Fin))
            .x224(SecurityProtocols::SSL, X224Answer::Closed(End::Fin))
            .with(Fact::TlsAnswer { offer: TlsOffer::PLAIN_12, direct: true, answer: accepted });
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    /// The captured client may have asked another service, at another time.
    #[test]
    fn near_miss_tls_that_others_began() {
        let accepted = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished: true };
        let sketch = host("192.0.2.7")
            .accepted()
            .x224(EVERYTHING, X224Answer::Closed(End::Fin))
            .watched(Fact::TlsAnswer { offer: TlsOffer::PLAIN_12, direct: true, answer: accepted });
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_a_refusal_in_x224() {
        let sketch = host("192.0.2.7").accepted().fails(EVERYTHING, NegotiationFailure::SSL_CERT_NOT_ON_SERVER);
        sketch.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_a_close_says_nothing_about_the_service() {
        let sketch = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Closed(End::Rst));
        sketch.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        host("192.0.2.7").accepted().check(&CAUSE, Expect::Unknown);
    }
}
