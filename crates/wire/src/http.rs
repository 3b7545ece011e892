//! Heads of HTTP/1 (RFC 9112) by which a client comes to an RD Gateway ([MS-TSGU] 1.3, 3.3.5.1) or through a web proxy
//! to it.
//!
//! Of a head only what is named here is looked at. Whatever proves who somebody is (`Authorization`, cookies, the
//! tokens behind the name of a scheme) is skipped, and so it can stand nowhere.

use std::net::IpAddr;

use crate::tls::host_name;

/// The longest first line, in bytes.
const LINE_LIMIT: usize = 8 * 1024;
/// The longest head, in bytes. A ticket of Kerberos in it has 64 KiB at most (`MaxTokenSize` of Windows, in Base64).
const HEAD_LIMIT: usize = 96 * 1024;
/// The path of a gateway ([MS-TSGU] 3.3.5.1), in small letters.
const GATEWAY_PATH: &str = "/remotedesktopgateway";
/// The paths of RPC over HTTP ([MS-RPCH] 2.2.2): mail programs have the same, a gateway alone is at this port behind
/// them.
const RPC_PATHS: [&str; 2] = ["/rpc/rpcproxy.dll?", "/rpcwithcert/rpcproxy.dll?"];
const RPC_PORT: &str = ":3388";

/// Request of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The channel from the gateway, or both in one where it becomes a WebSocket.
    RdgOutData,
    /// The channel to the gateway.
    RdgInData,
    /// The channel from the gateway, in RPC over HTTP.
    RpcOutData,
    /// The channel to the gateway, in RPC over HTTP.
    RpcInData,
    /// A way through a web proxy (RFC 9110 section 9.3.6).
    Connect,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::RdgOutData, Self::RdgInData, Self::RpcOutData, Self::RpcInData, Self::Connect];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::RdgOutData => "RDG_OUT_DATA",
            Self::RdgInData => "RDG_IN_DATA",
            Self::RpcOutData => "RPC_OUT_DATA",
            Self::RpcInData => "RPC_IN_DATA",
            Self::Connect => "CONNECT",
        }
    }

    /// True if it asks for what only a gateway has at this target.
    fn fits(self, target: &str) -> bool {
        let target = target.to_ascii_lowercase();
        match self {
            Self::RdgOutData | Self::RdgInData => target.starts_with(GATEWAY_PATH),
            Self::RpcOutData | Self::RpcInData => {
                RPC_PATHS.iter().any(|path| target.starts_with(path)) && target.ends_with(RPC_PORT)
            }
            Self::Connect => place(&target).0.is_some(),
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Resource that is asked for.
    pub method: Method,
    /// Host that it is for: of a way through a proxy its end, else the one in `Host`. A name or an address; `None` for
    /// what is neither.
    pub host: Option<String>,
    /// The port, where it is written.
    pub port: Option<u16>,
}

/// The schemes of authentication that are told by their name (RFC 9110 section 11.1, [MS-TSGU] 2.2.5.2.1); any other is
/// `other`.
pub const SCHEMES: [&str; 8] = ["Negotiate", "NTLM", "Kerberos", "Basic", "Digest", "Bearer", "PAA", "other"];

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The schemes that `WWW-Authenticate` offers, of [`SCHEMES`].
    pub authenticate: Vec<&'static str>,
    /// The schemes that `Proxy-Authenticate` offers, of [`SCHEMES`].
    pub proxy_authenticate: Vec<&'static str>,
    /// The connection is a WebSocket from here on (RFC 6455 section 4.2.2).
    pub websocket: bool,
}

/// How far a head has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head<T> {
    /// More bytes are needed.
    Incomplete,
    /// It is something else.
    Other,
    /// It is whole.
    Complete {
        /// Contents of the head.
        value: T,
        /// Its length in bytes.
        size: usize,
        /// How many bytes follow that belong to it; `None` where only reading them would tell.
        body: Option<usize>,
    },
}

/// Reads the first line of a client: `Complete` as soon as that is there, whatever is missing behind it.
pub fn first_line(bytes: &[u8]) -> Head<Method> {
    let line = bytes.get(..LINE_LIMIT).unwrap_or(bytes);
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        let begins = |method: Method| {
            let start = [method.word(), " "].concat();
            line.starts_with(start.as_bytes()) || start.as_bytes().starts_with(line)
        };
        let may_become = line.len() < LINE_LIMIT && Method::ALL.into_iter().any(begins);
        return if may_become { Head::Incomplete } else { Head::Other };
    };
    let text = line.get(..end).and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let mut words = text.trim_end_matches('\r').split(' ');
    let (word, target, version) = (words.next(), words.next(), words.next());
    let method = Method::ALL.into_iter().find(|method| Some(method.word()) == word);
    let http = version.is_some_and(|version| version.starts_with("HTTP/1.")) && words.next().is_none();
    match (method, target) {
        (Some(value), Some(target)) if http && value.fits(target) => {
            Head::Complete { value, size: end.saturating_add(1), body: None }
        }
        _ => Head::Other,
    }
}

/// A request from its first byte.
pub fn request(bytes: &[u8]) -> Head<Request> {
    let method = match first_line(bytes) {
        Head::Complete { value, .. } => value,
        Head::Incomplete => return Head::Incomplete,
        Head::Other => return Head::Other,
    };
    let Some(head) = head(bytes) else { return unfinished(bytes) };
    let target = head.first.split(' ').nth(1).unwrap_or_default();
    let (host, port) = place(if method == Method::Connect { target } else { head.value("host").unwrap_or_default() });
    // without a length there is no body (RFC 9112 section 6.3)
    let body = head.body(Some(0));
    Head::Complete { value: Request { method, host, port }, size: head.size, body }
}

/// An answer from its first byte.
pub fn response(bytes: &[u8]) -> Head<Response> {
    const START: &[u8] = b"HTTP/1.";
    if !bytes.iter().zip(START).all(|(byte, wanted)| byte == wanted) {
        return Head::Other;
    }
    let Some(head) = head(bytes) else { return unfinished(bytes) };
    let code = head.first.split(' ').nth(1).filter(|code| code.len() == 3);
    let Some(status) = code.and_then(|code| code.parse().ok()).filter(|status| *status >= 100) else {
        return Head::Other;
    };
    let websocket = status == 101 && head.values("upgrade").any(|value| value.eq_ignore_ascii_case("websocket"));
    let body = match status {
        100..=199 | 204 | 304 => Some(0),
        _ => head.body(None),
    };
    let (authenticate, proxy_authenticate) = (head.schemes("www-authenticate"), head.schemes("proxy-authenticate"));
    Head::Complete { value: Response { status, authenticate, proxy_authenticate, websocket }, size: head.size, body }
}

fn unfinished<T>(bytes: &[u8]) -> Head<T> {
    if bytes.len() < HEAD_LIMIT { Head::Incomplete } else { Head::Other }
}

/// The lines of a head that is whole.
struct Lines<'a> {
    first: &'a str,
    rest: &'a [u8],
    size: usize,
}

fn head(bytes: &[u8]) -> Option<Lines<'_>> {
    const END: &[u8] = b"\r\n\r\n";
    let within = bytes.get(..HEAD_LIMIT).unwrap_or(bytes);
    let end = within.windows(END.len()).position(|window| window == END)?;
    let text = within.get(..end)?;
    let first_end = text.iter().position(|byte| *byte == b'\r').unwrap_or(end);
    let (first, rest) = text.split_at(first_end);
    let first = std::str::from_utf8(first).unwrap_or_default();
    Some(Lines { first, rest, size: end.saturating_add(END.len()) })
}

impl<'a> Lines<'a> {
    /// The values of every field of this name.
    fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.rest.split(|byte| *byte == b'\n').filter_map(move |line| {
            let (known, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn value(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// How many bytes follow: `unsaid` if nothing says so, `None` if only reading them tells.
    fn body(&self, unsaid: Option<usize>) -> Option<usize> {
        if self.value("transfer-encoding").is_some() {
            return None;
        }
        self.value("content-length").map_or(unsaid, |size| size.parse().ok())
    }

    /// The names of schemes, each once.
    fn schemes(&self, name: &'a str) -> Vec<&'static str> {
        let mut found = Vec::new();
        for part in self.values(name).flat_map(parts) {
            let word = part.split(' ').next().unwrap_or_default();
            // what has an equals sign is a parameter of the scheme before it
            if word.is_empty() || word.contains('=') {
                continue;
            }
            let known = SCHEMES.into_iter().find(|scheme| scheme.eq_ignore_ascii_case(word)).unwrap_or("other");
            if !found.contains(&known) {
                found.push(known);
            }
        }
        found
    }
}

/// The parts of a list; a comma between quotation marks separates none.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(str::trim)
}

/// A host as it is written, a name or an address, perhaps with a port.
fn place(written: &str) -> (Option<String>, Option<u16>) {
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, port.parse().ok()),
        _ => (written, None),
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    (self::host(bare), port)
}

/// A name or an address, the latter as it is usually written.
pub(crate) fn host(written: &str) -> Option<String> {
    let address = written.parse::<IpAddr>().ok().map(|address| address.to_string());
    address.or_else(|| host_name(written.as_bytes()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Request> {
        match request(text.as_bytes()) {
            Head::Complete { value, size, .. } => {
                assert!(text[..size].ends_with("\r\n\r\n"));
                Some(value)
            }
            _ => None,
        }
    }

    fn answered(text: &str) -> Option<(Response, Option<usize>)> {
        let Head::Complete { value, body, .. } = response(text.as_bytes()) else { return None };
        Some((value, body))
    }

    #[test]
    fn what_only_a_gateway_is_asked_is_recognised() {
        let host = "Host: gw.corp.example:443\r\nAuthorization: NTLM c2VjcmV0\r\n\r\n";
        for (line, method) in [
            ("RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1", Method::RdgOutData),
            ("RDG_IN_DATA /RemoteDesktopGateway?x HTTP/1.1", Method::RdgInData),
            ("RPC_OUT_DATA /rpc/rpcproxy.dll?localhost:3388 HTTP/1.1", Method::RpcOutData),
            ("RPC_IN_DATA /rpcWithCert/rpcproxy.dll?gw:3388 HTTP/1.0", Method::RpcInData),
        ] {
            let request = asked(&format!("{line}\r\n{host}")).unwrap();
            assert_eq!(request, Request { method, host: Some("gw.corp.example".to_owned()), port: Some(443) });
        }
        for other in [
            "GET /remoteDesktopGateway/ HTTP/1.1",
            "RDG_OUT_DATA /elsewhere HTTP/1.1",
            "RDG_OUT_DATA /remoteDesktopGateway/ HTTP/2",
            "RDG_OUT_DATA /remoteDesktopGateway/ a HTTP/1.1",
            // a mail program
            "RPC_OUT_DATA /rpc/rpcproxy.dll?mail.corp.example:6001 HTTP/1.1",
            "rdg_out_data /remoteDesktopGateway/ HTTP/1.1",
            "CONNECT / HTTP/1.1",
        ] {
            assert_eq!(first_line(format!("{other}\r\n").as_bytes()), Head::Other, "{other}");
        }
    }

    #[test]
    fn a_line_is_waited_for_while_it_may_become_one() {
        for part in ["", "R", "RDG_OUT_DATA", "RDG_OUT_DATA /remoteDesk", "CONNECT gw:443 HT"] {
            assert_eq!(first_line(part.as_bytes()), Head::Incomplete, "{part}");
            assert_eq!(request(part.as_bytes()), Head::Incomplete, "{part}");
        }
        assert_eq!(first_line(b"RDP"), Head::Other);
        assert_eq!(first_line(&[b"CONNECT ".as_slice(), &[b'a'; LINE_LIMIT]].concat()), Head::Other);
        assert_eq!(request(b"CONNECT gw:443 HTTP/1.1\r\nHost: gw"), Head::Incomplete);
    }

    #[test]
    fn the_end_of_a_way_through_a_proxy_is_read() {
        for (target, host, port) in [
            ("gw.corp.example:443", Some("gw.corp.example"), Some(443)),
            ("203.0.113.5:443", Some("203.0.113.5"), Some(443)),
            ("[2001:db8::5]:8443", Some("2001:db8::5"), Some(8443)),
        ] {
            let request = asked(&format!("CONNECT {target} HTTP/1.1\r\nHost: other\r\n\r\n")).unwrap();
            assert_eq!((request.host.as_deref(), request.port), (host, port), "{target}");
        }
    }

    #[test]
    fn of_an_offer_the_schemes_stay_and_nothing_else() {
        let text = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Negotiate oYG2MIG=\r\nWWW-Authenticate: NTLM\r\n\
                    WWW-Authenticate: Basic realm=\"a, NTLM, Secret\", charset=\"x\", PAA, Planted c2VjcmV0\r\n\
                    Set-Cookie: secret\r\nContent-Length: 5\r\n\r\nhello";
        let (response, body) = answered(text).unwrap();
        assert_eq!(response.authenticate, ["Negotiate", "NTLM", "Basic", "PAA", "other"]);
        assert_eq!((response.status, response.websocket, body), (401, false, Some(5)));
        let (proxy, body) = answered("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate, NTLM\r\n\r\n").unwrap();
        assert_eq!((proxy.authenticate.len(), proxy.proxy_authenticate, body), (0, vec!["Negotiate", "NTLM"], None));
    }

    #[test]
    fn a_websocket_is_one_that_says_so() {
        let (up, body) = answered("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n").unwrap();
        assert_eq!((up.status, up.websocket, body), (101, true, Some(0)));
        assert!(!answered("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n").unwrap().0.websocket);
        let chunked = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(answered(chunked).unwrap().1, None);
        for wrong in ["HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n\r\n"] {
            assert_eq!(response(wrong.as_bytes()), Head::Other, "{wrong}");
        }
        assert_eq!(response(b"HTTP/1.1 200 OK\r\n"), Head::Incomplete);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>, text in "(RDG_OUT_DATA|CONNECT|HTTP/1.1|[ -~\r\n\u{fc}]|\r\n\r\n){0,60}") {
            for input in [&bytes[..], text.as_bytes()] {
                let _ = (first_line(input), request(input), response(input));
            }
        }

        /// More bytes never turn a verdict round.
        #[test]
        fn what_is_decided_stays(text in "(RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1|CONNECT a:1|HTTP/1.1 401 x|[ a:]|\r\n){0,9}", cut: usize) {
            let cut = text.len().min(cut % 80);
            let (half, whole) = (&text.as_bytes()[..cut], text.as_bytes());
            assert!(request(half) == Head::Incomplete || request(half) == request(whole));
            assert!(response(half) == Head::Incomplete || response(half) == response(whole));
            assert!(first_line(half) == Head::Incomplete || first_line(half) == first_line(whole));
        }
    }
}
