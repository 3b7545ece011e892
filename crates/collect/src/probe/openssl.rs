//! OpenSSL at security level 0: hosts that rustls cannot talk to, and a third opinion.

use std::io::{self, Read, Write};

use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion};
use wire::layer::Layer;
use wire::machine::{Event, TlsFailure};
use wire::tls::{Alert, TlsOffer, TlsVersion};

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
    pub fn open(offer: TlsOffer) -> Result<Self, String> {
        let stream = Self::stream(offer).map_err(|error| error.to_string())?;
        let mut tunnel = Self { stream, up: false };
        match tunnel.handshake() {
            Ok(()) => Ok(tunnel),
            Err(failure) => Err(format!("{failure:?}")),
        }
    }

    fn stream(offer: TlsOffer) -> Result<SslStream<Pipe>, ErrorStack> {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        context.set_security_level(0);
        context.set_verify(SslVerifyMode::NONE);
        context.set_min_proto_version(Some(version(offer.min)))?;
        context.set_max_proto_version(Some(version(offer.max)))?;
        context.set_cipher_list("ALL:@SECLEVEL=0")?;
        // the default list of OpenSSL 3.5 and later makes a hello that does not fit one segment
        context.set_groups_list("X25519:P-256:P-384:P-521")?;
        // hosts without secure renegotiation (RFC 5746) are among those that we want to see
        context.set_options(SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
        SslStream::new(Ssl::new(&context.build())?, Pipe::default())
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

/// Interprets an error: OpenSSL reports an alert with the reason 1000 plus the alert's number (`SSL_AD_REASON_OFFSET`).
fn failure(error: &openssl::ssl::Error) -> TlsFailure {
    let Some(first) = error.ssl_error().and_then(|stack| stack.errors().first()) else {
        return TlsFailure::Peer(error.to_string());
    };
    let reason = first.reason_code();
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
                Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::ZERO_RETURN) => break,
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(plain)
    }

    fn write(&mut self, plain: &[u8]) -> Result<(), String> {
        self.stream.write_all(plain).map_err(|error| error.to_string())
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stream.get_mut().outgoing)
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
}
