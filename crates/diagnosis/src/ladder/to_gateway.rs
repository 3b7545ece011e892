//! A captured client's way to an RD Gateway: its rungs, and the meaning of the answers.
//!
//! None of it is about a host, and none of it is health: the host behind the gateway was not seen.

use evidence::Stage;
use evidence::fact::{Fact, Handshake};
use evidence::telling::tcp_words;
use wire::capture::WebAnswer;
use wire::http::{Method, Response};
use wire::machine::TcpAnswer;
use wire::tls::TlsVersion;

use crate::case::{Case, Seen};
use crate::stage::rung::{Outcome, Rung, took};
use crate::stage::tls::{accepted_words, refused_words};

/// Stages that a capture can show.
pub(super) const STAGES: &[Stage] = &[Stage::Tcp, Stage::Tls, Stage::Certificate, Stage::Gateway];

/// Builds a rung of this way; `None` if it was not seen.
pub(super) fn rung(case: Case<'_>, stage: Stage) -> Option<Rung> {
    match stage {
        Stage::Tcp => tcp(case),
        Stage::Tls => tls(case),
        Stage::Certificate => certificate(case),
        Stage::Gateway => answer(case),
        _ => None,
    }
}

fn tcp(case: Case<'_>) -> Option<Rung> {
    let accepted = case.tcp().find(|seen| *seen.value == TcpAnswer::Accepted);
    let Some(seen) = accepted.or_else(|| case.tcp().last()) else {
        let proxied = answers(case).any(|seen| seen.value.0 == Method::Connect);
        return proxied.then(|| (Outcome::Skipped, None, "a web proxy connects for the client".to_owned()));
    };
    let outcome = if *seen.value == TcpAnswer::Accepted { Outcome::Passed } else { Outcome::Failed };
    Some((outcome, took(case, seen.id), tcp_words(seen.value).to_owned()))
}

/// Iterates over the client's handshakes with it.
fn handshakes(case: Case<'_>) -> impl Iterator<Item = Seen<&Handshake>> {
    case.seen(|fact| if let Fact::TlsAnswer { answer, .. } = fact { Some(answer) } else { None })
}

fn tls(case: Case<'_>) -> Option<Rung> {
    let finished =
        handshakes(case).filter(|seen| matches!(seen.value, Handshake::Accepted { finished: true, .. })).last();
    let Some(seen) = finished.or_else(|| handshakes(case).last()) else {
        let clear = answers(case).any(|seen| seen.value.0 != Method::Connect);
        return clear.then(|| (Outcome::Skipped, None, "taken off before this point: HTTP in clear".to_owned()));
    };
    let refused_by_client = case.seen(|fact| match fact {
        Fact::CapturedConnection(connection) => connection.client_alert.clone(),
        _ => None,
    });
    let (outcome, text) = match (seen.value, refused_by_client.last()) {
        (Handshake::Accepted { finished: false, .. }, Some(alert)) => {
            (Outcome::Failed, format!("{}; the client ended it with {}", accepted_words(seen.value), alert.value))
        }
        (Handshake::Accepted { .. }, _) => (Outcome::Passed, accepted_words(seen.value)),
        (refused, _) => (Outcome::Failed, refused_words(refused)),
    };
    Some((outcome, took(case, seen.id), text))
}

/// Describes its certificate, and whether it was valid when it was shown.
fn certificate(case: Case<'_>) -> Option<Rung> {
    let unreadable = case.last(|fact| matches!(fact, Fact::CertificateUnreadable).then_some(()));
    if unreadable.is_some() {
        return Some((Outcome::Failed, None, "what was sent as a certificate could not be read".to_owned()));
    }
    let Some(until) = case.not_after() else {
        let hidden =
            |seen: Seen<&Handshake>| matches!(seen.value, Handshake::Accepted { version: Some(TlsVersion::Tls13), .. });
        let text = "TLS 1.3 encrypts it: no capture shows it";
        return handshakes(case).any(hidden).then(|| (Outcome::Skipped, None, text.to_owned()));
    };
    let subject = case.certificate_subject().map(|seen| seen.value).unwrap_or_default();
    let names = case.certificate_names().map(|seen| seen.value.join(", ")).unwrap_or_default();
    // the time of the newest connection to it
    let at = case.context.at;
    let from = case.not_before().filter(|from| at < from.value);
    let (outcome, validity) = match from {
        Some(from) => {
            (Outcome::Degraded, format!("not yet valid by {}: from {}", case.clock(from.id), from.value.date()))
        }
        None if at > until.value => {
            (Outcome::Degraded, format!("had expired on {} by {}", until.value.date(), case.clock(until.id)))
        }
        None => (Outcome::Passed, format!("valid until {}", until.value.date())),
    };
    Some((outcome, None, format!("{subject}, for {names}; {validity}")))
}

/// Iterates over the HTTP requests and their answers.
fn answers(case: Case<'_>) -> impl Iterator<Item = Seen<(Method, &WebAnswer)>> {
    case.seen(|fact| match fact {
        Fact::HttpAnswer { method, answer, .. } => Some((*method, answer)),
        _ => None,
    })
}

fn answer(case: Case<'_>) -> Option<Rung> {
    let of_gateway = || answers(case).filter(|seen| seen.value.0 != Method::Connect);
    let passed = of_gateway().filter(|seen| matches!(seen.value.1.status(), Some(101 | 200))).last();
    if let Some(seen) = passed.or_else(|| of_gateway().last()) {
        let (outcome, text) = said_by_gateway(seen.value.1);
        return Some((outcome, took(case, seen.id), format!("{} {text}", seen.value.0.word())));
    }
    let through = answers(case).any(|seen| matches!(seen.value.1.status(), Some(200..=299)));
    if let Some(seen) = answers(case).last().filter(|_| !through) {
        return Some((Outcome::Failed, took(case, seen.id), said_by_proxy(seen.value.1)));
    }
    let encrypted = handshakes(case).any(|seen| matches!(seen.value, Handshake::Accepted { .. }));
    encrypted.then(|| (Outcome::Skipped, None, "encrypted: a capture does not show it".to_owned()))
}

/// Interprets the status of an answer: the first ones by [MS-TSGU] 3.3.5.1, the others by general knowledge about
/// gateways.
fn said_by_gateway(answer: &WebAnswer) -> (Outcome, String) {
    let WebAnswer::Response(response) = answer else { return (Outcome::Failed, without_status(answer)) };
    let (outcome, meaning) = match response.status {
        101 if response.websocket => (Outcome::Passed, "let through, over a WebSocket".to_owned()),
        101 => (Outcome::Degraded, "switched to another protocol than a WebSocket".to_owned()),
        200 => (Outcome::Passed, "let through, with a channel for each direction".to_owned()),
        401 => {
            let schemes = offered(&response.authenticate);
            (Outcome::Passed, format!("asks who it is{schemes}, the usual first answer of a gateway"))
        }
        403 | 404 | 410 => {
            let text = "not a gateway, switched off, or the path is blocked on the way";
            (Outcome::Failed, text.to_owned())
        }
        407 => (Outcome::Failed, proxy_logon(response)),
        502 => (Outcome::Failed, "what stands before the gateway's service cannot reach it".to_owned()),
        503 => (Outcome::Failed, "the gateway's service is stopped or takes no more".to_owned()),
        _ => (Outcome::Failed, "no answer that a gateway gives to a client that it takes".to_owned()),
    };
    (outcome, format!("answered with {}: {meaning}", response.status))
}

fn said_by_proxy(answer: &WebAnswer) -> String {
    match answer {
        WebAnswer::Response(response) if response.status == 407 => {
            format!("CONNECT answered with 407: {}", proxy_logon(response))
        }
        WebAnswer::Response(response) => {
            format!("CONNECT answered with {}: the web proxy does not lead there", response.status)
        }
        _ => format!("CONNECT {}", without_status(answer)),
    }
}

fn proxy_logon(response: &Response) -> String {
    format!("a web proxy on the client's side wants a logon{}", offered(&response.proxy_authenticate))
}

fn offered(schemes: &[&str]) -> String {
    if schemes.is_empty() { String::new() } else { format!(" ({})", schemes.join(", ")) }
}

fn without_status(answer: &WebAnswer) -> String {
    match answer {
        WebAnswer::Response(response) => format!("answered with {}", response.status),
        WebAnswer::Foreign => "answered with something else than HTTP".to_owned(),
        WebAnswer::Closed(end) => format!("{} without an answer", end.verb()),
        WebAnswer::Silent => "without an answer in time".to_owned(),
    }
}
