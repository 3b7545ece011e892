//! The certificate: the contents of the leaf.

use serde_json::{Value, json};
use time::OffsetDateTime;
use wire::certificate::Certificate;

use crate::fact::Fact;
use crate::observe::seen::Seen;
use crate::printable::printable;

/// Names of the facts in the report.
pub(crate) mod named {
    pub const COUNT: &str = "certificate.count";
    pub const SUBJECT: &str = "certificate.subject";
    pub const ISSUER: &str = "certificate.issuer";
    pub const NAMES: &str = "certificate.names";
    pub const ALTERNATIVES: &str = "certificate.has_alternative_names";
    pub const NOT_BEFORE: &str = "certificate.not_before";
    pub const NOT_AFTER: &str = "certificate.not_after";
    pub const KEY: &str = "certificate.key";
    pub const SIGNATURE: &str = "certificate.signature_algorithm";
    pub const USAGES: &str = "certificate.extended_key_usages";
    pub const KEY_USAGES: &str = "certificate.key_usages";
    pub const SHA1: &str = "certificate.sha1";
    pub const SHA256: &str = "certificate.sha256";
    pub const SELF_ISSUED: &str = "certificate.self_issued";
    pub const UNREADABLE: &str = "certificate.unreadable";
}

/// Adds the facts of a chain's leaf.
pub(crate) fn observe(at: OffsetDateTime, chain: &[Vec<u8>], seen: &mut Seen<'_>) {
    let Some(leaf) = chain.first() else { return };
    let count = Fact::CertificateCount(chain.len());
    let Some(leaf) = Certificate::read(leaf) else {
        return seen.together(at, vec![count, Fact::CertificateUnreadable]);
    };
    let names = if leaf.names.is_empty() { leaf.common_name.iter().cloned().collect() } else { leaf.names };
    let mut facts = vec![
        count,
        Fact::CertificateSubject(printable(&leaf.subject)),
        Fact::CertificateIssuer(printable(&leaf.issuer)),
        Fact::CertificateNames(names.iter().map(|name| printable(name)).collect()),
        Fact::CertificateAlternatives(leaf.alternatives),
        Fact::CertificateNotBefore(leaf.not_before),
        Fact::CertificateNotAfter(leaf.not_after),
        Fact::CertificateKey(leaf.key_algorithm, leaf.key_bits),
        Fact::CertificateSignature(leaf.signature_algorithm),
        Fact::CertificateUsages(leaf.usages),
        Fact::CertificateSha1(leaf.sha1),
        Fact::CertificateSha256(leaf.sha256),
        Fact::CertificateSelfIssued(leaf.self_issued),
    ];
    facts.extend(leaf.key_usages.map(Fact::CertificateKeyUsages));
    seen.together(at, facts);
}

/// Converts the leaf's key for the report.
pub(crate) fn key_value(algorithm: &str, bits: usize) -> Value {
    json!({"algorithm": algorithm, "bits": bits})
}
