//! Cipher suites by number and name (IANA, TLS Cipher Suites registry).

use super::TlsVersion;
use super::registry::{self, Codes, Registry};

/// Every suite that a Windows host since Server 2003 may choose, newest first: TLS 1.3, ECDHE and DHE with GCM and CBC,
/// RSA key exchange, 3DES and RC4 last: those of a usual hello. Behind them those that OpenSSL and GnuTLS may be told
/// to insist on. Offering them all asks "is there anything in common?".
pub const KNOWN: [(u16, &str); 61] = [
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xC09F, "TLS_DHE_RSA_WITH_AES_256_CCM"),
    (0xC09E, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    (0xC09D, "TLS_RSA_WITH_AES_256_CCM"),
    (0xC09C, "TLS_RSA_WITH_AES_128_CCM"),
    (0xC05D, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"),
    (0xC05C, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"),
    (0xC061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xC060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xC053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xC052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xC051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xC050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xC073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xC072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xC077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xC076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0x00C4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    (0x00BE, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x00C0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    (0x00BA, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
];

/// The registry of suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registered {}

impl Registry for Registered {
    const KNOWN: &'static [(u16, &'static str)] = &KNOWN;
    const USUAL: usize = 30;
}

/// Some of the suites in [`KNOWN`].
pub type Suites = Codes<Registered>;

/// How a suite comes to a key, up to TLS 1.2 (RFC 5246 section 7.4.3, RFC 8422).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExchange {
    /// Over an elliptic curve, signed.
    Ecdhe,
    /// Over a prime field, signed.
    Dhe,
    /// The client encrypts it to the certificate's key.
    Rsa,
    /// The suite does not say (TLS 1.3, and suites that we do not know).
    Other,
}

/// How this suite comes to a key.
pub fn key_exchange(code: u16) -> KeyExchange {
    let name = name(code).unwrap_or_default();
    if name.starts_with("TLS_ECDHE_") {
        KeyExchange::Ecdhe
    } else if name.starts_with("TLS_DHE_") {
        KeyExchange::Dhe
    } else if name.starts_with("TLS_RSA_") {
        KeyExchange::Rsa
    } else {
        KeyExchange::Other
    }
}

/// The version from which on the suite exists: those with GCM, ChaCha20 or SHA-256/384 came with TLS 1.2 (RFC 5246
/// appendix A.5, RFC 5288), those that name no key exchange with TLS 1.3.
pub fn first_version(code: u16) -> TlsVersion {
    match code {
        0x1300..=0x13FF => TlsVersion::Tls13,
        0xC02B..=0xC030
        | 0xCCA8..=0xCCAA
        | 0x009C..=0x009F
        | 0xC023..=0xC028
        | 0x003C..=0x003D
        | 0x0067
        | 0x006B
        | 0xC050..=0xC079
        | 0xC09C..=0xC0AF
        | 0x00BA..=0x00C5 => TlsVersion::Tls12,
        _ => TlsVersion::Tls10,
    }
}

/// True if the suite can be chosen in this version.
pub fn exists_in(code: u16, version: TlsVersion) -> bool {
    let first = first_version(code);
    first <= version && (first == TlsVersion::Tls13) == (version == TlsVersion::Tls13)
}

/// The suite's registered name.
pub fn name(code: u16) -> Option<&'static str> {
    registry::name::<Registered>(code)
}

/// The suite of a registered name.
pub fn code(name: &str) -> Option<u16> {
    registry::code::<Registered>(name)
}

/// `TLS_AES_256_GCM_SHA384 (0x1302)`, or the number alone.
pub fn words(code: u16) -> String {
    name(code).map_or(format!("suite {code:#06x}"), |name| format!("{name} ({code:#06x})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_says_how_it_comes_to_a_key() {
        assert_eq!(key_exchange(0xC030), KeyExchange::Ecdhe);
        assert_eq!(key_exchange(0x009F), KeyExchange::Dhe);
        assert_eq!(key_exchange(0x002F), KeyExchange::Rsa);
        assert_eq!((key_exchange(0x1302), key_exchange(0xFFFE)), (KeyExchange::Other, KeyExchange::Other));
    }

    #[test]
    fn an_unknown_suite_is_its_number() {
        assert_eq!(
            (words(0x1302).as_str(), words(0xC0AF).as_str()),
            ("TLS_AES_256_GCM_SHA384 (0x1302)", "suite 0xc0af")
        );
    }
}
