//! Certificate and key of xrdp: whose it is, how long it is valid, and whether they belong together. Nothing of the key
//! leaves this file.

use evidence::moment::rfc3339;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use wire::certificate::Certificate;

use super::reach::Machine;

/// Most bytes of a file with a certificate or a key.
const LIMIT: u64 = 1024 * 1024;

/// Facts about both, as far as they could be read.
#[derive(Default)]
pub(super) struct Pair {
    pub(super) subject: Option<String>,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) key_matches: Option<bool>,
}

/// Reads the files at these paths of the machine.
pub(super) fn read(machine: &Machine, certificate: &str, key: &str) -> Pair {
    let bytes = |path: &str| machine.bytes(path, LIMIT);
    let Some(der) = bytes(certificate).and_then(|bytes| CertificateDer::from_pem_slice(&bytes).ok()) else {
        return Pair::default();
    };
    let key = bytes(key).and_then(|bytes| PrivateKeyDer::from_pem_slice(&bytes).ok());
    let key_matches = key.and_then(|key| matches(der.clone(), &key));
    let read = Certificate::read(&der);
    Pair {
        subject: read.as_ref().map(|read| read.subject.clone()),
        not_before: read.as_ref().map(|read| rfc3339(read.not_before)),
        not_after: read.as_ref().map(|read| rfc3339(read.not_after)),
        key_matches,
    }
}

/// True if the key is that of the certificate; `None` where its kind is not known here.
fn matches(certificate: CertificateDer<'static>, key: &PrivateKeyDer<'_>) -> Option<bool> {
    let key = any_supported_type(key).ok()?;
    match CertifiedKey::new(vec![certificate], key).keys_match() {
        Ok(()) => Some(true),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Some(false),
        Err(_) => None,
    }
}
