//! Publishers of `.rdp` files: a certificate, its key and its chain, from PEM or PFX.
//!
//! Nothing of a key leaves this file, and no error tells a byte of one.

use p12_keystore::Pkcs12Archive;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use thiserror::Error;
use time::OffsetDateTime;
use wire::certificate::{Certificate, EKU_REMOTE_DESKTOP, EKU_SERVER_AUTHENTICATION, public_key};
use wire::signed_data::encode_detached;

/// Most bytes of a file with a key or certificates.
pub const BYTES_LIMIT: usize = 1024 * 1024;
/// Most certificates that are taken of one file.
const CHAIN_LIMIT: usize = 16;
/// `id-kp-codeSigning`.
const EKU_CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// `anyExtendedKeyUsage`.
const EKU_ANY: &str = "2.5.29.37.0";

/// Reason why a publisher cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublisherError {
    /// No certificate in PEM or DER.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// No private key.
    #[error("there is no private key in it")]
    NoKey,
    /// More than one private key.
    #[error("there are {0} private keys in it: export the publisher's alone")]
    Keys(usize),
    /// An encrypted key, and no password was given.
    #[error("it is encrypted: give its password")]
    Password,
    /// The password is wrong, or the file is damaged.
    #[error("it does not open: the password is wrong, or the file is damaged")]
    Locked,
    /// More rounds or memory than a password takes that somebody made to be used.
    #[error(
        "it takes more rounds or memory to open than this program spends on it: write it anew with `openssl pkcs8 -topk8 \
         -in KEY -out NEW`"
    )]
    Effort,
    /// The old encryption of PEM keys, which derives its key by MD5.
    #[error("its key has the old encryption of PEM: write it anew with `openssl pkcs8 -topk8 -in KEY -out NEW`")]
    OldEncryption,
    /// No RSA key of 2048 to 4096 bits. For another kind nobody is known to have shown that mstsc takes it.
    #[error("its key is no RSA key of 2048 to 4096 bits")]
    Kind,
    /// No certificate has the public half of the key.
    #[error("none of the certificates belongs to the key")]
    OtherKey,
    /// Not valid at the time.
    #[error("the certificate is valid from {0} to {1}: clients would not accept the signature")]
    Dates(String, String),
    /// Usages, none of which is for this.
    #[error(
        "the certificate is for other uses: it needs server authentication, code signing or Remote Desktop \
         authentication (1.3.6.1.4.1.311.54.1.2)"
    )]
    Usage,
    /// The key could not sign.
    #[error("the key could not sign")]
    Sign,
}

/// Certificate, key and chain of who vouches for `.rdp` files.
pub struct Publisher {
    key: KeyPair,
    der: Vec<u8>,
    chain: Vec<Vec<u8>>,
    /// Facts of the certificate.
    pub certificate: Certificate,
}

impl Publisher {
    /// Reads a certificate, perhaps with its chain, and a key, both in PEM; the key may be encrypted (PKCS #8).
    pub fn from_pem(certificates: &[u8], key: &[u8], password: Option<&str>) -> Result<Self, PublisherError> {
        let sections = pem::parse_many(certificates).unwrap_or_default();
        let certificates = sections.into_iter().filter(|section| section.tag() == "CERTIFICATE");
        let certificates: Vec<Vec<u8>> = certificates.take(CHAIN_LIMIT).map(pem::Pem::into_contents).collect();
        if certificates.is_empty() {
            return Err(PublisherError::NoCertificate);
        }
        Self::of(pem_key(key, password)?, certificates)
    }

    /// Reads a PFX (PKCS #12) with one key and its certificate.
    pub fn from_pfx(bytes: &[u8], password: &str) -> Result<Self, PublisherError> {
        let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|_| PublisherError::Locked)?;
        let key = match archive.keys.as_slice() {
            [] => return Err(PublisherError::NoKey),
            [bag] => KeyPair::from_pkcs8(bag.key.as_der()).map_err(|_| PublisherError::Kind)?,
            several => return Err(PublisherError::Keys(several.len())),
        };
        let certificates = archive.certs.iter().take(CHAIN_LIMIT).map(|bag| bag.cert.as_der().to_vec());
        Self::of(key, certificates.collect())
    }

    fn of(key: KeyPair, mut chain: Vec<Vec<u8>>) -> Result<Self, PublisherError> {
        if chain.is_empty() {
            return Err(PublisherError::NoCertificate);
        }
        let own = |der: &Vec<u8>| public_key(der).is_some_and(|public| public == key.public_key().as_ref());
        let at = chain.iter().position(own).ok_or(PublisherError::OtherKey)?;
        let der = chain.swap_remove(at);
        let certificate = Certificate::read(&der).ok_or(PublisherError::NoCertificate)?;
        Ok(Self { key, der, chain, certificate })
    }

    /// Checks that clients can accept this publisher at a time, as far as its certificate says: its dates and uses.
    /// Whether they trust it is theirs to say.
    ///
    /// Source of the uses: Microsoft, About Digitally Signing RemoteApp Programs.
    pub fn check(&self, at: OffsetDateTime) -> Result<(), PublisherError> {
        let Certificate { not_before, not_after, usages, .. } = &self.certificate;
        if !(*not_before..=*not_after).contains(&at) {
            return Err(PublisherError::Dates(not_before.date().to_string(), not_after.date().to_string()));
        }
        let fit = [EKU_SERVER_AUTHENTICATION, EKU_REMOTE_DESKTOP, EKU_CODE_SIGNING, EKU_ANY];
        if usages.is_empty() || usages.iter().any(|usage| fit.contains(&usage.as_str())) {
            Ok(())
        } else {
            Err(PublisherError::Usage)
        }
    }

    /// Signs content: a detached CMS `SignedData` with the certificate and its chain.
    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, PublisherError> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content, &mut signature)
            .map_err(|_| PublisherError::Sign)?;
        encode_detached(&self.der, &self.chain, &signature).ok_or(PublisherError::Sign)
    }
}

/// True if bytes are a PFX and no PEM: they begin with a DER sequence.
pub fn is_pfx(bytes: &[u8]) -> bool {
    bytes.first() == Some(&wire::der::SEQUENCE)
}

/// True if one of the keys in a PEM is encrypted.
pub fn needs_password(pem: &[u8]) -> bool {
    pem::parse_many(pem).unwrap_or_default().iter().any(|section| section.tag() == "ENCRYPTED PRIVATE KEY")
}

/// Most rounds of PBKDF2, a few seconds of work; OpenSSL takes 2,048 by default.
const ROUNDS: u32 = 5_000_000;
/// Most bytes that scrypt may fill (RFC 7914 section 2), as many as OpenSSL fills by default.
const SCRYPT: u64 = 32 * 1024 * 1024;
/// Most passes of scrypt over them.
const PASSES: u16 = 16;

/// True if the key is opened within these limits: whoever made the file says how much work it takes.
fn bounded(scheme: &EncryptionScheme) -> bool {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return true };
    match &parameters.kdf {
        Kdf::Pbkdf2(rounds) => rounds.iteration_count <= ROUNDS,
        Kdf::Scrypt(scrypt) => {
            let bytes = u64::from(scrypt.block_size).saturating_mul(128).saturating_mul(scrypt.cost_parameter);
            bytes <= SCRYPT && scrypt.parallelization <= PASSES
        }
        _ => false,
    }
}

fn pem_key(text: &[u8], password: Option<&str>) -> Result<KeyPair, PublisherError> {
    let sections = pem::parse_many(text).unwrap_or_default();
    let keys: Vec<_> = sections.iter().filter(|section| section.tag().ends_with("PRIVATE KEY")).collect();
    let section = match keys.as_slice() {
        [] => return Err(PublisherError::NoKey),
        [section] => section,
        several => return Err(PublisherError::Keys(several.len())),
    };
    let kind = |_| PublisherError::Kind;
    match section.tag() {
        "PRIVATE KEY" => KeyPair::from_pkcs8(section.contents()).map_err(kind),
        "RSA PRIVATE KEY" if section.headers().get("DEK-Info").is_some() => Err(PublisherError::OldEncryption),
        "RSA PRIVATE KEY" => KeyPair::from_der(section.contents()).map_err(kind),
        "ENCRYPTED PRIVATE KEY" => {
            let locked =
                EncryptedPrivateKeyInfoRef::try_from(section.contents()).map_err(|_| PublisherError::Locked)?;
            if !bounded(&locked.encryption_algorithm) {
                return Err(PublisherError::Effort);
            }
            let open = locked.decrypt(password.ok_or(PublisherError::Password)?).map_err(|_| PublisherError::Locked)?;
            KeyPair::from_pkcs8(open.as_bytes()).map_err(kind)
        }
        _ => Err(PublisherError::Kind),
    }
}
