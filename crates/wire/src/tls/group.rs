//! Groups for the key exchange by number and name (IANA, TLS Supported Groups registry).

use super::registry::{self, Codes, Registry};

/// The groups that we know, those of a usual hello first: what Windows has on by default, and P-521.
pub const KNOWN: [(u16, &str); 15] = [
    (0x001D, "x25519"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001E, "x448"),
    (0x001A, "brainpoolP256r1"),
    (0x001B, "brainpoolP384r1"),
    (0x001C, "brainpoolP512r1"),
    (0x0016, "secp256k1"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x11EC, "X25519MLKEM768"),
    (0x11EB, "SecP256r1MLKEM768"),
    (0x11ED, "SecP384r1MLKEM1024"),
];

/// The registry of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registered {}

impl Registry for Registered {
    const KNOWN: &'static [(u16, &'static str)] = &KNOWN;
    const USUAL: usize = 4;
}

/// All of them that are no hybrids with ML-KEM, whose shares make a hello long.
pub const CLASSICAL: usize = 12;

/// Some of the groups in [`KNOWN`].
pub type Groups = Codes<Registered>;

/// x25519, for which our own hello brings a key share.
pub const X25519: u16 = 0x001D;
/// X25519MLKEM768, whose share makes a hello longer than one segment.
pub const X25519_ML_KEM_768: u16 = 0x11EC;

/// True for an elliptic curve of TLS 1.2 and older (RFC 8422); the others exist in TLS 1.3 only, or in suites with DHE.
pub fn curve(code: u16) -> bool {
    code < 0x0100 && name(code).is_some()
}

/// The group's registered name.
pub fn name(code: u16) -> Option<&'static str> {
    registry::name::<Registered>(code)
}

/// The group of a registered name.
pub fn code(name: &str) -> Option<u16> {
    registry::code::<Registered>(name)
}
