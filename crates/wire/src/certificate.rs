//! Certificates, read even when they are invalid: the facts matter most when they are wrong.
//!
//! Source: RFC 5280. Nothing here verifies a signature or trusts anything.

use sha1::{Digest, Sha1};
use sha2::Sha256;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::hex;

/// The most bytes of a certificate that we read.
pub const LIMIT: usize = 64 * 1024;
/// The most names that we keep of one certificate.
const NAMES_LIMIT: usize = 100;
/// The most characters that we keep of one name.
const NAME_LIMIT: usize = 512;

/// Extended key usages that TermService accepts ([MS-RDPBCGR] 5.4.1; Windows' listener settings).
pub const EKU_SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";
/// "Remote Desktop Authentication".
pub const EKU_REMOTE_DESKTOP: &str = "1.3.6.1.4.1.311.54.1.2";

/// The facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Subject, as RFC 4514 text.
    pub subject: String,
    /// Issuer, as RFC 4514 text.
    pub issuer: String,
    /// The subject's first common name.
    pub common_name: Option<String>,
    /// `subjectAltName`: DNS names and addresses.
    pub names: Vec<String>,
    /// It has the extension `subjectAltName`.
    pub alternatives: bool,
    /// `notBefore`, UTC.
    pub not_before: OffsetDateTime,
    /// `notAfter`, UTC.
    pub not_after: OffsetDateTime,
    /// `rsa`, `ec`, or the algorithm's object identifier.
    pub key_algorithm: String,
    /// Key size in bits; 0 where it cannot be told.
    pub key_bits: usize,
    /// The signature algorithm's object identifier, dotted.
    pub signature_algorithm: String,
    /// Extended key usages, dotted; empty where the extension is absent.
    pub usages: Vec<String>,
    /// Key usages in the words of RFC 5280 section 4.2.1.3; `None` where the extension is absent.
    pub key_usages: Option<Vec<String>>,
    /// SHA-1 thumbprint, hexadecimal, as Windows shows it.
    pub sha1: String,
    /// SHA-256 thumbprint, hexadecimal.
    pub sha256: String,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
}

impl Certificate {
    /// Reads DER; `None` if it is not a certificate or too large.
    pub fn read(der: &[u8]) -> Option<Self> {
        if der.len() > LIMIT {
            return None;
        }
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let (key_algorithm, key_bits) = key(&parsed);
        Some(Self {
            subject: bounded(&parsed.subject().to_string()),
            issuer: bounded(&parsed.issuer().to_string()),
            common_name: parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(bounded),
            names: names(&parsed),
            alternatives: alternatives(&parsed).next().is_some(),
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            key_algorithm,
            key_bits,
            signature_algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
            usages: usages(&parsed),
            key_usages: key_usages(&parsed),
            sha1: hex::encode(&Sha1::digest(der)),
            sha256: hex::encode(&Sha256::digest(der)),
            self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        })
    }
}

/// The bits of a certificate's public key, as a signature is verified with: a point, or modulus and exponent as DER.
pub fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(der.get(..der.len().min(LIMIT))?).ok()?;
    Some(parsed.public_key().subject_public_key.data.to_vec())
}

fn bounded(text: &str) -> String {
    text.chars().take(NAME_LIMIT).collect()
}

fn key(parsed: &X509Certificate<'_>) -> (String, usize) {
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => ("rsa".to_owned(), rsa_bits(key.modulus)),
        Ok(PublicKey::EC(point)) => ("ec".to_owned(), point.key_size()),
        _ => (parsed.public_key().algorithm.algorithm.to_id_string(), 0),
    }
}

/// The bits of a modulus in whole bytes, as everybody names key sizes: one of 2047 bits is a key of 2048.
fn rsa_bits(modulus: &[u8]) -> usize {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    modulus.len().saturating_sub(zeros).saturating_mul(8)
}

fn alternatives<'a>(parsed: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a Vec<GeneralName<'a>>> {
    parsed.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    })
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    alternatives(parsed).flatten().filter_map(name).take(NAMES_LIMIT).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(bounded(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn usages(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = parsed.extended_key_usage() else { return Vec::new() };
    let usage = extension.value;
    let known = [
        (usage.any, "2.5.29.37.0"),
        (usage.server_auth, EKU_SERVER_AUTHENTICATION),
        (usage.client_auth, "1.3.6.1.5.5.7.3.2"),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let named = known.into_iter().filter(|(present, _)| *present).map(|(_, id)| id.to_owned());
    named.chain(usage.other.iter().take(NAMES_LIMIT).map(x509_parser::oid_registry::Oid::to_id_string)).collect()
}

fn key_usages(parsed: &X509Certificate<'_>) -> Option<Vec<String>> {
    let usage = parsed.key_usage().ok()??.value;
    let known = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    Some(known.into_iter().filter(|(present, _)| *present).map(|(_, name)| name.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            let _ = Certificate::read(&bytes);
        }
    }

    #[test]
    fn the_size_of_a_key_does_not_depend_on_its_first_bit() {
        assert_eq!(rsa_bits(&[&[0][..], &[0x80; 256]].concat()), 2048);
        assert_eq!(rsa_bits(&[0x7F; 256]), 2048);
        assert_eq!(rsa_bits(&[&[0][..], &[0xFF; 128]].concat()), 1024);
    }

    /// `UTCTime` reaches from 1950 to 2049, `GeneralizedTime` to the end of 9999, which means "for ever" (RFC 5280
    /// section 4.1.2.5).
    #[test]
    fn dates_are_read_at_their_ends() {
        let read = |der: &[u8]| Certificate::read(der).unwrap();
        let old = read(include_bytes!("../tests/certificates/from-1950-until-2049.der"));
        assert_eq!((old.not_before.year(), old.not_after.year()), (1950, 2049));
        let endless = read(include_bytes!("../tests/certificates/until-9999-negative-serial.der"));
        assert_eq!((endless.not_before.year(), endless.not_after.year()), (2050, 9999));
        let nameless = read(include_bytes!("../tests/certificates/no-common-name.der"));
        assert_eq!((nameless.common_name, nameless.names), (None, vec!["a.example".to_owned()]));
    }

    #[test]
    fn garbage_is_no_certificate() {
        assert_eq!(Certificate::read(&[]), None);
        assert_eq!(Certificate::read(&[0x30; 100]), None);
        assert_eq!(Certificate::read(&vec![0x30; LIMIT + 1]), None);
    }
}
