//! A gate that looks at a whole ClientHello and holds some of them up: an old Windows, a proxy that goes by the name, a
//! box that expects one segment.

use std::io;

use serde::Deserialize;
use wire::tls::{ClientHello, TlsVersion};

use super::RECORD_HEADER;
use crate::transport::Transport;

/// Header of a handshake message: its type and its length.
const MESSAGE_HEADER: usize = 4;
/// Where a hello says how long its session id is (RFC 8446 section 4.1.2): behind a version and a random.
const SESSION_LENGTH: usize = 2 + 32;
/// More bytes than a segment usually carries.
const SEGMENT: usize = 1400;

/// Property of a hello that keeps it from passing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resents {
    /// It offers TLS 1.3.
    #[serde(rename = "tls-1.3")]
    Tls13,
    /// It offers TLS 1.3 and has no session id, without which some boxes on the way take it for no TLS.
    #[serde(rename = "tls-1.3-without-session")]
    Tls13WithoutSession,
    /// It asks for no name.
    NoName,
    /// It asks for a name.
    Name,
    /// It is longer than a segment.
    Long,
}

/// True if the hello may pass; its bytes are then still to be read.
pub(crate) fn passes(resents: &[Resents], transport: &mut Transport) -> io::Result<bool> {
    let mut record = transport.take(RECORD_HEADER)?;
    record.extend(transport.take(usize::from(u16::from_be_bytes([record[3], record[4]])))?);
    let body = record.get(RECORD_HEADER + MESSAGE_HEADER..).unwrap_or_default();
    let hello = ClientHello::decode(body).map_err(io::Error::other)?;
    let resented = |what: &Resents| match what {
        Resents::Tls13 => hello.max == TlsVersion::Tls13,
        Resents::Tls13WithoutSession => {
            hello.max == TlsVersion::Tls13 && body.get(SESSION_LENGTH).is_none_or(|length| *length == 0)
        }
        Resents::NoName => hello.server_name.is_none(),
        Resents::Name => hello.server_name.is_some(),
        Resents::Long => record.len() > SEGMENT,
    };
    let passes = !resents.iter().any(resented);
    transport.unread(record);
    Ok(passes)
}
