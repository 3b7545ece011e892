//! HTTP in clear between a client and an RD Gateway, where somebody has taken TLS off, or a web proxy on the way to
//! one.

use super::exchange::{Ending, PATIENCE};
use super::stream::Stream;
use crate::http::{self, Head, Method, Request, Response};
use crate::machine::{End, Timed};

/// The most answers on one connection that are told: a logon takes three.
const ANSWERS: usize = 8;

/// Exchange in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The first request.
    pub request: Timed<Request>,
    /// Answers to it and to those that followed it.
    pub answers: Vec<Timed<WebAnswer>>,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebAnswer {
    /// With a status.
    Response(Response),
    /// With something else than HTTP.
    Foreign,
    /// With the end of the connection.
    Closed(End),
    /// With nothing, or not enough.
    Silent,
}

impl WebAnswer {
    /// The status code.
    pub fn status(&self) -> Option<u16> {
        if let Self::Response(response) = self { Some(response.status) } else { None }
    }
}

impl Web {
    /// True if the last answer let the client through.
    pub fn passed(&self) -> bool {
        self.answers.last().and_then(|answer| answer.value.status()).is_some_and(|status| matches!(status, 101 | 200))
    }

    /// True if no further request can be expected.
    pub fn settled(&self) -> bool {
        let last = self.answers.last().and_then(|answer| answer.value.status());
        self.answers.len() >= ANSWERS || last.is_some_and(|status| !matches!(status, 401 | 407))
    }

    /// Reads requests and answers in turn. Where a way through a proxy opens: at which bytes it begins on both sides.
    pub(super) fn read(up: &Stream, down: &Stream, ending: Ending) -> Option<(Self, Option<(usize, usize)>)> {
        let (mut sent, mut answered) = (0_usize, 0_usize);
        let mut web: Option<Self> = None;
        for _ in 0..ANSWERS {
            let behind = up.bytes().get(sent..).unwrap_or_default();
            let Head::Complete { value: request, size, body } = http::request(behind) else { break };
            sent = sent.saturating_add(size);
            let Some(asked) = up.time_of(sent) else { break };
            let method = request.method;
            let first = Timed { value: request, took: std::time::Duration::ZERO, at: asked };
            let web = web.get_or_insert_with(|| Self { request: first, answers: Vec::new() });
            let Some((answer, size, rest)) = answer(down, answered, asked, ending) else { break };
            answered = answered.saturating_add(size);
            let opened = method == Method::Connect && matches!(answer.value.status(), Some(200..=299));
            web.answers.push(answer);
            if opened {
                return Some((web.clone(), Some((sent, answered))));
            }
            let (Some(body), Some(rest)) = (body, rest) else { break };
            (sent, answered) = (sent.saturating_add(body), answered.saturating_add(rest));
        }
        web.map(|web| (web, None))
    }
}

/// The next answer, the bytes of its head, and how many follow it; `None` where the capture does not show one.
fn answer(
    down: &Stream,
    before: usize,
    asked: std::time::Duration,
    ending: Ending,
) -> Option<(Timed<WebAnswer>, usize, Option<usize>)> {
    let timed = |value, at: std::time::Duration| Timed { value, took: at.saturating_sub(asked), at };
    let mut place = before;
    // what only says that more is to come is none
    for _ in 0..ANSWERS {
        let heard = down.bytes().get(place..).unwrap_or_default();
        let at = |count: usize| down.time_of(place.saturating_add(count)).unwrap_or(asked);
        let value = match http::response(heard) {
            Head::Complete { value, size, .. } if matches!(value.status, 100 | 102..=199) => {
                place = place.saturating_add(size);
                continue;
            }
            Head::Complete { value, size, body } => {
                let read = place.saturating_sub(before).saturating_add(size);
                return Some((timed(WebAnswer::Response(value), at(size)), read, body));
            }
            Head::Other => return Some((timed(WebAnswer::Foreign, at(1)), 0, None)),
            Head::Incomplete if down.broken_off() || !ending.host_seen => return None,
            Head::Incomplete => match ending.by_host {
                Some((end, at)) => timed(WebAnswer::Closed(end), at),
                None if ending.watched_until.saturating_sub(asked) < PATIENCE => return None,
                None => timed(WebAnswer::Silent, ending.watched_until),
            },
        };
        return Some((value, 0, None));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capture::Exchange;
    use crate::capture::exchange::may_be_hello;
    use crate::machine::TlsAnswer;
    use crate::tls::{ClientHello, Segments, TlsOffer};

    const ENDING: Ending = Ending { by_host: None, watched_until: Duration::from_mins(1), host_seen: true };
    const CONNECT: &str = "CONNECT gw.corp.example:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n";
    const REFUSED: &str = "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 3\r\n\r\nno.";

    fn stream(bytes: &[u8]) -> Stream {
        let mut stream = Stream::default();
        stream.begin(1);
        stream.take(Duration::from_secs(9), 1, bytes, 0);
        stream
    }

    fn exchange(up: &[u8], down: &[u8]) -> Exchange {
        Exchange::read(&stream(up), &stream(down), ENDING)
    }

    fn hello() -> Vec<u8> {
        let hello = ClientHello::of(TlsOffer::PLAIN_12, [7; 32]);
        ClientHello { server_name: Some("gw.corp.example".to_owned()), ..hello }.encode(Segments::Whole).concat()
    }

    #[test]
    fn tls_is_read_at_once_and_behind_the_way_through_a_proxy() {
        let alert = [21, 3, 3, 0, 2, 2, 40];
        let at_once = exchange(&hello(), &alert);
        assert!(at_once.begins_with_tls() && at_once.settled());
        let up = [CONNECT.as_bytes(), CONNECT.as_bytes(), &hello()].concat();
        let down = [REFUSED.as_bytes(), b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", &alert].concat();
        let behind = exchange(&up, &down);
        assert_eq!((&behind.hello, &behind.handshake), (&at_once.hello, &at_once.handshake));
        assert!(matches!(behind.handshake.as_ref().unwrap().value, TlsAnswer::Alert(_)) && !behind.begins_with_tls());
        let statuses: Vec<_> = behind.web.unwrap().answers.iter().map(|answer| answer.value.status()).collect();
        assert_eq!(statuses, [Some(407), Some(200)]);
    }

    #[test]
    fn what_only_says_that_more_comes_is_no_answer() {
        let down = [b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(), REFUSED.as_bytes()].concat();
        let web = exchange(CONNECT.as_bytes(), &down).web.unwrap();
        assert_eq!(web.answers.first().unwrap().value.status(), Some(407));
        assert!(!web.passed() && !web.settled());
    }

    #[test]
    fn a_connection_that_never_comes_to_an_end_is_bounded() {
        let down = REFUSED.as_bytes().repeat(100);
        let web = exchange(CONNECT.repeat(100).as_bytes(), &down).web.unwrap();
        assert_eq!((web.answers.len(), web.settled()), (ANSWERS, true));
    }

    #[test]
    fn a_hello_is_waited_for_while_it_may_become_one() {
        assert!(may_be_hello(&[]) && may_be_hello(&[22, 3]) && may_be_hello(&hello()));
        assert!(!may_be_hello(b"GET ") && !may_be_hello(&[22, 3, 3, 0, 9, 2]));
    }
}
