//! CredSSP's `TSRequest` as far as a probe without credentials needs it.
//!
//! Source: [MS-CSSP] 2.2.1. No credentials are ever sent, so nothing behind the server's first answer exists here.

use crate::bytes::{DecodeError, Reader};
use crate::der;

/// The most bytes that we accept as one `TSRequest`. Real ones with an NTLM CHALLENGE have about 400.
pub const LIMIT: usize = 64 * 1024;

/// Newest `version` of a `TSRequest` ([MS-CSSP] 2.2.1), which this program says unless it asks for another.
pub const NEWEST: u32 = 6;

/// `TSRequest` without the fields that only exist after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsRequest {
    /// `version`, 2 to 6. A server that says 5 or 6 carries the update for CVE-2018-0886.
    pub version: u32,
    /// `negoTokens`: NTLM or SPNEGO.
    pub tokens: Vec<Vec<u8>>,
    /// `errorCode`: an NTSTATUS.
    pub error: Option<u32>,
}

/// Length of an answer, as far as its first bytes tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// More bytes are needed.
    Incomplete,
    /// A whole structure of this many bytes is there.
    Complete(usize),
    /// These bytes are no DER `SEQUENCE` of acceptable size.
    NotTsRequest,
}

/// Finds the end of the first `TSRequest` in `bytes`.
pub fn framing(bytes: &[u8]) -> Framing {
    let mut reader = Reader::new(bytes);
    match reader.u8("TSRequest") {
        Err(_) => return Framing::Incomplete,
        Ok(der::SEQUENCE) => {}
        Ok(_) => return Framing::NotTsRequest,
    }
    match der::length(&mut reader, "TSRequest length", LIMIT) {
        Err(DecodeError::Truncated { .. }) => Framing::Incomplete,
        Err(_) => Framing::NotTsRequest,
        Ok(size) if reader.rest().len() < size => Framing::Incomplete,
        Ok(size) => Framing::Complete(reader.at().saturating_add(size)),
    }
}

impl TsRequest {
    /// The structure as DER.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = der::encode(der::context(0), &der::encode_integer(self.version.into()));
        if !self.tokens.is_empty() {
            let list: Vec<u8> = self
                .tokens
                .iter()
                .flat_map(|token| {
                    der::encode(der::SEQUENCE, &der::encode(der::context(0), &der::encode(der::OCTET_STRING, token)))
                })
                .collect();
            fields.extend(der::encode(der::context(1), &der::encode(der::SEQUENCE, &list)));
        }
        if let Some(error) = self.error {
            // an NTSTATUS is carried as a signed 32-bit number
            fields.extend(der::encode(der::context(4), &der::encode_integer(error.cast_signed().into())));
        }
        der::encode(der::SEQUENCE, &fields)
    }

    /// Reads one whole structure. Fields that we do not know are passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = der::expect(&mut Reader::new(bytes), der::SEQUENCE, "TSRequest")?;
        let mut version = der::expect(&mut fields, der::context(0), "TSRequest.version")?;
        let number = der::integer(&mut version, "TSRequest.version")?;
        let version = u32::try_from(number).map_err(|_| version.invalid("TSRequest.version", number.unsigned_abs()))?;
        let mut request = Self { version, tokens: Vec::new(), error: None };
        while !fields.is_empty() {
            let tag = fields.u8("TSRequest field")?;
            let size = der::length(&mut fields, "TSRequest field", LIMIT)?;
            let mut value = Reader::new(fields.take(size, "TSRequest field")?);
            if tag == der::context(1) {
                request.tokens = tokens(&mut value)?;
            } else if tag == der::context(4) {
                let number = der::integer(&mut value, "TSRequest.errorCode")?;
                // the low 32 bits are the NTSTATUS, whichever sign the server chose
                request.error = u32::try_from(number & 0xFFFF_FFFF).ok();
            }
        }
        Ok(request)
    }
}

/// DER's tag of an enumeration.
const ENUMERATED: u8 = 10;

/// `negState` of a `NegTokenResp` (RFC 4178 section 4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiationState(pub u8);

impl NegotiationState {
    /// The negotiation is over, and the client let in.
    pub const ACCEPT_COMPLETED: Self = Self(0);
    /// It ends without a mechanism.
    pub const REJECT: Self = Self(2);

    /// Reads the state out of a token; `None` where it is none of SPNEGO, or has none.
    pub fn of(token: &[u8]) -> Option<Self> {
        Self::read(token).map(|(state, _)| state)
    }

    /// Reads it, and how many bytes of the token it takes with all that stands before it. They name nobody.
    pub(crate) fn read(token: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::new(token);
        for tag in [der::context(1), der::SEQUENCE, der::context(0), ENUMERATED] {
            if reader.u8("NegTokenResp").ok()? != tag {
                return None;
            }
            let size = der::length(&mut reader, "NegTokenResp", LIMIT).ok()?;
            // all is there that it says to be there
            if size > reader.rest().len() || tag == ENUMERATED && size != 1 {
                return None;
            }
        }
        let state = Self(reader.u8("negState").ok()?);
        Some((state, reader.at()))
    }
}

fn tokens(value: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut list = der::expect(value, der::SEQUENCE, "TSRequest.negoTokens")?;
    let mut tokens = Vec::new();
    while !list.is_empty() && tokens.len() < 8 {
        let mut entry = der::expect(&mut list, der::SEQUENCE, "TSRequest.negoTokens entry")?;
        let mut token = der::expect(&mut entry, der::context(0), "TSRequest.negoToken")?;
        tokens.push(der::expect(&mut token, der::OCTET_STRING, "TSRequest.negoToken")?.rest().to_vec());
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_has_the_bytes_of_the_specification() {
        let request = TsRequest { version: 6, tokens: vec![crate::ntlm::negotiate()], error: None };
        let bytes = request.encode();
        assert!(crate::hex::encode(&bytes).starts_with("3037a003020106a130302e302ca02a0428"));
        assert_eq!(bytes.len(), 57);
        assert_eq!(TsRequest::decode(&bytes), Ok(request));
    }

    #[test]
    fn an_error_code_survives_its_sign() {
        let request = TsRequest { version: 3, tokens: Vec::new(), error: Some(0xC000_006D) };
        assert_eq!(TsRequest::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn a_state_is_read_where_there_is_one() {
        let response = |state: u8| [0xA1, 7, 0x30, 5, 0xA0, 3, 10, 1, state];
        assert_eq!([0, 1, 2, 3].map(|state| NegotiationState::read(&response(state)).unwrap().0.0), [0, 1, 2, 3]);
        assert_eq!(NegotiationState::read(&response(2)).unwrap().1, 9);
        let none: [&[u8]; 4] = [b"NTLMSSP", &[0xA1, 7, 0x30], &[], &response(2)[..8]];
        assert!(none.iter().all(|token| NegotiationState::of(token).is_none()));
    }

    proptest::proptest! {
        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = NegotiationState::read(&bytes);
            let _ = TsRequest::decode(&bytes);
            let _ = framing(&bytes);
        }

        #[test]
        fn requests_survive_the_round_trip(version in 0_u32..1000, tokens: Vec<Vec<u8>>, error: Option<u32>) {
            let tokens: Vec<_> = tokens.into_iter().take(8).collect();
            let request = TsRequest { version, tokens, error };
            let bytes = request.encode();
            proptest::prop_assert_eq!(framing(&bytes), Framing::Complete(bytes.len()));
            proptest::prop_assert_eq!(TsRequest::decode(&bytes), Ok(request));
        }
    }
}
