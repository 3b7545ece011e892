//! Certificates of every shape, made when a host starts.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SigningKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::error::LabError;
use crate::key;

/// The certificate that a host shows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// The subject's common name.
    pub subject: String,
    /// `notBefore`, days from now.
    pub not_before_days: f64,
    /// `notAfter`, days from now.
    pub not_after_days: f64,
    /// Issued by a CA, with the subject as alternative name; otherwise of the shape that Windows makes by itself.
    pub issued_by_ca: bool,
    /// The common name of that CA.
    pub issuer: String,
    /// Extended key usages, as object identifiers.
    pub usages: Vec<String>,
    /// Its key.
    pub key: Key,
    /// The host signs with another key of the kind; for `ec-256`.
    pub foreign_key: bool,
    /// Digest of its signature, where that is not SHA-256; takes the feature `legacy-tls`.
    pub signature: Option<OldSignature>,
    /// Number of letters behind the common name.
    pub padding: usize,
    /// How many further copies of it are sent.
    pub extra: usize,
    /// Size of the bytes that are no certificate and stand instead of each copy.
    pub extra_bytes: Option<usize>,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            subject: "SERVER01".to_owned(),
            not_before_days: -30.0,
            not_after_days: 150.0,
            issued_by_ca: false,
            issuer: "Corp Example Issuing CA".to_owned(),
            usages: vec![wire::certificate::EKU_SERVER_AUTHENTICATION.to_owned()],
            key: Key::Rsa2048,
            foreign_key: false,
            signature: None,
            padding: 0,
            extra: 0,
            extra_bytes: None,
        }
    }
}

/// The key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// RSA with 2048 bits: the lab's own.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA with 1024 bits: the lab's own; takes the feature `legacy-tls`.
    #[serde(rename = "rsa-1024")]
    Rsa1024,
    /// RSA with 512 bits: the lab's own; takes the feature `legacy-tls`.
    #[serde(rename = "rsa-512")]
    Rsa512,
    /// A new key on the curve P-256.
    #[serde(rename = "ec-256")]
    Ec256,
}

/// A signature that nobody makes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldSignature {
    /// RSA with MD5.
    Md5,
    /// RSA with SHA-1.
    Sha1,
}

const SECONDS_A_DAY: f64 = 86_400.0;

/// Certificates that a host shows, and the key that it signs with.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Its certificates as DER, leaf first.
    pub(crate) chain: Vec<Vec<u8>>,
    /// Its key.
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Makes the certificate that the scenario describes, with its validity relative to `now`.
    pub(crate) fn new(certificate: &Certificate, now: OffsetDateTime) -> Result<Self, LabError> {
        let failed = |source| LabError::Certificate { subject: certificate.subject.clone(), source };
        #[cfg(feature = "legacy-tls")]
        if let Some(signature) = certificate.signature {
            let key = key::rsa_2048();
            let pair = crate::legacy::RsaKey::new(&key)?;
            let mut chain = chain(certificate, now, &pair).map_err(failed)?;
            chain[0] = pair.sign_again(&chain[0], signature)?;
            return Ok(Self { chain, key });
        }
        match certificate.key {
            Key::Rsa2048 => {
                let key = key::rsa_2048();
                let pair = KeyPair::try_from(&key).map_err(failed)?;
                Ok(Self { chain: chain(certificate, now, &pair).map_err(failed)?, key })
            }
            Key::Ec256 => {
                let pair = KeyPair::generate().map_err(failed)?;
                let other = certificate.foreign_key.then(KeyPair::generate).transpose().map_err(failed)?;
                let key = other.as_ref().unwrap_or(&pair).serialize_der().into();
                Ok(Self { chain: chain(certificate, now, &pair).map_err(failed)?, key })
            }
            #[cfg(feature = "legacy-tls")]
            short @ (Key::Rsa1024 | Key::Rsa512) => {
                let key = if short == Key::Rsa512 { key::rsa_512() } else { key::rsa_1024() };
                let pair = crate::legacy::RsaKey::new(&key)?;
                Ok(Self { chain: chain(certificate, now, &pair).map_err(failed)?, key })
            }
            #[cfg(not(feature = "legacy-tls"))]
            Key::Rsa1024 | Key::Rsa512 => Err(LabError::NeedsLegacyTls),
        }
    }
}

fn chain(certificate: &Certificate, now: OffsetDateTime, key: &impl SigningKey) -> Result<Vec<Vec<u8>>, rcgen::Error> {
    let params = leaf(certificate, now)?;
    let mut chain = if certificate.issued_by_ca && certificate.signature.is_some() {
        // the authority then has the same key, which is RSA
        let ca = authority(certificate, now)?;
        let root = ca.self_signed(key)?;
        vec![params.signed_by(key, &Issuer::new(ca, key))?.der().to_vec(), root.der().to_vec()]
    } else if certificate.issued_by_ca {
        let ca_key = KeyPair::generate()?;
        let ca = authority(certificate, now)?;
        let root = ca.self_signed(&ca_key)?;
        let issued = params.signed_by(key, &Issuer::new(ca, ca_key))?;
        vec![issued.der().to_vec(), root.der().to_vec()]
    } else {
        vec![params.self_signed(key)?.der().to_vec()]
    };
    let further = certificate.extra_bytes.map_or_else(|| chain[0].clone(), |size| vec![0x30; size]);
    chain.extend(vec![further; certificate.extra]);
    Ok(chain)
}

/// The shape of the certificate that Windows makes for Remote Desktop: issuer = subject = one common name, no
/// alternative name, key and data encipherment, server authentication.
fn leaf(certificate: &Certificate, now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let names = if certificate.issued_by_ca { vec![certificate.subject.clone()] } else { Vec::new() };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common_name(&(certificate.subject.clone() + &"A".repeat(certificate.padding)));
    params.not_before = now + days(certificate.not_before_days);
    params.not_after = now + days(certificate.not_after_days);
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];
    if certificate.issued_by_ca {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    }
    params.extended_key_usages = certificate.usages.iter().map(|id| ExtendedKeyUsagePurpose::Other(arcs(id))).collect();
    Ok(params)
}

fn authority(certificate: &Certificate, now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(&certificate.issuer);
    params.not_before = now - days(1000.0);
    params.not_after = now + days(1000.0);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The numbers of a dotted object identifier.
fn arcs(dotted: &str) -> Vec<u64> {
    dotted.split('.').filter_map(|arc| arc.parse().ok()).collect()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn days(count: f64) -> Duration {
    Duration::saturating_seconds_f64(count * SECONDS_A_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(certificate: &Certificate) -> Vec<wire::certificate::Certificate> {
        let identity = Identity::new(certificate, OffsetDateTime::UNIX_EPOCH + days(10_000.0)).unwrap();
        identity.chain.iter().map(|der| wire::certificate::Certificate::read(der).unwrap()).collect()
    }

    #[test]
    fn the_default_is_the_one_that_windows_makes() {
        let [leaf] = &made(&Certificate::default())[..] else { panic!("one certificate") };
        assert_eq!((leaf.common_name.as_deref(), leaf.key_bits), (Some("SERVER01"), 2048));
        assert!(leaf.self_issued && leaf.names.is_empty());
        assert_eq!(leaf.usages, [wire::certificate::EKU_SERVER_AUTHENTICATION]);
        assert_eq!(leaf.not_after - leaf.not_before, Duration::days(180));
    }

    #[test]
    fn a_ca_issues_leaves_with_names() {
        let subject = "server01.corp.example".to_owned();
        let asked = Certificate { subject, issued_by_ca: true, key: Key::Ec256, ..Certificate::default() };
        let [leaf, root] = &made(&asked)[..] else { panic!("two certificates") };
        assert_eq!((&leaf.issuer, &leaf.names[..]), (&root.subject, &["server01.corp.example".to_owned()][..]));
        assert!(root.self_issued && !leaf.self_issued && leaf.key_algorithm == "ec");
    }

    #[test]
    fn copies_follow_the_leaf_and_hours_are_fractions_of_days() {
        let asked = Certificate { extra: 3, not_after_days: 1.0 / 24.0, ..Certificate::default() };
        let all = made(&asked);
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].not_after, OffsetDateTime::UNIX_EPOCH + days(10_000.0) + Duration::HOUR);
    }

    #[cfg(feature = "legacy-tls")]
    #[test]
    fn old_signatures_verify() {
        use super::OldSignature::{Md5, Sha1};
        for (signature, id) in [(Md5, "1.2.840.113549.1.1.4"), (Sha1, "1.2.840.113549.1.1.5")] {
            let asked = Certificate { signature: Some(signature), issued_by_ca: true, ..Certificate::default() };
            let made = &made(&asked)[0];
            assert_eq!((made.signature_algorithm.as_str(), made.self_issued), (id, false));
            let chain = Identity::new(&asked, OffsetDateTime::UNIX_EPOCH + days(10_000.0)).unwrap().chain;
            let [leaf, root] = [0, 1].map(|place| openssl::x509::X509::from_der(&chain[place]).unwrap());
            assert!(leaf.verify(&*root.public_key().unwrap()).unwrap());
        }
    }

    #[cfg(feature = "legacy-tls")]
    #[test]
    fn a_key_of_1024_bits_signs() {
        let asked = Certificate { key: Key::Rsa1024, ..Certificate::default() };
        assert_eq!(made(&asked)[0].key_bits, 1024);
    }
}
