//! The server's answer to a ClientHello, read without finishing the handshake.

use crate::bytes::{DecodeError, Reader};
use crate::tls::suite::{self, KeyExchange};
use crate::tls::{Alert, TlsVersion};

/// The most bytes of a flight that we read. A chain of four RSA-4096 certificates has about 8 KiB.
pub const FLIGHT_LIMIT: usize = 256 * 1024;
/// The most bytes of one handshake message that we believe in.
pub const MESSAGE_LIMIT: usize = 128 * 1024;
/// The most certificates of a chain that we keep.
pub const CHAIN_LIMIT: usize = 16;
/// RFC 5246 section 6.2.3: 2^14 bytes and 2048 of expansion.
const RECORD_LIMIT: usize = 16_384 + 2048;

/// The most records of a flight: real ones have a handful, and each is read again whenever another one arrives.
const RECORDS_LIMIT: usize = 1024;

pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const APPLICATION_DATA: u8 = 23;
const HELLO_REQUEST: u8 = 0;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_STATUS: u8 = 22;
const SUPPLEMENTAL_DATA: u8 = 23;
const EXTENSION_VERSIONS: u16 = 43;
const EXTENSION_KEY_SHARE: u16 = 51;
/// RFC 8422 section 5.4: the curve is named by its number.
const NAMED_CURVE: u8 = 3;

/// RFC 8446 section 4.1.3: the random that marks a HelloRetryRequest.
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// Server's first flight, read without finishing the handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFlight {
    /// The version that it chose; `None` for a number that is no TLS version (SSL 3.0).
    pub version: Option<TlsVersion>,
    /// The suite that it chose.
    pub suite: u16,
    /// Its certificates in the order sent, at most [`CHAIN_LIMIT`]. Empty in TLS 1.3, which encrypts them.
    pub chain: Vec<Vec<u8>>,
    /// True if it asks for a client certificate (TLS 1.2 and older).
    pub wants_client_certificate: bool,
    /// True for a HelloRetryRequest: it accepts the version and wants another key share.
    pub retry: bool,
    /// The group that it chose or, in a HelloRetryRequest, wants; `None` where the suite has none.
    pub group: Option<u16>,
    /// The signature algorithm of its key exchange (TLS 1.2; 1.3 encrypts it, older versions have none).
    pub signature: Option<u16>,
    /// The size of its prime in bits, in suites with DHE.
    pub prime_bits: Option<usize>,
}

/// How far a flight has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlightProgress {
    /// More bytes are needed.
    Incomplete,
    /// The flight is complete as far as it can be read.
    Complete(ServerFlight),
    /// The server refused.
    Alert(Alert),
    /// The first byte is not that of a TLS record.
    NotTls,
    /// TLS records with contents that cannot be.
    Malformed(DecodeError),
}

/// Reads a flight from its beginning. Called with all bytes so far; they are bounded by [`FLIGHT_LIMIT`].
pub fn read(bytes: &[u8]) -> FlightProgress {
    match Reading::default().run(bytes) {
        Ok(progress) => progress,
        Err(_) if bytes.first().is_some_and(|byte| !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(byte)) => {
            FlightProgress::NotTls
        }
        Err(error) => FlightProgress::Malformed(error),
    }
}

/// How many bytes a flight must have before [`read`] can say more of it than it says of `bytes`.
pub fn wanted(bytes: &[u8]) -> usize {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(_)) = record(&mut reader) {}
    match reader.rest() {
        [_, _, _, high, low, ..] => {
            reader.at().saturating_add(5).saturating_add(u16::from_be_bytes([*high, *low]).into())
        }
        _ => bytes.len().saturating_add(1),
    }
}

#[derive(Default)]
struct Reading {
    handshake: Vec<u8>,
    /// Bytes of handshake messages before those in `handshake`.
    passed: usize,
    flight: ServerFlight,
    hello_seen: bool,
}

impl Reading {
    fn run(mut self, bytes: &[u8]) -> Result<FlightProgress, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut records = 0_usize;
        loop {
            let at = reader.at();
            let Some((kind, fragment)) = record(&mut reader)? else { return Ok(FlightProgress::Incomplete) };
            records = records.saturating_add(1);
            if records > RECORDS_LIMIT {
                return Err(DecodeError::TooMany { what: "records", limit: RECORDS_LIMIT });
            }
            match kind {
                ALERT => {
                    let mut alert = Reader::new(fragment);
                    let alert = Alert { level: alert.u8("alert level")?, description: alert.u8("alert description")? };
                    // a warning may precede the answer (unrecognized_name); it refuses nothing
                    if alert.level != 1 || alert.description == 0 {
                        return Ok(FlightProgress::Alert(alert));
                    }
                }
                HANDSHAKE => {
                    self.handshake.extend_from_slice(fragment);
                    if self.messages()? {
                        return Ok(FlightProgress::Complete(self.flight));
                    }
                }
                // TLS 1.3 goes on encrypted behind its ServerHello
                CHANGE_CIPHER_SPEC | APPLICATION_DATA if self.hello_seen => {
                    return Ok(FlightProgress::Complete(self.flight));
                }
                _ => return Err(DecodeError::Invalid { what: "record type", at, value: kind.into() }),
            }
        }
    }

    /// Reads the whole messages that have arrived; true when the flight is complete.
    fn messages(&mut self) -> Result<bool, DecodeError> {
        let handshake = std::mem::take(&mut self.handshake);
        let mut reader = Reader::new(&handshake);
        loop {
            // errors tell the place among the handshake messages, which records cut anywhere
            let at = self.passed.saturating_add(reader.at());
            let in_body = |error: DecodeError| error.moved(at.saturating_add(4));
            let Some((kind, body)) = message(&mut reader)? else { break };
            match kind {
                // RFC 5246 section 7.4.1.1: a client that is negotiating passes it over
                HELLO_REQUEST => {}
                SERVER_HELLO if !self.hello_seen => {
                    self.server_hello(body).map_err(in_body)?;
                    if self.flight.version == Some(TlsVersion::Tls13) {
                        return Ok(true);
                    }
                }
                _ if !self.hello_seen => return Err(unexpected(kind, at)),
                CERTIFICATE => self.flight.chain = chain(body).map_err(in_body)?,
                // what cannot be read of it is not known; the flight is no worse for it
                SERVER_KEY_EXCHANGE => drop(self.key_exchange(body)),
                CERTIFICATE_REQUEST => self.flight.wants_client_certificate = true,
                SERVER_HELLO_DONE => return Ok(true),
                CERTIFICATE_STATUS | SUPPLEMENTAL_DATA => {}
                // a second ServerHello, and what nobody asked for, such as a compressed certificate
                _ => return Err(unexpected(kind, at)),
            }
        }
        // a message that is still cut off is kept, not copied once more with each of its records
        let cut = reader.rest();
        self.passed = self.passed.saturating_add(reader.at());
        self.handshake = if cut.len() == handshake.len() { handshake } else { cut.to_vec() };
        Ok(false)
    }

    fn server_hello(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(body);
        let mut version = reader.u16_be("server_version")?;
        self.flight.retry = reader.take(32, "random")? == RETRY_RANDOM;
        let session = reader.u8("session_id")?;
        reader.take(session.into(), "session_id")?;
        self.flight.suite = reader.u16_be("cipher_suite")?;
        let compression = reader.u8("compression_method")?;
        if compression != 0 {
            return Err(reader.invalid("compression_method", compression));
        }
        if !reader.is_empty() {
            let size = reader.u16_be("extensions")?;
            let mut extensions = Reader::new(reader.take(size.into(), "extensions")?);
            while !extensions.is_empty() {
                let kind = extensions.u16_be("extension type")?;
                let size = extensions.u16_be("extension length")?;
                let mut value = Reader::new(extensions.take(size.into(), "extension")?);
                match kind {
                    EXTENSION_VERSIONS => version = value.u16_be("selected_version")?,
                    EXTENSION_KEY_SHARE => self.flight.group = value.u16_be("key_share").ok(),
                    _ => {}
                }
            }
        }
        self.flight.version = TlsVersion::from_code(version);
        self.hello_seen = true;
        end(&reader)
    }
}

fn unexpected(kind: u8, at: usize) -> DecodeError {
    DecodeError::Invalid { what: "order of the handshake messages", at, value: kind.into() }
}

/// Nothing may stand behind the last field of a message.
fn end(reader: &Reader<'_>) -> Result<(), DecodeError> {
    reader.rest().first().map_or(Ok(()), |byte| Err(reader.invalid("end of the message", *byte)))
}

/// Extensions of a ServerHello of which something is read.
pub(crate) const EXTENSIONS_READ: [u16; 2] = [EXTENSION_VERSIONS, EXTENSION_KEY_SHARE];

/// True for the random bytes that mark a HelloRetryRequest.
pub(crate) fn is_retry(random: &[u8]) -> bool {
    random == RETRY_RANDOM
}

impl Reading {
    /// ServerKeyExchange (RFC 5246 section 7.4.3, RFC 8422 section 5.4).
    fn key_exchange(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(body);
        match suite::key_exchange(self.flight.suite) {
            KeyExchange::Ecdhe => {
                let kind = reader.u8("curve_type")?;
                if kind != NAMED_CURVE {
                    return Err(reader.invalid("curve_type", kind));
                }
                self.flight.group = Some(reader.u16_be("namedcurve")?);
                let size = reader.u8("public")?;
                reader.take(size.into(), "public")?;
            }
            KeyExchange::Dhe => {
                let prime = vector(&mut reader, "dh_p")?;
                let leading = prime.iter().take_while(|byte| **byte == 0).count();
                let head = prime.get(leading).map_or(0, |byte| byte.leading_zeros());
                let bits = prime.len().saturating_sub(leading).saturating_mul(8);
                self.flight.prime_bits = Some(bits.saturating_sub(usize::try_from(head).unwrap_or(0)));
                vector(&mut reader, "dh_g")?;
                vector(&mut reader, "dh_Ys")?;
            }
            KeyExchange::Rsa | KeyExchange::Other => return Ok(()),
        }
        if self.flight.version == Some(TlsVersion::Tls12) {
            self.flight.signature = Some(reader.u16_be("signature algorithm")?);
        }
        Ok(())
    }
}

fn vector<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let size = reader.u16_be(what)?;
    reader.take(size.into(), what)
}

/// The next whole record, or `None` if more bytes are needed.
pub(crate) fn record<'a>(reader: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, DecodeError> {
    let mut ahead = reader.clone();
    let Ok(kind) = ahead.u8("record type") else { return Ok(None) };
    if !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
        return Err(reader.invalid("record type", kind));
    }
    let Ok(major) = ahead.u8("record version") else { return Ok(None) };
    if major != 3 {
        return Err(ahead.invalid("record version", major));
    }
    let (Ok(_), Ok(size)) = (ahead.u8("record version"), ahead.u16_be("record length")) else { return Ok(None) };
    if usize::from(size) > RECORD_LIMIT {
        return Err(DecodeError::TooLarge { what: "record", size: size.into(), limit: RECORD_LIMIT });
    }
    let Ok(fragment) = ahead.take(size.into(), "record") else { return Ok(None) };
    *reader = ahead;
    Ok(Some((kind, fragment)))
}

/// The next whole handshake message, or `None` if more bytes are needed.
pub(crate) fn message<'a>(reader: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, DecodeError> {
    let mut ahead = reader.clone();
    let (Ok(kind), Ok(size)) = (ahead.u8("message type"), ahead.u24_be("message length")) else { return Ok(None) };
    if size > MESSAGE_LIMIT {
        return Err(DecodeError::TooLarge { what: "handshake message", size, limit: MESSAGE_LIMIT });
    }
    let Ok(body) = ahead.take(size, "message") else { return Ok(None) };
    *reader = ahead;
    Ok(Some((kind, body)))
}

fn chain(body: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut reader = Reader::new(body);
    let size = reader.u24_be("certificate_list")?;
    let mut list = Reader::new(reader.take(size, "certificate_list")?);
    end(&reader)?;
    let mut chain = Vec::new();
    while !list.is_empty() && chain.len() < CHAIN_LIMIT {
        let size = list.u24_be("certificate")?;
        chain.push(list.take(size, "certificate")?.to_vec());
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind], &size[1..], body].concat()
    }

    fn record_of(kind: u8, fragment: &[u8]) -> Vec<u8> {
        let size = u16::try_from(fragment.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &size[..], fragment].concat()
    }

    fn hello_12() -> Vec<u8> {
        let body = [&[3, 3], &[9; 32][..], &[0], &[0xC0, 0x30], &[0]].concat();
        handshake(SERVER_HELLO, &body)
    }

    fn flight_12() -> Vec<u8> {
        let certificate = [0, 0, 6, 0, 0, 3, 1, 2, 3];
        let messages = [hello_12(), handshake(CERTIFICATE, &certificate), handshake(SERVER_HELLO_DONE, &[])].concat();
        record_of(HANDSHAKE, &messages)
    }

    #[test]
    fn a_flight_of_12_shows_version_suite_and_certificate() {
        let FlightProgress::Complete(flight) = read(&flight_12()) else { panic!("complete") };
        assert_eq!(
            (flight.version, flight.suite, flight.chain),
            (Some(TlsVersion::Tls12), 0xC030, vec![vec![1, 2, 3]])
        );
    }

    fn flight_with(suite: [u8; 2], exchange: &[u8]) -> ServerFlight {
        let hello = handshake(SERVER_HELLO, &[&[3, 3], &[9; 32][..], &[0], &suite, &[0]].concat());
        let exchange = handshake(SERVER_KEY_EXCHANGE, exchange);
        let messages = [hello, exchange, handshake(SERVER_HELLO_DONE, &[])].concat();
        let FlightProgress::Complete(flight) = read(&record_of(HANDSHAKE, &messages)) else { panic!("complete") };
        flight
    }

    #[test]
    fn a_key_exchange_shows_group_and_signature() {
        let curve = [&[3, 0, 0x18, 2, 7, 7][..], &[8, 4, 0, 1, 0]].concat();
        let flight = flight_with([0xC0, 0x30], &curve);
        assert_eq!((flight.group, flight.signature, flight.prime_bits), (Some(0x18), Some(0x0804), None));
        let prime = [&[0, 3, 0, 0x7F, 1][..], &[0, 1, 2], &[0, 1, 9], &[4, 1, 0, 0]].concat();
        let flight = flight_with([0x00, 0x9F], &prime);
        assert_eq!((flight.group, flight.signature, flight.prime_bits), (None, Some(0x0401), Some(15)));
    }

    #[test]
    fn a_key_exchange_that_cannot_be_read_spoils_nothing() {
        for exchange in [&[][..], &[3, 0], &[1, 0, 0x17], &[3, 0, 0x17, 200, 1], &[3, 0, 0x17, 0, 8]] {
            let flight = flight_with([0xC0, 0x30], exchange);
            assert_eq!((flight.suite, flight.signature), (0xC030, None), "{exchange:?}");
        }
        assert_eq!(flight_with([0x00, 0x2F], &[3, 0, 0x17, 0]).group, None, "RSA has no such message");
    }

    #[test]
    fn a_retry_names_the_group_that_is_wanted() {
        let extensions = [0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 0x17];
        let body = [&[3, 3], &RETRY_RANDOM[..], &[0], &[0x13, 2], &[0], &extensions].concat();
        let FlightProgress::Complete(flight) = read(&record_of(HANDSHAKE, &handshake(SERVER_HELLO, &body))) else {
            panic!("complete")
        };
        assert_eq!((flight.retry, flight.group), (true, Some(0x17)));
    }

    #[test]
    fn messages_may_be_cut_anywhere() {
        let messages = flight_12().split_off(5);
        let records: Vec<u8> = messages.iter().flat_map(|byte| record_of(HANDSHAKE, &[*byte])).collect();
        assert_eq!(read(&records), read(&flight_12()));
        for end in 0..flight_12().len() {
            assert_eq!(read(&flight_12()[..end]), FlightProgress::Incomplete);
        }
    }

    #[test]
    fn a_record_is_read_when_it_is_whole() {
        let flight = flight_12();
        assert_eq!((wanted(&[]), wanted(&flight[..4]), wanted(&flight[..5])), (1, 5, flight.len()));
        assert_eq!(wanted(&flight[..flight.len() - 1]), flight.len());
    }

    #[test]
    fn a_flight_of_endless_tiny_records_is_refused() {
        let drip = record_of(HANDSHAKE, &[]).repeat(RECORDS_LIMIT);
        assert_eq!(read(&drip), FlightProgress::Incomplete);
        let FlightProgress::Malformed(error) = read(&drip.repeat(2)) else { panic!("refused") };
        assert_eq!(error.to_string(), "read records: more than the limit of 1024");
    }

    #[test]
    fn an_error_says_where() {
        let invalid = |bytes: &[u8]| match read(bytes) {
            FlightProgress::Malformed(DecodeError::Invalid { what, at, value }) => (what, at, value),
            other => panic!("{other:?}"),
        };
        // a record that may not be there, behind one that may
        let empty = record_of(HANDSHAKE, &[]);
        assert_eq!(invalid(&[&empty[..], &record_of(APPLICATION_DATA, &[1])].concat()), ("record type", 5, 23));
        // a second ServerHello, in a record of its own, behind the first, which has 42 bytes
        let again = record_of(HANDSHAKE, &hello_12());
        let first = hello_12().len();
        assert_eq!(invalid(&again.repeat(2)), ("order of the handshake messages", first, SERVER_HELLO.into()));
        // a compression method, the last byte of a hello behind a HelloRequest of four bytes
        let mut squeezed = [handshake(HELLO_REQUEST, &[]), hello_12()].concat();
        *squeezed.last_mut().unwrap() = 1;
        let at = squeezed.len();
        assert_eq!(invalid(&record_of(HANDSHAKE, &squeezed)), ("compression_method", at, 1));
    }

    #[test]
    fn a_hello_of_13_is_enough() {
        let extension = [0, 6, 0, 43, 0, 2, 3, 4];
        let body = [&[3, 3], &[9; 32][..], &[0], &[0x13, 2], &[0], &extension].concat();
        let FlightProgress::Complete(flight) = read(&record_of(HANDSHAKE, &handshake(SERVER_HELLO, &body))) else {
            panic!("complete")
        };
        assert_eq!((flight.version, flight.suite), (Some(TlsVersion::Tls13), 0x1302));
    }

    #[test]
    fn refusals_and_foreign_bytes_are_told_apart() {
        let alert = Alert { level: 2, description: 70 };
        assert_eq!(read(&record_of(ALERT, &[2, 70])), FlightProgress::Alert(alert));
        assert_eq!(read(b"HTTP/1.1 400"), FlightProgress::NotTls);
        assert!(matches!(read(&record_of(APPLICATION_DATA, &[1])), FlightProgress::Malformed(_)));
        let warned = [record_of(ALERT, &[1, 112]), flight_12()].concat();
        assert_eq!(read(&warned), read(&flight_12()));
    }

    #[test]
    fn a_giant_message_is_refused_at_its_header() {
        let giant = record_of(HANDSHAKE, &[CERTIFICATE, 0xFF, 0xFF, 0xFF]);
        assert!(matches!(read(&giant), FlightProgress::Malformed(DecodeError::TooLarge { .. })));
    }

    #[test]
    fn a_hundred_certificates_are_cut() {
        let one = [0, 0, 1, 7];
        let list = [&[0, 1, 0x90][..], &one.repeat(100)].concat();
        assert_eq!(chain(&list).unwrap().len(), CHAIN_LIMIT);
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn damaged_flights_never_panic(at in 0_usize..70, value: u8) {
            let mut bytes = flight_12();
            if let Some(byte) = bytes.get_mut(at) { *byte = value; }
            let _ = read(&bytes);
        }
    }
}
