//! TLS alerts: RFC 8446 section 6, and the names that older versions added.

use std::fmt;

/// A TLS alert as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// `AlertDescription`.
    pub description: u8,
}

const NAMES: &[(u8, &str)] = &[
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
];

impl Alert {
    /// `handshake_failure`: no suite, group or signature algorithm in common.
    pub const HANDSHAKE_FAILURE: u8 = 40;
    /// `protocol_version`: none of the versions offered.
    pub const PROTOCOL_VERSION: u8 = 70;
    /// `insufficient_security`: the server wants safer suites than those offered.
    pub const INSUFFICIENT_SECURITY: u8 = 71;
    /// `internal_error`: something on the peer's side, such as a private key that it cannot use.
    pub const INTERNAL_ERROR: u8 = 80;

    /// The name in the specification, where the number has one.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(code, _)| *code == self.description).map(|(_, name)| *name)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "alert {} ({})", self.description, self.name().unwrap_or("not in the specification"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_print_number_and_name() {
        assert_eq!(Alert { level: 2, description: 70 }.to_string(), "alert 70 (protocol_version)");
        assert_eq!(Alert { level: 2, description: 200 }.to_string(), "alert 200 (not in the specification)");
        assert!(NAMES.is_sorted());
    }
}
