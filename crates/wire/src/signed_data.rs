//! CMS `SignedData` (RFC 5652): what a detached signature says, and who may have made it; and how one is written.
//!
//! Nothing here verifies or makes a signature, or trusts anybody.

use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use crate::bytes::{DecodeError, Reader};
use crate::der::{self, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};

/// The most bytes of a signature that we read.
pub const LIMIT: usize = 1024 * 1024;
/// The most certificates, signers and attributes that we read.
const COUNT_LIMIT: usize = 64;
/// The implicit tag `[0]` of an octet string.
const KEY_IDENTIFIER: u8 = 0x80;

/// `id-signedData`.
const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// `id-data`.
const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
/// `id-sha256`.
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// `rsaEncryption`: PKCS #1 v1.5 with the digest named beside it (RFC 3370 section 3.2).
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// `id-messageDigest`.
const MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04];

/// A signature with what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedData {
    /// The contents that were signed are not in it.
    pub detached: bool,
    /// The certificates that it carries, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Who signed.
    pub signers: Vec<SignerInfo>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerInfo {
    /// Which certificate is the signer's.
    pub identifier: SignerIdentifier,
    /// The digest algorithm, dotted.
    pub digest: String,
    /// The attributes that were signed instead of the content, as they were signed (RFC 5652 section 5.4).
    pub attributes: Option<Attributes>,
    /// The signature algorithm, dotted.
    pub algorithm: String,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Signed attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The encoded `SET` that the signature is over.
    pub encoded: Vec<u8>,
    /// `id-messageDigest`: the digest of the content.
    pub message_digest: Option<Vec<u8>>,
}

/// How a signer's certificate is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerIdentifier {
    /// By its issuer and serial number, both as they are encoded.
    IssuerAndSerial(Vec<u8>, Vec<u8>),
    /// By the identifier of its key.
    KeyIdentifier(Vec<u8>),
}

/// A signer's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm, dotted.
    pub algorithm: String,
    /// The curve, dotted, where the algorithm has one.
    pub curve: Option<String>,
    /// The contents of `subjectPublicKey`.
    pub bytes: Vec<u8>,
}

impl SignedData {
    /// Reads a `ContentInfo` that holds `SignedData`; what comes behind it is ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > LIMIT {
            return Err(DecodeError::TooLarge { what: "SignedData", size: bytes.len(), limit: LIMIT });
        }
        let mut info = der::expect(&mut Reader::new(bytes), SEQUENCE, "ContentInfo")?;
        let kind = der::expect(&mut info, OBJECT_IDENTIFIER, "contentType")?;
        if kind.rest() != SIGNED_DATA {
            return Err(DecodeError::Invalid { what: "contentType", at: 0, value: kind.rest().len() as u64 });
        }
        let mut content = der::expect(&mut info, der::context(0), "content")?;
        let mut data = der::expect(&mut content, SEQUENCE, "SignedData")?;
        der::integer(&mut data, "SignedData version")?;
        der::expect(&mut data, SET, "digestAlgorithms")?;
        let mut encapsulated = der::expect(&mut data, SEQUENCE, "encapContentInfo")?;
        der::expect(&mut encapsulated, OBJECT_IDENTIFIER, "eContentType")?;
        let detached = encapsulated.is_empty();
        let certificates = certificates(&mut data)?;
        if der::next_is(&data, der::context(1)) {
            der::expect(&mut data, der::context(1), "crls")?;
        }
        let signers = signers(&mut data)?;
        Ok(Self { detached, certificates, signers })
    }

    /// The certificate of a signer, if it is among those that came along.
    pub fn certificate_of(&self, signer: &SignerInfo) -> Option<&[u8]> {
        self.certificates.iter().map(Vec::as_slice).find(|der| is_of(der, &signer.identifier))
    }
}

/// Encodes a detached `SignedData` with one signer, whose RSA signature over SHA-256 of the content stands alone,
/// without signed attributes (RFC 5652 section 5.1). Returns `None` if the signer's certificate cannot be read.
pub fn encode_detached(signer: &[u8], chain: &[Vec<u8>], signature: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(signer).ok()?;
    let sequence = |parts: &[&[u8]]| der::encode(SEQUENCE, &parts.concat());
    let algorithm = |oid| sequence(&[&der::encode(OBJECT_IDENTIFIER, oid), &der::encode(NULL, &[])]);
    let serial = der::encode(INTEGER, parsed.raw_serial());
    let info = sequence(&[
        &der::encode_integer(1),
        &sequence(&[parsed.issuer().as_raw(), &serial]),
        &algorithm(SHA256),
        &algorithm(RSA),
        &der::encode(OCTET_STRING, signature),
    ]);
    // elements of a SET OF ascend in DER
    let mut certificates: Vec<&[u8]> = chain.iter().map(Vec::as_slice).chain([signer]).collect();
    certificates.sort_unstable();
    certificates.dedup();
    let data = sequence(&[
        &der::encode_integer(1),
        &der::encode(SET, &algorithm(SHA256)),
        &sequence(&[&der::encode(OBJECT_IDENTIFIER, DATA)]),
        &der::encode(der::context(0), &certificates.concat()),
        &der::encode(SET, &info),
    ]);
    Some(sequence(&[&der::encode(OBJECT_IDENTIFIER, SIGNED_DATA), &der::encode(der::context(0), &data)]))
}

fn certificates(data: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut certificates = Vec::new();
    if !der::next_is(data, der::context(0)) {
        return Ok(certificates);
    }
    let mut set = der::expect(data, der::context(0), "certificates")?;
    while !set.is_empty() && certificates.len() < COUNT_LIMIT {
        let (tag, _, whole) = der::element(&mut set, "certificate")?;
        // other choices are obsolete kinds of certificate, which no signer here has
        if tag == SEQUENCE {
            certificates.push(whole.to_vec());
        }
    }
    Ok(certificates)
}

fn signers(data: &mut Reader<'_>) -> Result<Vec<SignerInfo>, DecodeError> {
    let mut set = der::expect(data, SET, "signerInfos")?;
    let mut signers = Vec::new();
    while !set.is_empty() && signers.len() < COUNT_LIMIT {
        signers.push(signer(&mut set)?);
    }
    Ok(signers)
}

fn signer(set: &mut Reader<'_>) -> Result<SignerInfo, DecodeError> {
    let mut info = der::expect(set, SEQUENCE, "SignerInfo")?;
    der::integer(&mut info, "SignerInfo version")?;
    let identifier = identifier(&mut info)?;
    let digest = algorithm(&mut info, "digestAlgorithm")?;
    let attributes = if der::next_is(&info, der::context(0)) { Some(attributes(&mut info)?) } else { None };
    let algorithm = algorithm(&mut info, "signatureAlgorithm")?;
    let signature = der::expect(&mut info, OCTET_STRING, "signature")?.rest().to_vec();
    Ok(SignerInfo { identifier, digest, attributes, algorithm, signature })
}

fn identifier(info: &mut Reader<'_>) -> Result<SignerIdentifier, DecodeError> {
    if der::next_is(info, KEY_IDENTIFIER) {
        let key = der::expect(info, KEY_IDENTIFIER, "subjectKeyIdentifier")?;
        return Ok(SignerIdentifier::KeyIdentifier(key.rest().to_vec()));
    }
    let mut both = der::expect(info, SEQUENCE, "issuerAndSerialNumber")?;
    let (_, _, issuer) = der::element(&mut both, "issuer")?;
    let serial = der::expect(&mut both, INTEGER, "serialNumber")?;
    Ok(SignerIdentifier::IssuerAndSerial(issuer.to_vec(), serial.rest().to_vec()))
}

fn algorithm(info: &mut Reader<'_>, what: &'static str) -> Result<String, DecodeError> {
    let mut sequence = der::expect(info, SEQUENCE, what)?;
    let oid = der::expect(&mut sequence, OBJECT_IDENTIFIER, what)?;
    Ok(dotted(oid.rest()))
}

fn dotted(oid: &[u8]) -> String {
    Oid::new(oid.into()).to_id_string()
}

fn attributes(info: &mut Reader<'_>) -> Result<Attributes, DecodeError> {
    let (_, mut set, _) = der::element(info, "signedAttrs")?;
    // signed as a SET, sent with the implicit tag [0]
    let encoded = der::encode(SET, set.rest());
    let mut message_digest = None;
    for _ in 0..COUNT_LIMIT {
        if set.is_empty() {
            break;
        }
        let mut attribute = der::expect(&mut set, SEQUENCE, "Attribute")?;
        let kind = der::expect(&mut attribute, OBJECT_IDENTIFIER, "attrType")?;
        let mut values = der::expect(&mut attribute, SET, "attrValues")?;
        if kind.rest() == MESSAGE_DIGEST {
            message_digest = Some(der::expect(&mut values, OCTET_STRING, "messageDigest")?.rest().to_vec());
        }
    }
    Ok(Attributes { encoded, message_digest })
}

fn is_of(der: &[u8], identifier: &SignerIdentifier) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return false };
    match identifier {
        SignerIdentifier::IssuerAndSerial(issuer, serial) => {
            parsed.issuer().as_raw() == issuer.as_slice() && parsed.raw_serial() == serial.as_slice()
        }
        SignerIdentifier::KeyIdentifier(key) => parsed.extensions().iter().any(|extension| {
            matches!(extension.parsed_extension(),
                ParsedExtension::SubjectKeyIdentifier(known) if known.0 == key.as_slice())
        }),
    }
}

impl PublicKey {
    /// The key of a certificate; `None` if that cannot be read.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let key = parsed.public_key();
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
        Some(Self {
            algorithm: key.algorithm.algorithm.to_id_string(),
            curve,
            bytes: key.subject_public_key.data.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal one: no certificate, one signer named by its key.
    fn sample(attributes: &[u8]) -> Vec<u8> {
        let sequence = |parts: &[Vec<u8>]| der::encode(SEQUENCE, &parts.concat());
        let algorithm = || sequence(&[der::encode(OBJECT_IDENTIFIER, &[0x2A, 0x03])]);
        let signer = sequence(&[
            der::encode_integer(3),
            der::encode(KEY_IDENTIFIER, b"key"),
            algorithm(),
            attributes.to_vec(),
            algorithm(),
            der::encode(OCTET_STRING, b"signature"),
        ]);
        let data = sequence(&[
            der::encode_integer(3),
            der::encode(SET, &algorithm()),
            sequence(&[der::encode(OBJECT_IDENTIFIER, &[0x2A, 0x03])]),
            der::encode(SET, &signer),
        ]);
        sequence(&[der::encode(OBJECT_IDENTIFIER, SIGNED_DATA), der::encode(der::context(0), &data)])
    }

    #[test]
    fn a_signer_without_attributes_is_read() {
        let read = SignedData::decode(&sample(&[])).unwrap();
        assert!(read.detached && read.certificates.is_empty());
        let [signer] = read.signers.as_slice() else { panic!("{read:?}") };
        assert_eq!(signer.identifier, SignerIdentifier::KeyIdentifier(b"key".to_vec()));
        assert_eq!((signer.digest.as_str(), signer.signature.as_slice()), ("1.2.3", b"signature".as_slice()));
        assert_eq!((&signer.attributes, read.certificate_of(signer)), (&None, None));
    }

    #[test]
    fn attributes_are_signed_as_a_set() {
        let digest = der::encode(SET, &der::encode(OCTET_STRING, b"digest"));
        let attribute = [der::encode(OBJECT_IDENTIFIER, MESSAGE_DIGEST), digest].concat();
        let attribute = der::encode(SEQUENCE, &attribute);
        let read = SignedData::decode(&sample(&der::encode(der::context(0), &attribute))).unwrap();
        let attributes = read.signers[0].attributes.clone().unwrap();
        assert_eq!(attributes.encoded, der::encode(SET, &attribute));
        assert_eq!(attributes.message_digest.as_deref(), Some(b"digest".as_slice()));
    }

    #[test]
    fn other_content_and_cut_bytes_are_refused() {
        let whole = sample(&[]);
        for end in 0..whole.len() {
            assert!(SignedData::decode(&whole[..end]).is_err(), "{end}");
        }
        let mut other = whole;
        let kind = other.windows(9).position(|window| window == SIGNED_DATA).unwrap();
        other[kind + 8] = 1;
        assert!(SignedData::decode(&other).is_err());
        assert!(SignedData::decode(&vec![0; LIMIT + 1]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = SignedData::decode(&bytes);
            let _ = PublicKey::of(&bytes);
        }

        #[test]
        fn no_changed_byte_makes_it_panic(at in 0_usize..100, byte: u8) {
            let mut bytes = sample(&[]);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = SignedData::decode(&bytes);
        }
    }
}
