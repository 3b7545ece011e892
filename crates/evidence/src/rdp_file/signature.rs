//! Verifies the signature of a file.
//!
//! Microsoft has not published the format. This is inferred from public programs that make signatures which mstsc
//! accepts: `signscope:s:` lists names, separated by commas. Signed is, in UTF-16LE, the line of each of them in that
//! order and the line of `signscope` itself, each ended by CR LF, then one NUL. `signature:s:` is Base64, perhaps with
//! spaces in it, of a header of 12 bytes (0x00010001, 1, the length of the rest, all little endian) and of a detached
//! CMS `SignedData`. Where a name has several lines, both the first and the last are tried.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::signature::{self as ring_signature, UnparsedPublicKey, VerificationAlgorithm};
use wire::bytes::Reader;
use wire::certificate::Certificate;
use wire::signed_data::{PublicKey, SignedData, SignerInfo};

use super::settings::KNOWN;
use super::{BYTES_LIMIT, Line, RdpFile, utf16};
use super::{RdpSignature, Signer};
use crate::moment::rfc3339;
use crate::printable::printable;

/// First two numbers of the header, always these in every file seen.
pub(crate) const HEADER: (u32, u32) = (0x0001_0001, 1);
/// Most names in a scope.
const SCOPE_LIMIT: usize = 1000;

const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const SHA1: &str = "1.3.14.3.2.26";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const SHA512: &str = "2.16.840.1.101.3.4.2.3";

/// Judges the signature of a file.
pub(crate) fn verify(file: &RdpFile) -> RdpSignature {
    match (file.value("signature"), file.value("signscope")) {
        (None, None) => RdpSignature::Unsigned,
        (Some(_), None) => unverifiable("the file says nowhere what was signed (signscope)"),
        (None, Some(_)) => unverifiable("the signature itself is not in the file"),
        (Some(signature), Some(scope)) => {
            examine(file, signature, scope).unwrap_or_else(|why| RdpSignature::Unverifiable { why })
        }
    }
}

fn unverifiable(why: &str) -> RdpSignature {
    RdpSignature::Unverifiable { why: why.to_owned() }
}

fn examine(file: &RdpFile, signature: &str, scope: &str) -> Result<RdpSignature, String> {
    let names: Vec<&str> = scope.split(',').map(str::trim).filter(|name| !name.is_empty()).take(SCOPE_LIMIT).collect();
    if names.is_empty() {
        return Err("the list of signed settings (signscope) is empty".to_owned());
    }
    let key = SignerKey::of(&envelope(signature)?)?;
    let missing: Vec<String> =
        names.iter().filter(|name| file.lines_of(name).next().is_none()).map(|name| named(name)).collect();
    if !missing.is_empty() {
        return Ok(RdpSignature::Broken { missing });
    }
    let first = |lines: &[&Line], nth: usize| nth.min(lines.len().saturating_sub(1));
    let last = |lines: &[&Line], _| lines.len().saturating_sub(1);
    if key.verifies(&signed_text(file, &names, scope, first)?)?
        || key.verifies(&signed_text(file, &names, scope, last)?)?
    {
        return Ok(RdpSignature::Valid(Signer {
            scope: names.iter().map(|name| named(name)).collect(),
            outside: outside(file, &names),
            contradicted: contradicted(file, &names),
            ..key.signer
        }));
    }
    Ok(RdpSignature::Broken { missing })
}

/// Returns a name as reports show it.
fn named(name: &str) -> String {
    printable(&name.to_lowercase())
}

/// Decodes the `SignedData` in the value of `signature`.
fn envelope(signature: &str) -> Result<SignedData, String> {
    let text: String = signature.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(text).map_err(|_| "the signature is no Base64".to_owned())?;
    let mut reader = Reader::new(&bytes);
    let mut number = || reader.u32_le("header").map_err(|_| "the signature is cut off".to_owned());
    let (one, two, length) = (number()?, number()?, number()?);
    if (one, two) != HEADER {
        return Err(format!("its header is {one:#x}, {two:#x}, which is not known"));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let signed = reader.take(length, "signature").map_err(|_| "the signature is cut off".to_owned())?;
    SignedData::decode(signed).map_err(|error| format!("it is no CMS SignedData: {error}"))
}

/// Rebuilds the signed bytes: for each name in the scope the line whose number `pick` gives of its lines, at its n-th
/// mention. No file that anybody signs has more of them than a file may have, however often it names one long line.
fn signed_text(
    file: &RdpFile,
    names: &[&str],
    scope: &str,
    pick: impl Fn(&[&Line], usize) -> usize,
) -> Result<Vec<u8>, String> {
    let mut mentions: BTreeMap<String, (usize, Vec<&Line>)> = BTreeMap::new();
    let mut text = String::new();
    for name in names {
        let mention = mentions.entry(name.to_ascii_lowercase());
        let (nth, lines) = mention.or_insert_with(|| (0, file.lines_of(name).collect()));
        if let Some(line) = lines.get(pick(lines, *nth)) {
            text.push_str(line.text().trim());
            text.push_str("\r\n");
        }
        *nth += 1;
        if text.len() > BYTES_LIMIT {
            return Err(format!("what it claims to have signed has more than {BYTES_LIMIT} bytes"));
        }
    }
    text.push_str("signscope:s:");
    text.push_str(scope.trim());
    text.push_str("\r\n\0");
    Ok(utf16(&text))
}

/// Builds the bytes that a signature with this scope is over, in a file that has one line of each name.
pub(crate) fn signed_bytes(file: &RdpFile, scope: &str) -> Result<Vec<u8>, String> {
    let names: Vec<&str> = scope.split(',').collect();
    signed_text(file, &names, scope, |_, _| 0)
}

/// Lists settings of the file that decide about the connection and are not signed.
fn outside(file: &RdpFile, names: &[&str]) -> Vec<String> {
    let decides = KNOWN.iter().filter(|known| known.decides && file.lines_of(known.name).next().is_some());
    let unsigned = decides.filter(|known| !names.iter().any(|name| super::same_name(name, known.name)));
    unsigned.map(|known| known.name.to_owned()).collect()
}

/// Lists signed names whose lines have different values.
fn contradicted(file: &RdpFile, names: &[&str]) -> Vec<String> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for name in names.iter().filter(|name| seen.insert(name.to_ascii_lowercase())) {
        let lines: Vec<String> = file.lines_of(name).map(Line::text).collect();
        if lines.iter().any(|line| !line.eq_ignore_ascii_case(&lines[0])) {
            found.push(named(name));
        }
    }
    found
}

/// Signature with the key that must have made it.
struct SignerKey {
    info: SignerInfo,
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    signer: Signer,
}

impl SignerKey {
    fn of(data: &SignedData) -> Result<Self, String> {
        if !data.detached {
            return Err("the signature is not detached".to_owned());
        }
        let [info] = data.signers.as_slice() else {
            return Err(format!("it has {} signers, not one", data.signers.len()));
        };
        let der = data.certificate_of(info).ok_or("the signer's certificate is not in it")?;
        let (certificate, key) =
            Certificate::read(der).zip(PublicKey::of(der)).ok_or("the signer's certificate cannot be read")?;
        let algorithm = algorithm(info, &key, certificate.key_bits)?;
        let signer = Signer {
            subject: printable(&certificate.subject),
            issuer: printable(&certificate.issuer),
            not_before: rfc3339(certificate.not_before),
            not_after: rfc3339(certificate.not_after),
            scope: Vec::new(),
            outside: Vec::new(),
            contradicted: Vec::new(),
        };
        Ok(Self { info: info.clone(), algorithm, key: key.bytes, signer })
    }

    /// True if exactly this content was signed.
    fn verifies(&self, content: &[u8]) -> Result<bool, String> {
        let signed = match &self.info.attributes {
            None => content,
            Some(attributes) => {
                let digest = digest_of(&self.info.digest, content)?;
                if attributes.message_digest.as_deref() != Some(digest.as_ref()) {
                    return Ok(false);
                }
                &attributes.encoded
            }
        };
        Ok(UnparsedPublicKey::new(self.algorithm, &self.key).verify(signed, &self.info.signature).is_ok())
    }
}

fn digest_of(algorithm: &str, content: &[u8]) -> Result<digest::Digest, String> {
    let algorithm = match algorithm {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        other => return Err(format!("the digest algorithm {other} is not known")),
    };
    Ok(digest::digest(algorithm, content))
}

fn algorithm(info: &SignerInfo, key: &PublicKey, bits: usize) -> Result<&'static dyn VerificationAlgorithm, String> {
    let unknown = || {
        let curve = key.curve.as_deref().map(|curve| format!(" on {curve}")).unwrap_or_default();
        format!("keys of {}{curve} with the digest {} are not verified here", key.algorithm, info.digest)
    };
    if info.algorithm == RSA_PSS {
        return Err("signatures with RSA-PSS are not verified here".to_owned());
    }
    if key.algorithm == RSA && !(1024..=8192).contains(&bits) {
        return Err(format!("the signer's RSA key has {bits} bits"));
    }
    Ok(match (key.algorithm.as_str(), key.curve.as_deref(), info.digest.as_str()) {
        (RSA, _, SHA1) => &ring_signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (RSA, _, SHA256) => &ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (RSA, _, SHA512) => &ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (RSA, _, SHA384) if bits >= 2048 => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
        (EC, Some(P256), SHA256) => &ring_signature::ECDSA_P256_SHA256_ASN1,
        (EC, Some(P256), SHA384) => &ring_signature::ECDSA_P256_SHA384_ASN1,
        (EC, Some(P384), SHA256) => &ring_signature::ECDSA_P384_SHA256_ASN1,
        (EC, Some(P384), SHA384) => &ring_signature::ECDSA_P384_SHA384_ASN1,
        _ => return Err(unknown()),
    })
}
