//! Certificates as healthy hosts have them.

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::OffsetDateTime;

/// Public by design: it protects nothing.
const RSA_2048: &str = include_str!("rsa-2048.pem");

/// Makes certificates; keys are made once, because they take long and decide nothing.
pub struct Maker {
    rsa: KeyPair,
    ec: KeyPair,
    issuer: Issuer<'static, KeyPair>,
}

/// Contents of a certificate.
pub struct Wanted {
    pub subject: String,
    pub names: Vec<String>,
    pub from: OffsetDateTime,
    pub until: OffsetDateTime,
    pub rsa: bool,
    pub by_ca: bool,
}

impl Maker {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Corp Example Issuing CA");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self {
            rsa: KeyPair::from_pem(RSA_2048).unwrap(),
            ec: KeyPair::generate().unwrap(),
            issuer: Issuer::new(params, KeyPair::generate().unwrap()),
        }
    }

    /// Returns the chain, leaf first.
    pub fn chain(&self, wanted: &Wanted) -> Vec<Vec<u8>> {
        let mut params = CertificateParams::new(wanted.names.clone()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, wanted.subject.as_str());
        params.not_before = wanted.from;
        params.not_after = wanted.until;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];
        let key = if wanted.rsa { &self.rsa } else { &self.ec };
        let leaf = if wanted.by_ca { params.signed_by(key, &self.issuer) } else { params.self_signed(key) };
        vec![leaf.unwrap().der().to_vec()]
    }
}
