//! The text form of what a capture shows: what was understood of it, and nothing else that its packets hold.
//!
//! ```text
//! from 1795251601.000000000
//! connection 192.0.2.1:50000 192.0.2.7:3389 1795251601.000000000 sent=318 received=1402
//!   tcp 0.005000000 0.005000000 accepted
//!   request 0.000000000 1795251601.015000000 SSL+HYBRID
//!   answer 0.005000000 1795251601.020000000 server 030000130ed000001234000200080002000000
//!   hello 0.000000000 1795251601.030000000 1.0 1.2 c030+c02f 001d 0401 0 00…
//!   handshake 0.010000000 1795251601.045000000 established 1.2 c030 3082…
//!   end client fin 1.200000000
//! tunnel 192.0.2.1:50002 192.0.2.9:80 1795251601.000000000 sent=318 received=1402
//!   web 0.000000000 1795251601.015000000 RDG_OUT_DATA gw.corp.example 443
//!   web-answer 0.005000000 1795251601.020000000 status 401 Negotiate+NTLM - no
//! connection 192.0.2.1:50003 192.0.2.10:1080 1795251601.000000000 sent=318 received=1402
//!   socks 0.005000000 1795251601.015000000 5 10.0.0.1 3389 0
//! tally 192.0.2.7:3389 connections=1003 clients=1001 failing=1 until=1795251601.000000000
//!   failing 192.0.2.1 attempts=3 last=1795251601.000000000 passed-since=998
//! udp 192.0.2.1:50001 192.0.2.7:3389 1795251602.000000000 ask lossy=no version=2
//!   answer 0.010000000 lossy=no version=2
//! ```
//!
//! Of a stage stand how long it took and when it was over. Bytes and words are hexadecimal, `-` is nothing, and lists
//! are joined by `+`.

mod read;

use std::fmt::{self, Write};
use std::time::Duration;

use thiserror::Error;

use super::socks::Socks;
use super::table::{Seen, Side, UdpWatched, Watched};
use super::tally::{FailingClient, Tally};
use super::web::{Web, WebAnswer};
use crate::foreign::ForeignService;
use crate::hex;
use crate::http::{self, Response};
use crate::machine::{ConnectFailure, End, Presented, TcpAnswer, Timed, TlsAnswer, X224Answer};
use crate::rdpeudp::Syn;
use crate::tls::{ClientHello, TlsVersion};
use crate::x224::ConnectionRequest;

/// The most lines that are read: a capture has at most 2048 connections of two dozen lines, and as many transports of
/// two.
const LINES: usize = 100_000;

/// Why text is not what a capture shows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeenError {
    /// Far more lines than any capture has.
    #[error("read recorded capture: more than {LINES} lines")]
    TooLarge,
    /// A line that cannot be understood.
    #[error("read recorded capture, line {line}: {what} is not valid")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The part of it that is wrong.
        what: &'static str,
    },
}

/// A time with nine digits behind the point.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:09}", self.0.as_secs(), self.0.subsec_nanos())
    }
}

/// Bytes, or `-` for none.
struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { out.write_char('-') } else { out.write_str(&hex::encode(self.0)) }
    }
}

/// Numbers of a registry, or `-` for none.
struct Codes<'a>(&'a [u16]);

impl fmt::Display for Codes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_char('-');
        }
        let codes: Vec<_> = self.0.iter().map(|code| format!("{code:04x}")).collect();
        out.write_str(&codes.join("+"))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, time) in [("from", self.from), ("until", self.until)] {
            if let Some(time) = time {
                writeln!(out, "{word} {}", Seconds(time))?;
            }
        }
        let counts = [("left-out", self.left_out), ("passed-over", self.passed_over), ("foreign", self.foreign)];
        for (word, count) in counts {
            if count > 0 {
                writeln!(out, "{word} {count}")?;
            }
        }
        self.connections.iter().try_for_each(|watched| write_connection(out, "connection", watched))?;
        self.tunnels.iter().try_for_each(|watched| write_connection(out, "tunnel", watched))?;
        self.tallies.iter().try_for_each(|tally| write_tally(out, tally))?;
        self.transports.iter().try_for_each(|watched| write_transport(out, watched))
    }
}

fn write_connection(out: &mut fmt::Formatter<'_>, word: &str, watched: &Watched) -> fmt::Result {
    let Watched { client, host, began, sent, received, exchange, .. } = watched;
    write!(out, "{word} {client} {host} {} sent={sent} received={received}", Seconds(*began))?;
    for (flag, set) in [("midway", watched.midway), ("gaps", watched.gaps), ("altered", watched.altered)] {
        if set {
            write!(out, " {flag}")?;
        }
    }
    match watched.one_sided {
        Some(Side::Client) => out.write_str(" only-client")?,
        Some(Side::Host) => out.write_str(" only-host")?,
        None => {}
    }
    out.write_char('\n')?;
    write_stage(out, "tcp", watched.tcp.as_ref(), |out, answer| match answer {
        TcpAnswer::Accepted => out.write_str("accepted"),
        TcpAnswer::Silent => out.write_str("silent"),
        TcpAnswer::Failed(failure) => write_failure(out, failure),
    })?;
    write_stage(out, "socks", exchange.socks.as_ref(), |out, Socks { version, host, port, reply }| {
        let reply = reply.map_or("-".to_owned(), |reply| reply.to_string());
        write!(out, "{version} {host} {port} {reply}")
    })?;
    write_stage(out, "request", exchange.request.as_ref(), write_request)?;
    write_stage(out, "answer", exchange.answer.as_ref(), write_answer)?;
    if let Some(Web { request, answers }) = &exchange.web {
        write_stage(out, "web", Some(request), write_web_request)?;
        answers.iter().try_for_each(|answer| write_stage(out, "web-answer", Some(answer), write_web_answer))?;
    }
    write_stage(out, "hello", exchange.hello.as_ref(), write_hello)?;
    let write = |out: &mut fmt::Formatter<'_>, answer: &TlsAnswer| write_handshake(out, answer, &exchange.presented);
    write_stage(out, "handshake", exchange.handshake.as_ref(), write)?;
    for (word, alert) in [("client-alert", exchange.client_alert), ("host-alert", exchange.server_alert)] {
        if let Some(alert) = alert {
            writeln!(out, "  {word} {} {} # {alert}", alert.level, alert.description)?;
        }
    }
    if exchange.hidden {
        writeln!(out, "  hidden")?;
    }
    watched
        .ends
        .iter()
        .try_for_each(|(side, end, at)| writeln!(out, "  end {} {} {}", side_name(*side), end_name(*end), Seconds(*at)))
}

fn write_stage<T>(
    out: &mut fmt::Formatter<'_>,
    word: &str,
    stage: Option<&Timed<T>>,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let Some(Timed { value, took, at }) = stage else { return Ok(()) };
    write!(out, "  {word} {} {} ", Seconds(*took), Seconds(*at))?;
    write(out, value)?;
    out.write_char('\n')
}

fn write_failure(out: &mut fmt::Formatter<'_>, failure: &ConnectFailure) -> fmt::Result {
    match failure {
        ConnectFailure::Refused => out.write_str("refused"),
        ConnectFailure::TimedOut => out.write_str("timed-out"),
        ConnectFailure::NetworkUnreachable => out.write_str("network-unreachable"),
        ConnectFailure::HostUnreachable => out.write_str("host-unreachable"),
        ConnectFailure::Other(words) => write!(out, "other {}", Bytes(words.as_bytes())),
    }
}

fn write_request(out: &mut fmt::Formatter<'_>, request: &Result<ConnectionRequest, String>) -> fmt::Result {
    match request {
        Err(words) => write!(out, "broken {}", Bytes(words.as_bytes())),
        Ok(ConnectionRequest { cookie, token, protocols }) => {
            match protocols {
                Some(protocols) => write!(out, "{protocols}")?,
                None => out.write_char('-')?,
            }
            cookie.iter().try_for_each(|cookie| write!(out, " cookie={}", Bytes(cookie.as_bytes())))?;
            token.iter().try_for_each(|token| write!(out, " token={}", Bytes(token.as_str().as_bytes())))
        }
    }
}

fn write_answer(out: &mut fmt::Formatter<'_>, answer: &X224Answer) -> fmt::Result {
    match answer {
        X224Answer::Server(answer) => write!(out, "server {}", Bytes(&answer.encode())),
        X224Answer::Foreign { service, bytes } => write!(out, "foreign {} {}", service_word(*service), Bytes(bytes)),
        X224Answer::NotTpkt(bytes) => write!(out, "not-tpkt {}", Bytes(bytes)),
        X224Answer::Malformed { bytes, error } => {
            write!(out, "malformed {} {}", Bytes(bytes), Bytes(error.as_bytes()))
        }
        X224Answer::Closed(end) => write!(out, "closed {}", end_name(*end)),
        X224Answer::ClosedBeforeRequest(end) => write!(out, "closed-before-request {}", end_name(*end)),
        X224Answer::HeldOpen => out.write_str("held-open"),
        X224Answer::Incomplete(bytes) => write!(out, "incomplete {}", Bytes(bytes)),
        X224Answer::Silent => out.write_str("silent"),
    }
}

fn write_web_request(out: &mut fmt::Formatter<'_>, request: &http::Request) -> fmt::Result {
    let http::Request { method, host, port } = request;
    let port = port.map_or("-".to_owned(), |port| port.to_string());
    write!(out, "{} {} {port}", method.word(), host.as_deref().unwrap_or("-"))
}

fn write_web_answer(out: &mut fmt::Formatter<'_>, answer: &WebAnswer) -> fmt::Result {
    let schemes = |names: &[&str]| if names.is_empty() { "-".to_owned() } else { names.join("+") };
    match answer {
        WebAnswer::Response(Response { status, authenticate, proxy_authenticate, websocket }) => {
            let (own, proxy) = (schemes(authenticate), schemes(proxy_authenticate));
            write!(out, "status {status} {own} {proxy} {}", yes(*websocket))
        }
        WebAnswer::Foreign => out.write_str("foreign"),
        WebAnswer::Closed(end) => write!(out, "closed {}", end_name(*end)),
        WebAnswer::Silent => out.write_str("silent"),
    }
}

fn write_hello(out: &mut fmt::Formatter<'_>, hello: &ClientHello) -> fmt::Result {
    let ClientHello { min, max, suites, groups, signatures, random, pad_to, server_name, style: _ } = hello;
    write!(out, "{} {} {} ", min.number(), max.number(), Codes(suites))?;
    write!(out, "{} {} {pad_to} {}", Codes(groups), Codes(signatures), Bytes(random))?;
    server_name.iter().try_for_each(|name| write!(out, " name={name}"))
}

fn write_handshake(out: &mut fmt::Formatter<'_>, answer: &TlsAnswer, presented: &Presented) -> fmt::Result {
    let number = |version: Option<TlsVersion>| version.map_or("-", TlsVersion::number);
    match answer {
        TlsAnswer::Accepted { version, suite, finished: true } => {
            write!(out, "established {} {suite:04x}", number(*version))?;
            write_chain(out, &presented.chain)
        }
        TlsAnswer::Accepted { version, suite, finished: false } => {
            let Presented { chain, wants_client_certificate, retry, group, signature, prime_bits } = presented;
            let code = |code: Option<u16>| code.map_or("-".to_owned(), |code| format!("{code:04x}"));
            let bits = prime_bits.map_or("-".to_owned(), |bits| bits.to_string());
            let (wants, retry) = (yes(*wants_client_certificate), yes(*retry));
            write!(out, "flight {} {suite:04x} {wants} {retry} ", number(*version))?;
            write!(out, "{} {} {bits}", code(*group), code(*signature))?;
            write_chain(out, chain)
        }
        TlsAnswer::Alert(alert) => write!(out, "alert {} {}", alert.level, alert.description),
        TlsAnswer::Closed { end, bytes } => write!(out, "closed {} {bytes}", end_name(*end)),
        TlsAnswer::Silent { bytes } => write!(out, "silent {bytes}"),
        TlsAnswer::WrongKey => out.write_str("wrong-key"),
        TlsAnswer::NotTls(bytes) => write!(out, "not-tls {}", Bytes(bytes)),
        TlsAnswer::Malformed(words) => write!(out, "malformed {}", Bytes(words.as_bytes())),
        TlsAnswer::OwnFailure(words) => write!(out, "own-failure {}", Bytes(words.as_bytes())),
    }
}

fn write_chain(out: &mut fmt::Formatter<'_>, chain: &[Vec<u8>]) -> fmt::Result {
    chain.iter().try_for_each(|der| write!(out, " {}", Bytes(der)))
}

fn write_transport(out: &mut fmt::Formatter<'_>, watched: &UdpWatched) -> fmt::Result {
    let UdpWatched { client, host, began, asked, answer } = watched;
    writeln!(out, "udp {client} {host} {} {}", Seconds(*began), SynText(asked))?;
    answer.iter().try_for_each(|(syn, took)| writeln!(out, "  answer {} {}", Seconds(*took), SynText(syn)))
}

fn write_tally(out: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    let Tally { host, connections, clients, failing, until, named } = tally;
    let until = Seconds(*until);
    writeln!(out, "tally {host} connections={connections} clients={clients} failing={failing} until={until}")?;
    named.iter().try_for_each(|FailingClient { client, attempts, last, passed_since }| {
        let last = Seconds(*last);
        writeln!(out, "  failing {client} attempts={attempts} last={last} passed-since={passed_since}")
    })
}

struct SynText<'a>(&'a Syn);

impl fmt::Display for SynText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.acknowledges { "acknowledge" } else { "ask" };
        let version = self.0.version.map_or("-".to_owned(), |version| version.to_string());
        write!(out, "{kind} lossy={} version={version}", yes(self.0.lossy))
    }
}

fn yes(so: bool) -> &'static str {
    if so { "yes" } else { "no" }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Host => "host",
    }
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Fin => "fin",
        End::Rst => "rst",
    }
}

const SERVICES: [(ForeignService, &str); 8] = [
    (ForeignService::Ssh, "ssh"),
    (ForeignService::Http, "http"),
    (ForeignService::Vnc, "vnc"),
    (ForeignService::Smtp, "smtp"),
    (ForeignService::Ftp, "ftp"),
    (ForeignService::Tls, "tls"),
    (ForeignService::Mail, "mail"),
    (ForeignService::Telnet, "telnet"),
];

fn service_word(service: ForeignService) -> &'static str {
    SERVICES.iter().find(|(known, _)| *known == service).map_or("-", |(_, word)| word)
}
