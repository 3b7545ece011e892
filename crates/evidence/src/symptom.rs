//! The numbers in a client's error message.

use std::fmt;

use thiserror::Error;

use crate::codes::{self, Sureness};

/// Code that the client showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symptom {
    /// `discReason` of `IMsTscAxEvents::OnDisconnected`: "Error code".
    pub code: u32,
    /// `ExtendedDisconnectReasonCode`: "Extended error code".
    pub extended: Option<u32>,
}

/// Text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("read code {0:?}: not a number; write it as 0x904, 2308 or -2147467259")]
pub struct CodeError(String);

/// Reads a code as hexadecimal with `0x`, decimal or negative decimal.
pub fn parse_code(text: &str) -> Result<u32, CodeError> {
    let error = || CodeError(text.chars().take(40).collect());
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => i64::from_str_radix(digits, 16),
        Some(_) => return Err(error()),
        None => text.parse::<i64>(),
    };
    let number = number.map_err(|_| error())?;
    u32::try_from(number).or_else(|_| i32::try_from(number).map(i32::cast_unsigned)).map_err(|_| error())
}

impl Symptom {
    /// "Socket closed": the peer ended the TCP connection while the client still set the connection up.
    pub const SOCKET_CLOSED: u32 = 0x904;
    /// The TCP connection did not come about.
    pub const SOCKET_CONNECT_FAILED: u32 = 0x204;
    /// The name did not resolve.
    pub const DNS_LOOKUP_FAILED: u32 = 0x104;
    /// The whole set-up took too long.
    pub const CONNECTION_TIMED_OUT: u32 = 0x108;
    /// An answer within the protocol took too long.
    pub const TIMEOUT_OCCURRED: u32 = 0x704;
    /// `SSL_ERR_CERT_EXPIRED`.
    pub const CERTIFICATE_EXPIRED: u32 = 0x1B07;
    /// The server requires NLA and the client cannot.
    pub const NLA_REQUIRED: u32 = 0xB09;
    /// `SSL_ERR_LOGON_FAILURE`: the user name or password is wrong.
    pub const LOGON_FAILURE: u32 = 0x807;
    /// The clocks of client and host differ.
    pub const CLOCK_SKEW: u32 = 0x1D07;

    /// Returns the meaning of the code, where that is known for sure enough: see [`codes`].
    pub fn meaning(self) -> Option<&'static str> {
        let entry = codes::shown_by_client(self.code)?;
        (entry.code.confidence < Sureness::Low).then_some(entry.code.meaning.as_str())
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}", self.code)?;
        self.extended.map_or(Ok(()), |extended| write!(out, "/{extended:#x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_every_usual_form() {
        assert_eq!(parse_code("0x904"), Ok(2308));
        assert_eq!(parse_code("2308"), Ok(0x904));
        assert_eq!(parse_code("-2147467259"), Ok(0x8000_4005));
        for wrong in ["", "0x", "904h", "0x-1", "0x1FFFFFFFFF", "9999999999", "zebra"] {
            assert!(parse_code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_meaning_is_that_of_the_tables_unless_it_is_hearsay() {
        let meaning = |code| Symptom { code, extended: None }.meaning();
        assert_eq!(meaning(0x904), Some("the other side closed the TCP connection while it was being set up"));
        assert!(meaning(0x300_0019).is_some_and(|words| words.contains("gateway")));
        assert_eq!((meaning(0x507), meaning(0xDEAD_BEEF)), (None, None));
    }

    #[test]
    fn a_symptom_prints_as_people_write_it() {
        assert_eq!(Symptom { code: 2308, extended: Some(7) }.to_string(), "0x904/0x7");
        assert_eq!(Symptom { code: 2308, extended: None }.to_string(), "0x904");
    }
}
