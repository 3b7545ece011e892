//! TPKT and X.224, and the security negotiation inside them.
//!
//! Sources: [MS-RDPBCGR] 2.2.1.1 (Connection Request), 2.2.1.2 (Connection Confirm), T.123 section 8 (TPKT), X.224
//! section 13. TPKT is big endian, the RDP negotiation little endian.

use std::fmt;

use crate::bytes::{DecodeError, Reader};

/// The most bytes that we accept as an answer to a Connection Request. A confirm has 19; Windows never sends more.
pub const ANSWER_LIMIT: usize = 4096;

const TPKT_VERSION: u8 = 3;
const TPKT_HEADER: usize = 4;
const TYPE_NEGOTIATION_REQUEST: u8 = 0x01;
const TYPE_NEGOTIATION_RESPONSE: u8 = 0x02;
const TYPE_NEGOTIATION_FAILURE: u8 = 0x03;
const CODE_CONNECTION_REQUEST: u8 = 0xE0;
const CODE_CONNECTION_CONFIRM: u8 = 0xD0;
const CODE_DATA: u8 = 0xF0;

/// A set of security protocols: `requestedProtocols` and `selectedProtocol` of [MS-RDPBCGR] 2.2.1.1.1 and 2.2.1.2.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecurityProtocols(pub u32);

impl SecurityProtocols {
    /// `PROTOCOL_RDP`: Standard RDP Security.
    pub const RDP: Self = Self(0);
    /// `PROTOCOL_SSL`: TLS.
    pub const SSL: Self = Self(0x01);
    /// `PROTOCOL_HYBRID`: CredSSP (Network Level Authentication).
    pub const HYBRID: Self = Self(0x02);
    /// `PROTOCOL_RDSTLS`.
    pub const RDSTLS: Self = Self(0x04);
    /// `PROTOCOL_HYBRID_EX`: CredSSP with the Early User Authorization Result.
    pub const HYBRID_EX: Self = Self(0x08);
    /// `PROTOCOL_RDSAAD`: Microsoft Entra authentication.
    pub const RDSAAD: Self = Self(0x10);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::SSL, "SSL"),
        (Self::HYBRID, "HYBRID"),
        (Self::RDSTLS, "RDSTLS"),
        (Self::HYBRID_EX, "HYBRID_EX"),
        (Self::RDSAAD, "RDSAAD"),
    ];

    /// The protocols of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if every protocol of `other` is in this set. `PROTOCOL_RDP` (0) is in every set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if CredSSP is among them, in either form.
    pub const fn credssp(self) -> bool {
        self.0 & (Self::HYBRID.0 | Self::HYBRID_EX.0) != 0
    }

    /// True if a connection with this protocol selected goes on with TLS.
    pub const fn tls(self) -> bool {
        self.0 != 0
    }

    /// Reads the names that [`fmt::Display`] writes, joined by `+`, or a number in hexadecimal.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix("0x") {
            return u32::from_str_radix(digits, 16).ok().map(Self);
        }
        text.split('+').try_fold(Self::RDP, |all, name| {
            if name.eq_ignore_ascii_case("RDP") {
                return Some(all);
            }
            let (protocol, _) = Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name))?;
            Some(all.with(*protocol))
        })
    }
}

impl fmt::Display for SecurityProtocols {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::NAMES.iter().fold(0, |all, (protocol, _)| all | protocol.0);
        if self.0 & !known != 0 {
            return write!(out, "{:#x}", self.0);
        }
        if self.0 == 0 {
            return out.write_str("RDP");
        }
        let names: Vec<_> = Self::NAMES.iter().filter(|(p, _)| self.contains(*p)).map(|(_, name)| *name).collect();
        out.write_str(&names.join("+"))
    }
}

impl fmt::Debug for SecurityProtocols {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecurityProtocols({self})")
    }
}

/// `failureCode` of [MS-RDPBCGR] 2.2.1.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NegotiationFailure(pub u32);

impl NegotiationFailure {
    /// The server only takes TLS or CredSSP.
    pub const SSL_REQUIRED_BY_SERVER: Self = Self(1);
    /// The server only takes Standard RDP Security.
    pub const SSL_NOT_ALLOWED_BY_SERVER: Self = Self(2);
    /// The server has no certificate for TLS.
    pub const SSL_CERT_NOT_ON_SERVER: Self = Self(3);
    /// The flags of the request contradict each other.
    pub const INCONSISTENT_FLAGS: Self = Self(4);
    /// The server only takes CredSSP (Network Level Authentication).
    pub const HYBRID_REQUIRED_BY_SERVER: Self = Self(5);
    /// The server wants TLS with a client certificate.
    pub const SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER: Self = Self(6);

    /// The name in the specification, where the code has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "SSL_REQUIRED_BY_SERVER",
            2 => "SSL_NOT_ALLOWED_BY_SERVER",
            3 => "SSL_CERT_NOT_ON_SERVER",
            4 => "INCONSISTENT_FLAGS",
            5 => "HYBRID_REQUIRED_BY_SERVER",
            6 => "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
            _ => return None,
        })
    }
}

impl fmt::Display for NegotiationFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.0, self.name().unwrap_or("not in the specification"))
    }
}

/// Server's answer to a Connection Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAnswer {
    /// Connection Confirm with `RDP_NEG_RSP`.
    Selected {
        /// `selectedProtocol`.
        protocol: SecurityProtocols,
        /// `flags`: 1 extended client data, 2 graphics pipeline, 8 Restricted Admin, 0x10 Remote Credential Guard.
        flags: u8,
    },
    /// Connection Confirm with `RDP_NEG_FAILURE`.
    Failure(NegotiationFailure),
    /// Connection Confirm without negotiation data: an old server, or one whose negotiation is switched off.
    NoNegotiation,
    /// An MCS Disconnect Provider Ultimatum instead of a confirm (xrdp does this to protocols it does not know).
    DisconnectProviderUltimatum,
}

/// `routingToken`: by which a balancer finds the machine behind it ([MS-RDPBCGR] 2.2.1.1), without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingToken(String);

impl RoutingToken {
    /// The most characters of it: the length indicator of X.224 counts all in one byte, of which 255 is reserved.
    pub const LIMIT: usize = 238;
    /// A cookie in its place is none.
    const COOKIE: &str = "Cookie: mstshash=";

    /// Takes printable ASCII; `None` for what would not arrive as it is, such as a line end inside.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = (1..=Self::LIMIT).contains(&text.len()) && !text.starts_with(Self::COOKIE);
        (whole && text.bytes().all(|byte| (0x20..0x7F).contains(&byte))).then(|| Self(text.to_owned()))
    }

    /// Returns it as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns one of the same length that tells nothing.
    #[must_use]
    pub(crate) fn masked(&self) -> Self {
        Self("x".repeat(self.0.len()))
    }
}

/// `RDP_PRECONNECTION_PDU_V2`, which names the target to a host that serves many ([MS-RDPEPS] 2.2.1.2): what a client
/// sends before its Connection Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preconnection(String);

impl Preconnection {
    /// The most characters that are taken, of UTF-16.
    pub const LIMIT: usize = 512;

    /// Takes text without control characters; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = (1..=Self::LIMIT).contains(&text.encode_utf16().count());
        (whole && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns one of the same length that tells nothing.
    #[must_use]
    pub(crate) fn masked(&self) -> Self {
        Self("x".repeat(self.0.encode_utf16().count()))
    }

    /// The message: size, flags, version 2, no id, and the text with the zero that ends it.
    pub fn encode(&self) -> Vec<u8> {
        let units: Vec<u16> = self.0.encode_utf16().chain([0]).collect();
        let count = u16::try_from(units.len()).unwrap_or(u16::MAX);
        let size = u32::from(count).saturating_mul(2).saturating_add(18);
        let head: Vec<u8> = [size, 0, 2, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        let text = std::iter::once(count).chain(units).flat_map(u16::to_le_bytes);
        head.into_iter().chain(text).collect()
    }
}

/// A Connection Request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// The `mstshash` cookie, without `Cookie: mstshash=` and line end. At most 9 characters are usual.
    pub cookie: Option<String>,
    /// The routing token, which takes the place of the cookie.
    pub token: Option<RoutingToken>,
    /// `requestedProtocols`; `None` leaves the negotiation request out, as clients before RDP 5.2 did.
    pub protocols: Option<SecurityProtocols>,
}

impl ConnectionRequest {
    /// The request as TPKT.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        if let Some(token) = &self.token {
            payload.extend_from_slice(token.as_str().as_bytes());
            payload.extend_from_slice(b"\r\n");
        } else if let Some(cookie) = &self.cookie {
            payload.extend_from_slice(b"Cookie: mstshash=");
            payload.extend(cookie.bytes().filter(|byte| (0x21..0x7F).contains(byte)).take(64));
            payload.extend_from_slice(b"\r\n");
        }
        if let Some(protocols) = self.protocols {
            payload.extend_from_slice(&[TYPE_NEGOTIATION_REQUEST, 0, 8, 0]);
            payload.extend_from_slice(&protocols.0.to_le_bytes());
        }
        encode_tpdu(CODE_CONNECTION_REQUEST, 0, &payload)
    }

    /// Reads what [`Self::encode`] writes, and what other clients send (lab, captures).
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = tpdu(frame, CODE_CONNECTION_REQUEST)?;
        let mut request = Self::default();
        if let Some(line) = routing_line(reader.rest()) {
            let text = std::str::from_utf8(line).unwrap_or_default();
            request.cookie = text.strip_prefix(RoutingToken::COOKIE).map(str::to_owned);
            request.token = RoutingToken::parse(text);
            reader.take(line.len().saturating_add(2), "cookie")?;
        }
        if !reader.is_empty() {
            let kind = reader.u8("negotiation type")?;
            if kind != TYPE_NEGOTIATION_REQUEST {
                return Err(reader.invalid("negotiation type", kind));
            }
            reader.take(3, "negotiation flags and length")?;
            request.protocols = Some(SecurityProtocols(reader.u32_le("requestedProtocols")?));
        }
        Ok(request)
    }
}

/// The cookie or routing token. A negotiation request is none, even where its number happens to hold CR LF.
fn routing_line(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() == Some(&TYPE_NEGOTIATION_REQUEST) {
        return None;
    }
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    bytes.get(..end)
}

fn encode_tpdu(code: u8, source: u16, payload: &[u8]) -> Vec<u8> {
    // length indicator: everything of the TPDU behind itself
    let indicator = u8::try_from(payload.len().saturating_add(6)).unwrap_or(u8::MAX);
    let total = u16::try_from(payload.len().saturating_add(TPKT_HEADER).saturating_add(7)).unwrap_or(u16::MAX);
    let mut frame = vec![TPKT_VERSION, 0];
    frame.extend_from_slice(&total.to_be_bytes());
    frame.extend_from_slice(&[indicator, code, 0, 0]);
    frame.extend_from_slice(&source.to_be_bytes());
    frame.push(0);
    frame.extend_from_slice(payload);
    frame
}

/// Positions a reader behind the fixed part of the TPDU `code`.
fn tpdu(frame: &[u8], code: u8) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(frame);
    reader.take(TPKT_HEADER, "TPKT header")?;
    let indicator = reader.u8("X.224 length indicator")?;
    if usize::from(indicator).saturating_add(TPKT_HEADER).saturating_add(1) != frame.len() {
        return Err(DecodeError::Invalid { what: "X.224 length indicator", at: TPKT_HEADER, value: indicator.into() });
    }
    let found = reader.u8("X.224 code")?;
    if found & 0xF0 != code {
        return Err(DecodeError::Invalid { what: "X.224 code", at: 5, value: found.into() });
    }
    reader.take(5, "X.224 references and class")?;
    Ok(reader)
}

/// Framing of an answer, as far as its first bytes tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// More bytes are needed.
    Incomplete,
    /// A whole frame of this many bytes is there.
    Complete(usize),
    /// The first byte is not that of a TPKT, or its length cannot be.
    NotTpkt,
}

/// Finds the end of the first TPKT in `bytes` (T.123 section 8).
pub fn framing(bytes: &[u8]) -> Framing {
    match bytes {
        [] | [TPKT_VERSION] | [TPKT_VERSION, _] | [TPKT_VERSION, _, _] => Framing::Incomplete,
        [TPKT_VERSION, _, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if !(7..=ANSWER_LIMIT).contains(&length) {
                Framing::NotTpkt
            } else if bytes.len() < length {
                Framing::Incomplete
            } else {
                Framing::Complete(length)
            }
        }
        _ => Framing::NotTpkt,
    }
}

impl ServerAnswer {
    /// The answer as TPKT (lab, tests).
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Selected { protocol, flags } => {
                let mut payload = vec![TYPE_NEGOTIATION_RESPONSE, *flags, 8, 0];
                payload.extend_from_slice(&protocol.0.to_le_bytes());
                encode_tpdu(CODE_CONNECTION_CONFIRM, 0x1234, &payload)
            }
            Self::Failure(code) => {
                let mut payload = vec![TYPE_NEGOTIATION_FAILURE, 0, 8, 0];
                payload.extend_from_slice(&code.0.to_le_bytes());
                encode_tpdu(CODE_CONNECTION_CONFIRM, 0, &payload)
            }
            Self::NoNegotiation => encode_tpdu(CODE_CONNECTION_CONFIRM, 0x1234, &[]),
            Self::DisconnectProviderUltimatum => vec![3, 0, 0, 9, 2, CODE_DATA, 0x80, 0x21, 0x80],
        }
    }

    /// Reads one whole TPKT frame.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        if let [_, _, _, _, 2, CODE_DATA, 0x80, choice, ..] = frame
            && choice >> 2 == 8
        {
            return Ok(Self::DisconnectProviderUltimatum);
        }
        let mut reader = tpdu(frame, CODE_CONNECTION_CONFIRM)?;
        if reader.is_empty() {
            return Ok(Self::NoNegotiation);
        }
        let kind = reader.u8("negotiation type")?;
        let flags = reader.u8("negotiation flags")?;
        let length = reader.u16_le("negotiation length")?;
        if length != 8 {
            return Err(reader.invalid("negotiation length", length));
        }
        let value = reader.u32_le("negotiation value")?;
        match kind {
            TYPE_NEGOTIATION_RESPONSE => Ok(Self::Selected { protocol: SecurityProtocols(value), flags }),
            TYPE_NEGOTIATION_FAILURE => Ok(Self::Failure(NegotiationFailure(value))),
            _ => Err(reader.invalid("negotiation type", kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_without_cookie_is_the_one_of_the_specification() {
        let request = ConnectionRequest { protocols: Some(SecurityProtocols(0x0B)), ..ConnectionRequest::default() };
        assert_eq!(crate::hex::encode(&request.encode()), "030000130ee000000000000100080 00b000000".replace(' ', ""));
        assert_eq!(ConnectionRequest::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn what_would_not_arrive_is_no_routing_token() {
        let whole = RoutingToken::parse("tsv://MS Terminal Services Plugin.1.Desktops").unwrap();
        let request = ConnectionRequest { token: Some(whole), cookie: Some("a".to_owned()), protocols: None };
        let sent = request.encode();
        assert!(sent.ends_with(b"\x00tsv://MS Terminal Services Plugin.1.Desktops\r\n"), "it replaces the cookie");
        assert_eq!(usize::from(sent[3]), sent.len());
        let long = "x".repeat(RoutingToken::LIMIT);
        let request = ConnectionRequest {
            token: RoutingToken::parse(&long),
            cookie: None,
            protocols: Some(SecurityProtocols(0x0B)),
        };
        assert_eq!((request.encode()[4], ConnectionRequest::decode(&request.encode())), (254, Ok(request)));
        for text in ["", "a\r\nb", "a\nb", "é", "Cookie: mstshash=a", &format!("{long}x")] {
            assert_eq!(RoutingToken::parse(text), None, "{text:?}");
        }
    }

    /// [MS-RDPEPS] 2.2.1.2: cbSize, Flags, Version, Id, cchPCB, wszPCB.
    #[test]
    fn a_preconnection_blob_is_the_message_of_the_specification() {
        let blob = Preconnection::parse("a1").unwrap();
        let expected = "18000000 00000000 02000000 00000000 0300 610031000000".replace(' ', "");
        assert_eq!(crate::hex::encode(&blob.encode()), expected);
        for text in ["", "a\0", "a\r\nb", &"x".repeat(Preconnection::LIMIT + 1)] {
            assert_eq!(Preconnection::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn answers_survive_the_round_trip() {
        for answer in [
            ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID_EX, flags: 0x1F },
            ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER),
            ServerAnswer::NoNegotiation,
            ServerAnswer::DisconnectProviderUltimatum,
        ] {
            assert_eq!(framing(&answer.encode()), Framing::Complete(answer.encode().len()));
            assert_eq!(ServerAnswer::decode(&answer.encode()), Ok(answer));
        }
    }

    #[test]
    fn protocols_print_as_the_specification_names_them() {
        assert_eq!(SecurityProtocols(0x0B).to_string(), "SSL+HYBRID+HYBRID_EX");
        assert_eq!(SecurityProtocols(0).to_string(), "RDP");
        assert_eq!(SecurityProtocols(0x40).to_string(), "0x40");
        for value in 0..0x40 {
            assert_eq!(SecurityProtocols::parse(&SecurityProtocols(value).to_string()), Some(SecurityProtocols(value)));
        }
    }

    #[test]
    fn frames_are_found_and_foreign_bytes_are_not() {
        assert_eq!(framing(&[3, 0, 0]), Framing::Incomplete);
        assert_eq!(framing(&[3, 0, 0, 19, 1]), Framing::Incomplete);
        assert_eq!(framing(b"SSH-2.0"), Framing::NotTpkt);
        assert_eq!(framing(&[3, 0, 0xFF, 0xFF]), Framing::NotTpkt);
        assert_eq!(framing(&[3, 0, 0, 3]), Framing::NotTpkt);
    }

    proptest::proptest! {
        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = ServerAnswer::decode(&bytes);
            let _ = ConnectionRequest::decode(&bytes);
            let _ = framing(&bytes);
        }

        #[test]
        fn requests_survive_the_round_trip(
            cookie in proptest::option::of("[a-zA-Z0-9]{1,9}"),
            token in proptest::option::of("[!-~]{1,9}"),
            protocols: Option<u32>,
        ) {
            let token = token.and_then(|token| RoutingToken::parse(&token));
            // the token takes the place of the cookie
            let cookie = cookie.filter(|_| token.is_none());
            let request = ConnectionRequest { cookie, token, protocols: protocols.map(SecurityProtocols) };
            proptest::prop_assert_eq!(ConnectionRequest::decode(&request.encode()), Ok(request));
        }
    }
}
