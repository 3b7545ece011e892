//! What a client offers and refuses. "Mismatch" always means: with this client.

use serde::Deserialize;
use thiserror::Error;
use wire::tls::registry::{self, Codes, Registry};
use wire::tls::{Groups, HelloStyle, Signatures, Suites, TlsVersion};
use wire::x224::SecurityProtocols;

/// The default client.
pub const DEFAULT: &str = "mstsc-11";

/// The profiles that come with the program.
const SHIPPED: &[&str] = &[
    include_str!("../profiles/mstsc-11.toml"),
    include_str!("../profiles/mstsc-10.toml"),
    include_str!("../profiles/mstsc-7.toml"),
    include_str!("../profiles/mac.toml"),
    include_str!("../profiles/freerdp3.toml"),
];

/// A client as far as it decides whether a connection comes about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct ClientProfile {
    /// Its id, such as `mstsc-11`.
    pub id: String,
    /// What reports call it, such as "a current mstsc (Windows 11)".
    pub name: String,
    /// Where the facts come from, and how sure they are.
    pub sources: Vec<String>,
    /// `requestedProtocols`.
    pub protocols: SecurityProtocols,
    /// It goes on, with a warning, where a server only has Standard RDP Security.
    pub standard_security: bool,
    /// The oldest TLS version that it speaks.
    pub tls_min: TlsVersion,
    /// The newest TLS version that it speaks.
    pub tls_max: TlsVersion,
    /// The suites that it offers; all of them where that is not known.
    pub suites: Suites,
    /// The groups that it offers; those of a usual hello where that is not known.
    pub groups: Groups,
    /// The signature algorithms that it offers; those of a usual hello where that is not known.
    pub signatures: Signatures,
    /// Whose manner its hello follows.
    pub hello: HelloStyle,
    /// The shortest RSA key, in bits, that it accepts in a certificate; 0 where that is not known.
    pub least_rsa_bits: usize,
    /// What it does with a server that lacks the update for CVE-2018-0886.
    pub encryption_oracle: EncryptionOracle,
}

/// `AllowEncryptionOracle` of the client, or its lack of the update that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionOracle {
    /// 0: refuses servers without the update.
    ForceUpdated,
    /// 1: refuses servers without the update (the default since May 2018).
    Mitigated,
    /// 2: accepts them.
    Vulnerable,
    /// The client itself lacks the update: accepts them.
    Unpatched,
}

impl EncryptionOracle {
    /// True if such a client refuses a server whose `TSRequest` version is 4 or less.
    pub fn refuses_unpatched(self) -> bool {
        matches!(self, Self::ForceUpdated | Self::Mitigated)
    }
}

/// Why a profile could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// No profile of this name comes with the program.
    #[error("there is no client profile {name:?}; shipped are {known}, or name a file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The text is no profile.
    #[error("read client profile: {0}")]
    Invalid(String),
}

/// A profile as it is written: TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: String,
    #[serde(default)]
    sources: Vec<String>,
    protocols: Vec<String>,
    standard_security: bool,
    tls: WrittenTls,
    encryption_oracle: EncryptionOracle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTls {
    min: String,
    max: String,
    suites: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    signatures: Option<Vec<String>>,
    hello: Option<String>,
    #[serde(default)]
    least_rsa_bits: usize,
}

impl TryFrom<Written> for ClientProfile {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let joined = written.protocols.join("+");
        let protocols = match written.protocols.as_slice() {
            [] => SecurityProtocols::RDP,
            _ => SecurityProtocols::parse(&joined).ok_or(format!("protocols {joined:?} are not known"))?,
        };
        let version =
            |text: &str| TlsVersion::parse(text).ok_or(format!("TLS version {text:?} is not one of 1.0 to 1.3"));
        let (tls_min, tls_max) = (version(&written.tls.min)?, version(&written.tls.max)?);
        if tls_min > tls_max {
            return Err("tls.min is newer than tls.max".to_owned());
        }
        let suites = codes(written.tls.suites.as_deref(), "suite")?;
        let groups = codes(written.tls.groups.as_deref(), "group")?;
        let signatures = codes(written.tls.signatures.as_deref(), "signature algorithm")?;
        let style = |text: &str| HelloStyle::parse(text).ok_or(format!("the manner {text:?} of a hello is not known"));
        let hello = written.tls.hello.as_deref().map(style).transpose()?;
        Ok(Self {
            id: crate::printable::printable(&written.id),
            name: crate::printable::printable(&written.name),
            sources: written.sources,
            protocols,
            standard_security: written.standard_security,
            tls_min,
            tls_max,
            suites,
            groups,
            signatures,
            hello: hello.unwrap_or_default(),
            least_rsa_bits: written.tls.least_rsa_bits,
            encryption_oracle: written.encryption_oracle,
        })
    }
}

/// The numbers of registered names, or those of a usual hello if none are given.
fn codes<R: Registry>(names: Option<&[String]>, what: &str) -> Result<Codes<R>, String> {
    let Some(names) = names else { return Ok(Codes::USUAL) };
    names.iter().try_fold(Codes::NONE, |all, name| {
        let code = registry::code::<R>(name).ok_or_else(|| format!("the {what} {name:?} is not known"))?;
        Ok(all.with(code))
    })
}

impl ClientProfile {
    /// Reads a profile from TOML.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(|error| {
            ProfileError::Invalid(crate::printable::printable(&error.to_string().trim().replace('\n', " ")))
        })
    }

    /// The profiles that come with the program.
    pub fn shipped() -> Vec<Self> {
        SHIPPED.iter().map(|text| Self::parse(text).expect("a test reads every shipped profile")).collect()
    }

    /// The shipped profile of this id.
    pub fn find(id: &str) -> Result<Self, ProfileError> {
        let shipped = Self::shipped();
        let known = || shipped.iter().map(|profile| profile.id.clone()).collect::<Vec<_>>().join(", ");
        let found = shipped.iter().find(|profile| profile.id == id).cloned();
        found.ok_or_else(|| ProfileError::Unknown { name: id.to_owned(), known: known() })
    }

    /// True if it speaks this version.
    pub fn speaks(&self, version: TlsVersion) -> bool {
        (self.tls_min..=self.tls_max).contains(&version)
    }

    /// True if it offers this suite, as far as that is known.
    pub fn offers(&self, suite: u16) -> bool {
        self.suites == Suites::ALL || self.suites.contains(suite)
    }

    /// The versions that it speaks.
    pub fn versions(&self) -> impl Iterator<Item = TlsVersion> {
        let (min, max) = (self.tls_min, self.tls_max);
        TlsVersion::ALL.into_iter().filter(move |version| (min..=max).contains(version))
    }

    /// `TLS 1.2 and 1.3`, for sentences.
    pub fn versions_text(&self) -> String {
        let numbers: Vec<_> = self.versions().map(TlsVersion::number).collect();
        match numbers.as_slice() {
            [one] => format!("TLS {one}"),
            [start @ .., last] => format!("TLS {} and {last}", start.join(", ")),
            [] => "no TLS".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_is_complete() {
        let shipped = ClientProfile::shipped();
        assert_eq!(shipped.len(), SHIPPED.len());
        for profile in &shipped {
            assert!(!profile.sources.is_empty(), "{} has no source", profile.id);
            assert_ne!(profile.suites, Suites::ALL, "{} offers everything", profile.id);
            assert_eq!(ClientProfile::find(&profile.id).as_ref(), Ok(profile));
        }
        assert!(ClientProfile::find(DEFAULT).is_ok());
    }

    #[test]
    fn a_wrong_profile_is_refused_in_words() {
        let error = ClientProfile::find("mstsc-12").unwrap_err().to_string();
        assert!(error.contains("mstsc-11") && error.contains("mstsc-12"), "{error}");
        assert!(ClientProfile::parse("id = 1").is_err());
        let painted = ClientProfile::parse("id = \u{1b}[31m").unwrap_err().to_string();
        assert!(!painted.contains('\u{1b}'), "{painted:?}");
        let newer = SHIPPED[0].replace("min = \"1.2\"", "min = \"1.4\"");
        assert!(ClientProfile::parse(&newer).unwrap_err().to_string().contains("1.4"));
        let unknown = SHIPPED[0].replace("TLS_AES_256_GCM_SHA384", "TLS_NULL");
        assert!(ClientProfile::parse(&unknown).unwrap_err().to_string().contains("TLS_NULL"));
        let unknown = SHIPPED[0].replace("secp384r1", "secp999r1");
        assert!(ClientProfile::parse(&unknown).unwrap_err().to_string().contains("group \"secp999r1\""));
    }
}
