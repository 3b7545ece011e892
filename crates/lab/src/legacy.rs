//! TLS as old hosts speak it, through OpenSSL at security level 0 (feature `legacy-tls`).

use std::io;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVersion};
use openssl::x509::X509;
use rcgen::{PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use wire::bytes::Reader;
use wire::der;
use wire::tls::TlsVersion;

use crate::certificate::{Identity, OldSignature};
use crate::error::LabError;
use crate::stage::served::Tunnel;
use crate::stage::tls::Tls;
use crate::transport::Transport;

/// 1.2.840.113549.1.1.11, as DER without tag and length.
const SHA256_WITH_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11];

/// Makes tunnels of any version.
pub(crate) struct Acceptor(SslContext);

impl Tunnel for SslStream<&mut Transport> {
    fn end_talk(&mut self) {
        // the peer need not answer it
        let _ = self.shutdown();
    }

    fn answers_after(&mut self, time: Duration) {
        self.get_mut().slow_down(time);
    }
}

impl Acceptor {
    /// Sets up TLS.
    pub(crate) fn new(tls: &Tls, identity: &Identity) -> Result<Self, LabError> {
        context(tls, identity).map(Self).map_err(|error| failed(&error))
    }

    /// Does the handshake.
    pub(crate) fn accept<'a>(&self, transport: &'a mut Transport) -> io::Result<Box<dyn Tunnel + 'a>> {
        let ssl = Ssl::new(&self.0).map_err(io::Error::other)?;
        match ssl.accept(transport) {
            Ok(tunnel) => Ok(Box::new(tunnel)),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

fn context(tls: &Tls, identity: &Identity) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_server())?;
    // RFC 2246 signs with MD5 and SHA-1, which every level above 0 refuses
    builder.set_security_level(0);
    let named: Vec<&str> = tls.suites.iter().map(|suite| openssl::ssl::cipher_name(suite)).collect();
    let suites = if named.is_empty() { "ALL".to_owned() } else { named.join(":") };
    builder.set_cipher_list(&format!("{suites}:@SECLEVEL=0"))?;
    if !tls.groups.is_empty() {
        builder.set_groups_list(&tls.groups.join(":"))?;
    }
    builder.set_min_proto_version(Some(version(tls.min)))?;
    builder.set_max_proto_version(Some(version(tls.max)))?;
    builder.set_private_key(&*key(&identity.key)?)?;
    for (place, der) in identity.chain.iter().enumerate() {
        let certificate = X509::from_der(der)?;
        if place == 0 {
            builder.set_certificate(&certificate)?;
        } else {
            builder.add_extra_chain_cert(certificate)?;
        }
    }
    Ok(builder.build())
}

fn version(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::Tls10 => SslVersion::TLS1,
        TlsVersion::Tls11 => SslVersion::TLS1_1,
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }
}

fn key(key: &PrivatePkcs8KeyDer<'_>) -> Result<PKey<Private>, ErrorStack> {
    PKey::private_key_from_pkcs8(key.secret_pkcs8_der())
}

fn failed(error: &ErrorStack) -> LabError {
    LabError::Tls(error.to_string())
}

/// A key that is too short for ring.
pub(crate) struct RsaKey {
    private: PKey<Private>,
    /// `RSAPublicKey` of RFC 8017.
    public: Vec<u8>,
}

impl RsaKey {
    /// Reads a key.
    pub(crate) fn new(pkcs8: &PrivatePkcs8KeyDer<'_>) -> Result<Self, LabError> {
        let read = || {
            let private = key(pkcs8)?;
            let public = private.rsa()?.public_key_to_der_pkcs1()?;
            Ok(Self { private, public })
        };
        read().map_err(|error| failed(&error))
    }
}

impl RsaKey {
    /// Signs a certificate again, with an old digest. `md5WithRSAEncryption` and its kin (RFC 8017 appendix C) differ
    /// from
    /// `sha256WithRSAEncryption` in the last byte, and all signatures of one key are equally long.
    pub(crate) fn sign_again(&self, der: &[u8], signature: OldSignature) -> Result<Vec<u8>, LabError> {
        let (digest, last) = match signature {
            OldSignature::Md5 => (MessageDigest::md5(), 4),
            OldSignature::Sha1 => (MessageDigest::sha1(), 5),
        };
        let odd = || LabError::Tls("a certificate of ours has not the shape that we gave it".to_owned());
        let mut changed = der.to_vec();
        let places = der.windows(SHA256_WITH_RSA.len()).enumerate().filter(|(_, window)| *window == SHA256_WITH_RSA);
        for (place, _) in places {
            changed[place + SHA256_WITH_RSA.len() - 1] = last;
        }
        let mut whole = der::expect(&mut Reader::new(&changed), der::SEQUENCE, "Certificate").map_err(|_| odd())?;
        let start = whole.rest();
        der::expect(&mut whole, der::SEQUENCE, "TBSCertificate").map_err(|_| odd())?;
        let signed = &start[..start.len() - whole.rest().len()];
        let sign = || Signer::new(digest, &self.private)?.sign_oneshot_to_vec(signed);
        let new = sign().map_err(|error| failed(&error))?;
        let at = changed.len().checked_sub(new.len()).ok_or_else(odd)?;
        changed.splice(at.., new);
        Ok(changed)
    }
}

impl PublicKeyData for RsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for RsaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let sign = || Signer::new(MessageDigest::sha256(), &self.private)?.sign_oneshot_to_vec(message);
        sign().map_err(|_: ErrorStack| rcgen::Error::RemoteKeyError)
    }
}
