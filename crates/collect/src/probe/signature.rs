//! Whether a host signed its handshake with the key of its certificate. Whom to trust is another question, and not
//! asked.

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme;
use wire::certificate::{Certificate, public_key};

/// The sizes of RSA keys, in bits, that ring verifies with PKCS#1 padding; with PSS it wants 2048 at least.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=8192;
const RSA_BITS_PSS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// True if the signature is certainly not by the certificate's key. What cannot be verified here is not refuted.
pub fn refuted(scheme: SignatureScheme, certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Some(read), Some(key)) = (Certificate::read(certificate), public_key(certificate)) else { return false };
    if foreign(scheme, &read.key_algorithm) {
        return true;
    }
    let Some(algorithm) = algorithm(scheme, &read) else { return false };
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_err()
}

/// True if keys of this kind never sign like this.
fn foreign(scheme: SignatureScheme, key: &str) -> bool {
    let name = scheme.as_str().unwrap_or_default();
    key == "rsa" && name.starts_with("ECDSA_") || key == "ec" && name.starts_with("RSA_")
}

/// How ring verifies this; `None` for what it cannot, and for schemes that do not belong to such a key.
fn algorithm(scheme: SignatureScheme, certificate: &Certificate) -> Option<&'static dyn VerificationAlgorithm> {
    type Scheme = SignatureScheme;
    let bits = certificate.key_bits;
    let found: &'static dyn VerificationAlgorithm = match (certificate.key_algorithm.as_str(), scheme) {
        ("rsa", Scheme::RSA_PKCS1_SHA1) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        ("rsa", Scheme::RSA_PKCS1_SHA256) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        ("rsa", Scheme::RSA_PKCS1_SHA384) if bits >= 2048 => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("rsa", Scheme::RSA_PKCS1_SHA512) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        ("rsa", Scheme::RSA_PSS_SHA256) if RSA_BITS_PSS.contains(&bits) => &signature::RSA_PSS_2048_8192_SHA256,
        ("rsa", Scheme::RSA_PSS_SHA384) if RSA_BITS_PSS.contains(&bits) => &signature::RSA_PSS_2048_8192_SHA384,
        ("rsa", Scheme::RSA_PSS_SHA512) if RSA_BITS_PSS.contains(&bits) => &signature::RSA_PSS_2048_8192_SHA512,
        ("ec", Scheme::ECDSA_NISTP256_SHA256) if bits == 256 => &signature::ECDSA_P256_SHA256_ASN1,
        ("ec", Scheme::ECDSA_NISTP384_SHA384) if bits == 256 => &signature::ECDSA_P256_SHA384_ASN1,
        ("ec", Scheme::ECDSA_NISTP256_SHA256) if bits == 384 => &signature::ECDSA_P384_SHA256_ASN1,
        ("ec", Scheme::ECDSA_NISTP384_SHA384) if bits == 384 => &signature::ECDSA_P384_SHA384_ASN1,
        _ => return None,
    };
    (certificate.key_algorithm != "rsa" || RSA_BITS.contains(&bits)).then_some(found)
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../../keys/rehearsal.certificate.der");
    const KEY: &[u8] = include_bytes!("../../keys/rehearsal.key.der");

    #[test]
    fn a_signature_by_another_key_is_refuted_and_no_other() {
        let chance = SystemRandom::new();
        let own = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, KEY, &chance).unwrap();
        let other = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &chance).unwrap();
        let other = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, other.as_ref(), &chance).unwrap();
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        let refuted_by = |pair: &EcdsaKeyPair, scheme| {
            refuted(scheme, CERTIFICATE, b"what was said", pair.sign(&chance, b"what was said").unwrap().as_ref())
        };
        assert!(!refuted_by(&own, scheme));
        assert!(refuted_by(&other, scheme));
        assert!(!refuted_by(&other, SignatureScheme::ECDSA_NISTP521_SHA512), "nobody here can tell");
        assert!(refuted_by(&own, SignatureScheme::RSA_PSS_SHA256), "such a key never signs so");
        assert!(!refuted(scheme, b"no certificate", b"", b""));
    }
}
