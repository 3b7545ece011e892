//! TLS stacks without sockets: bytes in, bytes out.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use wire::layer::Layer;
use wire::machine::{Event, TlsFailure};
use wire::tls::{Alert, TlsOffer, TlsStack, TlsVersion};

/// Opens a tunnel for an offer; an error is our own failure.
pub fn open(offer: TlsOffer) -> Result<Box<dyn Layer>, String> {
    match offer.stack {
        TlsStack::Rustls => Rustls::open(offer).map(|tunnel| Box::new(tunnel) as Box<dyn Layer>),
        TlsStack::Own | TlsStack::Watched => Err("such a hello is no tunnel".to_owned()),
        #[cfg(feature = "legacy-tls")]
        TlsStack::OpenSsl => super::openssl::OpenSsl::open(offer).map(|tunnel| Box::new(tunnel) as Box<dyn Layer>),
        #[cfg(not(feature = "legacy-tls"))]
        TlsStack::OpenSsl => Err("this build has no OpenSSL".to_owned()),
    }
}

/// Most plaintext taken at a time; a `TSRequest` has less.
const PLAIN_LIMIT: u64 = 64 * 1024;

struct Rustls {
    connection: ClientConnection,
}

impl Rustls {
    fn open(offer: TlsOffer) -> Result<Self, String> {
        let versions: Vec<&'static rustls::SupportedProtocolVersion> =
            [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)]
                .into_iter()
                .filter(|(version, _)| offer.offers(*version))
                .map(|(_, version)| version)
                .collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Recorder { schemes }))
            .with_no_client_auth();
        config.enable_sni = false;
        config.resumption = rustls::client::Resumption::disabled();
        // the name is never sent and never checked: the certificate's contents are evidence, not a condition
        let name = ServerName::try_from("host.invalid").expect("the name is valid");
        ClientConnection::new(Arc::new(config), name)
            .map(|connection| Self { connection })
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
}

/// Says who is to blame, in the terms of the machine.
fn failure(error: &rustls::Error) -> TlsFailure {
    match error {
        rustls::Error::AlertReceived(description) => TlsFailure::Alert(alert(*description)),
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

/// Accepts every certificate, because it is evidence: expired, self-signed and weak ones are what we want to see.
#[derive(Debug)]
struct Recorder {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // webpki refuses RSA-1024 and SHA-1 here, which real hosts have; no secret is sent through this tunnel
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
