//! TLS: real tunnels, and what faulty hosts do instead.

mod gate;
mod middlebox;
mod mutual;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedCipherSuite, SupportedProtocolVersion};
use serde::{Deserialize, Deserializer, de};
use wire::tls::{Alert, TlsVersion};

pub use self::gate::Resents;
use super::served::{Ending, Negotiated, Served, Tunnel};
use crate::certificate::Identity;
use crate::error::LabError;
use crate::script::Script;
use crate::transport::Transport;
use mutual::Asking;

/// RFC 8446 section 5.1: type, version, length.
const RECORD_HEADER: usize = 5;

/// How a host speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The oldest version that it speaks.
    #[serde(deserialize_with = "tls_version")]
    pub min: TlsVersion,
    /// The newest version that it speaks.
    #[serde(deserialize_with = "tls_version")]
    pub max: TlsVersion,
    /// The suites that it takes, by their registered names; empty for all that its TLS stack has.
    pub suites: Vec<String>,
    /// The groups that it takes, by their registered names; empty for all that its TLS stack has. Takes the feature
    /// `legacy-tls`.
    pub groups: Vec<String>,
    /// Fault that it shows any ClientHello instead.
    pub fault: Option<TlsFault>,
    /// A middlebox is on the path: a ClientHello whose first segment holds the whole record is reset, split ones pass.
    pub blocks_whole_hello: bool,
    /// A ClientHello behind a request for exactly these protocols is reset.
    pub resets_behind: Option<u32>,
    /// Hellos that have one of these are refused.
    pub resents: Vec<Resents>,
    /// Fault that it shows those; without one it resets the connection.
    pub resents_by: Option<TlsFault>,
    /// It wants a certificate of the client.
    pub wants_client_certificate: bool,
    /// It asks for one and goes on without.
    pub asks_for_client_certificate: bool,
}

/// Faults at the beginning of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFault {
    /// FIN on the ClientHello.
    Close,
    /// RST on the ClientHello.
    Reset,
    /// No answer.
    Silent,
    /// Alert `internal_error`.
    #[serde(rename = "alert-80")]
    Alert80,
    /// Alert `handshake_failure`.
    #[serde(rename = "alert-40")]
    Alert40,
    /// Alert `access_denied`.
    #[serde(rename = "alert-49")]
    Alert49,
    /// These bytes, then FIN.
    Play(Script),
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            min: TlsVersion::Tls12,
            max: TlsVersion::Tls13,
            suites: Vec::new(),
            groups: Vec::new(),
            fault: None,
            blocks_whole_hello: false,
            resets_behind: None,
            resents: Vec::new(),
            resents_by: None,
            wants_client_certificate: false,
            asks_for_client_certificate: false,
        }
    }
}

fn tls_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TlsVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    TlsVersion::parse(&text).ok_or_else(|| de::Error::custom(format!("TLS version {text:?} is not one of 1.0 to 1.3")))
}

/// Maker of the tunnels of one host.
pub(crate) enum Acceptor {
    /// TLS 1.2 and 1.3.
    Rustls(Arc<ServerConfig>),
    /// Everything that OpenSSL was built with.
    #[cfg(feature = "legacy-tls")]
    OpenSsl(crate::legacy::Acceptor),
}

impl Acceptor {
    /// Sets up TLS as `host` speaks it; `legacy` where rustls cannot.
    pub(crate) fn new(host: &Tls, legacy: bool, identity: &Identity) -> Result<Self, LabError> {
        if legacy {
            #[cfg(feature = "legacy-tls")]
            return crate::legacy::Acceptor::new(host, identity).map(Self::OpenSsl);
            #[cfg(not(feature = "legacy-tls"))]
            return Err(LabError::NeedsLegacyTls);
        }
        let failed = |error: rustls::Error| LabError::Tls(error.to_string());
        let key = PrivateKeyDer::from(identity.key.clone_key());
        let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
        let mut provider = ring::default_provider();
        if !host.suites.is_empty() {
            provider.cipher_suites.retain(|suite| host.suites.iter().any(|name| named(*suite, name)));
        }
        let signing = provider.key_provider.load_private_key(key).map_err(failed)?;
        // the key is whatever it is: a host may sign with another one than its certificate's
        let identity = SingleCertAndKey::from(CertifiedKey::new(chain, signing));
        let builder = ServerConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(&versions(host)).map_err(failed)?;
        let builder = if host.wants_client_certificate || host.asks_for_client_certificate {
            builder.with_client_cert_verifier(Arc::new(Asking { misses_it: host.wants_client_certificate }))
        } else {
            builder.with_no_client_auth()
        };
        Ok(Self::Rustls(Arc::new(builder.with_cert_resolver(Arc::new(identity)))))
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

impl Tunnel for StreamOwned<ServerConnection, &mut Transport> {
    fn end_talk(&mut self) {
        self.conn.send_close_notify();
    }

    fn answers_after(&mut self, time: Duration) {
        self.sock.slow_down(time);
    }
}

/// True if rustls has the suite of this registered name.
pub(crate) fn has_suite(name: &str) -> bool {
    ring::ALL_CIPHER_SUITES.iter().any(|suite| named(*suite, name))
}

fn named(suite: SupportedCipherSuite, name: &str) -> bool {
    wire::tls::suite::code(name) == Some(suite.suite().into())
}

fn versions(host: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let spoken = |version| (host.min..=host.max).contains(&version);
    known.into_iter().filter(|(version, _)| spoken(*version)).map(|(_, known)| known).collect()
}

/// Gets ready for a hello; to be called before the client can have sent it.
pub(crate) fn prepare(host: &Tls, transport: &Transport) -> io::Result<()> {
    if host.blocks_whole_hello { middlebox::watch(transport) } else { Ok(()) }
}

/// Answers a client's hello; served is the inside of the tunnel.
pub(crate) fn serve<'a>(
    host: &Tls,
    acceptor: &Acceptor,
    negotiated: Negotiated,
    transport: &'a mut Transport,
) -> io::Result<Served<Box<dyn Tunnel + 'a>>> {
    if host.blocks_whole_hello && !middlebox::passes(transport)? {
        return Ok(Served::Ended(Ending::Reset));
    }
    if !host.resents.is_empty() && !gate::passes(&host.resents, transport)? {
        return fail(host.resents_by.as_ref().unwrap_or(&TlsFault::Reset), transport).map(Served::Ended);
    }
    if host.resets_behind == Some(negotiated.requested.0) {
        return fail(&TlsFault::Reset, transport).map(Served::Ended);
    }
    match &host.fault {
        Some(fault) => fail(fault, transport).map(Served::Ended),
        None => acceptor.accept(transport).map(Served::On),
    }
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
