//! Client profiles: what a client offers and refuses. "Mismatch" always means: with this client.

use serde::Deserialize;
use thiserror::Error;
use wire::tls::registry::{self, Codes, Registry};
use wire::tls::{Groups, HelloStyle, Signatures, Suites, TlsVersion};
use wire::x224::SecurityProtocols;

/// Id of the default client.
pub const DEFAULT: &str = "mstsc-11";

/// Profiles that come with the program.
const SHIPPED: &[&str] = &[
    include_str!("../profiles/mstsc-11.toml"),
    include_str!("../profiles/mstsc-10.toml"),
    include_str!("../profiles/mstsc-7.toml"),
    include_str!("../profiles/mac.toml"),
    include_str!("../profiles/freerdp3.toml"),
];

/// A client, as far as it decides whether a connection succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct ClientProfile {
    /// Id, such as `mstsc-11`.
    pub id: String,
    /// Name in reports, such as "a current mstsc (Windows 11)".
    pub name: String,
    /// Sources of the facts, and how sure they are.
    pub sources: Vec<String>,
    /// `requestedProtocols`.
    pub protocols: SecurityProtocols,
    /// True if it goes on, with a warning, where a server only has Standard RDP Security.
    pub standard_security: bool,
    /// Oldest TLS version that it speaks.
    pub tls_min: TlsVersion,
    /// Newest TLS version that it speaks.
    pub tls_max: TlsVersion,
    /// Suites that it offers; all of them where that is not known.
    pub suites: Suites,
    /// Groups that it offers; those of a usual hello where that is not known.
    pub groups: Groups,
    /// Signature algorithms that it offers; those of a usual hello where that is not known.
    pub signatures: Signatures,
    /// Manner that its hello follows.
    pub hello: HelloStyle,
    /// True if it sends an IPv4 address that was typed as a server name, which RFC 6066 section 3 forbids.
    pub names_addresses: bool,
    /// Shortest RSA key, in bits, that it accepts in a certificate; 0 where that is not known.
    pub least_rsa_bits: usize,
    /// Whether it goes on where NTLM agrees to no key of 128 bits; `None` where that is not known.
    pub short_ntlm_keys: Option<bool>,
    /// Seconds that it waits for the answer to its first `TSRequest`; `None` where that is not known.
    pub credssp_seconds: Option<u64>,
    /// Treatment of a server that lacks the update for CVE-2018-0886.
    pub encryption_oracle: EncryptionOracle,
}

/// Origin of the profile that is judged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileSource {
    /// Nobody named one: [`DEFAULT`].
    Default,
    /// It was named.
    Option,
    /// It was changed by an `.rdp` file.
    RdpFile,
    /// It is of a client that was captured, or whose own registry was recorded.
    Evidence,
    /// It is of the computer that this program runs on, by its own registry.
    ThisComputer,
}

impl ProfileSource {
    /// Returns the word in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Option => "option",
            Self::RdpFile => "rdp-file",
            Self::Evidence => "evidence",
            Self::ThisComputer => "this-computer",
        }
    }
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

/// Reason why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// No profile of this name comes with the program.
    #[error("there is no client profile {name:?}; shipped are {known}, or name a file")]
    Unknown {
        /// Name that was asked for.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// The text is no profile.
    #[error("read client profile: {0}")]
    Invalid(String),
}

/// Profile as written in TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: String,
    #[serde(default)]
    sources: Vec<String>,
    protocols: Vec<String>,
    standard_security: bool,
    short_ntlm_keys: Option<bool>,
    credssp_seconds: Option<u64>,
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
    names_addresses: bool,
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
            names_addresses: written.tls.names_addresses,
            least_rsa_bits: written.tls.least_rsa_bits,
            short_ntlm_keys: written.short_ntlm_keys,
            credssp_seconds: written.credssp_seconds,
            encryption_oracle: written.encryption_oracle,
        })
    }
}

/// Looks up registered names; returns those of a usual hello if none are given.
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

    /// Returns the profiles that come with the program.
    pub fn shipped() -> Vec<Self> {
        SHIPPED.iter().map(|text| Self::parse(text).expect("a test reads every shipped profile")).collect()
    }

    /// Finds the shipped profile of this id.
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
        self.suites == Suites::USUAL || self.suites.contains(suite)
    }

    /// Iterates over the versions that it speaks.
    pub fn versions(&self) -> impl Iterator<Item = TlsVersion> {
        let (min, max) = (self.tls_min, self.tls_max);
        TlsVersion::ALL.into_iter().filter(move |version| (min..=max).contains(version))
    }

    /// Lists its versions for sentences: `TLS 1.2 and 1.3`.
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
            assert_ne!(profile.suites, Suites::USUAL, "{} offers everything", profile.id);
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
