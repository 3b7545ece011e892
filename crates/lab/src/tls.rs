//! The host's side of TLS: real tunnels, and what faulty hosts do instead.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedCipherSuite, SupportedProtocolVersion};
use wire::tls::{Alert, TlsVersion};

use crate::certificate::Identity;
use crate::connection::Ending;
use crate::error::LabError;
use crate::host::{Host, TlsFault};
use crate::transport::Transport;

/// RFC 8446 section 5.1: type, version, length.
const RECORD_HEADER: usize = 5;

/// The plaintext of an established connection.
pub(crate) trait Tunnel: Read + Write {}

impl<T: Read + Write> Tunnel for T {}

/// What makes tunnels for one host.
pub(crate) enum Acceptor {
    /// TLS 1.2 and 1.3.
    Rustls(Arc<ServerConfig>),
    /// Everything that OpenSSL was built with.
    #[cfg(feature = "legacy-tls")]
    OpenSsl(crate::legacy::Acceptor),
}

impl Acceptor {
    /// Sets up TLS for `host`.
    pub(crate) fn new(host: &Host, identity: &Identity) -> Result<Self, LabError> {
        if host.needs_legacy_tls() {
            #[cfg(feature = "legacy-tls")]
            return crate::legacy::Acceptor::new(&host.tls, identity).map(Self::OpenSsl);
            #[cfg(not(feature = "legacy-tls"))]
            return Err(LabError::NeedsLegacyTls);
        }
        let failed = |error: rustls::Error| LabError::Tls(error.to_string());
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|e| LabError::Tls(e.to_string()))?;
        let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
        let mut provider = ring::default_provider();
        if !host.tls.suites.is_empty() {
            provider.cipher_suites.retain(|suite| host.tls.suites.iter().any(|name| named(*suite, name)));
        }
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions(host))
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(failed)?;
        Ok(Self::Rustls(Arc::new(config)))
    }

    /// Does the handshake. If it fails, the client has been told so by an alert.
    pub(crate) fn accept<'a>(&self, transport: &'a mut Transport) -> io::Result<Box<dyn Tunnel + 'a>> {
        match self {
            Self::Rustls(config) => {
                let mut connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
                while connection.is_handshaking() {
                    connection.complete_io(transport)?;
                }
                Ok(Box::new(StreamOwned::new(connection, transport)))
            }
            #[cfg(feature = "legacy-tls")]
            Self::OpenSsl(acceptor) => acceptor.accept(transport),
        }
    }
}

/// True if rustls has the suite of this registered name.
pub(crate) fn has_suite(name: &str) -> bool {
    ring::ALL_CIPHER_SUITES.iter().any(|suite| named(*suite, name))
}

fn named(suite: SupportedCipherSuite, name: &str) -> bool {
    wire::tls::suite::code(name) == Some(suite.suite().into())
}

fn versions(host: &Host) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let spoken = |version| (host.tls.min..=host.tls.max).contains(&version);
    known.into_iter().filter(|(version, _)| spoken(*version)).map(|(_, known)| known).collect()
}

/// Reads the ClientHello, however it is cut, and does what the fault says.
pub(crate) fn fail(fault: &TlsFault, transport: &mut Transport) -> io::Result<Ending> {
    let header = transport.take(RECORD_HEADER)?;
    transport.take(usize::from(u16::from_be_bytes([header[3], header[4]])))?;
    match fault {
        TlsFault::Close => return Ok(Ending::Close),
        TlsFault::Reset => return Ok(Ending::Reset),
        TlsFault::Silent => transport.hold()?,
        TlsFault::Alert80 => alert(transport, Alert::INTERNAL_ERROR)?,
        TlsFault::Alert40 => alert(transport, Alert::HANDSHAKE_FAILURE)?,
        TlsFault::Alert49 => alert(transport, 49)?,
        TlsFault::Play(script) => {
            script.play(transport)?;
            if script.hold {
                transport.hold()?;
            }
        }
    }
    Ok(Ending::Close)
}

fn alert(transport: &mut Transport, description: u8) -> io::Result<()> {
    transport.write_all(&[21, 3, 3, 0, 2, 2, description])
}
