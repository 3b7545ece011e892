//! `not-an-rdp-service`: something other than Remote Desktop answers.

use evidence::fact::Handshake;
use evidence::symptom::Symptom;
use evidence::{Role, Stage};
use wire::foreign::ForeignService;
use wire::hex;
use wire::machine::{ConnectionSequenceAnswer, X224Answer};
use wire::tls::TlsOffer;

use crate::case::{Case, EVERYTHING, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::{Asked, Need};
use crate::stage::connection_sequence::as_clients_ask;

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
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::SEQUENCE], holds: named_behind_tls },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::SEQUENCE], holds: foreign_behind_tls },
        // a box on the way that blocks TLS may say so in HTTP
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::handshake(TlsOffer::MODERN)],
            holds: named_instead_of_tls,
        },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::DIRECT_TLS], holds: bare_tls },
        Proof { shows: Shows::Absence, needs: &[Need::negotiation(Asked::Everything)], holds: speaks_x224 },
    ],
    explains: &[],
    page: Page {
        what_happens: "The port accepts the connection, then answers in another protocol or closes it. The client shows 0x904 \
                       or a protocol error (0x1104).",
        why: "A port forward or load balancer points to the wrong machine or port, another program took the port before \
              Remote Desktop started, or the name leads to another machine. A proxy that speaks X.224 and TLS \
              itself may hand the connection on to another service.",
        confirm: "On the machine that you meant: which process owns the port? It should be svchost with TermService.",
        command: "Get-NetTCPConnection -LocalPort {port} -State Listen | ForEach-Object { Get-Process -Id $_.OwningProcess }; \
                  (Get-CimInstance Win32_Service -Filter \"Name='TermService'\").ProcessId",
        how_to_fix: "Correct the forward, the name or the port in the client. If another program took the port on \
                     the host, move that program to another port and restart Remote Desktop Services.",
        references: &["[MS-RDPBCGR] 1.3.1.1", "ITU-T T.123 section 8 (TPKT)"],
    },
    fixes: &["find-program-on-port", "flush-dns", "set-listener-port"],
};

fn named_service(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::Foreign { service, bytes } = seen.value else { return None };
    Some(Ground::on(vec![seen.because(named(case.label(), *service, bytes))]))
}

/// Says which service answered, and how it began.
fn named(whose: &str, service: ForeignService, bytes: &[u8]) -> String {
    let start: String = String::from_utf8_lossy(bytes).chars().take_while(|c| !c.is_control()).take(40).collect();
    let start = if start.len() > 3 { format!("{start:?}") } else { hex::encode(bytes) };
    evidence::printable::printable(&format!("{whose} answered as {}: {start}", service.name()))
}

fn foreign_bytes(case: Case<'_>) -> Option<Ground> {
    let seen = case.x224_to(EVERYTHING)?;
    let X224Answer::NotTpkt(bytes) = seen.value else { return None };
    // TPKT it is, of a length that cannot be: a broken negotiation
    if bytes.starts_with(&[3, 0]) {
        return None;
    }
    Some(Ground::on(vec![seen.because(nobodys(case.label(), bytes))]))
}

fn nobodys(whose: &str, bytes: &[u8]) -> String {
    let start: Vec<u8> = bytes.iter().copied().take(16).collect();
    format!("{whose} answered with bytes that no Remote Desktop server sends: {}", hex::encode(&start))
}

/// X.224 and TLS were served, and behind them is another service.
fn named_behind_tls(case: Case<'_>) -> Option<Ground> {
    let (seen, words) = behind_tls(case, |answer| match answer {
        ConnectionSequenceAnswer::Foreign { service, bytes } => Some(named("what is behind it", *service, bytes)),
        _ => None,
    })?;
    Some(Ground::on(vec![seen.because(words)]))
}

fn foreign_behind_tls(case: Case<'_>) -> Option<Ground> {
    let (seen, words) = behind_tls(case, |answer| match answer {
        ConnectionSequenceAnswer::NotTpkt(bytes) => Some(nobodys("what is behind it", bytes)),
        _ => None,
    })?;
    Some(Ground::on(vec![seen.because(words)]))
}

/// X.224 was served, TLS was agreed on, and another service answered the ClientHello.
fn named_instead_of_tls(case: Case<'_>) -> Option<Ground> {
    if case.tls().any(|seen| matches!(seen.value.1, Handshake::Accepted { .. } | Handshake::Alert(_))) {
        return None;
    }
    let (seen, words) = case.tls().find_map(|seen| {
        let Handshake::NotTls(bytes) = seen.value.1 else { return None };
        let service = ForeignService::recognise(bytes)?;
        Some((seen, named("what it handed the ClientHello to", service, bytes)))
    })?;
    let text = format!("{} speaks X.224 and agreed on TLS, and {words}", case.label());
    Some(Ground::on(vec![seen.because(text)]))
}

/// An answer to a client's first words behind TLS that `told` has words for; none where the settings came as well.
fn behind_tls(
    case: Case<'_>,
    told: fn(&ConnectionSequenceAnswer) -> Option<String>,
) -> Option<(Seen<&ConnectionSequenceAnswer>, String)> {
    let settings = |answer: &ConnectionSequenceAnswer| {
        matches!(answer, ConnectionSequenceAnswer::Settings(_) | ConnectionSequenceAnswer::Withdrawn { .. })
    };
    if as_clients_ask(case).any(|seen| settings(seen.value)) {
        return None;
    }
    let (seen, words) = as_clients_ask(case).find_map(|seen| Some((seen, told(seen.value)?)))?;
    Some((seen, format!("{} speaks X.224 and TLS, and {words}", case.label())))
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
    fn another_service_instead_of_tls_is_likely() {
        let http = || Handshake::NotTls(b"HTTP/1.1 400 Bad Request".to_vec());
        let agreed = || host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
        let sketch = agreed().tls(TlsOffer::MODERN, http());
        sketch.check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let unknown = agreed().tls(TlsOffer::MODERN, Handshake::NotTls(vec![7; 20]));
        unknown.check(&CAUSE, Expect::Absent);
        agreed().tls(TlsOffer::MODERN, http()).tls_up(TlsVersion::Tls12).check(&CAUSE, Expect::Absent);
    }

    fn behind_tls(answer: ConnectionSequenceAnswer) -> crate::sketch::Sketch {
        let sketch = host("192.0.2.7").accepted().selects(EVERYTHING, SecurityProtocols::SSL).tls_up(TlsVersion::Tls13);
        sketch.with(Fact::Settings { requested: EVERYTHING, answer })
    }

    #[test]
    fn another_service_behind_tls_is_proven() {
        let bytes = b"HTTP/1.1 400 Bad Request".to_vec();
        let http = ConnectionSequenceAnswer::Foreign { service: ForeignService::Http, bytes };
        behind_tls(http).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let unknown = ConnectionSequenceAnswer::NotTpkt(vec![7; 20]);
        behind_tls(unknown).check(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
    }

    #[test]
    fn near_miss_a_close_behind_tls_says_nothing_about_the_service() {
        behind_tls(ConnectionSequenceAnswer::Closed(End::Fin)).check(&CAUSE, Expect::Absent);
        behind_tls(ConnectionSequenceAnswer::Silent).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_settings_behind_tls() {
        let told = ConnectionSequenceAnswer::Settings(wire::mcs::ConnectResponse::default());
        behind_tls(told).check(&CAUSE, Expect::Absent);
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
