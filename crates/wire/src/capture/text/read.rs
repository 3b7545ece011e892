//! Reading the text form.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::{LINES, SERVICES, SeenError, yes};
use crate::capture::exchange::Exchange;
use crate::capture::socks::Socks;
use crate::capture::table::{Seen, Side, UdpWatched, Watched};
use crate::capture::tally::{FailingClient, Tally};
use crate::capture::web::{Web, WebAnswer};
use crate::hex;
use crate::http::{self, Method, Request, Response};
use crate::machine::{ConnectFailure, End, Presented, TcpAnswer, Timed, TlsAnswer, X224Answer};
use crate::rdpeudp::Syn;
use crate::tls::{Alert, ClientHello, HelloStyle, TlsVersion, host_name};
use crate::x224::{ConnectionRequest, RoutingToken, SecurityProtocols, ServerAnswer};

impl FromStr for Seen {
    type Err = SeenError;

    fn from_str(text: &str) -> Result<Self, SeenError> {
        let mut seen = Self::default();
        let mut within = Within::Nothing;
        for (line, text) in (1..).zip(text.lines()) {
            if line > LINES {
                return Err(SeenError::TooLarge);
            }
            let mut words = Words(text.split('#').next().unwrap_or_default().split_whitespace());
            seen.line(text.starts_with(' '), &mut within, &mut words)
                .and_then(|()| words.end())
                .map_err(|what| SeenError::Line { line, what })?;
        }
        Ok(seen)
    }
}

/// To what a line that begins with a space belongs.
enum Within {
    Nothing,
    Connection,
    Tunnel,
    Transport,
    Tally,
}

impl Seen {
    fn line(&mut self, inside: bool, within: &mut Within, words: &mut Words<'_>) -> Result<(), &'static str> {
        let Some(first) = words.0.next() else { return Ok(()) };
        match (inside, first) {
            (false, "from") => self.from = Some(words.seconds("from")?),
            (false, "until") => self.until = Some(words.seconds("until")?),
            (false, "left-out") => self.left_out = words.parse("left-out")?,
            (false, "passed-over") => self.passed_over = words.parse("passed-over")?,
            (false, "foreign") => self.foreign = words.parse("foreign")?,
            (false, "connection") => {
                self.connections.push(read_connection(words)?);
                *within = Within::Connection;
            }
            (false, "tunnel") => {
                self.tunnels.push(read_connection(words)?);
                *within = Within::Tunnel;
            }
            (false, "tally") => {
                let host = words.parse("host")?;
                let (connections, clients) = (words.number("connections")?, words.number("clients")?);
                let failing = words.number("failing")?;
                let until = read_seconds(words.named("until")?).ok_or("until")?;
                self.tallies.push(Tally { host, connections, clients, failing, until, named: Vec::new() });
                *within = Within::Tally;
            }
            (false, "udp") => {
                let (client, host) = (words.parse("client")?, words.parse("host")?);
                let (began, asked) = (words.seconds("time")?, read_syn(words)?);
                self.transports.push(UdpWatched { client, host, began, asked, answer: None });
                *within = Within::Transport;
            }
            (true, stage) => self.inside(within, stage, words)?,
            _ => return Err("first word"),
        }
        Ok(())
    }

    fn inside(&mut self, within: &Within, stage: &str, words: &mut Words<'_>) -> Result<(), &'static str> {
        let watched = match within {
            Within::Connection => self.connections.last_mut(),
            Within::Tunnel => self.tunnels.last_mut(),
            Within::Nothing | Within::Transport | Within::Tally => None,
        };
        if let Some(watched) = watched {
            return read_stage(watched, stage, words);
        }
        if let (Within::Tally, Some(tally)) = (within, self.tallies.last_mut()) {
            if stage != "failing" || tally.named.len() >= 64 {
                return Err("stage");
            }
            tally.named.push(FailingClient {
                client: words.parse("client")?,
                attempts: words.number("attempts")?,
                last: read_seconds(words.named("last")?).ok_or("last")?,
                passed_since: words.number("passed-since")?,
            });
            return Ok(());
        }
        match (within, self.transports.last_mut()) {
            (Within::Transport, Some(watched)) if stage == "answer" => {
                let took = words.seconds("time")?;
                watched.answer = Some((read_syn(words)?, took));
                Ok(())
            }
            _ => Err("place of the line"),
        }
    }
}

/// Words of one line; each method takes the next and says what is wrong if it cannot be understood.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &'static str) -> Result<&'a str, &'static str> {
        self.0.next().ok_or(what)
    }

    fn parse<T: FromStr>(&mut self, what: &'static str) -> Result<T, &'static str> {
        self.next(what)?.parse().map_err(|_| what)
    }

    /// The value behind `name=`.
    fn named(&mut self, name: &'static str) -> Result<&'a str, &'static str> {
        self.next(name)?.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).ok_or(name)
    }

    /// The number behind `name=`.
    fn number(&mut self, name: &'static str) -> Result<u64, &'static str> {
        self.named(name)?.parse().map_err(|_| name)
    }

    fn seconds(&mut self, what: &'static str) -> Result<Duration, &'static str> {
        read_seconds(self.next(what)?).ok_or(what)
    }

    fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, &'static str> {
        read_bytes(self.next(what)?).ok_or(what)
    }

    fn text(&mut self, what: &'static str) -> Result<String, &'static str> {
        String::from_utf8(self.bytes(what)?).map_err(|_| what)
    }

    fn yes(&mut self, what: &'static str) -> Result<bool, &'static str> {
        read_yes(self.next(what)?).ok_or(what)
    }

    fn code(&mut self, what: &'static str) -> Result<u16, &'static str> {
        read_code(self.next(what)?).ok_or(what)
    }

    fn codes(&mut self, what: &'static str) -> Result<Vec<u16>, &'static str> {
        match self.next(what)? {
            "-" => Ok(Vec::new()),
            list => list.split('+').map(|code| read_code(code).ok_or(what)).collect(),
        }
    }

    fn version(&mut self, what: &'static str) -> Result<TlsVersion, &'static str> {
        TlsVersion::parse(self.next(what)?).ok_or(what)
    }

    fn ending(&mut self) -> Result<End, &'static str> {
        match self.next("end")? {
            "fin" => Ok(End::Fin),
            "rst" => Ok(End::Rst),
            _ => Err("end"),
        }
    }

    fn chain(&mut self) -> Result<Vec<Vec<u8>>, &'static str> {
        self.0.by_ref().map(|word| read_bytes(word).ok_or("certificate")).collect()
    }

    fn end(&mut self) -> Result<(), &'static str> {
        self.0.next().map_or(Ok(()), |_| Err("end of the line"))
    }
}

fn read_seconds(word: &str) -> Option<Duration> {
    let (whole, nanos) = word.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let nanos: u32 = (nanos.len() == 9 && digits(nanos) && digits(whole)).then(|| nanos.parse().ok())??;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn read_bytes(word: &str) -> Option<Vec<u8>> {
    if word == "-" { Some(Vec::new()) } else { hex::decode(word) }
}

fn read_yes(word: &str) -> Option<bool> {
    [true, false].into_iter().find(|so| yes(*so) == word)
}

fn read_code(word: &str) -> Option<u16> {
    hex::decode(word).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
}

/// A value, or `-` for none.
fn read_optional<T>(
    word: &str,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    if word == "-" { Ok(None) } else { read(word).map(Some).ok_or(what) }
}

fn read_connection(words: &mut Words<'_>) -> Result<Watched, &'static str> {
    let address = |words: &mut Words<'_>| -> Result<SocketAddr, &'static str> { words.parse("address") };
    let mut watched = Watched {
        client: address(words)?,
        host: address(words)?,
        began: words.seconds("time")?,
        tcp: None,
        exchange: Exchange::default(),
        ends: Vec::new(),
        sent: words.named("sent")?.parse().map_err(|_| "sent")?,
        received: words.named("received")?.parse().map_err(|_| "received")?,
        midway: false,
        one_sided: None,
        gaps: false,
        altered: false,
    };
    for flag in words.0.by_ref() {
        match flag {
            "midway" => watched.midway = true,
            "gaps" => watched.gaps = true,
            "altered" => watched.altered = true,
            "only-client" => watched.one_sided = Some(Side::Client),
            "only-host" => watched.one_sided = Some(Side::Host),
            _ => return Err("flag"),
        }
    }
    Ok(watched)
}

fn read_stage(watched: &mut Watched, stage: &str, words: &mut Words<'_>) -> Result<(), &'static str> {
    let exchange = &mut watched.exchange;
    match stage {
        "tcp" => watched.tcp = Some(timed(words, read_tcp)?),
        "socks" => exchange.socks = Some(timed(words, read_socks)?),
        "request" => exchange.request = Some(timed(words, read_request)?),
        "answer" => exchange.answer = Some(timed(words, read_answer)?),
        "web" => {
            let request = timed(words, read_web_request)?;
            exchange.web = Some(Web { request, answers: Vec::new() });
        }
        "web-answer" => {
            let web = exchange.web.as_mut().filter(|web| web.answers.len() < 64).ok_or("stage")?;
            web.answers.push(timed(words, read_web_answer)?);
        }
        "hello" => exchange.hello = Some(timed(words, read_hello)?),
        "handshake" => {
            let (answer, presented) = timed(words, read_handshake)?.split();
            (exchange.handshake, exchange.presented) = (Some(answer), presented);
        }
        "client-alert" => exchange.client_alert = Some(read_alert(words)?),
        "host-alert" => exchange.server_alert = Some(read_alert(words)?),
        "hidden" => exchange.hidden = true,
        "end" if watched.ends.len() < 8 => {
            let side = match words.next("side")? {
                "client" => Side::Client,
                "host" => Side::Host,
                _ => return Err("side"),
            };
            watched.ends.push((side, words.ending()?, words.seconds("time")?));
        }
        _ => return Err("stage"),
    }
    Ok(())
}

fn timed<T>(
    words: &mut Words<'_>,
    read: impl Fn(&mut Words<'_>) -> Result<T, &'static str>,
) -> Result<Timed<T>, &'static str> {
    let (took, at) = (words.seconds("time")?, words.seconds("time")?);
    Ok(Timed { value: read(words)?, took, at })
}

fn read_tcp(words: &mut Words<'_>) -> Result<TcpAnswer, &'static str> {
    Ok(match words.next("tcp")? {
        "accepted" => TcpAnswer::Accepted,
        "silent" => TcpAnswer::Silent,
        "refused" => TcpAnswer::Failed(ConnectFailure::Refused),
        "timed-out" => TcpAnswer::Failed(ConnectFailure::TimedOut),
        "network-unreachable" => TcpAnswer::Failed(ConnectFailure::NetworkUnreachable),
        "host-unreachable" => TcpAnswer::Failed(ConnectFailure::HostUnreachable),
        "other" => TcpAnswer::Failed(ConnectFailure::Other(words.text("tcp")?)),
        _ => return Err("tcp"),
    })
}

fn read_request(words: &mut Words<'_>) -> Result<Result<ConnectionRequest, String>, &'static str> {
    let first = words.next("request")?;
    if first == "broken" {
        return Ok(Err(words.text("request")?));
    }
    let protocols = read_optional(first, "request", SecurityProtocols::parse)?;
    let mut request = ConnectionRequest { protocols, ..ConnectionRequest::default() };
    let text = |bytes: &str| read_bytes(bytes).and_then(|bytes| String::from_utf8(bytes).ok());
    if words.0.clone().next().is_some_and(|word| word.starts_with("cookie=")) {
        request.cookie = Some(text(words.named("cookie")?).ok_or("cookie")?);
    }
    if words.0.clone().next().is_some() {
        let token = text(words.named("token")?).and_then(|token| RoutingToken::parse(&token));
        request.token = Some(token.ok_or("token")?);
    }
    Ok(Ok(request))
}

fn read_answer(words: &mut Words<'_>) -> Result<X224Answer, &'static str> {
    Ok(match words.next("answer")? {
        "server" => X224Answer::Server(ServerAnswer::decode(&words.bytes("answer")?).map_err(|_| "answer")?),
        "foreign" => {
            let word = words.next("service")?;
            let (service, _) = SERVICES.iter().find(|(_, known)| *known == word).ok_or("service")?;
            X224Answer::Foreign { service: *service, bytes: words.bytes("bytes")? }
        }
        "not-tpkt" => X224Answer::NotTpkt(words.bytes("bytes")?),
        "malformed" => X224Answer::Malformed { bytes: words.bytes("bytes")?, error: words.text("error")? },
        "closed" => X224Answer::Closed(words.ending()?),
        "closed-before-request" => X224Answer::ClosedBeforeRequest(words.ending()?),
        "held-open" => X224Answer::HeldOpen,
        "incomplete" => X224Answer::Incomplete(words.bytes("bytes")?),
        "silent" => X224Answer::Silent,
        _ => return Err("answer"),
    })
}

fn read_socks(words: &mut Words<'_>) -> Result<Socks, &'static str> {
    Ok(Socks {
        version: words.parse::<u8>("version").ok().filter(|version| matches!(version, 4 | 5)).ok_or("version")?,
        host: http::host(words.next("host")?).ok_or("host")?,
        port: words.parse("port")?,
        reply: read_optional(words.next("reply")?, "reply", |reply| reply.parse().ok())?,
    })
}

fn read_web_request(words: &mut Words<'_>) -> Result<Request, &'static str> {
    let method = words.next("method")?;
    let method = Method::ALL.into_iter().find(|known| known.word() == method).ok_or("method")?;
    let host = read_optional(words.next("host")?, "host", http::host)?;
    let port = read_optional(words.next("port")?, "port", |port| port.parse().ok())?;
    Ok(Request { method, host, port })
}

fn read_web_answer(words: &mut Words<'_>) -> Result<WebAnswer, &'static str> {
    Ok(match words.next("answer")? {
        "status" => WebAnswer::Response(Response {
            status: words.parse("status")?,
            authenticate: read_schemes(words)?,
            proxy_authenticate: read_schemes(words)?,
            websocket: words.yes("websocket")?,
        }),
        "foreign" => WebAnswer::Foreign,
        "closed" => WebAnswer::Closed(words.ending()?),
        "silent" => WebAnswer::Silent,
        _ => return Err("answer"),
    })
}

fn read_schemes(words: &mut Words<'_>) -> Result<Vec<&'static str>, &'static str> {
    match words.next("schemes")? {
        "-" => Ok(Vec::new()),
        list => {
            list.split('+').map(|word| http::SCHEMES.into_iter().find(|known| *known == word).ok_or("scheme")).collect()
        }
    }
}

fn read_hello(words: &mut Words<'_>) -> Result<ClientHello, &'static str> {
    let mut hello = ClientHello {
        min: words.version("version")?,
        max: words.version("version")?,
        suites: words.codes("suites")?,
        groups: words.codes("groups")?,
        signatures: words.codes("signatures")?,
        pad_to: words.parse("padding")?,
        random: words.bytes("random")?.try_into().map_err(|_| "random")?,
        server_name: None,
        style: HelloStyle::Plain,
    };
    if words.0.clone().next().is_some() {
        let name = host_name(words.named("name")?.as_bytes()).ok_or("name")?;
        hello.server_name = Some(name.to_owned());
    }
    Ok(hello)
}

fn read_handshake(words: &mut Words<'_>) -> Result<(TlsAnswer, Presented), &'static str> {
    let answer = match words.next("handshake")? {
        "established" => {
            let version = read_optional(words.next("version")?, "version", TlsVersion::parse)?;
            let answer = TlsAnswer::Accepted { version, suite: words.code("suite")?, finished: true };
            return Ok((answer, Presented { chain: words.chain()?, ..Presented::default() }));
        }
        "flight" => {
            let version = read_optional(words.next("version")?, "version", TlsVersion::parse)?;
            let answer = TlsAnswer::Accepted { version, suite: words.code("suite")?, finished: false };
            return Ok((answer, read_presented(words)?));
        }
        "alert" => TlsAnswer::Alert(read_alert(words)?),
        "closed" => TlsAnswer::Closed { end: words.ending()?, bytes: words.parse("bytes")? },
        "silent" => TlsAnswer::Silent { bytes: words.parse("bytes")? },
        "not-tls" => TlsAnswer::NotTls(words.bytes("bytes")?),
        "wrong-key" => TlsAnswer::WrongKey,
        "malformed" => TlsAnswer::Malformed(words.text("words")?),
        "own-failure" => TlsAnswer::OwnFailure(words.text("words")?),
        _ => return Err("handshake"),
    };
    Ok((answer, Presented::default()))
}

fn read_presented(words: &mut Words<'_>) -> Result<Presented, &'static str> {
    Ok(Presented {
        wants_client_certificate: words.yes("client certificate")?,
        retry: words.yes("retry")?,
        group: read_optional(words.next("group")?, "group", read_code)?,
        signature: read_optional(words.next("signature")?, "signature", read_code)?,
        prime_bits: read_optional(words.next("prime")?, "prime", |bits| bits.parse().ok())?,
        chain: words.chain()?,
    })
}

fn read_alert(words: &mut Words<'_>) -> Result<Alert, &'static str> {
    Ok(Alert { level: words.parse("level")?, description: words.parse("description")? })
}

fn read_syn(words: &mut Words<'_>) -> Result<Syn, &'static str> {
    let acknowledges = match words.next("kind")? {
        "acknowledge" => true,
        "ask" => false,
        _ => return Err("kind"),
    };
    let lossy = read_yes(words.named("lossy")?).ok_or("lossy")?;
    let version = read_optional(words.named("version")?, "version", |version| version.parse().ok())?;
    Ok(Syn { acknowledges, lossy, version })
}
