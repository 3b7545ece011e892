//! Certificates in the stores of the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::redaction::Names;

use super::bounded;
use super::logs::LogSpan;
use super::thing::{Count, Section};
use crate::key_names::{self, CNG_PROVIDERS, LEGACY_PROVIDERS, OTHER_PROVIDERS, RDP_CONTAINER, is_cng};
use crate::places::{Part, ROOT};
use crate::redaction::{REDACTED, common_name, date, kept, one_of};

/// Certificate in a store of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredCertificate {
    /// `Remote Desktop`, `My` or, of the authorities that the machine itself trusts, `Root`.
    pub store: String,
    /// SHA-1 thumbprint, hexadecimal, lower case.
    pub sha1: String,
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// `notBefore`, RFC 3339, UTC.
    pub not_before: String,
    /// `notAfter`, RFC 3339, UTC.
    pub not_after: String,
    /// True if it has a private key; null where that is not known.
    pub has_key: Option<bool>,
    /// Container of the key.
    #[serde(default)]
    pub container: Option<String>,
    /// Provider of the key.
    #[serde(default)]
    pub provider: Option<String>,
    /// True if the container is the machine's, false if a user's; null where that is not known.
    #[serde(default)]
    pub machine_key: Option<bool>,
    /// `AT_KEYEXCHANGE` 1, `AT_SIGNATURE` 2, 0 for CNG.
    #[serde(default)]
    pub key_spec: Option<u32>,
    /// Extended key usages, as object identifiers.
    #[serde(default, deserialize_with = "bounded::parts")]
    pub usages: Vec<String>,
    /// Names that it is for: those of `subjectAltName`, else its common name; null where they were not read.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// `rsa`, `ec`, or the object identifier of the key's algorithm; null where that was not read.
    #[serde(default)]
    pub key_algorithm: Option<String>,
    /// Size of the key in bits; null where that was not read, 0 where it could not be told.
    #[serde(default)]
    pub key_bits: Option<u32>,
    /// Object identifier of its signature's algorithm; null where that was not read.
    #[serde(default)]
    pub signature_algorithm: Option<String>,
}

/// Object identifiers of algorithms.
const ALGORITHMS: &[&str] = &["1.2.840.113549.1.1.", "1.3.14.3.2.", "1.2.840.10045.4.", "1.2.840.10045.2.", "1.3.101."];
/// Object identifiers in general use: extended key usages of PKIX and Microsoft. Others may be an organisation's own.
const USAGES: &[&str] = &["1.3.6.1.5.5.7.3.", "2.5.29.37.", "1.3.6.1.4.1.311.10.3.", "1.3.6.1.4.1.311.20.2."];

impl Section for StoredCertificate {
    const FACT: &'static str = "store.certificate";
    const TITLE: &'static str = "certificates";
    const COUNT: Option<Count> = Some(Count::Things(["certificate", "certificates"]));

    fn renamed(&self, names: &mut Names, _: &[LogSpan]) -> Self {
        let StoredCertificate {
            store,
            sha1,
            subject,
            issuer,
            not_before,
            not_after,
            has_key,
            container,
            provider,
            machine_key,
            key_spec,
            usages,
            names: for_names,
            key_algorithm,
            key_bits,
            signature_algorithm,
        } = self;
        StoredCertificate {
            store: kept(&["Remote Desktop", "My"], store),
            sha1: names.thumbprint(sha1),
            subject: common_name(subject, names),
            issuer: common_name(issuer, names),
            not_before: date(not_before),
            not_after: date(not_after),
            has_key: *has_key,
            container: container.as_deref().map(|name| renamed_container(name, names)),
            provider: provider.as_deref().map(renamed_provider),
            machine_key: *machine_key,
            key_spec: *key_spec,
            usages: usages.iter().map(|usage| object_identifier(usage)).collect(),
            names: for_names.as_ref().map(|list| list.iter().map(|name| names.place(name)).collect()),
            key_algorithm: key_algorithm.as_deref().map(algorithm),
            key_bits: *key_bits,
            signature_algorithm: signature_algorithm.as_deref().map(algorithm),
        }
    }

    const TELLS_STORES: bool = true;

    fn about(&self, machine: Part, part: Part) -> bool {
        // authorities that a host trusts say nothing about those who connect to it
        machine == part && (part == Part::Client || self.store != ROOT)
    }
}

/// Renames a container that is not on every machine, like the digits in its file's name.
fn renamed_container(name: &str, names: &mut Names) -> String {
    let known = one_of(&[RDP_CONTAINER], name).or_else(|| name.is_empty().then(String::new));
    let pseudonym = |digits: String| names.key_name(&digits);
    known.or_else(|| key_names::key_digits(name).map(pseudonym)).unwrap_or_else(|| REDACTED.to_owned())
}

/// Keeps only the kind of a provider that does not come with Windows.
fn renamed_provider(name: &str) -> String {
    let known = one_of(LEGACY_PROVIDERS, name).or_else(|| one_of(OTHER_PROVIDERS, name));
    let other = || if is_cng(name) { format!("{REDACTED} {CNG_PROVIDERS}") } else { kept(&[], name) };
    known.unwrap_or_else(other)
}

/// `rsa`, `ec`, or an object identifier below those of PKCS #1, OIW, X9.62 and RFC 8410.
fn algorithm(name: &str) -> String {
    let last = ALGORITHMS.iter().find_map(|start| name.strip_prefix(start));
    let short = |last: &str| last.len() <= 3 && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if last.is_some_and(short) { name.to_owned() } else { kept(&["rsa", "ec"], name) }
}

fn object_identifier(usage: &str) -> String {
    let remote_desktop = wire::certificate::EKU_REMOTE_DESKTOP;
    let last = USAGES.iter().find_map(|start| usage.strip_prefix(start));
    let known = last.is_some_and(|last| last.len() <= 2 && last.bytes().all(|digit| digit.is_ascii_digit()));
    let microsoft = ["10.3.12", "20.2.2"].iter().any(|end| usage.strip_prefix("1.3.6.1.4.1.311.") == Some(end));
    if known || microsoft || usage == remote_desktop || usage == "2.5.29.37.0" {
        usage.to_owned()
    } else {
        REDACTED.to_owned()
    }
}
