//! Certificate and key of a server of Linux: whether its files hold them, whose they are, how long they are valid, and
//! whether they belong together. Nothing of the key leaves this file.
//!
//! Measured with xrdp 0.9.21: it takes PEM alone, and a key only without a password. With anything else it selects TLS
//! and sends no handshake.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::path::Path;

use evidence::moment::rfc3339;
use evidence::state::{Contents, XrdpFile, is_put_aside};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use time::OffsetDateTime;
use wire::certificate::Certificate;

use super::reach::{Account, Machine};

/// Most bytes of a file with a certificate or a key.
const LIMIT: u64 = 1024 * 1024;
/// Line at the head of a block that says that the lines below it are encrypted.
const PROC_TYPE: &str = "Proc-Type: 4,ENCRYPTED";

/// Facts about both, as far as they could be read.
#[derive(Default)]
pub(in crate::evidence) struct Pair {
    pub(in crate::evidence) subject: Option<String>,
    pub(in crate::evidence) not_before: Option<String>,
    pub(in crate::evidence) not_after: Option<String>,
    pub(in crate::evidence) key_matches: Option<bool>,
    pub(in crate::evidence) signature: Option<String>,
}

/// Reads these files of the machine, and says what they hold.
pub(in crate::evidence) fn read(machine: &Machine, certificate: &mut XrdpFile, key: &mut XrdpFile) -> Pair {
    let bytes = |file: &XrdpFile| machine.bytes(&file.path, LIMIT).map(|bytes| plain(&bytes));
    let (certificate_bytes, key_bytes) = (bytes(certificate), bytes(key));
    if let Some(bytes) = &certificate_bytes {
        certificate.contents = of_certificate(bytes);
    }
    if let Some(bytes) = &key_bytes {
        key.contents = of_key(bytes);
    }
    let Some(der) = certificate_bytes.and_then(|bytes| CertificateDer::from_pem_slice(&bytes).ok()) else {
        return Pair::default();
    };
    let key = key_bytes.and_then(|bytes| PrivateKeyDer::from_pem_slice(&bytes).ok());
    let key_matches = key.and_then(|key| matches(der.clone(), &key));
    let read = Certificate::read(&der);
    Pair {
        subject: read.as_ref().map(|read| read.subject.clone()),
        not_before: read.as_ref().map(|read| rfc3339(read.not_before)),
        not_after: read.as_ref().map(|read| rfc3339(read.not_after)),
        key_matches,
        signature: read.and_then(|read| signature_of(&read)).map(str::to_owned),
    }
}

/// Returns the registered name of the one signature algorithm of TLS 1.3 that the key of a certificate makes: RFC 8446
/// section 4.2.3, with the object identifiers of RFC 8410 section 3.
fn signature_of(certificate: &Certificate) -> Option<&'static str> {
    Some(match (certificate.key_algorithm.as_str(), certificate.key_bits) {
        ("ec", 256) => "ecdsa_secp256r1_sha256",
        ("ec", 384) => "ecdsa_secp384r1_sha384",
        // the size of a point counts whole bytes
        ("ec", 521..=528) => "ecdsa_secp521r1_sha512",
        ("1.3.101.112", _) => "ed25519",
        ("1.3.101.113", _) => "ed448",
        _ => return None,
    })
}

/// Looks for files that make a pair: those that settings mean which xrdp does not take, or else, beside two files that
/// are none, first another key, so that the certificate that clients know stays, then another certificate, the one that
/// is valid longest. A copy that somebody put aside is taken where nothing else fits, and an expired certificate never.
pub(in crate::evidence) fn fitting(
    machine: &Machine,
    (certificate, key): (&XrdpFile, &XrdpFile),
    meant: &[Option<String>; 2],
    account: Option<&Account>,
    key_matches: Option<bool>,
) -> (Option<String>, Option<String>) {
    let der = |path: &str| {
        let bytes = plain(&machine.bytes(path, LIMIT)?);
        CertificateDer::from_pem_slice(&bytes).ok()
    };
    let private = |path: &str| {
        let bytes = plain(&machine.bytes(path, LIMIT)?);
        PrivateKeyDer::from_pem_slice(&bytes).ok()
    };
    let readable = |path: &String| machine.file(path, account).readable == Some(true);
    let valid = |der: &CertificateDer<'_>| {
        Certificate::read(der).map(|read| read.not_after).filter(|until| *until > OffsetDateTime::now_utc())
    };
    if meant.iter().any(Option::is_some) {
        let [own, other] = [(&meant[0], certificate), (&meant[1], key)]
            .map(|(meant, file)| meant.clone().unwrap_or_else(|| file.path.clone()));
        let pair = || Some((der(&own)?, private(&other)?));
        let fits = |(own, other): (CertificateDer<'static>, PrivateKeyDer<'_>)| {
            valid(&own).is_some() && matches(own, &other) == Some(true)
        };
        if [&own, &other].into_iter().all(readable) && pair().is_some_and(fits) {
            return (meant[0].clone(), meant[1].clone());
        }
    }
    let sound = |file: &XrdpFile| file.contents == Some(Contents::Sound);
    let whole = sound(certificate) && sound(key) && key_matches != Some(false);
    if whole || !sound(certificate) && !sound(key) {
        return (None, None);
    }
    let mut folders: Vec<&Path> = [certificate, key].iter().filter_map(|file| Path::new(&file.path).parent()).collect();
    folders.dedup();
    let beside = folders.into_iter().flat_map(|folder| machine.files(folder));
    let beside: Vec<String> = beside.filter(readable).collect();
    // what belongs together is often called alike
    let rank = |path: &String, other: &XrdpFile| (is_put_aside(path), !called_alike(path, &other.path));
    let key_beside = || {
        let own = Some(&certificate.path).filter(|_| sound(certificate)).and_then(|path| der(path))?;
        let fits = |path: &&String| private(path).and_then(|key| matches(own.clone(), &key)) == Some(true);
        let found = beside.iter().filter(fits).min_by_key(|path| rank(path, certificate));
        found.filter(|_| valid(&own).is_some()).cloned()
    };
    let certificate_beside = || {
        let own = Some(&key.path).filter(|_| sound(key)).and_then(|path| private(path))?;
        let ranked = |path: &String| {
            let der = der(path)?;
            let until = valid(&der)?;
            (matches(der, &own) == Some(true)).then(|| (rank(path, key), Reverse(until), path.clone()))
        };
        beside.iter().filter_map(ranked).min().map(|(.., path)| path)
    };
    // where the certificate is none that somebody has chosen, the key may be
    let chosen = certificate.instead_of.is_none() || key.instead_of.is_some();
    if let Some(found) = if chosen { key_beside() } else { None } {
        return (None, Some(found));
    }
    match certificate_beside() {
        Some(found) => (Some(found), None),
        None => (None, key_beside()),
    }
}

/// True if two files have one name, but for its end.
fn called_alike(one: &str, other: &str) -> bool {
    let stem = |path: &str| Path::new(path).file_stem().map(OsStr::to_ascii_lowercase);
    stem(one) == stem(other)
}

/// Takes away what OpenSSL passes over: the mark of UTF-8 at the beginning, and blanks at the ends of lines.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).collect();
    lines.join(&b'\n')
}

/// Returns the labels of the blocks of PEM that begin in a file: RFC 7468 section 2.
fn labels(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let label = |line: &str| Some(line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?.to_owned());
    // OpenSSL wants the line of the label for itself
    text.lines().filter_map(label).filter(|label| !label.contains("-----")).collect()
}

fn is_key(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

fn is_certificate(label: &str) -> bool {
    label.ends_with("CERTIFICATE")
}

fn of_certificate(bytes: &[u8]) -> Option<Contents> {
    let labels = labels(bytes);
    if bytes.is_empty() {
        return Some(Contents::Empty);
    }
    if !labels.iter().any(|label| is_certificate(label)) {
        return Some(if labels.iter().any(|label| is_key(label)) { Contents::Counterpart } else { Contents::Foreign });
    }
    match CertificateDer::from_pem_slice(bytes) {
        Ok(der) => Certificate::read(&der).map(|_| Contents::Sound),
        // OpenSSL also takes certificates under older names
        Err(_) if labels.iter().any(|label| is_certificate(label) && label != "CERTIFICATE") => None,
        Err(_) => Some(Contents::Foreign),
    }
}

fn of_key(bytes: &[u8]) -> Option<Contents> {
    let labels = labels(bytes);
    if bytes.is_empty() {
        return Some(Contents::Empty);
    }
    let Some(label) = labels.iter().find(|label| is_key(label)) else {
        return Some(if labels.iter().any(|label| is_certificate(label)) {
            Contents::Counterpart
        } else {
            Contents::Foreign
        });
    };
    // the two ways to write it: RFC 5958, and RFC 1421 section 4.6.1.1
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().skip_while(|line| !(line.starts_with("-----BEGIN ") && line.contains(label.as_str())));
    let mut locked = || lines.nth(1).is_some_and(|line| line.starts_with(PROC_TYPE));
    if label == "ENCRYPTED PRIVATE KEY" || locked() {
        return Some(Contents::Encrypted);
    }
    match PrivateKeyDer::from_pem_slice(bytes) {
        // one of another kind or size may be one to OpenSSL
        Ok(key) => any_supported_type(&key).is_ok().then_some(Contents::Sound),
        Err(_) if ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].contains(&label.as_str()) => {
            Some(Contents::Foreign)
        }
        Err(_) => None,
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
