//! OpenSSL at security level 0: hosts that rustls cannot talk to, and a third opinion.

use std::io::{self, Read, Write};

use openssl::error::ErrorStack;
use openssl::ssl::{
    self, ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use wire::layer::Layer;
use wire::machine::{Event, TlsFailure};
use wire::tls::{Alert, Groups, HelloShape, HelloStyle, Signatures, Suites, TlsOffer, TlsVersion, signature, suite};

use super::tls::restyle;

/// Most plaintext taken at a time.
const PLAIN_LIMIT: usize = 64 * 1024;

/// Pair of buffers that OpenSSL takes for a socket.
#[derive(Debug, Default)]
struct Pipe {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.incoming.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.incoming[..count]);
        self.incoming.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// TLS tunnel by OpenSSL.
pub struct OpenSsl {
    stream: SslStream<Pipe>,
    up: bool,
    /// How the first flight is to be restyled; `None` once it is out.
    restyled: Option<(TlsOffer, HelloStyle)>,
    /// The peer has sent its `close_notify`.
    ended: bool,
}

fn version(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::Tls10 => SslVersion::TLS1,
        TlsVersion::Tls11 => SslVersion::TLS1_1,
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }
}

impl OpenSsl {
    /// Opens a tunnel and says hello.
    pub fn open(offer: TlsOffer, shape: &HelloShape) -> Result<Self, String> {
        let stream = Self::stream(offer, shape).map_err(|error| error.to_string())?;
        let mut tunnel = Self { stream, up: false, restyled: Some((offer, shape.style)), ended: false };
        match tunnel.handshake() {
            Ok(()) => Ok(tunnel),
            Err(failure) => Err(format!("{failure:?}")),
        }
    }

    fn stream(offer: TlsOffer, shape: &HelloShape) -> Result<SslStream<Pipe>, ErrorStack> {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        context.set_security_level(0);
        context.set_verify(SslVerifyMode::NONE);
        context.set_min_proto_version(Some(version(offer.min)))?;
        context.set_max_proto_version(Some(version(offer.max)))?;
        set_suites(&mut context, offer.suites)?;
        // the stock list of OpenSSL 3.5 and later makes a hello that does not fit one segment
        set_groups(&mut context, offer.groups)?;
        if offer.signatures != Signatures::USUAL {
            let list: Vec<_> = offer.signatures.codes().filter_map(signature_word).collect();
            context.set_sigalgs_list(&list.join(":"))?;
        }
        // hosts without secure renegotiation (RFC 5746) are among those that we came to see
        context.set_options(SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
        let mut ssl = Ssl::new(&context.build())?;
        if let Some(name) = shape.name(offer.name) {
            ssl.set_hostname(name)?;
        }
        SslStream::new(ssl, Pipe::default())
    }

    fn handshake(&mut self) -> Result<(), TlsFailure> {
        if self.up {
            return Ok(());
        }
        match self.stream.connect() {
            Ok(()) => self.up = true,
            Err(error) if error.code() == ErrorCode::WANT_READ => {}
            Err(error) => return Err(failure(&error)),
        }
        Ok(())
    }
}

/// Exactly these suites, as far as OpenSSL has them; all that it has, where all are meant.
fn set_suites(context: &mut SslContextBuilder, suites: Suites) -> Result<(), ErrorStack> {
    if suites == Suites::USUAL {
        return context.set_cipher_list("ALL:@SECLEVEL=0");
    }
    let of_13 = |code: &u16| suite::first_version(*code) == TlsVersion::Tls13;
    let new: Vec<_> = suites.codes().filter(of_13).filter_map(suite::name).collect();
    let old = suites.codes().filter(|code| !of_13(code)).filter_map(suite::name);
    // what it does not know it calls "(NONE)", and the list goes on without it
    let old: Vec<_> = old.map(ssl::cipher_name).filter(|name| *name != "(NONE)").collect();
    context.set_ciphersuites(&new.join(":"))?;
    context.set_cipher_list(&format!("{}:@SECLEVEL=0", old.join(":")))
}

/// These groups; the order is that in which they are offered.
fn set_groups(context: &mut SslContextBuilder, groups: Groups) -> Result<(), ErrorStack> {
    let known = [(0x001D, "X25519"), (0x0017, "P-256"), (0x0018, "P-384"), (0x0019, "P-521"), (0x001E, "X448")];
    let list: Vec<_> = known.into_iter().filter(|(code, _)| groups.contains(*code)).map(|(_, word)| word).collect();
    context.set_groups_list(&list.join(":"))
}

/// OpenSSL's word for a signature algorithm.
fn signature_word(code: u16) -> Option<&'static str> {
    match code {
        0x0201 => Some("RSA+SHA1"),
        0x0203 => Some("ECDSA+SHA1"),
        0x0401 => Some("RSA+SHA256"),
        0x0501 => Some("RSA+SHA384"),
        0x0601 => Some("RSA+SHA512"),
        0x0403 => Some("ECDSA+SHA256"),
        0x0503 => Some("ECDSA+SHA384"),
        0x0603 => Some("ECDSA+SHA512"),
        _ => signature::name(code),
    }
}

/// `ERR_LIB_SSL`. Other libraries number their reasons anew: 123 is a bad signature here, and in ASN.1 a header that is
/// too long.
const SSL_LIBRARY: i32 = 20;
/// `SSL_R_BAD_SIGNATURE`: the peer's signature does not fit its certificate.
const BAD_SIGNATURE: i32 = 123;

/// Interprets an error: OpenSSL reports an alert with the reason 1000 plus the alert's number (`SSL_AD_REASON_OFFSET`).
fn failure(error: &ssl::Error) -> TlsFailure {
    let Some(first) = error.ssl_error().and_then(|stack| stack.errors().first()) else {
        return TlsFailure::Peer(error.to_string());
    };
    let reason = if first.library_code() == SSL_LIBRARY { first.reason_code() } else { 0 };
    if reason == BAD_SIGNATURE {
        return TlsFailure::WrongKey;
    }
    match u8::try_from(reason - 1000) {
        Ok(description) if first.function().is_none_or(|f| !f.contains("construct")) => {
            TlsFailure::Alert(Alert { level: 2, description })
        }
        _ => TlsFailure::Peer(first.reason().unwrap_or("OpenSSL gave up").to_owned()),
    }
}

impl Layer for OpenSsl {
    fn read(&mut self, raw: &[u8]) -> Result<Vec<u8>, TlsFailure> {
        self.stream.get_mut().incoming.extend_from_slice(raw);
        self.handshake()?;
        let mut plain = Vec::new();
        let mut buffer = [0; 4096];
        while self.up && plain.len() < PLAIN_LIMIT {
            match self.stream.ssl_read(&mut buffer) {
                Ok(count) => plain.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::ZERO_RETURN) => {
                    self.ended |= error.code() == ErrorCode::ZERO_RETURN;
                    break;
                }
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(plain)
    }

    fn write(&mut self, plain: &[u8]) -> Result<(), String> {
        self.stream.write_all(plain).map_err(|error| error.to_string())
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut raw = std::mem::take(&mut self.stream.get_mut().outgoing);
        if let (Some((offer, style)), false) = (self.restyled, raw.is_empty()) {
            restyle(&mut raw, offer, style);
            self.restyled = None;
        }
        raw
    }

    fn up(&self) -> Option<Event> {
        if !self.up {
            return None;
        }
        let ssl = self.stream.ssl();
        let version = match ssl.version_str() {
            "TLSv1" => TlsVersion::Tls10,
            newer => TlsVersion::parse(newer.trim_start_matches("TLSv"))?,
        };
        let suite = ssl.current_cipher().map_or(0, |cipher| u16::from_be_bytes(cipher.protocol_id()));
        let chain = ssl.peer_cert_chain().map(|chain| {
            let kept = chain.iter().take(wire::tls::flight::CHAIN_LIMIT);
            kept.filter_map(|certificate| certificate.to_der().ok()).collect()
        });
        Some(Event::TlsUp { version, suite, chain: chain.unwrap_or_default() })
    }

    fn certificate_requested(&self) -> bool {
        // OpenSSL does not tell; our own hello reads it in the flight of the versions that only OpenSSL speaks
        false
    }

    fn ended(&self) -> bool {
        self.ended
    }
}
