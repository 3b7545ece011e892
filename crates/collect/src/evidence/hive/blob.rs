//! A certificate as the registry keeps it: its properties in a row, each with number, a reserved field and length.
//!
//! Source: the numbers are the `CERT_*_PROP_ID` of wincrypt.h; the layout of the key provider's record is known from
//! practice, not from a specification.

use evidence::moment::rfc3339;
use evidence::state::StoredCertificate;
use wire::certificate::Certificate;

use evidence::hive::{u32_at, until_nul, wide};

/// `CERT_KEY_PROV_INFO_PROP_ID`.
const KEY_PROVIDER: u32 = 2;
/// `CERT_CERT_PROP_ID`: the certificate itself.
const CERTIFICATE: u32 = 32;
/// `CRYPT_MACHINE_KEYSET`: the container is the machine's, not that of the user who made it.
const MACHINE_KEYSET: u32 = 0x20;
/// Most properties of a certificate.
const PROPERTIES: usize = 100;

/// Reads the certificate of such a record; `None` if it has none.
pub(in crate::evidence) fn certificate(store: &str, blob: &[u8]) -> Option<StoredCertificate> {
    let mut certificate = None;
    let mut provider = None;
    for (id, data) in properties(blob).take(PROPERTIES) {
        match id {
            CERTIFICATE => certificate = Certificate::read(data),
            KEY_PROVIDER => provider = Some(data),
            _ => {}
        }
    }
    let certificate = certificate?;
    let string = |at| provider.and_then(|record| string(record, at));
    let Certificate { names, common_name, .. } = &certificate;
    let names = if names.is_empty() { common_name.iter().cloned().collect() } else { names.clone() };
    Some(StoredCertificate {
        store: store.to_owned(),
        sha1: certificate.sha1,
        subject: certificate.subject,
        issuer: certificate.issuer,
        not_before: rfc3339(certificate.not_before),
        not_after: rfc3339(certificate.not_after),
        has_key: Some(provider.is_some()),
        container: string(0),
        provider: string(4),
        machine_key: provider.and_then(|record| u32_at(record, 12)).map(|flags| flags & MACHINE_KEYSET != 0),
        key_spec: provider.and_then(|record| u32_at(record, 24)),
        usages: certificate.usages,
        names: Some(names),
        key_algorithm: Some(certificate.key_algorithm),
        key_bits: u32::try_from(certificate.key_bits).ok(),
        signature_algorithm: Some(certificate.signature_algorithm),
    })
}

/// Reads the text whose offset in the record is at `at`.
fn string(record: &[u8], at: usize) -> Option<String> {
    let start = u32_at(record, at)? as usize;
    record.get(start..).filter(|_| start >= 28).map(|text| until_nul(&wide(text)))
}

fn properties(blob: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = blob;
    std::iter::from_fn(move || {
        let length = u32_at(rest, 8)? as usize;
        let data = rest.get(12..length.checked_add(12)?)?;
        let id = u32_at(rest, 0)?;
        rest = rest.get(12 + length..)?;
        Some((id, data))
    })
}
