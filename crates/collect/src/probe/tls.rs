//! TLS stacks without sockets: bytes in, bytes out.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
};
use wire::bytes::Reader;
use wire::der;
use wire::layer::Layer;
use wire::machine::{Event, TlsFailure};
use wire::tls::{Alert, HelloShape, HelloStyle, Suites, TlsOffer, TlsStack, TlsVersion};

use super::signature;

/// Opens a tunnel for an offer, in the manner of a client; an error is our own failure.
pub fn open(offer: TlsOffer, shape: &HelloShape) -> Result<Box<dyn Layer>, String> {
    match offer.stack {
        TlsStack::Rustls => Rustls::open(offer, shape).map(|tunnel| Box::new(tunnel) as Box<dyn Layer>),
        TlsStack::Own | TlsStack::Watched => Err("such a hello is no tunnel".to_owned()),
        #[cfg(feature = "legacy-tls")]
        TlsStack::OpenSsl => {
            super::openssl::OpenSsl::open(offer, shape).map(|tunnel| Box::new(tunnel) as Box<dyn Layer>)
        }
        #[cfg(not(feature = "legacy-tls"))]
        TlsStack::OpenSsl => Err("this build has no OpenSSL".to_owned()),
    }
}

/// Most plaintext taken at a time; a `TSRequest` has less.
const PLAIN_LIMIT: u64 = 64 * 1024;

/// Writes the version into the header of the first record that a client of this manner writes there. The header of a
/// plain record is protected by nothing.
pub fn restyle(first_flight: &mut [u8], offer: TlsOffer, style: HelloStyle) {
    if let ([22, major, minor, ..], HelloStyle::Schannel) = (first_flight, style) {
        [*major, *minor] = offer.max.min(TlsVersion::Tls12).code().to_be_bytes();
    }
}

struct Rustls {
    connection: ClientConnection,
    requested: Arc<Requested>,
    /// How the first flight is to be restyled; `None` once it is out.
    restyled: Option<(TlsOffer, HelloStyle)>,
    /// The peer has sent its `close_notify`.
    ended: bool,
}

impl Rustls {
    fn open(offer: TlsOffer, shape: &HelloShape) -> Result<Self, String> {
        let versions: Vec<&'static rustls::SupportedProtocolVersion> =
            [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)]
                .into_iter()
                .filter(|(version, _)| offer.offers(*version))
                .map(|(_, version)| version)
                .collect();
        let mut provider = rustls::crypto::ring::default_provider();
        if offer.suites != Suites::USUAL {
            provider.cipher_suites.retain(|suite| offer.suites.contains(suite.suite().into()));
        }
        let provider = Arc::new(provider);
        let mut schemes = provider.signature_verification_algorithms.supported_schemes();
        // what the client lacks, it refuses; rustls would take it
        schemes.retain(|scheme| offer.signatures.contains((*scheme).into()));
        let requested = Arc::new(Requested::default());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Recorder { schemes }))
            .with_client_cert_resolver(Arc::<Requested>::clone(&requested));
        let named = shape.name(offer.name).and_then(|name| ServerName::try_from(name.to_owned()).ok());
        config.enable_sni = named.is_some();
        config.resumption = rustls::client::Resumption::disabled();
        // it is never checked: the certificate's contents are evidence, not a condition
        let name = named.unwrap_or_else(|| ServerName::try_from("host.invalid").expect("the name is valid"));
        ClientConnection::new(Arc::new(config), name)
            .map(|connection| Self { connection, requested, restyled: Some((offer, shape.style)), ended: false })
            .map_err(|error| error.to_string())
    }
}

impl Layer for Rustls {
    fn read(&mut self, mut raw: &[u8]) -> Result<Vec<u8>, TlsFailure> {
        let mut plain = Vec::new();
        while !raw.is_empty() {
            match self.connection.read_tls(&mut raw) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(TlsFailure::Peer(error.to_string())),
            }
            let state = self.connection.process_new_packets().map_err(|error| failure(&error))?;
            self.ended |= state.peer_has_closed();
            let ready = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or(PLAIN_LIMIT).min(PLAIN_LIMIT);
            let taken = self.connection.reader().take(ready).read_to_end(&mut plain);
            taken.map_err(|error| TlsFailure::Peer(error.to_string()))?;
        }
        Ok(plain)
    }

    fn write(&mut self, plain: &[u8]) -> Result<(), String> {
        self.connection.writer().write_all(plain).map_err(|error| error.to_string())
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut raw = Vec::new();
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut raw) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if let (Some((offer, style)), false) = (self.restyled, raw.is_empty()) {
            restyle(&mut raw, offer, style);
            self.restyled = None;
        }
        raw
    }

    fn up(&self) -> Option<Event> {
        if self.connection.is_handshaking() {
            return None;
        }
        let version = TlsVersion::from_code(self.connection.protocol_version()?.into())?;
        let suite = self.connection.negotiated_cipher_suite()?.suite().into();
        let chain = self.connection.peer_certificates().unwrap_or_default();
        let chain = chain.iter().take(wire::tls::flight::CHAIN_LIMIT).map(|der| der.to_vec()).collect();
        Some(Event::TlsUp { version, suite, chain })
    }

    fn certificate_requested(&self) -> bool {
        self.requested.0.load(Ordering::Relaxed)
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

/// Has no certificate, and remembers that one was asked for.
#[derive(Debug, Default)]
struct Requested(AtomicBool);

impl ResolvesClientCert for Requested {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Says who is to blame, in the terms of the machine.
fn failure(error: &rustls::Error) -> TlsFailure {
    match error {
        rustls::Error::AlertReceived(description) => TlsFailure::Alert(alert(*description)),
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => TlsFailure::WrongKey,
        rustls::Error::General(_)
        | rustls::Error::FailedToGetCurrentTime
        | rustls::Error::FailedToGetRandomBytes
        | rustls::Error::Other(_) => TlsFailure::Own(error.to_string()),
        _ => TlsFailure::Peer(error.to_string()),
    }
}

fn alert(description: AlertDescription) -> Alert {
    Alert { level: 2, description: description.into() }
}

/// webpki would refuse RSA-1024 and SHA-1 here, which real hosts have; so only what is certainly of another key is
/// refused.
fn by_its_key(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    if signature::refuted(signed.scheme, certificate, message, signed.signature()) {
        return Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature));
    }
    Ok(HandshakeSignatureValid::assertion())
}

/// Accepts every certificate, because it is evidence: expired, self-signed and weak ones are what we came to see.
#[derive(Debug)]
struct Recorder {
    schemes: Vec<SignatureScheme>,
}

/// True of bytes that are one DER SEQUENCE and no more, as every certificate is (RFC 5280 section 4.1).
fn is_an_element(certificate: &[u8]) -> bool {
    let mut reader = Reader::new(certificate);
    der::expect(&mut reader, der::SEQUENCE, "Certificate").is_ok() && reader.is_empty()
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // rustls looks at the first certificate alone; OpenSSL ends the handshake at any that cannot be read
        if further.iter().all(|certificate| is_an_element(certificate)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        by_its_key(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        by_its_key(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
