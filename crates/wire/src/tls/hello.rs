//! The ClientHello that we write ourselves: any versions, suites, groups, cut and padding.

use crate::bytes::{DecodeError, Reader};
use crate::tls::{HelloShape, HelloStyle, Segments, TlsOffer, TlsVersion, group, suite};

const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_GROUPS: u16 = 10;
const EXTENSION_POINT_FORMATS: u16 = 11;
const EXTENSION_SIGNATURES: u16 = 13;
const EXTENSION_PADDING: u16 = 21;
const EXTENSION_ENCRYPT_THEN_MAC: u16 = 22;
const EXTENSION_MASTER_SECRET: u16 = 23;
const EXTENSION_SESSION_TICKET: u16 = 35;
const EXTENSION_VERSIONS: u16 = 43;
const EXTENSION_PSK_MODES: u16 = 45;
const EXTENSION_KEY_SHARE: u16 = 51;
const EXTENSION_RENEGOTIATION: u16 = 0xFF01;
/// RFC 5746 section 3.3: `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`.
const RENEGOTIATION_SUITE: u16 = 0x00FF;
/// FIPS 203: bytes of an ML-KEM-768 key, of which the last 32 are a seed; those before hold numbers, and zeros are
/// such.
const ML_KEM_768: usize = 1184;
/// RFC 6066 section 3: the only kind of name that there is.
const HOST_NAME: u8 = 0;
/// RFC 1035 section 2.3.4: the longest name, in bytes.
const NAME_LIMIT: usize = 253;

/// A ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The oldest version offered.
    pub min: TlsVersion,
    /// The newest version offered.
    pub max: TlsVersion,
    /// `cipher_suites`, in order of preference.
    pub suites: Vec<u16>,
    /// `supported_groups`.
    pub groups: Vec<u16>,
    /// `signature_algorithms`; sent from TLS 1.2 on.
    pub signatures: Vec<u16>,
    /// `random`: chance comes in from outside. It doubles as key share where TLS 1.3 and x25519 are offered; without
    /// x25519 there is no share, and the server names the group that it wants (RFC 8446 section 4.2.8).
    pub random: [u8; 32],
    /// Length in bytes that the handshake message is padded to (RFC 7685); 0 for none.
    pub pad_to: usize,
    /// `server_name` (RFC 6066 section 3): whom the client asks for; `None` for none, and for what is no name of a
    /// host.
    pub server_name: Option<String>,
    /// Manner that it follows.
    pub style: HelloStyle,
}

/// The name of a host, if it is one: at most 253 letters, digits, hyphens, underscores and dots, the first of them no
/// hyphen and no dot.
pub fn host_name(bytes: &[u8]) -> Option<&str> {
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins = bytes.first().is_some_and(|first| !matches!(first, b'-' | b'.'));
    let is_name = begins && bytes.len() <= NAME_LIMIT && bytes.iter().all(belongs);
    std::str::from_utf8(bytes).ok().filter(|_| is_name)
}

impl ClientHello {
    /// The hello of an offer.
    pub fn of(offer: TlsOffer, random: [u8; 32]) -> Self {
        let suites = offer.suites.codes().filter(|suite| suite::first_version(*suite) <= offer.max);
        Self {
            min: offer.min,
            max: offer.max,
            suites: suites.collect(),
            groups: offer.groups.codes().collect(),
            signatures: offer.signatures.codes().collect(),
            random,
            pad_to: 0,
            server_name: None,
            style: HelloStyle::Plain,
        }
    }

    /// The hello of an offer in the manner of a client.
    pub fn shaped(offer: TlsOffer, random: [u8; 32], shape: &HelloShape) -> Self {
        let server_name = shape.name(offer.name).map(str::to_owned);
        Self { server_name, style: shape.style, ..Self::of(offer, random) }
    }

    /// The TLS records of this hello, cut into the writes that `segments` asks for.
    pub fn encode(&self, segments: Segments) -> Vec<Vec<u8>> {
        let record = self.record();
        match segments {
            Segments::Whole => vec![record],
            Segments::FirstByteAlone => {
                let (first, rest) = record.split_at(1.min(record.len()));
                let third = rest.len().div_ceil(3).max(1);
                std::iter::once(first.to_vec()).chain(rest.chunks(third).map(<[u8]>::to_vec)).collect()
            }
        }
    }

    fn record(&self) -> Vec<u8> {
        let mut message = self.message(0);
        if self.pad_to > message.len() {
            // four bytes for the header of the padding extension itself
            message = self.message(self.pad_to.saturating_sub(message.len()).saturating_sub(4));
        }
        // mostly at most 1.0 in a first flight: old servers insist on it (RFC 8446 appendix D.2)
        let [major, minor] = self.record_version().to_be_bytes();
        let mut record = vec![22, major, minor];
        record.extend(prefix16(&message));
        record
    }

    /// The version in the header of its record.
    pub fn record_version(&self) -> u16 {
        match self.style {
            HelloStyle::Schannel => self.max.min(TlsVersion::Tls12).code(),
            HelloStyle::Plain | HelloStyle::OpenSsl => TlsVersion::Tls10.code(),
        }
    }

    fn message(&self, padding: usize) -> Vec<u8> {
        let legacy = self.max.min(TlsVersion::Tls12).code();
        let mut body = legacy.to_be_bytes().to_vec();
        body.extend_from_slice(&self.random);
        body.extend(self.session_id());
        let announced = (self.style == HelloStyle::OpenSsl).then_some(RENEGOTIATION_SUITE);
        let suites: Vec<u16> = self.suites.iter().copied().chain(announced).collect();
        body.extend(prefix16(&codes(&suites)));
        body.extend_from_slice(&[1, 0]);
        body.extend(prefix16(&self.extensions(padding)));
        let mut message = vec![1];
        message.extend(prefix24(&body));
        message
    }

    /// `legacy_session_id` with its length: what offers TLS 1.3 sends one that resumes nothing, for boxes on the way
    /// that want to see one (RFC 8446 appendix D.4); seen of OpenSSL and rustls, and taken for Schannel's habit, of
    /// which no capture is known.
    fn session_id(&self) -> Vec<u8> {
        if self.max < TlsVersion::Tls13 {
            return vec![0];
        }
        let other = self.random.iter().rev().map(|byte| !byte);
        std::iter::once(32).chain(other).collect()
    }

    fn extensions(&self, padding: usize) -> Vec<u8> {
        let mut all = Vec::new();
        if let Some(name) = &self.server_name {
            let named = [&[HOST_NAME][..], &prefix16(name.as_bytes())].concat();
            extension(&mut all, EXTENSION_SERVER_NAME, &prefix16(&named));
        }
        let groups = prefix16(&codes(&self.groups));
        if self.style == HelloStyle::OpenSsl {
            extension(&mut all, EXTENSION_POINT_FORMATS, &[3, 0, 1, 2]);
            extension(&mut all, EXTENSION_GROUPS, &groups);
        } else {
            extension(&mut all, EXTENSION_GROUPS, &groups);
            extension(&mut all, EXTENSION_POINT_FORMATS, &[1, 0]);
        }
        match self.style {
            HelloStyle::Plain => extension(&mut all, EXTENSION_MASTER_SECRET, &[]),
            HelloStyle::Schannel => {}
            HelloStyle::OpenSsl => {
                extension(&mut all, EXTENSION_SESSION_TICKET, &[]);
                extension(&mut all, EXTENSION_ENCRYPT_THEN_MAC, &[]);
                extension(&mut all, EXTENSION_MASTER_SECRET, &[]);
            }
        }
        if self.max >= TlsVersion::Tls12 {
            extension(&mut all, EXTENSION_SIGNATURES, &prefix16(&codes(&self.signatures)));
        }
        if self.style == HelloStyle::Schannel {
            extension(&mut all, EXTENSION_SESSION_TICKET, &[]);
            extension(&mut all, EXTENSION_MASTER_SECRET, &[]);
        }
        if self.max == TlsVersion::Tls13 {
            self.extensions_of_13(&mut all);
        }
        if self.style == HelloStyle::Schannel {
            extension(&mut all, EXTENSION_RENEGOTIATION, &[0]);
        }
        if padding > 0 {
            extension(&mut all, EXTENSION_PADDING, &vec![0; padding]);
        }
        all
    }

    fn extensions_of_13(&self, all: &mut Vec<u8>) {
        let offered: Vec<u16> =
            TlsVersion::ALL.into_iter().rev().filter(|v| *v >= self.min).map(TlsVersion::code).collect();
        let versions = codes(&offered);
        let mut list = vec![u8::try_from(versions.len()).unwrap_or(u8::MAX)];
        list.extend(versions);
        extension(all, EXTENSION_VERSIONS, &list);
        if self.style == HelloStyle::OpenSsl {
            extension(all, EXTENSION_PSK_MODES, &[1, 1]);
        }
        let mut shares = Vec::new();
        if self.groups.contains(&group::X25519_ML_KEM_768) {
            // a key that the host can check and nobody can use: no handshake of our own is ever finished
            let mut share = vec![0; ML_KEM_768.saturating_sub(self.random.len())];
            share.extend_from_slice(&self.random);
            share.extend_from_slice(&self.random);
            shares.extend(group::X25519_ML_KEM_768.to_be_bytes());
            shares.extend(prefix16(&share));
        }
        if self.groups.contains(&group::X25519) {
            shares.extend(group::X25519.to_be_bytes());
            shares.extend(prefix16(&self.random));
        }
        extension(all, EXTENSION_KEY_SHARE, &prefix16(&shares));
    }

    /// Reads the handshake message of a ClientHello (lab, captures): the body behind type and length.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let legacy = reader.u16_be("client_version")?;
        let random = reader.take(32, "random")?.try_into().expect("take returned 32 bytes");
        let session = reader.u8("session_id")?;
        reader.take(session.into(), "session_id")?;
        let suites = code_list(&mut reader, "cipher_suites")?;
        let compression = reader.u8("compression_methods")?;
        reader.take(compression.into(), "compression_methods")?;
        let max = TlsVersion::from_code(legacy).ok_or_else(|| reader.invalid("client_version", legacy))?;
        let (groups, signatures) = (Vec::new(), Vec::new());
        let min = TlsVersion::Tls10;
        let mut hello = Self {
            min,
            max,
            suites,
            groups,
            signatures,
            random,
            pad_to: 0,
            server_name: None,
            style: HelloStyle::Plain,
        };
        if reader.is_empty() {
            return Ok(hello);
        }
        let size = reader.u16_be("extensions")?;
        let mut extensions = Reader::new(reader.take(size.into(), "extensions")?);
        while !extensions.is_empty() {
            let kind = extensions.u16_be("extension type")?;
            let size = extensions.u16_be("extension length")?;
            let mut value = Reader::new(extensions.take(size.into(), "extension")?);
            match kind {
                EXTENSION_GROUPS => hello.groups = code_list(&mut value, "supported_groups")?,
                EXTENSION_SIGNATURES => hello.signatures = code_list(&mut value, "signature_algorithms")?,
                EXTENSION_VERSIONS => hello.read_versions(&mut value)?,
                EXTENSION_SERVER_NAME => hello.server_name = server_name(&mut value).map(str::to_owned),
                _ => {}
            }
        }
        Ok(hello)
    }

    fn read_versions(&mut self, value: &mut Reader<'_>) -> Result<(), DecodeError> {
        let size = value.u8("supported_versions")?;
        let list = value.take(size.into(), "supported_versions")?;
        let versions =
            list.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes([*pair.first()?, *pair.get(1)?])));
        let known: Vec<_> = versions.filter_map(TlsVersion::from_code).collect();
        if let (Some(min), Some(max)) = (known.iter().min(), known.iter().max()) {
            (self.min, self.max) = (*min, *max);
        }
        Ok(())
    }
}

/// The first name of the list. One that makes no sense is none: what a client asks for is only told, never obeyed.
fn server_name<'a>(value: &mut Reader<'a>) -> Option<&'a str> {
    let size = value.u16_be("server_name_list").ok()?;
    let mut list = Reader::new(value.take(size.into(), "server_name_list").ok()?);
    let kind = list.u8("name_type").ok()?;
    let size = list.u16_be("HostName").ok()?;
    let name = list.take(size.into(), "HostName").ok()?;
    host_name(name).filter(|_| kind == HOST_NAME)
}

fn codes(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|code| code.to_be_bytes()).collect()
}

fn code_list(reader: &mut Reader<'_>, what: &'static str) -> Result<Vec<u16>, DecodeError> {
    let size = reader.u16_be(what)?;
    let mut list = Reader::new(reader.take(size.into(), what)?);
    let mut codes = Vec::new();
    while !list.is_empty() {
        codes.push(list.u16_be(what)?);
    }
    Ok(codes)
}

fn prefix16(bytes: &[u8]) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    size.to_be_bytes().into_iter().chain(bytes.iter().copied().take(size.into())).collect()
}

fn prefix24(bytes: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [high, middle, low].into_iter().chain(bytes.iter().copied()).collect()
}

fn extension(all: &mut Vec<u8>, kind: u16, value: &[u8]) {
    all.extend_from_slice(&kind.to_be_bytes());
    all.extend(prefix16(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Suites;

    fn body(records: &[Vec<u8>]) -> Vec<u8> {
        records.concat()[9..].to_vec()
    }

    #[test]
    fn every_offer_survives_the_round_trip() {
        for offer in [TlsOffer::PLAIN_12, TlsOffer::SPLIT_12, TlsOffer::OLD, TlsOffer::MODERN] {
            let hello = ClientHello::of(offer, [7; 32]);
            let read = ClientHello::decode(&body(&hello.encode(offer.segments))).unwrap();
            assert_eq!((read.max, &read.suites, &read.groups), (hello.max, &hello.suites, &hello.groups));
        }
    }

    #[test]
    fn the_name_that_is_asked_for_is_read_if_it_is_one() {
        let asking = |name: &str| {
            let server_name = Some(name.to_owned());
            let hello = ClientHello { server_name, ..ClientHello::of(TlsOffer::MODERN, [7; 32]) };
            ClientHello::decode(&body(&hello.encode(Segments::Whole))).unwrap().server_name
        };
        assert_eq!(asking("gw.corp.example").as_deref(), Some("gw.corp.example"));
        for wrong in ["", "a b", "-", ".a", "gw\u{1b}[31m", "b\u{fc}ro", &"a".repeat(254)] {
            assert_eq!(asking(wrong), None, "{wrong:?}");
        }
        let empty = ClientHello::of(TlsOffer::MODERN, [7; 32]);
        assert_eq!(ClientHello::decode(&body(&empty.encode(Segments::Whole))).unwrap().server_name, None);
    }

    /// RFC 8446 appendix D.4: boxes on the way may want one where TLS 1.3 is offered.
    #[test]
    fn a_hello_has_a_session_id_where_it_offers_13() {
        let session = |style, max| {
            let hello = ClientHello { style, ..ClientHello::of(TlsOffer { max, ..TlsOffer::MODERN }, [7; 32]) };
            body(&hello.encode(Segments::Whole))[34]
        };
        for style in HelloStyle::ALL {
            assert_eq!((session(style, TlsVersion::Tls13), session(style, TlsVersion::Tls12)), (32, 0), "{style:?}");
        }
    }

    #[test]
    fn a_split_hello_starts_with_one_byte_and_loses_none() {
        let hello = ClientHello::of(TlsOffer::PLAIN_12, [7; 32]);
        let split = hello.encode(Segments::FirstByteAlone);
        assert_eq!((split.len(), split[0].len()), (4, 1));
        assert_eq!(split.concat(), hello.encode(Segments::Whole).concat());
    }

    #[test]
    fn padding_reaches_the_length_asked_for() {
        let hello = ClientHello { pad_to: 1500, ..ClientHello::of(TlsOffer::PLAIN_12, [7; 32]) };
        assert_eq!(hello.encode(Segments::Whole)[0].len(), 1500 + 5);
    }

    #[test]
    fn an_old_hello_offers_no_suite_of_12() {
        let hello = ClientHello::of(TlsOffer::OLD, [7; 32]);
        assert!(hello.suites.iter().all(|suite| suite::first_version(*suite) == TlsVersion::Tls10));
        assert!(hello.suites.contains(&0x002F), "TLS_RSA_WITH_AES_128_CBC_SHA, which every old Windows speaks");
    }

    #[test]
    fn an_offer_of_few_suites_says_no_other() {
        let suites = Suites::of([0x1301, 0xC02F, 0x0035]).unwrap();
        let hello = ClientHello::of(TlsOffer { suites, ..TlsOffer::PLAIN_12 }, [7; 32]);
        assert_eq!(hello.suites, [0xC02F, 0x0035], "and none of TLS 1.3 in a hello of 1.2");
    }

    proptest::proptest! {
        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = ClientHello::decode(&bytes);
        }
    }
}
