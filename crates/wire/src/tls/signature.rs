//! Signature algorithms by number and name (IANA, TLS SignatureScheme registry).

use super::registry::{self, Codes, Registry};

/// The signature algorithms that we know, those of a usual hello first: RSA (PSS and PKCS#1), ECDSA and, for old hosts,
/// SHA-1.
pub const KNOWN: [(u16, &str); 16] = [
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080A, "rsa_pss_pss_sha384"),
    (0x080B, "rsa_pss_pss_sha512"),
];

/// The registry of signature algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registered {}

impl Registry for Registered {
    const KNOWN: &'static [(u16, &'static str)] = &KNOWN;
    const USUAL: usize = 11;
}

/// Some of the signature algorithms in [`KNOWN`].
pub type Signatures = Codes<Registered>;

/// The algorithm's registered name.
pub fn name(code: u16) -> Option<&'static str> {
    registry::name::<Registered>(code)
}

/// The algorithm of a registered name.
pub fn code(name: &str) -> Option<u16> {
    registry::code::<Registered>(name)
}

/// True if TLS 1.3 takes it in a handshake (RFC 8446 section 4.2.3).
pub fn in_13(code: u16) -> bool {
    !matches!(code >> 8, 0x02) && code & 0xFF != 1
}
